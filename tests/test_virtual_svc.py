import numpy as np
import pytest
from skimage.transform import AffineTransform, warp

from baselines import virtual_svc
from baselines.pairwise_svc import PairwiseSVC
from baselines.virtual_svc import VirtualSVC, distort
from digits import mnist
from digits.model import geometry


@pytest.fixture(scope="module")
def dataset():
    return mnist.load("sklearn_digits")


def test_without_bends_distort_is_scikit_images_affine_transform(dataset, monkeypatch):
    monkeypatch.setattr(virtual_svc, "ELASTIC_DEVIATION", 0)
    images = dataset.train_images[:50]
    distorted = distort(images, np.random.default_rng(0))
    uniform = np.float32(np.random.default_rng(0).uniform(-1, 1, (6, 50)))
    transforms = geometry.transforms(uniform, np)
    for image, ours, (a, b, x, c, d, y, *_) in zip(
        images, distorted, transforms, strict=True
    ):
        matrix = AffineTransform(np.array([[a, b, x], [c, d, y], [0, 0, 1]]))
        theirs = warp(image.astype(float), matrix, order=1)
        # cv2.remap rounds places to 1/32 pixel.
        np.testing.assert_allclose(ours, theirs, atol=255 / 16)


@pytest.mark.parametrize("axis", [1, 2])
def test_bends_shift_neighbours_alike(axis, monkeypatch):
    monkeypatch.setattr(geometry, "transforms", identities)
    ramp = np.broadcast_to(np.arange(28, dtype=np.uint8) * 9, (200, 28, 28))
    ramp = np.ascontiguousarray(np.swapaxes(ramp, 2, axis))
    shifts = (distort(ramp, np.random.default_rng(0)) - ramp.astype(float)) / 9
    shifts = shifts[:, 4:24, 4:24]
    assert shifts.std() == pytest.approx(virtual_svc.ELASTIC_DEVIATION, rel=0.2)
    across = 3 - axis  # along the ramp its steps are measured too
    differences = np.diff(shifts, axis=across)
    assert differences.std() < virtual_svc.ELASTIC_DEVIATION / 4


def identities(uniform, _):
    return np.tile(np.float32([1, 0, 0, 0, 1, 0, 0, 0]), (uniform.shape[1], 1))


@pytest.mark.slow
def test_copies_lower_the_error_on_distorted_images(dataset):
    distorted = distort(dataset.test_images, np.random.default_rng(1))

    def errors(copies):
        svc = VirtualSVC(copies=copies)
        svc.fit(dataset.train_images[:400], dataset.train_labels[:400])
        return np.count_nonzero(svc.predict(distorted) != dataset.test_labels)

    assert errors(copies=5) < 0.9 * errors(copies=0)


def test_only_support_vectors_are_copied(dataset, monkeypatch):
    copied = []
    monkeypatch.setattr(
        virtual_svc, "distort", lambda images, _: copied.append(images) or images
    )
    images, labels = dataset.train_images[:400], dataset.train_labels[:400]
    svc = VirtualSVC(copies=2).fit(images, labels)
    first, second = copied
    np.testing.assert_array_equal(first, second)
    assert len(first) < 400
    inputs = svc._transform(images)
    support = PairwiseSVC(svc.C, svc.gamma).fit(inputs, labels).support_
    np.testing.assert_array_equal(images[support], first)


@pytest.mark.slow
def test_the_seed_alone_decides(dataset):
    first, same, different = (
        VirtualSVC(copies=1, random_state=seed)
        .fit(dataset.train_images[:200], dataset.train_labels[:200])
        .decision_function(dataset.test_images)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, same)
    assert (first != different).any()
