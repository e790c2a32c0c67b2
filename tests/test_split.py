import itertools

import cv2
import numpy as np
import pytest

from conftest import region_of
from digits.reading.classify import Classified, classify
from digits.reading.segment import Region
from digits.reading.split import (
    BEND,
    cheapest_seams,
    find_cuts,
    likeliest_sequence,
    may_be_several,
    parts_between,
    split_where_better,
)
from digits.synthesis import junk


def drawn(name):
    """Return the ink of the only digit in one of assets/images, 70x100 pixels."""
    return cv2.resize(region_of(name).ink, (70, 100), interpolation=cv2.INTER_AREA)


def as_region(ink):
    height, width = ink.shape
    return Region(5, 9, width, height, ink)


@pytest.mark.parametrize(
    "names",
    [
        ("2a.jpg", "3a.jpg"),
        ("3a.jpg", "2a.jpg"),
        ("9a.jpg", "8a.jpg"),
        ("2a.jpg", "8a.jpg", "3a.jpg"),
    ],
)
def test_touching_digits_are_split(names, shipped):
    ink = drawn(names[0])
    for name in names[1:]:
        ink = junk.side_by_side(ink, drawn(name), -3)
    (candidate,) = classify([as_region(ink)], shipped)
    found = split_where_better([candidate], shipped)
    assert [part.digit for part in found] == [int(name[0]) for name in names]
    places = [part.region.x for part in found]
    assert places == sorted(places) and places[0] == 5


@pytest.mark.parametrize("name", ["0a.jpg", "8a.jpg"])
def test_a_digit_stays_whole(name, shipped):
    (candidate,) = classify([as_region(cv2.resize(drawn(name), (115, 100)))], shipped)
    unsure = candidate._replace(probabilities=0.8 * candidate.probabilities)
    assert may_be_several(unsure)
    assert split_where_better([unsure], shipped) == [unsure]


def test_pages_of_words_are_not_split(shipped):
    ink = junk.side_by_side(drawn("2a.jpg"), drawn("3a.jpg"), -3)
    classified = classify(12 * [as_region(ink)], shipped)
    assert len(split_where_better(classified[:3], shipped)) == 6
    assert split_where_better(classified, shipped) is classified


def bars(height, slant):
    """Return two bars that lean by `slant` pixels, a gap of 12 between them."""
    ink = np.zeros((height, 80), np.uint8)
    for start in 10, 38:
        corners = [(start + slant, 0), (start + 16 + slant, 0), (start + 16, height)]
        cv2.fillPoly(ink, [np.array([*corners, (start, height)])], 255)
    return ink


@pytest.mark.parametrize("height", [30, 80, 200])
@pytest.mark.parametrize("slant", [-6, 0, 6])
def test_a_seam_follows_the_gap(height, slant):
    ink = bars(height, slant)
    cuts = find_cuts(ink)
    assert cuts.shape[1] == height
    crossed = [int(ink[np.arange(height), cut].sum(dtype=int)) for cut in cuts]
    assert min(crossed) == 0
    assert (np.diff(cuts.mean(axis=1)) >= 0).all()


@pytest.mark.parametrize("width", [40, 41, 42, 43, 44, 160])
def test_seams_keep_within_the_ink(width):
    cuts = find_cuts(np.full((40, width), 255, np.uint8))
    assert len(cuts) and cuts.min() > 0 and cuts.max() < width


def test_too_narrow_for_a_seam():
    assert len(find_cuts(np.full((90, 20), 255, np.uint8))) == 0


def test_cheapest_seams_are_those_of_all():
    costs = np.random.default_rng(0).random((5, 3, 4))
    found = cheapest_seams(costs)
    rows = np.arange(5)
    for strip in range(3):
        seams = [
            (costs[rows, strip, seam].sum() + BEND * abs(np.diff(seam)).sum(), seam)
            for seam in itertools.product(range(4), repeat=5)
            if abs(np.diff(seam)).max() <= 1
        ]
        assert tuple(found[strip]) == min(seams)[1]


def test_parts_share_the_ink():
    region = as_region(bars(60, 5))
    cuts = find_cuts(region.ink)
    parts = parts_between(cuts, region)
    assert (0, len(cuts) + 1) not in parts
    total = region.ink.sum(dtype=int)
    neighbours = [
        (left, right)
        for (start, left), (right, end) in itertools.product(parts, repeat=2)
        if start == 0 and left == right and end == len(cuts) + 1
    ]
    assert neighbours
    for cut, _ in neighbours:
        first, second = parts[0, cut], parts[cut, len(cuts) + 1]
        assert first.ink.sum(dtype=int) + second.ink.sum(dtype=int) == total


def test_parts_of_a_sequence_share_the_ink():
    random = np.random.default_rng(0)
    region = as_region(np.uint8(255 * (random.random((60, 150)) < 0.2)))
    cuts = find_cuts(region.ink)
    assert (np.diff(cuts, axis=0) >= 0).all()
    parts = parts_between(cuts, region)
    last = len(cuts) + 1
    sequences = [
        (parts[0, one], parts[one, other], parts[other, last])
        for one, other in itertools.combinations(range(1, last), 2)
        if {(0, one), (one, other), (other, last)} <= parts.keys()
    ]
    assert sequences
    total = region.ink.sum(dtype=int)
    for sequence in sequences:
        assert sum(part.ink.sum(dtype=int) for part in sequence) == total


def classified_as(confidence):
    ink = np.zeros((28, 28), np.uint8)
    probabilities = np.array([confidence, *10 * [0]], np.float32)
    return Classified(as_region(ink), ink, probabilities)


def test_likeliest_sequence():
    classified = {
        (0, 1): classified_as(0.9),
        (1, 3): classified_as(0.8),
        (0, 2): classified_as(0.5),
        (2, 3): classified_as(1.0),
        (1, 2): classified_as(0.5),
    }
    confidence, sequence = likeliest_sequence(classified, 3)
    assert confidence == pytest.approx(0.72)
    assert sequence == [classified[0, 1], classified[1, 3]]
    assert likeliest_sequence(classified, 4) == (0.0, [])
