"""Layout: the boxes of digits and signs in rows, from top to bottom, and in numbers.

Pure geometry. The sheet's tilt is estimated from pairs of neighbours and taken out;
neighbours whose heights overlap then grow together into rows, the nearest first, as
long as no digit of a row stands above another; signs join the nearest row; a row is
parted into numbers where a gap is wide for its digits and for its row.
"""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# Lengths are in heights of a digit where no unit is given. Chosen on layouts such as
# tests/test_layout.py makes up, but with wilder hands; the exact values matter little.
STEEPEST = 30  # degrees: the largest tilt of a sheet …
TILTS = np.radians(np.linspace(-STEEPEST, STEEPEST, 121))  # … in steps of half a degree
ORIGINS = 300  # digits of a page, at most, whose neighbours tell of the tilt …
REACH = 12.0  # … up to this distance
UNEVEN = 0.25  # standard deviation of digits from their baseline
LEVEL = 1.0  # weight of the prior that a sheet is level; that of two touching digits …
USUAL_TILT = math.radians(10)  # … and its standard deviation
LEAST_OVERLAP = 0.1  # of two neighbours' heights, as a share of the lower one's
UNLEVEL = 3.0  # distance that counts as much as no overlap of heights
NEIGHBOURS = 4  # digits to the right of each that may follow it in its row
STACKED = 0.5  # overlap of two stacked digits' widths, as a share of the lesser width …
APART = 0.5  # … and the distance of their centres in height
WIDE_GAP = 0.5  # least gap between two numbers …
WIDE_PITCH = 1.6  # … whose digits are at least so many times farther apart than usual
LONE_PITCH = 1.2  # usual distance of digits' centres where there is nothing to compare
LOPSIDED = 0.7  # share of the gaps beside a sign that one must have to be a space


class Row(NamedTuple):
    """One row of boxes.

    indices: of its boxes from left to right, signs among them; spaces: for each of
    them, whether a wide gap parts it from the box before it.
    """

    indices: list[int]
    spaces: list[bool]

    def text(self, labels: Sequence[str]) -> str:
        """Return the row with its signs: '22/11/2026 -3.14'.

        labels: a character for each of the picture's boxes.
        """
        boxes = zip(self.indices, self.spaces, strict=True)
        return "".join(" " * space + labels[index] for index, space in boxes)

    def numbers(self, labels: Sequence[str]) -> str:
        """Return the row's digits, parted by gaps and signs: '22 11 2026 3 14'.

        labels: a character for each of the picture's boxes.
        """
        text = self.text(labels)
        return " ".join("".join(c if c.isdigit() else " " for c in text).split())


def rows_of(boxes: Sequence[Sequence[float]], is_sign: Sequence[bool]) -> list[Row]:
    """Return the rows of a picture's boxes, from top to bottom; each box is in one.

    boxes: (x, y, width, height) in pixels of the upright picture, no side 0; is_sign:
    whether each is a sign. Signs alone make a row only where there is no digit at all.
    """
    sheet = np.asarray(boxes, float).reshape(-1, 4)
    signs = np.asarray(is_sign, bool)
    digits = np.flatnonzero(~signs | signs.all())
    level = _levelled(sheet, tilt(sheet[digits]))
    rows = [digits[row] for row in _grouped(level[digits])]
    rows.sort(key=lambda row: level[row, 1].mean())
    wide = _wide_gaps(level, rows)
    signs_of = [[] for _ in rows]
    for sign in np.flatnonzero(signs & ~signs.all()):
        signs_of[_nearest(level, rows, sign)].append(sign)
    return [_row(level, *parts) for parts in zip(rows, wide, signs_of, strict=True)]


def tilt(boxes: np.ndarray) -> float:
    """Return the angle in radians by which a sheet is turned clockwise.

    boxes: (N, 4) float, (x, y, width, height) in pixels, of its digits. Of angles up to
    STEEPEST it is the one along which most digits have others of their size to the
    right (a Hough transform whose votes weigh less the farther the digits are apart).
    """
    centres, heights = boxes[:, :2] + boxes[:, 2:] / 2, boxes[:, 3]
    scores = LEVEL * np.exp(-((TILTS / USUAL_TILT) ** 2) / 2)
    for origin in range(0, len(boxes), 1 + len(boxes) // ORIGINS):
        x, y = (centres - centres[origin]).T / heights[origin]
        similar = np.abs(np.log2(heights / heights[origin])) < 1
        near = np.flatnonzero((x > 0) & (np.hypot(x, y) < REACH) & similar)
        x, y = x[near, None], y[near, None]
        offsets = y * np.cos(TILTS) - x * np.sin(TILTS)
        votes = np.exp(-((offsets / UNEVEN) ** 2) / 2) / np.hypot(x, y)
        scores += votes.sum(axis=0)
    return float(TILTS[scores.argmax()])


def _levelled(boxes, angle):
    """Return (N, 4) float: centre x and y, width, height, with the tilt taken out.

    The box of a tilted digit is larger than the digit, which counts as an ellipse.
    """
    cos, sin = math.cos(angle), math.sin(angle)
    x, y = (boxes[:, :2] + boxes[:, 2:] / 2).T
    squares = boxes[:, 2:] ** 2
    true = (squares * cos**2 - squares[:, ::-1] * sin**2) / (cos**2 - sin**2)
    sizes = np.sqrt(np.clip(true, squares / 16, squares))
    return np.column_stack([x * cos + y * sin, y * cos - x * sin, sizes])


def _grouped(level) -> list[list[int]]:
    """Return rows of indices, each from left to right."""
    row_of = [[index] for index in range(len(level))]
    for left, right in _neighbours(level):
        row, other = row_of[left], row_of[right]
        if row is not other and not _any_stacked(level[row], level[other]):
            row.extend(other)
            for index in other:
                row_of[index] = row
    rows = {id(row): row for row in row_of}.values()
    return [sorted(row, key=lambda index: level[index, 0]) for row in rows]


def _neighbours(level) -> list[tuple[int, int]]:
    """Return pairs of digits that may be on one row, (left, right), nearest first."""
    pairs = []
    for index, (x, y, width, height) in enumerate(level):
        lower = np.minimum(height, level[:, 3])
        apart = np.abs(level[:, 1] - y)
        overlap = np.minimum(((height + level[:, 3]) / 2 - apart) / lower, 1)
        gap = np.maximum(level[:, 0] - x - (width + level[:, 2]) / 2, 0)
        cost = 2 * gap / (height + level[:, 3]) + UNLEVEL * (1 - overlap)
        right = np.flatnonzero((level[:, 0] > x) & (overlap > LEAST_OVERLAP))
        nearest = right[cost[right].argsort(kind="stable")[:NEIGHBOURS]]
        pairs += [(cost[other], index, int(other)) for other in nearest]
    return [(left, right) for _, left, right in sorted(pairs)]


def _any_stacked(level, others) -> bool:
    """Tell whether a digit of a row stands above or below one of another row."""
    x, y = (np.abs(level[:, None, k] - others[None, :, k]) for k in (0, 1))
    widths, heights = ((level[:, None, k], others[None, :, k]) for k in (2, 3))
    overlap = (widths[0] + widths[1]) / 2 - x > STACKED * np.minimum(*widths)
    return bool((overlap & (y > APART * (heights[0] + heights[1]) / 2)).any())


def _wide_gaps(level, rows) -> list[np.ndarray]:
    """Return for each row whether a wide gap follows each of its digits but the last.

    It is wide both for the digits beside it and for its row: the digits of a comb are
    far apart, but evenly. A row of two digits is compared with the other rows.
    """
    pitches = [np.diff(level[row, 0]) for row in rows]
    compared = [pitch for pitch in pitches if len(pitch) > 1]
    page = np.median(np.concatenate(compared)) if compared else None
    wide = []
    for row, pitch in zip(rows, pitches, strict=True):
        widths, heights = (level[row[1:], 2:] + level[row[:-1], 2:]).T / 2
        if len(pitch) > 1:
            usual = np.quantile(pitch, 0.25, method="nearest")
        else:
            usual = LONE_PITCH * heights if page is None else page
        is_wide = pitch - widths > WIDE_GAP * heights
        wide.append(is_wide & (pitch > WIDE_PITCH * usual))
    return wide


def _nearest(level, rows, sign) -> int:
    """Return the number of the row to which a sign belongs."""
    x, y = level[sign, :2]
    distances = []
    for row in rows:
        xs, ys, _, heights = level[row].T
        height = np.interp(x, xs, heights)
        below = y - np.interp(x, xs, ys)
        beside = max(xs[0] - x, x - xs[-1], 0)
        distances.append(math.hypot(below, beside) / height)
    return int(np.argmin(distances))


def _row(level, digits, wide, signs) -> Row:
    """Return the Row of digits, from left to right, and of its signs, in any order.

    wide: for each two digits that follow each other, whether a wide gap parts them.
    """
    place = {index: (level[index, 0], 0) for index in digits}
    place |= {sign: _place(level, digits, sign) for sign in signs}
    indices = sorted(place, key=lambda index: place[index])
    position = {index: number for number, index in enumerate(indices)}
    spaces = [False] * len(indices)
    for left, right in itertools.compress(itertools.pairwise(digits), wide):
        first, last = position[left], position[right]
        gaps = _gaps(level[indices[first : last + 1]])
        widest = int(gaps.argmax())
        # A minus stands near its number, "12 -5"; a slash in the middle needs no space.
        least = max(gaps.sum() * LOPSIDED, level[[left, right], 3].mean() * WIDE_GAP)
        spaces[first + 1 + widest] = bool(gaps[widest] > least)
    return Row([int(index) for index in indices], spaces)


def _place(level, digits, sign) -> tuple[float, int]:
    """Return the place of a sign in its row; a bar follows the digits it spans."""
    x, y, width, _ = level[sign]
    xs, ys, _, heights = level[digits].T
    spanned = (np.abs(xs - x) < width / 2) & (np.abs(ys - y) > heights / 2)
    return (xs[spanned].max(), 1) if spanned.any() else (x, 0)


def _gaps(level) -> np.ndarray:
    """Return the gaps between boxes that follow each other, at least 0."""
    gaps = np.diff(level[:, 0]) - (level[1:, 2] + level[:-1, 2]) / 2
    return np.maximum(gaps, 0)
