"""Printed words, as forms and stationery have them beside what is written."""

import functools
import math
from pathlib import Path
from typing import NamedTuple

import cv2
import matplotlib
import numpy as np

# Typefaces that come with OpenCV and Matplotlib: sans, italic, serif, of even width.
OPENCV = "sans", "italic"
MATPLOTLIB = (
    "DejaVuSans",
    "DejaVuSerif",
    "DejaVuSerif-Italic",
    "DejaVuSansMono",
    "STIXGeneral",
)
WEIGHTS = 300, 800  # of OpenCV's typefaces: light to bold
LETTERS = "eeeeettttaaaaooooiiinnnsssrrrhhllddccuummffppggwwyybbvkxzjq"
LENGTHS = 2, 9  # letters of a word
UPPER_CASE = 0.25  # share of the words in capitals
CAPITALIZED = 0.5  # share of the others that begin with one
COLON = 0.2  # share of those that end with a colon
MEASURED = 8  # text is measured so many times as large: OpenCV rounds to pixels


class PrintedWord(NamedTuple):
    """A word, its typeface (an index of `typefaces`), weight, place and size.

    x, y: of the left end of its base line; size: of the type; in pixels of the piece.
    """

    text: str
    typeface: int
    weight: int
    x: float
    y: float
    size: float


@functools.cache
def typefaces() -> list[cv2.FontFace]:
    """Return the typefaces."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    paths = [str(folder / f"{name}.ttf") for name in MATPLOTLIB]
    return [cv2.FontFace(name) for name in (*OPENCV, *paths)]


def random_word(
    random: np.random.Generator, x: float, y: float, size: float
) -> PrintedWord:
    """Return a random word at a place."""
    typeface = int(random.integers(len(typefaces())))
    weight = int(random.integers(WEIGHTS[0], WEIGHTS[1] + 1))
    return PrintedWord(random_text(random), typeface, weight, x, y, size)


def random_text(random: np.random.Generator) -> str:
    """Return some letters, the frequent ones more often."""
    count = random.integers(LENGTHS[0], LENGTHS[1] + 1)
    text = "".join(random.choice(list(LETTERS), count))
    if random.random() < UPPER_CASE:
        return text.upper()
    text = text.capitalize() if random.random() < CAPITALIZED else text
    return text + ":" if random.random() < COLON else text


def box_of(word: PrintedWord) -> np.ndarray:
    """Return left, top, right and bottom of a word, (4,)."""
    x, y, width, height = cv2.getTextSize(
        (1, 1),
        word.text,
        (0, 0),
        typefaces()[word.typeface],
        round(MEASURED * word.size),
        word.weight,
    )
    box = np.array([x, y, x + width, y + height]) / MEASURED
    return box + np.tile([word.x, word.y], 2)


def drawn_words(
    words: list[PrintedWord], shape: tuple[int, int], fine: int, tilt: float
) -> np.ndarray:
    """Return the share of each pixel that words cover, (H, W) float32.

    shape: H, W; the words are drawn `fine` times as large first; tilt: of the sheet, in
    radians, clockwise about its middle.
    """
    canvas = np.zeros([fine * side for side in shape], np.uint8)
    for word in words:
        cv2.putText(
            canvas,
            word.text,
            (round(fine * word.x), round(fine * word.y)),
            255,
            typefaces()[word.typeface],
            max(1, round(fine * word.size)),
            word.weight,
        )
    middle = [(side - 1) / 2 for side in canvas.shape[::-1]]
    turn = cv2.getRotationMatrix2D(middle, -math.degrees(tilt), 1)
    canvas = cv2.warpAffine(canvas, turn, canvas.shape[::-1])
    small = cv2.resize(canvas, shape[::-1], interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / 255
