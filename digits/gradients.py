"""Gradients of images, gathered by direction and place; for NumPy and Keras alike.

`xp` is a namespace with NumPy's functions: numpy itself or keras.ops.
"""

import numpy as np

from digits.normalise import SIZE

DIRECTIONS = 12  # in which gradients are measured, all around
SPREAD = 0.6  # cells: standard deviation of the weights with which a cell gathers


def gradients(images, cells, xp):
    """Return the square roots of gradients gathered by direction and cell.

    images: (N, 28, 28) float32, 0 to 255; returns (N, 12, cells, cells) float32. As the
    histograms of oriented gradients of Dalal & Triggs, 2005, but a gradient counts for
    all directions, with the 12th power of the cosine of the angle between them, and for
    all cells, with a Gaussian of the distance.
    """
    inner = images[:, :, 2:] - images[:, :, :-2], images[:, 2:] - images[:, :-2]
    across = xp.pad(inner[0], ((0, 0), (0, 0), (1, 1)), "constant")
    down = xp.pad(inner[1], ((0, 0), (1, 1), (0, 0)), "constant")
    magnitude = xp.sqrt(across * across + down * down) / np.float32(255)
    length = xp.maximum(255 * magnitude, np.float32(1e-3))
    across, down = across / length, down / length
    gather = cell_weights(cells)
    gathered = []
    for angle in 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS:
        cosine = across * np.float32(np.cos(angle)) + down * np.float32(np.sin(angle))
        cosine = xp.maximum(cosine, np.float32(0))
        fourth = cosine * cosine * cosine * cosine
        share = fourth * fourth * fourth * magnitude
        gathered.append(xp.matmul(xp.matmul(gather, share), gather.T))
    return xp.sqrt(xp.stack(gathered, axis=1))


def cell_weights(cells):
    """Return how much each pixel of a row counts for each cell, (cells, 28) float32."""
    side = SIZE / cells
    middles = (np.arange(cells) + 0.5) * side - 0.5
    distance = (np.arange(SIZE) - middles[:, None]) / (SPREAD * side)
    weights = np.exp(-(distance**2) / 2)
    return np.float32(weights / weights.sum(axis=1, keepdims=True))
