import cv2
import numpy as np
import pytest

from digits import paper


def ink():
    ink = np.zeros((120, 100), np.uint8)
    cv2.circle(ink, (50, 60), 30, 255, 6, cv2.LINE_AA)
    return ink


def test_photographs_are_the_seeds():
    pictures = [
        paper.photograph(ink(), 60, np.random.default_rng(s)) for s in range(40)
    ]
    for picture in pictures:
        assert picture.shape == (120, 100, 3) and picture.dtype == np.uint8
    again = paper.photograph(ink(), 60, np.random.default_rng(7))
    np.testing.assert_array_equal(pictures[7], again)
    assert len({picture.tobytes() for picture in pictures}) > 35


def test_a_drawing_has_two_colours():
    solid = np.zeros((40, 40), np.uint8)
    solid[10:30, 15:25] = 255
    drawn = paper.drawing(solid, np.random.default_rng(0))
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) == 2


@pytest.mark.parametrize("rule", [paper.ruled, paper.squared, paper.dotted])
def test_rulings(rule):
    lines = rule((300, 400), 60, np.random.default_rng(1))
    assert lines.shape == (300, 400)
    assert lines.min() >= 0 and lines.max() <= 1
    assert 0 < (lines > 0.5).mean() < 0.4


def test_parallels_are_so_far_apart():
    lines = paper.parallels((300, 40), 50, 60, np.random.default_rng(0), 0.0)
    starts = np.flatnonzero(np.diff(np.int8(lines[:, 0] > 0.5)) == 1)
    assert (np.diff(starts) == 50).all() and len(starts) >= 5


def test_light_is_positive():
    for seed in range(20):
        light = paper.light((60, 80), np.random.default_rng(seed))
        assert light.shape == (60, 80)
        assert 0.2 < light.min() <= light.max() <= 1
