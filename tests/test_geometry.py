import keras
import numpy as np
import pytest
import tensorflow as tf

from baselines import features
from digits import geometry, mnist


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


def test_a_blank_image_stays_blank():
    blank = np.zeros((2, 28, 28, 1), np.float32)
    np.testing.assert_array_equal(geometry.upright(blank, np), blank)


def test_no_movement_is_the_identity():
    none = geometry.transforms(np.zeros((6, 3), np.float32), np)
    np.testing.assert_allclose(none, [[1, 0, 0, 0, 1, 0, 0, 0]] * 3, atol=1e-6)


@pytest.mark.parametrize("part", range(6))
def test_a_transform_keeps_to_its_range(part):
    """By the matrix that it should be, of homogeneous coordinates."""
    uniform = np.zeros((6, 1), np.float32)
    uniform[part] = 1
    turn, width, height, shear, right, down = uniform[:, 0] * [
        geometry.ROTATION,
        geometry.SCALE,
        geometry.SCALE,
        geometry.SHEAR,
        geometry.SHIFT,
        geometry.SHIFT,
    ]
    cosine, sine = np.cos(turn), np.sin(turn)
    rotation = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    sheared = np.array([[1, shear, 0], [0, 1, 0], [0, 0, 1]])
    scaled = np.diag([np.exp(width), np.exp(height), 1])
    to_middle = np.array([[1, 0, 13.5], [0, 1, 13.5], [0, 0, 1]])
    shifted = np.array([[1, 0, right], [0, 1, down], [0, 0, 1]])
    linear = rotation @ sheared @ scaled
    matrix = shifted @ to_middle @ linear @ np.linalg.inv(to_middle)
    found = geometry.transforms(uniform, np)[0]
    np.testing.assert_allclose(
        np.append(found[:6], [0, 0, 1]).reshape(3, 3), matrix, atol=1e-5
    )
