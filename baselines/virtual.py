"""A support vector machine that learns again from its support vectors, moved about."""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from baselines import features
from baselines.machine import PairwiseSVC
from baselines.metric import LocalWhitening
from digits import geometry
from digits.normalise import SIZE

COMPONENTS = 0.97  # of the variance: about 130 of the 1,176 features
BEND = 0.6  # pixels: standard deviation of how far a place is moved by bending
SMOOTHNESS = 5  # pixels: of the Gaussian by which neighbours are moved alike


class VirtualSVC(ClassifierMixin, BaseEstimator):
    """A PairwiseSVC of images, on gradients of them as they are and upright.

    First it learns from the images, then from those that became support vectors and
    `copies` of each, moved about (virtual support vectors; DeCoste & Schölkopf,
    Training Invariant Support Vector Machines, 2002). random_state: an int, which alone
    decides on how. Images are (N, 784) uint8.
    """

    def __init__(self, C=5.0, gamma=2.0, copies=5, random_state=0):  # noqa: N803
        self.C, self.gamma = C, gamma
        self.copies, self.random_state = copies, random_state

    def fit(self, images, labels):
        """Learn from images (N, 784) and labels (N,)."""
        self.space_ = make_pipeline(
            PCA(COMPONENTS, svd_solver="covariance_eigh"), LocalWhitening()
        )
        inputs = self.space_.fit_transform(_see(images), labels)
        machine = PairwiseSVC(self.C, self.gamma).fit(inputs, labels)
        support = machine.support_
        random = np.random.default_rng(self.random_state)
        moved = [
            self._inputs(move(images[support], random)) for _ in range(self.copies)
        ]
        self.machine_ = PairwiseSVC(self.C, self.gamma).fit(
            np.concatenate([inputs[support], *moved]),
            np.tile(labels[support], 1 + self.copies),
        )
        self.classes_ = self.machine_.classes_
        return self

    def _inputs(self, images):
        return self.space_.transform(_see(images))

    def decision_function(self, images):
        """Return (N, classes) float32, as PairwiseSVC does, of images (N, 784)."""
        return self.machine_.decision_function(self._inputs(images))

    def predict(self, images):
        """Return the classes (N,) of images (N, 784)."""
        return self.machine_.predict(self._inputs(images))


def _see(images):
    return features.extract_both(images.reshape(-1, SIZE, SIZE))


def move(images, random):
    """Return images (N, 784) uint8, each turned, scaled, sheared, shifted and bent.

    random: a NumPy Generator.
    """
    uniform = np.float32(random.uniform(-1, 1, (6, len(images))))
    affine = geometry.transforms(uniform, np)[:, :6].reshape(-1, 2, 3)
    noise = random.standard_normal((len(images), SIZE, SIZE, 2), np.float32)
    down, right = np.indices((SIZE, SIZE), np.float32)
    places = np.stack([right, down, np.ones_like(down)], axis=2)
    # Smoothing leaves so little of the noise's standard deviation.
    strength = BEND * 2 * SMOOTHNESS * np.sqrt(np.pi)

    def move_one(index):
        bend = strength * cv2.GaussianBlur(noise[index], (0, 0), SMOOTHNESS)
        sources = np.float32(places @ affine[index].T + bend)
        image = images[index].reshape(SIZE, SIZE)
        return cv2.remap(image, sources, None, cv2.INTER_LINEAR).ravel()

    with ThreadPoolExecutor() as pool:
        return np.stack(list(pool.map(move_one, range(len(images)))))
