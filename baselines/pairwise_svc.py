"""A support vector machine that learns on all cores and predicts by matrix products."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.svm import SVC

from digits.terminal import pool

BLOCK = 500  # inputs whose kernels with all support vectors are computed at once
CACHE = 500  # megabytes for each pair while it learns


class PairwiseSVC(ClassifierMixin, BaseEstimator):
    """A binary SVC with a Gaussian kernel for each pair of classes.

    The decisions are those of scikit-learn's SVC, which learns one pair after another
    on a single core and predicts vector by vector. Here pairs are learned in parallel,
    and the kernels of a whole block of inputs are one matrix product.
    """

    def __init__(self, C: float = 1.0, gamma: float = 1.0):  # noqa: N803 (SVC's name)
        self.C, self.gamma = C, gamma

    def fit(self, inputs: np.ndarray, labels: np.ndarray) -> Self:
        """Learn from inputs (N, F) float32 and labels (N,)."""
        self.classes_ = np.unique(labels)
        pairs = list(itertools.combinations(self.classes_, 2))
        with ThreadPoolExecutor(pool.cores()) as threads:
            fitted = list(
                threads.map(lambda pair: self._fit_pair(inputs, labels, *pair), pairs)
            )
        support = np.unique(np.concatenate([rows for rows, _, _ in fitted]))
        self.support_, self.vectors_ = support, np.float32(inputs[support])
        self.coefficients_ = np.zeros((len(support), len(pairs)), np.float32)
        for pair, (rows, coefficients, _) in enumerate(fitted):
            self.coefficients_[np.searchsorted(support, rows), pair] = coefficients
        self.intercepts_ = np.array([intercept for *_, intercept in fitted], np.float32)
        return self

    def _fit_pair(self, inputs, labels, first, second):
        """Return (rows of the support vectors, their coefficients, the intercept)."""
        rows = np.flatnonzero((labels == first) | (labels == second))
        svc = SVC(
            C=self.C,
            gamma=self.gamma,  # pyright: ignore[reportArgumentType]
            cache_size=CACHE,
        )
        svc.fit(inputs[rows], labels[rows] == first)
        return rows[svc.support_], svc.dual_coef_[0], svc.intercept_[0]

    def decision_function(self, inputs: np.ndarray) -> np.ndarray:
        """Return scores (N, classes) float32 of inputs (N, F) float32.

        A score is the number of pairs that vote for the class, plus less than 1/3
        either way by the sum of its margins, which breaks ties, as in scikit-learn.
        """
        blocks = [
            inputs[start : start + BLOCK] for start in range(0, len(inputs), BLOCK)
        ]
        margins = np.concatenate([self._margins(block) for block in blocks])
        votes = np.zeros((len(inputs), len(self.classes_)), np.float32)
        sums = np.zeros_like(votes)
        pairs = itertools.combinations(range(len(self.classes_)), 2)
        for (first, second), margin in zip(pairs, margins.T, strict=True):
            votes[:, first] += margin > 0
            votes[:, second] += margin <= 0
            sums[:, first] += margin
            sums[:, second] -= margin
        return votes + sums / (3 * (np.abs(sums) + 1))

    def _margins(self, inputs):
        """Return each pair's margin in favour of its first class, (N, pairs)."""
        kernels = rbf_kernel(inputs, self.vectors_, gamma=self.gamma)
        return kernels @ self.coefficients_ + self.intercepts_

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Return the classes (N,) of inputs (N, F) float32."""
        return self.classes_[self.decision_function(inputs).argmax(axis=1)]
