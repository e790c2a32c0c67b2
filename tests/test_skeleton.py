import itertools

import cv2
import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from digits.synthesis.skeleton import Skeletons, skeleton, thinned


def scribbles(count):
    """Yield `count` random strokes of 3 to 7 pixels' width, (60, 80) uint8, 0 or 1."""
    random = np.random.default_rng(0)
    for _ in range(count):
        strokes = np.zeros((60, 80), np.uint8)
        for _ in range(3):
            points = random.integers(5, 55, (4, 1, 2), np.int32)
            cv2.polylines(strokes, [points], False, 1, int(random.integers(3, 8)))
        yield strokes


def parts(strokes):
    """Return how many strokes are not connected, and how many areas of paper."""
    ink, _ = cv2.connectedComponents(strokes, connectivity=8)
    paper, _ = cv2.connectedComponents(1 - strokes, connectivity=4)
    return ink - 1, paper - 1


def test_a_bar_becomes_its_middle_line():
    strokes = np.zeros((20, 40), np.uint8)
    strokes[8:13, 5:35] = 1
    line = thinned(strokes)
    assert np.flatnonzero(line.any(axis=1)).tolist() == [10]
    assert 25 <= line.sum() <= 30


def test_a_ring_stays_a_ring():
    strokes = np.zeros((60, 60), np.uint8)
    cv2.circle(strokes, (30, 30), 20, 1, 5)
    line = thinned(strokes)
    y, x = np.nonzero(line)
    np.testing.assert_allclose(np.hypot(y - 30, x - 30), 20, atol=1.5)
    assert parts(line) == (1, 2)


def test_lines_are_thin_and_connected_as_before():
    for strokes in scribbles(30):
        line = thinned(strokes)
        assert parts(line) == parts(strokes)
        assert not (line & ~strokes).any()
        squares = cv2.filter2D(line, cv2.CV_8U, np.ones((2, 2)))
        assert (squares == 4).mean() < 0.002  # where lines cross


def thinned_slowly(strokes):
    """Thin strokes (H, W) as Zhang & Suen's paper says, pixel by pixel."""
    strokes = np.pad(strokes, 1).astype(int)
    while True:
        before = strokes.copy()
        for iteration in (1, 2):
            removed = []
            for y, x in np.argwhere(strokes):
                p2, p3, p4 = strokes[y - 1, x], strokes[y - 1, x + 1], strokes[y, x + 1]
                p5, p6, p7 = (
                    strokes[y + 1, x + 1],
                    strokes[y + 1, x],
                    strokes[y + 1, x - 1],
                )
                p8, p9 = strokes[y, x - 1], strokes[y - 1, x - 1]
                around = [p2, p3, p4, p5, p6, p7, p8, p9, p2]
                changes = sum(pair == (0, 1) for pair in itertools.pairwise(around))
                first = p2 * p4 * p6 == 0 and p4 * p6 * p8 == 0
                second = p2 * p4 * p8 == 0 and p2 * p6 * p8 == 0
                is_free = first if iteration == 1 else second
                if 2 <= sum(around[:8]) <= 6 and changes == 1 and is_free:
                    removed.append((y, x))
            strokes[tuple(np.array(removed, int).reshape(-1, 2).T)] = 0
        if (strokes == before).all():
            return strokes[1:-1, 1:-1]


def test_thinning_is_zhang_and_suens():
    for strokes in scribbles(3):
        np.testing.assert_array_equal(thinned(strokes), thinned_slowly(strokes))


def drawn(segments, pen):
    """Return where segments in pixels are drawn, (28, 28) bool."""
    canvas = np.zeros((8 * 28, 8 * 28), np.uint8)
    ends = np.rint(8 * segments).astype(np.int32)
    cv2.polylines(canvas, list(ends), False, 255, round(8 * pen))
    return cv2.resize(canvas, (28, 28), interpolation=cv2.INTER_AREA) > 127


@pytest.mark.parametrize("digit", range(10))
def test_a_pen_draws_the_digit_again(printed_digits, digit):
    """A pen as wide as the strokes covers them; a fine one stays within them."""
    image = printed_digits[digit, 0]
    x, y, _, height = cv2.boundingRect((image > 127).astype(np.uint8))
    segments = skeleton(image)
    # The strokes are 3 to 4 pixels wide: so much lower than the ink is the pen's path.
    segments = segments * (height - 4) + [x + 2, y + 2]
    assert drawn(segments, 5)[image > 127].mean() > 0.88
    assert (image > 64)[drawn(segments, 1)].mean() > 0.97


def test_units_are_the_height():
    upright, flat = np.zeros((2, 28, 28), np.uint8)
    upright[4:24, 13:16] = 255
    flat[13:16, 4:24] = 255
    tall, wide = skeleton(upright), skeleton(flat)
    assert tall[..., 1].min() == 0 and tall[..., 1].max() == 1
    assert tall[..., 0].max() < 0.1
    # It is a stroke of no height: as wide as 17 pixels of 5.6, a fifth of 28.
    assert wide[..., 0].min() == 0 and 2.5 < wide[..., 0].max() < 3.5
    assert wide[..., 1].max() < 0.1


def test_a_line_is_short_steps():
    image = np.zeros((28, 28), np.uint8)
    cv2.line(image, (18, 4), (9, 23), 255, 3)
    segments = skeleton(image)
    lengths = np.hypot(*(segments[:, 1] - segments[:, 0]).T)
    assert lengths.max() < 1.5 / 38  # a pixel's diagonal, of 38 for the height
    points, ends = np.unique(segments.reshape(-1, 2), axis=0, return_inverse=True)
    pairs = ends.reshape(-1, 2)
    graph = coo_array((np.ones(len(pairs)), pairs.T), (len(points), len(points)))
    assert connected_components(graph, directed=False)[0] == 1
    # The path has the line's slope and no bump: all points lie near to it.
    x, y = points.T
    np.testing.assert_allclose(x, 9 / 19 * (1 - y), atol=0.05)


def test_each_is_made_once(printed_digits, monkeypatch):
    images = printed_digits[:, 0]
    lines = Skeletons(images)
    assert len(lines) == 10
    np.testing.assert_array_equal(lines[3], skeleton(images[3]))
    monkeypatch.setattr("digits.synthesis.skeleton.skeleton", None)
    assert lines[3] is lines[3]


def test_strokes_at_the_sides():
    image = np.zeros((28, 28), np.uint8)
    image[12:16], image[:, 12:16] = 255, 255
    segments = skeleton(image)
    assert np.hypot(*(segments[:, 1] - segments[:, 0]).T).max() < 0.06


def test_no_stroke():
    assert skeleton(np.zeros((28, 28), np.uint8)).shape == (0, 2, 2)
