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


def expected_calibration_error(confidences, right, bins=15):
    """Return the mean gap between confidence and accuracy, 0 to 1.

    confidences: (N,), 0 to 1; right: (N,) bool. The gaps of equally wide bins count by
    their number of answers (Naeini et al., 2015).
    """
    chosen = np.minimum((confidences * bins).astype(int), bins - 1)
    gap = np.bincount(chosen, confidences - right, bins)
    return float(np.abs(gap).sum() / len(confidences))


def area_under_roc(scores, positive):
    """Return the probability that a positive's score is above another's, 0 to 1.

    scores: (N,); positive: (N,) bool, of both kinds. Equal scores count one half
    (Hanley & McNeil, 1982).
    """
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives = np.count_nonzero(positive)
    below = ranks[positive].sum() - positives * (positives + 1) / 2
    return float(below / (positives * (len(scores) - positives)))


def fit_temperature(logits, labels):
    """Return the number that logits are best divided by before the softmax.

    The best is the likeliest of held-back labels. Guo et al., On Calibration of Modern
    Neural Networks, 2017.
    """
    losses = [negative_log_likelihood(logits / t, labels) for t in TEMPERATURES]
    return float(TEMPERATURES[np.argmin(losses)])


def rejection(probabilities, labels):
    """Return how well digits are told from junk: a dict of counts and shares, 0 to 1.

    probabilities: (N, 11), the last of junk; labels: (N,), 10 of junk.
    """
    right, junk = probabilities.argmax(axis=1) == labels, labels == 10
    error = expected_calibration_error(probabilities.max(axis=1), right)
    return {
        "digits": int((~junk).sum()),
        "junk": int(junk.sum()),
        "accuracy_of_digits": float(right[~junk].mean()),
        "accuracy_of_junk": float(right[junk].mean()),
        "expected_calibration_error": error,
        "area_under_roc": area_under_roc(probabilities[:, -1], junk),
    }
