"""Which ink belongs to which digit."""

import bisect
import itertools
import math
from typing import NamedTuple

import cv2
import numpy as np

from digits.lines import DRAWING_SIDE
from digits.normalise import SQUARE

CORE = 160  # ink that a stroke reaches somewhere …
FRINGE = 80  # … and the ink that still belongs to it
FAINT_FRINGE = 40  # … where the pen was pressed unevenly
SMALLEST_PART = 3  # pixels
SMALLEST = 8  # pixels of a digit: it cannot be told in fewer
SMALLEST_SHARE = 0.012  # of the picture's longer side: a page's digits are larger
SPECK_SHARE = 0.12  # of the digits' height: smaller pieces are dirt
LOOSE_SHARE = 0.6  # of the digits' height: smaller pieces are parts of a digit
NEAR_SHARE = 0.2  # of the digits' height: how far a part is from its digit at most
PAGE = 4  # pieces of like height away from the border: several digits, or a page
FRAME_SHARE = 0.6  # of the picture's width and height: what is so large …
FRAMED = 3  # … and has so many pieces inside is no digit
MOST = 300  # pieces that are looked at: more is noise
HIGHEST_ONE = 36  # times as high as wide: a hairline of 1
LINE_ASPECT = 12  # width to height of a ruled line


class Piece(NamedTuple):
    """Ink that is one digit: its box in the picture, its own ink (height, width)."""

    x: int
    y: int
    width: int
    height: int
    ink: np.ndarray


def find_digits(ink, fringe=FRINGE, cut_out=False):
    """Return a list of Pieces, one a digit, of ink (H, W) uint8.

    fringe: the least ink, 0 to 255, that belongs to a stroke; cut_out: the picture was
    cut out of a larger one, so that loose pieces at its border are other digits' ends.
    """
    labels, boxes = components(ink, fringe)
    boxes = without_edges(boxes, ink.shape)
    boxes = without_frames(without_long_boxes(boxes, ink.shape), ink.shape)
    if not boxes:
        return []
    height = int(usual_height([box[3] for box in boxes.values()]))
    smallest = max(SMALLEST_PART, SPECK_SHARE * height)
    boxes = {k: box for k, box in boxes.items() if max(box[2:]) >= smallest}
    if cut_out:
        boxes = without_loose_ends(boxes, ink.shape, height)
    boxes = largest(boxes, MOST)
    groups = group(boxes, height)
    pieces = [_piece(ink, labels, boxes, members) for members in groups]
    least = max(SMALLEST, SMALLEST_SHARE * max(ink.shape))
    return [piece for piece in pieces if max(piece.width, piece.height) >= least]


def components(ink, fringe=FRINGE):
    """Return connected strokes: labels (H, W) int32 and {label: (x, y, width, height)}.

    Hysteresis as in Canny, 1986: connected ink of at least `fringe` that reaches CORE.
    """
    _, labels, stats, _ = cv2.connectedComponentsWithStats(np.uint8(ink >= fringe))
    reaching = np.flatnonzero(np.bincount(labels[ink >= CORE]))
    return labels, {int(k): tuple(map(int, stats[k, :4])) for k in reaching}


def without_edges(boxes, shape):
    """Return the boxes less those at the picture's border, if others remain.

    A page's edge, a thumb and a neighbouring line reach the border; a digit seldom
    does, unless it fills the picture: then there is little else.
    """
    inner = {k: box for k, box in boxes.items() if not at_border(box, shape)}
    tallest = max((box[3] for box in boxes.values()), default=0)
    heights = sorted((box[3] for box in inner.values()), reverse=True)
    alike = [height for height in heights if height > heights[0] / 2]
    is_page = len(alike) >= PAGE and heights[0] >= SMALLEST_PART
    return inner if is_page or (heights and heights[0] > tallest / 4) else boxes


def without_loose_ends(boxes, shape, digit_height):
    """Return the boxes less those at the border that are lower than a digit."""
    return {
        k: box
        for k, box in boxes.items()
        if box[3] >= LOOSE_SHARE * digit_height or not at_border(box, shape)
    }


def at_border(box, shape):
    """Tell whether a box (x, y, width, height) touches the border of a picture."""
    x, y, width, height = box
    return x == 0 or y == 0 or x + width == shape[1] or y + height == shape[0]


def without_long_boxes(boxes, shape):
    """Return the boxes less lines: much wider than high, or as high at the border.

    Inside the picture, and in a small one, a line is even higher: a 1 is high too.
    """
    is_small = min(shape) < DRAWING_SIDE

    def is_line(x, y, width, height):
        at_edge = at_border((x, y, width, height), shape)
        aspect = width / height
        highest = LINE_ASPECT if at_edge and not is_small else HIGHEST_ONE
        return aspect > LINE_ASPECT or aspect < 1 / highest

    return {label: box for label, box in boxes.items() if not is_line(*box)}


def without_frames(boxes, shape):
    """Return the boxes less what surrounds others, as the edges of a sheet do."""
    height, width = shape
    frames = {
        k
        for k, box in boxes.items()
        if box[2] > FRAME_SHARE * width
        and box[3] > FRAME_SHARE * height
        and sum(surrounds(box, other) for other in boxes.values()) >= FRAMED
    }
    return {k: box for k, box in boxes.items() if k not in frames}


def surrounds(box, other):
    """Tell whether a box (x, y, width, height) holds another, under half as high."""
    return (
        box[0] < other[0]
        and box[1] < other[1]
        and box[0] + box[2] > other[0] + other[2]
        and box[1] + box[3] > other[1] + other[3]
        and other[3] < 0.5 * box[3]
    )


def largest(boxes, count):
    """Return the `count` highest of boxes {label: box}."""
    labels = sorted(boxes, key=lambda k: boxes[k][3], reverse=True)
    return {k: boxes[k] for k in labels[:count]}


def usual_height(heights):
    """Return the height of the digits to which boxes of these heights belong.

    It is the median in which each counts by its square, so that many specks weigh less
    than a few digits; 0 of none.
    """
    heights = sorted(heights)
    weights = list(itertools.accumulate(height**2 for height in heights))
    return heights[bisect.bisect_left(weights, weights[-1] / 2)] if heights else 0


def group(boxes, digit_height):
    """Return sets of labels: each large box, with the small ones that are near it.

    A 5's bar, a broken stroke or the dot of a pen belong to the digit that they are
    nearest to; far from any digit they stand alone.
    """
    small = {k for k, box in boxes.items() if box[3] < LOOSE_SHARE * digit_height}
    groups = {k: {k} for k in boxes if k not in small}
    alone = []
    for k in small:
        gaps = {large: gap(boxes[k], boxes[large]) for large in groups}
        nearest = min(gaps, key=gaps.get, default=None)
        if nearest is not None and gaps[nearest] <= NEAR_SHARE * digit_height:
            groups[nearest].add(k)
        elif boxes[k][3] >= digit_height / 3:
            alone.append({k})
    return [*groups.values(), *alone]


def gap(box, other):
    """Return the distance in pixels between two boxes (x, y, width, height)."""
    across = max(box[0], other[0]) - min(box[0] + box[2], other[0] + other[2])
    down = max(box[1], other[1]) - min(box[1] + box[3], other[1] + other[3])
    return math.hypot(max(across, 0), max(down, 0))


def _piece(ink, labels, boxes, members):
    """Return the Piece of the components `members`, without its neighbours' ink."""
    corners = [boxes[k] for k in members]
    x, y = min(box[0] for box in corners), min(box[1] for box in corners)
    right = max(box[0] + box[2] for box in corners)
    bottom = max(box[1] + box[3] for box in corners)
    window = slice(y, bottom), slice(x, right)
    own = np.zeros((bottom - y, right - x), np.uint8)
    for label in members:
        own |= labels[window] == label
    # The soft edge of a stroke is below the fringe, and still the digit's.
    own = cv2.dilate(own, SQUARE)
    return Piece(x, y, right - x, bottom - y, ink[window] * own)
