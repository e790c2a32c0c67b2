"""Read pictures by RapidOCR, a general text recogniser, where it is installed.

    pip install rapidocr

Its networks (PP-OCR) come with the package. It reads a picture in two ways: the whole
picture as one line, or the lines that its own detection finds. Digits alone are kept.
"""

import importlib
import time

import numpy as np

from benchmarks.scoring import Readings
from digits.model.classifier import DIGITS
from digits.reading.decode import decode
from digits.terminal import pool
from digits.terminal.progress import Progress

# With detection it runs as it is installed, with its check for lines upside down. For
# whole pictures that check is left out: it turns upright digits, and more are misread.
METHODS = {
    "RapidOCR, one line": {"use_det": False, "use_cls": False, "use_rec": True},
    "RapidOCR, detection": {"use_det": True, "use_cls": True, "use_rec": True},
}


def load():
    """Return RapidOCR's engine, ready to read, or None if it is not installed."""
    try:
        engine_class = importlib.import_module("rapidocr").RapidOCR
    except ModuleNotFoundError:
        return None
    threads = "EngineConfig.onnxruntime.intra_op_num_threads"
    params = {"Global.log_level": "critical", threads: pool.cores()}
    engine = engine_class(params=params)
    for flags in METHODS.values():  # a network is loaded when it is first needed
        engine(np.full((48, 320, 3), 255, np.uint8), **flags)
    return engine


def read_all(engine, paths, method):
    """Return the Readings of pictures, in RapidOCR's order: top to bottom, then right.

    method: a key of METHODS. Decoding is part of the time, loading the networks is not.
    """
    texts = []
    start = time.perf_counter()
    with Progress(method, len(paths)) as bar:
        for path in paths:
            found = engine(decode(path)[0], **METHODS[method]).txts or ()
            texts.append("".join(c for text in found for c in text if c in DIGITS))
            bar.update()
    return Readings(texts, time.perf_counter() - start)
