"""What an image of a digit is: 28x28 pixels, uint8, 0 = paper, 255 = ink."""

import cv2
import numpy as np

SIZE = 28  # pixels of an image each way
SQUARE = np.ones((3, 3), np.uint8)  # a pixel and its neighbours


def stroke_width(ink: np.ndarray) -> float:
    """Return the width in pixels of the strokes of ink (H, W) uint8.

    It is twice the mean distance to paper along the strokes' middle lines.
    """
    _, solid = cv2.threshold(framed(ink, 1), 127, 1, cv2.THRESH_BINARY)
    distance = cv2.distanceTransform(solid, cv2.DIST_L2, 5)
    is_ridge = cv2.compare(distance, cv2.dilate(distance, SQUARE), cv2.CMP_GE)
    ridge = cv2.bitwise_and(solid, is_ridge)
    return max(0.0, 2 * cv2.mean(distance, mask=ridge)[0] - 1)


def framed(ink: np.ndarray, width: int) -> np.ndarray:
    """Return ink (H, W) uint8 with `width` pixels of paper on each side."""
    return cv2.copyMakeBorder(ink, width, width, width, width, cv2.BORDER_CONSTANT)


def upper_median(values: np.ndarray) -> float:
    """Return the upper median of values (N,); np.median would import 10 ms of NumPy."""
    return np.partition(values, len(values) // 2)[len(values) // 2]
