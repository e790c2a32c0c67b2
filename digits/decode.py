"""From a file to upright pixels."""

import os

import cv2
import numpy as np

from digits import UserError
from digits.quiet import native_stderr_silenced

SMALLEST = 8  # pixels each way; a digit cannot be told in fewer
LARGEST_SIDE = 1600  # pixels; a larger picture is scaled down
LARGEST_FILE = 512 << 20  # bytes
JPEG, PNG = b"\xff\xd8", b"\x89PNG"  # their first bytes
PNG_WITH_ALPHA = b"\x04", b"\x06"  # colour types: gray, and colour
SUFFIXES = (
    ".avif",
    ".bmp",
    ".gif",
    ".jp2",
    ".jpeg",
    ".jpg",
    ".pbm",
    ".pgm",
    ".png",
    ".ppm",
    ".tif",
    ".tiff",
    ".webp",
)
DAMAGED = "not a picture that OpenCV reads, or a damaged one; save it again as PNG"
TOO_LARGE = "larger than 50 megapixels; scale it down"


def ending_of(path):
    """Return a path's ending in lower case: .png."""
    return os.path.splitext(path)[1].lower()


def decode(path):
    """Return (picture, scale) of a file: (H, W, 3) uint8 BGR, upright, on white paper.

    The picture is at most LARGEST_SIDE wide and high; `scale` is how many pixels of the
    file's upright picture one of its pixels is wide. Raises UserError, whose text does
    not repeat the path, when the file cannot be read as a picture.
    """
    content = _read(path)
    try:
        with native_stderr_silenced():
            picture = _decode(content)
    except cv2.error as error:
        too_large = "CV_IO_MAX_IMAGE_PIXELS" in str(error)
        raise UserError(TOO_LARGE if too_large else DAMAGED) from error
    if picture is None:
        raise UserError(DAMAGED)
    longer = max(picture.shape[:2])
    picture = _scaled_down(picture)
    height, width = picture.shape[:2]
    if min(height, width) < SMALLEST:
        raise UserError(f"{width}x{height} pixels are too few to hold a digit")
    if picture.shape[2] == 4:
        picture = _on_paper(picture)
    return picture, longer / max(height, width)


def _read(path):
    try:
        if os.path.getsize(path) > LARGEST_FILE:
            raise UserError("larger than 512 MiB; scale the picture down")
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError as error:
        raise UserError("no such file") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot be read: {reason}") from error
    if not content:
        raise UserError("an empty file; save the picture again")
    return content


def _decode(content):
    """Return the picture upright, (H, W, 3) uint8 or (H, W, 4) with alpha, or None.

    IMREAD_COLOR turns the picture as its EXIF says but drops transparency, which
    IMREAD_UNCHANGED keeps.
    """
    array = np.frombuffer(content, np.uint8)
    if _may_be_transparent(content):
        picture, kinds, parts = cv2.imdecodeWithMetadata(array, cv2.IMREAD_UNCHANGED)
        # Some programs write an alpha channel, and nothing in it.
        if picture is not None and picture.shape[2:] == (4,) and picture[..., 3].any():
            exif = dict(zip(kinds, parts, strict=True)).get(cv2.IMAGE_METADATA_EXIF)
            return picture if exif is None else _turned(picture, exif)
    return cv2.imdecode(array, cv2.IMREAD_COLOR)


def _turned(picture, exif):
    """Return a picture (H, W, 4) turned as the bytes of its EXIF say, uint8.

    Of PNG and WebP, OpenCV turns only what has no alpha channel: so colours and alpha
    are turned one by one.
    """
    parts = []
    for part in (picture[..., :3], picture[..., 3]):
        kind = [cv2.IMAGE_METADATA_EXIF]
        _, content = cv2.imencodeWithMetadata(".png", part, kind, [exif])
        parts.append(cv2.imdecode(content, cv2.IMREAD_COLOR))
    colours, alpha = parts
    return np.dstack([colours, alpha[..., 0]])


def _may_be_transparent(content):
    """Tell whether the bytes of a picture may have transparent pixels.

    It spares most pictures a second decoding, and does no harm where it is wrong.
    """
    if content.startswith(PNG):
        colour_type = content[25:26]
        return colour_type in PNG_WITH_ALPHA or b"tRNS" in content
    return not content.startswith(JPEG)


def _scaled_down(picture):
    scale = LARGEST_SIDE / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _on_paper(picture):
    """Return a BGRA picture composited on white, or on black if its ink is light.

    Ink on a transparent ground has no paper of its own.
    """
    full = np.iinfo(picture.dtype).max if picture.dtype.kind == "u" else 1.0
    colour = picture[..., :3] / np.float32(full)
    alpha = picture[..., 3:] / np.float32(full)
    ink = (colour * alpha).sum() / max(3 * alpha.sum(), 1e-9)
    paper = 1.0 if ink < 0.5 else 0.0
    return np.uint8(np.rint(255 * np.clip(colour * alpha + paper * (1 - alpha), 0, 1)))
