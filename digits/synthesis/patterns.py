"""Bare paper: its grain, what is printed on it, its folds, the writing on its back.

Security print, rulings, cloth and halftone are drawn behind the numbers that the reader
of pages learns. A grid below is np.indices((H, W), np.float32): y and x of each pixel.
A pattern is (H, W) float32, 0 (paper) to 1 (print); height is the digits', in pixels.
"""

from collections.abc import Callable

import cv2
import numpy as np


def bare_sheet(
    shape: tuple[int, ...], height: float, contrast: float, random: np.random.Generator
) -> np.ndarray:
    """Return the reflectance of a bare sheet, (H, W) float32, about 0.3 to 1.

    height: of the digits in pixels; contrast: the largest share of the light that the
    sheet's print may take away.
    """
    grid = np.indices(shape, np.float32)
    pattern = patterned(grid, height, random)
    if random.random() < 0.2:
        second = patterned(grid, height, random)
        pattern = np.maximum(pattern, random.uniform(0.3, 1) * second)
    if random.random() < 0.3:
        pattern = 1 - pattern
    if random.random() < 0.4:
        pattern = pattern * np.clip(0.7 + 0.3 * wide_noise(shape, random), 0.2, 1)
    depth = min(contrast, random.uniform(0.07, 0.5))
    sheet = random.uniform(0.6, 1) * (1 - depth * pattern)
    if random.random() < 0.2:
        sheet *= 1 - min(contrast, 0.25) * shading(grid, height, random)
    if random.random() < 0.08:
        sheet *= 1 + min(contrast, 0.3) * fold(grid, height, random)
    if random.random() < 0.08:
        sheet *= 1 - min(0.6 * contrast, 0.25) * show_through(shape, height, random)
    return np.clip(sheet, 0.2, 1)


def noise(
    shape: tuple[int, ...], size: tuple[float, float], random: np.random.Generator
) -> np.ndarray:
    """Return smooth noise (H, W) float32 of mean 0 and a deviation of about 1.

    size: height and width in pixels of the patches of equal brightness.
    """
    cells = [2 + int(side / patch) for side, patch in zip(shape, size, strict=True)]
    coarse = random.standard_normal(cells, dtype=np.float32)
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)


def patterned(
    grid: np.ndarray, height: float, random: np.random.Generator
) -> np.ndarray:
    """Return one of PATTERNS, drawn by its share."""
    kinds = list(PATTERNS)
    kind = kinds[random.choice(len(kinds), p=list(PATTERNS.values()))]
    return kind(grid, height, random)


def wide_noise(shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    """Return noise (H, W) float32 that changes slowly over the picture."""
    return noise(shape, (shape[0] / 2, shape[1] / 3), random)


def turned(grid: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Return y and x, (H, W) float32 each, of a grid turned by an angle in radians."""
    y, x = grid
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return cosine * y - sine * x, sine * y + cosine * x


def wavy(
    grid: np.ndarray, height: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return y and x, (H, W) float32 each, of a grid whose rows are wavy lines."""
    level = random.random() < 0.6
    y, x = turned(grid, random.normal(0, 0.08) if level else random.uniform(0, np.pi))
    length = height * random.uniform(1, 6)
    swing = height * random.uniform(0, 0.25)
    y = y + swing * np.sin(x * (2 * np.pi / length) + random.uniform(0, 2 * np.pi))
    bend = 0.35 * height * random.random() ** 2
    return y + bend * noise(y.shape, (1.5 * height, 1.5 * height), random), x


def period(height: float, random: np.random.Generator) -> float:
    """Return the distance of fine print's lines in pixels: 3 to 9 at digits of 25."""
    return max(2.5, height * random.uniform(0.12, 0.35))


def stripes(phase: np.ndarray, width: float) -> np.ndarray:
    """Return lines (H, W) float32 where the phase is a whole number.

    width: of a line, as a share of the lines' distance.
    """
    distance = np.abs(phase - np.rint(phase))
    return np.clip(1.5 - distance * (2 / width), 0, 1)


def blank(grid: np.ndarray, height: float, random: np.random.Generator) -> np.ndarray:
    """Return the pattern of plain paper: zeros."""
    return np.zeros(grid.shape[1:], np.float32)


def grain(grid: np.ndarray, height: float, random: np.random.Generator) -> np.ndarray:
    """Return the pattern of coarse paper: specks of two sizes."""
    size = max(1.0, height * random.uniform(0.05, 0.3))
    fine = random.standard_normal(grid.shape[1:], dtype=np.float32)
    mixed = 0.5 + 0.2 * fine + 0.25 * noise(grid.shape[1:], (size, size), random)
    return np.clip(mixed, 0, 1)


def fibres(grid: np.ndarray, height: float, random: np.random.Generator) -> np.ndarray:
    """Return the pattern of recycled paper: a few short dark fibres."""
    size = height * np.array((0.06, 0.3))
    lying = noise(grid.shape[1:], tuple(np.maximum(size, 1)), random)
    standing = noise(grid.shape[1:], tuple(np.maximum(size[::-1], 1)), random)
    return np.clip(np.maximum(lying, standing) - random.uniform(1, 1.8), 0, 1)


def woven(grid: np.ndarray, height: float, random: np.random.Generator) -> np.ndarray:
    """Return the pattern of cloth: threads that cross over and under each other."""
    shape = grid.shape[1:]
    y, x = turned(grid, random.normal(0, 0.1))
    cycle = 2 * np.pi / max(3.0, height * random.uniform(0.1, 0.25))
    over = np.cos(y * cycle) * np.cos(x * cycle)
    long = max(3.0, height * random.uniform(0.2, 0.6))
    weft, warp = noise(shape, (1.3, long), random), noise(shape, (long, 1.3), random)
    threads = np.where(over > 0, weft, warp)
    return np.clip(0.5 + 0.25 * threads + random.uniform(0, 0.4) * over, 0, 1)


def raster(grid: np.ndarray, height: float, random: np.random.Generator) -> np.ndarray:
    """Return a small random pattern that repeats: micro print, or checks."""
    y, x = turned(grid, random.choice((0, np.pi / 4)) + random.normal(0, 0.05))
    count = random.integers(2, 9)
    cell = np.eye(2, dtype=np.float32)
    if count > 2:
        cell = (random.random((count, count)) < 0.4).astype(np.float32)
    step = max(1.3, height * random.uniform(0.04, 0.12))
    return cv2.remap(
        cell, x / step, y / step, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
    )


def halftone(
    grid: np.ndarray, height: float, random: np.random.Generator
) -> np.ndarray:
    """Return a raster of dots whose size follows a blurred picture."""
    y, x = turned(grid, random.uniform(0, np.pi / 2))
    cycle = 2 * np.pi / max(2.5, height * random.uniform(0.08, 0.25))
    dots = (np.cos(y * cycle) + np.cos(x * cycle)) / 4
    level = random.uniform(-0.2, 0.3) + 0.12 * wide_noise(y.shape, random)
    return np.clip(0.5 + 3 * (dots - level), 0, 1)


def waves(grid: np.ndarray, height: float, random: np.random.Generator) -> np.ndarray:
    """Return fine, nearly parallel wavy lines."""
    y, _ = wavy(grid, height, random)
    return stripes(y / period(height, random), random.uniform(0.15, 0.5))


def net(grid: np.ndarray, height: float, random: np.random.Generator) -> np.ndarray:
    """Return two families of wavy lines that cross."""
    first = waves(grid, height, random)
    y, _ = wavy(np.stack(turned(grid, random.uniform(0.3, 1.6))), height, random)
    return np.maximum(first, stripes(y / period(height, random), 0.25))


def rosettes(
    grid: np.ndarray, height: float, random: np.random.Generator
) -> np.ndarray:
    """Return one to three families of lobed rings, as on banknotes."""
    pattern = blank(grid, height, random)
    for _ in range(random.integers(1, 4)):
        middle = random.uniform(-0.3, 1.3, 2) * grid.shape[1:]
        y, x = (grid - middle[:, None, None]).astype(np.float32)
        radius, angle = cv2.cartToPolar(x, y)
        lobes = np.cos(angle * int(random.integers(3, 13)) + random.uniform(0, 6))
        radius = radius * (1 + random.uniform(0, 0.15) * lobes)
        rings = stripes(radius / period(height, random), random.uniform(0.12, 0.4))
        pattern = np.maximum(pattern, rings)
    return pattern


def guilloche(
    grid: np.ndarray, height: float, random: np.random.Generator
) -> np.ndarray:
    """Return bands of sine curves that are shifted against each other."""
    y, x = wavy(grid, height, random)
    band = height * random.uniform(0.5, 1.6)
    length = height * random.uniform(0.6, 2.5)
    swing = min(random.uniform(0.2, 0.8) * band, 0.2 * length)
    width = random.uniform(0.6, 1.2) / band * max(1.0, height / 25)
    pattern = blank(grid, height, random)
    curves = int(random.integers(2, 6))
    for shift in range(curves):
        curve = swing * np.sin(2 * np.pi * (x / length + shift / curves))
        pattern = np.maximum(pattern, stripes((y + curve) / band, width))
    return pattern


def ruled(grid: np.ndarray, height: float, random: np.random.Generator) -> np.ndarray:
    """Return the thin lines or squares of writing paper."""
    y, x = turned(grid, random.normal(0, 0.03))
    step = height * random.uniform(0.5, 1.8)
    width = max(1.0, height * random.uniform(0.02, 0.06)) / step
    lines = stripes(y / step + random.random(), width)
    if random.random() < 0.6:
        lines = np.maximum(lines, stripes(x / step + random.random(), width))
    return lines


Pattern = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]
PATTERNS: dict[Pattern, float] = {
    blank: 0.24,
    grain: 0.12,
    fibres: 0.03,
    woven: 0.08,
    raster: 0.08,
    halftone: 0.06,
    waves: 0.12,
    net: 0.08,
    rosettes: 0.09,
    guilloche: 0.06,
    ruled: 0.04,
}  # shares of the sheets


def shading(grid: np.ndarray, height: float, random: np.random.Generator) -> np.ndarray:
    """Return coloured areas of a form, (H, W) float32, 0 to 1.

    They are a band with a sharp edge, or a gradual change.
    """
    y, _ = turned(grid, random.choice((0, np.pi / 2)) + random.normal(0, 0.02))
    along = y / height + random.uniform(0, 6)
    if random.random() < 0.5:
        edge = np.abs(along % 6 - 3) - random.uniform(0.5, 2.5)
        return np.clip(0.5 - edge * height, 0, 1)
    return np.clip(0.5 + 0.3 * wide_noise(y.shape, random), 0, 1)


def fold(grid: np.ndarray, height: float, random: np.random.Generator) -> np.ndarray:
    """Return how a fold changes the light, (H, W) float32, -1 to 1.

    One side of it is turned to the light and the other one away.
    """
    y, _ = turned(grid, random.choice((0, np.pi / 2)) + random.normal(0, 0.2))
    across = y - random.uniform(y.min(), y.max())
    width = height * random.uniform(0.05, 0.5)
    return np.sign(across) * np.exp(-np.abs(across) / width)


def show_through(
    shape: tuple[int, ...], height: float, random: np.random.Generator
) -> np.ndarray:
    """Return blurred writing from the back of the sheet, (H, W) float32, 0 to 1."""
    back = np.zeros(shape, np.uint8)
    for _ in range(random.integers(2, 9)):
        middle = random.integers((0, 0), shape[::-1])
        axes = 1 + (height * random.uniform(0.1, 0.6, 2)).astype(int)
        start, extent = random.integers(0, 360), random.integers(60, 360)
        pen = max(1, int(height * random.uniform(0.05, 0.15)))
        turn = int(random.integers(180))
        arc = (turn, int(start), int(start + extent), 255, pen, cv2.LINE_AA)
        cv2.ellipse(back, middle.tolist(), axes.tolist(), *arc)
    soft = cv2.GaussianBlur(back, (0, 0), max(0.6, 0.05 * height))
    return soft.astype(np.float32) / 255
