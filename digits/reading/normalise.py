"""Normalise a digit's ink as MNIST's digits were.

MNIST's digits were scaled into 20x20 pixels keeping their aspect ratio, then put into
28x28 with their centre of mass in the middle (LeCun et al., 1998, section III.A).
"""

import cv2
import numpy as np

from digits.image import SIZE, framed, stroke_width, upper_median

BOX = 20  # pixels of the box that a digit is scaled into
FINE = 4  # times BOX: the size at which thin strokes are thickened
STROKE = 2.2  # pixels: MNIST's strokes are rarely thinner


def normalise(ink: np.ndarray) -> np.ndarray:
    """Return a digit's ink (H, W) uint8 as an MNIST image, (28, 28) uint8.

    An MNIST image comes back unchanged.
    """
    if is_mnist_image(ink):
        return ink
    fine = thicken(scaled_into(ink, FINE * BOX))
    return centred(evened(scaled_into(fine, BOX)))


def is_mnist_image(ink: np.ndarray) -> bool:
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


def centre_of_mass(ink: np.ndarray) -> tuple[float, float]:
    """Return (x, y) of the mass of ink (H, W), uint8 or float32, that is not all 0."""
    # OpenCV takes two columns of float32 for a list of points.
    moments = cv2.moments(ink.astype(np.float64))
    return moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]


def scaled_into(ink: np.ndarray, side: int) -> np.ndarray:
    """Return ink, or a picture, scaled so that its longer side is `side` pixels."""
    scale = side / max(ink.shape[:2])
    size = [max(1, round(length * scale)) for length in ink.shape[1::-1]]
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(ink, size, interpolation=interpolation)


def thicken(ink: np.ndarray) -> np.ndarray:
    """Return ink, (H, W) within FINE * BOX, with strokes at least as wide as MNIST's.

    Hairlines would otherwise vanish when they are scaled down.
    """
    missing = FINE * STROKE - stroke_width(ink)
    if missing < 1:
        return ink
    radius = round(missing / 2)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
    return cv2.dilate(framed(ink, radius), disc)


def evened(small: np.ndarray) -> np.ndarray:
    """Return ink (H, W) uint8 as float32, 0 to 255, its strokes' median at 255.

    MNIST's strokes are as black where the pen was pressed less.
    """
    strokes = small[small > small.max() / 3]
    if not len(strokes):
        return small.astype(np.float32)
    return np.minimum(small * np.float32(255 / upper_median(strokes)), 255)


def centred(small: np.ndarray) -> np.ndarray:
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
