"""Decode PDF and HEIC files, by packages that are installed for it.

pip install pypdfium2       PDF, by PDFium, which Chrome uses
pip install pillow-heif     HEIC, the photographs of phones, by libheif
"""

import functools
import importlib
import io
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from digits import LARGEST_PICTURE, UserError

DOTS_PER_INCH = 300  # at which a PDF's pages are read, as scanners do by default
POINTS_PER_INCH = 72  # in which a PDF gives its size
FARTHEST_HEADER = 1024  # bytes: as far into a PDF readers look for its header
BLANKS = b"\xef\xbb\xbf \t\r\n\0"  # and a byte order mark
TOO_LARGE = f"larger than {LARGEST_PICTURE // 1_000_000} megapixels; scale it down"
HEIC = tuple(b"ftyp" + brand for brand in (b"heic", b"heix", b"heim", b"mif1"))


def is_pdf(content: bytes) -> bool:
    """Tell whether a file's content is a PDF's: blanks may stand before its header."""
    return content[:FARTHEST_HEADER].lstrip(BLANKS).startswith(b"%PDF-")


def is_heic(content: bytes) -> bool:
    """Tell whether a file's content is a HEIC or HEIF picture's."""
    return content[4:12] in HEIC


def pdf_pages(content: bytes) -> Iterator[Callable[[], np.ndarray]]:
    """Yield for each page of a PDF a function that returns its picture.

    That is (H, W, 3) uint8 BGR; the function raises UserError where the page is
    damaged. Raises UserError when the file is, or pypdfium2 is not installed.
    """
    pdfium = _package("pypdfium2", "a PDF file")
    try:
        document = pdfium.PdfDocument(content)
        count = len(document)
    except pdfium.PdfiumError as error:
        raise UserError("a damaged PDF file, or one with a password") from error
    if not count:
        raise UserError("a PDF file without a page")

    def draw(index):
        try:
            page = document[index]
            width, height = page.get_size()
            scale = DOTS_PER_INCH / POINTS_PER_INCH
            scale = min(scale, (LARGEST_PICTURE / max(width * height, 1)) ** 0.5)
            return page.render(scale=scale).to_numpy()[..., :3].copy()
        except (pdfium.PdfiumError, ValueError) as error:
            raise UserError("a damaged page of a PDF file") from error

    for index in range(count):
        yield functools.partial(draw, index)


def heic_picture(content: bytes) -> np.ndarray:
    """Return the picture of a HEIC file, (H, W, 3 or 4) uint8 BGR or BGRA, upright.

    libheif turns it; by the standard EXIF does not count. Raises UserError when it is
    damaged or too large, or pillow-heif is not installed.
    """
    heif = _package("pillow_heif", "a HEIC file", "pillow-heif")
    try:
        opened = heif.open_heif(io.BytesIO(content), bgr_mode=True)
        width, height = opened.size
        if width * height > LARGEST_PICTURE:
            raise UserError(TOO_LARGE)
        picture = np.asarray(opened)
        if picture.dtype == np.uint16:  # gray of 10 or 12 bits a pixel
            picture = (picture >> 8).astype(np.uint8)
        is_gray = picture.ndim == 2
        return cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR) if is_gray else picture
    except (ValueError, OSError, EOFError, RuntimeError, SyntaxError) as error:
        raise UserError("a damaged HEIC file") from error


def _package(module, kind, name=None):
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise UserError(f"{kind}; to read it: pip install {name or module}") from error
