"""Numbers as one person writes them: forms, slant, pen path, spacing, joined digits.

Writing is an array of segments (M, 2, 2) float32, from a point x, y to another one, in
units of the digits' height: y is 0 at their top and 1 on the base line.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from digits.model.classifier import DIGITS
from digits.model.reader import MARKS
from digits.synthesis import forms
from digits.synthesis.strokes import LETTERS, LIKE_DIGITS, parse, smooth

OWN_FORMS = 0.4  # share of a writer's digits with a form of forms.DIGITS, not MNIST's
CROSSED = 0.3  # share of MNIST's 7s that get a bar
HABIT = 0.6  # share of digits that repeat the writer's own example
JOINED = 0.3  # share of writers who join some digits
NO_MARK = -2  # of letters, joints, scribbles
CURVE = 6  # points on a stroke for each of those that define it

FORMS = {
    label: [parse(strokes) for strokes in some]
    for label, some in (forms.DIGITS | forms.SIGNS).items()
}
LETTER_FORMS = [parse(strokes) for strokes in LETTERS.values()]
LIKE_DIGIT_FORMS = [parse(strokes) for strokes in LIKE_DIGITS.values()]


class Glyph(NamedTuple):
    """What is written at once: segments (M, 2, 2), and what it is.

    mark: an index of MARKS, or NO_MARK.
    """

    segments: np.ndarray
    mark: int


class Hand:
    """One writer.

    skeletons: for each digit the segments of MNIST's (digits.synthesis.skeleton).
    """

    def __init__(
        self, skeletons: Sequence[Sequence[np.ndarray]], random: np.random.Generator
    ):
        self.skeletons, self.random = skeletons, random
        self.slant = random.normal(0.1, 0.2)
        self.aspect = np.exp(random.normal(0, 0.18))
        self.tremble = random.uniform(0.005, 0.04)
        self.wobble = random.uniform(0, 0.05)
        self.uneven = random.uniform(0, 0.1), random.uniform(0, 0.1)  # size, base line
        self.joins = random.uniform(0, 0.6) if random.random() < JOINED else 0
        tight, normal, wide = (-0.12, 0.06), (0.05, 0.3), (0.3, 1.0)
        spacing = (tight, normal, wide)[random.choice(3, p=(0.3, 0.5, 0.2))]
        self.gap = random.uniform(*spacing)
        self.habits = {}

    def number(self, text: str, pitch: float = 0) -> list[Glyph]:
        """Return the digits and signs of `text`, and what joins them, from x = 0 on.

        pitch: from a digit's middle to the next one's, as in a comb; 0 writes freely.
        """
        glyphs, last, x = [], None, 0.0
        for index, character in enumerate(text):
            if character == " ":
                x += self.random.uniform(0.5, 2)
                continue
            upright = self.glyph(character)
            left, right = upright[..., 0].min(), upright[..., 0].max()
            if pitch:
                x = (index + 0.5) * pitch + self.random.normal(0, 0.06)
                x -= (right - left) / 2
            segments = self.leaning(upright - np.float32([left, 0]))
            segments[..., 0] += x
            if last is not None and not pitch and self.random.random() < self.joins:
                glyphs.append(Glyph(self.joint(last, segments), NO_MARK))
            glyphs.append(Glyph(segments, MARKS.index(character)))
            last = segments
            gap = self.gap + abs(self.random.normal(0, 0.06))
            x += right - left + (gap if character in DIGITS else max(gap, 0.02))
        return glyphs

    def word(self, length: int) -> list[Glyph]:
        """Return a word; where it has several letters, some look like digits."""
        glyphs, x = [], 0.0
        for index in range(length):
            like_digit = index % 2 and self.random.random() < 0.6
            some = LIKE_DIGIT_FORMS if like_digit else LETTER_FORMS
            form = some[self.random.integers(len(some))]
            letter = self.leaning(self.bent(self.drawn(form)))
            letter[..., 0] += x - letter[..., 0].min()
            glyphs.append(Glyph(letter, NO_MARK))
            x = letter[..., 0].max() + self.random.uniform(-0.05, 0.15)
        return glyphs

    def glyph(self, character: str) -> np.ndarray:
        """Return a digit or sign, upright."""
        random = self.random
        own, example = self.habits.setdefault(
            character, (random.random() < OWN_FORMS, random.integers(1 << 30))
        )
        if random.random() > HABIT:
            example = random.integers(1 << 30)
        if own or character not in DIGITS:
            some = FORMS[character]
            glyph = self.drawn(some[example % len(some)])
        else:
            some = self.skeletons[int(character)]
            glyph = some[example % len(some)]
            if character == "7" and random.random() < CROSSED:
                glyph = np.concatenate([glyph, self.bar(glyph)])
        glyph = self.bent(glyph)
        size = np.exp(random.normal(0, self.uneven[0]))
        stretch = np.exp(random.normal(0, 0.08))
        glyph *= np.float32([size * stretch * self.aspect, size])
        glyph[..., 1] += random.uniform(0, 1 - size) if size < 1 else (1 - size) / 2
        glyph[..., 1] += random.normal(0, self.uneven[1])
        return glyph

    def drawn(self, form: list[np.ndarray]) -> np.ndarray:
        """Return the segments of a form's strokes, drawn with a trembling hand."""
        parts = []
        for points in form:
            moved = points + self.random.normal(0, self.tremble, points.shape)
            same = (points[1:] == points[:-1]).all(axis=1)
            moved[1:][same] = moved[:-1][same]  # a corner stays one
            curve = smooth(moved, CURVE).astype(np.float32)
            parts.append(np.stack([curve[:-1], curve[1:]], axis=1))
        return np.concatenate(parts)

    def bent(self, glyph: np.ndarray) -> np.ndarray:
        """Return a glyph bent by slow waves."""
        phase = self.random.uniform(0, 2 * np.pi, 2)
        waves = self.random.uniform(2, 6, 2)
        size = self.random.normal(0, self.wobble, 2)
        return glyph + np.float32(size * np.sin(waves * glyph[..., ::-1] + phase))

    def leaning(self, glyph: np.ndarray) -> np.ndarray:
        """Return a glyph with the writer's slant: its foot stays where it is."""
        slant = self.slant + self.random.normal(0, 0.04)
        glyph = glyph.copy()
        glyph[..., 0] += slant * (1 - glyph[..., 1])
        return glyph

    def bar(self, seven: np.ndarray) -> np.ndarray:
        """Return the bar of a 7, a segment."""
        y = self.random.uniform(0.4, 0.65)
        near = seven[np.abs(seven[:, 0, 1] - y) < 0.06, 0, 0]
        middle = near.mean() if len(near) else 0.3
        half, rise = self.random.uniform(0.1, 0.35), self.random.normal(0, 0.05)
        return np.float32([[[middle - half, y + rise], [middle + half, y - rise]]])

    def joint(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Return the stroke from a glyph's right side to the next one's left side."""
        # The lower the weight of y, the nearer to the outermost point.
        weights = self.random.uniform([0.1, 0.3], [0.8, 1.2])
        ends, starts = left.reshape(-1, 2), right.reshape(-1, 2)
        end = ends[(ends[:, 0] - weights[0] * ends[:, 1]).argmax()]
        start = starts[(starts[:, 0] + weights[1] * starts[:, 1]).argmin()]
        if np.hypot(*(start - end)) > 0.9:
            return np.empty((0, 2, 2), np.float32)
        middle = (end + start) / 2 + [0, self.random.normal(0, 0.08)]
        curve = smooth(np.array([end, middle, start]), 3).astype(np.float32)
        return np.stack([curve[:-1], curve[1:]], axis=1)


def number_text(random: np.random.Generator) -> str:
    """Return what people write in digits: an amount, a date, a sum, a plain number."""
    kind = random.choice(6, p=(0.55, 0.2, 0.07, 0.1, 0.04, 0.04))
    if kind == 0:
        return plain(random)
    if kind == 1:
        return amount(random)
    if kind == 2:
        separator = "./-:"[random.integers(4)]
        return separator.join(plain(random, 1, 2) for _ in range(random.integers(2, 4)))
    if kind == 3:
        terms = [plain(random, 1, 3) for _ in range(random.integers(2, 4))]
        text = terms[0]
        for term in terms[1:]:
            text += "+-\N{MULTIPLICATION SIGN}\N{DIVISION SIGN}=/"[random.integers(6)] + term
        return text
    if kind == 4:
        return f"({plain(random, 1, 4)})"
    return "".join(MARKS[random.integers(10, len(MARKS))] for _ in range(3))


def plain(random: np.random.Generator, least: int = 1, most: int = 8) -> str:
    """Return `least` to `most` digits, zeros and repetitions among them."""
    count = random.integers(least, most + 1)
    text = "".join(DIGITS[digit] for digit in random.integers(10, size=count))
    if count > 2 and random.random() < 0.25:
        zeros = random.integers(1, count)
        text = text[:-zeros] + "0" * zeros
    elif count > 1 and random.random() < 0.1:
        text = text[0] * count
    return text


def amount(random: np.random.Generator) -> str:
    """Return a number with separators, and with the dash or the cents behind it."""
    mark = ".,"[random.integers(2)]
    groups = [plain(random, 3, 3) for _ in range(random.integers(0, 3))]
    text = mark.join([plain(random, 1, 3), *groups])
    ends = "", mark, ",-", ".-", "-", "=", ".=", mark + plain(random, 2, 2)
    starts = "", "", "", "-", ".", "="
    start = starts[random.integers(len(starts))]
    return start + text + ends[random.integers(len(ends))]


def extent(glyphs: list[Glyph]) -> np.ndarray:
    """Return left, top, right and bottom of glyphs, (4,) float32."""
    points = np.concatenate([glyph.segments for glyph in glyphs]).reshape(-1, 2)
    return np.concatenate([points.min(axis=0), points.max(axis=0)])
