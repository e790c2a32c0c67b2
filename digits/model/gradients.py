"""Gradients of images, gathered by direction and place.

For NumPy and Keras: `xp` is a module with NumPy's functions, that is numpy itself or
keras.ops. Arrays are the module's own.
"""

from typing import Any

import numpy as np

from digits.image import SIZE

DIRECTIONS = 12  # over the full circle
SPREAD = 0.6  # of a cell: standard deviation of the Gaussian by which a cell gathers


def gradients(images: Any, cells: int, xp: Any) -> Any:
    """Return the square roots of gradients gathered by direction and cell.

    images: (N, 28, 28) float32, 0 to 255; cells: along each side. Returns (N, 12,
    cells, cells) float32. Like histograms of oriented gradients (Dalal & Triggs,
    Histograms of oriented gradients for human detection, 2005), but a gradient counts
    for all directions, weighted by the 12th power of the cosine of the angle between
    them, and for all cells, weighted by a Gaussian of the distance.
    """
    inner = images[:, :, 2:] - images[:, :, :-2], images[:, 2:] - images[:, :-2]
    across = xp.pad(inner[0], ((0, 0), (0, 0), (1, 1)), "constant")
    down = xp.pad(inner[1], ((0, 0), (1, 1), (0, 0)), "constant")
    magnitude = xp.sqrt(across * across + down * down) / np.float32(255)
    length = xp.maximum(255 * magnitude, np.float32(1e-3))
    across, down = across / length, down / length
    gather = _cell_weights(cells)
    gathered = []
    for angle in 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS:
        cosine = across * np.float32(np.cos(angle)) + down * np.float32(np.sin(angle))
        cosine = xp.maximum(cosine, np.float32(0))
        fourth = cosine * cosine * cosine * cosine
        share = fourth * fourth * fourth * magnitude
        gathered.append(xp.matmul(xp.matmul(gather, share), gather.T))
    return xp.sqrt(xp.stack(gathered, axis=1))


def _cell_weights(cells):
    """Return how much each pixel of a row counts for each cell, (cells, 28) float32."""
    side = SIZE / cells
    middles = (np.arange(cells) + 0.5) * side - 0.5
    distance = (np.arange(SIZE) - middles[:, None]) / (SPREAD * side)
    weights = np.exp(-(distance**2) / 2)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
