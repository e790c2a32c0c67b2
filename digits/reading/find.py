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
from digits.model.classifier import DIGITS
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

LOW = 48  # pixels: a picture that is less high or wide is also enlarged
LEAST_SIDE = 16  # pixels of the smallest size
LARGE = 500_000  # pixels: to save time, the size after a larger one is much smaller
LARGE_STEP = 0.5  # ratio of that size to the larger one
SIZES_PER_HALVING = 4  # other sizes until a picture is half as high
NARROWER = 0.85  # aspect of every other size: the reader knows few wide hands
THICKENED = 0.5  # width of the erosion before shrinking, in pixels of the smaller size
LEAST_PRESENCE = 0.05  # probability: what is less likely a mark is not considered
LIKELY = 0.5  # probability from which a mark is rather there than not
SAME = 0.45  # intersection over union of boxes that show one mark
WITHIN = 0.7  # share of the smaller box's area: it lies within the other one
LARGER = 1.15  # ratio of areas from which a digit may be a part of another one …
AS_SURE = 0.8  # … that is at least so sure, times its own confidence
LARGEST_LOGARITHM = 4  # of a mark's size to TYPICAL: an answer beyond it is clipped


class Size(NamedTuple):
    """A size in which a picture is searched.

    scale: its height to the picture's; aspect: its width to the picture's, divided by
    scale.
    """

    scale: float
    aspect: float


class Marks(NamedTuple):
    """What may be digits and signs, N of them.

    boxes: (N, 4) float32, x, y, width, height in pixels of the picture; presence: (N,)
    float32, the probability that one is there; probabilities: (N, len(MARKS)) float32,
    of which it is.
    """

    boxes: np.ndarray
    presence: np.ndarray
    probabilities: np.ndarray

    @property
    def labels(self) -> np.ndarray:
        """The likeliest classes, (N,) int: indices of MARKS."""
        return self.probabilities.argmax(axis=1)

    @property
    def confidences(self) -> np.ndarray:
        """The probabilities, (N,) float32, that a mark is there and of that class."""
        return self.presence * self.probabilities.max(axis=1)

    @property
    def are_digits(self) -> np.ndarray:
        """Whether digits are likeliest, (N,) bool; else signs are."""
        return self.labels < len(DIGITS)

    @property
    def are_likely_digits(self) -> np.ndarray:
        """Whether they are rather digits, and of their class, than not, (N,) bool."""
        return self.are_digits & (self.confidences >= LIKELY)

    @property
    def digit_probabilities(self) -> np.ndarray:
        """The probability of each digit, (N, 10) float32."""
        return self.presence[:, None] * self.probabilities[:, : len(DIGITS)]

    @property
    def middles(self) -> np.ndarray:
        """The middles of the boxes, (N, 2) float32, x and y."""
        return self.boxes[:, :2] + self.boxes[:, 2:] / 2

    def chosen(self, indices: np.ndarray) -> "Marks":
        """Return the marks of some indices, or where a mask (N,) is true."""
        return Marks(*(array[indices] for array in self))

    def joined(self, other: "Marks") -> "Marks":
        """Return these marks and then others."""
        return Marks(*map(np.concatenate, zip(self, other, strict=True)))


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
        if size.scale > 1 and _usual_height(found) * size.scale > DIGIT_HEIGHTS[1]:
            break
        picture = resized(gray, *size)
        marks = _inside(peaks(reader.answers(picture), BORDER), picture.shape)
        ratio = np.divide(gray.shape, picture.shape)[::-1]
        boxes = marks.boxes * np.tile(ratio, 2).astype(np.float32)
        found.append(marks._replace(boxes=boxes))
    return distinct(functools.reduce(Marks.joined, found))


def _usual_height(found):
    """Return the median height of the likely digits in a list of Marks, 0 without."""
    heights = [marks.boxes[marks.are_likely_digits, 3] for marks in found]
    return float(np.median(np.concatenate(heights))) if any(map(len, heights)) else 0.0


def sizes_of(shape: tuple[int, int]) -> list[Size]:
    """Return the Sizes in which a picture of `shape` is searched, largest first."""

    def is_searched(size):
        return size.scale >= 1 or size.scale * min(shape) >= LEAST_SIDE

    scale, large = 2.0 if min(shape) < LOW else 1.0, []
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


def distinct(marks: Marks) -> Marks:
    """Return Marks without those that others rule out: likely digits, then all else.

    Each kind is sorted by confidence. These are ruled out in turn:

    1. A likely digit within a larger likely one that is nearly as sure: it is a part of
       that, as a 9's loop is. (A frame that looks like a 0 is much less sure.)
    2. Of two marks at the same place, the less sure one.
    3. Of two digits or two signs, one within the other, the one that comes later, and a
       sign within a digit that comes before it. A digit within a sign's box stays: a
       slash leans over its neighbours.
    """
    marks = marks.chosen(np.argsort(-marks.confidences, kind="stable"))
    marks = marks.chosen(~_are_parts(marks))
    marks = marks.chosen(_without(marks.boxes, _are_same))
    marks = marks.chosen(np.argsort(~marks.are_likely_digits, kind="stable"))
    # `are_digits` is computed once here: texture gives millions of pairs.
    are_one = functools.partial(_are_one, marks.are_digits)
    return marks.chosen(_without(marks.boxes, are_one))


def _are_parts(marks):
    """Return whether marks are likely digits that are parts of larger ones, (N,)."""
    likely = np.flatnonzero(marks.are_likely_digits)
    digits, are_parts = marks.chosen(likely), np.zeros(len(marks.boxes), bool)
    labels, confidences = digits.labels, digits.confidences
    for whole, box in enumerate(digits.boxes):
        both, area, areas = overlaps(box, digits.boxes)
        are_within = (both > WITHIN * areas) & (area > LARGER * areas)
        is_sure = confidences[whole] >= AS_SURE * confidences
        are_others = labels != labels[whole]
        are_parts[likely[are_within & is_sure & are_others]] = True
    return are_parts


def _without(boxes, rules_out):
    """Return the indices of boxes (N, 4) that none before them rules out."""
    remaining, kept = np.arange(len(boxes)), []
    while len(remaining):
        first, others = remaining[0], remaining[1:]
        kept.append(first)
        remaining = others[~rules_out(boxes, first, others)]
    return np.array(kept, int)


def _are_same(boxes, first, others):
    both, area, areas = overlaps(boxes[first], boxes[others])
    return both > SAME * (area + areas - both)


def _are_one(are_digits, boxes, first, others):
    both, area, areas = overlaps(boxes[first], boxes[others])
    is_within = both > WITHIN * np.minimum(area, areas)
    alike = are_digits[others] == are_digits[first]
    is_part = are_digits[first] & (areas < area)
    return is_within & (alike | is_part)


def overlaps(
    box: np.ndarray, boxes: np.ndarray
) -> tuple[np.ndarray, np.floating, np.ndarray]:
    """Return the areas that boxes (N, 4) share with a box (4,), its own, and theirs."""
    sides = np.minimum(box[:2] + box[2:], boxes[:, :2] + boxes[:, 2:])
    sides = np.clip(sides - np.maximum(box[:2], boxes[:, :2]), 0, None)
    return sides.prod(axis=1), box[2:].prod(), boxes[:, 2:].prod(axis=1)
