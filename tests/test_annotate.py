import cv2
import numpy as np
import pytest

from conftest import ROOT
from digits.reading.annotate import (
    CARD_HEIGHT,
    CARD_WIDTH,
    GRAY,
    GREEN,
    HEADROOM,
    ORANGE,
    RED,
    TILE,
    annotate,
    left_out,
)
from digits.reading.pipeline import read_pictures
from digits.reading.result import Digit, Reading, Sign


def digit(number, box, confidence=0.9):
    """Return a Digit."""
    probabilities = np.full(10, 0.001, np.float32)
    probabilities[number] = confidence
    return Digit(number, confidence, box, 0, probabilities)


def reading(shape, *marks, scale=1.0):
    """Return the Reading of a gray picture with some Digits and Signs."""
    picture = np.full((*shape, 3), 200, np.uint8)
    digits = [mark for mark in marks if isinstance(mark, Digit)]
    signs = [mark for mark in marks if isinstance(mark, Sign)]
    return Reading("a.png", digits, signs, picture=picture, scale=scale)


@pytest.fixture
def texts(monkeypatch):
    """What is written: [(text, colour)]."""
    written = []

    def put(canvas, text, corner, font, size, colour, *_):
        written.append((text, colour))

    monkeypatch.setattr(cv2, "putText", put)
    return written


def drawn_box(canvas, colour=GREEN):
    """Return (x, y, right, bottom) of the widest row and the highest column."""
    drawn = (canvas == colour).all(axis=2)
    rows, columns = drawn.sum(axis=1), drawn.sum(axis=0)
    ys = np.flatnonzero(rows == rows.max())
    xs = np.flatnonzero(columns == columns.max())
    return int(xs[0]), int(ys[0]), int(xs[-1]), int(ys[-1])


def test_a_box_is_drawn_around_each_digit():
    canvas = annotate(reading((500, 400), digit(3, (60, 100, 200, 300))))
    box = drawn_box(canvas)
    np.testing.assert_allclose(box, (60, HEADROOM + 100, 260, HEADROOM + 400), atol=1)
    assert (canvas[HEADROOM + 110 : HEADROOM + 390, 70:250] == 200).all()


@pytest.mark.parametrize(
    ("confidence", "colour"), [(0.97, GREEN), (0.9, GREEN), (0.89, ORANGE)]
)
def test_doubtful_digits_have_another_colour(confidence, colour):
    canvas = annotate(reading((500, 400), digit(3, (60, 100, 200, 300), confidence)))
    box = drawn_box(canvas, colour)
    np.testing.assert_allclose(box, (60, HEADROOM + 100, 260, HEADROOM + 400), atol=1)


def test_what_is_left_out_has_a_reason(texts):
    """A stain beside a digit, and what may be another digit."""
    found = reading((500, 600), digit(3, (60, 100, 100, 200)))
    for x in (70, 300, 500):
        cv2.rectangle(found.picture, (x, 120), (x + 40, 250), (20, 20, 20), -1)
    found = found._replace(unsure=[[480, 100, 80, 180]])
    (unsure, reason), (stain, other) = left_out(found, found.picture)
    assert (unsure, reason, other) == ([480, 100, 80, 180], "unsure", "no digit")
    np.testing.assert_allclose(stain, (300, 120, 41, 131), atol=6)
    annotate(found)
    assert [text for text, colour in texts if colour == RED] == ["unsure", "no digit"]


def test_signs_are_marked_in_gray():
    signs = Sign("/", 0.9, (60, 100, 200, 300), 0)
    canvas = annotate(reading((500, 400), signs))
    box = drawn_box(canvas, GRAY)
    np.testing.assert_allclose(box, (60, HEADROOM + 100, 260, HEADROOM + 400), atol=1)
    assert canvas.shape == (HEADROOM + 500, 400, 3)  # a sign has no card


def test_labels_are_what_the_font_has(texts):
    signs = "/", "-", "\N{MULTIPLICATION SIGN}", "\N{DIVISION SIGN}"
    annotate(reading((500, 400), *(Sign(s, 0.9, (60, 100, 20, 30), 0) for s in signs)))
    assert [text for text, _ in texts] == ["/", "-", "x", "div"]
    assert {colour for _, colour in texts} == {GRAY}


def test_boxes_are_in_pixels_of_the_file():
    # The file is 2.5 times as large as the picture that was read.
    found = digit(3, (150, 250, 500, 750))
    canvas = annotate(reading((500, 400), found, scale=2.5))
    np.testing.assert_allclose(
        drawn_box(canvas), (60, HEADROOM + 100, 260, HEADROOM + 400), atol=1
    )


def test_small_pictures_are_enlarged():
    canvas = annotate(reading((28, 28), digit(3, (4, 5, 12, 20))))
    zoom = 18  # the least whole number that brings 28 pixels to 480
    assert canvas.shape == (HEADROOM + 28 * zoom + CARD_HEIGHT, 28 * zoom, 3)
    np.testing.assert_allclose(
        drawn_box(canvas),
        (4 * zoom, HEADROOM + 5 * zoom, 16 * zoom, HEADROOM + 25 * zoom),
        atol=1,
    )


def test_cards_show_the_digits_in_reading_order():
    digits = [digit(number, (50 * number, 100, 42, 84)) for number in (1, 2, 4)]
    found = reading((500, 480), *digits)
    for one in digits:
        x, y, width, height = one.box
        found.picture[y : y + height, x : x + width] = 10 * one.digit
    canvas = annotate(found)
    # Two cards fit beside each other, the third is below.
    assert canvas.shape == (HEADROOM + 500 + 2 * CARD_HEIGHT, 480, 3)
    cards = canvas[HEADROOM + 500 :]
    for number, row, column in ((1, 0, 0), (2, 0, 1), (4, 1, 0)):
        top, left = row * CARD_HEIGHT + 8, column * CARD_WIDTH + 8
        tile = cards[top : top + TILE, left : left + TILE]
        assert (tile[:, : TILE // 2] == 10 * number).all()
        assert (tile[:, TILE // 2 :] == 255).all()


@pytest.mark.parametrize("scale", [1, 2.5])
def test_a_card_shows_what_is_in_the_box(scale):
    box = 40, 60, 100, 50
    random = np.random.default_rng(0)
    found = reading((300, 400), digit(3, box), scale=scale)
    found.picture[:] = random.integers(0, 256, found.picture.shape)
    canvas = annotate(found)
    card = canvas[-CARD_HEIGHT:]
    x, y, width, height = (round(length / scale) for length in box)
    part = found.picture[y : y + height, x : x + width]
    expected = cv2.resize(part, (TILE, TILE // 2), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(card[8 : 8 + TILE // 2, 8 : 8 + TILE], expected)


@pytest.mark.parametrize(
    "box",
    [(20, 30, 0, 9), (20, 30, 9, 0), (50, 40, 0, 0), (0, 0, 1, 1), (49, 39, 1, 1)],
)
def test_boxes_of_less_than_a_pixel(box):
    canvas = annotate(reading((40, 50), digit(1, box)))
    tile = canvas[-CARD_HEIGHT + 8 : -CARD_HEIGHT + 8 + TILE, 8 : 8 + TILE]
    assert (tile == 200).all(axis=2).sum() >= TILE  # what is there is shown


def test_a_card_lists_three_guesses(texts):
    found = digit(7, (60, 100, 200, 300), 0.98765)
    found.probabilities[[4, 9]] = 0.0101, 0.0021
    annotate(reading((500, 400), found))
    assert [text for text, _ in texts] == [
        "7 98.7%",
        "7  98.7%",
        "4   1.0%",
        "9   0.2%",
    ]


def test_a_narrow_digit_has_a_short_label(texts):
    annotate(reading((500, 400), digit(1, (60, 100, 12, 80))))
    assert texts[0] == ("1", GREEN)


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
        annotate(Reading("gone.png", error="no such file"))


def test_a_whole_page(networks):
    path = ROOT / "assets" / "images" / "page.jpg"
    (found,) = read_pictures([path], networks, 0.5)
    canvas = annotate(found)
    for digit_found in found.digits:
        x, y, _, height = digit_found.box
        edge = canvas[HEADROOM + y : HEADROOM + y + height, x]
        assert (edge == GREEN).all(axis=1).mean() > 0.9
