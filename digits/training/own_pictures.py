"""From labelled pictures of one's own to what the networks learn from.

What the reader of pages finds in a picture is matched to its reading: the likeliest
marks, as many as it has digits, get their labels where they stand in as many rows.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from digits import UserError, labels
from digits.experiment.resume import Training
from digits.labels import Labelled
from digits.mnist import Dataset
from digits.model import model_file
from digits.model.classifier import DIGITS, NO_DIGIT_LABEL
from digits.model.reader import DIGIT_HEIGHTS, Reader, with_paper
from digits.reading import layout
from digits.reading.decode import decode
from digits.reading.find import find, resized
from digits.reading.ink import coarse, extract_ink, is_light_on_dark
from digits.reading.marks import LIKELY, Marks
from digits.reading.normalise import normalise
from digits.reading.segment import segment
from digits.synthesis.page import HEIGHT, MOST_MARKS, WIDTH, visible
from digits.synthesis.pages import NOTHING
from digits.synthesis.sheet import OTHER_SIZES
from digits.terminal.progress import Progress

FEWEST = 10  # pictures from which something is learned
LEAST_ADDED = 2_500  # images beside MNIST's 55,000
OFF_SIZE = 0.15  # share of the pieces whose digits are of OTHER_SIZES


class Example(NamedTuple):
    """A picture of which each digit is known.

    gray: (H, W) uint8, dark ink on light paper; marks: (N, 5) float32, as of a
    digits.synthesis.page.Piece; image: (28, 28) uint8 of its only region of ink, or
    None; label: of that image.
    """

    gray: np.ndarray
    marks: np.ndarray
    image: np.ndarray | None
    label: int


def matched(folder: str | Path, reader: Reader) -> dict[Labelled, Example]:
    """Return the Examples of a folder's pictures; say which are left out, and why.

    Raises UserError where less than FEWEST remain, and as labels.read does.
    """
    examples, labelled = {}, labels.read(folder)
    with Progress("Matching pictures", len(labelled)) as bar:
        for one in labelled:
            try:
                examples[one] = match(one, reader)
            except UserError as error:
                print(f"{one.path}: left out: {error}", file=sys.stderr)
            bar.update(1)
    if len(examples) < FEWEST:
        raise UserError(
            f"{folder}: {len(examples)} pictures to learn from; at least {FEWEST} are "
            "needed"
        )
    return examples


def reader_of(path: str | Path) -> Reader:
    """Return the reader of a model file; raises UserError where it has none."""
    reader = model_file.load_reader(path)
    if reader is None:
        raise UserError(f"{path}: has no reader of pages to learn on")
    return reader


def added(dataset: Dataset, folder: str | Path, run: Training) -> Dataset:
    """Return a Dataset that also trains with the digits of a folder's pictures.

    run: keeps them, as the folder may change before it is resumed. Raises UserError as
    `matched` does.
    """
    images, own_labels = run.kept("own", lambda: _single_digits(folder))
    return dataset._replace(
        train_images=np.concatenate([dataset.train_images, images]),
        train_labels=np.concatenate([dataset.train_labels, own_labels]),
    )


def _single_digits(folder):
    """Return images and labels of a folder's digits, repeated up to LEAST_ADDED."""
    examples = matched(folder, reader_of(model_file.SHIPPED)).values()
    alone = [e for e in examples if e.image is not None and e.label < NO_DIGIT_LABEL]
    if not alone:
        raise UserError(f"{folder}: no picture shows one digit, in one region of ink")
    times = -(-LEAST_ADDED // len(alone))
    images = np.stack([np.asarray(e.image) for e in alone])
    own_labels = np.array([e.label for e in alone], np.uint8)
    return np.tile(images, (times, 1, 1)), np.tile(own_labels, times)


def match(labelled: Labelled, reader: Reader) -> Example:
    """Return the Example of a picture.

    Raises UserError where it cannot be decoded, and where no digits are found that its
    reading may be of.
    """
    picture, _ = decode(labelled.path)
    gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    if is_light_on_dark(coarse(picture)):
        gray = 255 - gray
    rows = [row.replace(" ", "") for row in labelled.reading.split("/")]
    regions = segment(extract_ink(picture))
    only = regions[0] if len(regions) == 1 and len("".join(rows)) < 2 else None
    found = find(gray, reader)
    digits = _digits(found, rows)
    if digits is None and only and rows[0]:
        every = np.arange(len(found.boxes))  # each is of that region of ink
        digits = np.array([only.box], np.float32), np.array([int(rows[0])]), every
    if digits is None:
        raise UserError(
            f"its reading {labelled.reading} does not match the digits that are found"
        )
    boxes, classes, used = digits
    are_signs = ~found.are_digits & (found.confidences >= LIKELY)
    are_signs[used] = False
    signs = found.chosen(are_signs)
    boxes = np.concatenate([boxes, signs.boxes])
    classes = np.concatenate([classes, signs.labels])
    marks = np.column_stack([classes, boxes[:, :2] + boxes[:, 2:] / 2, boxes[:, 2:]])
    return Example(
        gray,
        marks.astype(np.float32),
        normalise(only.ink) if only else None,
        int(rows[0]) if rows[0] else NO_DIGIT_LABEL,
    )


def _digits(found: Marks, rows):
    """Return the boxes and labels of the digits of `rows`, and which marks, or None.

    They are the marks that are likeliest to be digits, whichever.
    """
    text = "".join(rows)
    if not text:
        return np.empty((0, 4), np.float32), np.empty(0, int), np.empty(0, int)
    likeliest = np.argsort(-found.digit_probabilities.sum(axis=1), kind="stable")
    used = likeliest[: len(text)]
    chosen = found.chosen(used)
    laid = layout.rows_of(chosen.boxes.tolist(), [False] * len(chosen.boxes))
    if [len(row.indices) for row in laid] != [len(row) for row in rows]:
        return None
    order = [index for row in laid for index in row.indices]
    return chosen.boxes[order], np.array([int(digit) for digit in text]), used


def pieces(
    examples: Sequence[Example], count: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return `count` pieces of examples, as digits.synthesis.pages.pieces does."""
    pictures = np.empty((count, HEIGHT, WIDTH), np.uint8)
    marks = np.full((count, MOST_MARKS, 5), NOTHING, np.float32)
    for index in range(count):
        example = examples[index % len(examples)]
        pictures[index], own = _piece(example, random)
        marks[index, : len(own)] = own
    return pictures, marks


def _piece(example, random):
    """Return a part of an example that shows one of its marks, and its marks there."""
    digits = example.marks[example.marks[:, 0] < len(DIGITS)]
    typical = np.median(digits[:, 4]) if len(digits) else min(example.gray.shape)
    is_readable = random.random() >= OFF_SIZE
    sizes = DIGIT_HEIGHTS if is_readable else OTHER_SIZES[random.integers(2)]
    scale = np.exp(random.uniform(*np.log(sizes))) / typical
    middle = np.divide(example.gray.shape[::-1], 2)
    if len(example.marks):
        middle = example.marks[random.integers(len(example.marks)), 1:3]
    shown = np.array([WIDTH, HEIGHT]) / scale  # pixels of the example, each way
    corner = middle - random.uniform(0.2, 0.8, 2) * shown
    picture, corner = _cut(example.gray, corner, scale)
    middles = (example.marks[:, 1:3] - corner) * scale
    sides = example.marks[:, 3:] * scale
    low, high = middles - sides / 2, middles + sides / 2
    own = visible(example.marks[:, 0], low, high, (0, 0, WIDTH, HEIGHT))
    return picture, own[:MOST_MARKS] if is_readable else own[:0]


def _cut(gray, corner, scale):
    """Return a picture (HEIGHT, WIDTH) that shows another one from a corner x, y on.

    It is shown `scale` times as large; beyond it is paper. Where nothing of it would be
    seen, the corner is moved. Returns the corner, too, in whole pixels of `gray`.
    """
    shown = np.array([WIDTH, HEIGHT]) / scale
    least = max(4 / scale, 1)  # pixels that are seen, each way
    corner = np.floor(np.minimum(corner, np.array(gray.shape[::-1]) - least))
    corner = np.maximum(corner, np.ceil(least - shown)).astype(int)
    left, top = np.maximum(corner, 0)
    right, bottom = np.ceil(corner + shown).astype(int)
    seen = resized(gray[top:bottom, left:right], scale)
    before, above = np.rint(scale * (np.array([left, top]) - corner)).astype(int)
    seen = seen[: HEIGHT - above, : WIDTH - before]
    below, after = HEIGHT - above - seen.shape[0], WIDTH - before - seen.shape[1]
    return with_paper(seen, above, below, before, after), corner
