import numpy as np
import pytest

from digits.model.reader import (
    BORDER,
    CLASSES,
    MARKS,
    OUTPUTS,
    PLACE,
    PRESENCE,
    SIZE,
    STRIDE,
    TYPICAL,
)
from digits.reading.find import LARGE, Marks, distinct, find, sizes


class FakeReader:
    """Answers as a perfect reader does: it finds the marks that it was told of.

    marks: (N, 6), label, x, y, width, height in pixels of a picture of `shape`, and the
    logit of presence. It knows digits of `heights` pixels.
    """

    def __init__(self, marks, shape, heights=(14, 38)):
        self.marks, self.shape, self.heights = np.array(marks), shape, heights
        self.asked = []

    def answers(self, picture):
        self.asked.append(picture.shape)
        rows, columns = (-(-side // 8) * 8 + 2 * BORDER for side in picture.shape)
        answers = np.zeros((rows // STRIDE, columns // STRIDE, OUTPUTS), np.float32)
        answers[..., PRESENCE] = -9
        down, across = np.divide(picture.shape, self.shape)
        for label, x, y, width, height, presence in self.marks:
            if not self.heights[0] <= height * down < self.heights[1]:
                continue
            place = np.array([(x + width / 2) * across, (y + height / 2) * down])
            column, row = ((place + BORDER) // STRIDE).astype(int)
            cell = answers[row, column]
            cell[PRESENCE] = presence
            cell[CLASSES][int(label)] = 5
            cell[PLACE] = (place + BORDER) / STRIDE - [column + 0.5, row + 0.5]
            cell[SIZE] = np.log(np.array([width * across, height * down]) / TYPICAL)
        return answers


def marks_of(boxes, presence):
    probabilities = np.eye(len(MARKS), dtype=np.float32)[: len(boxes)]
    boxes, presence = np.array(boxes, np.float32), np.array(presence, np.float32)
    return Marks(boxes.reshape(-1, 4), presence, probabilities)


@pytest.mark.parametrize(
    "shape, heights",
    [
        ((261, 333), [9, 15, 30, 61, 130]),  # is enlarged
        ((701, 533), [18, 33, 70, 150, 300]),
        ((2111, 2503), [24, 50, 99, 210, 420, 900]),  # is reduced
        ((41, 999), [20, 40]),
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
    """A digit there would be made of the border that the reader adds."""
    shape, size = (400, 600), (20, 30, 4.0)
    middles = [(1, 200), (-1, 200), (599, 200), (602, 200), (300, -2), (300, 398)]
    rows = [(3, x - 10, y - 15, *size) for x, y in middles]
    marks = find(np.full(shape, 255, np.uint8), FakeReader(rows, shape))
    found = marks.boxes[:, :2] + marks.boxes[:, 2:] / 2
    np.testing.assert_allclose(
        sorted(found.tolist()), [(1, 200), (300, 398), (599, 200)], atol=0.01
    )


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
            answers[y : y + 2, x : x + 2, SIZE] = -3
            return answers

    reader = Reader([(3, 80, 200, 14, 20, 3.0)], (400, 600))
    assert len(find(np.full((400, 600), 255, np.uint8), reader).presence) == 1


def test_nothing_is_found():
    marks = find(np.full((50, 60), 255, np.uint8), FakeReader([], (50, 60)))
    assert marks.boxes.shape == (0, 4) and marks.presence.shape == (0,)
    assert marks.probabilities.shape == (0, len(MARKS))


def test_wild_answers_are_numbers():
    class Wild:
        def answers(self, picture):
            shape = picture.shape[0] // 4 + 4, picture.shape[1] // 4 + 4, OUTPUTS
            return np.random.default_rng(0).normal(0, 1e4, shape).astype(np.float32)

    marks = find(np.full((64, 96), 255, np.uint8), Wild())
    assert all(np.isfinite(array).all() for array in marks)


@pytest.mark.parametrize(
    "boxes, presence, kept",
    [
        ([(0, 0, 20, 30), (1, 1, 20, 30)], [0.8, 0.9], [1]),  # one digit
        ([(0, 0, 20, 30), (15, 0, 20, 30)], [0.8, 0.9], [1, 0]),  # two that touch
        ([(0, 0, 3, 30), (5, 0, 3, 30)], [0.9, 0.8], [0, 1]),  # 11
        ([(0, 0, 20, 30), (8, 13, 4, 4)], [0.9, 0.8], [0, 1]),  # a point in a 0
        ([(0, 0, 20, 30), (2, 1, 7, 28)], [0.9, 0.8], [0]),  # a 0's left half
        ([(2, 1, 7, 28), (0, 0, 20, 30)], [0.9, 0.8], [0]),
        # What the third shares with the first, which has gone, does not count.
        ([(0, 0, 20, 30), (6, 0, 20, 30), (12, 0, 20, 30)], [0.9, 0.8, 0.7], [0, 2]),
        ([], [], []),
    ],
)
def test_distinct(boxes, presence, kept):
    marks = distinct(marks_of(boxes, presence))
    expected = marks_of(boxes, presence).chosen(np.array(kept, int))
    for found, right in zip(marks, expected, strict=True):
        np.testing.assert_array_equal(found, right)


def test_sizes():
    shapes = [picture.shape for picture in sizes(np.zeros((100, 200), np.uint8))]
    assert shapes == [(200, 400), (100, 200), (50, 100), (25, 50)]
    shapes = [picture.shape for picture in sizes(np.zeros((400, 800), np.uint8))]
    assert shapes == [(400, 800), (200, 400), (100, 200), (50, 100), (25, 50)]
    assert [p.shape for p in sizes(np.zeros((9, 50), np.uint8))] == [(18, 100)]
    assert [p.shape for p in sizes(np.zeros((9, 50_000), np.uint8))] == [(9, 50_000)]


def test_large_pictures_are_reduced():
    first, second, *_ = sizes(np.zeros((3000, 4000), np.uint8))
    assert 0.99 * LARGE < first.size < 1.01 * LARGE
    assert abs(first.shape[1] / first.shape[0] - 4 / 3) < 0.01
    assert abs(first.shape[0] / second.shape[0] - 2) < 0.01


def test_the_sizes_show_the_picture():
    gray = np.full((400, 800), 200, np.uint8)
    gray[100:200, 600:700] = 10
    for picture in sizes(gray)[:4]:
        step = 400 / picture.shape[0]
        dark = np.argwhere(picture < 100)
        np.testing.assert_allclose(step * dark.min(axis=0), [100, 600], atol=step)
        np.testing.assert_allclose(step * (dark.max(axis=0) + 1), [200, 700], atol=step)
