"""Pieces that are changed a little each time that they are learned from."""

import numpy as np
import tensorflow as tf

from digits.synthesis.page import HEIGHT, HIDDEN, SEEN, UNCERTAIN, WIDTH
from digits.synthesis.pages import NOTHING
from digits.training.page_augmentation import augmented
from marks import marks_of


def dots(middles):
    """Return pictures (N, HEIGHT, WIDTH, 1) of a bright disc, 10 pixels wide, each."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    x, y = middles[..., None, None].swapaxes(0, 1)
    inside = np.clip(5.5 - np.hypot(columns - x, rows - y), 0, 1)
    return np.float32(128 + 120 * inside[..., None])


def dot_of(picture):
    """Return x, y of the middle, width and height of the disc on a picture (H, W)."""
    paper, bright = np.median(picture), np.median(np.sort(picture, axis=None)[-40:])
    y, x = np.nonzero(picture > (paper + bright) / 2)
    return x.mean() + 0.5, y.mean() + 0.5, np.ptp(x) + 1, np.ptp(y) + 1


def test_moved_marks_lie_where_a_drawn_dot_lies():
    middles = np.random.default_rng(0).uniform([30, 14], [82, 26], (100, 2))
    marks = marks_of(*([(8, *middle, 10, 10)] for middle in middles))
    pixels, seed = tf.constant(dots(middles)), tf.constant([0, 1])
    found, new = (t.numpy() for t in augmented(pixels, tf.constant(marks), seed))
    assert found.shape == pixels.shape
    assert found.min() >= 0 and found.max() <= 255
    assert (new[:, 0, 0] == 8).all() and (new[:, 1, 0] == NOTHING).all()
    seen = np.array([dot_of(picture) for picture in found[..., 0]])
    gaps = new[:, 0, 1:] - seen
    assert abs(gaps[:, :2]).max() < 0.4 and abs(gaps[:, 2:]).max() < 2
    assert abs(gaps[:, :2].mean(axis=0)).max() < 0.05  # not half a pixel beside it
    assert np.hypot(*(new[:, 0, 1:3] - middles).T).max() > 4
    assert np.ptp(new[:, 0, 3]) > 2


def test_a_mark_that_leaves_the_piece_becomes_uncertain_or_nothing():
    random = np.random.default_rng(0)
    corners = random.uniform([-4, 5], [4, 35], (200, 2))
    marks = marks_of(*([(5, *at, 12, 12), (UNCERTAIN, *at, 12, 12)] for at in corners))
    blank = tf.zeros((200, HEIGHT, WIDTH, 1))
    _, new = augmented(blank, tf.constant(marks), tf.constant([0, 2]))
    classes = set()
    for certain, uncertain, _ in new.numpy():
        low, high = certain[1:3] - certain[3:] / 2, certain[1:3] + certain[3:] / 2
        shown = np.clip(high, 0, [WIDTH, HEIGHT]) - np.clip(low, 0, [WIDTH, HEIGHT])
        share = np.prod(shown / certain[3:])
        if min(abs(share - SEEN), abs(share - HIDDEN)) < 1e-3:
            continue
        is_gone = share < HIDDEN
        expected = NOTHING if is_gone else 5 if share >= SEEN else UNCERTAIN
        assert certain[0] == expected
        assert uncertain[0] == (NOTHING if is_gone else UNCERTAIN)
        classes.add(expected)
    assert classes == {5, UNCERTAIN, NOTHING}


def test_the_seed_alone_decides_how_pieces_change(drawn_pieces):
    pictures, marks = drawn_pieces
    pixels = tf.constant(np.float32(pictures[:8, ..., None]))
    first, again, other = (
        augmented(pixels, tf.constant(marks[:8]), tf.constant([0, seed]))
        for seed in (1, 1, 2)
    )
    for one, same, different in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(one, same)
        assert (one.numpy() != different.numpy()).any()
