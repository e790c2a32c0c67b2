import cv2
import numpy as np
import pytest
from test_pens import Scripted

from digits.synthesis import paper


def ink():
    ink = np.zeros((120, 100), np.uint8)
    cv2.circle(ink, (50, 60), 30, 255, 6, cv2.LINE_AA)
    return ink


def generators(count):
    return [np.random.default_rng(seed) for seed in range(count)]


def test_a_seed_decides_on_the_photograph():
    pictures = [paper.photograph(ink(), 60, random) for random in generators(40)]
    for picture in pictures:
        assert picture.shape == (120, 100, 3) and picture.dtype == np.uint8
    same = paper.photograph(ink(), 60, np.random.default_rng(7))
    np.testing.assert_array_equal(pictures[7], same)
    assert len({picture.tobytes() for picture in pictures}) > 35


def test_ink_on_a_photograph_is_darker_than_its_paper(monkeypatch):
    monkeypatch.setattr(paper, "DRAWINGS", 0)
    monkeypatch.setattr(paper, "RULINGS", [paper.no_lines] * 4)
    solid = np.zeros((60, 60), np.uint8)
    solid[20:40, 20:40] = 255
    contrasts = []
    for random in generators(40):
        gray = paper.photograph(solid, 20, random).mean(axis=2)
        outside = gray[10:50, 10:50][np.pad(solid[15:45, 15:45], 5) == 0].mean()
        contrasts.append(outside - gray[22:38, 22:38].mean())
    assert min(contrasts) > 5 and max(contrasts) > 120


def test_a_quarter_of_the_pictures_are_drawings(monkeypatch):
    calls = []
    monkeypatch.setattr(paper, "drawing", lambda *arguments: calls.append(arguments))
    for random in generators(200):
        paper.photograph(ink(), 60, random)
    assert 35 <= len(calls) <= 65


def test_drawings_have_two_colours_dark_on_light_or_light_on_dark():
    solid = np.zeros((40, 40), np.uint8)
    solid[10:30, 15:25] = 255
    light_on_dark = 0
    for random in generators(40):
        picture = paper.drawing(solid, random)
        ground, pen = picture[0, 0].astype(int), picture[20, 20].astype(int)
        np.testing.assert_array_equal(picture[solid > 0], [pen] * 200)
        np.testing.assert_array_equal(picture[solid == 0], [ground] * 1400)
        assert (abs(ground - pen) > 0.35 * 255).all()
        light_on_dark += (pen > ground).all()
    assert 8 <= light_on_dark <= 24


def test_half_covered_pixels_of_a_drawing_are_half_way():
    half = np.full((2, 2), 255, np.uint8)
    half[0] = 51  # a fifth
    picture = paper.drawing(half, Scripted(*[0.5] * 6, 0.1, 0.9)).astype(int)
    assert picture[0, 0].tolist() == [204] * 3 and picture[1, 0].tolist() == [0] * 3


def test_colours_of_paper_and_pens():
    pens = np.array(list(paper.PENS.values())) / 255
    found = set()
    for random in generators(60):
        tint = paper.tint(random)
        assert (tint >= 0.6 * 0.88).all() and (tint <= 1).all()
        colour = paper.pen_colour(random)
        assert (colour >= 0).all() and (colour <= 1).all()
        distances = abs(pens - colour).max(axis=1)
        assert distances.min() < 4 * 15 / 255
        found.add(int(distances.argmin()))
    assert found == set(range(5))


def test_pressure():
    solid = np.full((50, 50), 255, np.uint8)
    solid[:, 25:] = 0
    strengths, grains = [], []
    for random in generators(60):
        covered = paper.pressed(solid, random)
        assert covered.dtype == np.float32
        assert not covered[:, 25:].any()
        assert covered.min() >= 0 and covered.max() <= 1
        strengths.append(covered[:, :25].mean())
        grains.append(np.diff(covered[:, :25], axis=0).std() / np.sqrt(2))
    assert 0.3 < min(strengths) < 0.55 and max(strengths) > 0.9
    assert max(grains) < 0.21 and np.median(grains) > 0.04


def test_clouds_are_smooth_noise():
    for random in generators(5):
        fine = paper.clouds((300, 200), 6, random)
        assert fine.shape == (300, 200) and fine.dtype == np.float32
        assert abs(np.diff(fine, axis=0)).max() < 0.15
        assert 0.4 < fine.std() < 1.3


def test_texture_is_faint():
    for random in generators(20):
        texture = paper.texture((100, 150), 40, random)
        assert texture.shape == (100, 150)
        assert texture.mean() == pytest.approx(1, abs=0.02)
        assert 0 < texture.std() < 0.03


def test_light_is_a_slope_and_sometimes_a_shadow():
    shadows, darkest = 0, 1.0
    for random in generators(60):
        light = paper.light((60, 80), random).astype(float)
        assert light.shape == (60, 80)
        assert 0.25 <= light.min() <= light.max() <= 1 + 1e-6
        shadows += abs(np.diff(light, 2, axis=1)).max() > 1e-5
        if abs(np.diff(light, 2, axis=1)).max() < 1e-5:
            darkest = min(darkest, light.min())
            assert light.max() == pytest.approx(1)
    assert 9 <= shadows <= 27
    assert 0.5 <= darkest < 0.6


def test_a_shadow_is_dark_on_one_side_of_its_edge():
    # Even light; the shadow's edge is upright and in the middle.
    shares = [0, 0, 0.1, 0, 0.5, 0, 1]
    light = paper.light((60, 80), Scripted(*shares))
    np.testing.assert_allclose(light[:, :30], 0.5, atol=1e-3)
    np.testing.assert_allclose(light[:, 50:], 1, atol=1e-3)


@pytest.mark.parametrize("rule", [paper.ruled, paper.squared, paper.dotted])
def test_rulings(rule):
    for random in generators(10):
        lines = rule((300, 400), 60, random)
        assert lines.shape == (300, 400)
        assert lines.min() >= 0 and lines.max() <= 1
        assert 0 < (lines > 0.5).mean() < 0.4


def test_squares_are_lines_both_ways_and_dots_are_where_they_cross():
    def components(rule):
        lines = rule((300, 300), 60, np.random.default_rng(2))
        return cv2.connectedComponents(np.uint8(lines > 0.5))[0] - 1

    assert components(paper.squared) == 1
    assert components(paper.dotted) > 15
    assert 2 < components(paper.ruled) < 8


def test_blank_paper_has_no_lines():
    assert not paper.no_lines((30, 40), 60, np.random.default_rng(0)).any()


def test_sheets_are_turned_by_two_degrees():
    angles = [np.rad2deg(paper.tilt(random)) for random in generators(400)]
    assert np.mean(angles) == pytest.approx(0, abs=0.4)
    assert np.std(angles) == pytest.approx(2, abs=0.25)


@pytest.mark.parametrize(("angle", "axis"), [(0.0, 0), (np.pi / 2, 1)])
def test_parallels_are_as_far_apart_as_asked_for(angle, axis):
    random = np.random.default_rng(0)
    lines = paper.parallels((300, 300), 50, 60, random, angle)
    profile = lines.take(7, axis=1 - axis)
    assert np.ptp(lines, axis=1 - axis).max() < 1e-3
    starts = np.flatnonzero(np.diff(np.int8(profile > 0.5)) == 1)
    assert (np.diff(starts) == 50).all() and len(starts) >= 5


@pytest.mark.parametrize(("share", "width"), [(0, 4), (1, 20)])
def test_parallels_are_as_wide_as_the_digits_height_says(share, width):
    lines = paper.parallels((300, 10), 100, 400, Scripted(0.5, share), 0.0)
    assert lines[:, 0].sum() / 3 == pytest.approx(width, abs=1)


def test_a_tilted_line_rises():
    lines = paper.parallels((200, 200), 1000, 100, Scripted(0.9, 0), 0.1)
    rows = [np.average(np.arange(200), weights=lines[:, x]) for x in (20, 180)]
    assert rows[1] - rows[0] == pytest.approx(160 * np.tan(0.1), abs=1)


def test_a_camera_blurs_and_adds_noise():
    edge = np.zeros((200, 200, 3), np.float32)
    edge[:, 100:] = 200
    widths, noises = [], []
    for random in generators(60):
        stored = paper.taken(edge, 400, random)
        assert stored.shape == edge.shape and stored.dtype == np.uint8
        profile = stored[..., 0].mean(axis=0)
        widths.append(np.count_nonzero((profile > 20) & (profile < 180)))
        noises.append(stored[:, 160:, 0].std())
    assert min(widths) <= 4 and 15 < max(widths) < 40
    assert 3 < max(noises) < 6.5


def test_small_digits_are_not_blurred():
    edge = np.zeros((50, 50, 3), np.float32)
    edge[:, 25:] = 200
    stored = paper.taken(edge, 10, Scripted(1, 0, 0.9))
    np.testing.assert_array_equal(stored, edge)


def test_most_pictures_are_compressed(monkeypatch):
    qualities = []
    encode = cv2.imencode

    def record(name, picture, parameters):
        assert name == ".jpg" and parameters[0] == cv2.IMWRITE_JPEG_QUALITY
        qualities.append(parameters[1])
        return encode(name, picture, parameters)

    monkeypatch.setattr(cv2, "imencode", record)
    for random in generators(100):
        paper.taken(np.full((30, 30, 3), 120, np.float32), 40, random)
    assert 45 <= len(qualities) <= 75
    assert 35 <= min(qualities) < 45 and 85 < max(qualities) <= 95
