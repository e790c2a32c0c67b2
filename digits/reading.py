"""From pictures to readings: decode, ink, find, normalise, classify, arrange."""

import functools
import itertools
import math
import os
from typing import NamedTuple

import numpy as np

from digits import UserError
from digits.accept import accept, worth
from digits.arrange import arrange
from digits.decode import SUFFIXES, decode, ending_of
from digits.find import FAINT_FRINGE, Piece, find_digits
from digits.ink import coarse, extract_ink, flat_paper, is_light_on_dark
from digits.look import SURE, look_at
from digits.normalise import SIZE, is_mnist_image
from digits.second_look import LEAST_JOINED, joined, look_again

THRESHOLD = 0.5  # below it another digit, or none, is as likely
PICTURES_AT_ONCE = 32  # classified together: of 8 MB each at most; or fewer …
BYTES_AT_ONCE = 256 << 20  # … where their pieces are larger than that


class Digit(NamedTuple):
    """One digit of a picture.

    digit: 0 to 9; confidence: its probability; box: (x, y, width, height) in pixels of
    the upright picture; row: counted from 0 at the top; probabilities: (11,) float32,
    the last of no digit; image: (28, 28) uint8, what the network saw.
    """

    digit: int
    confidence: float
    box: tuple
    row: int
    probabilities: np.ndarray
    image: np.ndarray

    def guesses(self, count):
        """Return the likeliest digits, the best first: [(digit, probability)]."""
        order = (-self.probabilities[:10]).argsort()[:count]
        return [(int(guess), float(self.probabilities[guess])) for guess in order]


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

    def as_line(self):
        """Return a line of text: the file, its rows, its least certain probability."""
        if not self.digits:
            return f"{self.file}: no digit"
        least = min(digit.confidence for digit in self.digits)
        return f"{self.file}: {' '.join(self.rows)} ({percent(least)} %)"


def list_pictures(names):
    """Return the pictures that `names` (files and folders) stand for, and what failed.

    A folder stands for the pictures in it, by name, but not for hidden ones; folders
    within it are not entered. What failed is a list of Readings with an error.
    """
    pictures, failed = [], []
    for name in names:
        if not os.path.isdir(name):
            pictures.append(name)
            continue
        try:
            names_in_it = sorted(os.listdir(name))
        except OSError as error:
            reason = f"cannot be read: {error.strerror}"
            failed.append(Reading(name, [], error=reason))
            continue
        paths = [
            os.path.join(name, file)
            for file in names_in_it
            if ending_of(file) in SUFFIXES and not file.startswith(".")
        ]
        found = [path for path in paths if not os.path.isdir(path)]
        pictures += found
        if not found:
            failed.append(Reading(name, [], error="a folder without pictures"))
    return pictures, failed


def read_pictures(paths, network, threshold, single=False):
    """Yield a Reading for each path, in order.

    Digits that the network is less sure of than `threshold` (0 to 1) are left out;
    `single`: each picture holds exactly one digit, so that the likeliest counts.
    """
    for batch in _batches(paths):
        looks = iter(look_at([p for _, pieces in batch for p in pieces], network))
        for reading, pieces in batch:
            seen = list(itertools.islice(looks, len(pieces)))
            others = other_pieces(reading.picture)
            if single:
                seen = _only_digit(seen, others, network)
            else:
                seen = _digits(seen, others, network, threshold)
            yield reading._replace(digits=_in_order(seen, reading.scale))


def _batches(paths):
    """Yield lists of (Reading without digits, its Pieces), in order of the paths."""
    for start in range(0, len(paths), PICTURES_AT_ONCE):
        # One step for all pictures, then the next, is faster than picture by picture.
        readings = [_decode(path) for path in paths[start : start + PICTURES_AT_ONCE]]
        batch, size = [], 0
        for reading in readings:
            pieces = _pieces(reading.picture)
            batch.append((reading, pieces))
            size += sum(piece.ink.nbytes for piece in pieces)
            if size > BYTES_AT_ONCE:
                yield batch
                batch, size = [], 0
        yield batch


def _decode(path):
    """Return a Reading without digits."""
    try:
        picture, scale = decode(path)
    except UserError as error:
        return Reading(str(path), [], error=str(error))
    return Reading(str(path), [], picture=picture, scale=scale)


def _pieces(picture):
    """Return the Pieces of a picture (H, W, 3), or of none."""
    if picture is None:
        return []
    if _is_mnist_picture(picture):
        return [Piece(0, 0, SIZE, SIZE, picture[..., 0])]
    return find_digits(extract_ink(picture))


def _is_mnist_picture(picture):
    """Tell whether a BGR picture is a gray MNIST image, to be read unchanged."""
    gray = picture[..., 0]
    return is_mnist_image(gray) and not (picture != gray[..., None]).any()


def _only_digit(looks, others, network):
    """Return [Look] at the only digit, as if it was sure, or none of no ink.

    It is what is read in any case, if that is one digit; else the likeliest.
    """
    others, again = itertools.tee(others)
    read = _digits(looks, others, network, THRESHOLD)
    best = read[0] if len(read) == 1 else _likeliest(looks, network)
    if best is None or best.chance < THRESHOLD:
        more = [_likeliest(look_at(pieces, network), network) for pieces in again]
        found = [look for look in (best, *more) if look is not None]
        best = max(found, key=lambda look: look.chance, default=None)
    if best is None:
        return []
    digits = best.probabilities[:10] / max(best.probabilities[:10].sum(), 1e-9)
    return [best._replace(probabilities=np.append(digits, np.float32(0)))]


def _likeliest(looks, network):
    """Return the Look at the one digit that Looks show, or None of none.

    All ink together, if that may be a digit; else its likeliest piece, dirt beside it.
    """
    if len(looks) > 1:
        together = functools.reduce(joined, [look.piece for look in looks])
        (union,) = look_at([together], network)
        is_digit = union.chance >= LEAST_JOINED
        looks = [union] if is_digit else look_again(looks, network)
    return max(looks, key=lambda look: look.chance, default=None)


def _digits(looks, others, network, threshold):
    """Return the Looks that show digits, after a second look where that is doubtful.

    others: an iterator of the lists of Pieces that are looked at as well where most of
    the ink makes no sense.
    """
    looks = look_again(looks, network)
    digits = accept(looks, threshold)
    if 2 * len(digits) > len(looks):
        return digits
    best = max(0, worth(digits, looks))
    for pieces in others:
        looks = look_again(look_at(pieces, network), network)
        sure = accept(looks, max(threshold, SURE))
        if worth(sure, looks) > best:
            best = worth(sure, looks)
            digits = max(sure, accept(looks, threshold), key=len)
    return digits


def other_pieces(picture):
    """Yield lists of the Pieces of a picture (H, W, 3), or of none, less likely ones.

    Edges may be other digits', ink may be fainter than was thought, or light on dark
    instead of dark on light.
    """
    if picture is None or _is_mnist_picture(picture):
        return
    light_on_dark = is_light_on_dark(coarse(picture))
    ink = extract_ink(picture)
    yield find_digits(ink, cut_out=True)
    if flat_paper(picture) is not None:  # it may be lit unevenly yet
        ink = extract_ink(picture, light_on_dark)
    yield find_digits(ink, fringe=FAINT_FRINGE)
    yield find_digits(extract_ink(picture, not light_on_dark))


def _in_order(looks, scale):
    """Return Digits in reading order of Looks."""
    digits = []
    for row, indices in enumerate(arrange([look.piece[:4] for look in looks])):
        for index in indices:
            look = looks[index]
            digits.append(
                Digit(
                    digit=look.digit,
                    confidence=look.chance,
                    box=tuple(round(length * scale) for length in look.piece[:4]),
                    row=row,
                    probabilities=look.probabilities,
                    image=look.image,
                )
            )
    return digits
