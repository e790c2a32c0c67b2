"""Sheets, the pieces that show them, and many of those."""

import itertools
from collections import Counter

import cv2
import numpy as np
import pytest

from digits.model.reader import DIGIT_HEIGHTS, MARKS, SIGNS
from digits.synthesis import page, pages, printed_words
from digits.synthesis import sheet as sheets
from digits.synthesis.hand import NO_MARK, Glyph, Hand, bounds, curve
from digits.synthesis.page import HEIGHT, UNCERTAIN, WIDTH, Piece
from digits.synthesis.sheet import OTHER_SIZES, Sheet, bars, comb, frame
from digits.synthesis.skeleton import Skeletons
from digits.terminal import pool

KINDS = ["rows", "one_number", "boxed", "one_digit", "no_digit"]


@pytest.fixture(scope="module")
def examples(printed_digits):
    """Segments of two examples of each digit."""
    return [Skeletons(images) for images in printed_digits]


@pytest.fixture
def clean(monkeypatch):
    """Pieces show black ink on white paper."""
    monkeypatch.setattr(
        page.scan, "scanned", lambda ink, *_: np.uint8(255 * (1 - ink) + 0.5)
    )


def sheet_of(seed=0, height=30.0, tilt=0.0):
    """Return an empty Sheet."""
    sheet = Sheet(np.random.default_rng(seed))
    sheet.height, sheet.tilt, sheet.is_readable = height, tilt, True
    return sheet


def square(mark=7):
    """Return the glyph of a square whose side is the digits' height."""
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)], np.float32)
    return Glyph(np.stack([corners[:-1], corners[1:]], axis=1), mark)


def ink_box(ink):
    """Return left, top, right, bottom of the pixels of ink (H, W) that are half ink."""
    x, y, width, height = cv2.boundingRect((ink > 0.5).astype(np.uint8))
    return np.array([x, y, x + width, y + height])


def box_of(mark):
    return np.concatenate([mark[1:3] - mark[3:] / 2, mark[1:3] + mark[3:] / 2])


@pytest.mark.parametrize("width", [1, 2.5, 6])
@pytest.mark.parametrize("x", [40, 40.3, 41.75])
def test_ink_lies_where_it_is_drawn(x, width):
    ink = page.drawn(np.array([[[x, 10], [x, 30]]], np.float32), width)
    row = ink[20]
    assert abs((row * (np.arange(WIDTH) + 0.5)).sum() / row.sum() - x) < 0.1
    # OpenCV's smoothed lines are a little wider than it is told.
    assert width <= row.sum() < width + 1.4
    assert ink.shape == (HEIGHT, WIDTH) and ink.min() >= 0 and ink.max() <= 1
    assert not ink[:4].any() and not ink[37:].any()


def test_a_hairline_is_pale():
    line = np.array([[[10, 20], [100, 20]]], np.float32)
    pale, paler = (page.drawn(line, width).sum() for width in (0.4, 0.1))
    assert abs(pale / paler - 4) < 0.1


def test_nothing_is_drawn_of_nothing():
    assert not page.drawn(np.empty((0, 2, 2), np.float32), 3).any()


@pytest.mark.parametrize("tilt", [0, 0.3, -0.5])
@pytest.mark.parametrize("digit", range(10))
def test_a_mark_is_around_its_ink(examples, clean, digit, tilt, monkeypatch):
    monkeypatch.setattr(
        page, "PENS", (0.08, 0.1)
    )  # no hairline, of which parts are pale
    sheet = sheet_of(digit, 18, tilt)
    hand = Hand(examples, sheet.random)
    sheet.write(hand.number(MARKS[digit]), 50, 10)
    picture, marks = page.finished(sheet)
    ((mark, *_),) = marks
    assert mark == digit
    np.testing.assert_allclose(box_of(marks[0]), ink_box(1 - picture / 255), atol=1.5)


def test_tilt_turns_about_the_middle():
    sheet = sheet_of(tilt=np.pi / 2)
    right, below = (WIDTH / 2 + 20, HEIGHT / 2), (WIDTH / 2, HEIGHT / 2 + 4)
    found = sheet.turned(np.array([[right, below]], np.float32))
    expected = [[(WIDTH / 2, HEIGHT / 2 + 20), (WIDTH / 2 - 4, HEIGHT / 2)]]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert sheet.turned().shape == (0, 2, 2)


@pytest.mark.parametrize(
    "x, expected",
    [
        (20, 7),
        (4.5, 7),
        (0.6, 7),
        (-5, 7),
        (-9, UNCERTAIN),
        (-22, UNCERTAIN),
        (-26, None),
    ],
)
def test_marks_that_the_border_cuts(x, expected):
    """The box is 30 wide, and a pen of 2 is about it: 8 of 32 pixels are a quarter."""
    sheet = sheet_of()
    sheet.write([square()], x, 9)
    marks = page.marks_of(sheet, 2)
    assert marks[:, 0].tolist() == ([] if expected is None else [expected])
    for mark in marks:
        np.testing.assert_allclose(mark[1:], [x + 15, 24, 32, 32], atol=1e-4)


def test_marks_that_a_crop_cuts():
    sheet = sheet_of(height=10)
    for x in (10, 34, 39, 100):
        sheet.write([square()], x, 9)
    sheet.shown = 30, 0, 45, 48
    marks = page.marks_of(sheet, 0.01)
    assert marks[:, 0].tolist() == [7, UNCERTAIN]
    sheet.shown = 0, 20, 128, 48
    assert not len(page.marks_of(sheet, 0.01))


def test_what_is_no_mark():
    sheet = sheet_of()
    sheet.write([square(NO_MARK)], 20, 9)
    assert page.marks_of(sheet, 2).shape == (0, 5)
    sheet.write([square()], 60, 9)
    assert len(page.marks_of(sheet, 2)) == 1
    sheet.is_readable = False
    assert page.marks_of(sheet, 2).shape == (0, 5)


def test_sizes_of_digits():
    drawn = [Sheet(np.random.default_rng(seed)) for seed in range(500)]
    ranges = {True: [DIGIT_HEIGHTS], False: OTHER_SIZES}
    for sheet in drawn:
        allowed = ranges[bool(sheet.is_readable)]
        assert any(low <= sheet.height <= high for low, high in allowed)
    off_size = np.mean([not sheet.is_readable for sheet in drawn])
    assert off_size == pytest.approx(0.2, abs=0.06)


def test_too_many_marks():
    sheet = sheet_of(height=2)
    for index in range(80):
        sheet.write([square()], 4 + index, 9)
    assert len(page.marks_of(sheet, 1)) == page.MOST_MARKS


def test_beyond_a_cut_is_paper():
    """Bright as the paper near the cut, not as the ink that touches it."""
    picture = np.full((HEIGHT, WIDTH), 200, np.uint8)
    picture[:, 60:] = 150
    picture[20:24] = 10  # a stroke from side to side
    found = page.cut(picture, (30, 5, 90, 40))
    np.testing.assert_array_equal(found[5:40, 30:90], picture[5:40, 30:90])
    assert (found[:, :30] == 200).all() and (found[:, 90:] == 150).all()
    assert (found[:5, 30:50] == 200).all() and (found[40:, 75:] == 150).all()


def test_a_crop_is_a_part_of_the_sheet():
    cropped = [sheet_of(seed) for seed in range(100)]
    for sheet in cropped:
        page.crop(sheet)
        left, top, right, bottom = sheet.shown
        assert 0 <= left <= right - page.LEAST_SHOWN <= WIDTH - page.LEAST_SHOWN
        assert 0 <= top <= bottom - page.LEAST_SHOWN <= HEIGHT - page.LEAST_SHOWN
    assert len({sheet.shown for sheet in cropped}) > 10


def test_every_kind_of_sheet_has_its_share(examples, monkeypatch):
    """And so have ruled sheets, those with printed words, and cropped pieces."""
    counts = Counter()
    others = "rulings", "print_words", "crop"
    for name in (*KINDS, *others):
        monkeypatch.setattr(page, name, lambda *_, name=name: counts.update([name]))
    monkeypatch.setattr(page, "finished", lambda sheet: sheet)
    for seed in range(1000):
        page.piece(examples, np.random.default_rng(seed))
    shares = [counts[name] / 1000 for name in (*KINDS, *others)]
    expected = 0.41, 0.16, 0.16, 0.12, 0.15, 0.25, 0.25, 0.1
    np.testing.assert_allclose(shares, expected, atol=0.04)


@pytest.mark.parametrize("kind", KINDS)
def test_kinds(examples, kind):
    """What is written, and how many digits and signs of it are marks."""
    counts = []
    for seed in range(300):
        sheet = sheet_of(seed)
        getattr(page, kind)(sheet, Hand(examples, sheet.random))
        marks = page.marks_of(sheet, 1)
        picture, _ = page.finished(sheet)
        assert (picture.shape, picture.dtype) == ((HEIGHT, WIDTH), np.uint8)
        counts.append((marks[:, 0] >= 0).sum())
    least, most = {
        "rows": (0, page.MOST_MARKS),
        "one_number": (1, 16),
        "boxed": (0, 11),  # a lone one may be cut off
        "one_digit": (0, 3),  # a part is seen, or neighbours too
        "no_digit": (0, 1),  # a lone sign
    }[kind]
    assert least <= min(counts) and max(counts) <= most
    assert len(set(counts)) > 1 or least == most


def test_some_sheets_without_a_digit_are_empty(examples):
    empty = []
    for seed in range(300):
        sheet = Sheet(np.random.default_rng(seed))
        page.no_digit(sheet, Hand(examples, sheet.random))
        empty.append(not (sheet.glyphs or sheet.printing or sheet.words))
    assert np.mean(empty) == pytest.approx(0.125, abs=0.07)


def test_a_lone_sign_is_a_mark(examples):
    for seed in range(20):
        sheet = sheet_of(seed)
        page.lone_sign(sheet, Hand(examples, sheet.random))
        ((label, *_),) = page.marks_of(sheet, 1)
        assert MARKS[int(label)] in SIGNS


def test_one_number_fits_on_the_sheet(examples):
    for seed in range(20):
        sheet = sheet_of(seed)
        page.one_number(sheet, Hand(examples, sheet.random))
        marked = [g.segments for g in sheet.glyphs if g.mark != NO_MARK]
        left, top, right, bottom = bounds(np.concatenate(marked))
        assert top > -0.1 and bottom < HEIGHT + 0.1
        if sheet.height > DIGIT_HEIGHTS[0]:
            assert left > -0.1 and right < WIDTH + 0.1


def test_digits_stand_in_their_boxes(examples, monkeypatch):
    """The middle of each digit is between the uprights of its box or tooth."""
    barred = []
    monkeypatch.setattr(sheets, "bars", lambda *_: barred.append(True))
    for seed in range(20):
        sheet = sheet_of(seed, 20.0)
        hand = Hand(examples, sheet.random)
        hand.slant = 0
        barred.clear()
        page.boxed(sheet, hand)
        if barred:  # there may be no boxes
            continue
        lines = np.concatenate(sheet.printing)
        uprights = lines[lines[:, 0, 0] == lines[:, 1, 0]]
        edges = np.sort(uprights[:, 0, 0]).reshape(-1, 2)
        digits = [bounds(g.segments) for g in sheet.glyphs]
        assert len(edges) == len(digits)
        for (start, end), (left, _, right, _) in zip(edges, digits, strict=True):
            assert start < (left + right) / 2 < end


@pytest.mark.parametrize("tilt", [0, 0.4])
def test_words_are_printed_beside_what_is_written(examples, tilt):
    counts = []
    for seed in range(20):
        sheet = sheet_of(seed, tilt=tilt)
        page.one_digit(sheet, Hand(examples, sheet.random))
        sheets.print_words(sheet, 8)
        boxes = [bounds(glyph.segments) for glyph in sheet.glyphs]
        boxes += [printed_words.box_of(word) for word in sheet.words]
        for one, other in itertools.combinations(boxes[len(sheet.glyphs) - 1 :], 2):
            assert (one[:2] > other[2:]).any() or (one[2:] < other[:2]).any()
        counts.append(len(sheet.words))
    assert max(counts) <= 8 and np.mean(counts) > 1


def test_printed_words_are_ink_and_no_marks(clean, monkeypatch):
    monkeypatch.setattr(page.scan, "scanned", lambda _, printed, *__: printed)
    sheet = sheet_of()
    sheets.print_words(sheet, 3)
    picture, marks = page.finished(sheet)
    assert picture.max() > 0.15 and len(marks) == 0


def test_neighbours_of_one_digit_are_cut():
    """Of three digits the middle one is there, and of the others a part at most."""
    examples = [[curve(np.array([(0, 0), (0.6, 1)]), 4)]] * 10
    for seed in range(40):
        sheet = sheet_of(seed)
        hand = Hand(examples, sheet.random)
        hand.gap, hand.joins, hand.slant = 0.3, 0, 0
        hand.habits = dict.fromkeys("0123456789", (False, 0))
        page.one_digit(sheet, hand)
        if len(sheet.glyphs) == 3:
            left, _, right, _ = sheet.shown
            first, _, last, _ = bounds(sheet.glyphs[1].segments)
            assert left - 1 <= first and last <= right + 1
            assert right - left < WIDTH
            return
    pytest.fail("three digits are never written")


@pytest.mark.parametrize("count", [1, 7])
def test_combs(count, monkeypatch):
    barred = []
    monkeypatch.setattr(sheets, "bars", lambda *_: barred.append(True))
    for seed in range(20):
        sheet = sheet_of(seed)
        barred.clear()
        comb(sheet, np.array([10, 5, 120, 40]), count)
        lines = np.concatenate(sheet.printing)
        if not barred:
            assert bounds(lines)[3] == 40 and bounds(lines)[1] >= 5
            assert 10 <= lines[..., 0].min() <= 12 and 118 <= lines[..., 0].max() <= 120
            assert len(lines) in (3 * count, 4 * count)


def test_bars_stand_between_the_boxes_of_some_combs(monkeypatch):
    printed, alone = [], 0
    monkeypatch.setattr(sheets, "bars", lambda sheet, *where: printed.append(where))
    for seed in range(500):
        sheet = sheet_of(seed)
        comb(sheet, np.array([10, 5, 130, 40]), 4)
        alone += sum(map(len, sheet.printing)) <= 4  # no more than a frame
    assert alone / 500 == pytest.approx(0.45 * 0.6, abs=0.06)
    assert len(printed) / 500 == pytest.approx(0.45, abs=0.06)
    # Some stand at both ends too.
    assert {len(middles) for middles, *_ in printed} == {3, 5}
    middles, top, bottom = next(found for found in printed if len(found[0]) == 3)
    np.testing.assert_allclose(middles, [40, 70, 100])
    assert (top, bottom) == (5, 40)


def test_bars_are_solid():
    widths, lengths, serifs = set(), set(), 0
    for seed in range(60):
        sheet = sheet_of(seed)
        bars(sheet, np.array([30, 80]), 4, 36)
        lines = np.concatenate(sheet.printing)
        is_level = lines[:, 1, 1] == lines[:, 0, 1]
        is_upright = ~is_level  # some stubs are wider than high
        serifs += is_level.any()
        ink = page.drawn(lines[is_upright], 0.7)
        for middle in (30, 80):
            own = is_upright & (abs(lines[:, 0, 0] - middle) < 12)
            y = lines[own, :, 1]
            upper, lower = y.min(axis=1).max(), y.max(axis=1).min()
            if lower - upper < 4:  # a stub, of which nothing but worn ends is left
                continue
            row = int((upper + lower) / 2)
            across = ink[row : row + 1, middle - 12 : middle + 12]
            left, _, right, _ = ink_box(across)
            assert (across[:, left:right] > 0.3).mean() > 0.8  # hardly a gap
            assert abs((left + right) / 2 - 12) <= 2
            widths.add(int(right - left))
        lengths.add(round(float(np.ptp(lines[is_upright][:, :, 1])) / 4))
    # Of digits of 30 pixels, between 4 and 36; of some only stubs are left.
    assert min(widths) <= 3 and 7 <= max(widths) <= 12
    assert min(lengths) * 4 < max(lengths) * 4 <= 48 and len(lengths) > 4
    assert 8 < serifs < 30


def test_bars_of_one_box():
    sheet = sheet_of()
    bars(sheet, np.array([]), 4, 36)
    assert not len(sheet.turned(*sheet.printing))


def test_frames_may_lack_sides():
    counts = set()
    for seed in range(40):
        sheet = sheet_of(seed)
        frame(sheet, np.array([10, 5, 120, 40]))
        (lines,) = sheet.printing
        counts.add(len(lines))
        assert set(lines[..., 0].ravel()) <= {10, 120}
        assert set(lines[..., 1].ravel()) <= {5, 40}
    assert {2, 3, 4} <= counts


def test_the_same_generator_draws_the_same(examples):
    first, same, different = (
        page.piece(examples, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.picture, same.picture)
    np.testing.assert_array_equal(first.marks, same.marks)
    assert (first.picture != different.picture).any()


def test_marks_are_in_the_piece(examples):
    for seed in range(100):
        picture, marks = page.piece(examples, np.random.default_rng([5, seed]))
        assert (picture.shape, picture.dtype) == ((HEIGHT, WIDTH), np.uint8)
        assert marks.dtype == np.float32 and marks.shape[1:] == (5,)
        assert np.isin(marks[:, 0], range(UNCERTAIN, len(MARKS))).all()
        assert (marks[:, 3:] > 0).all()
        read = marks[marks[:, 0] >= 0]
        assert ((read[:, 1:3] > 0) & (read[:, 1:3] < (WIDTH, HEIGHT))).all()


@pytest.fixture
def numbered(monkeypatch):
    """Pieces take no time, and chunks are drawn in this process."""

    def piece(examples, random):
        number = random.integers(1, 5)
        picture = np.full((HEIGHT, WIDTH), random.integers(256), np.uint8)
        return Piece(picture, np.full((number, 5), len(examples[3]), np.float32))

    def in_processes(work, chunks, start, arguments):
        start(*arguments)
        return map(work, chunks)

    monkeypatch.setattr(pages, "piece", piece)
    monkeypatch.setattr(pages.pool, "in_processes", in_processes)


def test_marks_are_filled_up_with_nothing(printed_digits, numbered):
    images = printed_digits.reshape(-1, 28, 28)
    images = np.concatenate([images, np.zeros((1, 28, 28), np.uint8)])
    labels, steps = np.array([*np.repeat(range(10), 2), 3]), []
    pictures, marks = pages.pieces(images, labels, 201, [7], steps.append)
    assert pictures.shape == (400, HEIGHT, WIDTH) and pictures.dtype == np.uint8
    assert marks.shape == (400, page.MOST_MARKS, 5) and marks.dtype == np.float32
    assert steps == [200, 200]
    counts = (marks[..., 0] == 2).sum(axis=1)  # two 3s: the empty image is none
    assert set(counts) == {1, 2, 3, 4}
    is_mark = np.arange(page.MOST_MARKS) < counts[:, None]
    assert (marks[is_mark] == 2).all() and (marks[~is_mark] == pages.NOTHING).all()


def test_chunks_and_seeds_differ(printed_digits, numbered):
    images, labels = printed_digits[:, 0], np.arange(10)
    first, same, different = (
        pages.pieces(images, labels, 400, seed, lambda _: None)[0][:, 0, 0]
        for seed in ([7, 1], [7, 1], [7, 2])
    )
    np.testing.assert_array_equal(first, same)
    assert (first != different).any() and (first[:200] != first[200:]).any()


@pytest.mark.slow
def test_the_number_of_processes_changes_nothing(printed_digits, monkeypatch):
    images, labels = printed_digits[:, 0], np.arange(10)
    drawn = []
    for count in (1, 2):
        monkeypatch.setattr(pool, "cores", lambda count=count: count)
        drawn.append(pages.pieces(images, labels, 400, [0], lambda _: None))
    for one, two in zip(*drawn, strict=True):
        np.testing.assert_array_equal(one, two)
