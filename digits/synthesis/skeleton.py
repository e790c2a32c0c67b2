"""MNIST's digits as the path of the pen: short segments that any other pen can draw."""

from collections.abc import Sequence

import cv2
import numpy as np

SCALE = 2  # MNIST's pixels are too coarse to thin
SIDE = SCALE * 28
SOLID = 90  # of 255: what is darker, once enlarged and blurred, is stroke
FLATTEST = 0.2  # of SIDE: a lower stroke, a speck, is not enlarged to a digit's height
NEIGHBOURS = np.array([[128, 1, 2], [64, 0, 4], [32, 16, 8]], np.float32)
STEPS = (0, 1), (1, 0), (1, 1), (1, -1)  # (down, right) to half of the neighbours


def _kept():
    """Return two tables (256,) uint8: 0 where a pixel is removed, by its neighbours.

    A neighbourhood's code is the sum of NEIGHBOURS that are set. Source: Zhang & Suen,
    A fast parallel algorithm for thinning digital patterns, 1984.
    """
    around = (np.arange(256)[:, None] >> np.arange(8)) & 1  # clockwise from north
    north, east, south, west = around[:, ::2].T
    count = around.sum(axis=1)
    rises = ((np.roll(around, -1, axis=1) - around) == 1).sum(axis=1)
    is_border = (count >= 2) & (count <= 6) & (rises == 1)
    first = (north & east & south) | (east & south & west)
    second = (north & east & west) | (north & south & west)
    return [(~(is_border & (held == 0))).astype(np.uint8) for held in (first, second)]


KEPT = _kept()


def thinned(strokes: np.ndarray) -> np.ndarray:
    """Return strokes (H, W) uint8, 0 or 1, thinned to lines one pixel wide.

    Strokes should be three pixels wide or wider: of two pixels, a square and some
    diagonals vanish.
    """
    while True:
        before = strokes
        for table in KEPT:
            code = cv2.filter2D(
                strokes, cv2.CV_8U, NEIGHBOURS, borderType=cv2.BORDER_CONSTANT
            )
            strokes = cv2.bitwise_and(strokes, cv2.LUT(code, table))
        if not cv2.absdiff(before, strokes).any():
            return strokes


def skeleton(image: np.ndarray) -> np.ndarray:
    """Return the middle lines of an image (28, 28) uint8 as segments (M, 2, 2) float32.

    Each goes from a point x, y to another one, in units of the digit's height, its top
    at y = 0 and its left end at x = 0. An image without a stroke gives M = 0.
    """
    solid = (_enlarged(image) > SOLID).astype(np.uint8)
    return _segments(thinned(solid))


class Skeletons(Sequence):
    """The skeletons of images (N, 28, 28) uint8, each made when it is first asked for.

    To make them all takes longer than to draw a few thousand pieces of pages.
    """

    def __init__(self, images: np.ndarray):
        self._images, self._made = images, {}

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index):
        """Return the skeleton of one image, as `skeleton` does."""
        if index not in self._made:
            self._made[index] = skeleton(self._images[index])
        return self._made[index]


def _enlarged(image):
    large = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return cv2.GaussianBlur(large, (0, 0), 1)


def _segments(line):
    """Return the smoothed segments between neighbouring pixels of a line (H, W)."""
    pixels = np.argwhere(line)
    pairs = _neighbours(pixels, line.shape)
    points = _smooth(pixels[:, ::-1].astype(np.float32), pairs)
    if len(pairs):
        points -= points.min(axis=0)
        points /= max(points[:, 1].max(), FLATTEST * SIDE)
    return points[pairs].astype(np.float32)


def _neighbours(pixels, shape):
    """Return the pairs (M, 2) of indices of pixels (N, 2), y and x, that touch."""
    number = np.full(shape, -1)
    number[tuple(pixels.T)] = np.arange(len(pixels))
    padded = np.pad(number, 1, constant_values=-1)
    y, x = pixels.T + 1
    pairs = []
    for down, right in STEPS:
        other = padded[y + down, x + right]
        pairs.append(np.stack([np.arange(len(pixels)), other], axis=1)[other >= 0])
    return np.concatenate(pairs)


def _smooth(points, pairs):
    """Return points (N, 2), each moved half-way to the mean of those it is paired with.

    Twice: the steps of the pixels vanish, the ends stay nearly where they are.
    """
    for _ in range(2):
        total = np.zeros_like(points)
        np.add.at(total, pairs[:, 0], points[pairs[:, 1]])
        np.add.at(total, pairs[:, 1], points[pairs[:, 0]])
        count = np.bincount(pairs.ravel(), minlength=len(points))[:, None]
        middle = np.where(count > 1, total / np.maximum(count, 1), points)
        points = (points + middle) / 2
    return points
