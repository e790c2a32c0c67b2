"""Remove the lines of ruled and squared paper, and keep the strokes that cross them.

A family of parallel lines shows as narrow peaks of the rows' coverage once the picture
is sheared by the lines' slope (a projection profile, Postl, 1986). A line's pixels are
those whose vertical run of ink is no longer than the line is thick (Roach & Tatem,
1988, on staff lines); where a stroke crosses, the run is longer.
"""

import cv2
import numpy as np

from digits.image import SQUARE, stroke_width, upper_median

DRAWING_SIDE = 32  # pixels: smaller pictures are drawings
PROFILE_SIDE = 400  # pixels of the small mask whose profile is taken
STEEPEST = float(np.tan(np.deg2rad(10)))
DRIFT = 1.5  # pixels by which the ends of a line may miss the slope that is tried
COVERAGE = 0.7  # of the picture's width: lines cover as much, rows of digits do not
THIN = 0.7  # of the digits' stroke width: a single line is at most as thick …
PALE = 0.7  # … or at most as dark, as a share of the digits' darkness
RISE = 0.35  # by which a line's coverage exceeds the paper's beside it
MARGIN = 0.03  # of the width: a line reaches into both margins
CORNER = 0.05  # of the width: shorter lines in a corner do not count
THICKEST = 0.02  # of the picture's longer side
RESIDUE = 0.6  # of a component within the lines' bands: it is left over from a line
DARKER = 1.4  # times as dark as the line: the pen that crosses it


def without_lines(darkness: np.ndarray, floor: float) -> np.ndarray:
    """Return darkness (H, W) uint8 with both families of lines set to 0.

    floor: the darkness up to which it is noise.
    """
    if min(darkness.shape) < DRAWING_SIDE:
        return darkness
    mask = (darkness > floor).astype(np.uint8)
    lines, bands = line_pixels(mask, darkness)
    # Without the level lines, where both cross, upright ones stand apart from strokes.
    upright = line_pixels((mask & ~lines).T.copy(), darkness.T.copy())
    lines, bands = lines | upright[0].T, bands | upright[1].T
    if not lines.any():
        return darkness
    strokes = mask & ~lines
    strokes &= ~residue(strokes, bands)
    # A stroke's blurred rim lies below the floor, and so does a line's.
    rim = cv2.dilate(strokes, SQUARE)
    lined = cv2.dilate(mask & ~strokes, np.ones((5, 5)))
    return np.where((lined > 0) & (rim == 0), 0, darkness)


def residue(strokes: np.ndarray, bands: np.ndarray) -> np.ndarray:
    """Return the components, (H, W) uint8 0 or 1, that lie mostly in lines' bands."""
    labels: np.ndarray
    _, labels, stats, _ = cv2.connectedComponentsWithStats(strokes)
    inside = np.bincount(labels[bands > 0], minlength=len(stats))
    within = inside > RESIDUE * stats[:, cv2.CC_STAT_AREA]
    within[0] = False
    return within[labels].astype(np.uint8)


def line_pixels(
    mask: np.ndarray, darkness: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return (lines, bands) of nearly level lines: (H, W) uint8, 0 or 1.

    lines: their pixels; bands: the rows along them. mask: (H, W) uint8, 1 where there
    is ink; darkness: (H, W) uint8.
    """
    nothing = np.zeros_like(mask), np.zeros_like(mask)
    factor = max(1, round(max(mask.shape) / PROFILE_SIDE))
    small = cv2.dilate(mask, np.ones((factor, factor)))[::factor, ::factor]
    slope, rows = find_lines(small)
    if not len(rows):
        return nothing
    height, width = mask.shape
    level = sheared(mask, slope)
    reach = max(1, round(0.004 * max(mask.shape))) + factor
    band = np.zeros((len(level), 1), np.uint8)
    band[np.clip(rows * factor + factor // 2, 0, len(level) - 1)] = 1
    band = cv2.dilate(band, np.ones((2 * reach + 1, 1)))
    thickness = line_thickness(level & band, band)
    if thickness > max(7, THICKEST * max(mask.shape)):
        return nothing
    longer = np.ones((round(2 * thickness) + 3, 1))
    long_runs = cv2.morphologyEx(level, cv2.MORPH_OPEN, longer)
    lines = unsheared(level & band & (1 - long_runs), slope, height)
    if not lines.any():
        return nothing
    several = (np.diff(rows) * factor > 2 * reach + thickness).any()
    if not several and not is_unlike(lines, mask & ~lines, thickness, darkness):
        return nothing
    values = darkness[lines > 0]
    core = int(0.85 * len(values))  # most of the others are a line's blurred rim
    pen = DARKER * np.partition(values, core)[core]
    bands = unsheared(np.repeat(band, width, axis=1), slope, height)
    return lines & (darkness < pen), bands


def is_unlike(
    line: np.ndarray, strokes: np.ndarray, thickness: float, darkness: np.ndarray
) -> bool:
    """Tell whether a single line is thinner or paler than the strokes.

    Else it is more likely a stroke itself. line: (H, W) uint8, 1 where it is, which is
    somewhere; strokes: (H, W) uint8, 1 where there is other ink; thickness: the line's
    in pixels; darkness: (H, W) uint8.
    """
    if thickness < THIN * stroke_width(255 * strokes):
        return True
    cores = cv2.erode(strokes, SQUARE)
    if not cores.any():
        return False
    return bool(darkness[line > 0].mean() < PALE * darkness[cores > 0].mean())


def find_lines(mask: np.ndarray) -> tuple[float, np.ndarray]:
    """Return (slope, rows) of the level lines of a small mask (H, W) uint8.

    rows: (K,) int, where the lines are in the mask sheared by `slope`.
    """
    nothing = np.array([], int)
    margin = max(2, round(MARGIN * mask.shape[1]))
    inked = np.any(mask, axis=0)
    reaches_margins = inked[:margin].any() and inked[-margin:].any()
    if not reaches_margins or inked.mean() < COVERAGE:
        return 0.0, nothing  # no slope can give a line
    thick = cv2.dilate(mask, np.ones((2, 1)))
    tries = 2 * round(STEEPEST * mask.shape[1] / DRIFT) + 1
    best, best_slope, best_rows = 0.0, 0.0, nothing
    for slope in np.linspace(-STEEPEST, STEEPEST, tries).tolist():
        coverage = row_coverage(thick, slope)
        if coverage.max() < COVERAGE:
            continue
        window = np.ones((2 * max(5, len(mask) // 60) + 1, 1))
        beside = cv2.erode(coverage, window)[:, 0]
        coverage = coverage[:, 0]
        rows = np.flatnonzero((coverage >= COVERAGE) & (coverage - beside >= RISE))
        score = float((coverage[rows] ** 2).sum())
        if score > best:
            best, best_slope, best_rows = score, slope, rows
    level = sheared(thick, best_slope)
    ends = np.any(level[:, :margin], axis=1) & np.any(level[:, -margin:], axis=1)
    best_rows = best_rows[ends[best_rows]]
    if len(best_rows):
        best_rows = np.union1d(best_rows, corner_lines(level, mask, best_slope))
    return best_slope, best_rows


def corner_lines(level: np.ndarray, mask: np.ndarray, slope: float) -> np.ndarray:
    """Return the rows (K,) int of lines in the first and last rows of a sheared mask.

    level: (H', W) uint8, the mask (H, W) sheared by `slope`. Those rows hold the
    picture's corners, where the picture, and so a line, is shorter.
    """
    width = mask.shape[1]
    valid = sheared(np.ones_like(mask), slope).sum(axis=1, dtype=np.int64)
    covered = level.sum(axis=1, dtype=np.int64) >= COVERAGE * valid
    return np.flatnonzero(covered & (CORNER * width <= valid) & (valid < width))


def row_coverage(mask: np.ndarray, slope: float) -> np.ndarray:
    """Return the share of ink in each row of a sheared mask, (H', 1) float32."""
    level = sheared(mask, slope)
    ink = cv2.reduce(level, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32F)
    return ink / mask.shape[1]


def sheared(mask: np.ndarray, slope: float) -> np.ndarray:
    """Return a mask (H, W) uint8 whose lines of that slope are level, (H', W).

    H' >= H; slope: pixels down for each pixel to the right.
    """
    height, width = mask.shape
    drop = abs(slope) * width
    matrix = np.array([[1, 0, 0], [-slope, 1, max(slope * width, 0)]], np.float32)
    size = width, height + int(np.ceil(drop))
    return cv2.warpAffine(mask, matrix, size, flags=cv2.INTER_NEAREST)


def unsheared(mask: np.ndarray, slope: float, height: int) -> np.ndarray:
    """Return the mask (height, W) of which `sheared` made `mask`."""
    width = mask.shape[1]
    matrix = np.array([[1, 0, 0], [slope, 1, -max(slope * width, 0)]], np.float32)
    return cv2.warpAffine(mask, matrix, (width, height), flags=cv2.INTER_NEAREST)


def line_thickness(inside: np.ndarray, band: np.ndarray) -> float:
    """Return the median number of ink pixels of a column in a line's band.

    inside: (H, W) uint8, 1 where there is ink in a band, which is somewhere; band:
    (H, 1) uint8, 1 in the rows of the bands.
    """
    edges = np.flatnonzero(np.diff(band[:, 0], prepend=0) == 1)
    counts = np.add.reduceat(inside, edges, axis=0, dtype=np.int64)
    counts = counts[counts > 0]
    return float(upper_median(counts))
