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
from typing import Literal, NamedTuple

import cv2
import numpy as np

from digits import UserError
from digits.reading import documents
from digits.terminal import files
from digits.terminal.quiet import native_stderr_silenced

STDIN = "-"  # the path that stands for standard input
SMALLEST = 8  # pixels each way; fewer cannot show a digit
LARGEST_SIDE = 2000  # pixels; a larger picture is scaled down: 2.5 mm on A4 are 17
LARGEST_FILE = 512 << 20  # bytes
BLOCK = 1 << 20  # pixels of a transparent picture that are composited at once
JPEG, PNG = b"\xff\xd8", b"\x89PNG"  # their first bytes
PNG_WITH_ALPHA = b"\x04", b"\x06"  # colour types: gray, and colour
# The first bytes of TIFF and BigTIFF files: byte order; the bytes of an offset (the
# first stands behind as many), of a directory's count of entries, and of an entry.
TIFF: dict[bytes, tuple[Literal["little", "big"], int, int, int]] = {
    b"II*\0": ("little", 4, 2, 12),
    b"MM\0*": ("big", 4, 2, 12),
    b"II+\0": ("little", 8, 8, 20),
    b"MM\0+": ("big", 8, 8, 20),
}
SUBFILE_TYPE, NO_PAGE = 254, 0b101  # a tag; its bits of a thumbnail and of a mask
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


class Part(NamedTuple):
    """A part of each picture that is read alone; name: "" where it is the only one.

    x, y, width, height: of the upright picture, in pixels, or in shares of its width
    and height if `in_shares`.
    """

    name: str
    x: float
    y: float
    width: float
    height: float
    in_shares: bool = False

    def cut(self, picture: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
        """Return this part of a picture (H, W, 3), and its left upper corner, x and y.

        Raises UserError where the part reaches beyond the picture.
        """
        height, width = picture.shape[:2]
        unit = np.array([width, height]) if self.in_shares else np.ones(2)
        first = np.rint(unit * (self.x, self.y)).astype(int)
        last = np.rint(unit * (self.x + self.width, self.y + self.height)).astype(int)
        if (first < 0).any() or (last > (width, height)).any():
            raise UserError(f"the part reaches beyond its {width}x{height} pixels")
        (left, top), (right, bottom) = first.tolist(), last.tolist()
        return picture[top:bottom, left:right], (left, top)


WHOLE = (Part("", 0, 0, 1, 1, in_shares=True),)


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
    elif content[:4] in TIFF:
        content = bytearray(content)
        for offset in _directories(content):
            yield functools.partial(_tiff_page, content, offset)
    else:
        yield functools.partial(_upright, content)


def _tiff_page(content, offset):
    _put_first(content, offset)
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


def _directories(content) -> Iterator[int]:
    """Yield the offset of each page's directory in the content of a TIFF file.

    The first counts as a page in any case, others only if they are no thumbnail or
    mask of a page. The last may lie outside of a damaged file.
    """
    order, size, count_size, entry_size = TIFF[bytes(content[:4])]

    def integer(start, length):
        return int.from_bytes(content[start : start + length], order)

    offset = integer(size, size)
    yield offset
    visited = {0}  # 0 stands for the end
    while offset not in visited:
        visited.add(offset)
        entries = offset + count_size
        offset = integer(entries + integer(offset, count_size) * entry_size, size)
        first = offset + count_size  # entries are sorted by tag, and this one is least
        value = integer(first + entry_size - size, 4)
        is_page = integer(first, 2) != SUBFILE_TYPE or not value & NO_PAGE
        if is_page and offset not in visited:
            yield offset


def _put_first(content, offset):
    """Make the directory at an offset the first of a TIFF file's content.

    So OpenCV decodes any page alone and as it does a file of one page: its own
    functions for many pages walk through all earlier ones, and keep no metadata.
    """
    order, size, *_ = TIFF[bytes(content[:4])]
    content[size : 2 * size] = offset.to_bytes(size, order)


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
    return _on_paper(picture) if picture.shape[2] == 4 else picture


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
    if _may_be_transparent(content):
        picture, kinds, parts = cv2.imdecodeWithMetadata(array, cv2.IMREAD_UNCHANGED)
        # Some programs write an alpha channel that is 0 everywhere.
        if picture is not None and picture.shape[2:] == (4,) and picture[..., 3].any():
            exif = dict(zip(kinds, parts, strict=True)).get(cv2.IMAGE_METADATA_EXIF)
            return picture if exif is None else _turned(picture, exif)
    return cv2.imdecode(array, cv2.IMREAD_COLOR)


def _turned(picture, exif):
    """Return a picture (H, W, 4) turned as the bytes of its EXIF say, uint8.

    In PNG and WebP files OpenCV turns only pictures without an alpha channel, so
    colours and alpha are turned separately.
    """
    turned = []
    for part in (picture[..., :3], picture[..., 3]):
        kind = [cv2.IMAGE_METADATA_EXIF]
        _, content = cv2.imencodeWithMetadata(".png", part, kind, [exif])
        turned.append(cv2.imdecode(content, cv2.IMREAD_COLOR))
    colours, alpha = turned
    return np.dstack([colours, alpha[..., 0]])


def _may_be_transparent(content):
    """Tell whether the bytes of a picture may have transparent pixels.

    It spares most pictures a second decoding; a false positive only costs time.
    """
    if content.startswith(PNG):
        colour_type = content[25:26]
        return colour_type in PNG_WITH_ALPHA or b"tRNS" in content
    return not content.startswith(JPEG)


def _on_paper(picture) -> np.ndarray:
    """Return a BGRA picture composited on white, or on black if its ink is light.

    Ink on a transparent ground has no paper of its own. The result is uint8.
    """
    ink = opaque = 0.0
    for _, block in _blocks(picture):
        ink += float((block[..., :3] * block[..., 3:]).sum())
        opaque += 3 * float(block[..., 3].sum())
    paper = np.float32(1 if ink < 0.5 * max(opaque, 1e-9) else 0)
    composited = np.empty((*picture.shape[:2], 3), np.uint8)
    for rows, block in _blocks(picture):
        alpha = block[..., 3]
        for channel in range(3):  # twice as fast as all three at once
            mixed = block[..., channel] * alpha + paper * (1 - alpha)
            composited[rows, :, channel] = np.rint(255 * mixed)
    return composited


def _blocks(picture) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield (rows, block) of a BGRA picture: some rows, and these as float32, 0 to 1.

    The whole picture as float32 would take four times its memory.
    """
    full = np.iinfo(picture.dtype).max if picture.dtype.kind == "u" else 1.0
    height, width = picture.shape[:2]
    step = max(1, BLOCK // width)
    for first in range(0, height, step):
        rows = slice(first, first + step)
        block = picture[rows] / np.float32(full)
        if picture.dtype.kind != "u":  # a TIFF file may hold any number, or NaN
            block = np.clip(np.nan_to_num(block), 0, 1)
        yield rows, block


def _scaled_down(picture) -> np.ndarray:
    scale = LARGEST_SIDE / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
