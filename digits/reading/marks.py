"""What may be digits and signs, and which of them rule others out."""

import functools
from typing import NamedTuple

import numpy as np

from digits.model.classifier import DIGITS

LIKELY = 0.5  # probability from which a mark is rather there than not
SAME = 0.45  # intersection over union of boxes that show one mark
WITHIN = 0.7  # share of the smaller box's area: it lies within the other one
LEAST_SIGN = 0.35  # times the digits' height: a sign's sides count as at least this
LARGER = 1.15  # ratio of areas from which a digit may be a part of another one …
AS_SURE = 0.8  # … that is at least so sure, times its own confidence


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
    def usual_height(self) -> float:
        """The median height of the likely digits in pixels, 0 without any."""
        heights = self.boxes[self.are_likely_digits, 3]
        return float(np.median(heights)) if len(heights) else 0.0

    @property
    def likely(self) -> "Marks":
        """Those, digits and signs, that are rather there than not."""
        return self.chosen(self.presence >= LIKELY)

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


def distinct(marks: Marks) -> Marks:
    """Return Marks without those that others rule out: likely digits, then all else.

    Each kind is sorted by confidence. These are ruled out in turn:

    1. A likely digit within a larger likely one that is nearly as sure: it is a part of
       that, as a 9's loop is. (A frame that looks like a 0 is much less sure.)
    2. Of two marks at the same place, the less sure one. Signs count as larger than
       they are there: one point or dash is found in several sizes of a picture, a few
       pixels apart, where its own boxes hardly overlap.
    3. Of two digits or two signs, one within the other, the one that comes later, and a
       sign within a digit that comes before it. A digit within a sign's box stays: a
       slash leans over its neighbours.
    """
    marks = marks.chosen(np.argsort(-marks.confidences, kind="stable"))
    marks = marks.chosen(~_are_parts(marks))
    marks = marks.chosen(_without(_enlarged(marks), _are_same))
    marks = marks.chosen(np.argsort(~marks.are_likely_digits, kind="stable"))
    # `are_digits` is computed once here: texture gives millions of pairs.
    are_one = functools.partial(_are_one, marks.are_digits)
    return marks.chosen(_without(_enlarged(marks), are_one))


def _enlarged(marks):
    """Return the boxes (N, 4) of marks, with sides of signs of LEAST_SIGN at least."""
    sides = marks.boxes[:, 2:]
    enlarged = np.maximum(sides, LEAST_SIGN * marks.usual_height)
    sides = np.where(marks.are_digits[:, None], sides, enlarged)
    return np.hstack([marks.middles - sides / 2, sides])


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
