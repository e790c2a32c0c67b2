"""MNIST's digits as other people's pens would have written them.

MNIST's writers used one kind of pencil and American forms. Here a digit gets strokes
that other people add (a crossed 7, a 1 with hook and foot, a 2 with a loop, a 9 with a
curled tail), another slant and shape, and a pen from hairline to marker.
"""

import cv2
import numpy as np

from digits.image import SQUARE, stroke_width
from digits.synthesis.strokes import draw, smooth

FINE = 4  # pixels of fine ink for each pixel of MNIST
SIDE = 160  # pixels: FINE times MNIST's 28, and a margin for turned digits
ADDED = 0.35  # share of 1, 2, 7 and 9 that get an additional stroke
# The largest change each way:
TURN = np.deg2rad(12)
SLANT = 0.2
STRETCH = 0.2  # logarithm of the factor, drawn separately for x and y
ELASTIC = 0.9 * FINE  # pixels: standard deviation of a coarse grid's displacement
HAIRLINE, MARKER = 0.8, 5.0  # pixels of MNIST: the thinnest and the widest stroke
SIMILAR, DRY = 0.4, 0.1  # shares of the pens


def written(image: np.ndarray, label: int, random: np.random.Generator) -> np.ndarray:
    """Return an MNIST image as someone else might write it: ink (SIDE, SIDE) uint8.

    image: (28, 28) uint8; label: 0 to 9.
    """
    margin = (SIDE - FINE * 28) // 2
    fine = cv2.resize(image, None, fx=FINE, fy=FINE, interpolation=cv2.INTER_CUBIC)
    ink = np.pad(fine, margin)
    add = ADDITIONS.get(label)
    if add and random.random() < ADDED:
        add(ink, stroke_width(ink), random)
    return with_pen(warped(ink, random), random)


def cross_seven(ink: np.ndarray, width: float, random: np.random.Generator) -> None:
    """Cross the stem of a 7 about half-way down.

    ink: (H, W) uint8, changed in place; width: of the strokes in pixels.
    """
    height, y, row = _row_within(ink, (0.42, 0.62), random)
    if len(row):
        middle, half = row.mean(), height * random.uniform(0.12, 0.28)
        rise = half * random.uniform(-0.35, 0.25)
        ends = [(middle - half, y - rise), (middle + half, y + rise)]
        draw(ink, np.array(ends), width)


def hook_one(ink: np.ndarray, width: float, random: np.random.Generator) -> None:
    """Give a 1 a hook at the top, a foot at the bottom, or both.

    ink: (H, W) uint8, changed in place; width: of the strokes in pixels.
    """
    _, top, _, height = cv2.boundingRect(ink)
    bottom = top + height - 1
    x_top, x_bottom = (np.flatnonzero(ink[y]).mean() for y in (top, bottom))
    choice = random.integers(3)
    inset = width / 2
    if choice != 1:
        angle = np.deg2rad(random.uniform(25, 65))
        length = height * random.uniform(0.2, 0.5)
        end = x_top - length * np.cos(angle), top + inset + length * np.sin(angle)
        draw(ink, np.array([(x_top, top + inset), end]), width)
    if choice != 0:
        left, right = height * random.uniform(0.12, 0.35, 2)
        y, tilt = bottom - inset, height * random.uniform(-0.04, 0.04)
        ends = [(x_bottom - left, y + tilt), (x_bottom + right, y - tilt)]
        draw(ink, np.array(ends), width)


def loop_two(ink: np.ndarray, width: float, random: np.random.Generator) -> None:
    """Give a 2 a loop where its neck meets its foot.

    ink: (H, W) uint8, changed in place; width: of the strokes in pixels.
    """
    height, y, row = _row_within(ink, (0.8, 0.9), random)
    if len(row):
        axes = height * random.uniform(0.07, 0.16), height * random.uniform(0.05, 0.1)
        middle = row[0] + axes[0] * 0.6, y
        box = middle, (2 * axes[0], 2 * axes[1]), random.uniform(-30, 30)
        cv2.ellipse(ink, box, 255, max(1, round(0.8 * width)), cv2.LINE_AA)


def _row_within(ink, shares, random):
    """Return the height of ink, a y at a random share of it, and its columns there."""
    _, top, _, height = cv2.boundingRect(ink)
    y = round(top + height * random.uniform(*shares))
    return height, y, np.flatnonzero(ink[y] >= 128)


def curl_nine(ink: np.ndarray, width: float, random: np.random.Generator) -> None:
    """Curl the end of a 9's tail to the left.

    ink: (H, W) uint8, changed in place; width: of the strokes in pixels.
    """
    _, top, _, height = cv2.boundingRect(ink)
    bottom = top + height - 1
    x = np.flatnonzero(ink[bottom]).mean()
    reach, y = height * random.uniform(0.2, 0.5), bottom - width / 2
    drop = height * random.uniform(0.05, 0.15)
    rise = height * random.uniform(0, 0.15)
    points = [(x, y), (x - 0.5 * reach, y + drop), (x - reach, y - rise)]
    draw(ink, smooth(np.array(points)), width)


ADDITIONS = {1: hook_one, 2: loop_two, 7: cross_seven, 9: curl_nine}


def warped(ink: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return ink (S, S) uint8 turned, slanted, stretched and bent.

    The bending is elastic, as in Simard et al., Best practices for convolutional neural
    networks applied to visual document analysis, 2003.
    """
    side = ink.shape[0]
    turn, slant = random.uniform(-TURN, TURN), random.uniform(-SLANT, SLANT)
    across, down = np.exp(random.uniform(-STRETCH, STRETCH, 2))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = rotation @ np.array([[across, slant], [0, down]])
    grid = np.indices((side, side), np.float32)[::-1] - np.float32((side - 1) / 2)
    maps = np.tensordot(np.float32(matrix), grid, 1) + np.float32((side - 1) / 2)
    coarse = random.normal(0, random.uniform(0, ELASTIC), (2, 5, 5)).astype(np.float32)
    for axis in range(2):
        maps[axis] += cv2.resize(
            coarse[axis], (side, side), interpolation=cv2.INTER_CUBIC
        )
    return cv2.remap(ink, maps[0], maps[1], cv2.INTER_LINEAR)


def with_pen(ink: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return ink (H, W) uint8 written with another pen.

    The pen is similar to the first one or has any width; some of the latter are dry and
    leave gaps.
    """
    width = stroke_width(ink)
    if not width:
        return ink
    pen = random.random()
    if pen < SIMILAR:
        wanted = width * random.uniform(0.75, 1.35)
    else:
        wanted = FINE * np.exp(random.uniform(np.log(HAIRLINE), np.log(MARKER)))
    ink = with_stroke_width(ink, width, wanted)
    return broken(ink, random) if pen > 1 - DRY else ink


def with_stroke_width(ink: np.ndarray, width: float, wanted: float) -> np.ndarray:
    """Return ink (H, W) uint8 with strokes `wanted` pixels wide instead of `width`.

    The contour moves inwards or outwards; of strokes that would vanish the middle line
    remains.
    """
    solid = (ink >= 128).astype(np.uint8)
    inside = cv2.distanceTransform(solid, cv2.DIST_L2, 5)
    grow = (wanted - width) / 2
    if grow >= 0:
        outside = cv2.distanceTransform(1 - solid, cv2.DIST_L2, 5)
        return (255 * np.clip(grow + 1 - outside, 0, 1)).astype(np.uint8)
    ridge = (inside > 0) & (inside >= cv2.dilate(inside, SQUARE) - 0.3)
    line = 255 * ridge.astype(np.uint8)
    if wanted > 3:
        line = cv2.dilate(line, SQUARE)
    return np.maximum((255 * np.clip(inside + grow, 0, 1)).astype(np.uint8), line)


def broken(ink: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return ink (H, W) uint8 with one to three gaps, as a dry pen leaves them."""
    ink = ink.copy()
    rows, columns = np.nonzero(ink >= 128)
    for chosen in random.integers(len(rows), size=random.integers(1, 4)):
        radius = round(FINE * random.uniform(0.5, 1.3))
        cv2.circle(ink, (int(columns[chosen]), int(rows[chosen])), radius, 0, -1)
    return ink
