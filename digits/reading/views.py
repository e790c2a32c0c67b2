"""The ways in which a picture may be meant: as it is, light on dark, or turned.

The first one counts, unless its digits are unsure, and another one's are sure and make
more sense.
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import cv2
import numpy as np

from digits.model.reader import Reader
from digits.reading.find import find, sizes_from, sizes_of
from digits.reading.ink import coarse, extract_ink, is_light_on_dark
from digits.reading.marks import Marks
from digits.reading.segment import segment

TURNS = {
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}  # by their degrees
GOOD = 0.9  # mean confidence of marks from which no other view is tried …
SUPERIOR = 1.3  # … and of digits of another one; it makes so much more sense
LARGEST = 27  # pixels: height to which turned digits are scaled; the reader knows 28
TURNED_SIZES = 3  # in which turned digits are searched
LEAST_TURNED = 2  # digits: a single one, as a 6 or a 1, does not tell what is up


class View(NamedTuple):
    """Marks of a picture that was turned clockwise by some degrees first.

    turned: 0, 90, 180 or 270; their boxes are in pixels of the turned picture.
    """

    marks: Marks
    turned: int = 0

    @property
    def digit_confidences(self) -> np.ndarray:
        """The confidences of the digits that are read, (N,) float32."""
        return self.marks.confidences[self.marks.are_likely_digits]

    @property
    def is_sure(self) -> bool:
        """Whether digits are there, and what is there is surely told on average.

        Upside down some digits are as sure as upright, but others are no digit at all.
        """
        confidences = self.marks.likely.confidences
        return len(self.digit_confidences) > 0 and bool(confidences.mean() >= GOOD)

    @property
    def sense(self) -> float:
        """How much sense it makes: its digits, each by how sure it is."""
        return float((2 * self.digit_confidences - 1).sum())


def best_view(picture: np.ndarray, reader: Reader, may_be_turned: bool = True) -> View:
    """Return the first View of a picture (H, W, 3) uint8 BGR, or a better one.

    Another one must be sure of its digits and make SUPERIOR times as much sense.
    may_be_turned: whether turned ones are tried. Raises UserError as `find` does.
    """
    candidates = views(picture, reader, TURNS if may_be_turned else {})
    first = next(candidates)
    if first.is_sure:
        return first
    best = max(candidates, key=lambda view: view.sense, default=first)
    confidences = best.digit_confidences
    digits_are_sure = len(confidences) > 0 and confidences.mean() >= GOOD
    is_better = digits_are_sure and best.sense > SUPERIOR * first.sense
    return best if is_better else first


def views(
    picture: np.ndarray, reader: Reader, turns: Mapping[int, int] = TURNS
) -> Iterator[View]:
    """Yield the Views of a picture (H, W, 3) uint8 BGR, the likeliest first.

    It is the only one where there is neither a mark nor ink.
    """
    gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    if is_light_on_dark(coarse(picture)):
        gray = 255 - gray
    first = View(find(gray, reader))
    yield first
    sides = first.marks.likely.boxes[:, 2:]
    if len(sides) < LEAST_TURNED:  # digits on their side may look like nothing
        ink = extract_ink(picture)
        if not (len(sides) or ink.any()):
            return
        sides = np.array([region.box[2:] for region in segment(ink)])
    yield View(find(255 - gray, reader))
    if len(sides) < LEAST_TURNED:
        return
    # A digit that lies on its side is as wide as it is high when upright.
    height = max(float(np.median(sides.max(axis=1))), 1.0)
    scale = min(LARGEST / height, sizes_of(gray.shape)[0].scale)
    sizes = list(itertools.islice(sizes_from(scale), TURNED_SIZES))
    for degrees, code in turns.items():
        view = View(find(cv2.rotate(gray, code), reader, sizes), degrees)
        if len(view.digit_confidences) >= LEAST_TURNED:
            yield view


def turned(picture: np.ndarray, degrees: int) -> np.ndarray:
    """Return a picture turned clockwise by 0, 90, 180 or 270 degrees."""
    return cv2.rotate(picture, TURNS[degrees]) if degrees else picture
