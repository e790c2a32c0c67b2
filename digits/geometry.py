"""Moving digits: at random, and upright; for NumPy, TensorFlow and Keras alike.

`xp` is a namespace with NumPy's functions: numpy itself, tensorflow.experimental.numpy
or keras.ops.
"""

import numpy as np

from digits.normalise import SIZE

# Random movement, each way and uniform.
ROTATION = np.deg2rad(12)
SCALE = 0.12  # in the logarithm
SHEAR = 0.2
SHIFT = 1.5  # pixels

MIDDLE = (SIZE - 1) / 2
PLACES = np.arange(SIZE, dtype=np.float32) - np.float32(MIDDLE)
LONGER_SIDE = 22  # pixels to which four standard deviations of a digit are scaled
LEAST_VARIANCE = 0.3  # pixels squared: a stroke of one pixel


def transforms(uniform, xp):
    """Return (N, 8) random affine transforms, as TensorFlow and Keras take them.

    uniform: (6, N) float32, -1 to 1: how far each is turned, scaled across and down,
    sheared, and moved to the right and down.
    """
    turn, shear = uniform[0] * ROTATION, uniform[3] * SHEAR
    width, height = xp.exp(uniform[1] * SCALE), xp.exp(uniform[2] * SCALE)
    right, down = uniform[4] * SHIFT, uniform[5] * SHIFT
    cosine, sine = xp.cos(turn), xp.sin(turn)
    a, b = cosine * width, (cosine * shear - sine) * height
    c, d = sine * width, (sine * shear + cosine) * height
    x, y = right + MIDDLE * (1 - a - b), down + MIDDLE * (1 - c - d)
    zero = xp.zeros_like(turn)
    return xp.stack([a, b, x, c, d, y, zero, zero], axis=1)


def upright(pixels, xp):
    """Return pixels with their main axis upright, as large as all others.

    pixels: (N, 28, 28, 1) float32, 0 to 255, and so what is returned. A row is moved by
    how far x goes with y, mu11 / mu02 (LeCun et al., Gradient-based learning applied to
    document recognition, 1998, section III.A); then height and width, told by their
    second moments, are scaled, so that narrow digits become wider, but stay narrow
    (moment normalisation with an adaptive aspect ratio, Liu et al., Handwritten digit
    recognition: investigation of normalization and feature extraction techniques,
    2004).
    """
    flat = xp.reshape(pixels, (-1, SIZE * SIZE))
    down, right = np.meshgrid(PLACES, PLACES, indexing="ij")
    mass = xp.maximum(xp.matmul(flat, column(np.ones_like(down))), np.float32(1))
    x, y, xx, xy, yy = (
        xp.matmul(flat, column(weights)) / mass  # (N, 1) each
        for weights in (right, down, right**2, right * down, down**2)
    )
    mu02 = xp.maximum(yy - y * y, np.float32(LEAST_VARIANCE))
    slant = (xy - x * y) / mu02
    mu20 = xx - x * x - slant * (xy - x * y)  # once upright
    width = 4 * xp.sqrt(xp.maximum(mu20, np.float32(LEAST_VARIANCE)))
    height = 4 * xp.sqrt(mu02)
    longer = xp.maximum(width, height)
    down = height / side_of(height / longer, xp) * PLACES  # (N, 28)
    right = width / side_of(width / longer, xp) * PLACES
    rows = xp.matmul(shares(y + down, xp), xp.reshape(pixels, (-1, SIZE, SIZE)))
    sources = xp.expand_dims(x + slant * down, 2) + xp.expand_dims(right, 1)
    moved = xp.sum(xp.expand_dims(rows, 2) * shares(sources, xp), axis=3)
    return xp.reshape(moved, (-1, SIZE, SIZE, 1))


def column(weights):
    """Return weights (28, 28) as a matrix (784, 1) float32."""
    return np.float32(weights).reshape(-1, 1)


def side_of(ratio, xp):
    """Return the pixels that a side gets, of its ratio, 0 to 1, to the longer one."""
    return LONGER_SIDE * xp.sqrt(xp.sin(ratio * (np.pi / 2)))


def shares(sources, xp):
    """Return how much is taken from each of 28 places for sources (…), from the middle.

    Interpolation is linear: (…, 28), of which no more than two are not 0.
    """
    distances = xp.abs(xp.expand_dims(sources, -1) - PLACES)
    return xp.maximum(1 - distances, np.float32(0))
