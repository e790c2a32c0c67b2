"""From pictures to readings: decode, ink, find, normalise, classify, arrange."""

import math
from typing import NamedTuple

import cv2
import numpy as np

from digits import UserError
from digits.arrange import arrange
from digits.decode import decode
from digits.find import find_digits
from digits.ink import extract_ink
from digits.normalise import BOX, SIZE, normalise

PICTURES_AT_ONCE = 32  # classified together: of 6 MB each at most


class Digit(NamedTuple):
    """One digit of a picture.

    digit: 0 to 9; confidence: its probability; box: (x, y, width, height) in pixels of
    the upright picture; row: counted from 0 at the top; probabilities: (10,) float32;
    image: (28, 28) uint8, what the network saw.
    """

    digit: int
    confidence: float
    box: tuple
    row: int
    probabilities: np.ndarray
    image: np.ndarray


def percent(probability):
    """Return a probability as per cent, rounded down: 99.99 is not called 100."""
    return f"{math.floor(1000 * probability) / 10:.1f}"


class Reading(NamedTuple):
    """What a file says: its digits in reading order, or the error that kept it unread.

    picture: (H, W, 3) uint8 BGR as it was read, `scale` pixels of the file a pixel.
    """

    file: str
    digits: list
    error: str | None = None
    picture: np.ndarray | None = None
    scale: float = 1.0

    @property
    def rows(self):
        """The readings of the rows, top to bottom: ['2026', '11']."""
        count = 1 + max((digit.row for digit in self.digits), default=-1)
        return [
            "".join(str(digit.digit) for digit in self.digits if digit.row == row)
            for row in range(count)
        ]


def read_pictures(paths, network, threshold, single=False):
    """Yield a Reading for each path, in order.

    Digits that the network is less sure of than `threshold` (0 to 1) are left out;
    `single`: each picture holds exactly one digit, so that the surest answer counts.
    """
    for start in range(0, len(paths), PICTURES_AT_ONCE):
        batch = [_segment(path, single) for path in paths[start:][:PICTURES_AT_ONCE]]
        images = [image for _, found in batch for _, image in found]
        probabilities = iter(network.probabilities(np.array(images)))
        for reading, found in batch:
            sure = [
                (box, image, row)
                for (box, image), row in zip(found, probabilities, strict=False)
                if single or row.max() >= threshold
            ]
            yield reading._replace(digits=_in_order(sure, reading.scale))


def _segment(path, single):
    """Return a Reading without digits, and [(box, (28, 28) image)] that were found."""
    try:
        picture, scale = decode(path)
    except UserError as error:
        return Reading(str(path), [], error=str(error)), []
    reading = Reading(str(path), [], picture=picture, scale=scale)
    if is_mnist_image(picture):
        return reading, [((0, 0, SIZE, SIZE), picture[..., 0])]
    pieces = find_digits(extract_ink(picture), single)
    return reading, [(piece[:4], normalise(piece.ink)) for piece in pieces]


def is_mnist_image(picture):
    """Tell whether a BGR picture is an MNIST image already: it is then read unchanged.

    MNIST's are 28x28, gray, white on black, of a 20x20 box at most whose centre of mass
    is in the middle.
    """
    if picture.shape[:2] != (SIZE, SIZE):
        return False
    image = picture[..., 0]
    if not image.any() or (picture != image[..., None]).any():
        return False
    _, _, width, height = cv2.boundingRect(image)
    moments = cv2.moments(image)
    middle = np.array([moments["m10"], moments["m01"]]) / moments["m00"]
    off_centre = np.abs(middle - (SIZE - 1) / 2).max()
    return max(width, height) == BOX and off_centre <= 1


def _in_order(found, scale):
    """Return Digits in reading order of [(box, image, probabilities)]."""
    digits = []
    for row, indices in enumerate(arrange([box for box, _, _ in found])):
        for index in indices:
            box, image, probabilities = found[index]
            digit = int(probabilities.argmax())
            digits.append(
                Digit(
                    digit=digit,
                    confidence=float(probabilities[digit]),
                    box=tuple(round(length * scale) for length in box),
                    row=row,
                    probabilities=probabilities,
                    image=image,
                )
            )
    return digits
