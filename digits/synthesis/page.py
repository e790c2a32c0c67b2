"""Pieces of synthetic pages: numbers among frames, rulings, words and scribbles.

A piece is what the reader of pages (digits.training.reader) is trained on: a gray
picture, and where on it which digits and signs stand. Lengths are its pixels.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from digits.model.reader import DIGIT_HEIGHTS, SIGNS, with_paper
from digits.synthesis import scan
from digits.synthesis.hand import Hand, bounds, extent
from digits.synthesis.printed_words import drawn_words
from digits.synthesis.sheet import (
    ALL_SIZES,
    HEIGHT,
    OTHER_SIZES,
    WIDTH,
    Sheet,
    circle,
    comb,
    frame,
    print_words,
    rulings,
    scribble,
)
from digits.synthesis.texts import number_text, plain

PENS = 0.035, 0.13  # of a digit's height: the width of the stroke
FINE = 2  # pixels of the drawing for each pixel of the piece, each way
SHIFT = 4  # OpenCV draws at 16ths of a pixel
EMPTY_SHEETS = {  # the share of each kind of sheet without a digit
    "word": 0.1,
    "letters": 0.38,
    "sign": 0.18,
    "scribbles": 0.07,
    "boxes": 0.12,
    "print": 0.15,
}
RULED = 0.25  # share of the sheets that are ruled
PRINTED = 0.25  # share of the sheets with printed words, where there is room
CROPPED = 0.1  # share of the pieces of which a random part is shown only …
LEAST_SHOWN = 20  # … at least so large each way
SEEN, HIDDEN = 0.75, 0.2  # of a mark's box in the piece: read from so much on; or not
MOST_MARKS = 40  # of a piece
UNCERTAIN = -1  # class of a mark that may be read or not: neither is wrong


class Piece(NamedTuple):
    """A gray picture (HEIGHT, WIDTH) uint8 and its marks (N, 5) float32.

    A mark: its class, as an index of MARKS, or UNCERTAIN; the x and y of its middle;
    its width and height, in pixels.
    """

    picture: np.ndarray
    marks: np.ndarray


def piece(
    skeletons: Sequence[Sequence[np.ndarray]], random: np.random.Generator
) -> Piece:
    """Return a random Piece; skeletons: of MNIST's digits, for each digit."""
    sheet = Sheet(random)
    kinds = rows, one_number, boxed, one_digit, no_digit
    kind = random.choice(5, p=(0.41, 0.16, 0.16, 0.12, 0.15))
    kinds[kind](sheet, Hand(skeletons, random))
    if random.random() < RULED:
        rulings(sheet)
    if random.random() < PRINTED:
        print_words(sheet, 8)
    if random.random() < CROPPED:
        crop(sheet)
    return finished(sheet)


def rows(sheet: Sheet, hand: Hand) -> None:
    """Fill a sheet with rows of numbers and some words."""
    random, height = sheet.random, sheet.height
    pitch = height * random.uniform(1.1, 2)
    words = random.choice([0, 0, 0.05, 0.3])
    y = between(0, HEIGHT - height, random)  # of a row that is whole
    y -= pitch * math.ceil(max(y, 0) / pitch)
    while y < HEIGHT:
        x = random.uniform(-1.5, 0.5) * height
        while x < WIDTH:
            if random.random() < words:
                glyphs = hand.word(int(random.integers(2, 7)))
            else:
                glyphs = hand.number(number_text(random))
            sheet.write(glyphs, x, y)
            x += height * (extent(glyphs)[2] + random.uniform(0.3, 1.3))
        if random.random() < 0.2:
            sheet.print_base_line(y + height * random.normal(1.03, 0.08))
        y += pitch


def one_number(sheet: Sheet, hand: Hand) -> None:
    """Write one number: in a frame, on a line, in a circle, or alone."""
    random = sheet.random
    glyphs = hand.number(number_text(random))
    box = extent(glyphs)
    size = box[2:] - box[:2]
    if sheet.is_readable:
        fitting = min(0.98 * WIDTH / size[0], 0.98 * HEIGHT / size[1])
        sheet.height = max(DIGIT_HEIGHTS[0], min(sheet.height, fitting))
    height = sheet.height
    spare = np.array([WIDTH, HEIGHT]) - height * size
    corner = random.uniform(0, 1, 2) * spare - height * box[:2]
    sheet.write(glyphs, *corner)
    box = height * box + np.tile(corner, 2)
    around = random.choice(4, p=(0.45, 0.25, 0.2, 0.1))
    if around == 1:
        sheet.print_base_line(corner[1] + height * random.normal(1.02, 0.1))
    elif around == 2:
        frame(sheet, box + [-1, -1, 1, 1] * random.uniform(0, 0.5, 4) * height)
    elif around == 3:
        circle(sheet, box)


def boxed(sheet: Sheet, hand: Hand) -> None:
    """Write digits into boxes or the teeth of a comb, one each."""
    random = sheet.random
    height = sheet.height
    pitch = random.uniform(0.75, 2.2)
    count = int(min(random.integers(1, 12), 1 + WIDTH / (pitch * height)))
    glyphs = hand.number(plain(random, count, count), pitch)
    room = random.uniform(0, 0.5) if count > 1 else (pitch - 0.9) / 2
    over, under = height * np.maximum(room * random.uniform(0.6, 1.4, 2), -0.05)
    width = count * pitch * height
    x = between(3, WIDTH - width, random)
    y = between(over, HEIGHT - height - under, random)
    sheet.write(glyphs, x, y)
    comb(sheet, np.array([x, y - over, x + width, y + height + under]), count)


def between(first: float, second: float, random: np.random.Generator) -> float:
    """Return a random number between two numbers, whichever is the larger."""
    return random.uniform(min(first, second), max(first, second))


def one_digit(sheet: Sheet, hand: Hand) -> None:
    """Write one digit, or cut it out of a number with bits of its neighbours.

    Half of the latter are cut tightly above and below too, as from registers.
    """
    random, height = sheet.random, sheet.height
    count = 3 if random.random() < 0.45 else 1
    glyphs = hand.number(plain(random, count, count))
    digits = [glyph for glyph in glyphs if glyph.mark >= 0]
    left, top, right, bottom = height * bounds(digits[count // 2].segments)
    middle = random.uniform(0.3 * WIDTH, 0.7 * WIDTH)
    y = random.uniform(-0.1, 1) * max(0, HEIGHT - height)
    sheet.write(glyphs, middle - (left + right) / 2, y)
    if count > 1:
        half = max((right - left) / 2, 0.15 * height, 4) * random.uniform(1, 2.2)
        left, right = max(0, middle - half), min(WIDTH, middle + half)
        over, under = 0, HEIGHT
        if random.random() < 0.5:
            around = height * random.uniform(-0.02, 0.25, 2)
            over = max(over, y + top - around[0])
            under = min(under, y + bottom + around[1])
        sheet.shown = round(left), round(over), round(right), round(under)


def no_digit(sheet: Sheet, hand: Hand) -> None:
    """Write letters or signs, scribble, print boxes or words, or leave it empty."""
    random = sheet.random
    kind = random.choice(list(EMPTY_SHEETS), p=list(EMPTY_SHEETS.values()))
    if kind in ("scribbles", "boxes", "print"):  # not in the hand's size
        sheet.height = float(np.exp(random.uniform(*np.log(ALL_SIZES))))
    if kind == "word":
        glyphs = hand.word(int(random.integers(2, 8)))
        sheet.write(glyphs, *random.uniform(0, [WIDTH / 2, HEIGHT / 2]))
    elif kind == "letters":
        for _ in range(random.choice([1, 1, 1, 2, 3])):
            sheet.write(hand.word(1), *random.uniform(0, [0.8 * WIDTH, HEIGHT / 2]))
    elif kind == "sign":
        lone_sign(sheet, hand)
    elif kind == "scribbles":
        for _ in range(random.integers(1, 4)):
            scribble(sheet)
    elif kind == "boxes":
        if random.random() < 0.6:
            small_boxes(sheet, hand)
        else:
            frames(sheet)
    elif random.random() < 0.5:  # print; the other half is blank
        print_words(sheet, 12)


def frames(sheet: Sheet) -> None:
    """Print one or two frames."""
    random = sheet.random
    for _ in range(random.integers(1, 3)):
        corner = random.uniform(0, [WIDTH, HEIGHT])
        opposite = corner + random.uniform(5, [90, 50])
        frame(sheet, np.concatenate([corner, opposite]))


def small_boxes(sheet: Sheet, hand: Hand) -> None:
    """Write digits that are too small to be read into boxes, which look like zeros."""
    sheet.is_readable = False
    sheet.height = sheet.random.uniform(*OTHER_SIZES[0])
    boxed(sheet, hand)


def lone_sign(sheet: Sheet, hand: Hand) -> None:
    """Write a sign that has no digit beside it."""
    random = sheet.random
    glyphs = hand.number(SIGNS[random.integers(len(SIGNS))])
    spare = np.array([WIDTH, HEIGHT]) - sheet.height * extent(glyphs)[2:]
    sheet.write(glyphs, *random.uniform(0, np.maximum(spare, 1)))


def crop(sheet: Sheet) -> None:
    """Show a part of the sheet only, as where a small picture was cut out of a page."""
    random = sheet.random
    width = int(random.integers(LEAST_SHOWN, WIDTH + 1))
    height = int(random.integers(LEAST_SHOWN, HEIGHT + 1))
    left = int(random.integers(0, WIDTH - width + 1))
    top = int(random.integers(0, HEIGHT - height + 1))
    sheet.shown = left, top, left + width, top + height


def finished(sheet: Sheet) -> Piece:
    """Return the Piece that shows a Sheet."""
    random, height = sheet.random, sheet.height
    pen = height * np.exp(random.uniform(*np.log(PENS)))
    ink = drawn(sheet.turned(*(glyph.segments for glyph in sheet.glyphs)), pen)
    line = max(0.7, height / 30) * random.choice([0.5, 0.7, 1, 1, 1.5, 2.5])
    printed = drawn(sheet.turned(*sheet.printing), line)
    if sheet.words:
        words = drawn_words(sheet.words, (HEIGHT, WIDTH), FINE, sheet.tilt)
        printed = np.maximum(printed, words)
    printed *= np.float32(random.uniform(0.2, 1))
    picture = scan.scanned(ink, printed, height, random)
    return Piece(cut(picture, sheet.shown), marks_of(sheet, pen))


def drawn(segments: np.ndarray, width: float) -> np.ndarray:
    """Return the share of each pixel that segments cover, (HEIGHT, WIDTH) float32.

    width: of the pen.
    """
    canvas = np.zeros((FINE * HEIGHT, FINE * WIDTH), np.uint8)
    fine = width * FINE
    # To OpenCV the middle of the first pixel is 0, and to us its outer edge.
    ends = np.rint((segments * FINE - 0.5) * 2**SHIFT).astype(np.int32)
    cv2.polylines(
        canvas, list(ends), False, 255, max(1, round(fine)), cv2.LINE_AA, SHIFT
    )
    small = cv2.resize(canvas, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    # The thinnest line that OpenCV draws is paler if it should be thinner.
    return small.astype(np.float32) * np.float32(min(1, fine) / 255)


def cut(picture: np.ndarray, shown: tuple[int, int, int, int]) -> np.ndarray:
    """Return a picture of the same size: beyond the box `shown` is blank paper."""
    left, top, right, bottom = shown
    return with_paper(
        picture[top:bottom, left:right], top, HEIGHT - bottom, left, WIDTH - right
    )


def marks_of(sheet: Sheet, pen: float) -> np.ndarray:
    """Return the marks (N, 5) of a Sheet, as a Piece has them; pen: its width."""
    glyphs = [glyph for glyph in sheet.glyphs if glyph.mark >= 0]
    if not (glyphs and sheet.is_readable):
        return np.empty((0, 5), np.float32)
    boxes = np.array([bounds(sheet.turned(glyph.segments)) for glyph in glyphs])
    low, high = boxes[:, :2] - pen / 2, boxes[:, 2:] + pen / 2
    own = np.array([glyph.mark for glyph in glyphs])
    return visible(own, low, high, sheet.shown)[:MOST_MARKS]


def visible(
    classes: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    shown: tuple[int, int, int, int],
) -> np.ndarray:
    """Return the marks (N, 5), as a Piece has them, of what a box shows enough of.

    classes: (M,) of all marks; low, high: (M, 2), their boxes' first and last x and y;
    shown: left, top, right, bottom.
    """
    inside = np.minimum(high, shown[2:]) - np.maximum(low, shown[:2])
    share = (np.maximum(inside, 0) / (high - low)).prod(axis=1)
    classes = np.where(share >= SEEN, classes, UNCERTAIN)
    marks = np.column_stack([classes, (low + high) / 2, high - low])
    return marks[share >= HIDDEN].astype(np.float32)
