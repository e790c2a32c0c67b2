"""A support vector machine that learns again from its support vectors, moved about."""

import cv2
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from baselines.features import extract_upright_and_plain, in_blocks
from baselines.machine import PairwiseSVC
from baselines.metric import LocalWhitening
from digits import geometry
from digits.normalise import SIZE

COMPONENTS = 0.97  # of the variance: about 130 of the 1,176 features
ELASTIC_DEVIATION = 0.6  # pixels, each way, by which a place is moved
ELASTIC_SIGMA = 5  # pixels: of the Gaussian by which neighbours are moved alike


class VirtualSVC(ClassifierMixin, BaseEstimator):
    """A PairwiseSVC of images, on gradients of them as they are and upright.

    First it learns from the images, then from those that became support vectors and
    `copies` of each, distorted (virtual support vectors; DeCoste & Schölkopf, Training
    Invariant Support Vector Machines, 2002). random_state: an int, which alone decides
    on how. Images are (N, 28, 28) uint8.
    """

    def __init__(self, C=5.0, gamma=2.0, copies=5, random_state=0):  # noqa: N803
        self.C, self.gamma = C, gamma
        self.copies, self.random_state = copies, random_state

    def fit(self, images, labels):
        """Learn from images (N, 28, 28) uint8 and labels (N,)."""
        self.space_ = make_pipeline(
            PCA(COMPONENTS, svd_solver="covariance_eigh"), LocalWhitening()
        )
        inputs = self.space_.fit_transform(extract_upright_and_plain(images), labels)
        support = PairwiseSVC(self.C, self.gamma).fit(inputs, labels).support_
        random = np.random.default_rng(self.random_state)
        copies = [
            self._transform(distort(images[support], random))
            for _ in range(self.copies)
        ]
        self.machine_ = PairwiseSVC(self.C, self.gamma).fit(
            np.concatenate([inputs[support], *copies]),
            np.tile(labels[support], 1 + self.copies),
        )
        self.classes_ = self.machine_.classes_
        return self

    def _transform(self, images):
        return self.space_.transform(extract_upright_and_plain(images))

    def decision_function(self, images):
        """Return (N, classes) float32, as PairwiseSVC does, of images (N, 28, 28)."""
        return self.machine_.decision_function(self._transform(images))

    def predict(self, images):
        """Return the classes (N,) of images (N, 28, 28) uint8."""
        return self.machine_.predict(self._transform(images))


def distort(images, random):
    """Return images (N, 28, 28) uint8, each turned, scaled, sheared, shifted and bent.

    Bent as by Simard et al., Best Practices for Convolutional Neural Networks, 2003.
    random: a NumPy Generator.
    """
    uniform = np.float32(random.uniform(-1, 1, (6, len(images))))
    affine = geometry.transforms(uniform, np)[:, :6].reshape(-1, 2, 3)
    noise = random.standard_normal((len(images), SIZE, SIZE, 2), np.float32)
    # Smoothing leaves so little of the noise's standard deviation.
    strength = ELASTIC_DEVIATION * 2 * ELASTIC_SIGMA * np.sqrt(np.pi)
    down, right = np.indices((SIZE, SIZE), np.float32)
    places = np.stack([right, down, np.ones_like(down)], axis=2)

    def distorted(index):
        bend = strength * cv2.GaussianBlur(noise[index], (0, 0), ELASTIC_SIGMA)
        sources = np.float32(places @ affine[index].T + bend)
        return cv2.remap(images[index], sources, None, cv2.INTER_LINEAR)

    def distorted_block(block):
        return np.stack([distorted(index) for index in block])

    return in_blocks(distorted_block, np.arange(len(images)))
