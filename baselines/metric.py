"""A learned metric: what differs between alike images of one digit counts less."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.neighbors import NearestNeighbors

NEIGHBOURS = 5  # of its own digit that an image is compared with


class LocalWhitening(TransformerMixin, BaseEstimator):
    """Scales inputs so that neighbours of one class differ alike in all directions.

    The scatter of those differences is whitened (as the within-class scatter in Short &
    Fukunaga, 1981, and in Hastie & Tibshirani, Discriminant Adaptive Nearest Neighbor,
    1996, here one for the whole space); `ridge`, in its mean variances, keeps the
    directions in which they hardly differ from counting for too much.
    """

    def __init__(self, ridge=1.0):
        self.ridge = ridge

    def fit(self, inputs, labels):
        """Learn from inputs (N, F) float32 and labels (N,)."""
        differences = np.concatenate(
            [self._differences(inputs[labels == label]) for label in np.unique(labels)]
        )
        scatter = differences.T @ differences
        scatter = scatter / np.trace(scatter) * len(scatter)
        variances, directions = np.linalg.eigh(scatter.astype(np.float64))
        whitening = directions / np.sqrt(np.maximum(variances, 0) + self.ridge)
        # Distances are then about 1, whatever the number of dimensions.
        spread = np.sqrt((inputs @ whitening).var(axis=0).sum())
        self.whitening_ = np.float32(whitening / spread)
        return self

    @staticmethod
    def _differences(inputs):
        """Return (M, F): inputs (N, F) of one class less their neighbours."""
        count = min(NEIGHBOURS + 1, len(inputs))
        search = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(inputs)
        nearest = search.kneighbors(inputs, return_distance=False)[:, 1:]
        differences = inputs[:, None] - inputs[nearest]
        return differences.reshape(-1, inputs.shape[1])

    def transform(self, inputs):
        """Return inputs (N, F) in the learned metric, (N, F) float32."""
        return inputs @ self.whitening_
