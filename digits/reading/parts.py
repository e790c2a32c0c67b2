"""Which parts of pictures are read: --crop and --fields."""

import argparse
from pathlib import Path

from digits import UserError
from digits.reading.decode import Part
from digits.terminal import table

LARGEST_FILE = 1 << 20  # bytes
FARTHEST = 1_000_000  # pixels: no picture is so large
COLUMNS = "name", "x", "y", "w", "h"


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
        is_inside = x >= 0 <= y and x + width <= 1 >= y + height
    except ValueError:
        is_inside, width, height = False, 0, 0
    if not (name and is_inside and width > 0 < height):
        raise UserError(
            f"{path}: line {number}: needs a name, and x, y, w and h from 0 to 1 that "
            "lie within the page"
        )
    return Part(name, x, y, width, height, in_shares=True)
