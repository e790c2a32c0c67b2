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

DRAWN_FORMS = 0.45  # share of a writer's digits of forms.DIGITS, not of MNIST's
BLENDED = 0.3  # share of those whose form lies between two of them
MORE_DRAWN_FORMS = {"1": 0.75, "7": 0.65}  # which differ most between schools
CROSSED = 0.3  # share of MNIST's 7s that get a bar
SMALL_ZEROS = 0.15  # share of writers whose zeros are smaller than other digits …
ZERO = 0.45, 0.9  # … by so much
ASPECT = 0.03, 0.28  # of a digit's width: mean and standard deviation of the logarithm
SLANTS = 0.22, 0.5  # standard deviation: of most writers, and of some
PROPORTIONS = 0.25, 0.12  # standard deviation: of a writer's, of a digit's to them
HABIT = 0.6  # share of digits that repeat the writer's own example
FAST = 0.35  # share of writers who round the corners of their forms …
UNLIFTED = 0.15  # … and of those who do not always lift the pen within a digit
SWUNG = 0.4  # share of writers whose pen lands and leaves in a swing …
SWINGS = 0.04, 0.2  # … so long …
TURN = 0.7  # … that turns by so much: standard deviation, radians
NEAR_END = 0.12  # from a stroke's end: so far, its direction is that of the end
JOINED = 0.3  # share of writers who join some digits
FARTHEST_JOINT = 0.9  # digits farther apart are not joined
GAPS = (-0.08, 0.06), (0.05, 0.3), (0.3, 1.0)  # between digits: tight, normal, wide …
GAP_SHARES = 0.15, 0.55, 0.3  # … and the shares of the writers
LEAST_ADVANCE = 0.8  # times a digit's width: narrow digits overlap less
CLOSEST = 0.3  # from a digit's left end to the next one's: two 1s are not one
BLEND_POINTS = 7  # of a blended stroke, for each unit of its length
LEAST_LENGTH = 0.9  # of a blended stroke: times the mean of the two
FINE_TREMBLE = 0.5  # share of the tremble at points that lie so near one another
NO_MARK = -2  # of letters, joints, scribbles
CURVE = 6  # segments for each pair of points that define a curve

FORMS = {
    label: [parse(strokes) for strokes in alternatives]
    for label, alternatives in (forms.DIGITS | forms.SIGNS).items()
}
OTHER_FORMS = [  # of what is no mark
    parse(strokes)
    for name, strokes in (LETTERS | forms.SYMBOLS).items()
    if name not in forms.SIGNS
]
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
        self.slant = random.normal(0.12, SLANTS[random.random() < 0.1])
        self.aspect = np.exp(random.normal(*ASPECT))
        self.tremble = random.uniform(0.005, 0.04)
        self.proportions = random.normal(0, PROPORTIONS[0], 2)
        self.wobble = random.uniform(0, 0.05)
        self.uneven = random.uniform(0, 0.1), random.uniform(0, 0.1)  # size, base line
        self.rounds = random.uniform(0.2, 1) if random.random() < FAST else 0
        self.drags = random.uniform(0.2, 0.8) if random.random() < UNLIFTED else 0
        self.swings = random.uniform(0.2, 0.8) if random.random() < SWUNG else 0
        self.joins = random.uniform(0, 0.5) if random.random() < JOINED else 0
        self.gap = random.uniform(*GAPS[random.choice(3, p=GAP_SHARES)])
        is_small = random.random() < SMALL_ZEROS
        self.sizes = {"0": random.uniform(*ZERO)} if is_small else {}
        self.habits = {}

    def number(self, text: str, pitch: float = 0) -> list[Glyph]:
        """Return the digits and signs of `text`, and what joins them, from x = 0 on.

        text: of MARKS and spaces; pitch: from a digit's middle to the next one's, as in
        a comb, where the first digit's middle is at half of it; 0 writes freely.
        """
        glyphs, x = [], 0.0
        for index, character in enumerate(text):
            if character == " ":
                x += self.random.uniform(0.5, 2)
                continue
            upright = self.glyph(character)
            left, _, right, _ = bounds(upright)
            if pitch:
                middle = (index + 0.5) * pitch + self.random.normal(0, 0.06)
                x = middle - (right - left) / 2
            segments = self.leaning(upright - np.array([left, 0], np.float32))
            segments[..., 0] += x
            if glyphs and not pitch:
                glyphs += self.joints(glyphs[-1].segments, segments)
            glyphs.append(Glyph(segments, MARKS.index(character)))
            x += self.advance(character, right - left)
        return glyphs

    def advance(self, character: str, width: float) -> float:
        """Return the way from a digit's or sign's left end to the next one's."""
        gap = self.gap + abs(self.random.normal(0, 0.06))
        if character in DIGITS:
            return max(width + gap, LEAST_ADVANCE * width, CLOSEST)
        return width + max(gap, 0.02)

    def word(self, length: int) -> list[Glyph]:
        """Return a word; where it has several letters, some look like digits."""
        glyphs, x = [], 0.0
        for index in range(length):
            like_digit = index % 2 and self.random.random() < 0.6
            alternatives = LIKE_DIGIT_FORMS if like_digit else OTHER_FORMS
            form = alternatives[self.random.integers(len(alternatives))]
            letter = self.leaning(self.bent(self.drawn(form)))
            letter[..., 0] += x - letter[..., 0].min()
            glyphs.append(Glyph(letter, NO_MARK))
            x = letter[..., 0].max() + self.random.uniform(-0.05, 0.15)
        return glyphs

    def glyph(self, character: str) -> np.ndarray:
        """Return a digit or sign, upright."""
        random = self.random
        glyph = self.example(character)
        if character in DIGITS:
            glyph = self.swung(glyph)
        glyph = self.bent(self.proportioned(glyph))
        size = self.sizes.get(character, 1) * np.exp(random.normal(0, self.uneven[0]))
        stretch = np.exp(random.normal(0, 0.08))
        glyph *= np.array([size * stretch * self.aspect, size], np.float32)
        # A small digit stands anywhere between top and base line.
        glyph[..., 1] += random.uniform(0, 1 - size) if size < 1 else (1 - size) / 2
        glyph[..., 1] += random.normal(0, self.uneven[1])
        return glyph

    def example(self, character: str) -> np.ndarray:
        """Return a digit or sign as the writer learned it, mostly the same each time.

        A writer has for each digit either a drawn form or MNIST's digits.
        """
        random = self.random
        share = MORE_DRAWN_FORMS.get(character, DRAWN_FORMS)
        own, number = self.habits.setdefault(
            character, (random.random() < share, int(random.integers(1 << 30)))
        )
        if random.random() > HABIT:
            number = int(random.integers(1 << 30))
        if own or character not in DIGITS:
            return self.drawn_form(character, number)
        alternatives = self.skeletons[int(character)]
        digit = alternatives[number % len(alternatives)]
        if character == "7" and random.random() < CROSSED:
            return np.concatenate([digit, self.bar(digit)])
        return digit

    def drawn_form(self, character: str, number: int) -> np.ndarray:
        """Return a drawn form of a digit or sign, or one between two of a digit.

        number: tells which.
        """
        alternatives = FORMS[character]
        form = alternatives[number % len(alternatives)]
        if character in forms.SIGNS:
            return self.drawn(form)
        choice = np.random.default_rng(number)
        if choice.random() < BLENDED:
            return self.drawn(blended(alternatives, choice), FINE_TREMBLE)
        return self.drawn(self.hasty(form))

    def hasty(self, form: list[np.ndarray]) -> list[np.ndarray]:
        """Return a form's strokes with fewer corners, some of them run together."""
        random, strokes = self.random, []
        for points in form:
            is_corner = np.append((points[1:] == points[:-1]).all(axis=1), False)
            is_kept = ~is_corner | (random.random(len(points)) >= self.rounds)
            is_dragged = strokes and random.random() < self.drags
            before = [strokes.pop()] if is_dragged else []
            strokes.append(np.concatenate([*before, points[is_kept]]))
        return strokes

    def swung(self, glyph: np.ndarray) -> np.ndarray:
        """Return a glyph with swings, as the pen lands and leaves, at free ends."""
        # As complex numbers, points are sorted faster.
        points, degrees = np.unique(glyph.view(np.complex64), return_counts=True)
        points = points[:, None].view(np.float32)
        parts = [glyph]
        for end in points[degrees == 1]:
            if self.random.random() >= self.swings:
                continue
            near = points[np.hypot(*(points - end).T) < NEAR_END]
            way = end - near.mean(axis=0)
            length = max(float(np.hypot(*way)), 1e-3)
            first, second = np.cumsum(self.random.normal(0, TURN, 2))
            step = way / length * self.random.uniform(*SWINGS) / 2
            middle = end + rotated(step, first)
            last = middle + rotated(step, first + second)
            parts.append(curve(np.array([end, middle, last]), 3))
        return np.concatenate(parts)

    def drawn(self, form: list[np.ndarray], share: float = 1) -> np.ndarray:
        """Return the segments of a form's strokes, drawn with a trembling hand.

        share: of the writer's tremble.
        """
        parts = []
        for points in form:
            moved = points + self.random.normal(0, share * self.tremble, points.shape)
            same = (points[1:] == points[:-1]).all(axis=1)
            moved[1:][same] = moved[:-1][same]  # a corner stays one
            parts.append(curve(moved))
        return np.concatenate(parts)

    def proportioned(self, glyph: np.ndarray) -> np.ndarray:
        """Return a glyph whose waist is higher or lower, and more to one side."""
        low, high = glyph.min(axis=(0, 1)), glyph.max(axis=(0, 1))
        size = np.maximum(high - low, 1e-3)
        place = np.pi * (glyph - low) / size
        shift = self.proportions + self.random.normal(0, PROPORTIONS[1], 2)
        shift = np.clip(shift, -0.6, 0.6)  # beyond 1 or -1, strokes would turn back
        moved = shift / np.pi * size * np.sin(place)
        return glyph + moved.astype(np.float32)

    def bent(self, glyph: np.ndarray) -> np.ndarray:
        """Return a glyph bent by slow waves."""
        phase = self.random.uniform(0, 2 * np.pi, 2)
        waves = self.random.uniform(2, 6, 2)
        size = self.random.normal(0, self.wobble, 2)
        moved = size * np.sin(waves * glyph[..., ::-1] + phase)
        return glyph + moved.astype(np.float32)

    def leaning(self, glyph: np.ndarray) -> np.ndarray:
        """Return a glyph with the writer's slant: its foot stays where it is."""
        slant = self.slant + self.random.normal(0, 0.04)
        glyph = glyph.copy()
        glyph[..., 0] += slant * (1 - glyph[..., 1])
        return glyph

    def bar(self, seven: np.ndarray) -> np.ndarray:
        """Return the bar of a 7, (1, 2, 2)."""
        y = self.random.uniform(0.4, 0.65)
        near = seven[np.abs(seven[:, 0, 1] - y) < 0.06, 0, 0]
        middle = near.mean() if len(near) else 0.3
        half, rise = self.random.uniform(0.1, 0.35), self.random.normal(0, 0.05)
        return np.array(
            [[[middle - half, y + rise], [middle + half, y - rise]]], np.float32
        )

    def joints(self, left: np.ndarray, right: np.ndarray) -> list[Glyph]:
        """Return the stroke from a glyph's right side to the next one's left side.

        There is none where the writer lifts the pen.
        """
        if self.random.random() >= self.joins:
            return []
        # The lower the weight of y, the nearer to the outermost point.
        weights = self.random.uniform([0.1, 0.3], [0.8, 1.2])
        ends, starts = left.reshape(-1, 2), right.reshape(-1, 2)
        end = ends[(ends[:, 0] - weights[0] * ends[:, 1]).argmax()]
        start = starts[(starts[:, 0] + weights[1] * starts[:, 1]).argmin()]
        if np.hypot(*(start - end)) > FARTHEST_JOINT:
            return []
        middle = (end + start) / 2 + [0, self.random.normal(0, 0.08)]
        return [Glyph(curve(np.array([end, middle, start]), 3), NO_MARK)]


def blended(
    alternatives: Sequence[Sequence[np.ndarray]], random: np.random.Generator
) -> list[np.ndarray]:
    """Return a form between two with as many strokes, or one of them.

    Where strokes run the other way round, the middle of two shrinks: then it is none.
    """
    first = alternatives[int(random.integers(len(alternatives)))]
    alike = [form for form in alternatives if len(form) == len(first)]
    second = alike[int(random.integers(len(alike)))]
    share = random.uniform(0.2, 0.8)
    strokes = []
    for pair in zip(first, second, strict=True):
        one, other = map(smooth, pair)
        mean = share * length(one) + (1 - share) * length(other)
        count = 3 + round(BLEND_POINTS * mean)
        between = share * evenly(one, count) + (1 - share) * evenly(other, count)
        if length(between) < LEAST_LENGTH * mean:
            return list(first)
        strokes.append(between)
    return strokes


def evenly(line: np.ndarray, count: int) -> np.ndarray:
    """Return points (count, 2) on a line through points (N, 2), evenly apart."""
    way = np.append(0, np.cumsum(np.hypot(*np.diff(line, axis=0).T)))
    places = np.linspace(0, way[-1], count)
    return np.column_stack([np.interp(places, way, column) for column in line.T])


def length(line: np.ndarray) -> float:
    """Return the length of a line through points (N, 2)."""
    return float(np.hypot(*np.diff(line, axis=0).T).sum())


def rotated(way: np.ndarray, angle: float) -> np.ndarray:
    """Return a way (2,) turned by an angle in radians."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([cosine * way[0] - sine * way[1], sine * way[0] + cosine * way[1]])


def curve(points: np.ndarray, steps: int = CURVE) -> np.ndarray:
    """Return the segments of a smooth curve through points (N, 2).

    steps: segments for each pair of neighbours.
    """
    line = smooth(points, steps).astype(np.float32)
    return np.stack([line[:-1], line[1:]], axis=1)


def extent(glyphs: list[Glyph]) -> np.ndarray:
    """Return left, top, right and bottom of glyphs, (4,) float32."""
    return bounds(np.concatenate([glyph.segments for glyph in glyphs]))


def bounds(segments: np.ndarray) -> np.ndarray:
    """Return left, top, right and bottom of segments (M, 2, 2), (4,)."""
    points = segments.reshape(-1, 2)
    return np.concatenate([points.min(axis=0), points.max(axis=0)])
