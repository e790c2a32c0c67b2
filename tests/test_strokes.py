import numpy as np
import pytest
from scipy.interpolate import CubicHermiteSpline

from digits.synthesis.strokes import LETTERS, LIKE_DIGITS, draw, parse, smooth


def test_a_curve_passes_through_its_points():
    points = np.array([(0, 0), (3, 1), (4, 5), (1, 6)], float)
    curve = smooth(points)
    for point in points:
        assert np.hypot(*(curve - point).T).min() < 1e-9


def test_the_curve_is_scipys_hermite_spline_of_catmull_and_roms_tangents():
    points = np.random.default_rng(0).normal(0, 1, (6, 2))
    extended = np.array([points[0], *points, points[-1]])
    tangents = (extended[2:] - extended[:-2]) / 2
    spline = CubicHermiteSpline(np.arange(6), points, tangents)
    np.testing.assert_allclose(smooth(points, 8), spline(np.arange(41) / 8), atol=1e-12)


def test_a_point_given_twice_makes_a_corner():
    curve = smooth(np.array([(0, 0), (10, 0), (10, 0), (10, 10)], float))
    assert (curve == (10, 0)).all(axis=1).any()
    assert (curve[:, 0] < 11).all()


def test_parse():
    first, second = parse(["3,100 35,0", "15,62 56,62 70,5"])
    assert first.tolist() == [[0.03, 1], [0.35, 0]]
    assert second.tolist() == [[0.15, 0.62], [0.56, 0.62], [0.7, 0.05]]


@pytest.mark.parametrize("name", LETTERS)
def test_letters_lie_in_their_box(name):
    for points in parse(LETTERS[name]):
        assert len(points) >= 2
        assert points.min() >= 0
        assert (points.max(axis=0) <= (0.75, 1.15)).all()


def test_no_letter_looks_like_a_digit():
    letters = {name.split()[0] for name in LETTERS}
    assert not letters & set("0123456789IOSZbgilosz")
    assert {name.split()[0] for name in LIKE_DIGITS} == set("IOSZbgilosz")


@pytest.mark.parametrize("width", [1, 4, 9.4])
def test_draw(width):
    ink = np.zeros((40, 60), np.uint8)
    draw(ink, np.array([(10, 20), (50.4, 20.2)]), width)
    # OpenCV's smoothed lines are one to three pixels wider than it is told.
    assert ink[20, 30] > 200
    assert width - 0.5 <= ink[:, 30].sum() / 255 <= width + 3
    assert not ink[:13].any() and not ink[:, 58:].any()
