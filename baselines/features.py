"""What the classical methods see of an image: upright, its gradients by direction.

All images are worked on at once, in blocks, on all cores.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from digits.geometry import LEAST_VARIANCE, MIDDLE, side_of
from digits.normalise import SIZE

BLOCK = 200  # images: what they need at once fits into a processor's cache
DIRECTIONS = 12  # in which gradients are measured, all around
CELLS = 7  # each way, in which they are gathered
SPREAD = 0.6  # cells: standard deviation of the weights with which a cell gathers


def extract(images):
    """Return the features (N, 588) float32 of images (N, 28, 28) uint8."""
    return in_blocks(lambda block: gradients(upright(block)), images)


def in_blocks(work, images):
    """Return work(block) of each block of images, put together; blocks in parallel."""
    blocks = [images[start : start + BLOCK] for start in range(0, len(images), BLOCK)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return np.concatenate(list(pool.map(work, blocks)))


def upright(images):
    """Return images (N, 28, 28) with their main axis upright, as large as all others.

    images: 0 to 255; at most 1,000, for cv2.remap takes 32,767 rows. Returns float32,
    0 to 255. As geometry.upright does it, whose sources it names, but for what lies
    beyond the border; cv2.remap is faster, but no part of a network's graph.
    """
    images = images.astype(np.float32)
    places = np.arange(SIZE, dtype=np.float32)
    rows, columns = images.sum(axis=2), images.sum(axis=1)  # (N, 28) each
    mass = np.maximum(rows.sum(axis=1), 1)
    x, y = columns @ places / mass, rows @ places / mass
    down, right = places - y[:, None], places - x[:, None]
    mu11 = ((images @ places) * down).sum(axis=1) / mass
    mu02 = np.maximum((rows * down**2).sum(axis=1) / mass, LEAST_VARIANCE)
    slant = mu11 / mu02
    mu20 = (columns * right**2).sum(axis=1) / mass - slant * mu11  # once upright
    width, height = 4 * np.sqrt(np.maximum(mu20, LEAST_VARIANCE)), 4 * np.sqrt(mu02)
    longer = np.maximum(width, height)
    across = width / side_of(width / longer, np)
    along = height / side_of(height / longer, np)
    down = (places - MIDDLE) * along[:, None]
    right = (places - MIDDLE) * across[:, None]
    source_x = x[:, None, None] + (slant[:, None] * down)[..., None] + right[:, None]
    # One tall picture of all; no row takes from another image's.
    first = SIZE * np.arange(len(images), dtype=np.float32)
    source_y = first[:, None] + np.clip(y[:, None] + down, 0, SIZE - 1)
    return cv2.remap(
        images.reshape(-1, SIZE),
        np.float32(source_x).reshape(-1, SIZE),
        np.repeat(np.float32(source_y).reshape(-1, 1), SIZE, axis=1),
        cv2.INTER_LINEAR,
    ).reshape(images.shape)


def gradients(images):
    """Return the square roots of gradients gathered by direction and cell.

    images: (N, 28, 28) float32, 0 to 255; returns (N, 588) float32. As the histograms
    of oriented gradients of Dalal & Triggs, 2005, but a gradient counts for all
    directions, with the 12th power of the cosine of the angle between them, and for all
    cells, with a Gaussian of the distance.
    """
    across, down = np.zeros_like(images), np.zeros_like(images)
    across[:, :, 1:-1] = images[:, :, 2:] - images[:, :, :-2]
    down[:, 1:-1] = images[:, 2:] - images[:, :-2]
    magnitude = np.sqrt(across**2 + down**2) / 255
    length = np.maximum(255 * magnitude, 1e-3)
    across, down = across / length, down / length
    gather = cell_weights()
    cells = np.empty((len(images), DIRECTIONS, CELLS, CELLS), np.float32)
    for direction in range(DIRECTIONS):
        angle = 2 * np.pi * direction / DIRECTIONS
        cosine = across * np.float32(np.cos(angle)) + down * np.float32(np.sin(angle))
        cosine = np.maximum(cosine, 0)
        fourth = cosine * cosine * cosine * cosine
        cells[:, direction] = gather @ (fourth * fourth * fourth * magnitude) @ gather.T
    return np.sqrt(cells).reshape(len(images), -1)


def cell_weights():
    """Return how much each pixel of a row counts for each cell, (7, 28) float32."""
    side = SIZE / CELLS
    middles = (np.arange(CELLS) + 0.5) * side - 0.5
    distance = (np.arange(SIZE) - middles[:, None]) / (SPREAD * side)
    weights = np.exp(-(distance**2) / 2)
    return np.float32(weights / weights.sum(axis=1, keepdims=True))
