"""The trained reader of pages, which finds digits and signs on a gray picture.

For every cell of STRIDE x STRIDE pixels its graph answers whether the middle of a mark
lies there, which of MARKS it is, and where and how large it is (in the manner of Zhou
et al., Objects as points, 2019). digits.training.reader trains it.
"""

import functools
from pathlib import Path

import cv2
import numpy as np

from digits import UserError
from digits.model.classifier import DIGITS
from digits.model.session import GRAPH_ERRORS, open_session, run

SIGNS = ".,-+/:\N{MULTIPLICATION SIGN}\N{DIVISION SIGN}=()"
MARKS = DIGITS + SIGNS  # the classes
DIGIT_HEIGHTS = 16, 28  # pixels: of the digits that it knows
STRIDE = 4  # pixels of a cell, each way
MULTIPLE = 8  # a picture's sides are multiples of it
TYPICAL = 24  # pixels: a size is answered as the logarithm of its ratio to this
BORDER = 8  # pixels of more paper around a picture
PAPER_WINDOW = 15  # pixels: wider than a stroke
# What is answered for a cell: the logit of presence (objectness), the logits of the
# classes, x and y of the mark's middle from the cell's in cells, and the logarithms of
# width and height.
PRESENCE = 0
CLASSES = slice(1, 1 + len(MARKS))
OFFSET = slice(-4, -2)
LOG_SIZE = slice(-2, None)
OUTPUTS = 1 + len(MARKS) + 4


class Reader:
    """Answers for the cells of gray pictures.

    onnx: the bytes of the graph, from pixels (N, H, W, 1) float32, 0 to 255, to answers
    (N, H / STRIDE, W / STRIDE, OUTPUTS) float32; name: what a message calls the model;
    threads: how many run it, 0 for one a core. It is opened at first use, and raises
    UserError then where ONNX Runtime cannot run it.
    """

    def __init__(self, onnx: bytes, name: str | Path = "the reader", threads: int = 0):
        self.name, self._onnx, self._threads = name, onnx, threads

    @functools.cached_property
    def _session(self):
        # Most small pictures are read without it.
        return open_session(self._onnx, self.name, self._threads)

    def answers(self, picture: np.ndarray) -> np.ndarray:
        """Return (h, w, OUTPUTS) float32 of a gray picture (H, W) uint8.

        Cell [0, 0] begins BORDER pixels above and to the left of the picture. Raises
        UserError where the graph answers anything else.
        """
        padded = bordered(picture)
        pixels = padded[None, ..., None].astype(np.float32)
        expected = 1, padded.shape[0] // STRIDE, padded.shape[1] // STRIDE, OUTPUTS
        try:
            outputs = run(self._session, pixels, self.name)
            is_sound = outputs.dtype == np.float32 and outputs.shape == expected
            if not is_sound or not np.isfinite(outputs).all():
                raise ValueError(f"{outputs.dtype} of {outputs.shape}, or not finite")
            return outputs[0]
        except (*GRAPH_ERRORS, IndexError) as error:
            raise UserError(
                f"{self.name}: its graph does not map a picture to marks"
            ) from error


def bordered(picture: np.ndarray) -> np.ndarray:
    """Return a picture (H, W) uint8 with BORDER or more pixels of paper on each side.

    The sides become multiples of MULTIPLE.
    """
    height, width = picture.shape
    return with_paper(
        picture,
        top=BORDER,
        bottom=BORDER + -height % MULTIPLE,
        left=BORDER,
        right=BORDER + -width % MULTIPLE,
    )


def with_paper(
    picture: np.ndarray, top: int, bottom: int, left: int, right: int
) -> np.ndarray:
    """Return a picture (H, W) uint8 with so many pixels of paper around it.

    It is as bright as the brightest pixels near the border: were the border itself to
    go on, ink that touches it would grow.
    """
    smooth = cv2.blur(picture, (3, 3))
    paper = cv2.dilate(smooth, np.ones((PAPER_WINDOW, PAPER_WINDOW), np.uint8))
    wide = cv2.copyMakeBorder(paper, top, bottom, left, right, cv2.BORDER_REPLICATE)
    height, width = picture.shape
    wide[top : top + height, left : left + width] = picture
    return wide
