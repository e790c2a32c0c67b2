"""Find the digits and signs of a picture with the reader of pages.

The reader knows digits of 15 to 31 pixels' height (digits.synthesis.sheet). The picture
is searched in several sizes, each half of the one before, and of what is found at one
place the surest counts.
"""

from typing import NamedTuple

import cv2
import numpy as np

from digits.image import SQUARE
from digits.model.reader import (
    BORDER,
    CLASSES,
    PLACE,
    PRESENCE,
    SIZE,
    STRIDE,
    TYPICAL,
    Reader,
)

SMALL = 300 * 300  # pixels: a smaller picture is also enlarged
# Pixels: a larger picture is reduced. Digits of 2.5 mm on A4 are 18 pixels high then.
LARGE = 3_200_000
LEAST_SIDE = 16  # pixels of the smallest size
FAINTEST = 0.05  # probability: what is less likely a mark is not considered
SAME = 0.45  # intersection over union of boxes that show one mark …
WITHIN = 0.75  # … or this share of the smaller one's area, if it is …
SIMILAR = 0.5  # … at least so high, compared with the larger one
LARGEST_LOGARITHM = 4  # of a mark's size to TYPICAL: an answer beyond it is clipped


class Marks(NamedTuple):
    """What may be digits and signs, N of them.

    boxes: (N, 4) float32, x, y, width, height in pixels of the picture; presence: (N,)
    float32, the probability that one is there; probabilities: (N, len(MARKS)) float32,
    of which it is.
    """

    boxes: np.ndarray
    presence: np.ndarray
    probabilities: np.ndarray

    @property
    def middles(self) -> np.ndarray:
        """The middles of the boxes, (N, 2) float32, x and y."""
        return self.boxes[:, :2] + self.boxes[:, 2:] / 2

    def chosen(self, indices: np.ndarray) -> "Marks":
        """Return the marks of some indices, or where a mask (N,) is true."""
        return Marks(*(array[indices] for array in self))


def find(gray: np.ndarray, reader: Reader) -> Marks:
    """Return the Marks of a gray picture (H, W) uint8 with dark ink on light paper.

    The surest comes first.
    """
    found = []
    for picture in sizes(gray):
        marks = _inside(peaks(reader.answers(picture), BORDER), picture.shape)
        scale = np.divide(gray.shape, picture.shape)[::-1]
        boxes = marks.boxes * np.tile(scale, 2).astype(np.float32)
        found.append(marks._replace(boxes=boxes))
    return distinct(Marks(*map(np.concatenate, zip(*found, strict=True))))


def sizes(gray: np.ndarray) -> list[np.ndarray]:
    """Return a gray picture (H, W) uint8 in the sizes in which it is searched."""
    area = gray.shape[0] * gray.shape[1]
    pictures = [resized(gray, 2)] if area < SMALL else []
    picture = resized(gray, (LARGE / area) ** 0.5) if area > LARGE else gray
    while min(picture.shape) >= LEAST_SIDE or not pictures:
        pictures.append(picture)
        picture = resized(picture, 0.5)
    return pictures


def resized(gray: np.ndarray, scale: float) -> np.ndarray:
    """Return a picture (H, W) uint8 `scale` times as large."""
    size = [max(1, round(side * scale)) for side in gray.shape[::-1]]
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(gray, size, interpolation=interpolation)


def peaks(answers: np.ndarray, border: int) -> Marks:
    """Return the Marks where presence is likelier than in the cells around.

    answers: (h, w, OUTPUTS) float32, as the reader gives them; border: how many pixels
    above and to the left of the picture the cells begin.
    """
    presence = answers[..., PRESENCE]
    least = np.log(FAINTEST / (1 - FAINTEST))
    is_peak = presence >= np.maximum(cv2.dilate(presence, SQUARE), least)
    y, x = np.nonzero(is_peak)
    cells = answers[y, x]
    middles = STRIDE * (np.column_stack([x, y]) + 0.5 + cells[:, PLACE]) - border
    logarithms = np.clip(cells[:, SIZE], -LARGEST_LOGARITHM, LARGEST_LOGARITHM)
    sides = TYPICAL * np.exp(logarithms)
    logits = cells[:, CLASSES] - cells[:, CLASSES].max(axis=1, keepdims=True)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    boxes = np.column_stack([middles - sides / 2, sides]).astype(np.float32)
    return Marks(boxes, 1 / (1 + np.exp(-cells[:, PRESENCE])), probabilities)


def _inside(marks, shape):
    """Return the Marks whose middle is in a picture of `shape`, not in its border."""
    inside = (marks.middles >= 0) & (marks.middles < shape[::-1])
    return marks.chosen(inside.all(axis=1))


def distinct(marks: Marks) -> Marks:
    """Return Marks without those whose place a surer one has, the surest first."""
    remaining, kept = np.argsort(-marks.presence, kind="stable"), []
    while len(remaining):
        first, others = remaining[0], remaining[1:]
        kept.append(first)
        remaining = others[~_show_same(marks.boxes[first], marks.boxes[others])]
    return marks.chosen(np.array(kept, int))


def _show_same(box, boxes):
    """Tell for boxes (N, 4) whether they show the same mark as a box (4,)."""
    sides = np.minimum(box[:2] + box[2:], boxes[:, :2] + boxes[:, 2:])
    sides = np.clip(sides - np.maximum(box[:2], boxes[:, :2]), 0, None)
    both, areas, area = sides.prod(axis=1), boxes[:, 2:].prod(axis=1), box[2:].prod()
    ratio = boxes[:, 3] / box[3]
    is_similar = (ratio > SIMILAR) & (ratio < 1 / SIMILAR)
    is_within = both > WITHIN * np.minimum(areas, area)
    return (both > SAME * (areas + area - both)) | (is_within & is_similar)
