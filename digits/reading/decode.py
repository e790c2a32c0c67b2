"""Decode a picture file: upright pixels on opaque paper, of bounded size.

TIFF and PDF files are decoded page by page; of other files that hold several pictures,
such as animations, only the first counts.
"""

import functools
import itertools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from digits import UserError
from digits.reading import documents, tiff, transparency
from digits.reading.parts import WHOLE, Part
from digits.terminal import files
from digits.terminal.quiet import native_stderr_silenced

STDIN = "-"  # the path that stands for standard input
SMALLEST = 8  # pixels each way; fewer cannot show a digit
LARGEST_SIDE = 2000  # pixels; a larger picture is scaled down: 2.5 mm on A4 are 17
LARGEST_FILE = 512 << 20  # bytes
SUFFIXES = (
    ".avif",
    ".bmp",
    ".dib",
    ".gif",
    ".heic",
    ".heif",
    ".jfif",
    ".jp2",
    ".jpe",
    ".jpeg",
    ".jpg",
    ".pbm",
    ".pdf",
    ".pgm",
    ".png",
    ".pnm",
    ".ppm",
    ".tif",
    ".tiff",
    ".webp",
)
DAMAGED = "not a picture that OpenCV reads, or a damaged one; save it again as PNG"


def ending_of(path: str | Path) -> str:
    """Return a path's ending in lower case: .png."""
    return os.path.splitext(path)[1].lower()


class Page(NamedTuple):
    """One page of a file or a part of it, or the error that kept it unread.

    number: counted from 1; of_many: whether the file has other pages; part: the name of
    the Part; picture and scale: as `decode` returns them, or None and 1; origin: x and
    y of the part in pixels of the file's upright picture; error: one line that does not
    repeat the path, or None.
    """

    number: int
    of_many: bool
    part: str = ""
    picture: np.ndarray | None = None
    scale: float = 1.0
    origin: tuple[int, int] = (0, 0)
    error: str | None = None


def pages(path: str | Path, parts: Sequence[Part] = WHOLE) -> Iterator[Page]:
    """Yield a Page for each part of each page of a file, decoded when it is asked for.

    There is at least one. The path STDIN stands for standard input. A file or a page
    that cannot be read gives a Page with an error. The pages after it are still found,
    unless their place in the file is lost.
    """
    try:
        uprights = _uprights(_read(path))
        first = next(uprights)
    except UserError as error:
        yield Page(1, of_many=False, error=str(error))
        return
    following = itertools.chain([first], uprights, [None])
    for number, (upright, after) in enumerate(itertools.pairwise(following), 1):
        yield from _parts(upright, parts, number, number > 1 or after is not None)


def _uprights(content) -> Iterator[Callable[[], np.ndarray]]:
    """Yield for each page in a file's content a function that returns its picture.

    That is (H, W, 3) uint8 BGR, upright. The functions are called in turn, and raise
    UserError where a page cannot be read.
    """
    if documents.is_pdf(content):
        yield from documents.pdf_pages(content)
    elif tiff.is_tiff(content):
        content = bytearray(content)
        for offset in tiff.directories(content):
            yield functools.partial(_tiff_page, content, offset)
    else:
        yield functools.partial(_upright, content)


def _tiff_page(content, offset):
    tiff.put_first(content, offset)
    return _upright(content)


def _parts(upright, parts, number, of_many) -> Iterator[Page]:
    """Yield the Pages of the parts of a page; upright: returns its picture."""
    try:
        whole = upright()
    except UserError as error:
        yield Page(number, of_many, error=str(error))
        return
    for part in parts:
        try:
            picture, origin = part.cut(whole)
            if picture.size < whole.size:
                picture = picture.copy()  # it would keep the whole page in memory
            picture, scale = _bounded(picture)
            yield Page(number, of_many, part.name, picture, scale, origin)
        except UserError as error:
            yield Page(number, of_many, part.name, error=str(error))


def decode(path: str | Path) -> tuple[np.ndarray, float]:
    """Return (picture, scale) of a file: (H, W, 3) uint8 BGR, upright, on opaque paper.

    The picture, the first page's, is at most LARGEST_SIDE wide and high; `scale` is how
    many pixels of the file's upright picture one of its pixels is wide. Raises
    UserError, whose text does not repeat the path, when it cannot be read.
    """
    return _bounded(next(_uprights(_read(path)))())


def _upright(content):
    """Return the picture (H, W, 3) uint8 of the first page of a file's content."""
    try:
        with native_stderr_silenced():
            picture = _decode(content)
    except cv2.error as error:
        too_large = "CV_IO_MAX_IMAGE_PIXELS" in str(error)
        raise UserError(documents.TOO_LARGE if too_large else DAMAGED) from error
    if picture is None:
        raise UserError(DAMAGED)
    # Before it is scaled: mixed with transparent pixels, thin strokes would fade.
    return transparency.on_paper(picture) if picture.shape[2] == 4 else picture


def _bounded(picture):
    """Return (picture, scale), as `decode`, of an upright picture (H, W, 3)."""
    height, width = picture.shape[:2]
    if min(height, width) < SMALLEST:
        raise UserError(
            f"{width}x{height} pixels; a digit needs {SMALLEST}x{SMALLEST} at least"
        )
    scaled = _scaled_down(picture)
    if min(scaled.shape[:2]) < SMALLEST:
        raise UserError(
            f"{width}x{height} pixels are too narrow once scaled down to "
            f"{LARGEST_SIDE}; crop it"
        )
    return scaled, max(height, width) / max(scaled.shape[:2])


def _read(path):
    if path == STDIN:
        return _read_stdin()
    try:
        if os.path.isdir(path):
            os.listdir(path)  # raises OSError where this is not allowed
            raise UserError(
                "no pictures in this folder (its subfolders are not searched)"
            )
        content = files.read_bytes(path, LARGEST_FILE)
    except FileNotFoundError as error:
        raise UserError("no such file") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot be read: {reason}") from error
    if not content:
        raise UserError("an empty file; save the picture again")
    return content


def _read_stdin():
    try:
        content = sys.stdin.buffer.read(LARGEST_FILE + 1)
    except (AttributeError, OSError) as error:  # None if it is closed
        raise UserError("standard input cannot be read") from error
    if not content:
        raise UserError("nothing came on standard input")
    if len(content) > LARGEST_FILE:
        raise UserError(f"larger than {LARGEST_FILE >> 20} MiB")
    return content


def _decode(content):
    """Return the upright picture, (H, W, 3) uint8 or with alpha (H, W, 4), or None.

    IMREAD_COLOR turns the picture as its EXIF says but drops transparency, which
    IMREAD_UNCHANGED keeps.
    """
    if documents.is_heic(content):
        return documents.heic_picture(content)
    array = np.frombuffer(content, np.uint8)
    if transparency.is_possible(content):
        picture, kinds, parts = cv2.imdecodeWithMetadata(array, cv2.IMREAD_UNCHANGED)
        # Some programs write an alpha channel that is 0 everywhere.
        if picture is not None and picture.shape[2:] == (4,) and picture[..., 3].any():
            exif = dict(zip(kinds, parts, strict=True)).get(cv2.IMAGE_METADATA_EXIF)
            return picture if exif is None else transparency.turned(picture, exif)
    return cv2.imdecode(array, cv2.IMREAD_COLOR)


def _scaled_down(picture) -> np.ndarray:
    scale = LARGEST_SIDE / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
