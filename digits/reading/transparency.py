"""Pictures with transparent pixels: turned as their EXIF says, and put on paper."""

from collections.abc import Iterator

import cv2
import numpy as np

BLOCK = 1 << 20  # pixels of a transparent picture that are composited at once
JPEG, PNG = b"\xff\xd8", b"\x89PNG"  # their first bytes
PNG_WITH_ALPHA = b"\x04", b"\x06"  # colour types: gray, and colour


def turned(picture: np.ndarray, exif: np.ndarray) -> np.ndarray:
    """Return a picture (H, W, 4) turned as the bytes of its EXIF say, uint8.

    In PNG and WebP files OpenCV turns only pictures without an alpha channel, so
    colours and alpha are turned separately.
    """
    upright = []
    for part in (picture[..., :3], picture[..., 3]):
        kind = [cv2.IMAGE_METADATA_EXIF]
        _, content = cv2.imencodeWithMetadata(".png", part, kind, [exif])
        upright.append(cv2.imdecode(content, cv2.IMREAD_COLOR))
    colours, alpha = upright
    return np.dstack([colours, alpha[..., 0]])


def is_possible(content: bytes) -> bool:
    """Tell whether the bytes of a picture may have transparent pixels.

    It spares most pictures a second decoding; a false positive only costs time.
    """
    if content.startswith(PNG):
        colour_type = content[25:26]
        return colour_type in PNG_WITH_ALPHA or b"tRNS" in content
    return not content.startswith(JPEG)


def on_paper(picture: np.ndarray) -> np.ndarray:
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
