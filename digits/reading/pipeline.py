"""Read pictures: decode, find digits and signs, put them in rows.

A picture with one region of ink of which the digit networks are sure is read by them
alone, many times as fast: most pictures of a single digit are. In all others the reader
of pages looks for digits and signs (digits.reading.find). It looks first where a
picture is wide, since that seldom shows a single digit.
"""

import functools
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from digits.image import SIZE
from digits.model import model_file
from digits.model.classifier import DIGITS
from digits.model.reader import BORDER, MARKS, Reader
from digits.reading import layout, views
from digits.reading.classify import Classified, DigitClassifier, classify
from digits.reading.context import in_context
from digits.reading.decode import SUFFIXES, Page, ending_of, pages
from digits.reading.find import peaks, resized
from digits.reading.ink import extract_ink
from digits.reading.marks import Marks, overlaps
from digits.reading.normalise import is_mnist_image
from digits.reading.parts import WHOLE, Part
from digits.reading.result import Digit, Reading, Sign
from digits.reading.second_opinion import reconsidered
from digits.reading.segment import Region, all_ink, joined, segment

THRESHOLD = 0.5  # confidence below which something else is as likely
UNSURE = 0.2  # presence from which a digit that is left out is shown as unsure
SURE = 0.98  # confidence of the digit networks from which the reader is not asked …
SURE_IN_SMALL = 0.9  # … in small pictures, which they read better than it does …
SURE_IN_MNIST = 0.7  # … and in images as MNIST's, from which they learned
CHECKED = 1, 7  # they look like brackets, slashes and each other: the reader is asked
SURELY_OTHER = 0.75  # its confidence from which another digit is believed
HEIGHT = 22  # pixels: of a digit as the reader knows it well
SMALL = 64  # pixels each way: in smaller pictures the digit networks see all there is
WIDE = 2  # times as wide as high: a wide picture
PICTURES_AT_ONCE = 32  # pages, of 12 MB each at most, that are decoded together


class Networks(NamedTuple):
    """What reads: single digits, and pages.

    Without a reader each region of ink is taken for a digit.
    """

    classifier: DigitClassifier
    reader: Reader | None = None


def load_networks(path: str | Path, threads: int = 0) -> Networks:
    """Return the Networks of the model file at `path`; threads: as Reader takes them.

    The shipped file's reader serves where it has none. Raises UserError when the file
    is missing, damaged, or another program's.
    """
    classifier = model_file.load(path, threads)
    reader = model_file.load_reader(path, threads)
    return Networks(
        classifier, reader or model_file.load_reader(model_file.SHIPPED, threads)
    )


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
    paths: Iterable[str | Path],
    networks: Networks,
    threshold: float,
    single: bool = False,
    parts: Sequence[Part] = WHOLE,
    may_be_turned: bool = True,
    most_pages: int | None = None,
) -> Iterator[Reading]:
    """Yield a Reading for each part of each page of each path, in order.

    threshold: the least confidence, 0 to 1, of what is read; single: each picture holds
    exactly one digit, so the likeliest one counts, below `threshold` too. A picture
    that cannot be decoded gives a Reading with an error. parts: of each page, all of it
    unless given; may_be_turned: whether a picture on its side or upside down is read
    upright; most_pages: of each file, all unless given.
    """
    most = None if most_pages is None else most_pages * len(parts)
    unread = (
        _unread(path, page)
        for path in paths
        for page in itertools.islice(pages(path, parts), most)
    )
    least, checking = (0, None) if single else (threshold, networks.reader)
    # One step for all pictures, then the next, is faster than picture by picture.
    while batch := list(itertools.islice(unread, PICTURES_AT_ONCE)):
        # Only lone regions are kept: the region of a ring is as large as its picture.
        lone = [
            _lone_region(r.picture) if single or not _is_wide(r.picture) else None
            for r in batch
        ]
        classified = iter(classify([r for r in lone if r], networks.classifier))
        for reading, region in zip(batch, lone, strict=True):
            only = next(classified) if region else None
            if reading.error:
                yield reading
            elif only and _suffices(reading.picture, only, checking):
                yield _with_confident(reading, _as_marks([only]), least)
            elif single:
                yield _with_only_digit(reading, networks)
            else:
                yield _read(reading, only, networks, threshold, may_be_turned)


def _unread(path, page: Page):
    """Return the Reading of a page, without digits."""
    return Reading(
        str(path),
        error=page.error,
        page=page.number,
        of_many=page.of_many,
        part=page.part,
        origin=page.origin,
        picture=page.picture,
        scale=page.scale,
    )


def _lone_region(picture):
    """Return the Region of a picture (H, W, 3) that has exactly one; else None."""
    regions = [] if picture is None else _regions(picture)
    return regions[0] if len(regions) == 1 else None


def _regions(picture):
    """Return the Regions of a picture (H, W, 3)."""
    gray = picture[..., 0]
    if is_mnist_image(gray) and not (picture != gray[..., None]).any():
        return [Region(0, 0, SIZE, SIZE, gray)]  # which is read unchanged
    return segment(extract_ink(picture))


def _is_small(picture):
    return max(picture.shape[:2]) < SMALL


def _is_wide(picture):
    return picture is not None and picture.shape[1] > WIDE * picture.shape[0]


def _suffices(picture, only: Classified, reader):
    """Tell whether the digit networks' answer about a picture's only Region counts.

    reader: it may take the region for another mark; None if it is not asked.
    """
    return _is_sure(picture, only) and not _is_other(picture, only, reader)


def _is_sure(picture, only: Classified):
    """Tell whether the digit networks are sure enough of a picture's only Region."""
    if is_mnist_image(only.region.ink):
        return only.confidence >= SURE_IN_MNIST
    return only.confidence >= (SURE_IN_SMALL if _is_small(picture) else SURE)


def _is_other(picture, only: Classified, reader):
    """Tell whether the reader takes a picture's only Region for another mark.

    It is asked about 1s and 7s: the digit networks have learned no signs, and few 1s
    with a long flag.
    """
    if not reader or only.digit not in CHECKED or _is_small(picture):
        return False
    ink = only.region.ink
    margin = max(ink.shape)
    scale = HEIGHT / margin
    gray = resized(np.pad(255 - ink, margin, constant_values=255), scale)
    marks = peaks(reader.answers(gray), BORDER)
    place = scale * np.array([margin, margin, *ink.shape[::-1]])
    both, area, _ = overlaps(place, marks.boxes)
    marks = marks.chosen(both > area / 2)
    of_digits = marks.digit_probabilities.sum(axis=1)
    of_signs = marks.presence - of_digits
    is_sign = of_signs.max(initial=0) > of_digits.max(initial=0)
    others = np.delete(marks.digit_probabilities, only.digit, axis=1)
    return bool(is_sign or others.max(initial=0) >= SURELY_OTHER)


def _read(reading, only, networks, threshold, may_be_turned):
    """Return a Reading with what is read of confidence >= `threshold`.

    only: the Classified of a picture with exactly one Region, or None. In a wide
    picture, Regions are looked for only where the reader has found at most one mark.
    """
    if networks.reader is None:
        regions = _regions(reading.picture)
        marks = _as_marks(classify(regions, networks.classifier))
        return _with_confident(reading, marks, threshold)
    view = views.best_view(reading.picture, networks.reader, may_be_turned)
    if _is_wide(reading.picture) and len(view.marks.likely.boxes) < 2:
        lone = _lone_region(reading.picture)
        only = classify([lone], networks.classifier)[0] if lone else None
        if only and _suffices(reading.picture, only, networks.reader):
            return _with_confident(reading, _as_marks([only]), threshold)
    upright = views.turned(reading.picture, view.turned)
    found = in_context(view.marks)
    if not (only and _is_sure(reading.picture, only)):  # else it has overruled them
        may_be_none = bool(only and only.is_surely_none and not _is_small(upright))
        found = reconsidered(upright, found, networks.classifier, may_be_none)
    is_read = (found.confidences >= threshold).any()
    if only and not is_read and _is_small(reading.picture):
        return _with_confident(reading, _as_marks([only]), threshold)
    reading = reading._replace(turned=view.turned, picture=upright)
    return _with_confident(reading, found, threshold)


def _with_confident(reading, marks: Marks, threshold):
    """Return a Reading of Marks of at least that confidence, and of unsure digits."""
    is_read = marks.confidences >= threshold
    unsure = marks.are_digits & (marks.presence >= UNSURE) & ~is_read
    reading = reading._replace(unsure=marks.chosen(unsure).boxes.tolist())
    return _with_marks(reading, marks.chosen(is_read))


def _with_only_digit(reading, networks):
    """Return a Reading with its only digit; without one where there is no ink."""
    regions = _regions(reading.picture)
    together = [functools.reduce(joined, regions)] if len(regions) > 1 else []
    regions = regions + together or all_ink(extract_ink(reading.picture))
    if not regions:
        return reading
    marks = _as_marks(classify(regions, networks.classifier))
    if networks.reader is not None:
        view = views.best_view(reading.picture, networks.reader, may_be_turned=False)
        marks = marks.joined(view.marks)
    likeliest = int(marks.digit_probabilities.max(axis=1).argmax())
    (box,), _, (probabilities,) = marks.chosen(np.array([likeliest]))
    # It is certain that a digit is there.
    probabilities[len(DIGITS) :] = 0
    probabilities /= max(probabilities.sum(), 1e-9)
    only = Marks(box[None], np.ones(1, np.float32), probabilities[None])
    return _with_marks(reading, only)


def _as_marks(classified: list[Classified]) -> Marks:
    """Return the Marks that the digit networks see in regions of ink."""
    boxes = np.array([c.region.box for c in classified], np.float32).reshape(-1, 4)
    digits = np.array([c.probabilities[: len(DIGITS)] for c in classified], np.float32)
    digits = digits.reshape(-1, len(DIGITS))
    presence = digits.sum(axis=1)
    signs = np.zeros((len(digits), len(MARKS) - len(DIGITS)), np.float32)
    shares = digits / np.maximum(presence, 1e-9)[:, None]
    return Marks(boxes, presence, np.hstack([shares, signs]))


def _with_marks(reading, marks: Marks):
    """Return a Reading of the digits and signs of Marks, in rows."""
    if not marks.are_digits.any():
        return reading
    labels = [MARKS[label] for label in marks.labels]
    boxes = (marks.boxes * reading.scale + (*reading.origin, 0, 0)).tolist()
    are_digits, confidences = marks.are_digits, marks.confidences.tolist()
    probabilities = marks.digit_probabilities
    digits, signs, rows, text = [], [], [], []
    for row in layout.rows_of(boxes, list(~are_digits)):
        for index in row.indices:
            x, y, *sides = (round(length) for length in boxes[index])
            width, height = (max(1, side) for side in sides)
            place = confidences[index], (x, y, width, height), len(rows)
            if are_digits[index]:
                label = int(labels[index])
                digits.append(Digit(label, *place, probabilities[index]))
            else:
                signs.append(Sign(labels[index], *place))
        rows.append(row.numbers(labels))
        text.append(row.text(labels))
    return reading._replace(digits=digits, signs=signs, rows=rows, text=text)
