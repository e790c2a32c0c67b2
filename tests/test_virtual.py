import numpy as np
import pytest
from skimage.transform import AffineTransform, warp

from baselines import virtual
from baselines.virtual import VirtualSVC, distort
from digits import geometry, mnist


@pytest.fixture(scope="module")
def dataset():
    return mnist.load("sklearn_digits")


def test_distorted_without_bends_is_scikit_images_affine_transform(
    dataset, monkeypatch
):
    monkeypatch.setattr(virtual, "ELASTIC_DEVIATION", 0)
    images = dataset.train_images[:50]
    distorted = distort(images, np.random.default_rng(0))
    uniform = np.float32(np.random.default_rng(0).uniform(-1, 1, (6, 50)))
    transforms = geometry.transforms(uniform, np)
    for image, mine, (a, b, x, c, d, y, *_) in zip(
        images, distorted, transforms, strict=True
    ):
        matrix = AffineTransform(np.array([[a, b, x], [c, d, y], [0, 0, 1]]))
        theirs = warp(image.astype(float), matrix, order=1)
        # remap counts in 32nds of a pixel, each way.
        np.testing.assert_allclose(mine, theirs, atol=255 / 16)


@pytest.mark.parametrize("axis", [1, 2])
def test_bends_move_neighbours_alike(axis, monkeypatch):
    monkeypatch.setattr(geometry, "transforms", no_transforms)
    ramp = np.broadcast_to(np.arange(28, dtype=np.uint8) * 9, (200, 28, 28))
    ramp = np.ascontiguousarray(np.swapaxes(ramp, 2, axis))
    moved = (distort(ramp, np.random.default_rng(0)) - ramp.astype(float)) / 9
    moved = moved[:, 4:24, 4:24]
    assert moved.std() == pytest.approx(virtual.ELASTIC_DEVIATION, rel=0.2)
    across = 3 - axis  # along the ramp its own steps are seen too
    assert np.diff(moved, axis=across).std() < virtual.ELASTIC_DEVIATION / 4


def no_transforms(uniform, _):
    return np.tile(np.float32([1, 0, 0, 0, 1, 0, 0, 0]), (uniform.shape[1], 1))


def test_what_was_learned_from_distorted_images_knows_such_images_better(dataset):
    asked = distort(dataset.test_images, np.random.default_rng(1))

    def errors(copies):
        machine = VirtualSVC(copies=copies)
        machine.fit(dataset.train_images[:400], dataset.train_labels[:400])
        return np.count_nonzero(machine.predict(asked) != dataset.test_labels)

    assert errors(copies=5) < 0.9 * errors(copies=0)


def test_support_vectors_alone_are_copied(dataset, monkeypatch):
    copied = []
    monkeypatch.setattr(
        virtual, "distort", lambda images, _: copied.append(images) or images
    )
    images, labels = dataset.train_images[:400], dataset.train_labels[:400]
    machine = VirtualSVC(copies=2).fit(images, labels)
    one, two = copied
    np.testing.assert_array_equal(one, two)
    assert len(one) < 400
    first = virtual.PairwiseSVC(machine.C, machine.gamma)
    first.fit(machine._transform(images), labels)
    np.testing.assert_array_equal(images[first.support_], one)


def test_the_same_seed_makes_the_same_machine(dataset):
    one, same, other = (
        VirtualSVC(copies=1, random_state=seed)
        .fit(dataset.train_images[:200], dataset.train_labels[:200])
        .decision_function(dataset.test_images)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
