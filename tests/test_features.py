import numpy as np
import pytest
from skimage.measure import moments_central
from skimage.transform import AffineTransform, warp

from baselines import features
from digits import mnist
from digits.model.gradients import gradients


@pytest.fixture(scope="module")
def images():
    return mnist.load("sklearn_digits").train_images[:250]


def test_upright_is_scikit_images_affine_transform(images):
    uprights = features.upright(images[:50])
    for image, ours in zip(images[:50], uprights, strict=True):
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
        # cv2.remap rounds places to 1/32 pixel.
        np.testing.assert_allclose(ours, theirs, atol=255 / 16)


def test_upright_images_have_no_slant_and_equal_size(images):
    for image in features.upright(images[:50]):
        mu = moments_central(image.astype(float), order=2)
        assert abs(mu[1, 1] / mu[2, 0]) < 0.05
        assert abs((image.sum(axis=0) @ np.arange(28)) / image.sum() - 13.5) < 0.3
        longer = 4 * np.sqrt(max(mu[0, 2], mu[2, 0]) / mu[0, 0])
        assert 20 < longer < 23


def test_blocks_do_not_change_features(images):
    together = features.extract(images)
    assert together.shape == (250, 588) and together.dtype == np.float32
    one = features.extract(images[200:201])
    np.testing.assert_allclose(together[200], one[0], atol=1e-6)


def test_both_views_are_upright_features_and_weighted_plain_ones(images):
    both = features.extract_upright_and_plain(images)
    np.testing.assert_array_equal(both[:, :588], features.extract(images))
    plain = gradients(np.float32(images), features.CELLS, np).reshape(250, 588)
    np.testing.assert_allclose(both[:, 588:], features.PLAIN_WEIGHT * plain, atol=1e-6)


def test_a_blank_image_has_no_gradients():
    assert not features.extract(np.zeros((1, 28, 28), np.uint8)).any()
