import math

import numpy as np
import pytest

from digits.reading.layout import rows_of, tilt

# Widths of the digits, in heights.
WIDTHS = (0.7, 0.25, 0.65, 0.6, 0.7, 0.6, 0.6, 0.6, 0.6, 0.6)
# Width, height and centre below that of the digits, in heights of a digit.
SIGNS = {
    "-": (0.5, 0.08, 0),
    "+": (0.5, 0.5, 0),
    "=": (0.5, 0.25, 0),
    "/": (0.45, 1.2, 0),
    ".": (0.12, 0.12, 0.45),
    ",": (0.15, 0.3, 0.5),
}


def read(boxes, labels):
    """Return the text of each row, with signs."""
    rows = rows_of(boxes, [not label.isdigit() for label in labels])
    assert sorted(i for row in rows for i in row.indices) == list(range(len(labels)))
    return [row.text(labels) for row in rows]


def numbers(boxes, labels):
    """Return the numbers of each row, without signs."""
    rows = rows_of(boxes, [not label.isdigit() for label in labels])
    return [row.numbers(labels) for row in rows]


def line(text, gap=6, pitch=None, x=0.0, y=0.0, height=40.0):
    """Return (boxes, labels) of a row; a space is as wide as a digit is high.

    gap: pixels between boxes; pitch: pixels between their centres instead.
    """
    boxes, labels = [], text.replace(" ", "")
    for character in text:
        if character == " ":
            x += height
            continue
        is_digit = character.isdigit()
        wide, high, low = (
            (WIDTHS[int(character)], 1, 0) if is_digit else SIGNS[character]
        )
        width, middle = wide * height, y + height / 2 + low * height
        left = x - width / 2 if pitch else x
        boxes.append((left, middle - high * height / 2, width, high * height))
        x += pitch or width + gap
    return boxes, labels


def page(*lines):
    """Return (boxes, labels) of several of these."""
    return (
        [box for boxes, _ in lines for box in boxes],
        "".join(labels for _, labels in lines),
    )


def turned(boxes, degrees):
    """Return the boxes around ellipses that fill `boxes`, turned clockwise."""
    x, y, width, height = np.asarray(boxes, float).reshape(-1, 4).T
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x, y = x + width / 2, y + height / 2
    x, y = x * cos - y * sin, x * sin + y * cos
    wide, high = (
        np.hypot(width * cos, height * sin),
        np.hypot(width * sin, height * cos),
    )
    return np.column_stack([x - wide / 2, y - high / 2, wide, high])


def test_nothing():
    assert rows_of([], []) == []


def test_one_digit():
    assert read([(3, 4, 20, 40)], "5") == ["5"]


def test_signs_alone():
    boxes, labels = line("-+")
    (text,) = read(boxes, labels)
    assert text.replace(" ", "") == labels
    assert numbers(boxes, labels) == [""]


@pytest.mark.parametrize(
    ("text", "without_signs"),
    [
        ("22/11/2026", "22 11 2026"),
        ("-3.14", "3 14"),
        ("12+5=17", "12 5 17"),
        ("3,14 2,71", "3 14 2 71"),
        ("12 -5", "12 5"),
        ("12- 5", "12 5"),
        ("1000", "1000"),
        ("10 11 101", "10 11 101"),
        ("1 23", "1 23"),
        ("1 2 34", "1 2 34"),
        ("22 11 2026", "22 11 2026"),
    ],
)
@pytest.mark.parametrize("degrees", [0, -30, -11, 25])
def test_signs_and_gaps(text, without_signs, degrees):
    boxes, labels = line(text)
    assert read(turned(boxes, degrees), labels) == [text]
    assert numbers(turned(boxes, degrees), labels) == [without_signs]


def test_a_sign_in_the_middle_of_a_wide_gap_needs_no_space():
    boxes, labels = line("22 / 11 / 2026")
    assert read(boxes, labels) == ["22/11/2026"]


@pytest.mark.parametrize("pitch", [40, 60, 100, 200])
def test_a_comb_is_one_number_however_wide(pitch):
    assert read(*line("1029110847", pitch=pitch)) == ["1029110847"]


def test_two_digits_far_apart_are_two_numbers_unless_all_rows_are_so_wide():
    assert read(*line("12", pitch=90)) == ["1 2"]
    assert read(*line("12", pitch=50)) == ["12"]
    other = line("345678", pitch=90, y=100)
    assert read(*page(line("12", pitch=90), other)) == ["12", "345678"]


def test_two_columns():
    left = [line(text, y=60 * k) for k, text in enumerate(["12", "7", "340"])]
    right = [line(text, x=300, y=60 * k) for k, text in enumerate(["5", "68", "91"])]
    assert read(*page(*left, *right)) == ["12 5", "7 68", "340 91"]


def test_columns_of_different_leading_keep_their_digits_together():
    left = [line("1234", y=60 * k) for k in range(6)]
    right = [line("5678", x=600, y=75 * k) for k in range(5)]
    for text in read(*page(*left, *right)):
        assert set(text.split()) <= {"1234", "5678"}


def test_uneven_baselines():
    # As measured on a photograph: the 3 ends above the tops of its neighbours.
    boxes = [(32, 58, 8, 77), (105, 105, 42, 38), (180, 27, 28, 70)]
    boxes += [(222, 92, 38, 51), (296, 40, 30, 93)]
    assert numbers(boxes, "12357") == ["12357"]


def test_fractions():
    # 1/3 + 5/6 as measured on a photograph, with bars.
    boxes = [(509, 105, 8, 21), (488, 128, 50, 4), (501, 143, 24, 26)]
    boxes += [(568, 116, 23, 18), (630, 92, 23, 23), (618, 126, 43, 4)]
    boxes += [(628, 145, 21, 24)]
    assert numbers(boxes, "1-3+5-6") == ["1 5", "3 6"]


def test_a_bar_does_not_part_the_number_above_it():
    upper, labels = line("123")
    bar = (-5, 48, 85, 3)
    lower, more = line("456", y=58)
    assert numbers([*upper, bar, *lower], f"{labels}-{more}") == ["123", "456"]


def test_a_comma_belongs_to_the_row_above():
    lines = [line("3,14", y=52 * k) for k in range(5)]
    assert read(*page(*lines)) == ["3,14"] * 5


def test_sizes_in_a_row_vary_by_two():
    large, small = line("12", height=80), line("50", x=100, y=40)
    assert read(*page(large, small)) == ["1250"]
    raised = line("50", x=100, y=-5)
    assert read(*page(large, raised)) == ["1250"]
    apart = line("50", x=160, y=40)
    assert read(*page(large, apart)) == ["12 50"]


def test_slanted_digits_overlap_in_width():
    assert read(*line("2740689", gap=-9)) == ["2740689"]


def test_a_lower_row_may_begin_further_left():
    assert read(*page(line("12", x=50), line("34", y=100))) == ["12", "34"]


def test_digits_below_each_other_are_rows():
    lines = [line(str(k), y=55 * k) for k in range(8)]
    assert read(*page(*lines)) == list("01234567")


def test_two_digits_askew_are_not_taken_for_a_tilted_sheet():
    assert read([(0, 0, 20, 40), (40, 52, 20, 40)], "12") == ["1", "2"]


def test_a_row_may_climb():
    boxes = [(30 * k, -16 * k, 20, 40) for k in range(9)]
    assert read(boxes, "123456789") == ["123456789"]


@pytest.mark.parametrize("degrees", [-30, -7, 0, 3, 30])
def test_two_hundred_digits_close_together(degrees):
    digits = [str(k * k % 10) for k in range(200)]
    boxes = [(33 * (k % 10), 48 * (k // 10), 24, 40) for k in range(200)]
    rows = ["".join(digits[k : k + 10]) for k in range(0, 200, 10)]
    assert read(turned(boxes, degrees), digits) == rows


@pytest.mark.parametrize("degrees", range(-30, 31, 6))
def test_the_tilt_of_a_sheet(degrees):
    boxes, _ = page(*(line("20 11 2026", y=70 * k) for k in range(5)))
    assert math.degrees(tilt(turned(boxes, degrees))) == pytest.approx(degrees, abs=0.6)


class Hand:
    """One writer of synthetic rows; sizes are in heights of a digit."""

    def __init__(self, random, is_wild):
        self.random = random
        self.vary, self.wobble, self.jitter = random.uniform(
            (0.03, 0.02, 0.02), (0.2, 0.2, 0.12) if is_wild else (0.15, 0.12, 0.08)
        )
        self.wide = random.uniform(0.75, 1.25)
        self.gap = random.uniform(*((-0.2, 0.5) if is_wild else (-0.1, 0.35)))
        self.boxes, self.text, self.x = [], "", 0.0  # of the row: centres and sizes

    def digit(self, centre=None):
        """Write a digit to the right of the others, or at a given x."""
        label = int(self.random.integers(10))
        height = math.exp(self.random.normal(0, self.vary))
        width = height * WIDTHS[label] * self.wide
        if self.text[-1:].isdigit():
            gap = self.gap + self.random.normal(0, self.jitter)
            self.x += max(gap, -0.4 * min(width, self.boxes[-1][2]))
        x = self.x + width / 2 if centre is None else centre
        self.boxes.append((x, self.random.normal(0, self.wobble), width, height))
        self.text, self.x = f"{self.text}{label}", x + width / 2

    def sign(self):
        """Write a sign."""
        label = str(self.random.choice(list(SIGNS)))
        width, height, low = SIGNS[label]
        gap = max(0.05, self.gap)
        self.boxes.append((self.x + gap + width / 2, low, width, height))
        self.text, self.x = self.text + label, self.x + width + 2 * gap

    def space(self):
        """Leave a gap between two numbers."""
        self.text += " "
        self.x += max(0, self.gap) + self.random.uniform(0.7, 2.5)

    def row(self, kind):
        """Write a row and return (boxes, text): 'page', 'comb' or 'columns'."""
        self.boxes, self.text = [], ""
        self.x = self.random.uniform(0, 4) * (self.random.random() < 0.5)
        pitch = self.random.uniform(1, 2.5)
        for number in range(1 if kind == "comb" else self.random.integers(1, 4)):
            if number and kind == "page" and self.random.random() < 0.4:
                self.sign()
            elif number:
                self.space()
            if kind == "columns":
                self.x = 9.0 * number
            for k in range(self.random.integers(3 if kind == "comb" else 1, 8)):
                cell = k + self.random.uniform(-0.12, 0.12)
                self.digit(pitch * cell if kind == "comb" else None)
        return self.boxes, self.text


def made_up(seed, is_wild):
    """Return boxes in any order, their labels, and the text of each row."""
    random = np.random.default_rng(seed)
    hand, kind = Hand(random, is_wild), random.choice(["page", "comb", "columns"])
    leading = random.uniform(1.3 if is_wild else 1.4, 2.6)
    boxes, texts = [], []
    for row in range(random.integers(1, 9)):
        written, text = hand.row(kind)
        texts.append(text)
        boxes += [
            (x - w / 2, y - h / 2 + row * leading, w, h) for x, y, w, h in written
        ]
    degrees = random.uniform(*((-30, 30) if seed % 2 else (-5, 5)))
    boxes = turned(np.array(boxes) * random.uniform(12, 120), degrees)
    order = random.permutation(len(boxes))
    labels = "".join(texts).replace(" ", "")
    return boxes[order], [labels[k] for k in order], texts


# Of 2,000 other layouts each, 99.6 and 97.2 % come out whole.
@pytest.mark.parametrize(("is_wild", "least"), [(False, 0.985), (True, 0.95)])
def test_made_up_layouts(is_wild, least):
    layouts = [made_up(seed, is_wild) for seed in range(300)]
    whole = [read(boxes, labels) == texts for boxes, labels, texts in layouts]
    assert np.mean(whole) >= least


def test_size_place_and_order_of_the_boxes_do_not_matter():
    for seed in range(20):
        boxes, labels, _ = made_up(seed, is_wild=False)
        expected = read(boxes, labels)
        moved = boxes * 7.5 + [3000, 500, 0, 0]
        assert read(moved, labels) == expected
        order = np.argsort(boxes[:, 1])
        assert read(boxes[order], [labels[k] for k in order]) == expected
