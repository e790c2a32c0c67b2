import numpy as np
import pytest

from digits.strokes import LETTERS, draw, parse, smooth


def test_a_curve_passes_through_its_points():
    points = np.array([(0, 0), (3, 1), (4, 5), (1, 6)], float)
    curve = smooth(points)
    for point in points:
        assert np.hypot(*(curve - point).T).min() < 1e-9


def test_a_point_given_twice_makes_a_corner():
    curve = smooth(np.array([(0, 0), (10, 0), (10, 0), (10, 10)], float))
    assert (curve == (10, 0)).all(axis=1).any()
    assert (curve[:, 0] < 11).all()


@pytest.mark.parametrize("name", LETTERS)
def test_letters_lie_in_their_box(name):
    for points in parse(LETTERS[name]):
        assert len(points) >= 2
        assert points.min() >= 0
        assert (points.max(axis=0) <= (0.75, 1.15)).all()


def test_no_digit_is_among_the_letters():
    # "O round" would be no better than O.
    assert not {name[0] for name in LETTERS} & set("0123456789IOSZbgilosz") - {"s"}
    assert "s" not in LETTERS


def test_draw():
    ink = np.zeros((40, 60), np.uint8)
    draw(ink, [(10, 20), (50, 20)], 4)
    assert ink[20, 30] == 255
    assert not ink[:10].any() and not ink[:, 55:].any()
