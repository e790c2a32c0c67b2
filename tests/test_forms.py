import cv2
import numpy as np
import pytest

from digits.reading.normalise import normalise
from digits.synthesis.forms import DIGITS, SIGNS
from digits.synthesis.strokes import draw, parse, smooth

SIZE = 80  # pixels of the box's height, drawn with a pen of 8: a tenth, as MNIST's
PEN = 8


def drawn(form):
    """Return the ink (H, W) uint8 of a form."""
    curves = [SIZE * smooth(points) for points in parse(form)]
    points = np.concatenate(curves)
    corner = points.min(axis=0) - PEN
    width, height = np.ceil(points.max(axis=0) - corner + PEN).astype(int)
    ink = np.zeros((height, width), np.uint8)
    for curve in curves:
        draw(ink, curve - corner, PEN)
    x, y, width, height = cv2.boundingRect(ink)
    return ink[y : y + height, x : x + width]


def extent(form):
    """Return (left, top), (right, bottom) of a form's points, in its own units."""
    points = 100 * np.concatenate(parse(form))
    return points.min(axis=0), points.max(axis=0)


def test_every_digit_and_sign_is_there():
    assert list(DIGITS) == list("0123456789")
    assert set(SIGNS) == {*".,-+/:=()", "\N{MULTIPLICATION SIGN}", "\N{DIVISION SIGN}"}
    assert min(len(forms) for forms in DIGITS.values()) >= 10
    assert min(len(forms) for forms in SIGNS.values()) >= 4


@pytest.mark.parametrize("label", [*DIGITS, *SIGNS])
def test_forms_are_strokes_and_differ(label):
    forms = {**DIGITS, **SIGNS}[label]
    assert len({tuple(form) for form in forms}) == len(forms)
    for form in forms:
        assert form
        for points in parse(form):
            assert points.ndim == 2, form
            assert len(points) >= 2, form
            assert points.shape[1] == 2, form


@pytest.mark.parametrize("label", DIGITS)
def test_digits_stand_on_the_line(label):
    least, widest = (45, 140) if label == "0" else (75, 120)  # zeros may lie
    for form in DIGITS[label]:
        (left, top), (right, bottom) = extent(form)
        assert least <= bottom - top <= 145, form
        assert top >= -15, form
        assert 92 <= bottom <= 125, form
        assert -5 <= left <= 10, form
        assert right - left <= widest, form


@pytest.mark.parametrize(
    "sign, highest, lowest",
    [(".", 90, 104), (",", 84, 125), ("-", 40, 62), ("/", -16, 111), ("=", 30, 70)],
)
def test_signs_lie_where_they_are_written(sign, highest, lowest):
    for form in SIGNS[sign]:
        (_, top), (_, bottom) = extent(form)
        assert top >= highest, form
        assert bottom <= lowest, form


def test_shipped_classifier_reads_most_forms(shipped):
    """It reads 159 of 168; the others are six square ones, two carets, a slashed 0."""
    labels = [int(label) for label, forms in DIGITS.items() for _ in forms]
    images = [normalise(drawn(form)) for forms in DIGITS.values() for form in forms]
    found = shipped.probabilities(np.stack(images)).argmax(axis=1)
    assert np.mean(found == labels) >= 0.9
