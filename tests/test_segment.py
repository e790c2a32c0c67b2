import numpy as np

from digits.reading.segment import (
    FRINGE,
    MOST,
    Region,
    all_ink,
    gap,
    group,
    joined,
    segment,
    usual_height,
)


def sheet(*boxes, shape=(200, 400)):
    """Return ink with a filled box (x, y, width, height) for each of `boxes`."""
    ink = np.zeros(shape, np.uint8)
    for x, y, width, height in boxes:
        ink[y : y + height, x : x + width] = 255
    return ink


def found(ink):
    return sorted(region.box for region in segment(ink))


def test_nothing():
    assert segment(sheet()) == []


def test_two_digits_and_a_speck():
    boxes = [(50, 40, 40, 90), (150, 50, 30, 85)]
    assert found(sheet(*boxes, (300, 20, 4, 4))) == boxes


def test_a_loose_bar_belongs_to_its_digit():
    # The bar of a 5 above its body, and another digit beside them.
    ink = sheet((50, 60, 40, 80), (55, 45, 50, 8), (200, 50, 30, 90))
    assert found(ink) == [(50, 45, 55, 95), (200, 50, 30, 90)]


def test_edges_and_ruled_lines_are_no_digits():
    digit = (100, 50, 50, 90)
    ink = sheet(digit, (0, 0, 12, 200), (30, 170, 300, 4))
    assert found(ink) == [digit]


def test_a_digit_that_fills_the_picture():
    assert found(sheet((0, 0, 60, 200), shape=(200, 60))) == [(0, 0, 60, 200)]


def test_faint_ink_belongs_only_where_it_is_connected():
    ink = sheet((50, 40, 40, 60))
    ink[100:110, 50:90] = 100  # the faint end of the stroke
    ink[40:100, 200:240] = 100  # a shadow
    assert found(ink) == [(50, 40, 40, 70)]


def test_a_region_has_no_ink_of_its_neighbour():
    # An L whose box reaches over the 1 beside it.
    ink = sheet((20, 20, 10, 100), (20, 110, 80, 10), (60, 20, 10, 70))
    corner, one = sorted(segment(ink))
    assert corner.box == (20, 20, 80, 100)
    assert one.box == (60, 20, 10, 70)
    assert not corner.ink[:60, 40:50].any()


def test_dots_are_no_digits():
    assert found(sheet((50, 40, 3, 4), (90, 70, 2, 2))) == []


def test_usual_height_is_that_of_most_ink():
    assert usual_height([4] * 50 + [60, 62]) in (60, 62)
    assert usual_height([]) == 0


def test_a_digit_and_the_frame_around_it_are_one_region():
    ink = sheet((180, 60, 30, 50))
    ink[20:24, 20:380] = ink[176:180, 20:380] = 255
    ink[20:180, 20:24] = ink[20:180, 376:380] = 255
    (region,) = segment(ink)
    assert region.box == (20, 20, 360, 160)
    np.testing.assert_array_equal(region.ink, ink[20:180, 20:380])


def test_long_lines_at_the_border_are_no_digits():
    digit = (100, 50, 50, 90)
    assert found(sheet(digit, (397, 10, 3, 180))) == [digit]
    assert found(sheet((397, 10, 3, 180))) == []


def test_small_dirt_on_a_large_picture_is_no_digit():
    assert found(sheet((500, 500, 10, 14), shape=(1500, 1600))) == []


def test_gap():
    assert gap((0, 0, 10, 10), (13, 14, 5, 5)) == 5
    assert gap((0, 0, 10, 10), (5, 5, 10, 10)) == 0


def test_a_hairline_one_may_touch_the_border_of_a_small_drawing():
    assert found(sheet((14, 0, 1, 27), shape=(28, 28))) == [(14, 0, 1, 27)]


def test_a_page_stays_when_its_edge_goes():
    # Beside a page's edge that is more than four times as high as the digits.
    digits = [(60 + 50 * k, 40, 20, 30) for k in range(4)]
    assert found(sheet(*digits, (0, 0, 40, 200))) == digits
    # Three are too few: what is so high may be the digit.
    (x, y, _, height), *_ = found(sheet(*digits[:3], (0, 0, 40, 200)))
    assert (x, y, height) == (0, 0, 200)


def test_a_part_far_from_any_digit_stands_alone_if_it_is_large():
    boxes = {
        1: (0, 0, 50, 100),
        2: (60, 0, 40, 40),
        3: (200, 0, 9, 40),
        4: (300, 0, 9, 9),
    }
    assert group(boxes, 100) == [{1, 2}, {3}]


def test_no_more_than_the_highest_are_kept():
    ink = np.zeros((900, 900), np.uint8)
    ink[10::40, 10::40] = 255
    ink = np.maximum.reduce(
        [np.roll(ink, (y, x), (0, 1)) for y in range(12) for x in (0, 1)]
    )
    count = len(segment(ink))
    assert count == MOST < ink[10::40, 10::40].size


def test_joined():
    one = Region(10, 20, 4, 5, np.full((5, 4), 100, np.uint8))
    other = Region(12, 30, 6, 3, np.full((3, 6), 200, np.uint8))
    for both in joined(one, other), joined(other, one):
        assert both.box == (10, 20, 8, 13)
        expected = np.zeros((13, 8), np.uint8)
        expected[:5, :4], expected[10:, 2:] = 100, 200
        np.testing.assert_array_equal(both.ink, expected)


def test_where_joined_regions_overlap_the_darker_ink_counts():
    first = np.array([[10, 90], [0, 30]], np.uint8)
    one = Region(0, 0, 2, 2, first)
    other = Region(1, 0, 2, 2, np.array([[50, 70], [60, 80]], np.uint8))
    both = joined(one, other)
    assert both.box == (0, 0, 3, 2)
    assert both.ink.tolist() == [[10, 90, 70], [0, 60, 80]]
    assert first.tolist() == [[10, 90], [0, 30]]  # is left as it was


def test_all_ink_together():
    ink = sheet((50, 40, 3, 4), (300, 120, 60, 2), (0, 199, 1, 1))
    ink[10, 10] = FRINGE - 1
    ink[45, 380] = FRINGE
    (region,) = all_ink(ink)
    assert region.box == (0, 40, 381, 160)
    np.testing.assert_array_equal(region.ink, ink[40:, :381])


def test_no_ink_at_all():
    assert all_ink(sheet()) == []
    assert all_ink(np.full((20, 30), FRINGE - 1, np.uint8)) == []
