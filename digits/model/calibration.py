"""Probabilities that are as often right as they say, and how to measure that."""

import numpy as np

from digits.model.classifier import DIGITS
from digits.terminal.lazy import LazyModule

metrics = LazyModule("sklearn.metrics")

TEMPERATURES = np.geomspace(0.1, 10, 401)  # steps of 1.2 %
BINS = 15  # as many as Guo et al. take


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Return the log probabilities (N, classes) of logits (N, classes)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def negative_log_likelihood(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean negative log probability of labels (N,), given logits.

    logits: (N, classes); labels: 0 to classes - 1.
    """
    return -log_softmax(logits)[np.arange(len(labels)), labels].mean()


def expected_calibration_error(
    confidences: np.ndarray, is_right: np.ndarray, bins: int = BINS
) -> float:
    """Return the mean gap between confidence and accuracy, 0 to 1.

    confidences: (N,), 0 to 1; is_right: (N,) bool. The answers are sorted into bins of
    equal width by their confidence; the gap of a bin is weighted by its number of
    answers. Source: Naeini et al., Obtaining well calibrated probabilities using
    Bayesian binning, 2015.
    """
    chosen = np.minimum((confidences * bins).astype(int), bins - 1)
    gap = np.bincount(chosen, confidences - is_right, bins)
    return float(np.abs(gap).sum() / len(confidences))


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature, 0.1 to 10, that calibrates logits divided by it.

    logits: (N, classes) and labels: (N,) of held-out images; the temperature is the one
    of TEMPERATURES that makes the labels likeliest. Source: Guo et al., On calibration
    of modern neural networks, 2017.
    """
    losses = [negative_log_likelihood(logits / t, labels) for t in TEMPERATURES]
    return float(TEMPERATURES[np.argmin(losses)])


def rejection(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, int | float]:
    """Return how well a network tells digits from junk: counts, and shares from 0 to 1.

    probabilities: (N, 11), the last column that of junk; labels: (N,), 0 to 9, or 10
    for junk; both digits and junk must be among them.
    """
    is_right = probabilities.argmax(axis=1) == labels
    is_junk = labels == len(DIGITS)
    error = expected_calibration_error(probabilities.max(axis=1), is_right)
    area = metrics.roc_auc_score(is_junk, probabilities[:, -1])
    return {
        "digits": int((~is_junk).sum()),
        "junk": int(is_junk.sum()),
        "accuracy_of_digits": float(is_right[~is_junk].mean()),
        "accuracy_of_junk": float(is_right[is_junk].mean()),
        "expected_calibration_error": error,
        "area_under_roc": float(area),
    }
