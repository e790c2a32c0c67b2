"""What is no digit: letters, marks, scribbles, halves of digits, two digits in one.

Each function returns fine ink (H, W) uint8, FINE pixels a pixel of MNIST, as
digits.pens does of digits.
"""

import cv2
import numpy as np

from digits.pens import FINE, SIDE, warped, with_pen, written
from digits.strokes import LETTERS, draw, parse, smooth

NARROW = 0.4  # of its height: so narrow a piece may be a 1
FORMS = [parse(strokes) for strokes in LETTERS.values()]


def letter(random):
    """Return a letter or mark, written with a trembling hand."""
    ink = np.zeros((SIDE, SIDE), np.uint8)
    size = FINE * 20 * np.array([random.uniform(0.8, 1.2), 1])
    corner = (SIDE - 0.7 * size[0]) / 2, (SIDE - size[1]) / 2
    for points in FORMS[random.integers(len(FORMS))]:
        trembling = points + random.normal(0, 0.035, points.shape)
        draw(ink, smooth(trembling) * size + corner, 2.5 * FINE)
    return with_pen(warped(ink, random), random)


def scribble(random):
    """Return strokes through random points: curls, zigzags, crossings."""
    ink = np.zeros((SIDE, SIDE), np.uint8)
    for _ in range(random.integers(1, 4)):
        points = random.uniform(0.2, 0.8, (random.integers(4, 10), 2))
        curve = smooth(points) if random.random() < 0.6 else points
        draw(ink, curve * SIDE, random.uniform(1, 4) * FINE)
    return warped(ink, random)


def blot(random):
    """Return a stain: what a shadow, a crumb or a finger leaves."""
    noise = random.normal(0, 1, (SIDE, SIDE)).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), FINE * random.uniform(0.7, 4))
    y, x = np.indices((SIDE, SIDE)) - SIDE / 2
    radius = np.hypot(x * random.uniform(0.5, 2), y) / (FINE * random.uniform(4, 11))
    level = np.quantile(noise, random.uniform(0.2, 0.9))
    return np.uint8(255 * ((noise > level) & (radius < 1)))


def half(image, label, random):
    """Return the left or right part of a digit, image (28, 28) uint8.

    Narrow parts, which might be a 1, are left empty.
    """
    ink = written(image, label, random)
    x, _, width, _ = cv2.boundingRect(ink)
    cut = x + round(width * random.uniform(0.35, 0.65))
    ink[:, slice(cut) if random.random() < 0.5 else slice(cut, None)] = 0
    _, _, width, height = cv2.boundingRect(ink)
    return ink if width > NARROW * height else np.zeros_like(ink)


def pair(images, labels, random):
    """Return two digits side by side that touch, as one piece of ink.

    images: (2, 28, 28) uint8; labels: (2,).
    """
    left, right = (
        written(image, label, random)
        for image, label in zip(images, labels, strict=True)
    )
    return side_by_side(left, right, round(FINE * random.uniform(-4, 0)))


def side_by_side(left, right, gap):
    """Return two digits' ink (H, W) side by side, `gap` pixels apart.

    The gap is that between the nearest points of one level.
    """
    a, b = (cropped(ink) for ink in (left, right))
    height = max(a.shape[0], b.shape[0])
    a, b = (on_line(ink, height) for ink in (a, b))
    distance = least_distance(a, b)
    start = max(0, a.shape[1] + gap - distance)
    width = max(a.shape[1], start + b.shape[1])
    ink = np.zeros((height, width), np.uint8)
    ink[:, : a.shape[1]] = a
    ink[:, start : start + b.shape[1]] = np.maximum(
        ink[:, start : start + b.shape[1]], b
    )
    return ink


def cropped(ink):
    """Return ink without the empty margin around it."""
    x, y, width, height = cv2.boundingRect(ink)
    return ink[y : y + height, x : x + width]


def on_line(ink, height):
    """Return ink with empty rows above it, `height` pixels high."""
    return np.pad(ink, ((height - ink.shape[0], 0), (0, 0)))


def least_distance(left, right):
    """Return the fewest pixels between two inks of one height set side by side."""
    behind = np.where(left.any(axis=1), left[:, ::-1].argmax(axis=1), left.shape[1])
    before = np.where(right.any(axis=1), right.argmax(axis=1), right.shape[1])
    return int((behind + before).min())
