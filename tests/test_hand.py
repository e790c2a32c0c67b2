from collections import Counter

import cv2
import numpy as np
import pytest

from digits.model.reader import MARKS, SIGNS
from digits.reading.normalise import normalise
from digits.synthesis.hand import (
    CURVE,
    HABIT,
    NO_MARK,
    SWINGS,
    Hand,
    blended,
    bounds,
    curve,
    evenly,
    extent,
    length,
)
from digits.synthesis.skeleton import Skeletons
from digits.synthesis.strokes import parse

DIGITS = "0123456789"


@pytest.fixture(scope="module")
def examples(printed_digits):
    """Segments of two examples of each digit."""
    return [Skeletons(images) for images in printed_digits]


def writer(examples, seed=0, **traits):
    """Return a Hand with some traits."""
    hand = Hand(examples, np.random.default_rng(seed))
    for name, value in traits.items():
        assert hasattr(hand, name)
        setattr(hand, name, value)
    return hand


def text_of(glyphs):
    return "".join(MARKS[glyph.mark] for glyph in glyphs if glyph.mark != NO_MARK)


def middles(glyphs):
    """Return the x of the middles of digits and signs."""
    boxes = np.array([bounds(g.segments) for g in glyphs if g.mark != NO_MARK])
    return (boxes[:, 0] + boxes[:, 2]) / 2


def test_every_digit_and_sign_is_written_in_order(examples):
    for seed in range(5):
        assert text_of(writer(examples, seed).number(MARKS)) == MARKS


def test_glyphs_are_the_digits_that_they_are_marked_as(examples, shipped):
    """The shipped network reads them."""
    images, labels = [], []
    for seed in range(12):
        for glyph in writer(examples, seed, joins=0).number(DIGITS):
            points = 60 * (glyph.segments - bounds(glyph.segments)[:2]) + 8
            width, height = np.ceil(points.max(axis=(0, 1)) + 8).astype(int)
            ink = np.zeros((height, width), np.uint8)
            lines = list(np.rint(points).astype(np.int32))
            cv2.polylines(ink, lines, False, 255, 6, cv2.LINE_AA)
            images.append(normalise(ink))
            labels.append(glyph.mark)
    found = shipped.probabilities(np.stack(images))[:, :10].argmax(axis=1)
    assert np.mean(found == labels) > 0.85


@pytest.mark.parametrize("seed", range(20))
def test_digits_stand_from_left_to_right(examples, seed):
    tight = writer(examples, seed, gap=-0.12, sizes={})
    for text in (DIGITS, "1111111", "0101010"):
        assert (np.diff(middles(tight.number(text))) > 0).all()


def test_digits_stand_on_the_base_line(examples):
    still = {"uneven": (0, 0), "wobble": 0, "tremble": 0, "swings": 0, "joins": 0}
    hand = writer(examples, **still)
    for glyph in hand.number(DIGITS):
        _, top, _, bottom = bounds(glyph.segments)
        assert -0.15 < top < 0.25 and 0.95 < bottom < 1.25, MARKS[glyph.mark]


def test_a_hasty_hand_rounds_corners_and_does_not_lift_the_pen(examples):
    bar, stem = parse(["0,0 50,0 50,0 20,100", "10,50 60,50"])
    careful = writer(examples, rounds=0, drags=0).hasty([bar, stem])
    assert [part.tolist() for part in careful] == [bar.tolist(), stem.tolist()]
    (hasty,) = writer(examples, rounds=1, drags=1).hasty([bar, stem])
    assert hasty.tolist() == [*bar[[0, 2, 3]].tolist(), *stem.tolist()]


def test_a_blend_lies_between_two_forms_of_as_many_strokes():
    alike = parse(["0,0 40,0"]), parse(["0,100 40,100"])
    other = parse(["0,0 0,100", "30,0 30,100"])
    heights = set()
    for seed in range(40):
        form = blended([*alike, other], np.random.default_rng(seed))
        assert len(form) in (1, 2)
        if len(form) == 1:
            (line,) = form
            np.testing.assert_allclose(line[[0, -1], 0], [0, 0.4], atol=1e-6)
            np.testing.assert_allclose(line[:, 1], line[0, 1], atol=1e-6)
            heights.add(round(float(line[0, 1]), 3))
    assert len(heights - {0, 1}) > 5 and min(heights) >= 0 and max(heights) <= 1


def test_strokes_that_run_the_other_way_are_not_blended():
    there, back = parse(["0,0 0,100"]), parse(["0,100 0,0"])
    for seed in range(40):
        (line,) = blended([there, back], np.random.default_rng(seed))
        assert np.ptp(line[:, 1]) == pytest.approx(1)


def test_points_lie_evenly_on_a_curve():
    found = evenly(np.array([(0, 0), (0, 1), (0, 1.5), (0, 4)], np.float32), 5)
    np.testing.assert_allclose(found, [(0, y) for y in range(5)], atol=1e-6)
    assert length(found) == pytest.approx(4)


def test_swings_continue_the_ends_of_strokes_only(examples):
    points = np.column_stack([np.zeros(21), np.linspace(0, 1, 21)])
    stem = np.stack([points[:-1], points[1:]], axis=1).astype(np.float32)
    for seed in range(20):
        hand = writer(examples, seed, swings=1)
        swung = hand.swung(stem)
        np.testing.assert_array_equal(swung[: len(stem)], stem)
        left, top, right, bottom = bounds(swung)
        reach = SWINGS[1] + 0.01
        assert -reach < left and right < reach
        assert -reach < top and bottom < 1 + reach
        assert any((swung[len(stem) :] == end).all(axis=-1).any() for end in stem[0])
    angles = np.linspace(0, 2 * np.pi, 20)
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    ring[-1] = ring[0]
    ring = np.stack([ring[:-1], ring[1:]], axis=1)
    np.testing.assert_array_equal(writer(examples, swings=1).swung(ring), ring)
    np.testing.assert_array_equal(writer(examples, swings=0).swung(stem), stem)


def test_a_comb_spaces_digits_evenly(examples):
    hand = writer(examples, slant=0)
    np.testing.assert_allclose(
        middles(hand.number("0010230", pitch=1.5)),
        1.5 * (np.arange(7) + 0.5),
        atol=0.35,  # of a jitter of 0.06
    )
    np.testing.assert_allclose(
        middles(hand.number("1  2", pitch=1.5)), [0.75, 5.25], atol=0.35
    )


def test_spaces_part(examples):
    hand = writer(examples, gap=0)
    apart, joined = hand.number("1 2"), hand.number("12")
    assert np.diff(middles(apart)) > np.diff(middles(joined)) + 0.3


def test_the_same_generator_writes_the_same(examples):
    first, same, different = (
        np.concatenate([g.segments for g in writer(examples, seed).number("20:47")])
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, same)
    assert first.shape != different.shape or (first != different).any()


def test_joints_are_no_marks_and_lead_from_digit_to_digit(examples):
    glyphs = writer(examples, joins=1, gap=0).number("200035")
    assert text_of(glyphs) == "200035"
    joints = [i for i, glyph in enumerate(glyphs) if glyph.mark == NO_MARK]
    assert joints
    for index in joints:
        left, joint, right = (glyphs[index + step].segments for step in (-1, 0, 1))
        assert (left.reshape(-1, 2) == joint[0, 0]).all(axis=1).any()
        assert (right.reshape(-1, 2) == joint[-1, 1]).all(axis=1).any()


@pytest.mark.parametrize("traits, pitch", [({"joins": 0}, 0), ({"joins": 1}, 1.2)])
def test_no_joints(examples, traits, pitch):
    glyphs = writer(examples, gap=0, **traits).number("200035", pitch)
    assert NO_MARK not in [glyph.mark for glyph in glyphs]


def test_far_digits_are_not_joined(examples):
    assert len(writer(examples, joins=1, gap=3).number("200035")) == 6


def test_a_writer_repeats_an_example(examples):
    hand = writer(examples)
    many = [[np.full((1, 2, 2), number, np.float32) for number in range(1000)]] * 10
    hand.skeletons, hand.habits["3"] = many, (False, 123)
    written = Counter(float(hand.example("3")[0, 0, 0]) for _ in range(500))
    assert abs(written[123] / 500 - HABIT) < 0.08
    assert len(written) > 100


def test_half_of_the_digits_have_forms_of_our_own(monkeypatch):
    """And so have all signs."""
    monkeypatch.setattr("digits.synthesis.hand.CROSSED", 0)
    drawn = []
    for seed in range(60):
        hand = writer([[np.zeros((1, 2, 2), np.float32)]] * 10, seed)
        own = [hand.example(label).any() for label in MARKS]
        assert all(own[10:])
        drawn += own[:10]
    assert np.mean(drawn) == pytest.approx(0.5, abs=0.07)
    of_ones, of_twos = drawn[1::10], drawn[2::10]
    assert np.mean(of_ones) > 0.6 > np.mean(of_twos)


def test_gaps_are_tight_normal_or_wide(examples):
    gaps = np.array([writer(examples, seed).gap for seed in range(1000)])
    assert gaps.min() >= -0.08 and 0.9 < gaps.max() <= 1
    # Where two ranges overlap, by 0.01, few are.
    shares = (gaps < 0.055).mean(), (gaps >= 0.3).mean()
    np.testing.assert_allclose(shares, (0.15, 0.3), atol=0.05)


def test_a_corner_stays_one_where_the_hand_trembles(examples):
    form = [np.array([(0, 0), (0.5, 0), (0.5, 0), (0.3, 1)])]
    corner = writer(examples, tremble=0.1).drawn(form)[CURVE : 2 * CURVE]
    np.testing.assert_array_equal(corner[0, 0], corner[-1, 1])
    assert (corner[0, 0] != np.float32([0.5, 0])).any()


def test_proportions_move_the_waist_and_keep_the_ends(examples):
    low = writer(examples, proportions=np.array([0, 0.5]))
    line = curve(np.array([(0, 0), (0.2, 0.5), (0, 1)]))
    moved = np.mean([low.proportioned(line) for _ in range(50)], axis=0)
    np.testing.assert_allclose(bounds(moved)[[1, 3]], [0, 1], atol=1e-6)
    waist = moved[moved[:, 0, 0].argmax(), 0, 1]
    assert 0.6 < waist < 0.75
    steps = np.diff(moved[..., 1], axis=1)
    assert (steps > 0).all()  # no stroke turns back


def test_slant_keeps_the_foot(examples):
    upright = np.array([[[0.2, 0], [0.2, 1]]], np.float32)
    tops = []
    for seed in range(200):
        ((top, foot),) = writer(examples, seed, slant=0.3).leaning(upright)
        assert foot.tolist() == upright[0, 1].tolist() and top[1] == 0
        tops.append(top[0])
    assert abs(np.mean(tops) - 0.5) < 0.01
    assert upright[0, 0, 0] == np.float32(0.2)  # is left as it was


def test_the_bar_of_a_seven_crosses_its_stem(examples):
    seven = np.array(
        [[[0, 0], [0.6, 0]], [[0.6, 0], [0.45, 0.5]], [[0.45, 0.5], [0.3, 1]]]
    )
    for seed in range(20):
        ((start, end),) = writer(examples, seed).bar(seven)
        assert 0.2 < start[1] < 0.85
        if abs((start[1] + end[1]) / 2 - 0.5) < 0.06:
            assert start[0] < 0.45 < end[0]


def test_words_hold_no_marks(examples):
    glyphs = writer(examples).word(6)
    assert [glyph.mark for glyph in glyphs] == [NO_MARK] * 6
    assert (np.diff(middles([g._replace(mark=0) for g in glyphs])) > 0).all()


def test_signs_are_drawn_even_if_no_example_is_there():
    hand = writer([[]] * 10)
    assert text_of(hand.number(SIGNS)) == SIGNS


def test_bounds_and_extent(examples):
    segments = curve(np.array([(4, 5), (2, 6), (0, 9)]), 4)
    assert segments.shape == (8, 2, 2)
    assert bounds(segments).tolist() == [0, 5, 4, 9]
    glyphs = writer(examples).number("12")
    points = np.concatenate([glyph.segments for glyph in glyphs]).reshape(-1, 2)
    expected = [*points.min(axis=0), *points.max(axis=0)]
    np.testing.assert_array_equal(extent(glyphs), expected)
