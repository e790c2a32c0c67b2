import re
from collections import Counter

import numpy as np
import pytest

from digits.model.reader import MARKS
from digits.synthesis import texts

SAMPLES = 400


@pytest.mark.parametrize(
    "kind, pattern",
    [
        (texts.plain, r"\d{1,8}"),
        (texts.amount, r"[-.=]?\d{1,3}([.,]\d{3}){0,2}([.,]?[-=]?|[.,]\d\d)"),
        (texts.date, r"\d{1,2}([./:-])\d{1,2}(\1\d{1,2})?"),
        (
            texts.terms,
            r"\d{1,3}([-+\N{MULTIPLICATION SIGN}\N{DIVISION SIGN}=/]\d{1,3}){1,2}",
        ),
        (texts.bracketed, r"\(\d{1,4}\)"),
        (texts.signs, r"\D{3}"),
    ],
)
def test_kinds(kind, pattern):
    random = np.random.default_rng(0)
    found = {kind(random) for _ in range(SAMPLES)}
    assert len(found) > SAMPLES / 4
    for text in found:
        assert re.fullmatch(pattern, text), text
        assert set(text) <= set(MARKS), text


def test_numbers_have_the_length_that_is_asked_for():
    random = np.random.default_rng(0)
    assert {len(texts.plain(random, 3, 5)) for _ in range(SAMPLES)} == {3, 4, 5}


def test_zeros_and_repetitions_are_frequent():
    random = np.random.default_rng(0)
    numbers = [texts.plain(random, 6, 6) for _ in range(SAMPLES)]
    assert 0.08 < np.mean([number.endswith("00") for number in numbers]) < 0.35
    assert 0.03 < np.mean([len(set(number)) == 1 for number in numbers]) < 0.2


def test_every_mark_is_written_and_most_are_digits():
    random = np.random.default_rng(0)
    counts = Counter("".join(texts.number_text(random) for _ in range(5 * SAMPLES)))
    assert set(counts) == set(MARKS)
    assert sum(counts[digit] for digit in "0123456789") > 0.7 * counts.total()
