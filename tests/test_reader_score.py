"""The score of the reader of pages, and its calibration."""

import itertools

import keras
import numpy as np

from digits.model.reader import CLASSES, LOG_SIZE, MARKS, OUTPUTS, PRESENCE, TYPICAL
from digits.synthesis.page import UNCERTAIN
from digits.synthesis.pages import NOTHING
from digits.training import reader_score
from marks import ACROSS, DOWN, Composed, marks_of, numbered


def test_score(monkeypatch):
    monkeypatch.setattr(reader_score, "AT_A_TIME", 4)
    comma = MARKS.index(",")
    first, second = (1, 20, 20, 10, 20), (2, 50, 20, 10, 20)
    there_and_read = [
        ([first, second], [first, second]),
        ([first, second], [first, (3, 50, 20, 10, 20)]),  # another digit
        ([first, second], [first, (2, 70, 20, 10, 20)]),  # elsewhere: one is made up
        ([first], [(1, 23, 24, 12, 18)]),  # near enough
        ([first, (UNCERTAIN, 80, 20, 10, 20)], [first, (4, 82, 20, 10, 20)]),
        ([first, (comma, 50, 30, 4, 8)], [first, (comma, 90, 30, 4, 8)]),  # no digit
        ([(comma, 50, 30, 4, 8)], [(6, 50, 30, 4, 8)]),  # made up
        ([first], []),
        ([], []),
    ]
    there, read = zip(*there_and_read, strict=True)
    found = reader_score.score(Composed(*read), numbered(len(there)), marks_of(*there))
    assert found == {
        "digits": 10,
        "found": 8 / 10,
        "right": 7 / 10,
        "made_up": 2 / 10,
    }


def test_what_marks_show(monkeypatch):
    """Each shows the mark whose middle is near, whether or not it is read as such."""
    monkeypatch.setattr(reader_score, "AT_A_TIME", 2)
    comma = MARKS.index(",")
    there = [
        [(1, 20, 20, 10, 20), (comma, 50, 30, 4, 8)],
        [(UNCERTAIN, 80, 20, 10, 20)],
        [],
    ]
    read = [
        [(2, 22, 20, 10, 20), (7, 51, 31, 4, 8), (3, 90, 20, 10, 20)],
        [(4, 82, 20, 10, 20), (5, 30, 20, 10, 20)],
        [(6, 60, 20, 10, 20)],
    ]
    found, shown = reader_score.read_marks(
        Composed(*read), numbered(3), marks_of(*there)
    )
    pairs = sorted(zip(found.labels.tolist(), shown.tolist(), strict=True))
    assert pairs == [
        (2, 1),
        (3, NOTHING),
        (4, UNCERTAIN),
        (5, NOTHING),
        (6, NOTHING),
        (7, comma),
    ]


class Overconfident:
    """Its last layer passes answers on, three at a place, whose logits are too large.

    A mark is there with the probability that presence / 3 is the logit of, and is of a
    class with those that the logits of the classes, halved, stand for.
    """

    def __init__(self, count):
        random = np.random.default_rng(0)
        self.answers = np.zeros((count, DOWN, ACROSS, OUTPUTS), np.float32)
        self.answers[..., PRESENCE] = -30
        marks = [[] for _ in range(count)]
        for index, column in itertools.product(range(count), (4, 13, 22)):
            presence = random.uniform(-2, 2)
            logits = random.normal(0, 2, len(MARKS))
            cell = self.answers[index, 5, column]
            cell[PRESENCE], cell[CLASSES] = 3 * presence, 2 * logits
            cell[LOG_SIZE] = np.log(np.array([12, 18]) / TYPICAL)
            if random.random() < 1 / (1 + np.exp(-presence)):
                shares = np.exp(logits) / np.exp(logits).sum()
                label = random.choice(len(MARKS), p=shares)
                marks[index].append((label, 4 * column + 2, 22, 12, 18))
        self.marks = marks_of(*marks)
        dense = keras.layers.Dense(OUTPUTS)
        dense.build((None, OUTPUTS))
        dense.set_weights([np.eye(OUTPUTS), np.full(OUTPUTS, 0.0)])
        self.layers = [dense]

    def predict(self, pixels, batch_size, verbose):
        places = np.asarray(pixels[:, 0, 0, 0], int)
        return np.asarray(self.layers[-1](self.answers[places]))


def test_calibration_undoes_what_is_too_sure():
    model = Overconfident(1000)
    pictures = numbered(1000)
    temperatures = reader_score.calibrate(model, pictures, model.marks)
    np.testing.assert_allclose(temperatures, (3, 2), rtol=0.1)
    kernel, bias = model.layers[-1].get_weights()
    factors = np.ones(OUTPUTS)
    factors[PRESENCE], factors[CLASSES] = np.reciprocal(temperatures)
    np.testing.assert_allclose(kernel, np.diag(factors), rtol=1e-6)
    assert not bias.any()
    # What is calibrated needs no other temperature.
    again = reader_score.calibrate(model, pictures, model.marks)
    np.testing.assert_allclose(again, (1, 1), rtol=0.1)


def test_two_digits_are_not_both_found_by_one_answer():
    """The answer counts for one of them."""
    two = [(1, 20, 20, 10, 20), (1, 23, 20, 10, 20)]
    found = reader_score.score(
        Composed([(1, 21, 20, 10, 20)]), numbered(1), marks_of(two)
    )
    assert found["found"] == found["right"] == 1 / 2 and found["made_up"] == 0
