"""Find the digits and signs of a picture with the reader of pages.

The reader knows digits of certain heights, so a picture is searched in several sizes.
Of what is found at one place the surest counts (non-maximum suppression).
"""

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from digits.image import SQUARE
from digits.model.reader import (
    BORDER,
    CLASSES,
    DIGIT_HEIGHTS,
    LOG_SIZE,
    OFFSET,
    PRESENCE,
    STRIDE,
    TYPICAL,
    Reader,
)
from digits.reading.marks import Marks, distinct

LOW = 48  # pixels: a picture that is less high or wide is also enlarged …
ENLARGED = 2.0  # … so many times
LEAST_SIDE = 16  # pixels of the smallest size
LARGE = 500_000  # pixels: to save time, the size after a larger one is much smaller
LARGE_STEP = 0.5  # ratio of that size to the larger one
SIZES_PER_HALVING = 4  # other sizes until a picture is half as high
NARROWER = 0.85  # aspect of every other size: the reader knows few wide hands
THICKENED = 0.5  # width of the erosion before shrinking, in pixels of the smaller size
LEAST_PRESENCE = 0.05  # probability: what is less likely a mark is not considered
LARGEST_LOGARITHM = 4  # of a mark's size to TYPICAL: an answer beyond it is clipped


class Size(NamedTuple):
    """A size in which a picture is searched.

    scale: its height to the picture's; aspect: its width to the picture's, divided by
    scale.
    """

    scale: float
    aspect: float


def find(
    gray: np.ndarray, reader: Reader, sizes: Sequence[Size] | None = None
) -> Marks:
    """Return the Marks of a gray picture (H, W) uint8 with dark ink on light paper.

    sizes: in which it is searched, largest first, those of `sizes_of` unless given. The
    picture is not enlarged further where half of the digits found would be higher than
    any that the reader knows. The marks are in the order of `distinct`. Raises
    UserError as Reader.answers does.
    """
    found = []
    for size in reversed(sizes_of(gray.shape) if sizes is None else sizes):
        if size.scale > 1 and found:
            height = functools.reduce(Marks.joined, found).usual_height
            if height * size.scale > DIGIT_HEIGHTS[1]:
                break
        picture = resized(gray, *size)
        marks = _inside(peaks(reader.answers(picture), BORDER), picture.shape)
        ratio = np.divide(gray.shape, picture.shape)[::-1]
        boxes = marks.boxes * np.tile(ratio, 2).astype(np.float32)
        found.append(marks._replace(boxes=boxes))
    return distinct(functools.reduce(Marks.joined, found))


def sizes_of(shape: tuple[int, int]) -> list[Size]:
    """Return the Sizes in which a picture of `shape` is searched, largest first."""

    def is_searched(size):
        return size.scale >= 1 or size.scale * min(shape) >= LEAST_SIDE

    scale, large = ENLARGED if min(shape) < LOW else 1.0, []
    while scale**2 * math.prod(shape) > LARGE:
        large.append(Size(scale, 1.0))
        scale *= LARGE_STEP
    return large + list(itertools.takewhile(is_searched, sizes_from(scale)))


def sizes_from(scale: float) -> Iterator[Size]:
    """Yield Sizes without end, each 0.84 times as high as the one before.

    The first has that scale and an aspect of 1, every other one is narrower.
    """
    for number in itertools.count():
        aspect = NARROWER if number % 2 else 1.0
        yield Size(scale * 0.5 ** (number / SIZES_PER_HALVING), aspect)


def resized(gray: np.ndarray, scale: float, aspect: float = 1.0) -> np.ndarray:
    """Return a picture (H, W) uint8, dark ink on light paper, in a Size.

    Below a third of its height, strokes are thickened first, or hairlines would fade.
    """
    if scale == aspect == 1:
        return gray
    factors = scale * aspect, scale
    size = [
        max(1, round(side * factor))
        for side, factor in zip(gray.shape[::-1], factors, strict=True)
    ]
    thickened = [max(1, round(THICKENED / factor)) for factor in factors]
    if max(thickened) > 1:
        gray = cv2.erode(gray, np.ones(thickened[::-1], np.uint8))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(gray, size, interpolation=interpolation)


def peaks(answers: np.ndarray, border: int) -> Marks:
    """Return the Marks where presence is likelier than in the cells around.

    answers: (h, w, OUTPUTS) float32, as the reader gives them; border: how many pixels
    above and to the left of the picture the cells begin.
    """
    presence = answers[..., PRESENCE]
    least = np.log(LEAST_PRESENCE / (1 - LEAST_PRESENCE))
    is_peak = presence >= np.maximum(cv2.dilate(presence, SQUARE), least)
    y, x = np.nonzero(is_peak)
    cells = answers[y, x]
    middles = STRIDE * (np.column_stack([x, y]) + 0.5 + cells[:, OFFSET]) - border
    logarithms = np.clip(cells[:, LOG_SIZE], -LARGEST_LOGARITHM, LARGEST_LOGARITHM)
    sides = TYPICAL * np.exp(logarithms)
    logits = cells[:, CLASSES] - cells[:, CLASSES].max(axis=1, keepdims=True)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    boxes = np.column_stack([middles - sides / 2, sides]).astype(np.float32)
    return Marks(boxes, 1 / (1 + np.exp(-cells[:, PRESENCE])), probabilities)


def _inside(marks, shape):
    """Return the Marks whose middle is in a picture of `shape`, not in its border.

    Their boxes are cut off at the picture's edge.
    """
    inside = (marks.middles >= 0) & (marks.middles < shape[::-1])
    marks = marks.chosen(inside.all(axis=1))
    first, last = marks.boxes[:, :2], marks.boxes[:, :2] + marks.boxes[:, 2:]
    first, last = np.maximum(first, 0), np.minimum(last, shape[::-1])
    boxes = np.hstack([first, last - first]).astype(np.float32)
    return marks._replace(boxes=boxes)
