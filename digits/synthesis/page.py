"""Pieces of made-up pages: numbers among frames, rulings, words and scribbles.

A piece is what the reader of pages (digits.training.reader) is trained on: a gray
picture, and where on it which digits and signs stand.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from digits.synthesis import scan
from digits.synthesis.hand import NO_MARK, Glyph, Hand, extent, number_text, plain
from digits.synthesis.strokes import smooth

WIDTH, HEIGHT = 160, 64  # pixels of a piece
SIZES = 12, 48  # pixels: the height of a digit
FINE = 2  # pixels of the drawing for each pixel of the piece, each way
SHIFT = 4  # OpenCV draws at 16ths of a pixel
CROPPED = 0.25  # share of the pieces that show a part of the sheet only …
LEAST_SHOWN = 24  # … of at least so many pixels each way
SEEN, HIDDEN = 0.75, 0.2  # of a mark's box in the piece: read from so much on; or not
MOST_MARKS = 64  # of a piece
UNCERTAIN = -1  # instead of a mark's class: whatever is read here is neither right …
# … nor wrong.


class Piece(NamedTuple):
    """A gray picture (HEIGHT, WIDTH) uint8 and its marks (N, 5) float32.

    A mark: its class, as an index of MARKS, or UNCERTAIN; the x and y of its middle;
    its width and height, in pixels.
    """

    picture: np.ndarray
    marks: np.ndarray


class Sheet:
    """What is written and printed on a piece, in pixels."""

    def __init__(self, random: np.random.Generator):
        self.random = random
        self.height = float(np.exp(random.uniform(*np.log(SIZES))))  # of the digits
        self.glyphs, self.printing = [], []
        # What the picture shows: left, top, right, bottom. Beyond it the paper goes on.
        self.shown = 0, 0, WIDTH, HEIGHT
        steep = random.random() < 0.08
        self.tilt = np.deg2rad(random.normal(0, 15 if steep else 2.5))

    def write(self, glyphs: list[Glyph], x: float, y: float) -> None:
        """Put writing on the sheet, its upper left corner at x, y."""
        corner = np.float32([x, y])
        self.glyphs += [
            Glyph(self.height * segments + corner, mark) for segments, mark in glyphs
        ]

    def print_lines(self, *ends: tuple[float, float, float, float]) -> None:
        """Print lines from x, y to x, y."""
        self.printing.append(np.float32(ends).reshape(-1, 2, 2))

    def turned(self, segments: list[np.ndarray]) -> np.ndarray:
        """Return all segments, turned by the sheet's tilt about the piece's middle."""
        joined = np.concatenate([np.empty((0, 2, 2), np.float32), *segments])
        cosine, sine = np.cos(self.tilt), np.sin(self.tilt)
        middle = np.float32([WIDTH, HEIGHT]) / 2
        matrix = np.float32([[cosine, sine], [-sine, cosine]])
        return (joined - middle) @ matrix + middle


def piece(
    skeletons: Sequence[Sequence[np.ndarray]], random: np.random.Generator
) -> Piece:
    """Return a random Piece; skeletons: of MNIST's digits, for each digit."""
    sheet = Sheet(random)
    kind = random.choice(5, p=(0.45, 0.2, 0.15, 0.12, 0.08))
    (rows, one_number, boxed, one_digit, no_digit)[kind](sheet, skeletons)
    if random.random() < 0.35:
        rulings(sheet)
    if random.random() < CROPPED:
        crop(sheet)
    return finished(sheet)


def crop(sheet: Sheet) -> None:
    """Show a part of the sheet only, as where a small picture was cut out of a page."""
    left, right = np.sort(sheet.random.integers(0, WIDTH + 1, 2))
    top, bottom = np.sort(sheet.random.integers(0, HEIGHT + 1, 2))
    if right - left >= LEAST_SHOWN and bottom - top >= LEAST_SHOWN:
        sheet.shown = left, top, right, bottom


def rows(sheet: Sheet, skeletons) -> None:
    """Fill a sheet with rows of numbers and some words."""
    random, height = sheet.random, sheet.height
    hand = Hand(skeletons, random)
    pitch = height * random.uniform(1.1, 2.2)
    words = random.choice([0, 0, 0.1, 0.4])
    y = random.uniform(-0.8 * height, max(0.6 * height, HEIGHT - 1.3 * height))
    while y < HEIGHT:
        x = random.uniform(-1.5 * height, WIDTH / 3)
        while x < WIDTH:
            if random.random() < words:
                glyphs = hand.word(random.integers(2, 7))
            else:
                glyphs = hand.number(number_text(random))
            sheet.write(glyphs, x, y)
            x += height * (extent(glyphs)[2] + random.uniform(0.3, 2))
        if random.random() < 0.2:
            base = y + height * random.normal(1.03, 0.08)
            sheet.print_lines((-WIDTH, base, 2 * WIDTH, base))
        y += pitch


def one_number(sheet: Sheet, skeletons) -> None:
    """Write one number: in a frame, on a line, in a circle, or alone."""
    random = sheet.random
    glyphs = Hand(skeletons, random).number(number_text(random))
    left, top, right, bottom = extent(glyphs)
    fitting = min(0.98 * WIDTH / (right - left), 0.98 * HEIGHT / (bottom - top))
    sheet.height = height = max(SIZES[0], min(sheet.height, fitting))
    spare = np.float32([WIDTH, HEIGHT]) - height * np.float32(
        [right - left, bottom - top]
    )
    x, y = random.uniform(0, 1, 2) * spare - height * np.float32([left, top])
    sheet.write(glyphs, x, y)
    box = height * np.float32([left, top, right, bottom]) + [x, y, x, y]
    around = random.choice(4, p=(0.45, 0.25, 0.2, 0.1))
    if around == 1:
        base = y + height * random.normal(1.02, 0.1)
        sheet.print_lines((-WIDTH, base, 2 * WIDTH, base))
    elif around == 2:
        frame(sheet, box + [-1, -1, 1, 1] * random.uniform(0, 0.5, 4) * height)
    elif around == 3:
        circle_around(sheet, box)


def boxed(sheet: Sheet, skeletons) -> None:
    """Write digits into boxes or the teeth of a comb, one each."""
    random = sheet.random
    sheet.height = height = min(sheet.height, 40.0)
    pitch = random.uniform(0.75, 2.2)
    count = int(min(random.integers(1, 12), 1 + WIDTH / (pitch * height)))
    glyphs = Hand(skeletons, random).number(plain(random, count, count), pitch)
    room = random.uniform(0, 0.5) if count > 1 else (pitch - 0.9) / 2
    over, under = height * np.maximum(room * random.uniform(0.6, 1.4, 2), -0.05)
    x = random.uniform(*sorted([3, WIDTH - count * pitch * height]))
    y = random.uniform(*sorted([over, HEIGHT - height - under]))
    sheet.write(glyphs, x, y)
    top, bottom = y - over, y + height + under
    is_comb = random.random() < 0.3
    tooth = bottom - height * random.uniform(0.1, 0.5) if is_comb else top
    apart = height * random.choice([0, 0, 0.05])
    for index in range(count):
        left = x + index * pitch * height + apart
        right = left + pitch * height - 2 * apart
        sheet.print_lines((left, tooth, left, bottom), (right, tooth, right, bottom))
        sheet.print_lines((left, bottom, right, bottom))
        if not is_comb:
            sheet.print_lines((left, top, right, top))


def one_digit(sheet: Sheet, skeletons) -> None:
    """Write one digit, or cut it out of a number with bits of its neighbours."""
    random, height = sheet.random, sheet.height
    count = 3 if random.random() < 0.3 else 1
    glyphs = Hand(skeletons, random).number(plain(random, count, count))
    digits = [glyph for glyph in glyphs if glyph.mark >= 0]
    left, _, right, _ = height * extent(digits[count // 2 : count // 2 + 1])
    middle = random.uniform(0.3 * WIDTH, 0.7 * WIDTH)
    y = random.uniform(-0.1, 1) * max(0, HEIGHT - height)
    sheet.write(glyphs, middle - (left + right) / 2, y)
    if count > 1:
        half = max((right - left) / 2, 0.15 * height) * random.uniform(1, 2.2)
        sheet.shown = round(max(0, middle - half)), 0, round(middle + half), HEIGHT


def no_digit(sheet: Sheet, skeletons) -> None:
    """Write a word, scribble, print frames, or leave the sheet empty."""
    random = sheet.random
    kind = random.integers(4)
    if kind == 0:
        glyphs = Hand(skeletons, random).word(random.integers(1, 8))
        sheet.write(glyphs, *random.uniform(0, [WIDTH / 2, HEIGHT / 2]))
    elif kind == 1:
        for _ in range(random.integers(1, 4)):
            scribble(sheet)
    elif kind == 2:
        for _ in range(random.integers(1, 3)):
            corner = random.uniform(0, [WIDTH, HEIGHT])
            other = corner + random.uniform(5, [90, 60])
            frame(sheet, np.concatenate([corner, other]))


def scribble(sheet: Sheet) -> None:
    """Draw a curve through random points, as in a flourish or a signature."""
    random = sheet.random
    size = random.uniform(0.5, 4), 1.2
    points = random.uniform(0, size, (random.integers(4, 14), 2))
    if random.random() < 0.5:  # from left to right
        points = points[points[:, 0].argsort()]
    corner = random.uniform(0, [0.7 * WIDTH, 0.6 * HEIGHT])
    sheet.write([Glyph(path(points), NO_MARK)], *corner)


def frame(sheet: Sheet, box: np.ndarray) -> None:
    """Print a frame, some of whose sides may be missing; box: left, top, right, bottom."""
    left, top, right, bottom = box
    sides = [
        (left, top, right, top),
        (left, bottom, right, bottom),
        (left, top, left, bottom),
        (right, top, right, bottom),
    ]
    missing = sheet.random.choice([0, 0.1, 0.5])
    sheet.print_lines(*(side for side in sides if sheet.random.random() >= missing))


def circle_around(sheet: Sheet, box: np.ndarray) -> None:
    """Draw a circle with the pen; box: left, top, right, bottom of what is inside."""
    random = sheet.random
    angles = np.linspace(0, 2 * np.pi, 13) + random.uniform(0, 2 * np.pi)
    radii = (box[2:] - box[:2]) * random.uniform(0.6, 0.85, (13, 1))
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii
    segments = path((box[:2] + box[2:]) / 2 + points)
    sheet.glyphs.append(Glyph(segments, NO_MARK))


def path(points: np.ndarray) -> np.ndarray:
    """Return the segments of a smooth curve through points (N, 2)."""
    curve = smooth(points, 6).astype(np.float32)
    return np.stack([curve[:-1], curve[1:]], axis=1)


def rulings(sheet: Sheet) -> None:
    """Print ruled or squared paper, or the lines of a table."""
    random, height = sheet.random, sheet.height
    down = height * random.uniform(0.35, 2.2)
    for y in np.arange(random.uniform(-down, 0), 2 * HEIGHT, down):
        sheet.print_lines((-WIDTH, y, 2 * WIDTH, y))
    if random.random() < 0.4:
        across = down * random.choice([1, 1, 2, 4])
        for x in np.arange(random.uniform(-across, 0), 2 * WIDTH, across):
            sheet.print_lines((x, -HEIGHT, x, 2 * HEIGHT))


def finished(sheet: Sheet) -> Piece:
    """Return the Piece of a Sheet."""
    random, height = sheet.random, sheet.height
    pen = height * np.exp(random.uniform(np.log(0.025), np.log(0.17)))
    ink = drawn(sheet.turned([glyph.segments for glyph in sheet.glyphs]), pen)
    line = max(0.7, height / 30) * random.choice([0.5, 1, 1, 1.5, 2, 3])
    printed = drawn(sheet.turned(sheet.printing), line)
    printed *= np.float32(random.uniform(0.2, 1))
    picture = scan.scanned(ink, printed, height, random)
    left, top, right, bottom = sheet.shown
    # As digits.model.reader does around a picture.
    picture = cv2.copyMakeBorder(
        picture[top:bottom, left:right],
        top,
        HEIGHT - bottom,
        left,
        WIDTH - right,
        cv2.BORDER_REPLICATE,
    )
    return Piece(picture, marks_of(sheet, pen))


def drawn(segments: np.ndarray, width: float) -> np.ndarray:
    """Return the share of each pixel that segments cover, (HEIGHT, WIDTH) float32.

    width: of the pen in pixels.
    """
    canvas = np.zeros((FINE * HEIGHT, FINE * WIDTH), np.uint8)
    fine = width * FINE
    ends = np.rint(segments * FINE * 2**SHIFT).astype(np.int32)
    cv2.polylines(canvas, ends, False, 255, max(1, round(fine)), cv2.LINE_AA, SHIFT)
    small = cv2.resize(canvas, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) * np.float32(min(1, fine) / 255)


def marks_of(sheet: Sheet, pen: float) -> np.ndarray:
    """Return the marks (N, 5) of a Sheet, as a Piece has them."""
    glyphs = [glyph for glyph in sheet.glyphs if glyph.mark >= 0]
    extents = [extent([Glyph(sheet.turned([g.segments]), g.mark)]) for g in glyphs]
    boxes = np.float32(extents).reshape(-1, 2, 2) + np.float32([[-pen], [pen]]) / 2
    low, high = boxes[:, 0], boxes[:, 1]
    least, most = np.float32(sheet.shown[:2]), np.float32(sheet.shown[2:])
    inside = np.clip(np.minimum(high, most) - np.maximum(low, least), 0, None)
    share = (inside / (high - low)).prod(axis=1)
    classes = np.where(share >= SEEN, [glyph.mark for glyph in glyphs], UNCERTAIN)
    marks = np.column_stack([classes, (low + high) / 2, high - low])
    return marks[share >= HIDDEN][:MOST_MARKS].astype(np.float32)
