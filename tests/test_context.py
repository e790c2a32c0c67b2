import numpy as np
import pytest

from digits.model.reader import MARKS
from digits.reading.context import in_context
from digits.reading.marks import Marks


def marks_of(text, one):
    """Return Marks beside each other; one: the probability that a sign is a 1."""
    boxes = [(30 * index, 10, 20, 30) for index in range(len(text))]
    probabilities = np.eye(len(MARKS), dtype=np.float32)[[*map(MARKS.index, text)]]
    signs = [not mark.isdigit() for mark in text]
    probabilities[signs] *= 1 - one
    probabilities[signs, 1] = one
    return Marks(
        np.array(boxes, np.float32), np.full(len(text), 0.9, np.float32), probabilities
    )


def text_of(marks):
    return "".join(MARKS[label] for label in marks.labels)


@pytest.mark.parametrize(
    ("text", "one", "read"),
    [
        ("/25", 0.2, "125"),
        (")25", 0.2, "125"),
        ("/25", 0.01, "/25"),
        ("2/5", 0.2, "2/5"),
        ("-25", 0.2, "-25"),
        ("(25", 0.2, "(25"),
        ("/-5", 0.2, "/-5"),
        ("//5", 0.2, "//5"),
        ("5/", 0.2, "5/"),
        ("/", 0.2, "/"),
    ],
)
def test_no_number_begins_with_a_slash(text, one, read):
    marks = marks_of(text, one)
    found = in_context(marks)
    assert text_of(found) == read
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, rtol=1e-5)
    assert text_of(marks) == text  # unchanged


def test_nothing_is_nothing():
    empty = Marks(
        np.empty((0, 4), np.float32),
        np.empty(0, np.float32),
        np.empty((0, len(MARKS)), np.float32),
    )
    assert not len(in_context(empty).boxes)


def test_unlikely_marks_have_no_place():
    marks = marks_of("//5", 0.2)
    marks = marks._replace(presence=np.array([0.1, 0.9, 0.9], np.float32))
    assert text_of(in_context(marks)) == "/15"
