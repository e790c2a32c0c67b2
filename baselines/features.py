"""Oriented gradients of images: the features that the baselines learn from.

Images are processed in blocks, on all cores.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from digits.image import SIZE
from digits.model.geometry import LEAST_VARIANCE, MIDDLE, side_of
from digits.model.gradients import gradients
from digits.terminal import pool

BLOCK = 200  # images: their intermediate arrays fit into a processor's cache
CELLS = 7  # along each side of an image
PLAIN_WEIGHT = 0.6  # of the plain view's features, beside the upright view's


def extract(images: np.ndarray) -> np.ndarray:
    """Return features (N, 588) float32 of images (N, 28, 28) uint8, made upright."""
    return in_blocks(lambda block: _features(upright(block)), images)


def extract_upright_and_plain(images: np.ndarray) -> np.ndarray:
    """Return features (N, 1176) float32 of both views of images (N, 28, 28) uint8.

    The first half is what `extract` returns; the second half is the features of the
    images as they are, times PLAIN_WEIGHT.
    """

    def extract_block(block):
        plain = PLAIN_WEIGHT * _features(np.float32(block))
        return np.concatenate([_features(upright(block)), plain], axis=1)

    return in_blocks(extract_block, images)


def _features(block):
    return gradients(block, CELLS, np).reshape(len(block), -1)


def in_blocks(
    work: Callable[[np.ndarray], np.ndarray], images: np.ndarray
) -> np.ndarray:
    """Return the concatenated results of `work` on blocks of images, run in threads."""
    blocks = [images[start : start + BLOCK] for start in range(0, len(images), BLOCK)]
    with ThreadPoolExecutor(pool.cores()) as threads:
        return np.concatenate(list(threads.map(work, blocks)))


def upright(images: np.ndarray) -> np.ndarray:
    """Return images (N, 28, 28) float32 with digits upright and of equal size.

    images: (N, 28, 28), 0 to 255, and so is the result; N is at most 1,000, because
    cv2.remap takes at most 32,767 rows. The method and its sources are those of
    geometry.upright; the results differ only beyond the border. cv2.remap is faster,
    but cannot be part of a network's graph.
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
    # The variance across once the slant is undone.
    mu20 = (columns * right**2).sum(axis=1) / mass - slant * mu11
    width, height = 4 * np.sqrt(np.maximum(mu20, LEAST_VARIANCE)), 4 * np.sqrt(mu02)
    longer = np.maximum(width, height)
    across = width / side_of(width / longer, np)
    along = height / side_of(height / longer, np)
    down = (places - MIDDLE) * along[:, None]
    right = (places - MIDDLE) * across[:, None]
    source_x = x[:, None, None] + (slant[:, None] * down)[..., None] + right[:, None]
    # One call for all images, stacked; clipping keeps each row within its own image.
    first = SIZE * np.arange(len(images), dtype=np.float32)
    source_y = first[:, None] + np.clip(y[:, None] + down, 0, SIZE - 1)
    return cv2.remap(
        images.reshape(-1, SIZE),
        np.float32(source_x).reshape(-1, SIZE),
        np.repeat(np.float32(source_y).reshape(-1, 1), SIZE, axis=1),
        cv2.INTER_LINEAR,
    ).reshape(images.shape)
