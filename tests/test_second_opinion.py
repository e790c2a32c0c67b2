import numpy as np
import pytest

from digits.model.classifier import NO_DIGIT_LABEL
from digits.model.reader import MARKS
from digits.reading.marks import Marks
from digits.reading.second_opinion import pooled, reconsidered

HEIGHT, WIDTH = 30, 20  # of a mark; each is a stroke in a different place
PICTURE = np.full((80, 200, 3), 230, np.uint8)
for stroke in (32, 62, 108):
    PICTURE[22:48, stroke : stroke + 4] = 40


class FakeClassifier:
    """Answers images one after another with some digits, each with a confidence."""

    def __init__(self, *answers):
        self.remaining, self.images = iter(answers), []

    def probabilities(self, images):
        self.images.extend(images)
        answers = np.zeros((len(images), 11), np.float32)
        for row, (digit, confidence) in zip(answers, self.remaining, strict=False):
            row[digit], row[NO_DIGIT_LABEL] = confidence, 1 - confidence
        return answers


def found(*marks):
    """Return Marks of (mark, presence, probability, second mark), beside each other."""
    boxes = [(24 + 36 * place, 20, WIDTH, HEIGHT) for place in range(len(marks))]
    probabilities = np.zeros((len(marks), len(MARKS)), np.float32)
    for row, (mark, _, probability, other) in zip(probabilities, marks, strict=True):
        row[MARKS.index(other)] = 1 - probability
        row[MARKS.index(mark)] += probability
    presence = np.array([mark[1] for mark in marks], np.float32)
    return Marks(np.array(boxes, np.float32), presence, probabilities)


def read(marks, *answers, may_be_none=False):
    """Return the Marks after second opinions, and how many images were asked about."""
    classifier = FakeClassifier(*answers)
    new = reconsidered(PICTURE, marks, classifier, may_be_none)
    assert (new.boxes == marks.boxes).all()
    return new, len(classifier.images)


def text_of(marks):
    return "".join(MARKS[label] for label in marks.labels)


@pytest.mark.parametrize(
    ("mark", "answer", "expected"),
    [
        (("3", 1.0, 0.8, "2"), (2, 0.99), "2"),
        (("3", 1.0, 0.8, "2"), (2, 0.51), "2"),
        (("3", 1.0, 0.8, "2"), (2, 0.49), "3"),  # rather none, as in a frame
        (("3", 1.0, 0.95, "2"), (2, 0.99), "3"),  # the reader is sure
        (("3", 1.0, 0.8, "2"), (2, 1.0), "3"),  # as networks without "no digit" answer
        (("-", 1.0, 0.6, "2"), (2, 0.99), "-"),
        (("3", 0.6, 0.7, "2"), (2, 0.99), "2"),  # 0.42: no matter, it is alone
        (("3", 0.6, 0.7, "2"), (2, 0.6), "2"),
        (("3", 0.45, 0.9, "2"), (2, 0.99), "3"),  # there is rather nothing
    ],
)
def test_a_digit_alone(mark, answer, expected):
    marks, _ = read(found(mark), answer)
    assert text_of(marks) == expected and marks.presence == np.float32(mark[1])
    assert marks.probabilities.sum() == pytest.approx(1)


def test_what_is_shared_with_signs_stays():
    before = found(("1", 0.9, 0.7, "/"))
    after, _ = read(before, (7, 0.99))
    assert text_of(before) == "1" and text_of(after) == "7"
    slash = MARKS.index("/")
    assert after.probabilities[0, slash] == before.probabilities[0, slash]


def test_of_several_only_doubtful_digits_are_asked_about():
    marks = found(
        ("3", 1.0, 0.8, "2"),
        ("8", 1.0, 0.99, "2"),
        ("5", 0.6, 0.7, "2"),
        ("-", 1.0, 0.7, "2"),
    )
    new, asked = read(marks, (2, 0.99), (2, 0.99))
    assert asked == 1 and text_of(new) == "285-"


@pytest.mark.parametrize(
    ("confidence", "may_be_none", "presence"),
    [(0.05, True, 0), (0.05, False, 0.8), (0.15, True, 0.8)],
)
def test_surely_none(confidence, may_be_none, presence):
    marks, _ = read(found(("3", 0.8, 1, "2")), (3, confidence), may_be_none=may_be_none)
    assert marks.presence == np.float32(presence) and text_of(marks) == "3"


def test_surely_none_beside_another():
    before = found(("3", 0.8, 1, "2"), ("8", 1.0, 1, "2"))
    after, asked = read(before, (3, 0.05), may_be_none=True)
    assert asked == 1 and (after.presence == before.presence).all()


def test_the_ink_of_each_box():
    picture = PICTURE.copy()
    picture[72:75, 186:] = 40  # to the edge
    classifier = FakeClassifier(*[(2, 0.9)] * 3)
    marks = found(*[("3", 1.0, 0.8, "2")] * 3)
    marks.boxes[1] = 140, 20, WIDTH, HEIGHT  # paper
    marks.boxes[2] = 184.5, 62.5, 15.5, 17.5  # in the corner
    reconsidered(picture, marks, classifier, False)
    upright, level = (np.nonzero(image > 128) for image in classifier.images)
    assert np.ptp(upright[0]) >= 18 and np.ptp(upright[1]) <= 5
    assert np.ptp(level[0]) <= 5 and np.ptp(level[1]) >= 18


def test_two_opinions_make_a_weighted_geometric_mean():
    reader, networks = np.full(10, 0.05), np.full(10, 0.02)
    reader[3], reader[2] = 0.4, 0.2
    networks[2] = 0.72
    logarithms = np.log(reader / reader.sum()) + 2 * np.log(networks / networks.sum())
    expected = np.exp(logarithms / 3)
    expected /= expected.sum()
    np.testing.assert_allclose(pooled(reader, networks), expected, rtol=1e-6)
    # Neither rules a digit out.
    certain = np.eye(10)[[3, 2]]
    assert pooled(certain[0], certain[1])[2] == pytest.approx(0.94, abs=0.01)
