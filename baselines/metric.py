"""What labels teach about a space: which of its directions tell digits apart.

In a learned metric the differences between alike images of one digit count less; from
an image to its nearest rival, of another digit, leads a direction that tells the two.
"""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.metrics import euclidean_distances
from sklearn.neighbors import NearestNeighbors

RIVALS = 5000  # inputs among which the nearest of another class is sought
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


class RivalDirections(TransformerMixin, BaseEstimator):
    """Projects inputs onto directions from some of them to their nearest rivals.

    A tree asks for one number at a time: what tells two classes apart should be one.
    As in nonparametric discriminant analysis (Fukunaga & Mantock, 1983), but the
    directions themselves are taken, not what they have most in common. count: how many
    directions; random_state: an int, which alone decides on them.
    """

    def __init__(self, count=400, random_state=0):
        self.count, self.random_state = count, random_state

    def fit(self, inputs, labels):
        """Learn from inputs (N, F) float32 and labels (N,)."""
        random = np.random.default_rng(self.random_state)
        own = random.permutation(len(inputs))[: self.count]
        rivals = random.permutation(len(inputs))[:RIVALS]
        distances = euclidean_distances(inputs[own], inputs[rivals])
        distances[labels[own][:, None] == labels[rivals]] = np.inf
        nearest = rivals[distances.argmin(axis=1)]
        directions = inputs[own] - inputs[nearest]
        lengths = np.linalg.norm(directions, axis=1)
        self.directions_ = np.float32(directions.T / np.maximum(lengths, 1e-9))
        return self

    def transform(self, inputs):
        """Return how far inputs (N, F) lie along each direction, (N, count) float32."""
        return inputs @ self.directions_
