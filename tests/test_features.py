import math

import numpy as np
import pytest
from skimage.measure import moments_central
from skimage.transform import AffineTransform, warp

from baselines import features
from digits import mnist


@pytest.fixture(scope="module")
def images():
    return mnist.load("sklearn_digits").train_images[:250]


def test_upright_is_scikit_images_affine_transform(images):
    found = features.upright(images)
    for image, mine in zip(images[:50], found, strict=False):
        mass = image.sum(dtype=float)
        mu = moments_central(image.astype(float), order=2) / mass  # [down, across]
        slant = mu[1, 1] / mu[2, 0]
        sizes = 4 * np.sqrt([mu[0, 2] - slant * mu[1, 1], mu[2, 0]])
        aspect = sizes.min() / sizes.max()
        sides = np.where(
            sizes == sizes.max(), 22, 22 * np.sqrt(np.sin(np.pi / 2 * aspect))
        )
        across, down = sizes / sides
        y, x = (np.indices(image.shape) * image).sum(axis=(1, 2)) / mass
        shear = slant * down
        matrix = [
            [across, shear, x - 13.5 * (across + shear)],
            [0, down, y - 13.5 * down],
            [0, 0, 1],
        ]
        theirs = warp(image.astype(float), AffineTransform(np.array(matrix)), order=1)
        # remap counts in 32nds of a pixel, each way.
        np.testing.assert_allclose(mine, theirs, atol=255 / 16)


def test_upright_images_are_upright_and_of_a_size(images):
    for image in features.upright(images[:50]):
        mu = moments_central(image.astype(float), order=2)
        assert abs(mu[1, 1] / mu[2, 0]) < 0.05
        assert abs((image.sum(axis=0) @ np.arange(28)) / image.sum() - 13.5) < 0.3
        longer = 4 * np.sqrt(max(mu[0, 2], mu[2, 0]) / mu[0, 0])
        assert 20 < longer < 23


def slow_gradients(image):
    """The docstring's definition, pixel by pixel."""
    cells = np.zeros((12, 7, 7))
    for y in range(28):
        for x in range(28):
            dx = image[y, x + 1] - image[y, x - 1] if 0 < x < 27 else 0.0
            dy = image[y + 1, x] - image[y - 1, x] if 0 < y < 27 else 0.0
            magnitude, angle = math.hypot(dx, dy) / 255, math.atan2(dy, dx)
            for direction in range(12):
                cosine = math.cos(angle - math.radians(30 * direction))
                share = magnitude * max(cosine, 0) ** 12
                cells[direction] += share * np.outer(weights_at(y), weights_at(x))
    return np.sqrt(cells).ravel()


def weights_at(place):
    def bell(cell, pixel):
        return math.exp(-(((pixel - (4 * cell + 1.5)) / 2.4) ** 2) / 2)

    return [
        bell(cell, place) / sum(bell(cell, pixel) for pixel in range(28))
        for cell in range(7)
    ]


def test_gradients_are_those_of_the_definition(images):
    upright = features.upright(images[:3])
    found = features.gradients(upright)
    for image, mine in zip(upright.astype(float), found, strict=True):
        np.testing.assert_allclose(mine, slow_gradients(image), atol=2e-4)


def test_blocks_change_nothing(images):
    together = features.extract(images)
    assert together.shape == (250, 588) and together.dtype == np.float32
    one = features.extract(images[200:201])
    np.testing.assert_allclose(together[200], one[0], atol=1e-6)


def test_a_blank_image_has_no_gradients():
    assert not features.extract(np.zeros((1, 28, 28), np.uint8)).any()
