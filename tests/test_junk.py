import cv2
import numpy as np
import pytest
from test_pens import NINE, SEVEN

from digits.synthesis import junk
from digits.synthesis.pens import FINE, SIDE, written


@pytest.mark.parametrize("kind", [junk.letter, junk.scribble, junk.blot])
def test_kinds(kind):
    inks = [kind(np.random.default_rng(seed)) for seed in range(20)]
    for ink in inks:
        assert ink.shape == (SIDE, SIDE) and ink.dtype == np.uint8
        assert ink.any()
    np.testing.assert_array_equal(inks[5], kind(np.random.default_rng(5)))
    assert len({ink.tobytes() for ink in inks}) == 20


def test_letters_are_as_high_as_digits():
    heights = [
        np.ptp(np.nonzero(junk.letter(np.random.default_rng(seed)) >= 128)[0])
        for seed in range(40)
    ]
    assert 0.7 * 20 * FINE < np.quantile(heights, 0.75) < 1.3 * 20 * FINE


def test_blots_are_small_and_of_any_darkness():
    shares = []
    for seed in range(40):
        rows, columns = np.nonzero(junk.blot(np.random.default_rng(seed)))
        radius = np.hypot(0.5 * (columns - SIDE / 2), rows - SIDE / 2).max()
        assert radius < 11 * FINE
        shares.append(len(rows) / (np.pi * 11**2 * FINE**2))
    assert min(shares) < 0.1 and max(shares) > 0.5


def test_a_half_is_a_part_and_never_narrow():
    empty = sides = 0
    for seed in range(30):
        half = junk.half(SEVEN, 7, np.random.default_rng(seed))
        whole = written(SEVEN, 7, np.random.default_rng(seed))
        assert (half <= whole).all() and (half < whole).any()
        if not half.any():
            empty += 1
            continue
        x, _, width, height = cv2.boundingRect(half)
        assert width > 0.4 * height
        sides += x == cv2.boundingRect(whole)[0]
    assert empty < 20
    assert 0 < sides < 30 - empty  # left parts and right ones


def test_a_pair_touches():
    images, labels = np.array([SEVEN, NINE]), np.array([7, 9])
    touching = 0
    for seed in range(10):
        ink = junk.pair(images, labels, np.random.default_rng(seed))
        count, *_ = cv2.connectedComponents(np.uint8(ink >= 128))
        touching += count == 2
    assert touching >= 6  # the others are broken, or touch in their blurred rims


@pytest.mark.parametrize(
    ("gap", "row"), [(3, [1] * 4 + [0] * 3 + [1] * 4), (0, [1] * 8), (-1, [1] * 7)]
)
def test_side_by_side_leaves_the_gap_that_is_asked_for(gap, row):
    box = np.full((10, 4), 255, np.uint8)
    ink = junk.side_by_side(np.pad(box, 2), np.pad(box, 5), gap)
    np.testing.assert_array_equal(ink[5] > 0, row)


def test_digits_side_by_side_stand_on_one_line():
    high, low = np.full((10, 4), 255, np.uint8), np.full((6, 4), 99, np.uint8)
    ink = junk.side_by_side(high, low, 2)
    np.testing.assert_array_equal(ink[:, 8], [0] * 4 + [99] * 6)


def test_the_gap_is_where_digits_come_closest():
    # A slope and its mirror image, of which only the lowest rows come close.
    slope = np.tril(np.full((10, 10), 255, np.uint8))
    ink = junk.side_by_side(slope, slope[:, ::-1], 3)
    assert [np.count_nonzero(row == 0) for row in ink] == [*range(21, 1, -2)]
