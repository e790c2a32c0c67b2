import cv2
import numpy as np
import pytest

from digits.reading.ink import extract_ink, flat_paper, is_light_on_dark

SHAPE = (300, 240)


def strokes(width):
    """Return ink (H, W) float32, 0 to 1, of a 4 in strokes of `width` pixels."""
    ink = np.zeros(SHAPE, np.uint8)
    for line in ([(120, 60), (70, 170), (170, 170)], [(140, 120), (140, 240)]):
        cv2.polylines(ink, [np.array(line)], False, 255, width, cv2.LINE_AA)
    return ink.astype(np.float32) / 255


def picture(ink, paper, pen, noise=0.0):
    """Return a BGR picture; paper: a number, BGR or (H, W, 1); pen: the ink's BGR."""
    paper = np.broadcast_to(np.float32(paper), (*SHAPE, 3))
    mixed = paper * (1 - ink[..., None]) + np.float32(pen) * ink[..., None]
    mixed += np.random.default_rng(0).normal(0, noise, (*SHAPE, 1)) if noise else 0
    return np.clip(mixed, 0, 255).astype(np.uint8)


LAMP = np.linspace(90, 250, SHAPE[1])[None, :, None].repeat(SHAPE[0], 0)


@pytest.mark.parametrize(
    ("paper", "pen", "noise"),
    [
        (255, (0, 0, 0), 0),
        (240, (150, 60, 25), 3),
        (240, (40, 40, 190), 3),
        (235, (195, 195, 195), 3),
        ((0, 242, 255), (30, 80, 245), 0),
        (LAMP, (30, 30, 30), 4),
        (20, (250, 250, 250), 3),
        (60, (220, 240, 230), 3),
    ],
    ids=["black", "blue", "red", "pencil", "yellow", "lamp", "board", "chalk"],
)
@pytest.mark.parametrize("width", [3, 8, 20])
def test_ink_is_found_whatever_the_light(paper, pen, noise, width):
    ink = strokes(width)
    found = extract_ink(picture(ink, paper, pen, noise))
    assert found.dtype == np.uint8
    assert found.shape == SHAPE
    assert np.percentile(found[ink > 0.99], 10) > 150
    assert np.percentile(found[ink == 0], 98) < 60


def test_the_faintest_pencil():
    ink = strokes(3)
    found = extract_ink(picture(ink, 253, (243, 243, 243)))
    assert np.percentile(found[ink > 0.99], 10) > 150


@pytest.mark.parametrize("value", [20, 100, 235])
@pytest.mark.parametrize("noise", [0, 4])
def test_blank_paper_has_no_ink(value, noise):
    found = extract_ink(picture(np.zeros(SHAPE, np.float32), value, (0, 0, 0), noise))
    assert (found > 127).mean() < 1e-4


def test_polarity():
    ink = strokes(8)
    assert not is_light_on_dark(picture(ink, 230, (20, 20, 20)))
    assert is_light_on_dark(picture(ink, 20, (230, 230, 230)))


@pytest.mark.parametrize("shape", [(8, 1600), (1600, 8), (8, 8)])
def test_extreme_shapes(shape):
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    assert extract_ink(noise).shape == shape


def test_faint_marks_are_no_pen():
    picture = np.full((*SHAPE, 3), 255, np.uint8)
    picture[20:120, 20:120] = 235  # a large pale patch …
    picture[150:250, 100:106] = 55  # … and a stroke
    found = extract_ink(picture)
    assert found[200, 103] == 255
    assert found[60, 60] < 60


def test_a_drawings_ground_is_flat():
    picture = np.full((*SHAPE, 3), (200, 230, 240), np.uint8)
    picture[100:200, 100:120] = 30
    assert flat_paper(picture) == (200, 230, 240, 0)
    noisy = picture + np.random.default_rng(0).normal(0, 3, picture.shape)
    assert flat_paper(np.clip(noisy, 0, 255).astype(np.uint8)) is None
