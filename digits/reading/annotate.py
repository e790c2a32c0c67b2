"""Annotate a picture with what was read: boxes, digits, images, likeliest guesses."""

import math

import cv2
import numpy as np

from digits.reading.pipeline import Reading, percent

SMALL_SIDE = 480  # pixels: a picture with shorter sides is enlarged for its labels
GREEN, GRAY, BLACK = (40, 140, 0), (110, 110, 110), (0, 0, 0)  # BGR
FONT = cv2.FONT_HERSHEY_SIMPLEX
SMALLEST_TEXT, LARGEST_TEXT = 0.45, 1.2  # times the font's own size, of about 22 pixels
SCREEN = 1000  # pixels: a viewer scales larger pictures down
HEADROOM = 40  # pixels above the picture, for the labels of the topmost digits
TILE = 84  # pixels: the image of a digit as it was classified
CARD_WIDTH, CARD_HEIGHT = 190, 100  # pixels: a tile with the three likeliest guesses


def annotate(reading: Reading) -> np.ndarray:
    """Return a Reading's picture, (H, W, 3) uint8 BGR, with all digits marked.

    Below it each digit's image stands with its likeliest guesses. Raises ValueError if
    the Reading has no picture, as one with an error.
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
    for digit in reading.digits:
        _mark(canvas, digit, zoom / reading.scale, scale)
    cards = _cards(reading.digits, int(canvas.shape[1] / scale))
    size = canvas.shape[1], round(cards.shape[0] * scale)
    if cards.size:
        cards = cv2.resize(cards, size, interpolation=cv2.INTER_LINEAR)
    return np.vstack([canvas, cards.reshape(-1, canvas.shape[1], 3)])


def _mark(canvas, digit, zoom, scale):
    """Draw a digit's box, and above it its reading with the confidence in per cent."""
    x, y, width, height = (round(length * zoom) for length in digit.box)
    y += HEADROOM
    thickness = max(1, round(max(canvas.shape) / 600))
    cv2.rectangle(canvas, (x, y), (x + width, y + height), GREEN, thickness)
    smallest = SMALLEST_TEXT * scale
    text = f"{digit.digit} {percent(digit.confidence)}%"
    if text_width(text) * smallest > 2 * width:  # it would cover a neighbour's label
        text = f"{digit.digit}"
    largest = max(smallest, LARGEST_TEXT)
    size = float(np.clip(1.1 * width / text_width(text), smallest, largest))
    bold = 1 + round(size)
    corner = x, y - 2 * thickness - 2
    cv2.putText(canvas, text, corner, FONT, size, GREEN, bold, cv2.LINE_AA)


def text_width(text: str) -> int:
    """Return the width in pixels of a text in the font's own size."""
    (width, _), _ = cv2.getTextSize(text, FONT, 1, 1)
    return width


def _cards(digits, width):
    """Return a sheet (H, width, 3) uint8 of each digit's image and likely digits."""
    columns = max(1, width // CARD_WIDTH)
    rows = -(-len(digits) // columns)
    sheet = np.full((rows * CARD_HEIGHT, width, 3), 255, np.uint8)
    for index, digit in enumerate(digits):
        row, column = divmod(index, columns)
        top, left = row * CARD_HEIGHT + 8, column * CARD_WIDTH + 8
        tile = cv2.resize(digit.image, (TILE, TILE), interpolation=cv2.INTER_NEAREST)
        sheet[top : top + TILE, left : left + TILE] = tile[..., None]
        for line, (guess, probability) in enumerate(digit.guesses(3)):
            text = f"{guess} {percent(probability):>5}%"
            corner = (left + TILE + 8, top + 22 + 26 * line)
            colour = GRAY if line else BLACK
            cv2.putText(sheet, text, corner, FONT, 0.5, colour, 1, cv2.LINE_AA)
    return sheet
