import numpy as np
import pytest
from test_scan import SHAPE, generators

from digits.synthesis import patterns


def grid():
    return np.indices(SHAPE, np.float32)


def test_blank_paper_without_contrast_is_flat():
    for random in generators(50):
        sheet = patterns.bare_sheet(SHAPE, 25, 0, random)
        assert sheet.dtype == np.float32 and sheet.shape == SHAPE
        assert np.ptp(sheet) < 1e-6 and 0.3 <= sheet.min() <= sheet.max() <= 1


def test_every_kind_of_paper_is_reached_as_often_as_its_share(monkeypatch):
    calls = []

    def counted(pattern):
        def call(*arguments):
            calls.append(pattern)
            return pattern(*arguments)

        return call

    shares = patterns.PATTERNS
    monkeypatch.setattr(patterns, "PATTERNS", {counted(f): shares[f] for f in shares})
    for random in generators(600):
        patterns.bare_sheet((24, 40), 15, 0.4, random)
    for pattern, share in shares.items():
        assert 0.5 * share < calls.count(pattern) / len(calls) < 1.7 * share


@pytest.mark.parametrize("pattern", patterns.PATTERNS, ids=lambda f: f.__name__)
def test_patterns_are_print_on_paper(pattern):
    for seed, random in enumerate(generators(8)):
        print_ = pattern(grid(), (13, 25, 46)[seed % 3], random)
        assert print_.shape == SHAPE and print_.dtype == np.float32
        assert 0 <= print_.min() <= print_.max() <= 1
        assert pattern is patterns.blank or print_.std() > 0.02


def test_lines_cover_the_share_of_the_paper_that_their_width_says():
    phase = np.linspace(0, 5, 5001, dtype=np.float32)
    for width in (0.1, 0.3, 0.6):
        lines = patterns.stripes(phase, width)
        assert lines.mean() == pytest.approx(width, abs=0.01)
        np.testing.assert_array_equal(lines[::1000], 1)
        np.testing.assert_array_equal(lines[500::1000], 0)


def test_a_quarter_turn_swaps_the_axes():
    y, x = patterns.turned(grid(), np.pi / 2)
    np.testing.assert_allclose(y, -grid()[1], atol=1e-4)
    np.testing.assert_allclose(x, grid()[0], atol=1e-4)


def test_noise_is_alike_within_a_patch_and_not_beyond():
    noise = patterns.noise((400, 400), (4, 20), np.random.default_rng(0))
    assert abs(noise.mean()) < 0.1 and 0.6 < noise.std() < 1.1

    def alike(first, second):
        return np.corrcoef(first.ravel(), second.ravel())[0, 1]

    assert alike(noise[:, :-5], noise[:, 5:]) > 0.7
    assert alike(noise[:-5], noise[5:]) < 0.3
    assert abs(alike(noise[:, :-60], noise[:, 60:])) < 0.15


def test_a_fold_lightens_one_side_and_darkens_the_other():
    for random in generators(10):
        folded = patterns.fold(grid(), 25, random)
        assert folded.max() > 0.3 and folded.min() < -0.3


def test_show_through_is_writing_on_an_empty_sheet():
    inked = [(patterns.show_through(SHAPE, 25, r) > 0.3).mean() for r in generators(40)]
    assert 0.01 < np.mean(inked) < 0.3
