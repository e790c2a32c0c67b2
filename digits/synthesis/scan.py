"""Ink and printed lines on paper, as a camera, a scanner or a drawing program shows it.

The pieces are gray and small; the reader of pages learns from them. Lengths of print
and blur are shares of the digits' height. Three kinds of picture exist: gray (65 %,
and all that are blank), bilevel as scanners of forms store it (20 %) and drawn by a
program (15 %).
"""

import cv2
import numpy as np

from digits.synthesis.paper import as_jpeg
from digits.synthesis.patterns import bare_sheet, noise, turned, wide_noise

DRAWINGS = 0.15  # share of the pictures that a drawing program made
BILEVEL = 0.2  # share of the pictures that are black and white
FAINT = 0.03  # share of the gray pictures whose ink is hardly darker than the paper
FAINTEST = 0.1  # of the paper's brightness that the ink takes away
ENLARGED = 0.1  # share of the pictures that were small, and are searched enlarged …
SMALL = 10, 17  # … with digits of so many pixels …
LARGEST_SCALE = 2  # … or half as large as they are searched (digits.reading.find)
EDGES = {"sheet": 0.03, "finger": 0.02, "border": 0.03}  # shares of the pictures


def scanned(
    ink: np.ndarray, printed: np.ndarray, height: float, random: np.random.Generator
) -> np.ndarray:
    """Return ink and printed lines on paper as a gray picture (H, W) uint8.

    ink, printed: (H, W) float32, share of each pixel that is covered, 0 to 1;
    height: of the digits in pixels; random: chooses paper, pen, light and camera. The
    ink is darker than its paper.
    """
    is_empty = not (ink.any() or printed.any())
    kind = 1 if is_empty else random.random()  # only gray sheets have texture
    if kind < DRAWINGS:
        picture = drawn(ink, printed, random)
    elif kind < DRAWINGS + BILEVEL:
        picture = bilevel(ink, printed, height, random)
    else:
        picture = gray(ink, printed, height, random)
    return enlarged(picture, height, random) if random.random() < ENLARGED else picture


def enlarged(
    picture: np.ndarray, height: float, random: np.random.Generator
) -> np.ndarray:
    """Return a picture (H, W) uint8 that was small and is searched in a larger size."""
    scale = max(random.uniform(*SMALL) / height, 1 / LARGEST_SCALE)
    return picture if scale >= 1 else resampled(picture, scale, cv2.INTER_CUBIC)


def drawn(
    ink: np.ndarray, printed: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Return a drawing program's picture (H, W) uint8: flat paper and no noise.

    ink, printed: (H, W) float32, 0 to 1. One picture in five has a hairline across it,
    one in eight is not antialiased.
    """
    paper, depth = 1.0, 1.0
    if random.random() < 0.4:
        paper = random.uniform(0.6, 1)
    if random.random() < 0.45:
        depth = random.uniform(FAINTEST, 1)
    if random.random() < 0.2:
        printed = np.maximum(printed, hairline(ink.shape, random))
    if random.random() < 0.12:
        ink, printed = aliased(ink), aliased(printed)
    picture = written(np.float32(paper), ink, printed, depth, random)
    return stored(255 * picture)


def aliased(covered: np.ndarray) -> np.ndarray:
    """Return covered pixels (H, W) float32 as 0 or 1."""
    return (covered > 0.35).astype(np.float32)


def hairline(shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    """Return a line one pixel wide across a picture, (H, W) float32, 0 or 1."""
    line = np.zeros(shape, np.float32)
    across = line if random.random() < 0.5 else line.T
    across[random.integers(len(across))] = 1
    return line


def bilevel(
    ink: np.ndarray, printed: np.ndarray, height: float, random: np.random.Generator
) -> np.ndarray:
    """Return a black and white scan (H, W) uint8.

    ink, printed: (H, W) float32, 0 to 1; height: of the digits in pixels. Half of the
    scans were made at twice the size, so that their edges are gray.
    """
    depth = random.uniform(0.4, 1)
    sheet = bare_sheet(ink.shape, height, 0.3 * depth, random)
    if random.random() < 0.5:
        printed = worn(printed, height, random)
    # A scan in gray that is thresholded has many more pixels: thin strokes stay whole.
    covered = np.minimum(1.6 * pressed(ink, height, random), 1)
    picture = written(sheet, covered, printed, depth, random)
    picture = blurred(edged(picture, ink, height, random), height, random)
    scale = 1 if random.random() < min(0.5, height / 50) else 2
    size = (ink.shape[1], ink.shape[0])
    picture = cv2.resize(picture, None, fx=scale, fy=scale)
    contrast = float(sheet.mean()) * depth * min(1.3 * solid(ink), 1)
    black = thresholded(picture, contrast, height * scale, random)
    black = specked(black, random)
    return cv2.resize(black, size, interpolation=cv2.INTER_AREA)


def gray(
    ink: np.ndarray, printed: np.ndarray, height: float, random: np.random.Generator
) -> np.ndarray:
    """Return a photograph or a gray scan (H, W) uint8.

    ink, printed: (H, W) float32, 0 to 1; height: of the digits in pixels.
    """
    faint = random.random() < FAINT
    dark = 1 - 0.65 * random.random() ** 1.5
    contrast = random.uniform(FAINTEST, 0.2) if faint else dark
    if not ink.any():  # the faintest texture is to be told from writing
        contrast *= random.random() ** 2
    depth = min(contrast / solid(ink), 1)
    sheet = bare_sheet(ink.shape, height, contrast * random.uniform(0.05, 0.45), random)
    covered = pressed(ink, height, random)
    picture = written(sheet, covered, printed, depth, random)
    picture = edged(picture, ink, height, random) * light(ink.shape, random)
    if random.random() < 0.07:
        picture = low_resolution(picture, height, random)
    picture = exposed(blurred(picture, height, random), contrast, random)
    step = contrast * float(picture.mean())
    picture = noisy(picture, 0.25 * step, random)
    # Strong compression wipes out what is fainter than its steps.
    return compressed(stored(picture), 15 if step > 60 else 65, random)


def stored(picture: np.ndarray) -> np.ndarray:
    """Return brightness (H, W), about 0 to 255, as uint8."""
    return np.rint(np.clip(picture, 0, 255)).astype(np.uint8)


def written(
    sheet: np.ndarray | np.floating,
    ink: np.ndarray,
    printed: np.ndarray,
    depth: float,
    random: np.random.Generator,
) -> np.ndarray:
    """Return the reflectance of a sheet with ink and printed lines, (H, W) float32.

    sheet: of the bare paper, 0 to 1; ink, printed: share of each pixel that is covered;
    depth: share of the light that the ink takes away. Print is darker than ink in one
    picture of four.
    """
    deeper = random.uniform(1, 2) if random.random() < 0.25 else random.uniform(0.2, 1)
    print_depth = min(depth * deeper, 1)
    return sheet * (1 - np.maximum(depth * ink, print_depth * printed))


# Pen and print


def pressed(ink: np.ndarray, height: float, random: np.random.Generator) -> np.ndarray:
    """Return how much of each pixel a pen covers, (H, W) float32, 0 to 1.

    ink: (H, W) float32, 0 to 1, of an ideal pen. The pressure changes slowly along the
    strokes; some pens are dry, leave streaks or show the paper's grain.
    """
    size = height * random.uniform(0.2, 1)
    pressure = 1 + random.uniform(0, 0.2) * noise(ink.shape, (size, size), random)
    covered = ink * np.clip(pressure, 0.5, 1)
    pen = random.choice(4, p=(0.7, 0.08, 0.11, 0.11))
    if pen == 0:
        return covered
    return covered * (dry, streaky, grainy)[pen - 1](ink.shape, height, random)


def dry(
    shape: tuple[int, ...], height: float, random: np.random.Generator
) -> np.ndarray:
    """Return where a dry pen leaves ink, (H, W) float32, 0.15 to 1."""
    size = max(1.0, height * random.uniform(0.05, 0.15))
    gaps = noise(shape, (size, size), random) - random.uniform(1, 1.8)
    return np.clip(1 - 2 * gaps, 0.15, 1)


def streaky(
    shape: tuple[int, ...], height: float, random: np.random.Generator
) -> np.ndarray:
    """Return the streaks of a ball-pen, (H, W) float32, 0.3 to 1."""
    size = np.array((max(1.0, 0.05 * height), height * random.uniform(0.3, 1)))
    size = tuple(size if random.random() < 0.5 else size[::-1])
    streaks = noise(shape, size, random) * random.uniform(0.1, 0.35)
    return np.clip(0.9 - streaks, 0.3, 1)


def grainy(
    shape: tuple[int, ...], height: float, random: np.random.Generator
) -> np.ndarray:
    """Return the grain of a pencil, (H, W) float32, 0.2 to 1."""
    size = max(1.0, 0.04 * height)
    grains = noise(shape, (size, size), random) * random.uniform(0.15, 0.4)
    return np.clip(0.8 + grains, 0.2, 1)


def worn(printed: np.ndarray, height: float, random: np.random.Generator) -> np.ndarray:
    """Return printed lines (H, W) float32 with gaps, as bad scans show them."""
    size = max(1.0, height * random.uniform(0.1, 0.6))
    kept = noise(printed.shape, (size, size), random) > random.uniform(-1, 0.8)
    return printed * kept


# Light, and what lies beside the sheet


def light(shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    """Return how brightly each pixel is lit, (H, W) float32, 0.35 to 1.

    It falls off towards one side and towards the corners; a shadow may lie on it.
    """
    y, x = np.indices(shape, np.float32) / np.float32(max(shape))
    grid = np.stack((y, x))
    lit = np.ones(shape, np.float32)
    if random.random() < 0.5:
        along, _ = turned(grid, random.uniform(0, 2 * np.pi))
        lit -= random.uniform(0, 0.5) * (along - along.min())
    if random.random() < 0.15:
        middle = random.uniform(0, 1, 2) * (y.max(), x.max())
        lit -= random.uniform(0, 0.5) * ((y - middle[0]) ** 2 + (x - middle[1]) ** 2)
    if random.random() < 0.15:
        along, _ = turned(grid, random.uniform(0, 2 * np.pi))
        edge = along - random.uniform(along.min(), along.max())
        shadow = np.clip(0.5 + edge / random.uniform(0.01, 0.3), 0, 1)
        lit *= 1 - random.uniform(0.1, 0.5) * shadow
    return np.clip(lit, 0.35, 1).astype(np.float32)


def edged(
    picture: np.ndarray, ink: np.ndarray, height: float, random: np.random.Generator
) -> np.ndarray:
    """Return a picture (H, W) float32 with what lies beside the sheet on one side.

    It is a table, a finger or the black border of a scan, in the shares of EDGES, and
    hides hardly any ink.
    """
    kind = random.random()
    if kind >= sum(EDGES.values()):
        return picture
    turns = int(random.integers(4))
    picture, ink = np.rot90(picture, turns), np.rot90(ink, turns)
    inked = np.flatnonzero((ink > 0.3).any(axis=1))
    free = (inked[0] if len(inked) else 0.4 * len(ink)) + 0.1 * height
    grid = np.indices(picture.shape, np.float32)
    y, x = grid[0], grid[1]
    reach = random.uniform(0.2, 1) * free
    if kind < EDGES["sheet"]:
        picture = beside_table(picture, y + random.normal(0, 0.02) * x, reach, random)
    elif kind < EDGES["sheet"] + EDGES["finger"]:
        radius = height * random.uniform(0.4, 1.2)
        x = x - random.uniform(0, picture.shape[1])
        depth = reach - radius + np.sqrt(np.clip(radius**2 - x**2, 0, None))
        cover = np.clip((depth - y) / random.uniform(1, 4), 0, 1) * (abs(x) < radius)
        picture = picture + cover * (random.uniform(0.1, 0.5) - picture)
    else:
        picture = np.where(y < reach, random.uniform(0, 0.1), picture)
    return np.ascontiguousarray(np.rot90(picture, -turns), np.float32)


def beside_table(
    picture: np.ndarray, y: np.ndarray, reach: float, random: np.random.Generator
) -> np.ndarray:
    """Return a picture (H, W) float32 with a table where y < reach, and its shadow."""
    table = random.uniform(0.05, 0.6) + 0.05 * wide_noise(y.shape, random)
    cover = np.clip(reach - y, 0, 1)
    shadow = 1 - random.uniform(0, 0.4) * np.exp(-np.abs(y - reach) / 2)
    return (picture + cover * (table - picture)) * shadow


# Camera and scanner


def blurred(
    picture: np.ndarray, height: float, random: np.random.Generator
) -> np.ndarray:
    """Return a picture (H, W) float32 out of focus, moved, sharp or oversharpened."""
    kind = random.random()
    sigma = height * random.uniform(0.015, 0.055)
    if kind < 0.35 or sigma < 0.3:
        return picture
    if kind < 0.8:
        return cv2.GaussianBlur(picture, (0, 0), sigma)
    if kind < 0.88:
        length = 1 + 2 * max(1, round(sigma))
        size = (length, 1) if random.random() < 0.5 else (1, length)
        return cv2.blur(picture, size)
    halo = picture - cv2.GaussianBlur(picture, (0, 0), max(sigma, 0.7))
    return np.clip(picture + random.uniform(0.5, 1.5) * halo, 0, 1)


def low_resolution(
    picture: np.ndarray, height: float, random: np.random.Generator
) -> np.ndarray:
    """Return a picture (H, W) float32 that was once small: digits of 9 to 14 pixels.

    Pictures of digits that are smaller than that stay as they are.
    """
    scale = random.uniform(9, 14) / height
    if scale >= 1:
        return picture
    kinds = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST, cv2.INTER_LANCZOS4)
    kind = kinds[random.choice(4, p=(0.4, 0.35, 0.1, 0.15))]
    return resampled(picture, scale, kind)


def resampled(picture: np.ndarray, scale: float, interpolation: int) -> np.ndarray:
    """Return a picture (H, W) made `scale` times as large, less than 1, and enlarged.

    interpolation: OpenCV's, with which it gets its size again.
    """
    size = [max(1, round(side * scale)) for side in picture.shape[::-1]]
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, picture.shape[::-1], interpolation=interpolation)


def exposed(
    picture: np.ndarray, contrast: float, random: np.random.Generator
) -> np.ndarray:
    """Return reflected light (H, W) float32, 0 to 1, as brightness, 0 to 255.

    contrast: share of the light that the ink takes away. Some scanners stretch the
    paper beyond white, but not the ink; some pictures are dark.
    """
    kind = random.random()
    if kind < 0.25:
        gain = random.uniform(1, min(1 / (1 - 0.5 * contrast), 1.6))
        return picture * (255 * gain / np.quantile(picture, 0.98))
    if kind < 0.35:
        return 255 * picture * random.uniform(0.5, 0.9)
    return 255 * np.clip(picture, 0, 1) ** random.uniform(0.8, 1.2)


def noisy(picture: np.ndarray, most: float, random: np.random.Generator) -> np.ndarray:
    """Return a picture (H, W) float32, 0 to 255, with a sensor's noise.

    most: its largest standard deviation. The noise may be coarser than a pixel.
    """
    if random.random() < 0.25:
        return picture
    grains = random.standard_normal(picture.shape, dtype=np.float32)
    if random.random() < 0.3:
        grains = cv2.GaussianBlur(grains, (0, 0), random.uniform(0.5, 1))
        grains /= grains.std()
    return picture + min(most, 14 * random.random() ** 3) * grains


def compressed(
    picture: np.ndarray, lowest: int, random: np.random.Generator
) -> np.ndarray:
    """Return a picture (H, W) uint8, in two cases of three as JPEG leaves it.

    lowest: quality of the strongest compression.
    """
    if random.random() < 1 / 3:
        return picture
    return as_jpeg(picture, lowest, random)


# Black and white


def solid(ink: np.ndarray) -> float:
    """Return how far a stroke covers its pixels on average, 0 to 1; 1 without ink."""
    strokes = ink[ink > 0.25]
    return float(strokes.mean()) if len(strokes) else 1.0


def thresholded(
    picture: np.ndarray, contrast: float, height: float, random: np.random.Generator
) -> np.ndarray:
    """Return a picture (H, W) float32, 0 to 1, in black and white: uint8, 0 or 255.

    contrast: by how much ink is darker than the paper; height: of the digits in pixels.
    The threshold is fixed, Otsu's or local; it breaks thin strokes where it is low and
    fills loops where it is high.
    """
    size = max(1.0, height * random.uniform(0.02, 0.06))
    rough = contrast * 0.12 * random.random() ** 2
    picture = picture + rough * noise(picture.shape, (size, size), random)
    white = float(np.median(picture))
    share = random.uniform(0.3, 0.6)
    kind = random.integers(3)
    if kind == 0:
        return bright(picture, white - share * contrast)
    if kind == 1:
        pixels = stored(255 * picture)
        otsu, _ = cv2.threshold(pixels, 0, 255, cv2.THRESH_OTSU)
        # A sheet without ink has no two levels, one on a dark table has three.
        lowest, highest = white - 0.65 * contrast, white - 0.3 * contrast
        return bright(pixels, float(np.clip(otsu, 255 * lowest, 255 * highest)))
    block = 1 + 2 * int(height * random.uniform(0.4, 1))
    # A hard shadow would be a black band half a block wide.
    lit = cv2.blur(light(picture.shape, random), (block, block))
    around = cv2.blur(picture * lit, (block, block))
    # The mean of a block is darker than its paper: bold strokes fill half of it.
    return bright(picture * lit, around - 0.55 * share * contrast * lit)


def bright(picture: np.ndarray, level: float | np.ndarray) -> np.ndarray:
    """Return 255 where a picture is brighter than a level, else 0: (H, W) uint8."""
    return 255 * (picture > level).astype(np.uint8)


def specked(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return a picture (H, W) uint8 with specks of pepper and salt in half the cases.

    The specks are one or two pixels wide.
    """
    picture = picture.copy()
    for colour in (0, 255):
        if random.random() < 0.5:
            continue
        count = int(picture.size * 0.008 * random.random() ** 4)
        y, x = random.integers((0, 0), picture.shape, (count, 2)).T
        wider = random.integers(0, 2, count)
        picture[y, x] = colour
        picture[y, np.minimum(x + wider, picture.shape[1] - 1)] = colour
    return picture
