import cv2
import numpy as np
import pytest

from conftest import CornerReader, FakeReader, cornered, logit
from digits.model.reader import MARKS
from digits.reading.find import sizes_of
from digits.reading.marks import Marks
from digits.reading.views import TURNED_SIZES, TURNS, View, best_view, turned, views

SHAPE = 200, 300
SLASH = MARKS.index("/")


def marks_of(confidences, labels="0123456789"):
    """Return Marks beside each other; labels: what they are."""
    classes = [MARKS.index(label) for label in labels[: len(confidences)]]
    probabilities = np.eye(len(MARKS), dtype=np.float32)[classes]
    boxes = [(30 * index, 0, 20, 30) for index in range(len(confidences))]
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    return Marks(boxes, np.array(confidences, np.float32), probabilities)


def row(*confidences):
    """Return a row of 1s, 2s, ... for a FakeReader, each with its confidence."""
    return [
        (1 + index, 60 + 40 * index, 100, 20, 30, logit(confidence))
        for index, confidence in enumerate(confidences)
    ]


class EveryWayReader:
    """Asks one reader or another, by the way in which a picture is turned.

    of_turns: by the degrees by which it was turned from what `cornered` gives.
    """

    def __init__(self, of_turns):
        self.of_turns = of_turns

    def answers(self, picture):
        paper = np.median(picture)
        for degrees in (0, *TURNS):
            upright = turned(picture, -degrees % 360)
            down, across = np.array(upright.shape) // 6
            if upright[:down, :across].mean() < paper - 20:
                return self.of_turns[degrees].answers(picture)
        return FakeReader([], SHAPE).answers(picture)


def test_what_a_view_is_worth():
    view = View(marks_of([0.95, 0.85, 0.5, 0.4, 0.99], "0123/"))
    np.testing.assert_allclose(view.digit_confidences, [0.95, 0.85, 0.5])
    assert view.sense == pytest.approx(0.9 + 0.7 + 0)
    assert not view.is_sure
    assert View(marks_of([0.95, 0.86])).is_sure
    assert not View(marks_of([0.95, 0.84])).is_sure
    for nothing in View(marks_of([])), View(marks_of([0.99], "/")):
        assert not nothing.is_sure and nothing.sense == 0


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_turned_is_clockwise(degrees):
    picture = np.random.default_rng(0).integers(0, 256, (3, 5, 3), np.uint8)
    expected = np.rot90(picture, -degrees // 90)
    np.testing.assert_array_equal(turned(picture, degrees), expected)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_the_upright_view_is_found(degrees):
    """Its boxes are in the upright picture."""
    picture = turned(cornered(SHAPE), -degrees % 360)
    view = best_view(picture, CornerReader(row(0.99, 0.97), SHAPE))
    assert view.turned == degrees
    expected = [(60, 100, 20, 30), (100, 100, 20, 30)]
    np.testing.assert_allclose(view.marks.boxes, expected, rtol=1e-4)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_light_on_dark(degrees):
    picture = turned(255 - cornered(SHAPE), -degrees % 360)
    view = best_view(picture, CornerReader(row(0.99, 0.97), SHAPE))
    assert view.turned == degrees and len(view.marks.boxes) == 2


def test_light_on_dark_where_the_picture_does_not_tell():
    """Dirt is as dark as the ink is light."""
    picture = cornered(SHAPE, paper=130, corner=170)
    for x in range(80, 300, 20):
        cv2.circle(picture, (x, 20), 3, (0, 0, 0), -1)
    first, second = list(views(picture, CornerReader(row(0.9), SHAPE)))[:2]
    assert not len(first.digit_confidences) and len(second.digit_confidences) == 1
    found = best_view(picture, CornerReader(row(0.9), SHAPE))
    np.testing.assert_array_equal(found.marks.boxes, second.marks.boxes)


def test_where_there_is_one_region_of_ink_and_no_mark_turning_is_not_tried():
    reader = FakeReader([], SHAPE)
    best_view(cornered(SHAPE), reader)
    assert len(reader.asked) == 2 * len(sizes_of(SHAPE))


def test_where_only_ink_tells_of_several_digits_turning_is_tried():
    picture = cornered(SHAPE)
    for x in (200, 260):
        cv2.rectangle(picture, (x, 60), (x + 30, 90), (40, 40, 40), 4)
    empty = FakeReader([], SHAPE)
    upside_down = FakeReader(row(0.99, 0.97), SHAPE)
    reader = EveryWayReader({0: empty, 90: empty, 180: upside_down, 270: empty})
    assert best_view(picture, reader).turned == 180
    assert best_view(cornered(SHAPE), reader).turned == 0  # one region of ink


def test_where_turning_is_not_wanted_it_is_not_tried():
    reader = FakeReader([], SHAPE)
    best_view(cornered(SHAPE), reader, may_be_turned=False)
    assert len(reader.asked) == 2 * len(sizes_of(SHAPE))


def test_where_there_is_no_ink_no_other_view_is_tried():
    """Unless marks are found, as in pale writing."""
    reader = FakeReader([], SHAPE)
    best_view(np.full((*SHAPE, 3), 230, np.uint8), reader)
    assert len(reader.asked) == len(sizes_of(SHAPE))
    reader = FakeReader(row(0.6, 0.6), SHAPE)
    best_view(np.full((*SHAPE, 3), 230, np.uint8), reader)
    assert len(reader.asked) == 2 * len(sizes_of(SHAPE)) + 3 * TURNED_SIZES


@pytest.mark.parametrize(("confidence", "is_sure"), [(0.93, True), (0.87, False)])
def test_where_digits_are_sure_no_other_view_is_tried(confidence, is_sure):
    reader = FakeReader(row(confidence, confidence), SHAPE)
    best_view(cornered(SHAPE), reader)
    once = len(sizes_of(SHAPE))
    turned = 3 * TURNED_SIZES
    assert len(reader.asked) == (once if is_sure else 2 * once + turned)


def test_the_turned_may_be_left_out():
    picture = turned(cornered(SHAPE), 90)
    reader = CornerReader(row(0.99, 0.97), SHAPE)
    view = best_view(picture, reader, may_be_turned=False)
    assert view.turned == 0 and not len(view.digit_confidences)
    assert {shape[0] > shape[1] for shape in reader.asked} == {True}


def test_one_digit_does_not_tell_what_is_up():
    picture = turned(cornered(SHAPE), 180)
    for marks in row(0.99), [*row(0.99), (SLASH, 200, 100, 20, 30, 5)], row(0.99, 0.4):
        assert best_view(picture, CornerReader(marks, SHAPE)).turned == 0
    assert best_view(picture, CornerReader(row(0.99, 0.9), SHAPE)).turned == 180


@pytest.mark.parametrize(
    ("as_it_is", "upside_down", "degrees"),
    [
        ([0.75, 0.75], [0.9, 0.9], 180),  # makes 1.6 times as much sense
        ([0.75, 0.75], [0.8, 0.8], 0),  # 1.2 times
        ([0.89, 0.89, 0.89], [0.99, 0.99], 0),
        ([0.51], [0.6, 0.6], 0),  # unsure itself
        ([0.51, 0.51], [0.9, 0.9], 180),
        ([0.51, 0.51], [0.95, 0.85], 180),  # sure on average
        ([0.51, 0.51], [0.95, 0.8], 0),
        ([0.51], [0.9, 0.9], 0),  # a single mark
        ([0.94], [0.99, 0.99, 0.99], 0),  # the first view is sure
    ],
)
def test_a_turned_view_must_make_much_more_sense(as_it_is, upside_down, degrees):
    empty = FakeReader([], SHAPE)
    readers = dict.fromkeys((90, 270), empty)
    readers[0] = FakeReader(row(*as_it_is), SHAPE)
    readers[180] = FakeReader(row(*upside_down), SHAPE)
    view = best_view(cornered(SHAPE), EveryWayReader(readers))
    assert view.turned == degrees
    assert len(view.marks.boxes) == len(upside_down if degrees else as_it_is)
