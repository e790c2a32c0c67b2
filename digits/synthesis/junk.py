"""Ink that is no digit: letters, signs, scribbles, stains, parts and pairs of digits.

Each function returns fine ink (H, W) uint8: digits.synthesis.pens.FINE pixels for each
pixel of MNIST, as digits.synthesis.pens does for digits.
"""

import cv2
import numpy as np

from digits.synthesis.pens import FINE, SIDE, warped, with_pen, written
from digits.synthesis.strokes import LETTERS, draw, parse, smooth

NARROW = 0.4  # width as a share of the height: ink as narrow as this may be a 1
FORMS = [parse(strokes) for strokes in LETTERS.values()]


def letter(random: np.random.Generator) -> np.ndarray:
    """Return a letter or sign, written with a trembling hand."""
    ink = np.zeros((SIDE, SIDE), np.uint8)
    size = FINE * 20 * np.array([random.uniform(0.8, 1.2), 1])
    corner = (SIDE - 0.7 * size[0]) / 2, (SIDE - size[1]) / 2
    for points in FORMS[random.integers(len(FORMS))]:
        trembling = points + random.normal(0, 0.035, points.shape)
        draw(ink, smooth(trembling) * size + corner, 2.5 * FINE)
    return with_pen(warped(ink, random), random)


def scribble(random: np.random.Generator) -> np.ndarray:
    """Return strokes through random points: curls, zigzags, crossings."""
    ink = np.zeros((SIDE, SIDE), np.uint8)
    for _ in range(random.integers(1, 4)):
        points = random.uniform(0.2, 0.8, (random.integers(4, 10), 2))
        curve = smooth(points) if random.random() < 0.6 else points
        draw(ink, curve * SIDE, random.uniform(1, 4) * FINE)
    return warped(ink, random)


def blot(random: np.random.Generator) -> np.ndarray:
    """Return a stain, as a shadow, a crumb or a finger leaves it."""
    noise = random.normal(0, 1, (SIDE, SIDE)).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), FINE * random.uniform(0.7, 4))
    y, x = np.indices((SIDE, SIDE)) - SIDE / 2
    radius = np.hypot(x * random.uniform(0.5, 2), y) / (FINE * random.uniform(4, 11))
    level = np.quantile(noise, random.uniform(0.2, 0.9))
    return 255 * ((noise > level) & (radius < 1)).astype(np.uint8)


def half(image: np.ndarray, label: int, random: np.random.Generator) -> np.ndarray:
    """Return the left or right part of a digit.

    image: (28, 28) uint8 of MNIST; label: 0 to 9. Where the part is narrow, and might
    be a 1, the ink that is returned is empty.
    """
    ink = written(image, label, random)
    x, _, width, _ = cv2.boundingRect(ink)
    cut = x + round(width * random.uniform(0.35, 0.65))
    ink[:, slice(cut) if random.random() < 0.5 else slice(cut, None)] = 0
    _, _, width, height = cv2.boundingRect(ink)
    return ink if width > NARROW * height else np.zeros_like(ink)


def pair(
    images: np.ndarray, labels: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Return two digits side by side that touch or overlap.

    images: (2, 28, 28) uint8 of MNIST; labels: (2,), 0 to 9.
    """
    left, right = (
        written(image, label, random)
        for image, label in zip(images, labels, strict=True)
    )
    return side_by_side(left, right, round(FINE * random.uniform(-4, 0)))


def side_by_side(left: np.ndarray, right: np.ndarray, gap: int) -> np.ndarray:
    """Return the ink of two digits (H, W) uint8 on one line, `gap` pixels apart.

    The gap is measured in the row where the digits come closest; a negative one lets
    them overlap.
    """
    a, b = cropped(left), cropped(right)
    height = max(len(a), len(b))
    a, b = _on_line(a, height), _on_line(b, height)
    start = max(0, a.shape[1] + gap - _least_distance(a, b))
    ink = np.zeros((height, max(a.shape[1], start + b.shape[1])), np.uint8)
    ink[:, : a.shape[1]] = a
    right_part = ink[:, start : start + b.shape[1]]
    np.maximum(right_part, b, out=right_part)
    return ink


def cropped(ink: np.ndarray) -> np.ndarray:
    """Return ink (H, W) uint8 without the empty margin around it."""
    x, y, width, height = cv2.boundingRect(ink)
    return ink[y : y + height, x : x + width]


def _on_line(ink, height):
    """Return ink with empty rows above it, `height` pixels high."""
    return np.pad(ink, ((height - ink.shape[0], 0), (0, 0)))


def _least_distance(left, right):
    """Return the fewest empty pixels in a row between two inks of one height.

    The images that hold them stand edge to edge.
    """
    behind = np.where(left.any(axis=1), left[:, ::-1].argmax(axis=1), left.shape[1])
    before = np.where(right.any(axis=1), right.argmax(axis=1), right.shape[1])
    return int((behind + before).min())
