"""Keep corrected pictures: a folder of PNG files and labels.csv, as --own takes it."""

import csv
import io
from pathlib import Path

import cv2
import numpy as np

from digits import UserError, labels
from digits.terminal import files, table


def add(folder: Path, picture: np.ndarray, reading: str) -> int:
    """Add a picture (H, W, 3) uint8 BGR to a folder; return how many it holds then.

    reading: its digits, a space between numbers and / between rows; "" for none. Raises
    UserError if it is anything else, or the folder cannot be written.
    """
    if not labels.is_reading(reading):
        raise UserError(labels.NO_READING)
    number = count = 1 + len(labels.read_table(folder))
    while (folder / f"{number:06d}.png").exists():  # never replace one
        number += 1
    path = folder / f"{number:06d}.png"
    _, png = cv2.imencode(".png", picture)
    files.write_bytes(path, png.tobytes())
    try:
        _append(folder / labels.TABLE, {"file": path.name, "reading": reading})
    except (UserError, OSError):
        path.unlink()  # no row names it
        raise
    return count


def _append(path, row):
    """Add a row to a CSV file, which may have other columns too."""
    text = path.read_text(encoding="utf-8-sig") if path.exists() else ""
    columns = table.parsed(text).fieldnames or labels.COLUMNS
    added = io.StringIO()
    writer = csv.DictWriter(added, columns, restval="", lineterminator="\n")
    if not text:
        writer.writeheader()
    writer.writerow(row)
    if text and not text.endswith("\n"):
        text += "\n"
    files.write_text(path, text + added.getvalue())
