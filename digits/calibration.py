"""Making probabilities mean what they say."""

import numpy as np

TEMPERATURES = np.geomspace(0.1, 10, 401)


def log_softmax(logits):
    """Return the log probabilities (N, classes) of logits (N, classes)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def negative_log_likelihood(logits, labels):
    """Return the mean -log probability of the labels (N,) under logits (N, classes)."""
    return -log_softmax(logits)[np.arange(len(labels)), labels].mean()


def fit_temperature(logits, labels):
    """Return the number that logits are best divided by before the softmax.

    The best is the likeliest of held-back labels. Guo et al., On Calibration of Modern
    Neural Networks, 2017.
    """
    losses = [negative_log_likelihood(logits / t, labels) for t in TEMPERATURES]
    return float(TEMPERATURES[np.argmin(losses)])
