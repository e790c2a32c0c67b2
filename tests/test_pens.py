import cv2
import numpy as np
import pytest

from digits.image import stroke_width
from digits.synthesis import pens
from digits.synthesis.pens import FINE, SIDE, with_pen, with_stroke_width, written


def image_of(*lines):
    """Return a (28, 28) image of lines through points (x, y)."""
    image = np.zeros((28, 28), np.uint8)
    for line in lines:
        cv2.polylines(image, [np.array(line)], False, 255, 2, cv2.LINE_AA)
    return image


SEVEN = image_of([(8, 6), (20, 6), (12, 22)])
ONE = image_of([(14, 5), (14, 23)])
TWO = image_of([(8, 9), (14, 5), (19, 10), (9, 21), (20, 22)])
NINE = image_of([(18, 10), (12, 14), (10, 8), (18, 7), (17, 23)])


def fine_ink(image):
    margin = (SIDE - 28 * FINE) // 2
    return np.pad(cv2.resize(image, None, fx=FINE, fy=FINE), margin)


def ring(width):
    """Return fine ink of an ellipse, drawn with a pen of `width` pixels."""
    ink = np.zeros((SIDE, SIDE), np.uint8)
    return cv2.ellipse(ink, (80, 80), (45, 30), 20, 0, 360, 255, width)


class Scripted:
    """Stands for a numpy Generator: draws the given shares, 0 to 1, of each range."""

    def __init__(self, *shares):
        self.shares = list(shares)

    def uniform(self, low, high, size=None):
        if size is None:
            return low + self.shares.pop(0) * (high - low)
        return np.array([self.uniform(low, high) for _ in range(size)])

    def normal(self, mean, deviation, size):
        return np.full(size, mean + deviation)

    def random(self):
        return self.shares.pop(0)


@pytest.mark.parametrize(
    ("label", "image"), [(7, SEVEN), (1, ONE), (2, TWO), (9, NINE)]
)
def test_written(label, image):
    inks = [written(image, label, np.random.default_rng(seed)) for seed in range(30)]
    for ink in inks:
        assert ink.shape == (SIDE, SIDE) and ink.dtype == np.uint8
        assert (ink >= 128).sum() > 50
    np.testing.assert_array_equal(
        inks[3], written(image, label, np.random.default_rng(3))
    )
    assert not np.array_equal(inks[3], inks[4])


def test_a_third_of_the_sevens_are_crossed(monkeypatch):
    calls = []
    monkeypatch.setitem(pens.ADDITIONS, 7, lambda *arguments: calls.append(arguments))
    for seed in range(200):
        written(SEVEN, 7, np.random.default_rng(seed))
    assert 50 <= len(calls) <= 90


def moments(ink):
    """Return the area and the covariance matrix of ink."""
    found = cv2.moments(ink)
    covariance = [[found["mu20"], found["mu11"]], [found["mu11"], found["mu02"]]]
    return found["m00"] / 255, np.array(covariance) / found["m00"]


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        # The bar's covariance is diag(a, b); ink is mapped by the inverse matrix.
        ([1, 0.5, 0.5, 0.5, 0], [[np.cos(0.2094), -np.sin(0.2094)],
                                 [np.sin(0.2094), np.cos(0.2094)]]),
        ([0.5, 1, 0.5, 0.5, 0], [[1, 0.2], [0, 1]]),
        ([0.5, 0.5, 1, 0.5, 0], [[np.exp(0.2), 0], [0, 1]]),
        ([0.5, 0.5, 0.5, 0, 0], [[1, 0], [0, np.exp(-0.2)]]),
    ],
    ids=["turn", "slant", "stretch across", "stretch down"],
)  # fmt: skip
def test_warped_by_the_largest_change(shares, expected):
    bar = np.zeros((SIDE, SIDE), np.uint8)
    bar[40:120, 70:90] = 255
    area, covariance = moments(bar)
    inverse = np.linalg.inv(expected)
    new_area, found = moments(pens.warped(bar, Scripted(*shares)))
    assert new_area == pytest.approx(area * np.linalg.det(inverse), rel=0.03)
    np.testing.assert_allclose(
        found, inverse @ covariance @ inverse.T, rtol=0.05, atol=2
    )


def test_bending_displaces_ink_by_less_than_a_pixel_of_mnist():
    ink = ring(9)
    # A constant displacement, of one standard deviation.
    bent = pens.warped(ink, Scripted(0.5, 0.5, 0.5, 0.5, 1))
    shift = cv2.moments(ink)["m10"] / cv2.moments(ink)["m00"]
    shift -= cv2.moments(bent)["m10"] / cv2.moments(bent)["m00"]
    assert shift == pytest.approx(0.9 * FINE, abs=0.2)


@pytest.mark.parametrize("wanted", [2, 4, 6, 10, 16, 20])
def test_stroke_width_is_changed(wanted):
    ink = ring(9)
    changed = with_stroke_width(ink, stroke_width(ink), wanted)
    assert stroke_width(changed) == pytest.approx(wanted, abs=min(1, wanted / 4))


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ([0.39, 0], 0.75 * 12),
        ([0.39, 1], 1.35 * 12),
        ([0.41, 0], 0.8 * FINE),
        ([0.41, 0.5], 2 * FINE),
        ([0.41, 1], 5 * FINE),
    ],
    ids=["thinner", "wider", "hairline", "geometric mean", "marker"],
)
def test_pens(shares, expected):
    ink = with_pen(ring(12), Scripted(*shares))
    assert stroke_width(ink) == pytest.approx(expected, abs=1.2)


def test_empty_ink_stays_empty():
    blank = np.zeros((SIDE, SIDE), np.uint8)
    assert not with_pen(blank, np.random.default_rng(0)).any()


@pytest.mark.parametrize("wanted", [2, 4])
def test_thin_parts_of_a_stroke_do_not_vanish(wanted):
    ink = np.zeros((SIDE, SIDE), np.uint8)
    cv2.line(ink, (20, 80), (90, 80), 255, 15)
    cv2.line(ink, (90, 80), (140, 80), 255, 5)
    thin = with_stroke_width(ink, 12, wanted) >= 128
    columns = thin.any(axis=0)
    assert columns[25:135].sum() >= 105  # where the widths change there may be a gap


def test_a_tenth_of_the_pens_are_dry(monkeypatch):
    calls = []
    monkeypatch.setattr(pens, "broken", lambda ink, random: calls.append(0) or ink)
    for seed in range(300):
        with_pen(ring(9), np.random.default_rng(seed))
    assert 15 <= len(calls) <= 45


def test_broken_strokes_have_one_to_three_gaps():
    line = np.zeros((SIDE, SIDE), np.uint8)
    cv2.line(line, (80, 10), (80, 150), 255, 3)
    counts = set()
    for seed in range(40):
        ink = pens.broken(line, np.random.default_rng(seed))
        removed = (line > ink).sum() / 3  # pixels along the line
        assert 0 < removed <= 3 * 12
        counts.add(cv2.connectedComponents(ink)[0] - 2)
    assert counts >= {1, 2, 3} and max(counts) == 3


@pytest.mark.parametrize(
    ("label", "image"), [(7, SEVEN), (1, ONE), (2, TWO), (9, NINE)]
)
def test_additions_only_add(label, image):
    ink = fine_ink(image)
    for seed in range(10):
        changed = ink.copy()
        pens.ADDITIONS[label](changed, stroke_width(ink), np.random.default_rng(seed))
        assert (changed >= ink).all()
        assert (changed > ink).any()


def added(ink, add, seed):
    """Return (rows, columns) of the ink that an addition adds."""
    changed = ink.copy()
    add(changed, stroke_width(ink), np.random.default_rng(seed))
    return np.nonzero((changed >= 128) & (ink < 128))


@pytest.mark.parametrize("seed", range(5))
def test_a_crossed_seven_has_a_bar_on_both_sides_of_its_stem(seed):
    ink = fine_ink(SEVEN)
    rows, columns = added(ink, pens.cross_seven, seed)
    stem = np.flatnonzero((ink >= 128)[rows.min() : rows.max() + 1].any(axis=0)).mean()
    assert columns.min() < stem < columns.max()
    _, top, _, height = cv2.boundingRect(ink)
    assert 0.3 < (rows.mean() - top) / height < 0.75


@pytest.mark.parametrize("seed", range(12))
def test_a_one_gets_a_hook_a_foot_or_both(seed):
    ink = fine_ink(ONE)
    choice = np.random.default_rng(seed).integers(3)
    rows, columns = added(ink, pens.hook_one, seed)
    _, top, _, height = cv2.boundingRect(ink)
    stem = np.nonzero(ink >= 128)[1].mean()
    upper = rows < top + height / 2
    assert upper.any() == (choice != 1)
    assert (~upper).any() == (choice != 0)
    if choice != 1:  # to the left of the top, and downwards
        assert columns[upper].min() < stem - 0.05 * height
        assert columns[upper].max() < stem + stroke_width(ink)
        assert rows[upper].max() > top + 0.05 * height
    if choice != 0:
        assert columns[~upper].min() < stem < columns[~upper].max()


def test_a_two_gets_a_loop():
    ink = fine_ink(TWO)
    _, top, _, height = cv2.boundingRect(ink)
    for seed in range(10):
        rows, columns = added(ink, pens.loop_two, seed)
        assert rows.min() > top + 0.6 * height
        assert columns.mean() < SIDE / 2


def test_a_nine_s_tail_curls_to_the_left():
    ink = fine_ink(NINE)
    bottom = np.nonzero(ink >= 128)[0].max()
    tail = np.flatnonzero(ink[bottom]).mean()
    for seed in range(10):
        rows, columns = added(ink, pens.curl_nine, seed)
        assert columns.mean() < tail - 5
        assert rows.max() > bottom
