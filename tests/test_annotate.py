import cv2
import numpy as np
import pytest

from conftest import ROOT
from digits.reading import annotate as module
from digits.reading.annotate import CARD_HEIGHT, GREEN, HEADROOM, TILE, annotate
from digits.reading.pipeline import Digit, Reading, read_pictures


def digit(number, box, confidence=0.9):
    """Return a Digit whose image is gray, its value ten times the digit."""
    probabilities = np.full(11, 0.001, np.float32)
    probabilities[number] = confidence
    image = np.full((28, 28), 10 * number, np.uint8)
    return Digit(number, confidence, box, 0, probabilities, image)


def reading(shape, *digits, scale=1.0):
    picture = np.full((*shape, 3), 200, np.uint8)
    return Reading("a.png", list(digits), picture=picture, scale=scale)


def green_box(canvas):
    """Return (x, y, right, bottom) of the widest green row and the highest column."""
    green = (canvas == GREEN).all(axis=2)
    rows, columns = green.sum(axis=1), green.sum(axis=0)
    ys = np.flatnonzero(rows == rows.max())
    xs = np.flatnonzero(columns == columns.max())
    return int(xs[0]), int(ys[0]), int(xs[-1]), int(ys[-1])


def test_a_box_is_drawn_around_each_digit():
    canvas = annotate(reading((500, 400), digit(3, (60, 100, 200, 300))))
    box = green_box(canvas)
    np.testing.assert_allclose(box, (60, HEADROOM + 100, 260, HEADROOM + 400), atol=1)
    assert (canvas[HEADROOM + 110 : HEADROOM + 390, 70:250] == 200).all()


def test_boxes_are_in_pixels_of_the_file():
    # The file is 2.5 times as large as the picture that was read.
    found = digit(3, (150, 250, 500, 750))
    canvas = annotate(reading((500, 400), found, scale=2.5))
    np.testing.assert_allclose(
        green_box(canvas), (60, HEADROOM + 100, 260, HEADROOM + 400), atol=1
    )


def test_small_pictures_are_enlarged():
    canvas = annotate(reading((28, 28), digit(3, (4, 5, 12, 20))))
    zoom = 18  # the least whole number that brings 28 pixels to 480
    assert canvas.shape == (HEADROOM + 28 * zoom + CARD_HEIGHT, 28 * zoom, 3)
    np.testing.assert_allclose(
        green_box(canvas),
        (4 * zoom, HEADROOM + 5 * zoom, 16 * zoom, HEADROOM + 25 * zoom),
        atol=1,
    )


def test_cards_show_the_images_in_reading_order():
    digits = [digit(number, (50 * number, 100, 40, 60)) for number in (1, 2, 4)]
    canvas = annotate(reading((500, 480), *digits))
    # Two cards fit beside each other, the third is below.
    assert canvas.shape == (HEADROOM + 500 + 2 * CARD_HEIGHT, 480, 3)
    cards = canvas[HEADROOM + 500 :]
    for number, row, column in ((1, 0, 0), (2, 0, 1), (4, 1, 0)):
        top, left = row * CARD_HEIGHT + 8, column * module.CARD_WIDTH + 8
        assert (cards[top : top + TILE, left : left + TILE] == 10 * number).all()


def test_a_card_lists_three_guesses(monkeypatch):
    texts = []
    monkeypatch.setattr(cv2, "putText", lambda canvas, text, *_: texts.append(text))
    found = digit(7, (60, 100, 200, 300), 0.98765)
    found.probabilities[[4, 9]] = 0.0101, 0.0021
    annotate(reading((500, 400), found))
    assert texts == ["7 98.7%", "7  98.7%", "4   1.0%", "9   0.2%"]


def test_a_narrow_digit_has_a_short_label(monkeypatch):
    texts = []
    monkeypatch.setattr(cv2, "putText", lambda canvas, text, *_: texts.append(text))
    annotate(reading((500, 400), digit(1, (60, 100, 12, 80))))
    assert texts[0] == "1"


def test_labels_of_large_pictures_are_larger():
    heights = []
    for side in (600, 1600):
        canvas = annotate(reading((side, side), digit(8, (200, 300, 30, 40))))
        label = canvas[: HEADROOM + 300 - 4]
        rows = np.flatnonzero((label == GREEN).all(axis=2).any(axis=1))
        heights.append(rows[-1] - rows[0])
    assert heights[1] > 1.4 * heights[0]


def test_nothing_read_leaves_the_picture_without_cards():
    canvas = annotate(reading((500, 400)))
    assert canvas.shape == (HEADROOM + 500, 400, 3)
    assert (canvas[:HEADROOM] == 255).all() and (canvas[HEADROOM:] == 200).all()


def test_a_reading_without_its_picture():
    with pytest.raises(ValueError, match="without its picture"):
        annotate(Reading("gone.png", [], error="no such file"))


def test_a_whole_page(shipped):
    path = ROOT / "assets" / "images" / "page.jpg"
    (found,) = read_pictures([path], shipped, 0.5)
    canvas = annotate(found)
    for digit_found in found.digits:
        x, y, _, height = digit_found.box
        edge = canvas[HEADROOM + y : HEADROOM + y + height, x]
        assert (edge == GREEN).all(axis=1).mean() > 0.9
