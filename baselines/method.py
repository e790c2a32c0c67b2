"""A classical method: its classifier, its features and its parameters."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from baselines import features

# Added to a probability before its logarithm is taken: it is 0 for a digit that no
# neighbour has and no tree votes for.
LEAST_PROBABILITY = 1e-3


class Method(NamedTuple):
    """A classical method.

    name: that of its script; build: a function from (raw, seed) to an unfitted
    scikit-learn pipeline; grid: what --search tries, {parameter of the pipeline:
    [values]}; temperature: what its scores are divided by before the softmax, found by
    --search on the validation images; extract: a function from images (N, 28, 28) uint8
    to the pipeline's inputs, unless --raw is given.
    """

    name: str
    build: Callable[[bool, int], Any]
    grid: dict[str, list]
    temperature: float
    extract: Callable[[np.ndarray], np.ndarray] = features.extract

    @property
    def script(self) -> str:
        """The path of its script in the repository."""
        return f"baselines/{self.name}.py"

    def inputs_of(self, images: np.ndarray, raw: bool) -> np.ndarray:
        """Return the pipeline's inputs for images (N, 28, 28) uint8.

        With `raw` they are the pixels, (N, 784) float32, 0 to 1.
        """
        if raw:
            return images.reshape(len(images), -1).astype(np.float32) / 255
        return self.extract(images)


def scores(classifier: Any, inputs: np.ndarray) -> np.ndarray:
    """Return a fitted classifier's score of each digit, (N, 10) float32.

    The scores are log probabilities, or those of the decision function if the
    classifier has no probabilities. inputs: N of them, as Method.inputs_of returns.
    """
    if hasattr(classifier, "predict_proba"):
        probabilities = classifier.predict_proba(inputs).astype(np.float32)
        return np.log(probabilities + LEAST_PROBABILITY)
    return classifier.decision_function(inputs).astype(np.float32)
