import cv2
import numpy as np
import pytest

from digits.reading.crop import blackened, crop, window

FINE = 8  # pixels of the drawing for one of the picture


def zero(shape, box, paper=230, ink=60, pen=0.12):
    """Return a picture of a 0 that fills a box (x, y, width, height), drawn finely.

    pen: of the box's height.
    """
    x, y, width, height = (FINE * length for length in box)
    pen = max(1, round(pen * height))
    canvas = np.zeros((FINE * shape[0], FINE * shape[1]), np.uint8)
    middle = round(x + width / 2), round(y + height / 2)
    axes = round((width - pen) / 2), round((height - pen) / 2)
    cv2.ellipse(canvas, middle, axes, 0, 0, 360, 255, pen)
    share = cv2.resize(canvas, shape[::-1], interpolation=cv2.INTER_AREA) / 255
    return (paper + (ink - paper) * share).astype(np.uint8)


def assert_as_in_mnist(image, tolerance=1):
    """Assert that an image shows an upright 0, 20 pixels high, in the middle."""
    assert image.shape == (28, 28) and image.dtype == np.uint8
    x, y, width, height = cv2.boundingRect((image > 127).astype(np.uint8))
    assert abs(height - 20) <= tolerance and abs(width - 12) <= tolerance
    assert abs(x + width / 2 - 14) <= 0.5 and abs(y + height / 2 - 14) <= 0.5
    assert image.max() == 255 and np.median(image) == 0
    assert image[12:16, 12:16].max() < 30  # the hole


@pytest.mark.parametrize("height", [10, 14, 20, 21, 29, 47, 100, 333])
@pytest.mark.parametrize("paper, ink", [(255, 0), (230, 60), (140, 100), (60, 45)])
def test_any_size_and_contrast(height, paper, ink):
    box = 0.8 * height, 0.6 * height, 0.6 * height, height
    picture = zero((int(2.3 * height), int(2.2 * height)), box, paper, ink)
    assert_as_in_mnist(crop(picture, np.array(box)), 1 if height > 14 else 2)


@pytest.mark.parametrize("height", [16.5, 20, 41.3, 90])
def test_the_same_image_wherever_it_stands(height):
    """A picture's grid and the fractions of a pixel do not matter."""
    shape = int(2 * height), int(2 * height)
    expected = zero((28, 28), (8, 4, 12, 20), 255, 0)
    for shift in (0, 0.25, 0.5, 0.875):
        box = 10 + shift, 9 + shift, 0.6 * height, height
        found = window(
            zero(shape, box, 255, 0),
            box[0] + box[2] / 2,
            box[1] + box[3] / 2,
            1.4 * height,
        )
        assert np.abs(found.astype(int) - expected).mean() < 6


def test_the_window_is_the_mean_of_its_pixels():
    gray = np.random.default_rng(0).integers(0, 256, (90, 120), np.uint8)
    np.testing.assert_array_equal(window(gray, 50, 40, 28), gray[26:54, 36:64])
    blocks = gray[12:68, 22:78].reshape(28, 2, 28, 2)
    found = window(gray, 50, 40, 56).astype(float)
    np.testing.assert_allclose(found, blocks.mean(axis=(1, 3)), atol=1)


@pytest.mark.parametrize("x, y", [(0, 0), (59, 0), (3, 79), (59.9, 79.9), (30, 40)])
@pytest.mark.parametrize("side", [3, 28, 200])
def test_beyond_the_picture_is_paper(x, y, side):
    gray = np.full((80, 60), 200, np.uint8)
    gray[::5, ::5] = 40
    padded = np.pad(gray, 150, constant_values=200)
    found = window(gray, x, y, side).astype(int)
    np.testing.assert_allclose(found, window(padded, x + 150, y + 150, side), atol=1)


def test_a_digit_at_the_border():
    picture = zero((100, 80), (0, 0, 30, 50))
    assert_as_in_mnist(crop(picture, np.array([0, 0, 30, 50])))
    corner = zero((100, 80), (50, 50, 30, 50))
    assert_as_in_mnist(crop(corner, np.array([50, 50, 30, 50])))


@pytest.mark.parametrize("size", [(0.2, 0.3), (0.01, 2), (1, 1)])
def test_boxes_of_less_than_a_pixel(size):
    gray = np.full((9, 9), 200, np.uint8)
    gray[4, 4] = 20
    image = crop(gray, np.array([4.5 - size[0] / 2, 4.5 - size[1] / 2, *size]))
    assert image.shape == (28, 28)
    assert image[14, 14] > 150


def test_a_picture_wider_than_opencv_warps():
    gray = np.full((30, 40_000), 255, np.uint8)
    gray[5:25, 39_000:39_004] = 0
    image = crop(gray, np.array([39_000, 5, 4, 20]))
    np.testing.assert_array_equal(np.flatnonzero(image[14] > 127), [12, 13, 14, 15])


@pytest.mark.parametrize("level", [0, 128, 255])
def test_empty_paper_stays_empty(level):
    gray = np.full((50, 50), level, np.uint8)
    assert not crop(gray, np.array([10, 10, 20, 30])).any()
    gray[::2, ::2] ^= 1  # noise of one gray level is not made black
    assert crop(gray, np.array([10, 10, 20, 30])).max() <= 64


def test_blackened():
    gray = np.full((28, 28), 200, np.uint8)
    gray[5:23, 10:14] = 100
    gray[5:23, 14] = 150
    gray[0, 0] = 250  # glare
    image = blackened(gray)
    assert image[10, 10:16].tolist() == [255, 255, 255, 255, 127, 0]
    assert image[0, 0] == 0
