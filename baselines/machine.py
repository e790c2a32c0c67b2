"""A support vector machine that uses all cores to learn and one product to answer."""

import itertools

import joblib
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.svm import SVC

BLOCK = 500  # inputs at once, each against all support vectors
CACHE = 500  # megabytes for each pair that is learned


class PairwiseSVC(ClassifierMixin, BaseEstimator):
    """One SVC with a Gaussian kernel for each pair of classes, as in SVC itself.

    SVC learns pair after pair on one core, and answers vector by vector; here pairs are
    learned side by side, and all kernels of a block come from one matrix product.
    """

    def __init__(self, C=1.0, gamma=1.0):  # noqa: N803 (as SVC has it)
        self.C, self.gamma = C, gamma

    def fit(self, inputs, labels):
        """Learn from inputs (N, F) float32 and labels (N,)."""
        self.classes_ = np.unique(labels)
        pairs = list(itertools.combinations(range(len(self.classes_)), 2))
        learned = joblib.Parallel(n_jobs=-1, prefer="threads")(
            joblib.delayed(self._fit_pair)(inputs, labels, *self.classes_[[a, b]])
            for a, b in pairs
        )
        support = np.unique(np.concatenate([rows for rows, _, _ in learned]))
        self.support_, self.vectors_ = support, np.float32(inputs[support])
        self.coefficients_ = np.zeros((len(support), len(pairs)), np.float32)
        for pair, (rows, coefficients, _) in enumerate(learned):
            self.coefficients_[np.searchsorted(support, rows), pair] = coefficients
        self.intercepts_ = np.float32([intercept for *_, intercept in learned])
        return self

    def _fit_pair(self, inputs, labels, one, other):
        """Return (rows of the support vectors, their coefficients, the intercept)."""
        rows = np.flatnonzero((labels == one) | (labels == other))
        machine = SVC(C=self.C, gamma=self.gamma, cache_size=CACHE)
        machine.fit(inputs[rows], labels[rows] == one)
        return rows[machine.support_], machine.dual_coef_[0], machine.intercept_[0]

    def decision_function(self, inputs):
        """Return (N, classes) float32: votes of the pairs, and a little for how clear.

        As scikit-learn does it: what all pairs of a class say together decides among
        classes of as many votes.
        """
        blocks = [
            inputs[start : start + BLOCK] for start in range(0, len(inputs), BLOCK)
        ]
        margins = np.concatenate([self._margins(block) for block in blocks])
        votes = np.zeros((len(inputs), len(self.classes_)), np.float32)
        clarity = np.zeros_like(votes)
        pairs = itertools.combinations(range(len(self.classes_)), 2)
        for (one, other), margin in zip(pairs, margins.T, strict=True):
            votes[:, one] += margin > 0
            votes[:, other] += margin <= 0
            clarity[:, one] += margin
            clarity[:, other] -= margin
        return votes + clarity / (3 * (np.abs(clarity) + 1))

    def _margins(self, inputs):
        """Return how clearly each pair is decided for its first class, (N, pairs)."""
        kernels = rbf_kernel(inputs, self.vectors_, gamma=self.gamma)
        return kernels @ self.coefficients_ + self.intercepts_

    def predict(self, inputs):
        """Return the classes (N,) of inputs (N, F) float32."""
        return self.classes_[self.decision_function(inputs).argmax(axis=1)]
