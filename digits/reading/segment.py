"""Segment ink into regions, one for each digit."""

import bisect
import itertools
import math
from collections.abc import Iterable
from typing import NamedTuple

import cv2
import numpy as np

from digits.image import SQUARE
from digits.reading.ruled_lines import DRAWING_SIDE

CORE = 160  # ink that a stroke reaches somewhere …
FRINGE = 80  # … and the least ink that still belongs to it
SMALLEST_PART = 3  # pixels
SMALLEST = 8  # pixels; fewer cannot show a digit
SMALLEST_SHARE = 0.012  # of the picture's longer side: a page's digits are larger
SPECK_SHARE = 0.12  # of the digits' height: smaller regions are dirt
LOOSE_SHARE = 0.6  # of the digits' height: smaller regions are parts of a digit
NEAR_SHARE = 0.2  # of the digits' height: the largest gap between a digit and its part
PAGE = 4  # regions of like height away from the border: several digits, or a page
MOST = 300  # components that are kept; a picture with more is noise
HIGHEST_ONE = 36  # height to width of a 1 drawn as a hairline
LINE_ASPECT = 12  # width to height of a ruled line

Box = tuple[int, int, int, int]  # x, y, width, height in pixels


class Region(NamedTuple):
    """Ink that may be one digit: its box in the picture, its (height, width) uint8."""

    x: int
    y: int
    width: int
    height: int
    ink: np.ndarray

    @property
    def box(self) -> Box:
        """The Box, (x, y, width, height)."""
        return self[:4]


def segment(ink: np.ndarray) -> list[Region]:
    """Return a list of Regions, one for each digit, of ink (H, W) uint8."""
    labels, boxes = components(ink)
    boxes = without_long_boxes(without_edges(boxes, ink.shape), ink.shape)
    if not boxes:
        return []
    height = int(usual_height([box[3] for box in boxes.values()]))
    smallest = max(SMALLEST_PART, SPECK_SHARE * height)
    boxes = {label: box for label, box in boxes.items() if max(box[2:]) >= smallest}
    boxes = highest(boxes, MOST)
    groups = group(boxes, height)
    regions = [_region(ink, labels, boxes, members) for members in groups]
    least = max(SMALLEST, SMALLEST_SHARE * max(ink.shape))
    return [region for region in regions if max(region.width, region.height) >= least]


def components(ink: np.ndarray) -> tuple[np.ndarray, dict[int, Box]]:
    """Return connected strokes: labels (H, W) int32, and the Box of each label.

    Hysteresis as in Canny, 1986: connected ink of at least FRINGE that reaches CORE.
    """
    mask = (ink >= FRINGE).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    reaching = np.flatnonzero(np.bincount(labels[ink >= CORE]))
    boxes = {}
    for label in reaching.tolist():
        x, y, width, height = stats[label, :4].tolist()
        boxes[label] = x, y, width, height
    return labels, boxes


def without_edges(boxes: dict[int, Box], shape: tuple[int, ...]) -> dict[int, Box]:
    """Return the boxes less those at the picture's border, if digits remain.

    shape: (H, W) of the picture. A page's edge, a thumb and a neighbouring line reach
    the border. A digit seldom does, unless it fills the picture: then all other boxes
    are much lower.
    """
    inner = {k: box for k, box in boxes.items() if not at_border(box, shape)}
    tallest = max((box[3] for box in boxes.values()), default=0)
    heights = sorted((box[3] for box in inner.values()), reverse=True)
    alike = [height for height in heights if height > heights[0] / 2]
    is_page = len(alike) >= PAGE and heights[0] >= SMALLEST_PART
    return inner if is_page or (heights and heights[0] > tallest / 4) else boxes


def at_border(box: Box, shape: tuple[int, ...]) -> bool:
    """Tell whether a box touches the border of a picture of shape (H, W)."""
    x, y, width, height = box
    return x == 0 or y == 0 or x + width == shape[1] or y + height == shape[0]


def without_long_boxes(boxes: dict[int, Box], shape: tuple[int, ...]) -> dict[int, Box]:
    """Return the boxes less lines: much wider than high, or much higher at the border.

    shape: (H, W) of the picture. Away from the border, and in a small picture, only a
    still higher box counts as a line: a 1 is high too.
    """
    is_small = min(shape) < DRAWING_SIDE

    def is_line(box):
        _, _, width, height = box
        aspect = width / height
        may_be_one = is_small or not at_border(box, shape)
        highest_digit = HIGHEST_ONE if may_be_one else LINE_ASPECT
        return aspect > LINE_ASPECT or aspect < 1 / highest_digit

    return {label: box for label, box in boxes.items() if not is_line(box)}


def highest(boxes: dict[int, Box], count: int) -> dict[int, Box]:
    """Return the `count` highest of boxes."""
    labels = sorted(boxes, key=lambda label: boxes[label][3], reverse=True)
    return {label: boxes[label] for label in labels[:count]}


def usual_height(heights: Iterable[float]) -> float:
    """Return the height of the digits to which boxes of these heights belong.

    It is the median in which each counts by its square, so that many specks weigh less
    than a few digits; 0 without any.
    """
    heights = sorted(heights)
    weights = list(itertools.accumulate(height**2 for height in heights))
    return heights[bisect.bisect_left(weights, weights[-1] / 2)] if heights else 0


def group(boxes: dict[int, Box], digit_height: float) -> list[set[int]]:
    """Return sets of labels: each large box, with the small ones near it.

    A 5's bar, a part of a broken stroke and a pen's dot belong to the nearest digit.
    Far from any digit a part stands alone if it is large enough.
    """
    small = {k for k, box in boxes.items() if box[3] < LOOSE_SHARE * digit_height}
    groups = {label: {label} for label in boxes if label not in small}
    alone = []
    for label in small:
        gaps = {large: gap(boxes[label], boxes[large]) for large in groups}
        nearest = min(gaps, key=lambda large: gaps[large], default=None)
        if nearest is not None and gaps[nearest] <= NEAR_SHARE * digit_height:
            groups[nearest].add(label)
        elif boxes[label][3] >= digit_height / 3:
            alone.append({label})
    return [*groups.values(), *alone]


def gap(box: Box, other: Box) -> float:
    """Return the distance in pixels between two boxes, 0 if they overlap."""
    across = max(box[0], other[0]) - min(box[0] + box[2], other[0] + other[2])
    down = max(box[1], other[1]) - min(box[1] + box[3], other[1] + other[3])
    return math.hypot(max(across, 0), max(down, 0))


def _region(ink, labels, boxes, members):
    """Return the Region of the components `members`, without its neighbours' ink."""
    corners = [boxes[label] for label in members]
    x, y = min(box[0] for box in corners), min(box[1] for box in corners)
    right = max(box[0] + box[2] for box in corners)
    bottom = max(box[1] + box[3] for box in corners)
    window = slice(y, bottom), slice(x, right)
    own = np.zeros((bottom - y, right - x), np.uint8)
    for label in members:
        own |= labels[window] == label
    # The soft edge of a stroke is below the fringe, and still the digit's.
    own = cv2.dilate(own, SQUARE)
    return Region(x, y, right - x, bottom - y, ink[window] * own)


def joined(one: Region, other: Region) -> Region:
    """Return the union of two Regions."""
    x, y = min(one.x, other.x), min(one.y, other.y)
    right = max(one.x + one.width, other.x + other.width)
    bottom = max(one.y + one.height, other.y + other.height)
    ink = np.zeros((bottom - y, right - x), np.uint8)
    for region in one, other:
        rows = slice(region.y - y, region.y - y + region.height)
        columns = slice(region.x - x, region.x - x + region.width)
        ink[rows, columns] = np.maximum(ink[rows, columns], region.ink)
    return Region(x, y, right - x, bottom - y, ink)


def all_ink(ink: np.ndarray) -> list[Region]:
    """Return [the Region of all ink (H, W) uint8], or [] where there is none."""
    x, y, width, height = cv2.boundingRect((ink >= FRINGE).astype(np.uint8))
    part = ink[y : y + height, x : x + width]
    return [Region(x, y, width, height, part)] if part.size else []
