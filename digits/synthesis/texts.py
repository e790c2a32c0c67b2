"""What people write in digits: plain numbers, amounts, dates, sums."""

import numpy as np

from digits.model.classifier import DIGITS
from digits.model.reader import SIGNS

OPERATORS = "+-\N{MULTIPLICATION SIGN}\N{DIVISION SIGN}=/"
BENFORD = 0.4  # share of the numbers whose first digit follows Benford's law:
FIRST = np.log10(1 + 1 / np.arange(1, 10))  # shares of 1 to 9


def number_text(random: np.random.Generator) -> str:
    """Return a number, an amount, a date, a sum or signs, in the reader's MARKS."""
    kinds = plain, amount, date, terms, bracketed, signs
    kind = random.choice(6, p=(0.55, 0.2, 0.07, 0.1, 0.04, 0.04))
    return kinds[kind](random)


def plain(random: np.random.Generator, least: int = 1, most: int = 8) -> str:
    """Return `least` to `most` digits; zeros, repetitions, a first 1 are frequent."""
    count = random.integers(least, most + 1)
    text = "".join(DIGITS[digit] for digit in random.integers(10, size=count))
    if random.random() < BENFORD:
        text = DIGITS[random.choice(9, p=FIRST) + 1] + text[1:]
    if count > 2 and random.random() < 0.25:
        zeros = random.integers(1, count)
        return text[:-zeros] + "0" * zeros
    if count > 1 and random.random() < 0.1:
        return text[0] * count
    return text


def amount(random: np.random.Generator) -> str:
    """Return a number with separators, and with the dash or the cents behind it."""
    separator = ".,"[random.integers(2)]
    groups = [plain(random, 3, 3) for _ in range(random.integers(0, 3))]
    text = separator.join([plain(random, 1, 3), *groups])
    cents = separator + plain(random, 2, 2)
    ends = "", separator, ",-", ".-", "-", "=", ".=", cents
    starts = "", "", "", "-", ".", "="
    start = starts[random.integers(len(starts))]
    return start + text + ends[random.integers(len(ends))]


def date(random: np.random.Generator) -> str:
    """Return two or three short numbers, as of a date, a time or a fraction."""
    separator = "./-:"[random.integers(4)]
    return separator.join(plain(random, 1, 2) for _ in range(random.integers(2, 4)))


def terms(random: np.random.Generator) -> str:
    """Return two or three numbers with OPERATORS between them."""
    first, *others = (plain(random, 1, 3) for _ in range(random.integers(2, 4)))
    return first + "".join(
        OPERATORS[random.integers(len(OPERATORS))] + term for term in others
    )


def bracketed(random: np.random.Generator) -> str:
    """Return a number in brackets."""
    return f"({plain(random, 1, 4)})"


def signs(random: np.random.Generator) -> str:
    """Return three signs, which are rare in numbers."""
    return "".join(SIGNS[random.integers(len(SIGNS))] for _ in range(3))
