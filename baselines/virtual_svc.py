"""A support vector machine that learns again from distorted support vectors."""

from typing import Any, Self

import cv2
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from baselines.features import extract_upright_and_plain, in_blocks
from baselines.pairwise_svc import PairwiseSVC
from baselines.whitening import LocalWhitening
from digits.image import SIZE
from digits.model import geometry

COMPONENTS = 0.97  # share of the variance: about 130 of the 1,176 features
ELASTIC_DEVIATION = 0.6  # pixels: standard deviation of the bend along each axis
ELASTIC_SIGMA = 5  # pixels: of the Gaussian that smooths the bend


class VirtualSVC(ClassifierMixin, BaseEstimator):
    """A PairwiseSVC on oriented gradients of images, plain and upright.

    It learns from the images first, and then from the support vectors and `copies`
    distorted copies of each: virtual support vectors (DeCoste & Schölkopf, Training
    invariant support vector machines, 2002). random_state: the seed of the distortions.
    """

    def __init__(
        self,
        C: float = 5.0,  # noqa: N803 (SVC's name)
        gamma: float = 2.0,
        copies: int = 5,
        random_state: int = 0,
    ):
        self.C, self.gamma = C, gamma
        self.copies, self.random_state = copies, random_state

    def fit(self, images: np.ndarray, labels: np.ndarray) -> Self:
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
        self.svc_ = PairwiseSVC(self.C, self.gamma).fit(
            np.concatenate([inputs[support], *copies]),
            np.tile(labels[support], 1 + self.copies),
        )
        self.classes_ = self.svc_.classes_
        return self

    def _transform(self, images):
        return self.space_.transform(extract_upright_and_plain(images))

    def decision_function(self, images: np.ndarray) -> np.ndarray:
        """Return PairwiseSVC's scores (N, classes) float32 of images (N, 28, 28)."""
        return self.svc_.decision_function(self._transform(images))

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Return the classes (N,) of images (N, 28, 28) uint8."""
        return self.svc_.predict(self._transform(images))


def distort(images: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return images (N, 28, 28) uint8, each randomly distorted.

    A distortion is an affine transform (geometry.transforms) and an elastic bend
    (Simard et al., Best practices for convolutional neural networks, 2003).
    """
    uniform = np.float32(random.uniform(-1, 1, (6, len(images))))
    affine = geometry.transforms(uniform, np)[:, :6].reshape(-1, 2, 3)
    noise = random.standard_normal((len(images), SIZE, SIZE, 2), np.float32)
    # The Gaussian divides the standard deviation of white noise by 2 sigma sqrt(pi).
    strength = ELASTIC_DEVIATION * 2 * ELASTIC_SIGMA * np.sqrt(np.pi)
    down, right = np.indices((SIZE, SIZE), np.float32)
    places = np.stack([right, down, np.ones_like(down)], axis=2)

    def distorted(index):
        bend = strength * cv2.GaussianBlur(noise[index], (0, 0), ELASTIC_SIGMA)
        sources = (places @ affine[index].T + bend).astype(np.float32)
        map2: Any = None  # OpenCV's stubs do not know that it may be None
        return cv2.remap(images[index], sources, map2, cv2.INTER_LINEAR)

    def distorted_block(block):
        return np.stack([distorted(index) for index in block])

    return in_blocks(distorted_block, np.arange(len(images)))
