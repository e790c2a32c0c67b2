"""Pieces of pages, a little different each time that the reader learns from them."""

# TensorFlow's types do not know its tensors as shapes and indices.
# pyright: reportArgumentType=false

import tensorflow as tf

from digits.synthesis.page import HEIGHT, HIDDEN, SEEN, UNCERTAIN, WIDTH
from digits.synthesis.pages import NOTHING

# How much a piece is changed at most, either way.
STRETCH, HEIGHT_ALONE = 0.16, 0.08  # logarithms
TURN, SHEAR = 0.05, 0.08  # radians; times the height
SHIFT = 6, 3  # pixels across and down
CONTRAST, LIGHT = 0.3, 20  # logarithm; levels of 255
NOISE = 8  # levels, standard deviation; two thirds of the pieces have none


def augmented(pixels: tf.Tensor, marks: tf.Tensor, seed: tf.Tensor):
    """Return pixels (N, HEIGHT, WIDTH, 1) and their marks, a little changed.

    They are stretched, sheared, turned, shifted and lit differently; seed: (2,) int.
    """
    uniform = tf.random.stateless_uniform((9, tf.shape(pixels)[0]), seed, -1, 1)
    across = tf.exp(STRETCH * uniform[0])
    down = across * tf.exp(HEIGHT_ALONE * uniform[1])
    turn = TURN * uniform[3]
    shear = SHEAR * uniform[2] + turn
    middle = tf.constant([(WIDTH - 1) / 2, (HEIGHT - 1) / 2])
    shift = tf.constant(SHIFT, tf.float32) * tf.transpose(uniform[4:6])
    matrix = tf.stack([across, shear, -turn, down], axis=1)
    matrix = tf.reshape(matrix, (-1, 2, 2))  # from a new pixel to the old one
    origin = middle + shift - tf.linalg.matvec(matrix, middle)
    rows = tf.concat([matrix, origin[..., None]], axis=2)
    pixels = tf.raw_ops.ImageProjectiveTransformV3(
        images=pixels,
        transforms=tf.pad(tf.reshape(rows, (-1, 6)), [[0, 0], [0, 2]]),
        output_shape=[HEIGHT, WIDTH],
        interpolation="BILINEAR",
        fill_mode="NEAREST",
        fill_value=0.0,
    )
    contrast, light = tf.exp(CONTRAST * uniform[6]), LIGHT * uniform[7]
    pixels = (pixels - 128) * contrast[:, None, None, None] + 128
    pixels += light[:, None, None, None]
    noise = NOISE * tf.random.stateless_normal(tf.shape(pixels), seed + 1)
    pixels += noise * tf.maximum(0.0, 1.5 * uniform[8] - 0.5)[:, None, None, None]
    return tf.clip_by_value(pixels, 0, 255), _moved_marks(marks, matrix, middle, shift)


def _moved_marks(marks, matrix, middle, shift):
    """Return marks where `augmented` puts them, uncertain where little is visible."""
    old = marks[..., 1:3] - 0.5 - middle - shift[:, None]
    new = tf.linalg.matvec(tf.linalg.inv(matrix)[:, None], old) + middle + 0.5
    size = marks[..., 3:5] / tf.linalg.diag_part(matrix)[:, None]
    bounds = tf.constant([WIDTH, HEIGHT], tf.float32)
    sides = tf.minimum(new + size / 2, bounds) - tf.maximum(new - size / 2, 0.0)
    area = tf.reduce_prod(tf.maximum(sides, 0.0), axis=-1)
    share = area / tf.maximum(tf.reduce_prod(size, axis=-1), 1e-3)
    classes = marks[..., 0]
    classes = tf.where((classes >= 0) & (share < SEEN), float(UNCERTAIN), classes)
    classes = tf.where(share < HIDDEN, float(NOTHING), classes)
    return tf.concat([classes[..., None], new, size], axis=-1)
