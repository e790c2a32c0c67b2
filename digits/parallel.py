"""Thousands of pictures read at once, by a process for each core.

OpenCV runs what small pictures need on one core only.
"""

import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import cv2

from digits import UserError, network, reading

CHUNK = 64  # pictures that a process reads at a time
WORKER = {}  # what each process keeps: its network and the arguments of reading


def read_pictures(paths, weights, threshold, single=False):
    """Yield what reading.read_pictures does, in order, without the pictures themselves.

    weights: the model file, which each process opens. Raises UserError when a process
    is killed, as the system does where memory is short.
    """
    chunks = [paths[start:][:CHUNK] for start in range(0, len(paths), CHUNK)]
    spawn = multiprocessing.get_context("spawn")
    arguments = weights, threshold, single
    try:
        with ProcessPoolExecutor(os.cpu_count(), spawn, _start, arguments) as pool:
            for readings in pool.map(_read, chunks):
                yield from readings
    except BrokenProcessPool as error:
        raise UserError("a process was killed; read fewer pictures at once") from error


def _start(weights, *arguments):
    """Prepare a process; Ctrl-C is its parent's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    onnx, _ = network.read(weights)
    WORKER["arguments"] = network.Network(onnx, weights), *arguments


def _read(paths):
    readings = reading.read_pictures(paths, *WORKER["arguments"])
    return [each._replace(picture=None) for each in readings]
