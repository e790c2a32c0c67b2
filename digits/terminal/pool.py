"""Work for a process on each core."""

import collections
import contextlib
import itertools
import math
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import cv2

from digits import UserError

AHEAD = 3  # chunks that are taken for each process or worker, done or not
MOST_PROCESSES = 61 if sys.platform == "win32" else sys.maxsize  # Windows' limit
LONGEST_SENDING = 1.0  # seconds, of a result
GATE = threading.Lock()  # to be passed between work and the sending of its result …
SENDING = threading.Event()  # … which may be on its way
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
    killed: Callable[[Any], Any] | None = None,
) -> Iterator[Any]:
    """Yield work(chunk) of each chunk, in order, done by a process on each core.

    There may be any number of chunks: few are taken ahead. start: a function that each
    process calls first, with `arguments`. All must be what another process can import.
    killed: returns what is yielded in place of work(chunk) where that ends its process;
    without it, UserError is raised then, as where memory is short. A process that may
    start none, such as a Dask worker, does the work itself.
    """
    if multiprocessing.current_process().daemon:
        if start:
            start(*arguments)
        yield from map(work, chunks)
        return
    chunks = iter(chunks)
    waiting = collections.deque()  # chunks that were taken and have no result yet
    count = min(cores(), MOST_PROCESSES)
    while True:
        try:
            with _executor(count, start, arguments) as pool:
                yield from _results(work, chunks, waiting, pool, AHEAD * count)
                return
        except BrokenProcessPool as error:
            if killed is None:
                raise _no_process() from error
        # One of the chunks that wait did it: each gets a process of its own.
        while waiting:
            yield _alone(work, waiting.popleft(), start, arguments, killed)


def _alone(work, chunk, start, arguments, killed):
    """Return work(chunk), done by a process of its own, or killed(chunk)."""
    with _executor(1, start, arguments) as pool:
        try:
            pool.submit(cores).result()  # it can start
        except BrokenProcessPool as error:
            raise _no_process() from error
        try:
            return pool.submit(_run, work, chunk).result()
        except BrokenProcessPool:
            return killed(chunk)


def _no_process():
    return UserError("a process was killed: is there enough memory?")


@contextlib.contextmanager
def _executor(count, start, arguments):
    spawn = multiprocessing.get_context("spawn")
    read_end, write_end = spawn.Pipe(duplex=False)
    pool = ProcessPoolExecutor(count, spawn, _begin, (read_end, start, arguments))
    with read_end, write_end:
        try:
            yield pool
        except BaseException:
            write_end.close()  # as on Ctrl-C: nobody waits for what they do
            raise
        finally:  # what has not begun is not wanted
            pool.shutdown(cancel_futures=True)


def _results(work, chunks, waiting, pool, most):
    """Yield the results of all chunks in order; at most `most` of them wait."""
    futures = collections.deque()
    while True:
        for chunk in itertools.islice(chunks, most - len(waiting)):
            waiting.append(chunk)
            futures.append(pool.submit(_run, work, chunk))
        if not waiting:
            return
        result = futures.popleft().result()
        waiting.popleft()
        yield result


def _begin(read_end, start, arguments):
    """Prepare a process; its parent answers Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=[read_end], daemon=True).start()
    cv2.setNumThreads(1)
    if start:
        start(*arguments)


def _run(work, chunk):
    """Return work(chunk), during which this process may leave at any moment."""
    with GATE:
        SENDING.clear()
    try:
        return work(chunk)
    finally:
        with GATE:
            SENDING.set()


def _end_with(pipe):
    """Leave when the parent closes its end of a pipe, or is gone.

    Otherwise a pool's processes would wait for it for ever. But a parent that has got
    a part of a result waits for the rest, so that is sent first.
    """
    with contextlib.suppress(EOFError, OSError):
        pipe.recv()
    sent = time.monotonic() + LONGEST_SENDING
    while True:
        with GATE:
            if not SENDING.is_set() or time.monotonic() > sent:
                os._exit(1)
        time.sleep(0.01)
