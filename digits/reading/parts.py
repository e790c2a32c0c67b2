"""Which parts of pictures are read: --crop and --fields."""

import csv
import io
from pathlib import Path

from digits import UserError
from digits.reading.decode import Part
from digits.terminal import files

LARGEST_FILE = 1 << 20  # bytes
FARTHEST = 1_000_000  # pixels: no picture is so large
COLUMNS = "name", "x", "y", "w", "h"


def crop(text: str) -> Part:
    """Return the Part that `text`, X,Y,W,H in pixels, stands for.

    Raises ValueError if it is none.
    """
    x, y, width, height = map(int, text.split(","))
    if min(x, y) < 0 or min(width, height) < 1 or max(x, y, width, height) > FARTHEST:
        raise ValueError(f"{text}: no part of a picture")
    return Part("", x, y, width, height)


def fields(path: str | Path) -> list[Part]:
    """Return the Parts in a CSV file with the columns name, x, y, w, h.

    x, y, w, h are shares of the page's width and height, 0 to 1. Raises UserError if
    the file cannot be read, has no fields, or one that is beyond the page or named
    twice.
    """
    try:
        text = files.read_bytes(path, LARGEST_FILE).decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: no CSV file in UTF-8") from error
    if not rows or not set(COLUMNS) <= rows[0].keys():
        raise UserError(f"{path}: has no rows with the columns {','.join(COLUMNS)}")
    found = [_field(path, number, row) for number, row in enumerate(rows, 2)]
    names = [part.name for part in found]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{path}: has two fields of the name {name}")
    return found


def _field(path, number, row):
    """Return the Part in a row of a CSV file; number: of its line."""
    name, *numbers = (row[column] for column in COLUMNS)
    try:
        x, y, width, height = map(float, numbers)
        is_inside = x >= 0 <= y and x + width <= 1 >= y + height
    except (TypeError, ValueError):
        is_inside, width, height = False, 0, 0
    if not (name and is_inside and width > 0 < height):
        raise UserError(
            f"{path}: line {number}: needs a name, and x, y, w and h from 0 to 1 that "
            "lie within the page"
        )
    return Part(name, x, y, width, height, in_shares=True)
