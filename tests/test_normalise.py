import cv2
import numpy as np
import pytest

from digits.image import SIZE, stroke_width
from digits.reading.normalise import evened, normalise, thicken


def ring(size, stroke):
    ink = np.zeros((size, size), np.uint8)
    cv2.circle(
        ink, (size // 2,) * 2, (size - stroke) // 2 - 1, 255, stroke, cv2.LINE_AA
    )
    return ink


def middle_of(image):
    """Return (x, y) of an image's mass, without the code under test."""
    moments = cv2.moments(image)
    return moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]


@pytest.mark.parametrize(("size", "stroke"), [(24, 3), (100, 3), (100, 20), (900, 9)])
def test_image_is_like_mnists(size, stroke):
    image = normalise(ring(size, stroke))
    assert image.shape == (SIZE, SIZE)
    assert image.dtype == np.uint8
    _, _, width, height = cv2.boundingRect((image > 30).astype(np.uint8))
    assert 18 <= max(width, height) <= 20
    assert image.max() > 230  # a hairline too is ink
    np.testing.assert_allclose(middle_of(image), 13.5, atol=0.6)


def test_aspect_is_kept():
    image = normalise(np.full((100, 20), 255, np.uint8))
    assert cv2.boundingRect(image)[2:] == (4, 20)


@pytest.mark.parametrize("width", range(1, 25))
def test_bars_of_every_width(width):
    image = normalise(np.full((80, width), 255, np.uint8))
    np.testing.assert_allclose(middle_of(image), 13.5, atol=0.5)


@pytest.mark.parametrize("width", [5, 9, 15])
def test_stroke_width(width):
    ink = np.zeros((120, 120), np.uint8)
    ink[60 : 60 + width, 10:110] = 255
    assert stroke_width(ink) == pytest.approx(width, abs=1.5)


def test_only_thin_strokes_are_thickened():
    thick = ring(80, 14)
    assert thicken(thick) is thick
    assert thicken(ring(80, 2)).sum() > 2 * ring(80, 2).sum()


def test_no_ink():
    assert not normalise(np.zeros((5, 5), np.uint8)).any()


def test_mnist_stays_mnist(real_mnist, shipped):
    """Digits cut out of MNIST's test images come back as they were, nearly all."""
    images, labels = real_mnist.test_images[:1000], real_mnist.test_labels[:1000]
    normalised = []
    for image in images:
        x, y, width, height = cv2.boundingRect(image)
        normalised.append(normalise(image[y : y + height, x : x + width]))
    errors = (
        shipped.probabilities(np.array(normalised)).argmax(axis=1) != labels
    ).sum()
    assert errors <= 12


def test_unevenly_pressed_strokes_become_even():
    ink = np.zeros((60, 60), np.uint8)
    ink[10:50, 10:16] = 120  # the pen was pressed less …
    ink[44:50, 10:30] = 255  # … than here
    image = normalise(ink)
    strokes = image[image > 40]
    assert (strokes == 255).mean() > 0.5
    np.testing.assert_array_equal(evened(np.zeros((9, 9), np.uint8)), 0)
