import cv2
import numpy as np
import pytest
from test_pens import NINE, SEVEN

from digits import junk
from digits.pens import SIDE, written


@pytest.mark.parametrize("kind", [junk.letter, junk.scribble, junk.blot])
def test_kinds(kind):
    inks = [kind(np.random.default_rng(seed)) for seed in range(20)]
    for ink in inks:
        assert ink.shape == (SIDE, SIDE) and ink.dtype == np.uint8
        assert ink.any()
    np.testing.assert_array_equal(inks[5], kind(np.random.default_rng(5)))


def test_a_half_is_a_part_and_never_narrow():
    for seed in range(30):
        half = junk.half(SEVEN, 7, np.random.default_rng(seed))
        whole = written(SEVEN, 7, np.random.default_rng(seed))
        assert (half <= whole).all() and (half < whole).any()
        if half.any():
            _, _, width, height = cv2.boundingRect(half)
            assert width > junk.NARROW * height


def test_a_pair_is_one_piece_of_both():
    images, labels = np.array([SEVEN, NINE]), np.array([7, 9])
    touching = 0
    for seed in range(10):
        ink = junk.pair(images, labels, np.random.default_rng(seed))
        count, *_ = cv2.connectedComponents(np.uint8(ink >= 128))
        touching += count == 2
    assert touching >= 6  # others are broken, or touch in their blurred rims


def test_joined_leaves_the_gap_that_is_asked_for():
    box = np.full((10, 4), 255, np.uint8)
    ink = junk.side_by_side(box, box, 3)
    np.testing.assert_array_equal(ink[5] > 0, [1] * 4 + [0] * 3 + [1] * 4)
