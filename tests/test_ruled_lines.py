import cv2
import numpy as np
import pytest

from digits.reading.ruled_lines import sheared, unsheared, without_lines


def lined(slope=0.0, spacing=60, value=90, upright=False):
    """Return darkness (400, 300) uint8 of ruled or squared paper."""
    y, x = np.indices((400, 300))
    darkness = np.uint8(value * ((y - slope * x) % spacing < 2))
    if upright:
        darkness = np.maximum(darkness, np.uint8(value * ((x + slope * y) % 60 < 2)))
    return darkness


def digit():
    """Return darkness (400, 300) uint8 of a 4."""
    darkness = np.zeros((400, 300), np.uint8)
    for line in ([(140, 120), (90, 230), (200, 230)], [(165, 180), (160, 290)]):
        cv2.polylines(darkness, [np.array(line)], False, 180, 7, cv2.LINE_AA)
    return darkness


@pytest.mark.parametrize("slope", [-0.1, -0.02, 0.0, 0.03, 0.12])
@pytest.mark.parametrize("upright", [False, True])
def test_lines_go_and_strokes_stay(slope, upright):
    ink = digit()
    picture = np.maximum(ink, lined(slope, upright=upright))
    cleaned = without_lines(picture, 10)
    elsewhere = cv2.dilate(ink, np.ones((9, 9))) == 0
    assert (cleaned[elsewhere] > 0).mean() < 0.002
    assert (cleaned[ink == 180] > 0).mean() > 0.97


@pytest.mark.parametrize("size", [40, 80, 300])
def test_a_digit_alone_is_no_line(size):
    one = np.zeros((size, size), np.uint8)
    cv2.line(one, (size // 2, 0), (size // 2, size), 200, size // 12)
    np.testing.assert_array_equal(without_lines(one, 10), one)
    np.testing.assert_array_equal(without_lines(digit(), 10), digit())


def test_small_pictures_have_no_lines():
    image = np.zeros((28, 28), np.uint8)
    image[10::8] = 100
    np.testing.assert_array_equal(without_lines(image, 10), image)


@pytest.mark.parametrize("slope", [-0.171, 0.0, 0.083])
def test_shearing_and_back(slope):
    mask = np.random.default_rng(0).integers(0, 2, (50, 70), np.uint8)
    np.testing.assert_array_equal(unsheared(sheared(mask, slope), slope, 50), mask)


@pytest.mark.parametrize(("width", "value"), [(1, 180), (8, 60)])
def test_a_line_alone_goes_if_it_is_thinner_or_paler(width, value):
    picture = digit()
    picture[300 : 300 + width] = value
    cleaned = without_lines(picture, 10)
    np.testing.assert_array_equal(cleaned[:290], digit()[:290])
    assert not cleaned[299:].any()


def test_a_line_alone_stays_if_it_is_like_the_strokes():
    picture = digit()
    picture[310:318] = 180
    np.testing.assert_array_equal(without_lines(picture, 10), picture)


def test_a_line_without_pixels_of_its_own():
    # Once the level bar is gone the upright one counts as a line, but each of its
    # pixels belongs to a run of ink that is longer than the line is thick.
    bars = np.zeros((60, 60), np.uint8)
    cv2.line(bars, (0, 30), (59, 20), 200, 14)
    cv2.line(bars, (10, 0), (10, 59), 200, 17)
    upright = slice(2, 19)
    cleaned = without_lines(bars, 10)
    np.testing.assert_array_equal(cleaned[:, upright], bars[:, upright])
