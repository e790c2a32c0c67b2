"""Read pictures: decode, extract ink, segment, classify, refine, reject, put in order.

Where most of the ink makes no sense, other assumptions about it are tried: see
`fallback_regions`.
"""

import functools
import itertools
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from digits.image import SIZE
from digits.model.classifier import DIGITS
from digits.reading import layout
from digits.reading.classify import SURE, Classified, DigitClassifier, classify
from digits.reading.decode import SUFFIXES, Page, ending_of, pages
from digits.reading.ink import coarse, extract_ink, flat_paper, is_light_on_dark
from digits.reading.normalise import is_mnist_image
from digits.reading.refine import LEAST_JOINED, join, refine
from digits.reading.reject import accept, worth
from digits.reading.segment import FAINT_FRINGE, Box, Region, segment

THRESHOLD = 0.5  # confidence below which something else is as likely
PICTURES_AT_ONCE = 32  # pictures, of 8 MB each at most, that are classified together …
BYTES_AT_ONCE = 256 << 20  # … or fewer, where their regions are larger than that


class Digit(NamedTuple):
    """One digit of a picture.

    digit: 0 to 9; confidence: its probability, 0 to 1; box: (x, y, width, height) in
    pixels of the file's upright picture; row: counted from 0 at the top; probabilities:
    (11,) float32, the last of no digit; image: (28, 28) uint8, as it was classified.
    """

    digit: int
    confidence: float
    box: Box
    row: int
    probabilities: np.ndarray
    image: np.ndarray

    def guesses(self, count: int) -> list[tuple[int, float]]:
        """Return the likeliest digits, the best first: [(digit, probability)]."""
        order = (-self.probabilities[:10]).argsort()[:count]
        return [(int(guess), float(self.probabilities[guess])) for guess in order]


def percent(probability: float) -> str:
    """Return a probability, 0 to 1, in per cent, rounded down: 0.9999 gives 99.9."""
    return f"{math.floor(1000 * probability) / 10:.1f}"


class Reading(NamedTuple):
    """The digits of a page in reading order, or the error that kept it unread.

    rows: of digits, top to bottom, numbers parted by spaces: ['22 11', '2026']; page:
    counted from 1, and of_many: whether the file has others; picture: (H, W, 3) uint8
    BGR as it was read, or None; scale: how many pixels of the file's upright picture
    one of its pixels is wide.
    """

    file: str
    digits: list[Digit]
    rows: Sequence[str] = ()
    error: str | None = None
    page: int = 1
    of_many: bool = False
    picture: np.ndarray | None = None
    scale: float = 1.0

    @property
    def name(self) -> str:
        """The file, and the page where it is one of many: scan.tif[2]."""
        return f"{self.file}[{self.page}]" if self.of_many else self.file

    def as_line(self) -> str:
        """Return a line of text: the name, the rows, the least confidence."""
        if not self.digits:
            return f"{self.name}: no digit"
        least = min(digit.confidence for digit in self.digits)
        return f"{self.name}: {' '.join(self.rows)} ({percent(least)} %)"


def list_pictures(names: Iterable[str]) -> list[str]:
    """Return the paths of the pictures that `names` (files and folders) stand for.

    The order of `names` is kept. A folder stands for its pictures, sorted by name,
    without hidden files and without subfolders. A folder without pictures, or one that
    cannot be read, stands for itself: reading it gives a Reading with the error.
    """
    return [path for name in names for path in _pictures_in(name) or [name]]


def _pictures_in(folder):
    """Return the paths of a folder's pictures, [] if it is no folder or unreadable."""
    try:
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    except OSError:
        return []
    paths = [
        os.path.join(folder, name)
        for name in names
        if ending_of(name) in SUFFIXES and not name.startswith(".")
    ]
    return [path for path in paths if not os.path.isdir(path)]


def read_pictures(
    paths: Sequence[str | Path],
    classifier: DigitClassifier,
    threshold: float,
    single: bool = False,
) -> Iterator[Reading]:
    """Yield a Reading for each page of each path, in order.

    threshold: the least confidence, 0 to 1, of a digit that is read; single: each
    picture holds exactly one digit, so the likeliest one counts. A picture that cannot
    be decoded gives a Reading with an error.
    """
    for batch in _batches(paths):
        regions = [region for _, own in batch for region in own]
        classified = iter(classify(regions, classifier))
        for reading, own in batch:
            candidates = list(itertools.islice(classified, len(own)))
            fallbacks = fallback_regions(reading.picture)
            if single:
                digits = _only_digit(candidates, fallbacks, classifier)
            else:
                digits = _accepted(candidates, fallbacks, classifier, threshold)
            yield _laid_out(reading, digits)


def _batches(paths):
    """Yield lists of (Reading without digits, its Regions), in order of the paths."""
    # One step for all pictures, then the next, is faster than picture by picture.
    unread = (_unread(path, page) for path in paths for page in pages(path))
    while readings := list(itertools.islice(unread, PICTURES_AT_ONCE)):
        batch, size = [], 0
        for reading in readings:
            regions = _regions(reading.picture)
            batch.append((reading, regions))
            size += sum(region.ink.nbytes for region in regions)
            if size > BYTES_AT_ONCE:
                yield batch
                batch, size = [], 0
        yield batch


def _unread(path, page: Page):
    """Return the Reading of a page, without digits."""
    return Reading(
        str(path),
        [],
        error=page.error,
        page=page.number,
        of_many=page.of_many,
        picture=page.picture,
        scale=page.scale,
    )


def _regions(picture):
    """Return the Regions of a picture (H, W, 3); [] of None."""
    if picture is None:
        return []
    if _is_mnist_picture(picture):
        return [Region(0, 0, SIZE, SIZE, picture[..., 0])]
    return segment(extract_ink(picture))


def _is_mnist_picture(picture):
    """Tell whether a BGR picture is a gray MNIST image, which is read unchanged."""
    gray = picture[..., 0]
    return is_mnist_image(gray) and not (picture != gray[..., None]).any()


def fallback_regions(picture: np.ndarray | None) -> Iterator[list[Region]]:
    """Yield lists of Regions that a picture has under less likely assumptions.

    picture: (H, W, 3) uint8 BGR, or None, which has none. Ink at the border may be that
    of other digits, ink may be fainter than usual, or light on dark instead of dark on
    light.
    """
    if picture is None or _is_mnist_picture(picture):
        return
    light_on_dark = is_light_on_dark(coarse(picture))
    ink = extract_ink(picture)
    yield segment(ink, cut_out=True)
    if flat_paper(picture) is not None:  # it may still be lit unevenly
        ink = extract_ink(picture, light_on_dark)
    yield segment(ink, fringe=FAINT_FRINGE)
    yield segment(extract_ink(picture, not light_on_dark))


def _accepted(classified, fallbacks, classifier, threshold) -> list[Classified]:
    """Return the Classified that are accepted as digits, refined where unsure.

    fallbacks: an iterator of lists of Regions, which are tried where most of the
    Classified are not accepted; those that make the most sense count.
    """
    classified = refine(classified, classifier)
    digits = accept(classified, threshold)
    if 2 * len(digits) > len(classified):
        return digits
    best = max(0, worth(digits, classified))
    for regions in fallbacks:
        classified = refine(classify(regions, classifier), classifier)
        sure = accept(classified, max(threshold, SURE))
        if worth(sure, classified) > best:
            best = worth(sure, classified)
            digits = max(sure, accept(classified, threshold), key=len)
    return digits


def _only_digit(classified, fallbacks, classifier) -> list[Classified]:
    """Return [Classified] of the picture's only digit, or [] where there is no ink.

    It is the digit that is read without `single`, if that is exactly one; else the
    likeliest. Its probability of no digit is set to 0.
    """
    fallbacks, remaining = itertools.tee(fallbacks)
    digits = _accepted(classified, fallbacks, classifier, THRESHOLD)
    best = digits[0] if len(digits) == 1 else _likeliest(classified, classifier)
    if best is None or best.confidence < THRESHOLD:
        candidates = [
            _likeliest(classify(regions, classifier), classifier)
            for regions in remaining
        ]
        best = _most_confident([c for c in (best, *candidates) if c is not None])
    if best is None:
        return []
    probabilities = best.probabilities[:10]
    probabilities = probabilities / max(probabilities.sum(), 1e-9)
    return [best._replace(probabilities=np.append(probabilities, np.float32(0)))]


def _likeliest(classified, classifier) -> Classified | None:
    """Return the one digit that all Classified show together, or None of [].

    It is the union of all, if that may be a digit; else the most confident one: then
    all else is dirt.
    """
    if len(classified) > 1:
        regions = [candidate.region for candidate in classified]
        (union,) = classify([functools.reduce(join, regions)], classifier)
        is_digit = union.confidence >= LEAST_JOINED
        classified = [union] if is_digit else refine(classified, classifier)
    return _most_confident(classified)


def _most_confident(classified) -> Classified | None:
    return max(classified, key=lambda candidate: candidate.confidence, default=None)


def _laid_out(reading, classified):
    """Return a Reading with the digits of Classified, in rows."""
    boxes = [candidate.region.box for candidate in classified]
    labels = [DIGITS[candidate.digit] for candidate in classified]
    digits, rows = [], []
    for row in layout.rows_of(boxes, [False] * len(boxes)):
        for index in row.indices:
            lengths = (round(length * reading.scale) for length in boxes[index])
            x, y, width, height = lengths
            digits.append(
                Digit(
                    digit=classified[index].digit,
                    confidence=classified[index].confidence,
                    box=(x, y, width, height),
                    row=len(rows),
                    probabilities=classified[index].probabilities,
                    image=classified[index].image,
                )
            )
        rows.append(row.numbers(labels))
    return reading._replace(digits=digits, rows=rows)
