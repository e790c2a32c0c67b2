"""What the classical methods see of an image: its gradients by direction.

All images are worked on at once, in blocks, on all cores.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from digits.geometry import LEAST_VARIANCE, MIDDLE, side_of
from digits.gradients import gradients
from digits.normalise import SIZE

BLOCK = 200  # images: what they need at once fits into a processor's cache
CELLS = 7  # each way, in which they are gathered
PLAIN_WEIGHT = 0.6  # of images as they are, beside upright ones


def extract(images):
    """Return features (N, 588) float32 of images (N, 28, 28) uint8, made upright."""
    return in_blocks(lambda block: _features(upright(block)), images)


def extract_upright_and_plain(images):
    """Return features (N, 1176) float32 of images (N, 28, 28) uint8.

    The first half are those that `extract` returns, the second half those of the images
    as they are, times PLAIN_WEIGHT.
    """

    def both(block):
        plain = PLAIN_WEIGHT * _features(np.float32(block))
        return np.concatenate([_features(upright(block)), plain], axis=1)

    return in_blocks(both, images)


def _features(block):
    """Return the features (N, 588) of a block of images, float32."""
    return gradients(block, CELLS, np).reshape(len(block), -1)


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
