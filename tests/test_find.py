import cv2
import numpy as np
import pytest

from conftest import FakeReader
from digits.model.classifier import DIGITS
from digits.model.reader import LOG_SIZE, MARKS, OUTPUTS, PRESENCE
from digits.reading.find import LOW, NARROWER, Size, find, resized, sizes_of
from digits.reading.marks import Marks, distinct


def marks_of(boxes, confidences, labels=DIGITS):
    """Return Marks that are certainly of some labels, if they are there."""
    classes = [MARKS.index(label) for label in labels[: len(boxes)]]
    probabilities = np.eye(len(MARKS), dtype=np.float32)[classes]
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    return Marks(boxes, np.array(confidences, np.float32), probabilities)


@pytest.mark.parametrize(
    "shape, heights",
    [
        ((261, 333), [15, 30, 61, 130]),
        ((1511, 1403), [18, 33, 70, 150, 300, 700]),
        ((41, 999), [9, 20, 40]),  # is enlarged
        ((999, 41), [9, 20, 40]),
        ((13, 15), [9]),
    ],
)
def test_boxes_of_every_size(shape, heights):
    """Each is in pixels of the picture, whatever the size in which it was found."""
    random = np.random.default_rng(0)
    for height in heights:
        width = 0.6 * height
        x, y = random.uniform(0, 1, 2) * (shape[1] - width, shape[0] - height)
        reader = FakeReader([(4, x, y, width, height, 3.0)], shape)
        reader.class_logit = 5
        marks = find(np.full(shape, 255, np.uint8), reader)
        np.testing.assert_allclose(marks.boxes, [[x, y, width, height]], rtol=1e-4)
        np.testing.assert_allclose(marks.presence, [1 / (1 + np.exp(-3))], rtol=1e-5)
        likely = np.exp(5) / (np.exp(5) + len(MARKS) - 1)
        np.testing.assert_allclose(marks.probabilities[0, 4], likely, rtol=1e-5)
        np.testing.assert_allclose(marks.probabilities.sum(), 1, rtol=1e-5)


def test_what_two_sizes_find_is_one_mark():
    shape = (400, 600)
    reader = FakeReader([(4, 100, 100, 20, 30, 3.0)], shape, heights=(7, 99))
    marks = find(np.full(shape, 255, np.uint8), reader)
    assert len(reader.asked) > 2
    np.testing.assert_allclose(marks.boxes, [[100, 100, 20, 30]], rtol=1e-4)


def test_a_row_of_digits_is_found_surest_first():
    rows = [(digit, 20 + 25 * digit, 40, 20, 30, digit / 2) for digit in range(10)]
    marks = find(np.full((120, 300), 255, np.uint8), FakeReader(rows, (120, 300)))
    assert marks.probabilities.argmax(axis=1).tolist() == list(range(9, -1, -1))
    assert (np.diff(marks.presence) < 0).all()
    np.testing.assert_allclose(marks.boxes[:, 0], 20 + 25 * np.arange(9, -1, -1), 1e-4)


def test_marks_whose_middle_is_beyond_the_border_are_none():
    """A digit there would be made of the border that the reader adds.

    The boxes of others are cut off at the picture's edge.
    """
    shape, size = (400, 600), (20, 30, 4.0)
    middles = [(1, 200), (-1, 200), (599, 200), (602, 200), (300, -2), (300, 398)]
    rows = [(3, x - 10, y - 15, *size) for x, y in middles]
    marks = find(np.full(shape, 255, np.uint8), FakeReader(rows, shape))
    expected = [(0, 185, 11, 30), (290, 383, 20, 17), (589, 185, 11, 30)]
    np.testing.assert_allclose(sorted(marks.boxes.tolist()), expected, atol=0.01)


def test_faint_marks():
    shape = (400, 600)
    rows = [(3, 100, 100, 20, 30, -2.9), (3, 300, 100, 20, 30, -3.0)]  # 5.2 and 4.7 %
    marks = find(np.full(shape, 255, np.uint8), FakeReader(rows, shape))
    np.testing.assert_allclose(marks.boxes[:, 0], [100], rtol=1e-4)


def test_only_the_likeliest_of_neighbouring_cells_counts():
    class Reader(FakeReader):
        def answers(self, picture):
            answers = super().answers(picture)
            if answers[..., PRESENCE].max() < 3:
                return answers
            ((y, x),) = np.argwhere(answers[..., PRESENCE] == 3)
            answers[y, x + 1] = answers[y + 1, x] = answers[y, x]
            answers[y, x + 1, PRESENCE] = answers[y + 1, x, PRESENCE] = 2.9
            # Small boxes beside each other: nothing else would merge them.
            answers[y : y + 2, x : x + 2, LOG_SIZE] = -3
            return answers

    reader = Reader([(3, 80, 200, 14, 20, 3.0)], (400, 600))
    assert len(find(np.full((400, 600), 255, np.uint8), reader).presence) == 1


@pytest.mark.parametrize(
    ("loop", "whole", "kept"),
    [
        (0.99, 0.8, "9"),
        (0.99, 0.7, "0"),  # much surer: the larger one may be a frame
        (0.6, 0.49, "0"),  # it is unlikely that there is a larger one
        (0.5, 0.9, "9"),
    ],
)
@pytest.mark.parametrize("height", [20, 26])  # of the loop; they overlap much, or more
def test_the_loop_of_a_nine_is_no_zero(loop, whole, kept, height):
    boxes = [(10, 10, 20, height), (10, 10, 20, 34)]
    marks = distinct(marks_of(boxes, [loop, whole], "09"))
    assert MARKS[marks.labels[0]] == kept and len(marks.boxes) == 1


def test_a_digit_of_nearly_the_same_box_is_no_part():
    boxes = [(10, 10, 20, 30), (10, 9, 20, 33)]
    marks = distinct(marks_of(boxes, [0.9, 0.8], "53"))
    assert [MARKS[label] for label in marks.labels] == ["5"]


def test_nothing_is_found():
    marks = find(np.full((50, 60), 255, np.uint8), FakeReader([], (50, 60)))
    assert marks.boxes.shape == (0, 4) and marks.presence.shape == (0,)
    assert marks.probabilities.shape == (0, len(MARKS))


def test_wild_answers_are_boxes_in_the_picture():
    class Wild:
        def answers(self, picture):
            shape = picture.shape[0] // 4 + 4, picture.shape[1] // 4 + 4, OUTPUTS
            return np.random.default_rng(0).normal(0, 1e4, shape).astype(np.float32)

    marks = find(np.full((64, 96), 255, np.uint8), Wild())
    assert all(np.isfinite(array).all() for array in marks)
    first, last = marks.boxes[:, :2], marks.boxes[:, :2] + marks.boxes[:, 2:]
    assert (first >= 0).all() and (last <= (96, 64)).all() and (first < last).all()


ZERO, TILTED, SLASH = (0, 0, 20, 30), (15, 0, 20, 30), (-4, -3, 26, 36)


@pytest.mark.parametrize(
    "boxes, labels, confidences, kept",
    [
        ([ZERO, (1, 1, 20, 30)], "00", [0.8, 0.9], [1]),
        ([ZERO, (1, 1, 20, 30)], "0(", [0.8, 0.9], [1]),
        ([ZERO, TILTED], "00", [0.8, 0.9], [1, 0]),  # two that touch
        ([(0, 0, 3, 30), (5, 0, 3, 30)], "11", [0.9, 0.8], [0, 1]),
        ([ZERO, (2, 1, 7, 28)], "01", [0.9, 0.8], [0]),  # the left half of a 0
        ([ZERO, (8, 13, 4, 4)], "00", [0.9, 0.8], [0]),
        ([ZERO, (8, 13, 4, 4)], "0.", [0.9, 0.8], [0]),
        ([ZERO, (14, 26, 8, 8)], "00", [0.9, 0.8], [0, 1]),  # 38 % lie within
        ([ZERO, (-20, -20, 60, 70)], "00", [0.9, 0.8], [0]),  # a frame around it
        ([ZERO, (8, 13, 4, 4)], "0.", [0.8, 0.9], [0]),  # the point is in the 0
        ([ZERO, (8, 13, 4, 4)], "0.", [0.3, 0.9], [1, 0]),  # the 0 is unlikely
        ([SLASH, (2, 0, 5, 9)], "/1", [0.9, 0.8], [1, 0]),  # a fraction
        ([SLASH, (2, 0, 5, 9)], "/1", [0.8, 0.9], [1, 0]),
        ([SLASH, (2, 0, 5, 9)], "/.", [0.9, 0.8], [0]),
        # One point or dash, as found in two sizes; two points; a point on paper.
        ([ZERO, (30, 24, 3, 4), (33, 25, 3, 3)], "0..", [0.99, 0.9, 0.8], [0, 1]),
        ([ZERO, (30, 14, 20, 3), (33, 12, 16, 3)], "0--", [0.99, 0.9, 0.8], [0, 1]),
        ([ZERO, (30, 24, 3, 4), (38, 24, 3, 4)], "0..", [0.99, 0.9, 0.8], [0, 1, 2]),
        ([(30, 24, 3, 4), (33, 25, 3, 3)], "..", [0.9, 0.8], [0, 1]),
        # What the third shares with the first, which has gone, does not count.
        ([ZERO, (6, 0, 20, 30), (12, 0, 20, 30)], "000", [0.9, 0.8, 0.7], [0, 2]),
        ([], "", [], []),
    ],
)
def test_distinct(boxes, labels, confidences, kept):
    marks = marks_of(boxes, confidences, labels)
    expected = marks.chosen(np.array(kept, int))
    for found, right in zip(distinct(marks), expected, strict=True):
        np.testing.assert_array_equal(found, right)


def test_the_surest_is_the_one_whose_class_is_sure_too():
    marks = marks_of([ZERO, (1, 1, 20, 30)], [0.95, 0.8])
    probabilities = marks.probabilities.copy()
    probabilities[0] = 0
    probabilities[0, [3, 8]] = 0.6, 0.4
    (box,), *_ = distinct(marks._replace(probabilities=probabilities))
    assert box.tolist() == [1, 1, 20, 30]


def test_what_marks_are():
    probabilities = np.zeros((3, len(MARKS)), np.float32)
    probabilities[0, [3, 8, MARKS.index("/")]] = 0.7, 0.2, 0.1
    probabilities[1, [1, MARKS.index("/")]] = 0.25, 0.75
    probabilities[2, 9] = 1
    presence = np.array([0.5, 0.8, 1], np.float32)
    boxes = np.array([(0, 0, 20, 30), (10, 4, 5, 8), (7, 7, 1, 1)], np.float32)
    marks = Marks(boxes, presence, probabilities)
    assert [MARKS[label] for label in marks.labels] == ["3", "/", "9"]
    assert marks.are_digits.tolist() == [True, False, True]
    np.testing.assert_allclose(marks.confidences, [0.35, 0.6, 1])
    np.testing.assert_allclose(marks.middles, [(10, 15), (12.5, 8), (7.5, 7.5)])
    expected = np.zeros((3, 10))
    expected[0, [3, 8]] = 0.35, 0.1
    expected[1, 1] = 0.2
    expected[2, 9] = 1
    np.testing.assert_allclose(marks.digit_probabilities, expected, rtol=1e-6)


def test_marks_are_joined_in_order():
    first = marks_of([(0, 0, 1, 2), (5, 5, 3, 4)], [0.5, 0.6], "12")
    second = marks_of([(9, 9, 5, 6)], [0.9], "/")
    both = first.joined(second)
    assert both.boxes[:, 0].tolist() == [0, 5, 9]
    assert both.presence.tolist() == np.float32([0.5, 0.6, 0.9]).tolist()
    assert "".join(MARKS[label] for label in both.labels) == "12/"
    none = first.chosen(np.zeros(2, bool))
    assert none.joined(none).boxes.shape == (0, 4)
    np.testing.assert_array_equal(none.joined(second).boxes, second.boxes)


@pytest.mark.parametrize(
    "shape, heights",
    [
        (
            (400, 800),
            [
                400,
                336,
                283,
                238,
                200,
                168,
                141,
                119,
                100,
                84,
                71,
                59,
                50,
                42,
                35,
                30,
                25,
                21,
                18,
            ],
        ),
        ((LOW, 100), [LOW, 40, 34, 29, 24, 20, 17]),
        ((LOW - 1, 100), [94, 79, 66, 56, 47, 40, 33, 28, 24, 20, 17]),
        ((100, LOW - 1), [200, 168, 141, 119, 100, 84, 71, 59, 50, 42, 35]),
        ((9, 50), [18, 15, 13, 11, 9]),
    ],
)
def test_sizes(shape, heights):
    """Every other one is narrower."""
    gray = np.zeros(shape, np.uint8)
    found = [resized(gray, *size).shape for size in sizes_of(shape)]
    assert [height for height, _ in found] == heights
    widths = np.array(heights) * shape[1] / shape[0]
    widths[1::2] *= NARROWER
    np.testing.assert_allclose([width for _, width in found], widths, atol=1.5)


@pytest.mark.parametrize(
    ("heights", "logit", "largest"),
    [
        ([10], 3, 94),  # as an enlarged picture, 20 high
        ([18], 3, 66),  # 25 high; in the next size 30
        ([30], 3, 47),
        ([18], -1, 94),  # it is unlikely that one is there
        ([8, 18, 19], 3, 66),
        ([], 3, 94),
    ],
)
def test_a_picture_is_enlarged_as_far_as_its_digits_need(heights, logit, largest):
    marks = [
        (4, 40 * number + 20, 10, 9, height, logit)
        for number, height in enumerate(heights)
    ]
    reader = FakeReader(marks, (47, 200))
    find(np.full((47, 200), 255, np.uint8), reader)
    assert max(reader.asked)[0] == largest


def test_the_size_after_a_large_one_is_half_of_it():
    whole, half, next_one, *_ = sizes_of((1600, 400))  # 640,000 pixels
    assert (whole, half) == (Size(1, 1), Size(0.5, 1))
    assert next_one == Size(0.5 * 0.5**0.25, NARROWER)
    assert [size.scale for size in sizes_of((3000, 2000))[:3]] == [1, 0.5, 0.25]
    assert sizes_of((500, 1000))[1].scale > 0.8  # 500,000 are not large


def test_a_hairline_stays_dark_in_small_sizes():
    gray = np.full((400, 800), 200, np.uint8)
    gray[:, 400:402] = 40
    for size in sizes_of(gray.shape):
        assert resized(gray, *size).min() < 155
    without = cv2.resize(gray, (40, 20), interpolation=cv2.INTER_AREA)
    assert without.min() > 180


def test_the_sizes_show_the_picture():
    gray = np.full((400, 800), 200, np.uint8)
    gray[100:200, 600:700] = 10
    for size in sizes_of(gray.shape)[:8]:
        picture = resized(gray, *size)
        step = np.divide(gray.shape, picture.shape)
        dark = np.argwhere(picture < 100)
        first, last = step * dark.min(axis=0), step * (dark.max(axis=0) + 1)
        assert (np.abs(first - [100, 600]) < 1.5 * step).all()
        assert (np.abs(last - [200, 700]) < 1.5 * step).all()
