import numpy as np
import pytest

from conftest import region_of
from digits.reading.classify import SURE, Classified, classify
from digits.reading.refine import (
    JOIN_SHARE,
    MOST_DOUBTS,
    join,
    join_where_better,
    may_join,
    refine,
    turn_where_unsure,
)
from digits.reading.segment import Region
from digits.synthesis import junk


def as_region(ink, x=0, y=0):
    height, width = ink.shape
    return Region(x, y, width, height, ink)


def candidate(region, confidence, digit=0):
    """Return a Classified of a region that is `digit` with a confidence."""
    probabilities = np.zeros(11, np.float32)
    probabilities[digit], probabilities[10] = confidence, 1 - confidence
    return Classified(region, np.zeros((28, 28), np.uint8), probabilities)


def read(regions, classifier):
    classified = refine(classify(regions, classifier), classifier)
    return sorted((found.region.x, found.digit) for found in classified)


def test_loose_parts_are_joined(shipped):
    five = region_of("5a.jpg")
    top = round(0.24 * five.height)
    parts = [
        as_region(five.ink[:top], five.x, five.y),
        as_region(five.ink[top:], five.x, five.y + top + 9),
    ]
    assert read(parts, shipped) == [(five.x, 5)]


class FixedClassifier:
    """Stands for a classifier that gives every image the same confidence as a 3."""

    def __init__(self, confidence):
        self.confidence = confidence

    def probabilities(self, images):
        answers = np.zeros((len(images), 11), np.float32)
        answers[:, 3], answers[:, 10] = self.confidence, 1 - self.confidence
        return answers


@pytest.mark.parametrize(("confidence", "count"), [(0.7, 1), (0.5, 2), (0.3, 2)])
def test_a_union_must_be_likelier_than_its_parts_and_likely(confidence, count):
    square = np.full((20, 20), 255, np.uint8)
    parts = [candidate(as_region(square, x), 0.6) for x in (0, 24)]
    assert len(join_where_better(parts, FixedClassifier(confidence))) == count
    surer = [candidate(as_region(square, x), 0.88) for x in (0, 24)]  # 0.77 together
    assert len(join_where_better(surer, FixedClassifier(confidence))) == 2


def test_a_part_is_joined_once():
    square = np.full((20, 20), 255, np.uint8)
    first, middle, last = (
        candidate(as_region(square, x), confidence)
        for x, confidence in ((0, 0.5), (24, 0.5), (48, 0.1))
    )
    classified = join_where_better([first, middle, last], FixedClassifier(0.8))
    # The middle and the last gain the most; the first stays alone.
    assert [found.region.box for found in classified] == [
        (0, 0, 20, 20),
        (24, 0, 44, 20),
    ]
    assert classified[0] is first


def test_what_may_be_joined():
    tall, small = np.full((40, 10), 255, np.uint8), np.full((8, 8), 255, np.uint8)
    left = candidate(as_region(tall), 0.5)
    near = candidate(as_region(small, 10 + int(JOIN_SHARE * 40)), 1.0)
    far = candidate(as_region(small, 11 + int(JOIN_SHARE * 40)), 1.0)
    assert may_join(left, near, usual=40)
    assert not may_join(left, far, usual=40)
    assert not may_join(left, near, usual=19)  # together they are too high
    assert not may_join(candidate(left.region, 1.0), near, usual=40)  # both are sure


def test_sure_digits_are_not_refined(shipped):
    classified = classify([region_of("3a.jpg"), region_of("7a.jpg")], shipped)
    assert refine(classified, shipped) is classified


def test_pictures_full_of_doubts_are_not_refined():
    square = as_region(np.full((20, 20), 255, np.uint8))
    doubts = [candidate(square, 0.3)] * (MOST_DOUBTS + 1)
    assert refine(doubts, FixedClassifier(0.8)) is doubts


def test_the_classified_are_left_as_they_were(shipped):
    classified = classify([as_region(junk.scribble(np.random.default_rng(0)))], shipped)
    assert classified[0].confidence < SURE
    before = list(classified)
    refined = refine(classified, shipped)
    assert classified == before
    assert refined[0].probabilities is not classified[0].probabilities


def test_join():
    one = Region(10, 20, 4, 5, np.full((5, 4), 100, np.uint8))
    other = Region(12, 30, 6, 3, np.full((3, 6), 200, np.uint8))
    both = join(one, other)
    assert both.box == (10, 20, 8, 13)
    assert both.ink[0, 0] == 100 and both.ink[12, 7] == 200 and both.ink[7, 0] == 0


class AngleClassifier:
    """Stands for a classifier: notes each image's angle, in degrees, and knows nothing.

    The angle is that of the principal axis of the ink.
    """

    def __init__(self):
        self.angles = []

    def probabilities(self, images):
        for image in images:
            points = np.argwhere(image > 127)
            _, axes = np.linalg.eigh(np.cov(points.T))
            down, right = axes[:, 1]
            self.angles.append(np.degrees(np.arctan(right / down)))
        answers = np.zeros((len(images), 11), np.float32)
        answers[:, 4] = [0.3, 0.6][: len(images)]
        return answers


def test_unsure_images_are_turned_a_little():
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 12:16] = 255
    region = as_region(np.zeros((9, 9), np.uint8))
    unsure = candidate(region, 0.6, digit=4)._replace(image=image)
    sure = candidate(region, 0.95)
    classifier = AngleClassifier()
    turned, same = turn_where_unsure([unsure, sure], classifier)
    np.testing.assert_allclose(sorted(classifier.angles), [-8, 8], atol=1)
    assert turned.confidence == pytest.approx((0.6 + 0.3 + 0.6) / 3)
    assert turned.probabilities[10] == pytest.approx(0.4 / 3)
    assert turned.image is image
    assert same is sure
