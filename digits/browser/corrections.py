"""Keep corrected pictures: a folder of PNG files and labels.csv, as --own takes it."""

import csv
import io
import re
from pathlib import Path

import cv2
import numpy as np

from digits import UserError
from digits.terminal import files

LABELS = "labels.csv"
COLUMNS = "file", "reading"
LONGEST = 1000  # characters of a reading
READING = re.compile(r"[0-9]+( [0-9]+)*(/[0-9]+( [0-9]+)*)*|")


def read(folder: Path) -> list[tuple[str, str]]:
    """Return the (file, reading) rows of a folder's labels.csv, [] if there is none.

    Raises UserError if it cannot be read.
    """
    path = folder / LABELS
    try:
        text = path.read_text(encoding="utf-8")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        return [(row["file"], row["reading"]) for row in rows]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read; move it away") from error


def add(folder: Path, picture: np.ndarray, reading: str) -> int:
    """Add a picture (H, W, 3) uint8 BGR to a folder; return how many it holds then.

    reading: its digits, a space between numbers and / between rows; "" for none. Raises
    UserError if it is anything else, or the folder cannot be written.
    """
    if len(reading) > LONGEST or not READING.fullmatch(reading):
        raise UserError("a reading has digits, spaces, and / between rows")
    rows = read(folder)
    number = len(rows) + 1
    while (folder / f"{number:06d}.png").exists():  # never replace one
        number += 1
    name = f"{number:06d}.png"
    _, png = cv2.imencode(".png", picture)
    files.write_bytes(folder / name, png.tobytes())
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows, (name, reading)])
    files.write_text(folder / LABELS, text.getvalue())
    return len(rows) + 1
