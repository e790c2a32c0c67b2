"""Keep corrected pictures: a folder of PNG files and labels.csv, as --own takes it."""

import csv
import io
from pathlib import Path

import cv2
import numpy as np

from digits import UserError, labels
from digits.terminal import files


def add(folder: Path, picture: np.ndarray, reading: str) -> int:
    """Add a picture (H, W, 3) uint8 BGR to a folder; return how many it holds then.

    reading: its digits, a space between numbers and / between rows; "" for none. Raises
    UserError if it is anything else, or the folder cannot be written.
    """
    if not labels.is_reading(reading):
        raise UserError("a reading has digits, spaces, and / between rows")
    rows = labels.read_table(folder)
    number = len(rows) + 1
    while (folder / f"{number:06d}.png").exists():  # never replace one
        number += 1
    name = f"{number:06d}.png"
    _, png = cv2.imencode(".png", picture)
    files.write_bytes(folder / name, png.tobytes())
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        [labels.COLUMNS, *rows, (name, reading)]
    )
    files.write_text(folder / labels.TABLE, text.getvalue())
    return len(rows) + 1
