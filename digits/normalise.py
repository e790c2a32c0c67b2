"""A digit's ink, as MNIST would have drawn it.

MNIST's digits were scaled into 20x20 pixels keeping their aspect ratio, then put into
28x28 with their centre of mass in the middle (LeCun et al., 1998, section III.A).
"""

import cv2
import numpy as np

SIZE = 28  # pixels of an MNIST image each way
BOX = 20  # pixels of the box that a digit is scaled into
FINE = 4  # times BOX: the size at which thin strokes are thickened
SQUARE = np.ones((3, 3), np.uint8)  # a pixel and its neighbours
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
    if ink.shape != (SIZE, SIZE):
        return False
    _, _, width, height = cv2.boundingRect(ink)
    if max(width, height) != BOX:
        return False
    x, y = centre_of_mass(ink)
    return max(abs(x - (SIZE - 1) / 2), abs(y - (SIZE - 1) / 2)) <= 1


def centre_of_mass(ink):
    """Return (x, y) of the mass of ink (H, W), uint8 or float32, that is not all 0."""
    # OpenCV takes two columns of float32 for a list of points.
    moments = cv2.moments(np.float64(ink))
    return moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]


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
    _, solid = cv2.threshold(framed(ink, 1), 127, 1, cv2.THRESH_BINARY)
    distance = cv2.distanceTransform(solid, cv2.DIST_L2, 5)
    ridge = solid & cv2.compare(distance, cv2.dilate(distance, SQUARE), cv2.CMP_GE)
    return max(0.0, 2 * cv2.mean(distance, mask=ridge)[0] - 1)


def framed(ink, width):
    """Return ink (H, W) uint8 with `width` pixels of paper on each side."""
    return cv2.copyMakeBorder(ink, *[width] * 4, cv2.BORDER_CONSTANT)


def thicken(ink):
    """Return ink, (H, W) within FINE * BOX, with strokes at least as wide as MNIST's.

    Hairlines would otherwise vanish when they are scaled down.
    """
    missing = FINE * STROKE - stroke_width(ink)
    if missing < 1:
        return ink
    radius = round(missing / 2)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
    return cv2.dilate(framed(ink, radius), disc)


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
    image = np.zeros((SIZE, SIZE), np.uint8)
    if not small.any():
        return image
    height, width = small.shape
    x, y = centre_of_mass(small)
    left = min(max(round((SIZE - 1) / 2 - x), 0), SIZE - width)
    top = min(max(round((SIZE - 1) / 2 - y), 0), SIZE - height)
    image[top : top + height, left : left + width] = np.rint(small)
    return image
