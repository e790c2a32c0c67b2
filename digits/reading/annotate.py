"""Annotate a picture with what was read: boxes, digits, signs, likeliest guesses.

Sure digits are green, doubtful ones orange, what was left out red, with the reason in a
word: "unsure" of what may be a digit, "no digit" of other ink.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from digits.reading.ink import extract_ink
from digits.reading.marks import overlaps
from digits.reading.result import Reading, percent
from digits.reading.segment import segment

SMALL_SIDE = 480  # pixels: a picture with shorter sides is enlarged for its labels
GREEN, ORANGE, RED = (40, 140, 0), (0, 130, 255), (40, 40, 220)  # BGR
GRAY, BLACK = (110, 110, 110), (0, 0, 0)
DOUBTFUL = 0.9  # confidence of a digit below which it is drawn as doubtful
COVERED = 0.5  # share of a piece of ink that lies in a box: it is what that shows
ASCII = {"\N{MULTIPLICATION SIGN}": "x", "\N{DIVISION SIGN}": "div"}  # as the font has
FONT = cv2.FONT_HERSHEY_SIMPLEX
SMALLEST_TEXT, LARGEST_TEXT = 0.45, 1.2  # times the font's own size, of about 22 pixels
SCREEN = 1000  # pixels: a viewer scales larger pictures down
HEADROOM = 40  # pixels above the picture, for the labels of the topmost digits
TILE = 84  # pixels: a digit cut out of the picture
CARD_WIDTH, CARD_HEIGHT = 190, 100  # pixels: a tile with the three likeliest guesses


def annotate(reading: Reading) -> np.ndarray:
    """Return a Reading's picture, (H, W, 3) uint8 BGR, with digits and signs marked.

    Below it each digit stands with its likeliest guesses. Raises ValueError if the
    Reading has no picture, as one with an error.
    """
    if reading.picture is None:
        raise ValueError("a Reading without its picture")
    height, width = reading.picture.shape[:2]
    zoom = max(1, -(-SMALL_SIDE // max(height, width)))
    canvas = cv2.resize(
        reading.picture, (width * zoom, height * zoom), interpolation=cv2.INTER_NEAREST
    )
    # A viewer scales a large picture down, so its text must be larger.
    scale = max(1, (max(canvas.shape) + HEADROOM) / SCREEN)
    right = max(0, math.ceil(CARD_WIDTH * scale) - canvas.shape[1])
    canvas = np.pad(canvas, ((HEADROOM, 0), (0, right), (0, 0)), constant_values=255)
    for box, reason in left_out(reading, reading.picture):
        _mark(canvas, zoom * np.array(box), scale, RED, [reason])
    for sign in reading.signs:
        text = [ASCII.get(sign.sign, sign.sign)]
        _mark(canvas, zoom * reading.box_in_picture(sign.box), scale, GRAY, text)
    for digit in reading.digits:
        texts = [f"{digit.digit} {percent(digit.confidence)}%", f"{digit.digit}"]
        colour = GREEN if digit.confidence >= DOUBTFUL else ORANGE
        _mark(canvas, zoom * reading.box_in_picture(digit.box), scale, colour, texts)
    cards = _cards(reading, int(canvas.shape[1] / scale))
    size = canvas.shape[1], round(cards.shape[0] * scale)
    if cards.size:
        cards = cv2.resize(cards, size, interpolation=cv2.INTER_LINEAR)
    return np.vstack([canvas, cards.reshape(-1, canvas.shape[1], 3)])


def left_out(
    reading: Reading, picture: np.ndarray
) -> list[tuple[Sequence[float], str]]:
    """Return [(box, why it was left out)] of ink in a Reading's picture.

    picture: that, (H, W, 3) uint8; the boxes are in its pixels.
    """
    marks = [*reading.digits, *reading.signs]
    boxes = [reading.box_in_picture(mark.box) for mark in marks]
    boxes = np.array([*boxes, *reading.unsure], float).reshape(-1, 4)
    others = []
    for region in segment(extract_ink(picture)):
        both, area, _ = overlaps(np.array(region.box, float), boxes)
        if both.sum() < COVERED * area:
            others.append((region.box, "no digit"))
    return [*((box, "unsure") for box in reading.unsure), *others]


def _mark(canvas, box, scale, colour, texts):
    """Draw a box, and above it the first of `texts` that is not too wide."""
    x, y, width, height = map(round, box.tolist())
    y += HEADROOM
    thickness = max(1, round(max(canvas.shape) / 600))
    cv2.rectangle(canvas, (x, y), (x + width, y + height), colour, thickness)
    smallest = SMALLEST_TEXT * scale
    # A wider one would cover a neighbour's label.
    fitting = [text for text in texts if text_width(text) * smallest <= 2 * width]
    text = (fitting or texts[-1:])[0]
    largest = max(smallest, LARGEST_TEXT)
    size = float(np.clip(1.1 * width / text_width(text), smallest, largest))
    bold = 1 + round(size)
    corner = x, y - 2 * thickness - 2
    cv2.putText(canvas, text, corner, FONT, size, colour, bold, cv2.LINE_AA)


def text_width(text: str) -> int:
    """Return the width in pixels of a text in the font's own size."""
    (width, _), _ = cv2.getTextSize(text, FONT, 1, 1)
    return width


def _cards(reading, width):
    """Return a sheet (H, width, 3) uint8 of each digit and its likeliest guesses."""
    columns = max(1, width // CARD_WIDTH)
    rows = -(-len(reading.digits) // columns)
    sheet = np.full((rows * CARD_HEIGHT, width, 3), 255, np.uint8)
    for index, digit in enumerate(reading.digits):
        row, column = divmod(index, columns)
        top, left = row * CARD_HEIGHT + 8, column * CARD_WIDTH + 8
        tile = _cut(reading.picture, reading.box_in_picture(digit.box))
        sheet[top : top + len(tile), left : left + tile.shape[1]] = tile
        for line, (guess, probability) in enumerate(digit.guesses(3)):
            text = f"{guess} {percent(probability):>5}%"
            corner = (left + TILE + 8, top + 22 + 26 * line)
            colour = GRAY if line else BLACK
            cv2.putText(sheet, text, corner, FONT, 0.5, colour, 1, cv2.LINE_AA)
    return sheet


def _cut(picture, box):
    """Return what a box of a picture shows, scaled to fit into a tile."""
    first = np.clip(box[:2].astype(int), 0, np.subtract(picture.shape[1::-1], 1))
    last = np.maximum(np.ceil(box[:2] + box[2:]).astype(int), first + 1)
    part = picture[first[1] : last[1], first[0] : last[0]]
    scale = TILE / max(part.shape[:2])
    size = [max(1, round(side * scale)) for side in part.shape[1::-1]]
    return cv2.resize(part, size, interpolation=cv2.INTER_AREA)
