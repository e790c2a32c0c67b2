"""Linear maps of a feature space, learned from labels, that separate digits better."""

from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.metrics import euclidean_distances
from sklearn.neighbors import NearestNeighbors

NEIGHBOURS = 5  # of its own class that an input is compared with
RIVALS = 5000  # inputs among which the nearest of another class is searched


class LocalWhitening(TransformerMixin, BaseEstimator):
    """Scales a space so that neighbours of one class differ equally in all directions.

    The scatter of their differences is whitened, as the within-class scatter is by
    Short & Fukunaga, The optimal distance measure for nearest neighbor classification,
    1981, and by Hastie & Tibshirani, Discriminant adaptive nearest neighbor
    classification, 1996; here one scatter serves the whole space. ridge: added to the
    variances, as a multiple of their mean, so that directions with hardly any scatter
    do not dominate.
    """

    def __init__(self, ridge: float = 1.0):
        self.ridge = ridge

    def fit(self, inputs: np.ndarray, labels: np.ndarray) -> Self:
        """Learn from inputs (N, F) float32 and labels (N,)."""
        differences = np.concatenate(
            [self._differences(inputs[labels == label]) for label in np.unique(labels)]
        )
        scatter = differences.T @ differences
        scatter = scatter / np.trace(scatter) * len(scatter)
        variances, directions = np.linalg.eigh(scatter.astype(np.float64))
        whitening = directions / np.sqrt(np.maximum(variances, 0) + self.ridge)
        # The total variance becomes 1, so that one kernel width suits any dimension.
        spread = np.sqrt((inputs @ whitening).var(axis=0).sum())
        self.whitening_ = np.float32(whitening / spread)
        return self

    @staticmethod
    def _differences(inputs):
        """Return (M, F): inputs (N, F) of one class minus their nearest neighbours."""
        count = min(NEIGHBOURS + 1, len(inputs))
        search = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(inputs)
        # The first neighbour is the input itself.
        nearest = search.kneighbors(inputs, return_distance=False)[:, 1:]
        differences = inputs[:, None] - inputs[nearest]
        return differences.reshape(-1, inputs.shape[1])

    def transform(self, inputs: np.ndarray) -> np.ndarray:
        """Return inputs (N, F) float32, scaled: (N, F) float32."""
        return inputs @ self.whitening_


class RivalDirections(TransformerMixin, BaseEstimator):
    """Projects inputs onto directions from some of them to their nearest rivals.

    A rival is an input of another class. A tree tests one feature at a time, so each
    feature should separate two classes. The directions are those of nonparametric
    discriminant analysis (Fukunaga & Mantock, Nonparametric discriminant analysis,
    1983), taken themselves instead of their principal axes. count: how many directions;
    random_state: the seed that chooses them.
    """

    def __init__(self, count: int = 400, random_state: int = 0):
        self.count, self.random_state = count, random_state

    def fit(self, inputs: np.ndarray, labels: np.ndarray) -> Self:
        """Learn from inputs (N, F) float32 and labels (N,)."""
        random = np.random.default_rng(self.random_state)
        starts = random.permutation(len(inputs))[: self.count]
        rivals = random.permutation(len(inputs))[:RIVALS]
        distances = euclidean_distances(inputs[starts], inputs[rivals])
        distances[labels[starts][:, None] == labels[rivals]] = np.inf
        nearest = rivals[distances.argmin(axis=1)]
        directions = inputs[starts] - inputs[nearest]
        lengths = np.linalg.norm(directions, axis=1)
        self.directions_ = np.float32(directions.T / np.maximum(lengths, 1e-9))
        return self

    def transform(self, inputs: np.ndarray) -> np.ndarray:
        """Return how far inputs (N, F) lie along each direction, (N, count) float32."""
        return inputs @ self.directions_
