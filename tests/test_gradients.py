import math

import keras
import numpy as np
import pytest

from digits import mnist
from digits.model.gradients import gradients


@pytest.fixture(scope="module")
def images():
    return np.float32(mnist.read_sklearn_digits()[0][:5])


def slow_gradients(image, cells):
    """The docstring's definition, pixel by pixel."""
    gathered = np.zeros((12, cells, cells))
    weights = [weights_at(place, cells) for place in range(28)]
    for y in range(28):
        for x in range(28):
            dx = image[y, x + 1] - image[y, x - 1] if 0 < x < 27 else 0.0
            dy = image[y + 1, x] - image[y - 1, x] if 0 < y < 27 else 0.0
            magnitude, angle = math.hypot(dx, dy) / 255, math.atan2(dy, dx)
            cosines = [math.cos(angle - math.radians(30 * each)) for each in range(12)]
            shares = [magnitude * max(cosine, 0) ** 12 for cosine in cosines]
            gathered += np.multiply.outer(shares, np.outer(weights[y], weights[x]))
    return np.sqrt(gathered)


def weights_at(place, cells):
    side = 28 / cells

    def bell(cell, pixel):
        middle = side * (cell + 0.5) - 0.5
        return math.exp(-(((pixel - middle) / (0.6 * side)) ** 2) / 2)

    return [
        bell(cell, place) / sum(bell(cell, pixel) for pixel in range(28))
        for cell in range(cells)
    ]


@pytest.mark.parametrize("cells", [7, 14])
def test_gradients_are_those_of_the_definition(images, cells):
    for image, found in zip(images, gradients(images, cells, np), strict=True):
        expected = slow_gradients(image.astype(float), cells)
        np.testing.assert_allclose(found, expected, atol=2e-4)


def test_gradients_are_the_same_in_keras(images):
    found = gradients(keras.ops.array(images), 14, keras.ops)
    found = keras.ops.convert_to_numpy(found)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, gradients(images, 14, np), atol=1e-4)


def test_a_blank_image_has_no_gradients():
    assert not gradients(np.zeros((1, 28, 28), np.float32), 7, np).any()
