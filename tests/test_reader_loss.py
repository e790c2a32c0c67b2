"""What the reader of pages should answer, and its loss."""

import numpy as np
import pytest
import tensorflow as tf

from digits.model.reader import (
    CLASSES,
    LOG_SIZE,
    MARKS,
    OFFSET,
    OUTPUTS,
    PRESENCE,
    STRIDE,
    TYPICAL,
)
from digits.reading.find import peaks
from digits.synthesis.page import HEIGHT, UNCERTAIN, WIDTH
from digits.synthesis.pages import NOTHING
from digits.training import reader_loss
from marks import ACROSS, DOWN, SURE, marks_of, perfect

# Two digits whose middles lie in neighbouring cells, and a comma.
CLOSE = [(3, 11, 9, 4, 8), (7, 15.5, 9, 4, 8), (MARKS.index(","), 60, 30, 3, 6)]


def loss(answers, marks):
    """Return the loss of the answers for one piece."""
    return float(
        reader_loss.loss_of(tf.constant(answers[None]), tf.constant(marks[None]))
    )


def test_targets_by_loops():
    random = np.random.default_rng(0)
    classes = random.choice([NOTHING, UNCERTAIN, 0, 5, 9, 15], (6, 7, 1))
    places = random.uniform(0, [WIDTH, HEIGHT], (6, 7, 2))
    marks = np.concatenate([classes, places, random.uniform(3, 30, (6, 7, 2))], axis=2)
    rows, columns = np.mgrid[:DOWN, :ACROSS]
    middles = np.stack([columns, rows], axis=-1).astype(np.float32) + 0.5
    found = reader_loss.targets(tf.constant(np.float32(marks)), tf.constant(middles))
    for index, row, column in np.ndindex(6, DOWN, ACROSS):
        certain = [mark for mark in marks[index] if mark[0] >= 0]
        middle = STRIDE * np.array([column + 0.5, row + 0.5])
        distances = [np.hypot(*(mark[1:3] - middle)) / STRIDE for mark in certain]
        at = index, row, column
        if certain:
            assert float(found.distance[at]) == pytest.approx(min(distances), abs=1e-4)
            nearest = certain[int(np.argmin(distances))]
            np.testing.assert_allclose(found.mark[at], nearest, rtol=1e-6)
        else:
            assert float(found.distance[at]) > 100
        cells = [tuple(mark[1:3] // STRIDE) for mark in certain]
        assert bool(found.present[at]) == ((column, row) in cells)
        is_open = [
            (abs(mark[1:3] - middle) < mark[3:5] / 2 + STRIDE / 2).all()
            for mark in marks[index]
            if mark[0] == UNCERTAIN
        ]
        assert bool(found.uncertain[at]) == any(is_open)


@pytest.mark.parametrize("marks", [CLOSE, [], [(0, 0.5, 0.5, 4, 9)]])
def test_the_right_answer_costs_nothing_and_is_read_as_the_marks(marks):
    own = marks_of(marks)[0]
    answers = perfect(own)
    assert loss(answers, own) < 1e-3
    found = peaks(answers, border=0)
    found = found.chosen(found.presence > 0.5)
    read = np.column_stack(
        [
            found.probabilities.argmax(axis=1),
            found.boxes[:, :2] + found.boxes[:, 2:] / 2,
            found.boxes[:, 2:],
        ]
    )
    expected = np.array(sorted(marks), np.float32).reshape(-1, 5)
    np.testing.assert_allclose(read[read[:, 0].argsort()], expected, atol=1e-4)


@pytest.mark.parametrize("output", [PRESENCE, CLASSES, OFFSET, LOG_SIZE])
def test_each_wrong_output_costs(output):
    own = marks_of(CLOSE)[0]
    answers = perfect(own)
    answers[2, 2, output] *= -1
    assert loss(answers, own) > 0.05


def test_the_loss_of_a_blank_answer_by_loops():
    mark = np.array([4, 50, 21, 12, 20.0])
    presence = details = weights = 0.0
    for row, column in np.ndindex(DOWN, ACROSS):
        place = mark[1:3] / STRIDE - [column + 0.5, row + 0.5]
        is_here = (column, row) == (50 // STRIDE, 21 // STRIDE)
        is_near = np.hypot(*place) < reader_loss.NEAR
        if is_here or not is_near:
            presence += np.log(2)
        gaps = abs(place).sum() + abs(np.log(mark[3:5] / TYPICAL)).sum()
        weight = 1 if is_here else reader_loss.NEAR_WEIGHT if is_near else 0
        details += weight * (np.log(len(MARKS)) + reader_loss.SIZE_WEIGHT * gaps)
        weights += weight
    blank = np.zeros((DOWN, ACROSS, OUTPUTS), np.float32)
    expected = presence / 2 + details / (weights + 1)
    assert loss(blank, marks_of([mark])[0]) == pytest.approx(expected, rel=1e-4)


def test_an_uncertain_mark_costs_nothing_either_way():
    own = marks_of([(UNCERTAIN, 42, 22, 16, 16)])[0]
    silent = perfect(own)
    read = silent.copy()
    read[4:7, 9:12] = SURE  # of any class, place and size
    assert loss(silent, own) < 1e-3
    assert loss(read, own) < 1e-3
    read[5, 20, PRESENCE] = SURE  # beyond it
    assert loss(read, own) > 1


def test_the_distance_is_least_where_answers_are_the_same():
    """And it counts only the presence where nothing is present."""
    random = np.random.default_rng(0)
    answers = perfect(marks_of(CLOSE)[0])[None] / 4  # not quite sure
    same = float(reader_loss.distance(answers, answers))
    for part in (PRESENCE, CLASSES, OFFSET, LOG_SIZE):
        other = answers.copy()
        other[..., part] += random.normal(0, 1, other[..., part].shape)
        assert float(reader_loss.distance(other, answers)) > same
    blank = np.full_like(answers, 0.0)
    blank[..., PRESENCE] = -SURE
    other = blank + random.normal(0, 1, blank.shape).astype(np.float32)
    other[..., PRESENCE] = -SURE
    assert float(reader_loss.distance(other, blank)) == pytest.approx(0, abs=1e-4)
