"""Reject what is no digit: unsure regions, dirt, words, digits among much junk."""

from collections.abc import Sequence

from digits.reading.classify import Classified
from digits.reading.segment import Box, usual_height

SMALLEST_SHARE = 0.4  # of the usual height: smaller digits are dirt or punctuation
WORD_SHARE = 0.4  # of a word's regions: with as many non-digits it is text
MOST_JUNK = 10  # non-digits on a picture: if there are as many, …
JUNK_SHARE = 0.7  # … and they are this share of all, digits are read by chance
LEAST_JUNK = 2  # non-digits in a word of text: a single one beside a digit is a blot
LETTER_SPACE = 0.7  # of the usual height: wider gaps separate words


def accept(classified: list[Classified], threshold: float) -> list[Classified]:
    """Return the Classified that show digits, each of confidence >= `threshold`."""
    likely = [
        candidate for candidate in classified if candidate.confidence >= threshold
    ]
    if len(classified) == 1:  # there is nothing to compare it with
        return likely
    usual = usual_height([candidate.region.height for candidate in likely])
    classified = of_digits_size(classified, likely)
    junk = sum(candidate.confidence < threshold for candidate in classified)
    if junk >= max(MOST_JUNK, JUNK_SHARE * len(classified)):
        return []
    digits = []
    boxes = [candidate.region.box for candidate in classified]
    for word in words(boxes, LETTER_SPACE * usual):
        members = [classified[index] for index in word]
        sure = [candidate for candidate in members if candidate.confidence >= threshold]
        junk = len(word) - len(sure)
        # The letters o and l pass for digits; the other letters of their word do not.
        if junk < max(LEAST_JUNK, WORD_SHARE * len(word)):
            digits += sure
    return digits


def worth(digits: list[Classified], classified: list[Classified]) -> float:
    """Return how plausible it is that `digits` are all the digits among `classified`.

    Their confidences add up; each non-digit of a digit's size costs half a digit.
    """
    junk = len(of_digits_size(classified, digits)) - len(digits)
    return sum(digit.confidence for digit in digits) - 0.5 * junk


def of_digits_size(
    classified: list[Classified], digits: list[Classified]
) -> list[Classified]:
    """Return the Classified that are not much smaller than the digits among them."""
    smallest = SMALLEST_SHARE * usual_height([digit.region.height for digit in digits])
    return [c for c in classified if max(c.region.width, c.region.height) >= smallest]


def words(boxes: Sequence[Box], space: float) -> list[list[int]]:
    """Return lists of indices of boxes that stand together in a word.

    Neighbours overlap in height by half of the lower one, at most `space` pixels apart.
    """
    parent = list(range(len(boxes)))

    def root(index):
        while parent[index] != index:
            index = parent[index]
        return index

    order = sorted(range(len(boxes)), key=lambda index: boxes[index][0])
    for place, index in enumerate(order):
        x, y, width, height = boxes[index]
        for other in order[place + 1 :]:
            other_x, other_y, _, other_height = boxes[other]
            if other_x > x + width + space:
                break
            common = min(y + height, other_y + other_height) - max(y, other_y)
            if common >= min(height, other_height) / 2:
                parent[root(other)] = root(index)
    groups = {}
    for index in order:
        groups.setdefault(root(index), []).append(index)
    return list(groups.values())
