"""Classify regions of ink: normalise each to an image, and ask the classifier."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from digits.model.classifier import NO_DIGIT_LABEL
from digits.reading.normalise import normalise
from digits.reading.segment import Region

SURELY_NONE = 0.9  # probability of no digit


class DigitClassifier(Protocol):
    """What tells digits apart: digits.model.classifier.Classifier, or a baseline."""

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return (N, 11) float32 of images (N, 28, 28), 0 to 255.

        The last column is the probability of no digit, 0 where that is no class.
        """
        ...


class Classified(NamedTuple):
    """A Region and its probabilities (11,) float32."""

    region: Region
    probabilities: np.ndarray

    @property
    def digit(self) -> int:
        """The likeliest digit, 0 to 9."""
        return int(self.probabilities[:10].argmax())

    @property
    def confidence(self) -> float:
        """The probability of that digit, 0 to 1."""
        # NumPy's own `max` takes three times as long on so few.
        return max(self.probabilities[:10].tolist())

    @property
    def is_surely_none(self) -> bool:
        """Whether it is surely no digit."""
        return bool(self.probabilities[NO_DIGIT_LABEL] >= SURELY_NONE)


def classify(
    regions: Sequence[Region], classifier: DigitClassifier
) -> list[Classified]:
    """Return a Classified for each of the Regions, in order."""
    images = [normalise(region.ink) for region in regions]
    probabilities = classifier.probabilities(np.array(images))
    return [Classified(*both) for both in zip(regions, probabilities, strict=True)]
