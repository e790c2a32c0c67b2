import numpy as np
import pytest

from digits import mnist, synthesis
from digits.find import Piece
from digits.normalise import normalise
from digits.synthesis import NOT_A_DIGIT, overlap, placed, render


@pytest.fixture(scope="module")
def digits():
    return mnist.load("sklearn_digits")


def test_renderings(digits):
    images, labels = digits.train_images[:260], digits.train_labels[:260]
    counts = []
    seen, seen_labels = render(images, labels, [1, 2], counts.append)
    assert sum(counts) == 260
    assert seen.shape[1:] == (28, 28) and seen.dtype == np.uint8
    assert len(seen) == len(seen_labels) > 190
    assert set(np.unique(seen_labels)) == {*range(10), NOT_A_DIGIT}
    # All are as large as MNIST's.
    for image in seen:
        rows, columns = np.nonzero(image)
        assert max(np.ptp(rows), np.ptp(columns)) + 1 in (18, 19, 20)
        assert image.max() == 255


def test_a_seed_decides(digits):
    images, labels = digits.train_images[:60], digits.train_labels[:60]
    seen, seen_labels = render(images, labels, [1, 2])
    again, again_labels = render(images, labels, [1, 2])
    np.testing.assert_array_equal(seen, again)
    np.testing.assert_array_equal(seen_labels, again_labels)
    other, _ = render(images, labels, [1, 3])
    assert not np.array_equal(seen[:40], other[:40])


def test_placed_where_it_says():
    ink = np.full((80, 40), 255, np.uint8)
    canvas, (x, y, width, height) = placed(ink, 30, np.random.default_rng(0))
    assert (width, height) == (15, 30)
    assert (canvas[y : y + height, x : x + width] == 255).all()
    assert (canvas > 0).sum() == width * height


def test_overlap():
    assert overlap((0, 0, 10, 10), (0, 0, 10, 10)) == 1
    assert overlap((0, 0, 10, 10), (5, 0, 10, 10)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 10, 10), (20, 0, 10, 10)) == 0


def test_narrow_pieces_on_blank_paper_are_left_out(monkeypatch):
    one = Piece(0, 0, 4, 40, np.full((40, 4), 255, np.uint8))
    blot = Piece(0, 0, 30, 40, np.full((40, 30), 255, np.uint8))
    random = np.random.default_rng(0)
    monkeypatch.setattr(synthesis, "find_digits", lambda ink: [one])
    assert synthesis.seen_on_blank_paper(60, random) is None
    monkeypatch.setattr(synthesis, "find_digits", lambda ink: [one, blot])
    image = synthesis.seen_on_blank_paper(60, random)
    np.testing.assert_array_equal(image, normalise(blot.ink))
