"""Pictures of one's own and what they show, as --own takes them.

A folder holds either folders 0 to 9 of pictures of one digit each, or pictures and a
labels.csv with the columns file and reading. A reading is of digits, with a space
between two numbers and / between rows: 22 11/314. It is empty where there is no digit.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from digits import UserError
from digits.model.classifier import DIGITS
from digits.terminal import table

TABLE = "labels.csv"
COLUMNS = "file", "reading"
LARGEST = 4 << 20  # bytes of labels.csv: some hundred thousand pictures
LONGEST = 1000  # characters of a reading
NO_READING = (  # a message
    f"a reading has digits, spaces, and / between rows, {LONGEST} characters at most"
)
READING = re.compile(r"[0-9]+( [0-9]+)*(/[0-9]+( [0-9]+)*)*|")


class Labelled(NamedTuple):
    """The path of a picture, and its reading."""

    path: Path
    reading: str


def is_reading(text: str) -> bool:
    """Tell whether a text is a reading."""
    return len(text) <= LONGEST and bool(READING.fullmatch(text))


def read(folder: str | Path) -> list[Labelled]:
    """Return the pictures of a folder, in the order of their names or of labels.csv.

    Raises UserError where it holds none, labels.csv cannot be read, or a line of that
    has no reading.
    """
    folder = Path(folder)
    labelled = [
        Labelled(folder / file, reading) for file, reading in read_table(folder)
    ]
    labelled = labelled or _read_folders(folder)
    if not labelled:
        raise UserError(
            f"{folder}: neither {TABLE} nor folders 0 to 9 of pictures are there"
        )
    for path, reading in labelled:
        if not is_reading(reading):
            raise UserError(f"{folder / TABLE}: {path.name}: {NO_READING}")
    return labelled


def _read_folders(folder):
    try:
        return [
            Labelled(folder / digit / name, digit)
            for digit in DIGITS
            if (folder / digit).is_dir()
            for name in sorted(os.listdir(folder / digit))
            if not name.startswith(".")
        ]
    except OSError as error:
        raise UserError(f"{folder}: cannot be read: {error.strerror}") from error


def read_table(folder: Path) -> list[tuple[str, str]]:
    """Return the (file, reading) rows of a folder's labels.csv, [] if there is none.

    Raises UserError if it cannot be read.
    """
    path = folder / TABLE
    if not os.path.lexists(path):
        return []
    return [(row["file"], row["reading"]) for row in rows_of(path)]


def rows_of(path: str | Path, columns: Sequence[str] = COLUMNS) -> list[dict]:
    """Return the rows of a labels.csv, {column: cell}, each of which names a file.

    columns: those that it must have. Raises UserError if it cannot be read.
    """
    rows = table.read(path, columns, LARGEST)
    for number, row in rows:
        if not row["file"]:
            raise UserError(f"{path}: line {number} names no file")
    return [row for _, row in rows]
