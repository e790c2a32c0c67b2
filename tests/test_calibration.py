import numpy as np
import pytest
import tensorflow as tf

from digits.calibration import fit_temperature, log_softmax, negative_log_likelihood

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
