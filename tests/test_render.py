import numpy as np
import pytest

from digits import mnist
from digits.reading.normalise import normalise
from digits.reading.segment import Region
from digits.synthesis import junk, render


@pytest.fixture(scope="module")
def digits():
    return mnist.load("sklearn_digits")


@pytest.mark.slow
def test_renderings(digits):
    images, labels = digits.train_images[:260], digits.train_labels[:260]
    counts = []
    rendered, new_labels = render.render(images, labels, [1, 2], counts.append)
    assert counts == [250, 10]
    assert rendered.shape[1:] == (28, 28) and rendered.dtype == np.uint8
    assert len(rendered) == len(new_labels) > 190
    assert set(np.unique(new_labels)) == {*range(10), 10}
    assert 0.2 < (new_labels == 10).mean() < 0.45
    # All are as large as MNIST's digits.
    for image in rendered:
        rows, columns = np.nonzero(image)
        assert max(np.ptp(rows), np.ptp(columns)) + 1 in (18, 19, 20)
        assert image.max() == 255


@pytest.mark.slow
def test_renderings_are_read_as_their_labels(digits, shipped):
    images, labels = digits.train_images[:200], digits.train_labels[:200]
    rendered, new_labels = render.render(images, labels, [3])
    right = shipped.probabilities(rendered).argmax(axis=1) == new_labels
    assert right.mean() > 0.8


@pytest.mark.slow
def test_a_seed_decides(digits):
    images, labels = digits.train_images[:60], digits.train_labels[:60]
    rendered, new_labels = render.render(images, labels, [1, 2])
    same, same_labels = render.render(images, labels, [1, 2])
    np.testing.assert_array_equal(rendered, same)
    np.testing.assert_array_equal(new_labels, same_labels)
    other, _ = render.render(images, labels, [1, 3])
    assert not np.array_equal(rendered[:40], other[:40])


def test_chunks_are_drawn_differently(digits, monkeypatch):
    monkeypatch.setattr(render, "CHUNK", 20)
    twice = np.concatenate([digits.train_images[:20]] * 2)
    rendered, _ = render.render(twice, np.zeros(40, np.uint8), [1])
    assert len({image.tobytes() for image in rendered}) > 25


def test_with_renderings(monkeypatch):
    images, labels = np.zeros((3, 28, 28), np.uint8), np.arange(3)

    def fake_render(images, labels, seed, progress):
        progress(len(images))
        return images[:2] + seed[0], labels[:2]

    monkeypatch.setattr(render, "render", fake_render)
    joined, joined_labels = render.with_renderings(images, labels, [[5], [7]])
    assert joined[:, 0, 0].tolist() == [0, 0, 0, 5, 5, 7, 7]
    assert joined_labels.tolist() == [0, 1, 2, 0, 1, 0, 1]


def test_kinds_of_junk(digits, monkeypatch):
    """Each kind of junk is made as often as the constants say."""
    images, labels = digits.train_images[:5], digits.train_labels[:5]
    counts = dict.fromkeys(["letter", "scribble", "blot", "half", "pair"], 0)
    for kind in counts:

        def count(*arguments, kind=kind):
            counts[kind] += 1
            return np.ones((9, 9), np.uint8)

        monkeypatch.setattr(junk, kind, count)
    monkeypatch.setattr(render, "written", lambda *arguments: np.ones((9, 9), np.uint8))
    random = np.random.default_rng(0)
    examples = [render.example(images, labels, k % 5, random) for k in range(2000)]
    of_junk = [ink for ink, label in examples if label == 10]
    shares = [count / len(of_junk) for count in counts.values()]
    assert len(of_junk) / 2000 == pytest.approx(0.35, abs=0.04)
    assert shares == pytest.approx([0.5, 0.1, 0.1, 0.1, 0.15], abs=0.04)
    assert sum(not ink.any() for ink in of_junk) / len(of_junk) > 0.02
    digit_labels = [label for _, label in examples if label != 10]
    assert set(digit_labels) == set(labels.tolist())


def test_heights_are_from_16_to_110_pixels(monkeypatch):
    heights = []

    def record(ink, height, random):
        heights.append(height)
        return np.full((40, 40), 255, np.uint8), (0, 0, 40, 40)

    monkeypatch.setattr(render, "placed", record)
    for seed in range(200):
        render.read_back(np.full((9, 9), 255, np.uint8), np.random.default_rng(seed))
    assert 16 <= min(heights) < 20 and 90 < max(heights) <= 110
    assert np.median(heights) == pytest.approx(np.sqrt(16 * 110), rel=0.2)


def test_what_is_found_elsewhere_is_no_rendering(monkeypatch):
    ink = np.full((40, 40), 255, np.uint8)
    monkeypatch.setattr(render, "placed", lambda *_: (ink, (0, 0, 40, 40)))
    for width, found in [(40, True), (31, True), (29, False)]:
        region = Region(0, 0, width, 40, ink[:, :width])
        monkeypatch.setattr(render, "segment", lambda _, region=region: [region])
        image = render.read_back(ink, np.random.default_rng(0))
        assert (image is not None) == found
    monkeypatch.setattr(render, "segment", lambda _: [])
    assert render.read_back(ink, np.random.default_rng(0)) is None


def test_a_digit_whose_ink_vanished_is_left_out(digits, monkeypatch):
    monkeypatch.setattr(render, "read_blank_paper", lambda *_: digits.train_images[0])
    blank = np.zeros((9, 9), np.uint8)
    for label, count in ((3, 0), (10, 4)):
        monkeypatch.setattr(render, "example", lambda *_, label=label: (blank, label))
        images, _ = render._render((np.zeros((4, 28, 28), np.uint8), [3] * 4, [0]))
        assert len(images) == count


def test_placed_where_it_says():
    ink = np.full((80, 40), 255, np.uint8)
    for seed in range(20):
        canvas, box = render.placed(ink, 30, np.random.default_rng(seed))
        x, y, width, height = box
        assert (width, height) == (15, 30)
        assert (canvas[y : y + height, x : x + width] == 255).all()
        assert (canvas > 0).sum() == width * height
        margins = x, y, canvas.shape[1] - x - width, canvas.shape[0] - y - height
        assert all(0.15 * 30 <= margin <= 0.9 * 30 + 1 for margin in margins)


def test_overlap():
    assert render.overlap((0, 0, 10, 10), (0, 0, 10, 10)) == 1
    assert render.overlap((0, 0, 10, 10), (5, 0, 10, 10)) == pytest.approx(1 / 3)
    assert render.overlap((0, 0, 10, 10), (2, 5, 10, 10)) == pytest.approx(40 / 160)
    assert render.overlap((0, 0, 10, 10), (20, 0, 10, 10)) == 0
    assert render.overlap((0, 0, 10, 10), (20, 20, 10, 10)) == 0


def test_narrow_regions_on_blank_paper_are_left_out(monkeypatch):
    one = Region(0, 0, 4, 40, np.full((40, 4), 255, np.uint8))
    blot = Region(0, 0, 30, 40, np.full((40, 30), 255, np.uint8))
    random = np.random.default_rng(0)
    monkeypatch.setattr(render, "segment", lambda ink: [one])
    assert render.read_blank_paper(60, random) is None
    monkeypatch.setattr(render, "segment", lambda ink: [one, blot])
    image = render.read_blank_paper(60, random)
    np.testing.assert_array_equal(image, normalise(blot.ink))
