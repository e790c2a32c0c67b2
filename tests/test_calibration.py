import numpy as np
import pytest
import tensorflow as tf

from digits.model.calibration import (
    expected_calibration_error,
    fit_temperature,
    log_softmax,
    negative_log_likelihood,
    rejection,
)

LOGITS = np.random.default_rng(0).normal(0, 3, (500, 10)).astype(np.float32)


def test_against_tensorflow():
    labels = np.arange(500) % 10
    expected = tf.nn.log_softmax(LOGITS).numpy()
    np.testing.assert_allclose(log_softmax(LOGITS), expected, atol=1e-5)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, LOGITS)
    loss = negative_log_likelihood(LOGITS, labels)
    assert loss == pytest.approx(losses.numpy().mean(), rel=1e-5)


def test_large_logits_do_not_overflow():
    found = log_softmax(np.array([[1000.0, 0.0, -1000.0]]))
    np.testing.assert_allclose(found, [[0, -1000, -2000]])


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_finds_the_temperature_that_labels_were_drawn_at(temperature):
    random = np.random.default_rng(1)
    logits = random.normal(0, 3, (10000, 10))
    probabilities = np.exp(log_softmax(logits / temperature))
    drawn = (probabilities.cumsum(axis=1) < random.random((10000, 1))).sum(axis=1)
    labels = np.minimum(drawn, 9)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.05)


def test_expected_calibration_error():
    confidences = np.array([0.95, 0.95, 0.95, 0.95, 0.55, 0.55])
    is_right = np.array([True, True, True, False, True, False])
    # Bins of four answers (0.95 said, 0.75 right) and two (0.55 said, 0.5 right).
    expected = (4 * 0.2 + 2 * 0.05) / 6
    error = expected_calibration_error(confidences, is_right, bins=10)
    assert error == pytest.approx(expected)


def test_gaps_of_opposite_sign_do_not_cancel():
    confidences = np.array([0.75, 0.75, 0.25, 0.25])
    is_right = np.array([True, True, False, False])
    assert expected_calibration_error(confidences, is_right) == pytest.approx(0.25)


def test_fifteen_bins_by_default():
    # Bins end at multiples of 1/15: 0.53 and 0.54 are on two sides of 8/15.
    confidences, is_right = np.array([0.53, 0.54]), np.array([True, False])
    expected = (0.47 + 0.54) / 2
    assert expected_calibration_error(confidences, is_right) == pytest.approx(expected)


def test_confidence_one_has_a_bin():
    assert expected_calibration_error(np.ones(3), np.ones(3, bool)) == 0


def test_rejection():
    probabilities = np.zeros((7, 11))
    labels = np.array([3, 3, 4, 10, 10, 10, 5])
    # What is read, and the probability of junk.
    reads, junk = [3, 3, 10, 10, 10, 2, 5], [0.1, 0.3, 0.6, 0.9, 0.7, 0.2, 0.1]
    for row, read, share in zip(probabilities, reads, junk, strict=True):
        row[10], row[read] = share, max(share, 1 - share)
    found = rejection(probabilities, labels)
    assert found == {
        "digits": 4,
        "junk": 3,
        "accuracy_of_digits": 3 / 4,
        "accuracy_of_junk": pytest.approx(2 / 3),
        "expected_calibration_error": pytest.approx(
            # 0.9, 0.7 (two), 0.6, 0.9 (two together with 0.9), 0.8
            (abs(3 * 0.9 - 3) + abs(2 * 0.7 - 2) + 0.6 + 0.8) / 7
        ),
        # Of the 12 pairs of a digit and junk, 10 are in the right order: 0.2 is below
        # 0.3 and 0.6.
        "area_under_roc": pytest.approx(10 / 12),
    }
    assert [type(value) for value in found.values()] == [int, int, *[float] * 4]


def test_rejection_counts_equal_scores_as_half():
    probabilities = np.full((4, 11), 1 / 11)
    labels = np.array([0, 1, 10, 10])
    assert rejection(probabilities, labels)["area_under_roc"] == 0.5
