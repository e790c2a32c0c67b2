import numpy as np

from digits.reading.classify import Classified
from digits.reading.reject import accept, words, worth
from digits.reading.segment import Region


def candidate(x, confidence, height=40, y=100, digit=3):
    """Return a Classified at x, y that is `digit` with a confidence."""
    probabilities = np.zeros(11, np.float32)
    probabilities[digit], probabilities[10] = confidence, 1 - confidence
    width = round(0.6 * height)
    region = Region(x, y, width, height, np.full((height, width), 255, np.uint8))
    return Classified(region, np.zeros((28, 28), np.uint8), probabilities)


def test_sure_digits_are_accepted():
    classified = [candidate(0, 0.9), candidate(30, 0.3), candidate(200, 0.8)]
    assert accept(classified, 0.5) == [classified[0], classified[2]]
    assert accept([], 0.5) == []
    assert accept([candidate(0, 0.5)], 0.5)  # the threshold itself is enough


def test_words_are_rejected_whole():
    # The two l and the o of hello look like digits; the number beside it is one.
    hello = [
        candidate(30 * place, confidence)
        for place, confidence in enumerate((0, 0, 1, 1, 1))
    ]
    number = [candidate(x, 1) for x in (300, 330)]
    assert accept([*hello, *number], 0.5) == number


def test_dirt_is_no_digit():
    digits = [candidate(x, 1) for x in (0, 30)]
    assert accept([*digits, candidate(200, 1, height=12)], 0.5) == digits


def test_digits_among_much_junk_are_rejected():
    junk = [candidate(90 * k, 0.0) for k in range(20)]
    assert accept([*junk, candidate(2000, 1)], 0.5) == []


def test_one_blot_beside_a_digit_is_no_word():
    digit, blot = candidate(0, 1), candidate(30, 0)
    assert accept([digit, blot], 0.5) == [digit]
    assert accept([digit, blot, candidate(60, 0)], 0.5) == []


def test_words():
    boxes = [(0, 0, 10, 20), (14, 2, 10, 20), (60, 0, 10, 20), (12, 100, 10, 20)]
    assert sorted(map(sorted, words(boxes, 10))) == [[0, 1], [2], [3]]


def test_more_digits_are_worth_more_and_junk_less():
    digits = [candidate(0, 1), candidate(40, 1)]
    assert worth(digits, digits) > worth(digits[:1], digits[:1])
    assert worth(digits, digits) > worth(digits, [*digits, candidate(90, 0)])
