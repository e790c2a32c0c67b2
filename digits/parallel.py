"""Work for a process on each core, and thousands of pictures read that way.

OpenCV runs what small pictures need on one core only.
"""

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import cv2

from digits import UserError, network, reading

MOST_PROCESSES = 61  # Windows allows no more
WORKER = {}  # what each process keeps: its network and the arguments of reading


def in_processes(work, chunks, start=None, arguments=()):
    """Yield work(chunk) of each chunk, in order, done by a process on each core.

    start: a function that each process calls first, with `arguments`. All must be what
    another process can import. Raises UserError when a process is killed, as the system
    does where memory is short.
    """
    count = min(os.cpu_count() or 1, MOST_PROCESSES)
    spawn = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(count, spawn, _begin, (start, arguments)) as pool:
            yield from pool.map(work, chunks)
    except BrokenProcessPool as error:
        raise UserError("a process was killed: is there enough memory?") from error


def _begin(start, arguments):
    """Prepare a process; Ctrl-C is its parent's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)
    if start:
        start(*arguments)


def _end_with_parent():
    """Leave when the parent is gone: a pool's processes would wait for it for ever."""
    multiprocessing.parent_process().join()
    os._exit(1)


def read_pictures(paths, weights, threshold, single=False):
    """Yield what reading.read_pictures does, in order, without the pictures themselves.

    weights: the model file, which each process opens.
    """
    count = reading.PICTURES_AT_ONCE
    chunks = [paths[first : first + count] for first in range(0, len(paths), count)]
    arguments = weights, threshold, single
    for readings in in_processes(_read, chunks, _open, arguments):
        yield from readings


def _open(weights, *arguments):
    WORKER["arguments"] = network.load(weights), *arguments


def _read(paths):
    readings = reading.read_pictures(paths, *WORKER["arguments"])
    return [each._replace(picture=None) for each in readings]
