import numpy as np
import pytest

from baselines.whitening import LocalWhitening, RivalDirections


@pytest.fixture
def clouds():
    """Two classes apart in x, spread wide in y, in 20 dimensions."""
    inputs = np.random.default_rng(0).normal(size=(400, 20)).astype(np.float32)
    inputs[:, 1] *= 10
    labels = np.arange(400) % 2
    inputs[:, 0] += 4 * labels
    return inputs, labels


def test_scatter_within_a_class_counts_less(clouds):
    inputs, labels = clouds
    whitened = LocalWhitening(ridge=0.01).fit(inputs, labels).transform(inputs)
    assert whitened.dtype == np.float32 and whitened.shape == inputs.shape

    def between_to_within(points):
        first, second = points[labels == 0], points[labels == 1]
        gap = np.linalg.norm(first.mean(axis=0) - second.mean(axis=0))
        return gap / np.sqrt(first.var(axis=0).sum())

    assert between_to_within(whitened) > 1.3 * between_to_within(inputs)


def test_total_variance_is_1(clouds):
    inputs, labels = clouds
    for scale in (1, 1000):
        scaled = scale * inputs
        whitened = LocalWhitening().fit(scaled, labels).transform(scaled)
        assert whitened.var(axis=0).sum() == pytest.approx(1, rel=1e-3)


def test_differences_are_white_without_a_ridge(clouds):
    inputs, labels = clouds
    scatter = scatter_of_neighbours(inputs, labels, ridge=0.0)
    scale = np.trace(scatter) / 20
    np.testing.assert_allclose(scatter, scale * np.eye(20), atol=0.02 * scale)


def test_a_large_ridge_changes_nothing_but_the_scale(clouds):
    inputs, labels = clouds
    before = LocalWhitening(ridge=1e9).fit(inputs, labels).transform(inputs)
    gram = before @ before.T
    expected = inputs @ inputs.T
    np.testing.assert_allclose(
        gram * expected[0, 0] / gram[0, 0], expected, atol=1e-3 * expected.max()
    )


def scatter_of_neighbours(inputs, labels, ridge):
    """Return the whitened scatter of inputs minus their 5 nearest of the class."""
    whitened = LocalWhitening(ridge).fit(inputs, labels).transform(inputs)
    differences = []
    for label in (0, 1):
        old, new = inputs[labels == label], whitened[labels == label]
        distances = np.linalg.norm(old[:, None] - old, axis=2)
        nearest = distances.argsort(axis=1)[:, 1:6]
        differences.append((new[:, None] - new[nearest]).reshape(-1, 20))
    differences = np.concatenate(differences)
    return differences.T @ differences / len(differences)


def test_a_class_of_one_image(clouds):
    inputs, labels = clouds
    labels[0] = 7
    assert np.isfinite(LocalWhitening().fit(inputs, labels).transform(inputs)).all()


def test_directions_lead_from_one_class_to_another(clouds):
    inputs, labels = clouds
    inputs *= np.float32(0.1)
    inputs[:, 0] += 4 * labels  # the only gap
    rivals = RivalDirections(count=30).fit(inputs, labels)
    np.testing.assert_allclose(np.linalg.norm(rivals.directions_, axis=0), 1, rtol=1e-5)
    assert np.abs(rivals.directions_[0]).mean() > 0.9
    assert rivals.transform(inputs).shape == (400, 30)


def test_directions_lead_to_the_nearest_rival(clouds):
    inputs, labels = clouds
    rivals = RivalDirections(count=400).fit(inputs, labels)
    expected = []
    for label in (0, 1):
        own, foreign = inputs[labels == label], inputs[labels != label]
        distances = np.linalg.norm(own[:, None] - foreign, axis=2)
        differences = own - foreign[distances.argmin(axis=1)]
        expected.append(differences / np.linalg.norm(differences, axis=1)[:, None])
    expected = np.concatenate(expected)
    order, expected_order = rivals.directions_[0].argsort(), expected[:, 0].argsort()
    np.testing.assert_allclose(
        rivals.directions_.T[order], expected[expected_order], atol=1e-5
    )


def test_the_seed_alone_decides_on_directions(clouds):
    first, same, different = (
        RivalDirections(count=30, random_state=seed).fit(*clouds).directions_
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, same)
    assert (first != different).any()
