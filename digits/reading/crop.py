"""Cut what the reader found out of a picture, as an image for the digit networks."""

import math

import cv2
import numpy as np

from digits.image import SIZE
from digits.reading.normalise import BOX

LEAST_CONTRAST = 8  # of 255: what differs less from the paper is not made blacker
PAPER, INK = 60, 3  # percentiles of a crop's pixels: most are paper, few are ink
MARGIN = 2  # pixels beyond a window from which its outermost ones are interpolated


def crop(gray: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return the image (28, 28) uint8 of a box in a gray picture (H, W) uint8.

    box: x, y, width, height in pixels, its middle in the picture. As in MNIST its
    longer side becomes BOX pixels; what stands around it is there too. Paper becomes 0
    and ink 255.
    """
    x, y, width, height = (float(length) for length in box)
    side = max(width, height, 1) * SIZE / BOX
    return blackened(window(gray, x + width / 2, y + height / 2, side))


def window(gray: np.ndarray, x: float, y: float, side: float) -> np.ndarray:
    """Return a square of a gray picture (H, W) uint8 about x, y, as (28, 28) uint8.

    side: of the square in pixels. Beyond the picture is paper, as bright as most of the
    square: were its border to go on, ink that touches it would grow.
    """
    left, top = x - side / 2, y - side / 2
    # OpenCV takes no picture of 32,767 pixels or more each way.
    first_x, first_y = (max(0, math.floor(edge) - MARGIN) for edge in (left, top))
    last_x, last_y = (math.ceil(edge + side) + MARGIN for edge in (left, top))
    part = gray[first_y:last_y, first_x:last_x]
    fine = SIZE * math.ceil(side / SIZE)  # so large that no pixel is passed over
    step = side / fine
    # To OpenCV the middle of a first pixel is 0, and to us its outer edge.
    start_x, start_y = (
        edge - first + step / 2 - 0.5
        for edge, first in ((left, first_x), (top, first_y))
    )
    square = cv2.warpAffine(
        part,
        np.array([[step, 0, start_x], [0, step, start_y]]),
        (fine, fine),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=float(np.percentile(part, PAPER)),
    )
    return cv2.resize(square, (SIZE, SIZE), interpolation=cv2.INTER_AREA)


def blackened(image: np.ndarray) -> np.ndarray:
    """Return a gray image (H, W) uint8, dark on light, as ink: 0 paper, 255 ink."""
    ink, paper = np.percentile(image, [INK, PAPER])
    share = (paper - image) / max(paper - ink, LEAST_CONTRAST)
    return (255 * np.clip(share, 0, 1)).astype(np.uint8)
