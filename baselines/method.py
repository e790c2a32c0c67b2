"""A classical method: how it is built, what it learns from, what it answers."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from baselines import features

LEAST = 1e-3  # probability: even what no neighbour and no tree says may be


class Method(NamedTuple):
    """A classical method.

    name: of its script; build: a function from (raw, seed) to an unfitted scikit-learn
    pipeline; grid: what --search tries, {parameter of the pipeline: [values]};
    growth: how the time of a fit grows with the images: with which power; temperature:
    of the probabilities, as --search finds it on the validation images; extract: a
    function from images (N, 28, 28) uint8 to what the pipeline takes without --raw.
    """

    name: str
    build: Callable
    grid: dict
    growth: float
    temperature: float
    extract: Callable = features.extract

    @property
    def script(self):
        """The command that runs it."""
        return f"baselines/{self.name}.py"

    def inputs_of(self, images, raw):
        """Return what its classifier takes of images (N, 28, 28) uint8.

        With `raw` that is (N, 784) float32, 0 to 1.
        """
        if raw:
            return np.float32(images.reshape(len(images), -1)) / 255
        return self.extract(images)


def scores(classifier, inputs):
    """Return how much speaks for each digit, (N, 10) float32, of inputs (N, F)."""
    if hasattr(classifier, "predict_proba"):
        return np.log(np.float32(classifier.predict_proba(inputs)) + LEAST)
    return np.float32(classifier.decision_function(inputs))
