import cv2
import numpy as np
import pytest

from conftest import region_of
from digits.reading.classify import Classified, classify
from digits.reading.normalise import normalise
from digits.reading.segment import Region


def digit_of(image):
    """Return a digit that depends on how much ink an image has."""
    return int(image.mean()) // 12 % 10


class BrightnessClassifier:
    """Stands for a classifier: it tells images apart by `digit_of`."""

    def probabilities(self, images):
        assert images.shape[1:] == (28, 28) and images.dtype == np.uint8
        answers = np.full((len(images), 11), 0.01, np.float32)
        answers[np.arange(len(images)), [digit_of(image) for image in images]] = 0.9
        return answers


def bar(width):
    return Region(width, 0, width, 40, np.full((40, width), 255, np.uint8))


def test_each_region_has_its_own_image_and_probabilities():
    regions = [bar(width) for width in (30, 4, 16)]
    classified = classify(regions, BrightnessClassifier())
    assert [candidate.region for candidate in classified] == regions
    for candidate in classified:
        assert candidate.digit == digit_of(normalise(candidate.region.ink))
    assert len({candidate.digit for candidate in classified}) == 3


def test_no_regions(shipped):
    assert classify([], shipped) == []


@pytest.mark.parametrize("number", range(10))
def test_digits_of_the_assets(number, shipped):
    (candidate,) = classify([region_of(f"{number}a.jpg")], shipped)
    assert candidate.digit == number
    assert candidate.confidence > 0.9


def test_a_cross_is_no_digit(shipped):
    ink = np.zeros((60, 60), np.uint8)
    cv2.line(ink, (3, 3), (56, 56), 255, 5)
    cv2.line(ink, (3, 56), (56, 3), 255, 5)
    (candidate,) = classify([Region(0, 0, 60, 60, ink)], shipped)
    assert candidate.confidence < 0.5 < candidate.probabilities[10]


def test_confidence_is_that_of_a_digit():
    probabilities = np.array([0, 0.25, 0, 0, 0, 0, 0, 0, 0.125, 0, 0.625], np.float32)
    candidate = Classified(bar(4), probabilities)
    assert (candidate.digit, candidate.confidence) == (1, 0.25)
