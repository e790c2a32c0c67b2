"""Find the digits and signs of a picture with the reader of pages.

The reader knows digits of 12 to 48 pixels' height. It looks at the picture in several
sizes, each half of the one before, and of what it finds at one place the surest counts.
"""

from typing import NamedTuple

import cv2
import numpy as np

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
LARGE = 3_200_000  # pixels: a larger picture is reduced: digits of 2.5 mm on A4 remain 18 px
LEAST_SIDE = 16  # pixels of the smallest size
FAINTEST = 0.05  # probability: what is less likely a mark is not considered
SAME = 0.45  # intersection over union of boxes that show one mark …
WITHIN = 0.75  # … or this share of the smaller one's area, if it is …
SIMILAR = 0.5  # … at least so high, compared with the larger one


class Marks(NamedTuple):
    """What may be digits and signs, N of them.

    boxes: (N, 4) float32, x, y, width, height in pixels of the picture; presence: (N,)
    float32, the probability that one is there; probabilities: (N, len(MARKS)) float32,
    of which it is.
    """

    boxes: np.ndarray
    presence: np.ndarray
    probabilities: np.ndarray

    def chosen(self, indices: np.ndarray) -> "Marks":
        """Return the marks of some indices, or where a mask (N,) is true."""
        return Marks(*(array[indices] for array in self))


def find(gray: np.ndarray, reader: Reader) -> Marks:
    """Return the Marks of a gray picture (H, W) uint8 with dark ink on light paper."""
    found = [
        _scaled(_peaks(reader.answers(level)), level.shape, scale)
        for level, scale in sizes(gray)
    ]
    return distinct(Marks(*map(np.concatenate, zip(*found, strict=True))))


def sizes(gray: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Return [(picture, scale)]: a gray picture in the sizes in which it is searched.

    scale: how many of its pixels one of the gray picture's is wide.
    """
    area = gray.shape[0] * gray.shape[1]
    levels = [(resized(gray, 2), 2.0)] if area < SMALL else []
    scale = min(1.0, (LARGE / area) ** 0.5)
    level = resized(gray, scale) if scale < 1 else gray
    while min(level.shape) >= LEAST_SIDE or not levels:
        levels.append((level, scale))
        level, scale = resized(level, 0.5), scale / 2
    return levels


def resized(gray: np.ndarray, scale: float) -> np.ndarray:
    """Return a picture (H, W) uint8 `scale` times as large."""
    size = [max(1, round(side * scale)) for side in gray.shape[::-1]]
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(gray, size, interpolation=interpolation)


def _peaks(answers):
    """Return the Marks where presence is likelier than in the cells around."""
    presence = answers[..., PRESENCE]
    least = np.log(FAINTEST / (1 - FAINTEST))
    is_peak = presence >= np.maximum(cv2.dilate(presence, np.ones((3, 3))), least)
    y, x = np.nonzero(is_peak)
    cells = answers[y, x]
    middles = STRIDE * (np.column_stack([x, y]) + 0.5 + cells[:, PLACE]) - BORDER
    sides = TYPICAL * np.exp(np.clip(cells[:, SIZE], -4, 4))
    logits = cells[:, CLASSES] - cells[:, CLASSES].max(axis=1, keepdims=True)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    boxes = np.column_stack([middles - sides / 2, sides]).astype(np.float32)
    return Marks(boxes, 1 / (1 + np.exp(-cells[:, PRESENCE])), probabilities)


def _scaled(marks, shape, scale):
    """Return the Marks whose middle is in a level of `shape`, in pixels of the picture.
    """
    middles = marks.boxes[:, :2] + marks.boxes[:, 2:] / 2
    inside = ((middles >= 0) & (middles < shape[::-1])).all(axis=1)
    return marks._replace(boxes=marks.boxes / np.float32(scale)).chosen(inside)


def distinct(marks: Marks) -> Marks:
    """Return Marks without those whose place a surer one has."""
    low, high = marks.boxes[:, :2], marks.boxes[:, :2] + marks.boxes[:, 2:]
    areas, heights = marks.boxes[:, 2] * marks.boxes[:, 3], marks.boxes[:, 3]
    remaining, kept = np.argsort(-marks.presence, kind="stable"), []
    while len(remaining):
        first, others = remaining[0], remaining[1:]
        kept.append(first)
        sides = np.minimum(high[first], high[others]) - np.maximum(low[first], low[others])
        both = np.clip(sides, 0, None).prod(axis=1)
        union = areas[first] + areas[others] - both
        lower = np.minimum(areas[first], areas[others])
        ratio = heights[others] / heights[first]
        similar = (ratio > SIMILAR) & (ratio < 1 / SIMILAR)
        same = (both > SAME * union) | ((both > WITHIN * lower) & similar)
        remaining = others[~same]
    return marks.chosen(np.array(kept, int))
