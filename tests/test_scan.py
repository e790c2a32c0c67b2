import cv2
import numpy as np
import pytest

from digits.synthesis import scan

SHAPE = (64, 160)


def generators(count):
    return [np.random.default_rng(seed) for seed in range(count)]


def number(height):
    """Return 274 as ink, its digits `height` pixels high: (64, 160) float32."""
    ink = np.zeros(SHAPE, np.uint8)
    pen = max(1, round(height / 10))
    font, place = cv2.FONT_HERSHEY_SIMPLEX, (20, 32 + height // 2)
    cv2.putText(ink, "274", place, font, height / 22, 255, pen, cv2.LINE_AA)
    return ink.astype(np.float32) / 255


def frame():
    printed = np.zeros(SHAPE, np.float32)
    cv2.rectangle(printed, (8, 4), (150, 60), 1, 1)
    return printed


@pytest.mark.parametrize(
    ("shape", "height"), [((64, 160), 25), ((40, 200), 13), ((33, 31), 46)]
)
def test_a_seed_decides_on_the_picture(shape, height):
    ink = np.zeros(shape, np.float32)
    ink[10:30, 12:15] = 1
    printed = np.zeros(shape, np.float32)
    printed[5] = 1
    given = ink.copy(), printed.copy()
    pictures = [scan.scanned(ink, printed, height, random) for random in generators(80)]
    for seed, picture in enumerate(pictures):
        assert picture.shape == shape and picture.dtype == np.uint8
        same = scan.scanned(ink, printed, height, np.random.default_rng(seed))
        np.testing.assert_array_equal(picture, same)
    assert len({picture.tobytes() for picture in pictures}) >= 70
    np.testing.assert_array_equal((ink, printed), given)


@pytest.mark.parametrize("height", [13, 20, 30, 46])
def test_ink_is_darker_than_the_paper_around_it_in_98_of_100_pictures(height):
    ink = number(height)
    near = cv2.dilate(ink, np.ones((9, 9), np.uint8)) > 0
    around, strokes = near & (ink == 0), ink > 0.5
    darker = 0
    for random in generators(200):
        picture = scan.scanned(ink, np.zeros_like(ink), height, random)
        darker += picture[strokes].mean() < picture[around].mean() - 1
    assert darker >= 196


@pytest.fixture
def kinds(monkeypatch):
    """The kinds of the pictures that are made, in order."""
    calls = []
    for kind in ("drawn", "bilevel", "gray"):
        monkeypatch.setattr(scan, kind, lambda *_, kind=kind: calls.append(kind))
    monkeypatch.setattr(scan, "enlarged", lambda *_: calls.append("enlarged"))
    return calls


@pytest.mark.parametrize("is_printed_only", [False, True])
def test_every_kind_of_picture_has_its_share(kinds, is_printed_only):
    ink = number(25) * (not is_printed_only)
    for random in generators(1000):
        scan.scanned(ink, frame(), 25, random)
    assert kinds.count("bilevel") / 1000 == pytest.approx(0.2, abs=0.04)
    assert kinds.count("drawn") / 1000 == pytest.approx(0.15, abs=0.04)
    assert kinds.count("enlarged") / 1000 == pytest.approx(0.1, abs=0.03)
    assert len(kinds) - kinds.count("enlarged") == 1000


def test_empty_sheets_are_gray(kinds):
    """Others would show nothing at all."""
    blank = np.zeros(SHAPE, np.float32)
    for random in generators(50):
        scan.scanned(blank, blank, 25, random)
    assert set(kinds) == {"gray", "enlarged"} and kinds.count("gray") == 50


def test_the_texture_of_empty_sheets_is_mostly_faint(monkeypatch):
    """So faint that only the ink of faint writing is like it."""
    contrasts = {}
    for name, ink in {"empty": np.zeros(SHAPE, np.float32), "25": number(25)}.items():
        drawn = []

        def bare_sheet(shape, height, contrast, random, drawn=drawn):
            drawn.append(contrast)
            return np.ones(shape, np.float32)

        monkeypatch.setattr(scan, "bare_sheet", bare_sheet)
        for random in generators(200):
            scan.gray(ink, np.zeros(SHAPE, np.float32), 25, random)
        contrasts[name] = drawn
    medians = {name: np.median(drawn) for name, drawn in contrasts.items()}
    assert medians["empty"] < 0.4 * medians["25"]
    assert max(contrasts["empty"]) > medians["25"]  # there are clear ones too


def test_half_of_the_black_and_white_pictures_have_two_values():
    pictures = [scan.bilevel(number(30), frame(), 30, r) for r in generators(200)]
    two = sum(set(np.unique(picture)) <= {0, 255} for picture in pictures)
    assert 75 <= two <= 125


def test_drawings_are_flat_and_dark_on_light():
    ink = number(40)
    hairlines = aliased = 0
    for random in generators(300):
        picture = scan.drawn(ink, np.zeros_like(ink), random)
        bare = picture[ink == 0]
        assert len(np.unique(bare)) <= 2
        assert picture[ink == 1].max() < picture.max()
        hairlines += len(np.unique(bare)) == 2
        aliased += len(np.unique(picture)) <= 2
    assert 35 <= hairlines <= 85
    assert 15 <= aliased <= 55


def test_a_hairline_crosses_the_picture_once():
    sums = {int(scan.hairline(SHAPE, random).sum()) for random in generators(20)}
    assert sums == set(SHAPE)


def test_black_and_white_pictures_of_blank_paper_stay_nearly_white(monkeypatch):
    monkeypatch.setattr(scan, "EDGES", dict.fromkeys(scan.EDGES, 0))
    blank = np.zeros(SHAPE, np.float32)
    black = [(scan.bilevel(blank, blank, 25, r) < 128).mean() for r in generators(100)]
    assert np.quantile(black, 0.9) < 0.02


def test_without_ink_and_print_a_sheet_stays_bare():
    empty, sheet = np.zeros(SHAPE, np.float32), np.full(SHAPE, 0.8, np.float32)
    for random in generators(20):
        written = scan.written(sheet, empty, empty, 0.9, random)
        np.testing.assert_array_equal(written, sheet)


def test_pens_leave_gaps_but_never_ink_beside_the_strokes():
    ink = number(40)
    for random in generators(60):
        covered = scan.pressed(ink, 40, random)
        assert (covered <= ink + 1e-6).all() and (covered >= 0).all()
        assert covered.sum() > 0.35 * ink.sum()


def test_worn_print_is_a_part_of_the_print():
    kept = [scan.worn(frame(), 25, random) for random in generators(40)]
    for worn in kept:
        assert np.isin(worn, (0, 1)).all() and (worn <= frame()).all()
    assert 0.3 < np.mean(kept) / frame().mean() < 0.8


def test_light_keeps_a_third_of_the_brightness():
    lit = np.array([scan.light(SHAPE, random) for random in generators(200)])
    assert lit.dtype == np.float32 and lit.max() == 1
    assert lit.min() == pytest.approx(0.35, abs=0.02)
    assert np.mean(np.ptp(lit, axis=(1, 2)) == 0) > 0.2  # evenly lit


def test_what_lies_beside_the_sheet_hides_no_ink():
    ink = np.zeros(SHAPE, np.float32)
    ink[20:44, 40:120] = 1
    edged = 0
    sheet = np.full(SHAPE, 0.9, np.float32)
    for random in generators(600):
        picture = scan.edged(sheet, ink, 20, random)
        changed = abs(picture - sheet) > 0.3
        assert picture.shape == SHAPE
        assert not changed[26:38, 46:114].any()
        edged += changed.any()
    assert 25 <= edged <= 75
    np.testing.assert_array_equal(sheet, np.float32(0.9))


def test_every_side_of_a_scan_may_have_a_black_border(monkeypatch):
    monkeypatch.setattr(scan, "EDGES", {"sheet": 0, "finger": 0, "border": 1})
    blank, sheet = np.zeros(SHAPE, np.float32), np.ones(SHAPE, np.float32)
    sides = set()
    for random in generators(40):
        black = scan.edged(sheet, blank, 20, random) < 0.5
        edges = black[0], black[-1], black[:, 0], black[:, -1]
        sides.add(tuple(bool(edge.all()) for edge in edges))
    assert sides == {tuple(side == i for i in range(4)) for side in range(4)}


def test_low_resolution_keeps_the_mean_and_loses_fine_detail():
    checks = (np.indices(SHAPE).sum(axis=0) % 2).astype(np.float32)
    for random in generators(20):
        seen = scan.low_resolution(checks, 46, random)
        assert seen.shape == SHAPE
        assert seen.mean() == pytest.approx(0.5, abs=0.05) and seen.std() < 0.2
        assert scan.low_resolution(checks, 9, random) is checks


@pytest.mark.parametrize(("height", "is_changed"), [(22, True), (60, True), (9, False)])
def test_enlarged_pictures_have_lost_fine_detail(height, is_changed):
    """At most half of the resolution, and none where digits are small already."""
    checks = np.uint8(255 * (np.indices(SHAPE).sum(axis=0) % 2))
    coarse = np.uint8(255 * (np.indices(SHAPE).sum(axis=0) // 6 % 2))
    for random in generators(20):
        seen = scan.enlarged(checks, height, random)
        assert seen.shape == SHAPE and seen.dtype == np.uint8
        assert (seen.std() < 0.5 * checks.std()) == is_changed
        assert scan.enlarged(coarse, height, random).std() > 0.5 * coarse.std()


def test_blur_keeps_the_brightness_of_a_flat_picture():
    flat = np.full(SHAPE, 0.7, np.float32)
    for random in generators(40):
        np.testing.assert_allclose(scan.blurred(flat, 46, random), 0.7, atol=1e-4)


@pytest.mark.parametrize("contrast", [0.06, 0.3, 0.97])
def test_exposure_never_washes_out_the_ink(contrast):
    reflected = np.full(SHAPE, 0.9, np.float32)
    reflected[30:34] *= 1 - contrast
    for random in generators(60):
        picture = scan.exposed(reflected, contrast, random)
        assert picture[31, 0] < min(255, picture[0, 0])
        assert picture[31, 0] < 250


def test_noise_of_a_sensor_stays_within_its_limit():
    flat = np.full(SHAPE, 100, np.float32)
    deviations = [scan.noisy(flat, 3, random).std() for random in generators(100)]
    assert max(deviations) < 3.1
    assert 0.1 < np.mean(np.equal(deviations, 0)) < 0.4


def test_strong_compression_changes_more_than_weak():
    picture = scan.stored(255 * (1 - number(30)))

    def change(lowest):
        stored = [scan.compressed(picture, lowest, random) for random in generators(60)]
        return np.mean([abs(s.astype(int) - picture).mean() for s in stored])

    assert 3 * change(95) < change(15)


def test_solid_is_the_mean_cover_of_strokes():
    ink = np.zeros(SHAPE, np.float32)
    assert scan.solid(ink) == 1
    ink[3:5] = 0.4
    ink[10:12] = 0.8
    assert scan.solid(ink) == pytest.approx(0.6)


def test_thresholds_find_the_strokes():
    ink = number(40)
    clear = (ink > 0.9) | (cv2.dilate(ink, np.ones((5, 5), np.uint8)) == 0)
    for random in generators(60):
        black = scan.thresholded(0.8 - 0.5 * ink, 0.5, 40, random)
        assert set(np.unique(black)) <= {0, 255} and black.dtype == np.uint8
        assert ((black == 0) == (ink > 0.5))[clear].mean() > 0.98


def test_specks_are_few():
    picture = 255 * (1 - (number(40) > 0.5)).astype(np.uint8)
    given = picture.copy()
    changed = [(scan.specked(picture, r) != picture).mean() for r in generators(100)]
    assert 0 < np.mean(changed) < 0.01 and max(changed) < 0.03
    np.testing.assert_array_equal(picture, given)
