import csv
import io
import json

import numpy as np
import pytest

from digits.reading import formats
from digits.reading.result import Digit, Reading, Sign


def digit(label, x, row, confidence=0.9):
    probabilities = np.full(10, (1 - confidence) / 9, np.float32)
    probabilities[label] = confidence
    return Digit(label, confidence, (x, 10 + 40 * row, 8, 20), row, probabilities)


@pytest.fixture
def reading():
    """007 and 42 in a row, 3.1 in the next."""
    places = [(0, 0), (0, 10), (7, 20), (4, 60), (2, 70)]
    digits = [digit(label, x, 0) for label, x in places]
    digits[1] = digit(0, 10, 0, confidence=0.75)
    digits += [digit(3, 0, 1), digit(1, 20, 1)]
    return Reading(
        "form, old.png",
        digits=digits,
        signs=[Sign(".", 0.8, (10, 66, 3, 3), 1)],
        rows=["007 42", "3 1"],
        text=["007 42", "3.1"],
        page=2,
        of_many=True,
    )


def test_numbers_keep_leading_zeros(reading):
    first_row = [("007", 0.75, (0, 10, 28, 20), 0), ("42", 0.9, (60, 10, 18, 20), 0)]
    assert formats.numbers(reading, signs=False) == [
        *first_row,
        ("3", 0.9, (0, 50, 8, 20), 1),
        ("1", 0.9, (20, 50, 8, 20), 1),
    ]
    with_signs = [*first_row, ("3.1", 0.9, (0, 50, 28, 20), 1)]
    assert formats.numbers(reading, signs=True) == with_signs
    reading = reading._replace(text=["007 - 42", "3.1 ="])  # no sign alone is a number
    assert formats.numbers(reading, signs=True) == with_signs


def test_csv_has_a_row_for_each_number(reading):
    lines = [formats.csv_header(), *formats.as_csv(reading, signs=True)]
    rows = list(csv.DictReader(lines))
    assert [row["number"] for row in rows] == ["007", "42", "3.1"]
    assert rows[0] == {
        "file": "form, old.png",
        "page": "2",
        "part": "",
        "row": "0",
        "number": "007",
        "confidence": "0.75",
        "x": "0",
        "y": "10",
        "width": "28",
        "height": "20",
    }


def test_csv_quotes_line_ends():
    found = Reading("a\nb.png", part="x\ry")
    lines = [formats.csv_header(), *formats.as_csv(found, signs=False)]
    (row,) = csv.DictReader(io.StringIO("\n".join(lines), newline=""))
    assert (row["file"], row["part"]) == ("a\nb.png", "x\ry")


def test_csv_has_a_row_of_a_page_without_a_number():
    (line,) = formats.as_csv(Reading("blank.png"), signs=False)
    assert line == "blank.png,1,,,,,,,,"
    failed = Reading("gone.png", error="no such file")
    assert formats.as_csv(failed, signs=False) == []


def test_text(reading):
    assert formats.as_text(reading, signs=False) == [
        "form, old.png[2]: 007 42 3 1 (75.0 %)"
    ]
    (line,) = formats.as_text(reading, signs=True)
    assert line == "form, old.png[2]: 007 42 3.1 (75.0 %)"
    assert formats.as_text(Reading("gone.png", error="gone"), signs=False) == []


def test_json_names_the_part_where_there_is_one(reading):
    (whole,) = formats.as_json(reading, 3)
    (part,) = formats.as_json(reading._replace(part="total"), 3)
    assert "part" not in json.loads(whole)
    assert json.loads(part) == json.loads(whole) | {"part": "total"}
    (error,) = formats.as_json(Reading("a.tif", error="damaged", part="total"), 3)
    expected = {"file": "a.tif", "part": "total", "error": "damaged"}
    assert json.loads(error) == expected
