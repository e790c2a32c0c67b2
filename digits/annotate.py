"""A picture of what was read: boxes and readings, and what the network saw of each."""

import cv2
import numpy as np

SHORT_SIDE = 480  # pixels: a smaller picture is enlarged so that its labels can be read
GREEN, GRAY, BLACK = (40, 140, 0), (110, 110, 110), (0, 0, 0)  # BGR
FONT = cv2.FONT_HERSHEY_SIMPLEX
TILE = 84  # pixels: a digit as the network saw it
CARD_WIDTH, CARD_HEIGHT = 190, 100  # pixels: that tile with its three best guesses


def annotate(reading):
    """Return a Reading's picture, its digits marked and shown, (H, W, 3) uint8 BGR."""
    picture = reading.picture
    zoom = max(1, -(-SHORT_SIDE // max(picture.shape[:2])))
    size = picture.shape[1] * zoom, picture.shape[0] * zoom
    canvas = cv2.resize(picture, size, interpolation=cv2.INTER_NEAREST)
    canvas = _padded(canvas, CARD_WIDTH)
    for digit in reading.digits:
        _mark(canvas, digit, zoom / reading.scale)
    return np.vstack([canvas, _cards(reading.digits, canvas.shape[1])])


def _padded(canvas, width):
    missing = max(0, width - canvas.shape[1])
    return np.pad(canvas, ((0, 0), (0, missing), (0, 0)), constant_values=255)


def _mark(canvas, digit, zoom):
    x, y, width, height = (round(length * zoom) for length in digit.box)
    thickness = max(1, round(max(canvas.shape) / 500))
    cv2.rectangle(canvas, (x, y), (x + width, y + height), GREEN, thickness)
    size = max(0.5, min(2.5, height / 60))
    above = y - 3 * thickness
    text = f"{digit.digit}"
    (text_width, text_height), _ = cv2.getTextSize(text, FONT, size, thickness + 1)
    corner = (x, above if above > text_height else y + height - 3 * thickness)
    cv2.putText(canvas, text, corner, FONT, size, GREEN, thickness + 1, cv2.LINE_AA)
    # The confidence stands beside the reading where the box leaves room for it.
    percent = f" {digit.confidence:.0%}"
    small = size * 0.45
    if text_width + cv2.getTextSize(percent, FONT, small, 1)[0][0] <= 1.6 * width:
        beside = (corner[0] + text_width, corner[1])
        cv2.putText(canvas, percent, beside, FONT, small, GREEN, 1, cv2.LINE_AA)


def _cards(digits, width):
    """Return a (height, width, 3) sheet of each digit's image and best guesses."""
    columns = max(1, width // CARD_WIDTH)
    rows = -(-len(digits) // columns)
    sheet = np.full((rows * CARD_HEIGHT, width, 3), 255, np.uint8)
    for index, digit in enumerate(digits):
        row, column = divmod(index, columns)
        top, left = row * CARD_HEIGHT + 8, column * CARD_WIDTH + 8
        tile = cv2.resize(digit.image, (TILE, TILE), interpolation=cv2.INTER_NEAREST)
        sheet[top : top + TILE, left : left + TILE] = tile[..., None]
        for line, guess in enumerate(np.argsort(-digit.probabilities)[:3]):
            text = f"{guess} {100 * digit.probabilities[guess]:5.1f}%"
            corner = (left + TILE + 8, top + 22 + 26 * line)
            colour = GRAY if line else BLACK
            cv2.putText(sheet, text, corner, FONT, 0.5, colour, 1, cv2.LINE_AA)
    return sheet
