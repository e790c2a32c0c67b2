"""Marks of pieces of pages, and the answers of a reader that finds them."""

import numpy as np

from digits.model.reader import (
    CLASSES,
    LOG_SIZE,
    OFFSET,
    OUTPUTS,
    PRESENCE,
    STRIDE,
    TYPICAL,
)
from digits.synthesis.page import HEIGHT, WIDTH
from digits.synthesis.pages import NOTHING

DOWN, ACROSS = HEIGHT // STRIDE, WIDTH // STRIDE
SURE = 20.0  # logit
EMPTY = (NOTHING,) * 5


def marks_of(*pieces):
    """Return marks (N, M, 5) of a list of marks for each piece, filled up."""
    most = 1 + max(map(len, pieces))
    filled = [[*own, *[EMPTY] * (most - len(own))] for own in pieces]
    return np.array(filled, np.float32)


def tell(answers, place, label, middle, size, logit=SURE):
    """Let the cell at a place (row, column) answer that a mark is near, and which.

    middle, size: of the mark, in pixels of the picture, x first; logit: of its label.
    """
    row, column = place
    cell = answers[row, column]
    cell[CLASSES] = 0
    cell[CLASSES][int(label)] = logit
    cell[OFFSET] = np.divide(middle, STRIDE) - [column + 0.5, row + 0.5]
    cell[LOG_SIZE] = np.log(np.divide(size, TYPICAL))


def perfect(marks):
    """Return the right answers (DOWN, ACROSS, OUTPUTS) for the marks of a piece."""
    answers = np.zeros((DOWN, ACROSS, OUTPUTS), np.float32)
    answers[..., PRESENCE] = -SURE
    certain = [mark for mark in marks if mark[0] >= 0]
    for row, column in np.ndindex(DOWN, ACROSS) if certain else ():
        middle = np.array([column + 0.5, row + 0.5])
        nearest = min(
            certain, key=lambda mark: np.hypot(*(mark[1:3] / STRIDE - middle))
        )
        tell(answers, (row, column), nearest[0], nearest[1:3], nearest[3:5])
    for mark in certain:
        answers[int(mark[2] // STRIDE), int(mark[1] // STRIDE), PRESENCE] = SURE
    return answers


def numbered(count):
    """Return pictures (count, HEIGHT, WIDTH) uint16, whose pixels are their numbers."""
    numbers = np.arange(count, dtype=np.uint16)
    return np.tile(numbers[:, None, None], (1, HEIGHT, WIDTH))


class Composed:
    """Answers for a piece what `perfect` gives for the marks that it should read."""

    def __init__(self, *pieces):
        self.answers = [perfect(own) for own in marks_of(*pieces)]

    def predict(self, pixels, batch_size, verbose):
        return np.stack([self.answers[number] for number in pixels[:, 0, 0, 0]])
