import numpy as np

from digits.accept import accept, words, worth
from digits.find import Piece
from digits.look import Look


def look(x, chance, height=40, y=100, digit=3):
    """Return a Look at a piece that is `digit` by so much chance."""
    probabilities = np.zeros(11, np.float32)
    probabilities[digit], probabilities[10] = chance, 1 - chance
    width = round(0.6 * height)
    piece = Piece(x, y, width, height, np.full((height, width), 255, np.uint8))
    return Look(piece, np.zeros((28, 28), np.uint8), probabilities)


def test_sure_digits_are_accepted():
    looks = [look(0, 0.9), look(30, 0.3), look(200, 0.8)]
    assert accept(looks, 0.5) == [looks[0], looks[2]]
    assert accept([], 0.5) == []


def test_words_are_refused_whole():
    # The two l and the o of hello look like digits; the number beside it is one.
    hello = [look(30 * place, chance) for place, chance in enumerate((0, 0, 1, 1, 1))]
    number = [look(x, 1) for x in (300, 330)]
    assert accept([*hello, *number], 0.5) == number


def test_dirt_is_no_digit():
    digits = [look(x, 1) for x in (0, 30)]
    assert accept([*digits, look(200, 1, height=12)], 0.5) == digits


def test_digits_among_much_junk_are_chance():
    junk = [look(90 * k, 0.0) for k in range(20)]
    assert accept([*junk, look(2000, 1)], 0.5) == []


def test_words():
    boxes = [(0, 0, 10, 20), (14, 2, 10, 20), (60, 0, 10, 20), (12, 100, 10, 20)]
    assert sorted(map(sorted, words(boxes, 10))) == [[0, 1], [2], [3]]


def test_more_digits_are_worth_more_and_junk_less():
    digits = [look(0, 1), look(40, 1)]
    assert worth(digits, digits) > worth(digits[:1], digits[:1])
    assert worth(digits, digits) > worth(digits, [*digits, look(90, 0)])
