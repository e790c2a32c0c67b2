"""Damaged pictures of every format, read by load_model.py."""

import cv2
import numpy as np

import load_model
from benchmarks.draw_images import FOLDER as SAMPLES
from benchmarks.mutations import mutated_bytes, truncated
from benchmarks.outcomes import tallied

FORMATS = ".png", ".jpg", ".bmp", ".webp", ".tiff", ".ppm", ".gif", ".jp2", ".avif"


def facts(count, random):
    """Return {outcome: how many} of damaged pictures."""
    sample = cv2.resize(np.asarray(cv2.imread(str(SAMPLES / "1a.jpg"))), (120, 160))
    kinds = [cv2.imencode(kind, sample)[1].tobytes() for kind in FORMATS]

    def make(path, number):
        change = truncated if number % 4 == 0 else mutated_bytes
        path.write_bytes(change(kinds[number % len(kinds)], random))

    return tallied(
        "pictures", count, make, lambda path, _: load_model.main([str(path)])
    )
