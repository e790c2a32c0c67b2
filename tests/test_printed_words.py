import numpy as np
import pytest

from digits.synthesis import printed_words
from digits.synthesis.printed_words import PrintedWord, box_of, drawn_words
from digits.synthesis.sheet import HEIGHT, WIDTH, Sheet

TYPEFACES = range(len(printed_words.typefaces()))


@pytest.mark.parametrize("typeface", TYPEFACES)
def test_a_word_fills_its_box(typeface):
    word = PrintedWord("Bxg", typeface, 400, 20.0, 40.0, 24.0)
    ink = drawn_words([word], (60, 120), 4, tilt=0)
    assert ink.shape == (60, 120) and ink.dtype == np.float32
    assert ink.min() == 0 and ink.max() == 1
    rows, columns = np.nonzero(ink > 0.3)
    left, top, right, bottom = box_of(word)
    found = columns.min(), columns.max() + 1, rows.max() + 1
    np.testing.assert_allclose(found, [left, right, bottom], atol=3.5)
    assert top - 1 < rows.min() < top + 10  # the box has room for an accent


@pytest.mark.parametrize("tilt", [0.3, -0.4])
def test_words_turn_with_their_sheet(tilt):
    sheet = Sheet(np.random.default_rng(0))
    sheet.tilt = tilt
    word = PrintedWord("i", 0, 800, 30.0, 18.0, 12.0)
    inks = (drawn_words([word], (HEIGHT, WIDTH), 4, angle) for angle in (0, tilt))
    level, turned = (np.argwhere(ink > 0.3).mean(axis=0)[::-1] + 0.5 for ink in inks)
    segment = np.array([[level, level]], np.float32)
    np.testing.assert_allclose(turned, sheet.turned(segment)[0, 0], atol=0.4)
    assert np.hypot(*(turned - level)) > 5


def test_typefaces_differ_and_weight_counts():
    def ink(typeface, weight):
        return drawn_words(
            [PrintedWord("name", typeface, weight, 5, 30, 20)], (40, 90), 2, tilt=0
        )

    pictures = [ink(typeface, 400) for typeface in TYPEFACES]
    assert len({picture.tobytes() for picture in pictures}) == len(TYPEFACES)
    assert ink(0, 800).sum() > 1.2 * ink(0, 300).sum()


def test_words_are_letters():
    words = [
        printed_words.random_word(np.random.default_rng(seed), 1, 2, 9)
        for seed in range(200)
    ]
    texts = [word.text.rstrip(":") for word in words]
    assert all(text.isalpha() and 2 <= len(text) <= 9 for text in texts)
    assert {word.typeface for word in words} == set(TYPEFACES)
    least, most = printed_words.WEIGHTS
    assert all(least <= word.weight <= most for word in words)
    assert any(text.isupper() for text in texts)
    assert any(text.islower() for text in texts)
    assert any(word.text.endswith(":") for word in words)


def test_nothing_is_drawn_of_no_words():
    assert not drawn_words([], (10, 20), 2, tilt=0).any()
