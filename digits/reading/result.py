"""What is read on a page: digits, signs, rows, or why it could not be read."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from digits.reading.segment import Box


class Digit(NamedTuple):
    """One digit of a page.

    digit: 0 to 9; confidence: its probability, 0 to 1; box: (x, y, width, height) in
    pixels of the file's upright picture; row: counted from 0 at the top; probabilities:
    (10,) float32 of each digit.
    """

    digit: int
    confidence: float
    box: Box
    row: int
    probabilities: np.ndarray

    def guesses(self, count: int) -> list[tuple[int, float]]:
        """Return the likeliest digits, the best first: [(digit, probability)]."""
        order = (-self.probabilities).argsort()[:count]
        return [(int(guess), float(self.probabilities[guess])) for guess in order]


class Sign(NamedTuple):
    """One of digits.model.reader.SIGNS; the rest as of a Digit."""

    sign: str
    confidence: float
    box: Box
    row: int


def percent(probability: float) -> str:
    """Return a probability, 0 to 1, in per cent, rounded down: 0.9999 gives 99.9."""
    return f"{math.floor(1000 * probability) / 10:.1f}"


class Reading(NamedTuple):
    """What a page shows in reading order, or the error that kept it unread.

    rows: of digits, top to bottom, with a space between two numbers and where a sign
    stands: ['22 11', '3 14']; text: the same with the signs: ['22/11', '3.14']; page:
    counted from 1, and of_many: whether the file has others; part: the name of the
    parts.Part that was read, and origin: its left upper corner, x and y; turned:
    degrees by which the picture was turned clockwise to be upright; picture: (H, W, 3)
    uint8 BGR as it was read, upright, or None; scale: the width of a pixel of
    `picture`, in pixels of the file's; unsure: boxes of what may be digits, but is left
    out, in pixels of `picture`.
    """

    file: str
    digits: Sequence[Digit] = ()
    signs: Sequence[Sign] = ()
    rows: Sequence[str] = ()
    text: Sequence[str] = ()
    error: str | None = None
    page: int = 1
    of_many: bool = False
    part: str = ""
    origin: tuple[int, int] = (0, 0)
    turned: int = 0
    picture: np.ndarray | None = None
    scale: float = 1.0
    unsure: Sequence[Sequence[float]] = ()

    @property
    def name(self) -> str:
        """The file, its page where it is one of many, its part: scan.tif[2]: date."""
        page = f"[{self.page}]" if self.of_many else ""
        part = f": {self.part}" if self.part else ""
        return f"{self.file}{page}{part}"

    def box_in_picture(self, box: Box) -> np.ndarray:
        """Return a box of a Digit or Sign, (4,), in pixels of `picture`."""
        return (np.array(box) - (*self.origin, 0, 0)) / self.scale

    def as_line(self, signs: bool = False) -> str:
        """Return a line of text: the name, the rows, the least confidence of a digit.

        signs: whether to print them too.
        """
        if not self.digits:
            return f"{self.name}: no digit"
        least = min(digit.confidence for digit in self.digits)
        rows = " ".join(self.text if signs else self.rows)
        return f"{self.name}: {rows} ({percent(least)} %)"
