"""Which parts of pictures are read: --crop and --fields."""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np

from digits import UserError
from digits.terminal import table

LARGEST_FILE = 1 << 20  # bytes
FARTHEST = 1_000_000  # pixels: no picture is so large
COLUMNS = "name", "x", "y", "w", "h"


class Part(NamedTuple):
    """A part of each picture that is read alone; name: "" where it is the only one.

    x, y, width, height: of the upright picture, in pixels, or in shares of its width
    and height if `in_shares`.
    """

    name: str
    x: float
    y: float
    width: float
    height: float
    in_shares: bool = False

    def cut(self, picture: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
        """Return this part of a picture (H, W, 3), and its left upper corner, x and y.

        Raises UserError where the part reaches beyond the picture.
        """
        height, width = picture.shape[:2]
        unit = np.array([width, height]) if self.in_shares else np.ones(2)
        first = np.rint(unit * (self.x, self.y)).astype(int)
        last = np.rint(unit * (self.x + self.width, self.y + self.height)).astype(int)
        if (first < 0).any() or (last > (width, height)).any():
            raise UserError(f"the part reaches beyond its {width}x{height} pixels")
        (left, top), (right, bottom) = first.tolist(), last.tolist()
        return picture[top:bottom, left:right], (left, top)


WHOLE = (Part("", 0, 0, 1, 1, in_shares=True),)


def crop(text: str) -> Part:
    """Return the Part that `text`, X,Y,W,H in pixels, stands for.

    Raises argparse.ArgumentTypeError if it is none.
    """
    try:
        x, y, width, height = map(int, text.split(","))
    except ValueError:
        x, y, width, height = 0, 0, 0, 0
    if min(x, y) < 0 or min(width, height) < 1 or max(x, y, width, height) > FARTHEST:
        raise argparse.ArgumentTypeError(
            f"{text}: give X,Y,W,H in whole pixels, X and Y from 0, W and H from 1"
        )
    return Part("", x, y, width, height)


def fields(path: str | Path) -> list[Part]:
    """Return the Parts in a CSV file with the columns name, x, y, w, h.

    x, y, w, h are shares of the page's width and height, 0 to 1. Raises UserError if
    the file cannot be read, has no fields, or one that is beyond the page or named
    twice.
    """
    rows = table.read(path, COLUMNS, LARGEST_FILE)
    if not rows:
        raise UserError(f"{path}: names no fields")
    found = [_field(path, number, row) for number, row in rows]
    names = set()
    for part in found:
        if part.name in names:
            raise UserError(f"{path}: has two fields of the name {part.name}")
        names.add(part.name)
    return found


def _field(path, number, row):
    """Return the Part in a row of a CSV file; number: of its line."""
    name, *numbers = (row[column] for column in COLUMNS)
    try:
        x, y, width, height = map(float, numbers)
        is_inside = x >= 0 and y >= 0 and x + width <= 1 and y + height <= 1
    except ValueError:
        is_inside, width, height = False, 0, 0
    if not (name and is_inside and width > 0 and height > 0):
        raise UserError(
            f"{path}: line {number}: needs a name, and x, y, w and h from 0 to 1 that "
            "lie within the page"
        )
    return Part(name, x, y, width, height, in_shares=True)
