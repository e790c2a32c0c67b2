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
from digits.model.session import GRAPH_ERRORS, open_session

SIGNS = ".,-+/:\N{MULTIPLICATION SIGN}\N{DIVISION SIGN}=()"
MARKS = DIGITS + SIGNS  # the classes
STRIDE = 4  # pixels of a cell, each way
MULTIPLE = 8  # a picture's sides are multiples of it
TYPICAL = 24  # pixels: a size is answered as the logarithm of its ratio to this
PRESENCE, CLASSES, PLACE, SIZE = 0, slice(1, 1 + len(MARKS)), slice(-4, -2), slice(-2, None)
OUTPUTS = 1 + len(MARKS) + 4  # of a cell
BORDER = 8  # pixels of more paper around a picture


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

        Cell [0, 0] begins BORDER pixels above and to the left of the picture.
        """
        height, width = picture.shape
        padded = cv2.copyMakeBorder(
            picture,
            BORDER,
            BORDER + -height % MULTIPLE,
            BORDER,
            BORDER + -width % MULTIPLE,
            cv2.BORDER_REPLICATE,
        )
        pixels = padded[None, ..., None].astype(np.float32)
        try:
            name = self._session.get_inputs()[0].name
            outputs = np.asarray(self._session.run(None, {name: pixels})[0])
            expected = padded.shape[0] // STRIDE, padded.shape[1] // STRIDE, OUTPUTS
            if outputs.shape[1:] != expected or not np.isfinite(outputs).all():
                raise ValueError(f"{outputs.shape}, or not finite")
            return outputs[0]
        except (*GRAPH_ERRORS, IndexError) as error:
            raise UserError(
                f"{self.name}: its graph does not map a picture to marks"
            ) from error
