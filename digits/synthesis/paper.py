"""Ink on paper, as a camera, a scanner or a drawing program shows it.

Lengths of rulings, texture and blur are shares of the digits' height, so that small and
large pictures both have plausible paper; light and pressure vary over the whole
picture.
"""

import cv2
import numpy as np

DRAWINGS = 0.25  # share of the pictures that a drawing program made
PENS = {
    "black": (40, 35, 35),
    "blue": (150, 60, 30),
    "red": (45, 40, 190),
    "green": (60, 110, 30),
    "pencil": (95, 95, 95),
}  # BGR


def photograph(
    ink: np.ndarray, height: float, random: np.random.Generator
) -> np.ndarray:
    """Return a picture of ink (H, W) uint8: (H, W, 3) uint8 BGR.

    height: of the digits in pixels; random: chooses pen, paper, light and camera.
    """
    if random.random() < DRAWINGS:
        return drawing(ink, random)
    shape = ink.shape
    paper = np.ones((*shape, 3), np.float32) * tint(random)
    paper *= texture(shape, height, random)[..., None]
    rule = RULINGS[random.choice(len(RULINGS), p=(0.5, 0.25, 0.2, 0.05))]
    lines = rule(shape, height, random)
    line_colour = random.uniform(0.55, 0.95, 3).astype(np.float32)
    paper *= 1 - lines[..., None] * (1 - line_colour)
    picture = paper + pressed(ink, random)[..., None] * (pen_colour(random) - paper)
    picture *= 255 * light(shape, random)[..., None]
    return taken(picture, height, random)


def drawing(ink: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return ink (H, W) uint8 in a drawing program: (H, W, 3) uint8 BGR.

    It has two flat colours, dark on light or light on dark.
    """
    paper, pen = random.uniform(0.75, 1, 3), random.uniform(0, 0.35, 3)
    if random.random() < 0.6:
        paper, pen = np.ones(3), np.zeros(3)
    if random.random() < 0.4:
        paper, pen = 1 - paper, 1 - pen
    share = ink.astype(np.float32)[..., None] / 255
    return np.rint(255 * (paper + share * (pen - paper))).astype(np.uint8)


def tint(random: np.random.Generator) -> np.ndarray:
    """Return the colour of a sheet, (3,) float32 BGR, 0 to 1."""
    colour = random.uniform(0.6, 1) * random.uniform(0.88, 1, 3)
    return colour.astype(np.float32)


def pen_colour(random: np.random.Generator) -> np.ndarray:
    """Return the colour of a pen, (3,) float32 BGR, 0 to 1."""
    colour = np.array(list(PENS.values())[random.integers(len(PENS))])
    varied = np.clip(colour + random.normal(0, 15, 3), 0, 255)
    return (varied / 255).astype(np.float32)


def pressed(ink: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return how much of each pixel is covered, (H, W) float32, 0 to 1.

    ink: (H, W) uint8. The pressure of the hand changes slowly along the strokes, the
    grain of the paper from pixel to pixel.
    """
    strength = random.uniform(0.4, 1)
    pressure = clouds(ink.shape, 6, random) * random.uniform(0, 0.2)
    grain = random.normal(0, random.uniform(0, 0.2), ink.shape)
    covered = ink / 255 * (strength + pressure + grain)
    return np.clip(covered, 0, 1).astype(np.float32)


def clouds(
    shape: tuple[int, ...], cells: int, random: np.random.Generator
) -> np.ndarray:
    """Return smooth noise (H, W) float32: `cells` random values a side, interpolated.

    shape: (H, W). The values have a mean of 0 and a standard deviation of 1.
    """
    coarse = random.normal(0, 1, (cells, cells)).astype(np.float32)
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)


def texture(
    shape: tuple[int, ...], height: float, random: np.random.Generator
) -> np.ndarray:
    """Return the brightness of the paper itself, (H, W) float32, about 1."""
    cells = int(np.clip(max(shape) / (0.3 * height), 2, 64))
    coarse = clouds(shape, cells, random) * random.uniform(0, 0.015)
    fine = random.normal(0, random.uniform(0, 0.015), shape)
    return (1 + coarse + fine).astype(np.float32)


def light(shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    """Return how brightly each pixel is lit, (H, W) float32, 0.25 to 1.

    The light falls off towards one side; there may be a shadow with a straight, soft
    edge.
    """
    y, x = np.indices(shape, np.float32)
    angle = random.uniform(0, 2 * np.pi)
    along = (x * np.cos(angle) + y * np.sin(angle)) / max(shape)
    along -= along.min()
    lit = 1 - random.uniform(0, 0.5) * along / max(along.max(), 1e-6)
    if random.random() < 0.3:
        angle = random.uniform(0, 2 * np.pi)
        across = (x * np.cos(angle) + y * np.sin(angle)) / max(shape)
        edge = random.uniform(across.min(), across.max())
        softness = random.uniform(0.01, 0.15)
        shadow = 1 / (1 + np.exp(np.clip((across - edge) / softness, -30, 30)))
        lit *= 1 - random.uniform(0.15, 0.5) * shadow
    return lit.astype(np.float32)


def no_lines(
    shape: tuple[int, ...], height: float, random: np.random.Generator
) -> np.ndarray:
    """Return the lines of blank paper: zeros (H, W) float32."""
    return np.zeros(shape, np.float32)


def ruled(
    shape: tuple[int, ...], height: float, random: np.random.Generator
) -> np.ndarray:
    """Return ruled lines (H, W) float64, 0 (paper) to 1 (line)."""
    spacing = height * random.uniform(0.9, 2.2)
    return parallels(shape, spacing, height, random, tilt(random))


def squared(
    shape: tuple[int, ...], height: float, random: np.random.Generator
) -> np.ndarray:
    """Return a grid of squares (H, W) float64, 0 (paper) to 1 (line)."""
    spacing = height * random.uniform(0.35, 1.4)
    return np.maximum(*crossing(shape, spacing, height, random))


def dotted(
    shape: tuple[int, ...], height: float, random: np.random.Generator
) -> np.ndarray:
    """Return a grid of dots (H, W) float64, 0 to 1, where wide lines would cross."""
    spacing = height * random.uniform(0.35, 1.2)
    return np.minimum(*crossing(shape, spacing, 2 * height, random))


def crossing(
    shape: tuple[int, ...], spacing: float, height: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return two families of lines at a right angle, (H, W) float64 each, 0 to 1."""
    angle = tilt(random)
    return (
        parallels(shape, spacing, height, random, angle),
        parallels(shape, spacing, height, random, angle + np.pi / 2),
    )


RULINGS = (no_lines, ruled, squared, dotted)


def tilt(random: np.random.Generator) -> float:
    """Return by how much a sheet is turned, in radians."""
    return random.normal(0, np.deg2rad(2))


def parallels(
    shape: tuple[int, ...],
    spacing: float,
    height: float,
    random: np.random.Generator,
    angle: float,
) -> np.ndarray:
    """Return lines `spacing` pixels apart, (H, W) float64, 0 (paper) to 1 (line).

    height: of the digits in pixels, to which the width of the lines is proportional;
    angle: in radians, 0 for horizontal lines.
    """
    y, x = np.indices(shape, np.float32)
    across = y * np.cos(angle) - x * np.sin(angle) + random.uniform(0, spacing)
    half = max(0.5, 0.5 * height * random.uniform(0.01, 0.05))
    distance = np.abs((across + spacing / 2) % spacing - spacing / 2)
    return np.clip(half + 0.5 - distance, 0, 1)


def taken(
    picture: np.ndarray, height: float, random: np.random.Generator
) -> np.ndarray:
    """Return a picture (H, W, 3) float32, 0 to 255, as a camera stores it: uint8.

    It is blurred and noisy, and most pictures are compressed as JPEG. height: of the
    digits in pixels, to which the blur is proportional.
    """
    sigma = random.uniform(0, 0.025) * height
    if sigma > 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), sigma)
    picture = picture + random.normal(0, random.uniform(0, 5), (*picture.shape[:2], 1))
    stored = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    if random.random() < 0.6:
        return as_jpeg(stored, 35, random)
    return stored


def as_jpeg(
    picture: np.ndarray, lowest: int, random: np.random.Generator
) -> np.ndarray:
    """Return a picture, gray or BGR uint8, as JPEG leaves it.

    lowest: quality of the strongest compression; the weakest is 95.
    """
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(lowest, 96))]
    _, jpeg = cv2.imencode(".jpg", picture, quality)
    # None is returned for damaged files only.
    return cv2.imdecode(jpeg, cv2.IMREAD_UNCHANGED)  # pyright: ignore[reportReturnType]
