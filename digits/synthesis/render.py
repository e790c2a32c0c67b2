"""MNIST's digits as load_model.py finds them in other people's pictures, and junk.

For `tf_cnn.py --augmentation real`. A digit is written with another pen
(digits.synthesis.pens), put on paper and photographed (digits.synthesis.paper), then
found and normalised by the steps that read a user's picture (digits.reading).
"""

from collections.abc import Callable

import cv2
import numpy as np

from digits.image import SIZE
from digits.model.classifier import NO_DIGIT_LABEL
from digits.reading.ink import extract_ink
from digits.reading.normalise import normalise
from digits.reading.segment import segment
from digits.synthesis import junk
from digits.synthesis.paper import photograph
from digits.synthesis.pens import SIDE, written
from digits.terminal import pool
from digits.terminal.progress import Progress

JUNK_SHARE = 0.35  # of the examples
# The share of each kind of junk.
LETTER, SCRIBBLE, BLOT, HALF, PAIR, BLANK = 0.5, 0.1, 0.1, 0.1, 0.15, 0.05
CHUNK = 250  # images that a process renders at a time
HEIGHTS = 16, 110  # pixels of a rendered digit
LEAST_OVERLAP = 0.75  # of a region with the digit: below, something else was found


def render(
    images: np.ndarray,
    labels: np.ndarray,
    seed: list[int],
    progress: Callable[[int], object] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return (images, labels) as reading gives them to a network.

    images: (N, 28, 28) uint8 and labels: (N,) of MNIST. A digit or junk is rendered for
    each of them. What reading does not find is left out, so that M <= N are returned:
    (M, 28, 28) uint8 and (M,) uint8, NO_DIGIT_LABEL for junk. seed: alone decides what
    is drawn, whatever the number of processes; progress: called with how many images of
    N were rendered since the last call.
    """
    chunks = [
        (images[start:][:CHUNK], labels[start:][:CHUNK], [*seed, start])
        for start in range(0, len(images), CHUNK)
    ]
    rendered = []
    results = pool.in_processes(_render, chunks)
    for (chunk, *_), result in zip(chunks, results, strict=True):
        rendered.append(result)
        if progress:
            progress(len(chunk))
    return _joined(rendered)


def with_renderings(
    images: np.ndarray, labels: np.ndarray, seeds: list[list[int]]
) -> tuple[np.ndarray, np.ndarray]:
    """Return images and labels, followed by a rendering of all of them for each seed.

    images, labels, and each of the seeds: as `render` takes them. A progress bar is
    shown.
    """
    sets = [(images, labels)]
    with Progress("Rendering", len(seeds) * len(images)) as bar:
        for seed in seeds:
            sets.append(render(images, labels, seed, bar.update))
    return _joined(sets)


def _joined(sets):
    images, labels = zip(*sets, strict=True)
    return np.concatenate(images), np.concatenate(labels)


def _render(chunk):
    images, labels, seed = chunk
    random = np.random.default_rng(seed)
    rendered = []
    for index in range(len(images)):
        ink, label = example(images, labels, index, random)
        image = read_back(ink, random)
        # A digit whose ink vanished was read as blank paper: its image is no digit.
        if image is not None and (ink.any() or label == NO_DIGIT_LABEL):
            rendered.append((image, label))
    return (
        np.array([image for image, _ in rendered], np.uint8).reshape(-1, SIZE, SIZE),
        np.array([label for _, label in rendered], np.uint8),
    )


def example(
    images: np.ndarray, labels: np.ndarray, index: int, random: np.random.Generator
) -> tuple[np.ndarray, int]:
    """Return (fine ink (H, W) uint8, label) of image `index`, or of junk.

    images: (N, 28, 28) uint8 and labels: (N,) of MNIST; some junk is made of them.
    """
    if random.random() >= JUNK_SHARE:
        return written(images[index], labels[index], random), int(labels[index])
    kind = random.choice(6, p=(LETTER, SCRIBBLE, BLOT, HALF, PAIR, BLANK))
    if kind == 0:
        ink = junk.letter(random)
    elif kind == 1:
        ink = junk.scribble(random)
    elif kind == 2:
        ink = junk.blot(random)
    elif kind == 3:
        ink = junk.half(images[index], labels[index], random)
    elif kind == 4:
        two = [index, random.integers(len(images))]
        ink = junk.pair(images[two], labels[two], random)
    else:
        ink = np.zeros((SIDE, SIDE), np.uint8)
    return ink, NO_DIGIT_LABEL


def read_back(ink: np.ndarray, random: np.random.Generator) -> np.ndarray | None:
    """Return the image (28, 28) uint8 that reading makes of ink in a photograph.

    ink: fine, (H, W) uint8; empty ink is read as `read_blank_paper` does. None if
    reading finds no region where the ink is.
    """
    height = np.exp(random.uniform(*np.log(HEIGHTS)))
    if not ink.any():
        return read_blank_paper(height, random)
    canvas, box = placed(junk.cropped(ink), height, random)
    regions = segment(extract_ink(photograph(canvas, height, random)))
    best = max(regions, key=lambda region: overlap(region[:4], box), default=None)
    if best is None or overlap(best[:4], box) < LEAST_OVERLAP:
        return None
    return normalise(best.ink)


def read_blank_paper(height: float, random: np.random.Generator) -> np.ndarray | None:
    """Return the image (28, 28) uint8 of a region found on blank paper, or None.

    height: pixels that a digit would have. Narrow regions, which might be a 1, are left
    out.
    """
    blank = np.zeros(random.integers(int(1.5 * height), int(4 * height), 2), np.uint8)
    regions = [
        region
        for region in segment(extract_ink(photograph(blank, height, random)))
        if region.width > junk.NARROW * region.height
    ]
    return normalise(regions[random.integers(len(regions))].ink) if regions else None


def placed(
    ink: np.ndarray, height: float, random: np.random.Generator
) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """Return (canvas, box): ink in a random place on a larger canvas.

    ink: (H, W) uint8, whose longer side is scaled to `height` pixels; canvas: (H, W)
    uint8; box: (x, y, width, height) of the ink in it.
    """
    scale = height / max(ink.shape)
    size = [max(1, round(side * scale)) for side in ink.shape[::-1]]
    small = cv2.resize(ink, size, interpolation=cv2.INTER_AREA)
    margins = np.ceil(height * random.uniform(0.15, 0.9, (2, 2))).astype(np.int32)
    (top, _), (left, _) = margins.tolist()
    return np.pad(small, margins), (left, top, size[0], size[1])


def overlap(box: tuple, other: tuple) -> float:
    """Return the intersection over union of two boxes (x, y, width, height), 0 to 1."""
    across = min(box[0] + box[2], other[0] + other[2]) - max(box[0], other[0])
    down = min(box[1] + box[3], other[1] + other[3]) - max(box[1], other[1])
    both = max(across, 0) * max(down, 0)
    return both / (box[2] * box[3] + other[2] * other[3] - both)
