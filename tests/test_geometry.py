import keras
import numpy as np
import pytest
import tensorflow as tf

from baselines import features
from digits import mnist
from digits.model import geometry


@pytest.fixture(scope="module")
def pixels():
    return np.float32(mnist.read_sklearn_digits()[0][:300, ..., None])


def test_upright_against_opencv(pixels):
    """The classical methods' own code, by cv2.remap, is the oracle.

    It takes a 32nd of a pixel as the smallest step.
    """
    found = geometry.upright(pixels, np)
    expected = features.upright(pixels[..., 0])[..., None]
    assert found.shape == pixels.shape and found.dtype == np.float32
    assert abs(found - expected).max() < 255 / 32
    assert abs(found - pixels).max() > 200


def test_upright_is_the_same_in_all_frameworks(pixels):
    expected = geometry.upright(pixels, np)
    in_tensorflow = geometry.upright(tf.constant(pixels), tf.experimental.numpy)
    in_keras = geometry.upright(keras.ops.array(pixels), keras.ops)
    for found in (in_tensorflow, in_keras):
        assert found.dtype == tf.float32
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-2)


def test_upright_undoes_a_slant(pixels):
    places = np.arange(28) - 13.5
    slanted = np.zeros_like(pixels)
    for row, place in enumerate(places):
        slanted[:, row] = np.roll(pixels[:, row], round(0.25 * place), axis=1)
    before = abs(slanted - pixels).mean()
    after = abs(geometry.upright(slanted, np) - geometry.upright(pixels, np)).mean()
    assert after < before / 3


def spread(pixels):
    """Return the centre (2,) and the covariance (2, 2) of each image: x, y."""
    y, x = np.indices((28, 28)) - 13.5
    centres, covariances = [], []
    for image in pixels[..., 0]:
        points = np.array([x.ravel(), y.ravel()])
        centres.append(np.average(points, axis=1, weights=image.ravel()))
        covariances.append(np.cov(points, aweights=image.ravel(), bias=True))
    return np.array(centres), np.array(covariances)


def test_upright_digits_are_centred_and_of_equal_size(pixels):
    centres, covariances = spread(geometry.upright(pixels, np))
    # Without slant: x does not depend on y.
    slants = covariances[:, 0, 1] / covariances[:, 1, 1]
    assert abs(np.median(slants)) < 0.01 and abs(slants).max() < 0.1
    assert abs(centres).max() < 1
    sides = 4 * np.sqrt(np.array([covariances[:, 0, 0], covariances[:, 1, 1]]))
    # Interpolation makes strokes a little wider.
    assert np.median(sides.max(axis=0)) == pytest.approx(22, abs=0.6)


def test_narrow_digits_become_wider_but_stay_narrow():
    """By the formula of Liu et al., sqrt(sin(pi / 2 * ratio))."""
    stem = np.zeros((1, 28, 28, 1), np.float32)
    stem[:, 6:22, 11:17] = 255
    _, (before,) = spread(stem)
    _, (after,) = spread(geometry.upright(stem, np))
    old = np.sqrt(before[0, 0] / before[1, 1])
    new = np.sqrt(after[0, 0] / after[1, 1])
    assert new == pytest.approx(np.sqrt(np.sin(np.pi / 2 * old)), abs=0.03)
    assert geometry.side_of(1.0, np) == pytest.approx(22)
    assert geometry.side_of(1 / 3, np) == pytest.approx(22 * np.sqrt(0.5))


def test_a_line_of_one_pixel_is_not_blown_up():
    """Its variance, 0, counts as 0.3, that is a width of 4 * sqrt(0.3) = 2.2 pixels.

    For its height of 23 pixels that becomes 8.5: the line is 3.9 times as wide.
    """
    line = np.zeros((1, 28, 28, 1), np.float32)
    line[:, 4:24, 14] = 255
    row = geometry.upright(line, np)[0, 14, :, 0]
    assert row.sum() / 255 == pytest.approx(3.87, abs=0.1)


def test_a_blank_image_stays_blank():
    blank = np.zeros((2, 28, 28, 1), np.float32)
    np.testing.assert_array_equal(geometry.upright(blank, np), blank)


def test_no_movement_is_the_identity():
    none = geometry.transforms(np.zeros((6, 3), np.float32), np)
    np.testing.assert_allclose(none, [[1, 0, 0, 0, 1, 0, 0, 0]] * 3, atol=1e-6)


@pytest.mark.parametrize("part", range(6))
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_largest_transforms(part, sign):
    """By the matrix that it should be, in homogeneous coordinates."""
    uniform = np.zeros((6, 1), np.float32)
    uniform[part] = sign
    largest = [np.pi / 15, 0.12, 0.12, 0.2, 1.5, 1.5]
    turn, width, height, shear, right, down = uniform[:, 0] * largest
    expected = matrix_of(turn, width, height, shear, right, down)
    (found,) = geometry.transforms(uniform, np)
    np.testing.assert_allclose(found, [*expected[:2].ravel(), 0, 0], atol=1e-5)


def test_all_changes_together():
    uniform = np.random.default_rng(0).uniform(-1, 1, (6, 20)).astype(np.float32)
    largest = [np.pi / 15, 0.12, 0.12, 0.2, 1.5, 1.5]
    for parts, found in zip(uniform.T, geometry.transforms(uniform, np), strict=True):
        expected = matrix_of(*parts * largest)
        np.testing.assert_allclose(found[:6], expected[:2].ravel(), atol=1e-5)


def matrix_of(turn, width, height, shear, right, down):
    cosine, sine = np.cos(turn), np.sin(turn)
    rotation = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    sheared = np.array([[1, shear, 0], [0, 1, 0], [0, 0, 1]])
    scaled = np.diag([np.exp(width), np.exp(height), 1])
    to_middle = np.array([[1, 0, 13.5], [0, 1, 13.5], [0, 0, 1]])
    shifted = np.array([[1, 0, right], [0, 1, down], [0, 0, 1]])
    linear = rotation @ sheared @ scaled
    return shifted @ to_middle @ linear @ np.linalg.inv(to_middle)
