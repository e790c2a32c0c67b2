"""Many pieces of synthetic pages, drawn by a process on each core."""

from collections.abc import Callable, Sequence

import numpy as np

from digits.synthesis.page import HEIGHT, MOST_MARKS, WIDTH, piece
from digits.synthesis.skeleton import Skeletons
from digits.terminal import pool

NOTHING = -2  # class of the rows that fill up a piece's marks
CHUNK = 200  # pieces that a process draws at a time
WORKER = {}  # what each process keeps: the skeletons of the digits


def pieces(
    images: np.ndarray,
    labels: np.ndarray,
    count: int,
    seed: Sequence[int],
    progress: Callable[[int], object],
) -> tuple[np.ndarray, np.ndarray]:
    """Return (pictures (N, HEIGHT, WIDTH) uint8, marks (N, MOST_MARKS, 5) float32).

    images: (M, 28, 28) uint8 of MNIST, whose digits are written on the pages, and
    labels: (M,), each of the ten digits among them; count: N, rounded up to CHUNK;
    seed: alone decides what is drawn; progress: called with how many pieces were drawn
    since the last call. The marks are those of digits.synthesis.page.Piece, then rows
    of NOTHING.
    """
    chunks = -(-count // CHUNK)
    pictures, marks = _empty(chunks * CHUNK)
    seeds = [[*seed, number] for number in range(chunks)]
    drawn = pool.in_processes(_draw, seeds, _start, (_by_digit(images, labels),))
    for number, chunk in enumerate(drawn):
        place = slice(number * CHUNK, (number + 1) * CHUNK)
        pictures[place], marks[place] = chunk
        progress(CHUNK)
    return pictures, marks


def _empty(count):
    pictures = np.empty((count, HEIGHT, WIDTH), np.uint8)
    return pictures, np.full((count, MOST_MARKS, 5), NOTHING, np.float32)


def _by_digit(images, labels):
    """Return the Skeletons of each digit's images that are not blank."""
    has_ink = images.any(axis=(1, 2))
    return [Skeletons(images[has_ink & (labels == digit)]) for digit in range(10)]


def _start(by_digit):
    WORKER["skeletons"] = by_digit


def _draw(seed):
    random = np.random.default_rng(seed)
    pictures, marks = _empty(CHUNK)
    for index in range(CHUNK):
        pictures[index], own = piece(WORKER["skeletons"], random)
        marks[index, : len(own)] = own
    return pictures, marks
