import cv2
import numpy as np
import pytest

from digits import pens
from digits.normalise import stroke_width
from digits.pens import FINE, SIDE, with_stroke_width, written


def image_of(*lines):
    """Return a (28, 28) image of lines through points (x, y)."""
    image = np.zeros((28, 28), np.uint8)
    for line in lines:
        cv2.polylines(image, [np.array(line)], False, 255, 2, cv2.LINE_AA)
    return image


SEVEN = image_of([(8, 6), (20, 6), (12, 22)])
ONE = image_of([(14, 5), (14, 23)])
TWO = image_of([(8, 9), (14, 5), (19, 10), (9, 21), (20, 22)])
NINE = image_of([(18, 10), (12, 14), (10, 8), (18, 7), (17, 23)])


@pytest.mark.parametrize(
    ("label", "image"), [(7, SEVEN), (1, ONE), (2, TWO), (9, NINE)]
)
def test_written(label, image):
    inks = [written(image, label, np.random.default_rng(seed)) for seed in range(30)]
    for ink in inks:
        assert ink.shape == (SIDE, SIDE) and ink.dtype == np.uint8
        assert (ink >= 128).sum() > 50
    np.testing.assert_array_equal(
        inks[3], written(image, label, np.random.default_rng(3))
    )
    assert not np.array_equal(inks[3], inks[4])


@pytest.mark.parametrize("wanted", [6, 10, 16, 20])
def test_stroke_width_is_changed(wanted):
    ink = np.zeros((SIDE, SIDE), np.uint8)
    cv2.ellipse(ink, (80, 80), (45, 30), 0, 0, 360, 255, 9)
    changed = with_stroke_width(ink, stroke_width(ink), wanted)
    assert stroke_width(changed) == pytest.approx(wanted, abs=2)


def test_a_hairline_stays_in_one_piece():
    ink = np.zeros((SIDE, SIDE), np.uint8)
    cv2.ellipse(ink, (80, 80), (45, 30), 20, 0, 360, 255, 9)
    thin = with_stroke_width(ink, stroke_width(ink), FINE)
    count, *_ = cv2.connectedComponents(np.uint8(thin >= 128))
    assert count == 2  # the ground and the stroke


@pytest.mark.parametrize(
    ("label", "image"), [(7, SEVEN), (1, ONE), (2, TWO), (9, NINE)]
)
def test_additions_only_add(label, image):
    margin = (SIDE - 28 * FINE) // 2
    ink = np.pad(cv2.resize(image, None, fx=FINE, fy=FINE), margin)
    for seed in range(10):
        more = ink.copy()
        pens.ADDITIONS[label](more, stroke_width(ink), np.random.default_rng(seed))
        assert (more >= ink).all()
        assert (more > ink).any()


def test_a_crossed_seven_has_a_bar_on_both_sides():
    margin = (SIDE - 28 * FINE) // 2
    ink = np.pad(cv2.resize(SEVEN, None, fx=FINE, fy=FINE), margin)
    crossed = ink.copy()
    pens.cross_seven(crossed, stroke_width(ink), np.random.default_rng(0))
    added = (crossed > ink).any(axis=0)
    rows = (crossed > ink).any(axis=1)
    stem = np.flatnonzero((ink >= 128)[rows].any(axis=0)).mean()
    assert added[: int(stem)].any() and added[int(stem) :].any()


def test_broken_strokes_have_less_ink():
    ink = np.zeros((SIDE, SIDE), np.uint8)
    cv2.line(ink, (80, 30), (80, 130), 255, 6)
    broken = pens.broken(ink, np.random.default_rng(0))
    assert (broken <= ink).all() and (broken < ink).any()
