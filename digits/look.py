"""What the network sees and says of a piece of ink."""

from typing import NamedTuple

import numpy as np

from digits.find import Piece
from digits.normalise import normalise

SURE = 0.9  # a piece's probability of being its digit: no second look above


class Look(NamedTuple):
    """A Piece, the image (28, 28) uint8 of it and its probabilities (11,) float32."""

    piece: Piece
    image: np.ndarray
    probabilities: np.ndarray

    @property
    def digit(self):
        """The likeliest digit, 0 to 9."""
        return int(self.probabilities[:10].argmax())

    @property
    def chance(self):
        """The probability of that digit, 0 to 1."""
        # NumPy's own `max` takes three times as long on so few.
        return max(self.probabilities[:10].tolist())


def look_at(pieces, network):
    """Return a Look at each of the Pieces."""
    images = [normalise(piece.ink) for piece in pieces]
    probabilities = network.probabilities(np.array(images))
    return [Look(*each) for each in zip(pieces, images, probabilities, strict=True)]
