"""MNIST's digits as load_model.py meets them in other people's pictures, and what is no
digit: for `tf_cnn.py --augmentation real`.

A digit is written with another pen (digits.pens), put on paper and photographed
(digits.paper), then found and normalised by the very steps that read a user's picture.
"""

import cv2
import numpy as np

from digits import junk, parallel
from digits.find import find_digits
from digits.ink import extract_ink
from digits.normalise import normalise
from digits.paper import photograph
from digits.pens import SIDE, written
from digits.progress import Progress

NOT_A_DIGIT = 10  # the label after the digits'
JUNK_SHARE = 0.35  # of the examples
CHUNK = 250  # images that a process renders at a time
HEIGHTS = 16, 110  # pixels of a rendered digit
LEAST_OVERLAP = 0.75  # of the boxes' union: less, and something else was found


def render(images, labels, seed, progress=None):
    """Return (images, labels) as a network will see them in real pictures.

    images: (N, 28, 28) uint8, labels: (N,) of MNIST. Of each a digit or a piece of junk
    is rendered; those that are not found again are left out, so that M <= N come back:
    (M, 28, 28) uint8 and (M,) uint8, NOT_A_DIGIT for junk. seed: a list of int, which
    alone decides; progress: a function called with how many more are rendered.
    """
    chunks = [
        (images[start:][:CHUNK], labels[start:][:CHUNK], [*seed, start])
        for start in range(0, len(images), CHUNK)
    ]
    found = []
    results = parallel.in_processes(_render, chunks)
    for (chunk, *_), result in zip(chunks, results, strict=True):
        found.append(result)
        if progress:
            progress(len(chunk))
    return tuple(np.concatenate(arrays) for arrays in zip(*found, strict=True))


def with_renderings(images, labels, seeds):
    """Return images and labels with a rendering of each for each of the seeds.

    images, labels: as `render` takes them; seeds: a list of what it takes as seed.
    """
    sets = [(images, labels)]
    with Progress("Rendering", len(seeds) * len(images)) as bar:
        for seed in seeds:
            sets.append(render(images, labels, seed, bar.update))
    return tuple(np.concatenate(arrays) for arrays in zip(*sets, strict=True))


def _render(chunk):
    images, labels, seed = chunk
    random = np.random.default_rng(seed)
    seen = []
    for index in range(len(images)):
        ink, label = example(images, labels, index, random)
        image = seen_by_network(ink, random)
        if image is not None and (ink.any() or label == NOT_A_DIGIT):
            seen.append((image, label))
    return (
        np.array([image for image, _ in seen], np.uint8).reshape(-1, 28, 28),
        np.array([label for _, label in seen], np.uint8),
    )


def example(images, labels, index, random):
    """Return (fine ink, label) of image `index`, or of junk."""
    if random.random() >= JUNK_SHARE:
        return written(images[index], labels[index], random), int(labels[index])
    kind = random.choice(6, p=(0.5, 0.1, 0.1, 0.1, 0.15, 0.05))
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
    return ink, NOT_A_DIGIT


def seen_by_network(ink, random):
    """Return the (28, 28) image that reading finds of fine ink on paper, or None."""
    height = np.exp(random.uniform(*np.log(HEIGHTS)))
    if not ink.any():
        return seen_on_blank_paper(height, random)
    canvas, box = placed(junk.cropped(ink), height, random)
    pieces = find_digits(extract_ink(photograph(canvas, height, random)))
    best = max(pieces, key=lambda piece: overlap(piece[:4], box), default=None)
    if best is None or overlap(best[:4], box) < LEAST_OVERLAP:
        return None
    return normalise(best.ink)


def seen_on_blank_paper(height, random):
    """Return the (28, 28) image of a piece found where nothing is written, or None.

    Narrow pieces, which might be a 1, are left out.
    """
    blank = np.zeros(random.integers(int(1.5 * height), int(4 * height), 2), np.uint8)
    pieces = [
        piece
        for piece in find_digits(extract_ink(photograph(blank, height, random)))
        if piece.width > junk.NARROW * piece.height
    ]
    return normalise(pieces[random.integers(len(pieces))].ink) if pieces else None


def placed(ink, height, random):
    """Return (canvas, box): ink scaled to `height` pixels somewhere on a larger canvas.

    canvas: (H, W) uint8; box: (x, y, width, height) of the ink on it.
    """
    scale = height / max(ink.shape)
    size = [max(1, round(side * scale)) for side in ink.shape[::-1]]
    small = cv2.resize(ink, size, interpolation=cv2.INTER_AREA)
    margins = np.int32(np.ceil(height * random.uniform(0.15, 0.9, (2, 2))))
    x, y = margins[1, 0], margins[0, 0]
    return np.pad(small, margins), (x, y, *size)


def overlap(box, other):
    """Return the share of two boxes' union that both cover, 0 to 1."""
    across = min(box[0] + box[2], other[0] + other[2]) - max(box[0], other[0])
    down = min(box[1] + box[3], other[1] + other[3]) - max(box[1], other[1])
    both = max(across, 0) * max(down, 0)
    return both / (box[2] * box[3] + other[2] * other[3] - both)
