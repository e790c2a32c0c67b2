"""Ink on paper, as a camera, a scanner or a drawing program shows it.

The lengths of rulings, texture and blur are shares of the digits' height, so that small
and large pictures alike have plausible paper; light and pressure go by the picture.
"""

import cv2
import numpy as np

PENS = {
    "black": (40, 35, 35),
    "blue": (150, 60, 30),
    "red": (45, 40, 190),
    "green": (60, 110, 30),
    "pencil": (95, 95, 95),
}  # BGR


def photograph(ink, height, random):
    """Return a picture of ink (H, W) uint8: (H, W, 3) uint8 BGR.

    height: of the digits in pixels; random: a numpy Generator, which decides on pen,
    paper, light and camera.
    """
    if random.random() < 0.25:
        return drawing(ink, random)
    shape = ink.shape
    paper = np.ones((*shape, 3), np.float32) * tint(random)
    paper *= texture(shape, height, random)[..., None]
    rule = RULINGS[random.choice(len(RULINGS), p=(0.5, 0.25, 0.2, 0.05))]
    lines = rule(shape, height, random)
    line_colour = np.float32(random.uniform(0.55, 0.95, 3))
    paper *= 1 - lines[..., None] * (1 - line_colour)
    picture = paper + pressed(ink, random)[..., None] * (pen_colour(random) - paper)
    picture *= 255 * light(shape, random)[..., None]
    return taken(picture, height, random)


def drawing(ink, random):
    """Return ink as a drawing program shows it: two flat colours, either way round."""
    paper, pen = random.uniform(0.75, 1, 3), random.uniform(0, 0.35, 3)
    if random.random() < 0.6:
        paper, pen = np.ones(3), np.zeros(3)
    if random.random() < 0.4:
        paper, pen = 1 - paper, 1 - pen
    share = np.float32(ink)[..., None] / 255
    return np.uint8(np.rint(255 * (paper + share * (pen - paper))))


def tint(random):
    """Return the colour of a sheet, (3,) float32 BGR, 0 to 1."""
    return np.float32(random.uniform(0.6, 1) * random.uniform(0.88, 1, 3))


def pen_colour(random):
    """Return the colour of a pen, (3,) float32 BGR, 0 to 1."""
    colour = np.array(list(PENS.values())[random.integers(len(PENS))])
    return np.float32(np.clip(colour + random.normal(0, 15, 3), 0, 255) / 255)


def pressed(ink, random):
    """Return how much each pixel is covered, (H, W) float32, 0 to 1.

    The pressure of the hand changes slowly, the grain of the paper fast.
    """
    strength = random.uniform(0.4, 1)
    pressure = clouds(ink.shape, 6, random) * random.uniform(0, 0.2)
    grain = random.normal(0, random.uniform(0, 0.2), ink.shape)
    return np.float32(np.clip(ink / 255 * (strength + pressure + grain), 0, 1))


def clouds(shape, cells, random):
    """Return smooth noise (H, W) float32 with `cells` along each side, deviation 1."""
    coarse = random.normal(0, 1, (cells, cells)).astype(np.float32)
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)


def texture(shape, height, random):
    """Return the paper's own brightness (H, W) float32, about 1."""
    cells = int(np.clip(max(shape) / (0.3 * height), 2, 64))
    coarse = clouds(shape, cells, random) * random.uniform(0, 0.015)
    fine = random.normal(0, random.uniform(0, 0.015), shape)
    return np.float32(1 + coarse + fine)


def light(shape, random):
    """Return how bright each pixel is lit, (H, W) float32, 0.25 to 1.

    A slope of light from one side, sometimes a shadow with a straight, soft edge.
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
    return np.float32(lit)


def no_lines(shape, height, random):
    """Return the lines of blank paper: none, (H, W) float32."""
    return np.zeros(shape, np.float32)


def ruled(shape, height, random):
    """Return ruled lines (H, W) float32, 0 to 1."""
    return parallels(
        shape, height * random.uniform(0.9, 2.2), height, random, tilt(random)
    )


def squared(shape, height, random):
    """Return squared lines (H, W) float32, 0 to 1."""
    spacing = height * random.uniform(0.35, 1.4)
    return np.maximum(*crossing(shape, spacing, height, random))


def dotted(shape, height, random):
    """Return a grid of dots (H, W) float32, 0 to 1: where wider lines would cross."""
    spacing = height * random.uniform(0.35, 1.2)
    return np.minimum(*crossing(shape, spacing, 2 * height, random))


def crossing(shape, spacing, height, random):
    """Return two families of lines (H, W) float32 at a right angle, 0 to 1."""
    turn = tilt(random)
    return [
        parallels(shape, spacing, height, random, turn + right)
        for right in (0, np.pi / 2)
    ]


RULINGS = (no_lines, ruled, squared, dotted)


def tilt(random):
    """Return how far a sheet is turned, in radians."""
    return random.normal(0, np.deg2rad(2))


def parallels(shape, spacing, height, random, angle):
    """Return lines `spacing` pixels apart at `angle`, (H, W) float32, 0 to 1."""
    y, x = np.indices(shape, np.float32)
    across = y * np.cos(angle) - x * np.sin(angle) + random.uniform(0, spacing)
    half = max(0.5, 0.5 * height * random.uniform(0.01, 0.05))
    distance = np.abs((across + spacing / 2) % spacing - spacing / 2)
    return np.clip(half + 0.5 - distance, 0, 1)


def taken(picture, height, random):
    """Return a picture (H, W, 3) float32 as a camera stores it: blur, noise, JPEG."""
    sigma = random.uniform(0, 0.025) * height
    if sigma > 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), sigma)
    picture = picture + random.normal(0, random.uniform(0, 5), (*picture.shape[:2], 1))
    stored = np.uint8(np.clip(np.rint(picture), 0, 255))
    if random.random() < 0.6:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(35, 96))]
        stored = cv2.imdecode(
            cv2.imencode(".jpg", stored, quality)[1], cv2.IMREAD_COLOR
        )
    return stored
