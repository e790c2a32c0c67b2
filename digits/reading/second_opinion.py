"""Ask the digit networks about digits of which the reader of pages is in doubt.

The reader knows better where a digit is, and what belongs to it. The digit networks
have learned from more hands, and from more letters and symbols.
"""

import numpy as np

from digits.model.classifier import DIGITS, NO_DIGIT_LABEL
from digits.reading.classify import DigitClassifier, classify
from digits.reading.ink import extract_ink
from digits.reading.marks import LIKELY, Marks
from digits.reading.segment import Region, all_ink

ASKED_BELOW = 0.9  # the reader's confidence, where it is in doubt
WEIGHT = 2 / 3  # of the digit networks' answer; the reader's has the rest
LEAST = 1e-4  # probability: neither rules a digit out


def reconsidered(
    picture: np.ndarray, marks: Marks, classifier: DigitClassifier, may_be_none: bool
) -> Marks:
    """Return Marks with the probabilities of doubtful digits by both kinds of networks.

    picture: (H, W, 3) uint8 BGR, in which the marks are; may_be_none: whether a digit
    that stands alone is dropped where the digit networks surely see none. Elsewhere
    their answer does not count where they rather see no digit, as they do where the
    box holds a part of a frame or of a neighbour, nor if they have no such class. Where
    both disagree, no digit may be likely then. Raises UserError as the classifier does.
    """
    is_alone = np.count_nonzero(marks.presence >= LIKELY) == 1
    # Of several marks, those that are not like one digit above all are mostly noise.
    sureness = marks.presence if is_alone else marks.confidences
    are_doubtful = (sureness >= LIKELY) & (marks.confidences < ASKED_BELOW)
    asked = [
        (index, region)
        for index in np.flatnonzero(marks.are_digits & are_doubtful)
        for region in _ink(picture, marks.boxes[index])
    ]
    answers = classify([region for _, region in asked], classifier)
    presence, probabilities = marks.presence.copy(), marks.probabilities.copy()
    for (index, _), answer in zip(asked, answers, strict=True):
        if is_alone and may_be_none and answer.is_surely_none:
            presence[index] = 0
        elif 0 < answer.probabilities[NO_DIGIT_LABEL] < LIKELY:
            digits = probabilities[index, : len(DIGITS)]  # a view of them
            both = pooled(digits, answer.probabilities[: len(DIGITS)])
            digits[:] = digits.sum() * both
    return Marks(marks.boxes, presence, probabilities)


def pooled(reader: np.ndarray, networks: np.ndarray) -> np.ndarray:
    """Return the probabilities (10,) of digits by two opinions (10,) together.

    They are the weighted geometric mean of both, as in a logarithmic opinion pool
    (Genest & Zidek, Combining probability distributions, 1986), and add up to 1, which
    the opinions need not.
    """
    one, other = (np.maximum(p / p.sum(), LEAST) for p in (reader, networks))
    product = one ** (1 - WEIGHT) * other**WEIGHT
    return product / product.sum()


def _ink(picture, box) -> list[Region]:
    """Return [the Region of all ink in a box], or [] where there is none.

    Ink is told from paper as far around the box as it is high or wide.
    """
    first, last = np.floor(box[:2]).astype(int), np.ceil(box[:2] + box[2:]).astype(int)
    around = (last - first).max()
    corner = np.maximum(first - around, 0)
    (left, top), (right, bottom) = corner, last + around
    ink = extract_ink(picture[top:bottom, left:right])
    (left, top), (right, bottom) = first - corner, last - corner
    return all_ink(ink[top:bottom, left:right])
