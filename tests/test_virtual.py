import numpy as np
import pytest
from skimage.transform import AffineTransform, warp

from baselines import virtual
from baselines.virtual import VirtualSVC, move
from digits import geometry, mnist

DATASET = mnist.load("sklearn_digits")
IMAGES = DATASET.train_images[:400].reshape(400, -1)
LABELS = DATASET.train_labels[:400]
TEST_IMAGES = DATASET.test_images.reshape(len(DATASET.test_images), -1)


def test_moved_without_bends_is_scikit_images_affine_transform(monkeypatch):
    monkeypatch.setattr(virtual, "BEND", 0)
    moved = move(IMAGES[:50], np.random.default_rng(0))
    uniform = np.float32(np.random.default_rng(0).uniform(-1, 1, (6, 50)))
    transforms = geometry.transforms(uniform, np)
    for image, mine, (a, b, x, c, d, y, *_) in zip(
        IMAGES, moved, transforms, strict=False
    ):
        matrix = AffineTransform(np.array([[a, b, x], [c, d, y], [0, 0, 1]]))
        theirs = warp(image.reshape(28, 28).astype(float), matrix, order=1)
        # remap counts in 32nds of a pixel, each way.
        np.testing.assert_allclose(mine.reshape(28, 28), theirs, atol=255 / 16)


def test_bends_move_neighbours_alike(monkeypatch):
    monkeypatch.setattr(geometry, "transforms", lambda uniform, xp: identity(uniform))
    ramp = np.tile(np.arange(28, dtype=np.uint8) * 9, (200, 28, 1)).reshape(200, -1)
    moved = move(ramp, np.random.default_rng(0)).reshape(200, 28, 28)
    across = (moved - ramp.reshape(moved.shape).astype(float))[:, :, 4:24] / 9
    assert across.std() == pytest.approx(virtual.BEND, rel=0.2)
    assert np.diff(across, axis=1).std() < virtual.BEND / 4


def identity(uniform):
    return np.tile(np.float32([1, 0, 0, 0, 1, 0, 0, 0]), (uniform.shape[1], 1))


def test_what_was_learned_from_moved_images_knows_moved_images_better():
    asked = move(TEST_IMAGES, np.random.default_rng(1))

    def errors(copies):
        machine = VirtualSVC(copies=copies).fit(IMAGES, LABELS)
        return np.count_nonzero(machine.predict(asked) != DATASET.test_labels)

    assert errors(copies=5) < 0.9 * errors(copies=0)


def test_the_same_seed_makes_the_same_machine():
    one, same, other = (
        VirtualSVC(copies=1, random_state=seed)
        .fit(IMAGES[:200], LABELS[:200])
        .decision_function(TEST_IMAGES)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
