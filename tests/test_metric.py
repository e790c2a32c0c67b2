import numpy as np

from baselines.metric import LocalWhitening, RivalDirections

RANDOM = np.random.default_rng(0)


def clouds():
    """Two classes apart in x, spread wide in y, in 20 dimensions."""
    inputs = RANDOM.normal(size=(400, 20)).astype(np.float32)
    inputs[:, 1] *= 10
    labels = np.arange(400) % 2
    inputs[:, 0] += 4 * labels
    return inputs, labels


def test_what_varies_within_a_class_counts_less():
    inputs, labels = clouds()
    found = LocalWhitening(ridge=0.01).fit(inputs, labels).transform(inputs)
    assert found.dtype == np.float32 and found.shape == inputs.shape

    def between_to_within(points):
        one, other = points[labels == 0], points[labels == 1]
        gap = np.linalg.norm(one.mean(axis=0) - other.mean(axis=0))
        return gap / np.sqrt(one.var(axis=0).sum())

    assert between_to_within(found) > 1.3 * between_to_within(inputs)


def test_differences_are_white_without_a_ridge():
    inputs, labels = clouds()
    metric = LocalWhitening(ridge=0.0).fit(inputs, labels)
    found = metric.transform(inputs)
    # Of every image and its nearest neighbours of the class in the old metric.
    differences = []
    for label in (0, 1):
        old, new = inputs[labels == label], found[labels == label]
        distances = np.linalg.norm(old[:, None] - old, axis=2)
        nearest = distances.argsort(axis=1)[:, 1:6]
        differences.append((new[:, None] - new[nearest]).reshape(-1, 20))
    differences = np.concatenate(differences)
    scatter = differences.T @ differences / len(differences)
    scale = np.trace(scatter) / 20
    np.testing.assert_allclose(scatter, scale * np.eye(20), atol=0.02 * scale)


def test_a_class_of_one_image():
    inputs, labels = clouds()
    labels[0] = 7
    assert np.isfinite(LocalWhitening().fit(inputs, labels).transform(inputs)).all()


def test_directions_lead_from_one_class_to_another():
    inputs, labels = clouds()
    inputs *= np.float32(0.1)
    inputs[:, 0] += 4 * labels  # the only gap
    found = RivalDirections(count=30).fit(inputs, labels)
    np.testing.assert_allclose(np.linalg.norm(found.directions_, axis=0), 1, rtol=1e-5)
    assert np.abs(found.directions_[0]).mean() > 0.9
    assert found.transform(inputs).shape == (400, 30)
    again = RivalDirections(count=30).fit(inputs, labels)
    np.testing.assert_array_equal(again.directions_, found.directions_)
