"""A trained network that tells digits apart, run by ONNX Runtime.

Its graph maps pixels (N, 28, 28, 1) float32, 0 to 255, to probabilities (N, 10), or
(N, 11) where it has a class for what is no digit. A second, quick graph may answer
first: where it is sure, its answer counts (a cascade: Viola & Jones, 2001).
"""

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from digits import UserError
from digits.model.session import GRAPH_ERRORS, open_session, run

DIGITS = "0123456789"  # classes of every network
NO_DIGIT = "-"  # the eleventh class, which a network may have: non-digits …
NO_DIGIT_LABEL = len(DIGITS)  # … and its number
CLEAR = 0.98  # confidence of a quick answer that counts (docs/RECIPE.md)
BATCH = 128  # images that a network is given at once: bounds the memory


class Classifier:
    """Tells ten digits apart, and from what is no digit if its network knows that.

    onnx: the bytes of the graph; quick: those of the graph that answers first, or none;
    name: what a message calls the network; threads: how many run it, 0 for one a core.
    Raises UserError where ONNX Runtime cannot run a graph: at once, or where the first
    image is unclear to the quick one.
    """

    def __init__(
        self,
        onnx: bytes,
        name: str | Path = "the network",
        quick: bytes = b"",
        threads: int = 0,
    ):
        self.name, self._onnx, self._threads = name, onnx, threads
        self._first = self._opened(quick) if quick else self._whole

    @functools.cached_property
    def _whole(self):
        # Most pictures are clear to the quick graph: this one takes longer to open.
        return self._opened(self._onnx)

    def _opened(self, onnx):
        return open_session(onnx, self.name, self._threads)

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return (N, 11) float32 of images (N, 28, 28), 0 to 255.

        The last column is the probability of no digit: 0 if the network has no such
        class.
        """
        return in_batches(self._run, images, len(DIGITS + NO_DIGIT))

    def _run(self, pixels):
        probabilities = self._forward(self._first, pixels)
        unclear = probabilities.max(axis=1) < CLEAR
        if unclear.any() and self._first is not self._whole:
            probabilities[unclear] = self._forward(self._whole, pixels[unclear])
        return probabilities

    def _forward(self, session, pixels):
        try:
            outputs = run(session, pixels, self.name)
            missing = len(DIGITS + NO_DIGIT) - outputs.shape[1]
            is_sound = (
                outputs.dtype == np.float32
                and outputs.shape[0] == len(pixels)
                and missing in (0, 1)
                and np.isfinite(outputs).all()
            )
            if not is_sound:
                raise ValueError(f"{outputs.dtype} of {outputs.shape}, or not finite")
            return np.pad(outputs, ((0, 0), (0, missing)))
        except (*GRAPH_ERRORS, IndexError) as error:
            raise UserError(
                f"{self.name}: its graph does not map 28x28 pixels to 10 digits"
            ) from error


def in_batches(
    run: Callable[[np.ndarray], np.ndarray], images: np.ndarray, width: int
) -> np.ndarray:
    """Return (N, width) float32 of images (N, 28, 28), by calls of `run` on BATCH each.

    images: 0 to 255; run: a function from pixels (BATCH or fewer, 28, 28, 1) float32 to
    as many rows (…, width) float32.
    """
    starts = range(0, len(images), BATCH)
    batches = [
        run(np.asarray(images[i : i + BATCH], np.float32)[..., None]) for i in starts
    ]
    return np.concatenate([np.empty((0, width), np.float32), *batches])
