"""Write Readings as text, JSON or CSV: one writer a format.

A writer takes a Reading and returns the lines to print of it, perhaps none.
"""

import csv
import io
import json
from typing import NamedTuple

from digits.reading.result import Digit, Reading, Sign
from digits.reading.segment import Box

COLUMNS = (
    "file",
    "page",
    "part",
    "row",
    "number",
    "confidence",
    "x",
    "y",
    "width",
    "height",
)  # of CSV


class Number(NamedTuple):
    """One number of a row: digits without a space between them.

    text: its digits, with leading zeros, and its signs if wanted; confidence: that of
    the least certain digit, 0 to 1; box: around all digits, in pixels of the file's
    upright picture; row: counted from 0 at the top.
    """

    text: str
    confidence: float
    box: Box
    row: int


def numbers(reading: Reading, signs: bool) -> list[Number]:
    """Return the numbers of a Reading, in reading order.

    signs: whether they belong to numbers (3.14) or part them (3, 14).
    """
    digits, found = iter(reading.digits), []
    for index, row in enumerate(reading.text if signs else reading.rows):
        for text in row.split():
            own = [next(digits) for character in text if character.isdigit()]
            if own:  # no sign alone
                least = min(digit.confidence for digit in own)
                found.append(Number(text, least, _around(own), index))
    return found


def _around(digits: list[Digit]) -> Box:
    """Return the box around the boxes of digits."""
    left = min(digit.box[0] for digit in digits)
    top = min(digit.box[1] for digit in digits)
    right = max(digit.box[0] + digit.box[2] for digit in digits)
    bottom = max(digit.box[1] + digit.box[3] for digit in digits)
    return left, top, right - left, bottom - top


def as_text(reading: Reading, signs: bool) -> list[str]:
    """Return a line for people; none of an error, which stderr tells.

    signs: whether to print them too.
    """
    return [] if reading.error else [reading.as_line(signs)]


def as_json(reading: Reading, top: int) -> list[str]:
    """Return a line of JSON, with the `top` guesses of each digit."""
    part = {"part": reading.part} if reading.part else {}
    if reading.error:
        page = {"page": reading.page} if reading.of_many else {}
        place = {"file": reading.file} | page | part
        return [json.dumps(place | {"error": reading.error})]
    digits = [
        {"digit": digit.digit}
        | _place(digit)
        | {"top": [[guess, round(p, 4)] for guess, p in digit.guesses(top)]}
        for digit in reading.digits
    ]
    return [
        json.dumps(
            {"file": reading.file, "page": reading.page}
            | part
            | {
                "rows": reading.rows,
                "text": reading.text,
                "turned": reading.turned,
                "digits": digits,
                "signs": [{"sign": sign.sign} | _place(sign) for sign in reading.signs],
            }
        )
    ]


def _place(mark: Digit | Sign):
    """Return what JSON says of a Digit or Sign, beside what it is."""
    confidence = round(mark.confidence, 4)
    return {"confidence": confidence, "box": mark.box, "row": mark.row}


def csv_header() -> str:
    """Return the first line of a CSV file."""
    return _csv_line(COLUMNS)


def as_csv(reading: Reading, signs: bool) -> list[str]:
    """Return a line for each number, and a line without one for a page that has none.

    Of an error there is none: stderr tells it. signs: as `numbers` takes it.
    """
    if reading.error:
        return []
    page = reading.file, reading.page, reading.part
    return [
        _csv_line([*page, n.row, n.text, round(n.confidence, 4), *n.box])
        for n in numbers(reading, signs)
    ] or [_csv_line([*page, *[""] * (len(COLUMNS) - len(page))])]


def _csv_line(values) -> str:
    buffer = io.StringIO()
    # With its own line end, it quotes values that hold one.
    csv.writer(buffer).writerow(values)
    return buffer.getvalue().removesuffix("\r\n")
