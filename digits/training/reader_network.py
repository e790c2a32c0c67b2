"""The network of the reader of pages.

It is fully convolutional: it looks at a gray picture of any size and answers for every
cell of it (digits.model.reader says what).
"""

# Keras's functions and attributes have no types: pyright takes them for None.
# pyright: reportOptionalOperand=false, reportArgumentType=false

import functools

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from digits.model.reader import OUTPUTS, PRESENCE, STRIDE
from digits.training.layers import FusedBatchNormalization

FILTERS = 24, 64, 96, 64
RESIDUALS = 5, 3  # blocks at a quarter of the picture's size, and at an eighth
WINDOW = 9  # cells: the surroundings from which a pixel's contrast is judged
LEAST_CONTRAST = 3.0  # of 255: contrast that is not enlarged further
RARE = -4.0  # logit of presence at first: few cells hold a mark's middle


class LocalContrast(keras.layers.Layer):
    """Takes the mean of a pixel's surroundings away, and divides by their deviation."""

    def call(self, pixels):
        """Return contrast (N, H, W, 1) of pixels (N, H, W, 1), 0 to 255."""
        mean = self._surroundings(ops.average_pool(pixels, STRIDE, STRIDE))
        # Not pixels**2: ONNX Runtime takes much longer for a power.
        squares = ops.average_pool(ops.square(pixels), STRIDE, STRIDE)
        squares = self._surroundings(squares)
        variance = self._surroundings(ops.maximum(squares - ops.square(mean), 0))
        deviation = enlarged(ops.sqrt(variance), STRIDE)
        return (pixels - enlarged(mean, STRIDE)) / (deviation + LEAST_CONTRAST)

    @staticmethod
    def _surroundings(cells):
        return ops.average_pool(cells, WINDOW, 1, padding="same")


class SpaceToDepth(keras.layers.Layer):
    """Makes 2x2 pixels the channels of one place.

    A convolution of a single channel is slow.
    """

    def call(self, pixels):
        """Return (N, H / 2, W / 2, 4) of (N, H, W, 1)."""
        return tf.nn.space_to_depth(pixels, 2)


class Doubled(keras.layers.Layer):
    """Makes each place 2x2 places."""

    def call(self, places):
        """Return (N, 2 H, 2 W, C) of (N, H, W, C)."""
        return enlarged(places, 2)


def enlarged(places, factor):
    """Return places (N, H, W, C), each repeated `factor` times both ways.

    This is one operation in ONNX too, unlike ops.repeat and UpSampling2D.
    """
    size = factor * tf.shape(places)[1:3]
    return tf.raw_ops.ResizeNearestNeighbor(images=places, size=size)


def network(normalised: bool = True) -> keras.Model:
    """Return an untrained network, from pixels (N, H, W, 1), 0 to 255, to answers.

    H and W are multiples of digits.model.reader.MULTIPLE. normalised: whether its
    convolutions are batch-normalised, or have a bias instead, as in an ONNX graph.
    """
    first, second, third, last = FILTERS
    convolved, residual = (
        functools.partial(layer, normalised=normalised)
        for layer in (_convolved, _residual)
    )
    pixels = keras.Input((None, None, 1))
    x = SpaceToDepth()(LocalContrast()(pixels))  # (N, H / 2, W / 2, 4)
    x = convolved(x, first)  # (N, H / 2, W / 2, 24)
    fine = convolved(x, second, stride=2)  # (N, H / 4, W / 4, 64)
    for _ in range(RESIDUALS[0]):
        fine = residual(fine, second)
    x = convolved(fine, third, stride=2)  # (N, H / 8, W / 8, 96)
    for _ in range(RESIDUALS[1]):
        x = residual(x, third)
    x = Doubled()(convolved(x, last, size=1))  # (N, H / 4, W / 4, 64)
    x = keras.layers.ReLU()(x + convolved(fine, last, size=1, active=False))
    x = convolved(x, last)  # (N, H / 4, W / 4, 64)
    bias = np.zeros(OUTPUTS, np.float32)
    bias[PRESENCE] = RARE
    initial = keras.initializers.Constant(bias)
    return keras.Model(
        pixels, keras.layers.Conv2D(OUTPUTS, 1, bias_initializer=initial)(x)
    )


def _convolved(x, filters, size=3, stride=1, active=True, normalised=True):
    """Return x convolved and normalised, and activated if `active`."""
    x = keras.layers.Conv2D(
        filters,
        size,
        stride,
        padding="same",
        use_bias=not normalised,
        kernel_initializer="he_normal",
    )(x)
    if normalised:
        x = FusedBatchNormalization(momentum=0.98)(x)
    return keras.layers.ReLU()(x) if active else x


def _residual(x, filters, normalised):
    """Return x and two convolutions of it added up (He et al., 2016)."""
    y = _convolved(x, filters, normalised=normalised)
    y = _convolved(y, filters, active=False, normalised=normalised)
    return keras.layers.ReLU()(x + y)
