"""Work for a process on each core."""

import math
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import cv2

from digits import UserError

MOST_PROCESSES = 61  # Windows allows no more
CGROUP = Path("/sys/fs/cgroup/cpu.max")  # a container's "quota period", or "max period"


def cores() -> int:
    """Return how many cores this process may use.

    Its affinity and its container's quota (Linux's control groups, version 2) count;
    os.cpu_count() knows neither.
    """
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    try:
        quota, period = CGROUP.read_text(encoding="utf-8").split()
        count = min(count, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError, ZeroDivisionError):  # no such file, or no limit
        pass
    return max(1, count)


def in_processes(
    work: Callable,
    chunks: Iterable,
    start: Callable | None = None,
    arguments: tuple = (),
) -> Iterator[Any]:
    """Yield work(chunk) of each chunk, in order, done by a process on each core.

    start: a function that each process calls first, with `arguments`. All must be what
    another process can import. Raises UserError when a process is killed, as the system
    does where memory is short.
    """
    count = min(cores(), MOST_PROCESSES)
    spawn = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(count, spawn, _begin, (start, arguments)) as pool:
            yield from pool.map(work, chunks)
    except BrokenProcessPool as error:
        raise UserError("a process was killed: is there enough memory?") from error


def _begin(start, arguments):
    """Prepare a process; its parent answers Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)
    if start:
        start(*arguments)


def _end_with_parent():
    """Leave when the parent is gone: a pool's processes would wait for it for ever."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)
