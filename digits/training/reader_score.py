"""How well the reader of pages reads pieces, and the calibration of its answers."""

import keras
import numpy as np

from digits.model.calibration import fit_temperature
from digits.model.classifier import DIGITS
from digits.model.reader import CLASSES, OUTPUTS, PRESENCE, STRIDE
from digits.reading.find import peaks
from digits.reading.marks import LIKELY, Marks, distinct
from digits.synthesis.page import UNCERTAIN
from digits.synthesis.pages import NOTHING

AT_A_TIME = 128  # pieces
FAR = 0.4  # of a digit's height: what is read farther from its middle is another one


def score(model: keras.Model, pictures: np.ndarray, marks: np.ndarray) -> dict:
    """Return how well a network reads pieces, as digits.synthesis.pages makes them.

    digits: how many there are; found: the share that is found; right: the share that is
    found and told right; made_up: how many digits are read where there is none, as a
    share of those that are there.
    """
    read, shown = read_marks(model, pictures, marks)
    is_read = read.presence >= LIKELY
    is_digit = (shown >= 0) & (shown < len(DIGITS)) & is_read
    is_none = (shown == NOTHING) | (shown >= len(DIGITS))
    digits = ((marks[..., 0] >= 0) & (marks[..., 0] < len(DIGITS))).sum()
    return {
        "digits": int(digits),
        "found": float(is_digit.sum() / digits),
        "right": float((is_digit & (read.labels == shown)).sum() / digits),
        "made_up": float((read.are_digits & is_read & is_none).sum() / digits),
    }


def calibrate(
    model: keras.Model, pictures: np.ndarray, marks: np.ndarray
) -> tuple[float, float]:
    """Divide a network's logits by the temperatures that fit pieces, and return these.

    They are that of presence and that of the classes (Guo et al., On calibration of
    modern neural networks, 2017), 1 where nothing is found. pictures and marks are
    digits.synthesis.pages'.
    """
    read, shown = read_marks(model, pictures, marks)
    if not (shown >= 0).any():
        return 1.0, 1.0
    is_sure = shown != UNCERTAIN
    presence = np.clip(read.presence[is_sure], 1e-6, 1 - 1e-6)
    presence = np.log(presence / (1 - presence))
    logits = np.column_stack([np.zeros_like(presence), presence])
    of_presence = fit_temperature(logits, (shown[is_sure] >= 0).astype(int))
    classes = np.log(read.probabilities[shown >= 0] + np.float32(1e-9))
    of_classes = fit_temperature(classes, shown[shown >= 0])
    kernel, bias = model.layers[-1].get_weights()
    factors = np.ones(OUTPUTS, np.float32)
    factors[PRESENCE], factors[CLASSES] = 1 / of_presence, 1 / of_classes
    model.layers[-1].set_weights([kernel * factors, bias * factors])
    return of_presence, of_classes


def read_marks(
    model: keras.Model, pictures: np.ndarray, marks: np.ndarray
) -> tuple[Marks, np.ndarray]:
    """Return all Marks that a network finds in pieces, and what each of them shows.

    That is (N,) int: the class of the mark that is there, UNCERTAIN, or NOTHING.
    """
    found, shown = [], []
    answers = model.predict(pictures[..., None], AT_A_TIME, verbose=0)  # pyright: ignore
    for one, own in zip(answers, marks, strict=True):
        found.append(distinct(peaks(one, border=0)))
        shown.append(_shown(found[-1], own))
    joined = Marks(*map(np.concatenate, zip(*found, strict=True)))
    return joined, np.concatenate(shown)


def _shown(read, marks):
    """Return what each of the Marks of a piece shows."""
    uncertain = marks[marks[:, 0] == UNCERTAIN]
    apart = np.abs(read.middles[:, None] - uncertain[None, :, 1:3])
    is_open = (apart < uncertain[None, :, 3:5] / 2 + STRIDE).all(axis=2).any(axis=1)
    shown = np.where(is_open, UNCERTAIN, NOTHING)
    for label, *middle, _, height in marks[marks[:, 0] >= 0]:
        distances = np.hypot(*(read.middles - middle).T)
        is_near = (distances < max(STRIDE, FAR * height)) & (shown < 0)
        # What is not read counts only where nothing else is there.
        is_read = read.presence >= LIKELY
        best = is_near & is_read if (is_near & is_read).any() else is_near
        if best.any():
            shown[np.where(best, distances, np.inf).argmin()] = int(label)
    return shown
