"""Random affine transforms of digits, and digits made upright.

For NumPy, TensorFlow and Keras: `xp` is a module with NumPy's functions, that is numpy
itself, tensorflow.experimental.numpy or keras.ops. Arrays are the module's own.
"""

from typing import Any

import numpy as np

from digits.image import SIZE

# The largest random change each way; all are uniform.
ROTATION = np.deg2rad(12)
SCALE = 0.12  # logarithm of the factor
SHEAR = 0.2
SHIFT = 1.5  # pixels

MIDDLE = (SIZE - 1) / 2
PLACES = np.arange(SIZE, dtype=np.float32) - np.float32(MIDDLE)  # from the middle
LONGER_SIDE = 22  # pixels to which four standard deviations of a digit are scaled
LEAST_VARIANCE = 0.3  # pixels squared: about that of a stroke two pixels wide


def transforms(uniform: Any, xp: Any) -> Any:
    """Return random affine transforms (N, 8) float32, as TensorFlow takes them.

    A row is a, b, x, c, d, y, 0, 0: the pixel at (x', y') of the new image is taken
    from (a x' + b y' + x, c x' + d y' + y) of the old one. uniform: (6, N) float32, -1
    to 1: how far those places are turned, scaled across and down, sheared, and shifted
    to the right and down. Keras takes the same rows.
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


def upright(pixels: Any, xp: Any) -> Any:
    """Return pixels (N, 28, 28, 1) float32 with digits upright and of equal size.

    pixels: (N, 28, 28, 1) float32, 0 to 255, and so is the result. First each row is
    shifted to undo the slant mu11 / mu02 (LeCun et al., Gradient-based learning applied
    to document recognition, 1998, section III.A). Then height and width, measured by
    second moments, are scaled: narrow digits become wider, but stay narrow (moment
    normalisation with an adaptive aspect ratio: Liu et al., Handwritten digit
    recognition: investigation of normalization and feature extraction techniques,
    2004).
    """
    x, y, mu20, mu02, slant = _moments(pixels, xp)
    width = 4 * xp.sqrt(xp.maximum(mu20, np.float32(LEAST_VARIANCE)))
    height = 4 * xp.sqrt(mu02)
    longer = xp.maximum(width, height)
    down = height / side_of(height / longer, xp) * PLACES  # (N, 28)
    right = width / side_of(width / longer, xp) * PLACES
    rows = xp.matmul(_shares(y + down, xp), xp.reshape(pixels, (-1, SIZE, SIZE)))
    sources = xp.expand_dims(x + slant * down, 2) + xp.expand_dims(right, 1)
    resampled = xp.sum(xp.expand_dims(rows, 2) * _shares(sources, xp), axis=3)
    return xp.reshape(resampled, (-1, SIZE, SIZE, 1))


def side_of(ratio: Any, xp: Any) -> Any:
    """Return the length in pixels that a side is scaled to, up to LONGER_SIDE.

    ratio: of the side to the longer one, 0 to 1.
    """
    return LONGER_SIDE * xp.sqrt(xp.sin(ratio * (np.pi / 2)))


def _moments(pixels, xp):
    """Return the mean x and y, the variances mu20 and mu02, and the slant, (N, 1) each.

    mu20 is the variance across once the slant is undone.
    """
    flat = xp.reshape(pixels, (-1, SIZE * SIZE))
    down, right = np.meshgrid(PLACES, PLACES, indexing="ij")
    mass = xp.maximum(xp.matmul(flat, _column(np.ones_like(down))), np.float32(1))
    x, y, xx, xy, yy = (
        xp.matmul(flat, _column(weights)) / mass
        for weights in (right, down, right**2, right * down, down**2)
    )
    mu02 = xp.maximum(yy - y * y, np.float32(LEAST_VARIANCE))
    slant = (xy - x * y) / mu02
    mu20 = xx - x * x - slant * (xy - x * y)
    return x, y, mu20, mu02, slant


def _column(weights):
    return weights.astype(np.float32).reshape(-1, 1)


def _shares(sources, xp):
    """Return how much of each of 28 pixels is taken for places in a row: (…, 28).

    sources: (…), pixels from the middle. Interpolation is linear: at most two of the 28
    shares are not 0.
    """
    distances = xp.abs(xp.expand_dims(sources, -1) - PLACES)
    return xp.maximum(1 - distances, np.float32(0))
