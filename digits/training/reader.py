"""The reader of pages: a network that finds digits and signs and says which they are.

It looks at a gray picture of any size and answers for every cell of STRIDE x STRIDE
pixels whether the middle of a mark lies there, which mark it is, and how large (in the
manner of Zhou et al., Objects as points, 2019). It is trained on pieces of made-up
pages (digits.synthesis.page).
"""

# Keras's functions and attributes have no types: pyright takes them for None.
# pyright: reportOptionalSubscript=false, reportOptionalMemberAccess=false
# pyright: reportOptionalOperand=false, reportOperatorIssue=false
# pyright: reportArgumentType=false

import keras
import tensorflow as tf
from keras import ops

from digits.model.reader import MARKS
from digits.training.layers import FusedBatchNormalization

STRIDE = 4  # pixels of a cell, each way
PADDED = 8  # a picture's sides are multiples of it
TYPICAL = 24.0  # pixels: sizes are answered as logarithms of their ratio to it
OUTPUTS = 1 + len(MARKS) + 4  # is one there, which, offset x and y, width and height
WINDOW = 9  # cells: the surroundings from which a pixel's brightness is judged
FAINTEST = 3.0  # of 255: contrast that is not enlarged further
FOCUS = 1.2  # cells from a mark's middle: neighbours need not decide whether it is there


class Normalised(keras.layers.Layer):
    """Local contrast: the surroundings' mean taken away, divided by their deviation."""

    def call(self, pixels):
        """Return contrast (N, H, W, 1) of pixels (N, H, W, 1), 0 to 255."""
        small = ops.average_pool(pixels, STRIDE, STRIDE)
        mean = ops.average_pool(small, WINDOW, 1, padding="same")
        squares = ops.average_pool(pixels**2, STRIDE, STRIDE)
        squares = ops.average_pool(squares, WINDOW, 1, padding="same")
        variance = ops.maximum(squares - mean**2, 0)
        deviation = ops.average_pool(variance, WINDOW, 1, padding="same") ** 0.5
        wide = [ops.repeat(ops.repeat(x, STRIDE, 1), STRIDE, 2) for x in (mean, deviation)]
        return (pixels - wide[0]) / (wide[1] + FAINTEST)


def network(filters=(32, 64, 128, 96), deep=3):
    """Return a keras.Model from pixels (N, H, W, 1) to answers (N, H/4, W/4, OUTPUTS).

    H and W are multiples of PADDED.
    """
    first, second, third, last = filters
    pixels = keras.Input((None, None, 1))
    x = Normalised()(pixels)
    x = keras.layers.Lambda(
        lambda t: tf.nn.space_to_depth(t, 2), output_shape=(None, None, 4)
    )(x)
    x = convolved(x, first)  # (N, H/2, W/2, 32)
    x = convolved(x, second, stride=2)  # (N, H/4, W/4, 64)
    fine = residual(x, second)
    x = convolved(fine, third, stride=2)  # (N, H/8, W/8, 128)
    for _ in range(deep):
        x = residual(x, third)
    x = keras.layers.UpSampling2D(2)(convolved(x, last, 1))
    x = keras.layers.ReLU()(x + convolved(fine, last, 1, active=False))
    x = convolved(x, last)  # (N, H/4, W/4, 96)
    bias = keras.initializers.Constant(0.0)
    answers = keras.layers.Conv2D(OUTPUTS, 1, bias_initializer=bias)(x)
    return keras.Model(pixels, answers)


def convolved(x, filters, size=3, stride=1, active=True):
    """Return x convolved and normalised, and activated if `active`."""
    x = keras.layers.Conv2D(
        filters,
        size,
        stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
    )(x)
    x = FusedBatchNormalization(momentum=0.98, epsilon=1e-3)(x)
    return keras.layers.ReLU()(x) if active else x


def residual(x, filters):
    """Return x and two convolutions of it added up (He et al., 2016)."""
    y = convolved(convolved(x, filters), filters, active=False)
    return keras.layers.ReLU()(x + y)


def targets(marks, height, width):
    """Return what is right for each cell of pieces.

    marks: (N, M, 5) float32: class, or -1 if uncertain, -2 where there is none; x, y,
    width, height in pixels. Return (nearest mark (N, H, W, 5), its distance in cells
    (N, H, W), in the nearest cell (bool), in an uncertain mark (bool)).
    """
    y, x = tf.meshgrid(
        tf.range(height, dtype=tf.float32), tf.range(width, dtype=tf.float32), indexing="ij"
    )
    middle = (tf.stack([x, y], axis=-1) + 0.5)[None, :, :, None]  # (1, H, W, 1, 2)
    places = marks[:, None, None, :, 1:3] / STRIDE
    sizes = marks[:, None, None, :, 3:5] / STRIDE
    apart = tf.abs(middle - places)  # (N, H, W, M, 2)
    real = marks[:, None, None, :, 0] >= 0
    distance = tf.where(real, tf.norm(apart, axis=-1), 1e3)
    nearest = tf.argmin(distance, axis=-1)
    chosen = tf.gather(marks, nearest, batch_dims=1)
    inside = tf.reduce_all(tf.floor(middle) == tf.floor(places), axis=-1) & real
    vague = tf.reduce_all(apart < sizes / 2 + 0.5, axis=-1) & (
        marks[:, None, None, :, 0] == -1
    )
    return (
        chosen,
        tf.reduce_min(distance, axis=-1),
        tf.reduce_any(inside, axis=-1),
        tf.reduce_any(vague, axis=-1),
    )


def losses(answers, marks):
    """Return the losses of presence, class and size, as scalars.

    answers: (N, H, W, OUTPUTS); marks: as `targets` takes them.
    """
    height, width = answers.shape[1], answers.shape[2]
    mark, distance, inside, vague = targets(marks, height, width)
    positive = tf.cast(inside, tf.float32)
    ignored = ~inside & ((distance < FOCUS) | vague)
    count = tf.reduce_sum(positive) + 1
    presence = tf.nn.sigmoid_cross_entropy_with_logits(positive, answers[..., 0])
    presence = tf.reduce_sum(tf.where(ignored, 0.0, presence)) / count
    near = tf.cast(distance < FOCUS, tf.float32) * 0.3
    weight = tf.maximum(positive, near)
    total = tf.reduce_sum(weight) + 1
    labels = tf.maximum(tf.cast(mark[..., 0], tf.int32), 0)
    which = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels, answers[..., 1 : 1 + len(MARKS)]
    )
    which = tf.reduce_sum(weight * which) / total
    y, x = tf.meshgrid(
        tf.range(height, dtype=tf.float32), tf.range(width, dtype=tf.float32), indexing="ij"
    )
    offset = mark[..., 1:3] / STRIDE - (tf.stack([x, y], axis=-1) + 0.5)
    size = tf.math.log(tf.maximum(mark[..., 3:5], 1.0) / TYPICAL)
    wanted = tf.concat([offset, size], axis=-1)
    gap = tf.reduce_sum(tf.abs(answers[..., 1 + len(MARKS) :] - wanted), axis=-1)
    return presence, which, tf.reduce_sum(weight * gap) / total
