"""A sheet: what is written and printed on it, before it is drawn.

Lengths are pixels of the piece that shows the sheet. A box is left, top, right, bottom.
"""

import numpy as np

from digits.model.reader import DIGIT_HEIGHTS
from digits.synthesis.hand import NO_MARK, Glyph, bounds, curve
from digits.synthesis.printed_words import PrintedWord, box_of, random_word

WIDTH, HEIGHT = 112, 40  # of a piece
OFF_SIZE = 0.2  # share of the sheets whose digits are smaller or larger:
OTHER_SIZES = (5, 12), (38, 110)
ALL_SIZES = OTHER_SIZES[0][0], OTHER_SIZES[1][1]  # of sheets without a digit
TYPE_SIZES = 5, 26  # of printed words
STUBS = 0.2  # share of the rows of bars of which only the upper or lower ends are left
STEEP = 0.08  # share of the sheets that lie crooked
ANGLES = 2.5, 15  # degrees, standard deviation: of other sheets, and of those


class Sheet:
    """What is written and printed, and which part of it the picture shows.

    height: of the digits; is_readable: whether the reader is to find them at this size;
    glyphs: what is written; printing: arrays of segments (M, 2, 2); words: those
    printed; shown: the box that the picture shows; tilt: of all of them, in radians,
    clockwise about the middle.
    """

    def __init__(self, random: np.random.Generator):
        self.random = random
        # Digits of other sizes are no marks: a picture is searched in several sizes.
        self.is_readable = random.random() >= OFF_SIZE
        sizes = DIGIT_HEIGHTS if self.is_readable else OTHER_SIZES[random.integers(2)]
        self.height = float(np.exp(random.uniform(*np.log(sizes))))
        self.glyphs: list[Glyph] = []
        self.printing: list[np.ndarray] = []
        self.words: list[PrintedWord] = []
        self.shown: tuple[int, int, int, int] = 0, 0, WIDTH, HEIGHT
        is_steep = random.random() < STEEP
        self.tilt = np.deg2rad(random.normal(0, ANGLES[is_steep]))

    def write(self, glyphs: list[Glyph], x: float, y: float) -> None:
        """Put writing on the sheet, its origin at x, y."""
        corner = np.array([x, y], np.float32)
        self.glyphs += [
            Glyph(self.height * glyph.segments + corner, glyph.mark) for glyph in glyphs
        ]

    def print_lines(self, *ends: tuple[float, float, float, float]) -> None:
        """Print lines, each from x, y to another x, y."""
        self.printing.append(np.array(ends, np.float32).reshape(-1, 2, 2))

    def print_base_line(self, y: float) -> None:
        """Print a line across the sheet, and beyond it where the sheet is tilted."""
        self.print_lines((-WIDTH, y, 2 * WIDTH, y))

    def turned(self, *parts: np.ndarray) -> np.ndarray:
        """Return all segments of some parts, turned by the tilt, (M, 2, 2) float32."""
        segments = np.concatenate([np.empty((0, 2, 2), np.float32), *parts])
        cosine, sine = np.cos(self.tilt), np.sin(self.tilt)
        middle = np.array([WIDTH, HEIGHT], np.float32) / 2
        matrix = np.array([[cosine, sine], [-sine, cosine]], np.float32)
        return (segments - middle) @ matrix + middle


def frame(sheet: Sheet, box: np.ndarray) -> None:
    """Print a frame, some of whose sides may be missing."""
    left, top, right, bottom = box
    sides = [
        (left, top, right, top),
        (left, bottom, right, bottom),
        (left, top, left, bottom),
        (right, top, right, bottom),
    ]
    missing = sheet.random.choice([0, 0.1, 0.5])
    sheet.print_lines(*(side for side in sides if sheet.random.random() >= missing))


def comb(sheet: Sheet, box: np.ndarray, count: int) -> None:
    """Print what parts `count` digits: boxes, the teeth of a comb, or bars."""
    random = sheet.random
    left, top, right, bottom = box
    is_comb = random.random() < 0.3
    tooth = bottom - sheet.height * random.uniform(0.1, 0.5) if is_comb else top
    apart = sheet.height * random.choice([0, 0, 0.05])
    edges = np.linspace(left, right, count + 1)
    if random.random() < 0.45:
        bars(sheet, edges if random.random() < 0.3 else edges[1:-1], top, bottom)
        if random.random() < 0.6:
            frame(sheet, box)
            return
    for start, end in zip(edges[:-1] + apart, edges[1:] - apart, strict=True):
        sheet.print_lines((start, tooth, start, bottom), (end, tooth, end, bottom))
        sheet.print_lines((start, bottom, end, bottom))
        if not is_comb:
            sheet.print_lines((start, top, end, top))


def bars(sheet: Sheet, middles: np.ndarray, top: float, bottom: float) -> None:
    """Print upright bars between digits: wide, worn, often shorter than the boxes.

    Some have serifs, so that they look like an I.
    """
    random = sheet.random
    half = sheet.height * random.uniform(0.02, 0.16)
    shorter = random.uniform(-0.1, 0.3, 2)
    if random.random() < STUBS:
        shorter[random.integers(2)] += random.uniform(0, 0.5)
    shorter *= bottom - top
    serif = half + sheet.height * random.uniform(0.03, 0.12)
    has_serifs, uneven = random.random() < 0.3, random.choice([0, 0.04, 0.1])
    for middle in middles:
        ends = np.array([top + shorter[0], bottom - shorter[1]])
        first, last = ends + sheet.height * random.normal(0, uneven, 2)
        lean = sheet.height * random.normal(0, uneven / 2)
        for x in np.arange(-half, half, 0.7):  # lines as near as to be one
            worn = sheet.height * random.normal(0, uneven / 2, 2)
            upper, lower = first + worn[0], last + worn[1]
            sheet.print_lines((middle + x + lean, upper, middle + x - lean, lower))
        if has_serifs:
            for y in (first, last):
                sheet.print_lines((middle - serif, y, middle + serif, y))


def rulings(sheet: Sheet) -> None:
    """Print ruled or squared paper, or the lines of a table."""
    random, height = sheet.random, sheet.height
    down = height * random.uniform(0.35, 2.2)
    for y in np.arange(random.uniform(-down, 0), 2 * HEIGHT, down):
        sheet.print_base_line(y)
    if random.random() < 0.4:
        across = down * random.choice([1, 1, 2, 4])
        for x in np.arange(random.uniform(-across, 0), 2 * WIDTH, across):
            sheet.print_lines((x, -HEIGHT, x, 2 * HEIGHT))


def circle(sheet: Sheet, box: np.ndarray) -> None:
    """Draw a circle around a box with the pen."""
    random = sheet.random
    angles = np.linspace(0, 2 * np.pi, 13) + random.uniform(0, 2 * np.pi)
    radii = (box[2:] - box[:2]) * random.uniform(0.6, 0.85, (13, 1))
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii
    middle = (box[:2] + box[2:]) / 2
    sheet.glyphs.append(Glyph(curve(middle + points), NO_MARK))


def scribble(sheet: Sheet) -> None:
    """Draw a curve through random points, as in a flourish or a signature."""
    random = sheet.random
    size = random.uniform(0.5, 4), 1.2
    points = random.uniform(0, size, (random.integers(4, 14), 2))
    if random.random() < 0.5:  # from left to right
        points = points[points[:, 0].argsort()]
    corner = random.uniform(0, [0.7 * WIDTH, 0.6 * HEIGHT])
    sheet.write([Glyph(curve(points), NO_MARK)], *corner)


def print_words(sheet: Sheet, count: int) -> None:
    """Print words where nothing is written: `count` are tried, one place each."""
    random = sheet.random
    taken = [bounds(glyph.segments) for glyph in sheet.glyphs]
    for _ in range(count):
        size = np.exp(random.uniform(*np.log(TYPE_SIZES)))
        x, y = random.uniform([-10, size], [0.8 * WIDTH, HEIGHT + 0.3 * size])
        word = random_word(random, x, y, size)
        box = box_of(word)
        if all((box[:2] > b[2:]).any() or (box[2:] < b[:2]).any() for b in taken):
            sheet.words.append(word)
            taken.append(box)
