import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import roc_auc_score

from digits.calibration import (
    area_under_roc,
    expected_calibration_error,
    fit_temperature,
    log_softmax,
    negative_log_likelihood,
)

LOGITS = np.random.default_rng(0).normal(0, 3, (500, 10)).astype(np.float32)


def test_against_tensorflow():
    labels = np.arange(500) % 10
    expected = tf.nn.log_softmax(LOGITS).numpy()
    np.testing.assert_allclose(log_softmax(LOGITS), expected, atol=1e-5)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, LOGITS)
    loss = negative_log_likelihood(LOGITS, labels)
    assert loss == pytest.approx(losses.numpy().mean(), rel=1e-5)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_finds_the_temperature_that_labels_were_drawn_at(temperature):
    random = np.random.default_rng(1)
    logits = random.normal(0, 3, (20000, 10))
    probabilities = np.exp(log_softmax(logits / temperature))
    drawn = (probabilities.cumsum(axis=1) < random.random((20000, 1))).sum(axis=1)
    labels = np.minimum(drawn, 9)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.05)


def test_area_under_roc_against_scikit_learn():
    random = np.random.default_rng(2)
    positive = random.random(400) < 0.3
    scores = np.round(random.normal(positive, 1), 1)  # many of them equal
    expected = roc_auc_score(positive, scores)
    assert area_under_roc(scores, positive) == pytest.approx(expected)


def test_expected_calibration_error():
    confidences = np.array([0.95, 0.95, 0.95, 0.95, 0.55, 0.55])
    right = np.array([True, True, True, False, True, False])
    # Bins of four answers (0.95 said, 0.75 right) and two (0.55 said, 0.5 right).
    expected = (4 * 0.2 + 2 * 0.05) / 6
    error = expected_calibration_error(confidences, right, bins=10)
    assert error == pytest.approx(expected)


def test_confidence_one_has_a_bin():
    assert expected_calibration_error(np.ones(3), np.ones(3, bool)) == 0
