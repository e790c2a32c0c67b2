"""A digit's ink, as MNIST would have drawn it.

MNIST's digits were scaled into 20x20 pixels keeping their aspect ratio, then put into
28x28 with their centre of mass in the middle (LeCun et al., 1998, section III.A).
"""

import cv2
import numpy as np

SIZE = 28  # pixels of an MNIST image each way
BOX = 20  # pixels of the box that a digit is scaled into
FINE = 4  # times BOX: the size at which thin strokes are thickened
STROKE = 2.2  # pixels: MNIST's strokes are rarely thinner


def normalise(ink):
    """Return a digit's ink (H, W) uint8 as an MNIST image, (28, 28) uint8.

    An MNIST image comes back unchanged.
    """
    if is_mnist_image(ink):
        return ink
    fine = thicken(scaled_into(ink, FINE * BOX))
    return centred(evened(scaled_into(fine, BOX)))


def is_mnist_image(ink):
    """Tell whether ink (H, W) uint8 is as MNIST's images are.

    They are 28x28, with a longer side of 20, and their centre of mass is in the middle.
    """
    if ink.shape != (SIZE, SIZE) or not ink.any():
        return False
    _, _, width, height = cv2.boundingRect(ink)
    moments = cv2.moments(ink)
    middle = np.array([moments["m10"], moments["m01"]]) / moments["m00"]
    off_centre = np.abs(middle - (SIZE - 1) / 2).max()
    return max(width, height) == BOX and off_centre <= 1


def scaled_into(ink, side):
    """Return ink scaled so that its longer side is `side` pixels, anti-aliased."""
    scale = side / max(ink.shape[:2])
    size = [max(1, round(length * scale)) for length in ink.shape[1::-1]]
    shrinks = scale < 1
    return cv2.resize(
        ink, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )


def stroke_width(ink):
    """Return the width in pixels of the strokes of ink (H, W) uint8.

    It is twice the mean distance to paper along the strokes' middle lines.
    """
    solid = np.pad(np.uint8(ink >= 128), 1)
    distance = cv2.distanceTransform(solid, cv2.DIST_L2, 5)
    ridge = (distance >= cv2.dilate(distance, np.ones((3, 3)))) & (distance > 0)
    return 2 * float(distance[ridge].mean()) - 1 if ridge.any() else 0.0


def thicken(ink):
    """Return ink, (H, W) within FINE * BOX, with strokes at least as wide as MNIST's.

    Hairlines would otherwise vanish when they are scaled down.
    """
    missing = FINE * STROKE - stroke_width(ink)
    if missing < 1:
        return ink
    radius = round(missing / 2)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
    return cv2.dilate(np.pad(ink, radius), disc)


def evened(small):
    """Return ink (H, W) uint8 as float32 with the middle of its strokes at 255.

    MNIST's strokes are as black where the pen was pressed less.
    """
    strokes = small[small > small.max() / 3]
    if not len(strokes):
        return small.astype(np.float32)
    return np.minimum(small * np.float32(255 / upper_median(strokes)), 255)


def upper_median(values):
    """Return the upper median of values (N,); np.median would import 10 ms of NumPy."""
    return np.partition(values, len(values) // 2)[len(values) // 2]


def centred(small):
    """Return ink of 20x20 at most in (28, 28) uint8, centred by its mass."""
    height, width = small.shape
    total = small.sum()
    if not total:
        return np.zeros((SIZE, SIZE), np.uint8)
    x = float(small.sum(axis=0) @ np.arange(width)) / total
    y = float(small.sum(axis=1) @ np.arange(height)) / total
    left = int(np.clip(round((SIZE - 1) / 2 - x), 0, SIZE - width))
    top = int(np.clip(round((SIZE - 1) / 2 - y), 0, SIZE - height))
    image = np.zeros((SIZE, SIZE), np.uint8)
    image[top : top + height, left : left + width] = np.rint(small)
    return image
