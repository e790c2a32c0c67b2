"""Work for the workers of a Dask cluster: --dask ADDRESS, or --dask local.

A worker imports this suite from the folders in its PYTHONPATH. It works in the folder
of the same path as the current one here, so that both find the same files.
"""

import collections
import contextlib
import importlib
import itertools
import logging
import os
import sys
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from typing import Any

import cv2

from digits import UserError, __version__
from digits.terminal import cli, pool
from digits.terminal.lazy import LazyModule

INSTALL = 'pip install "dask[distributed]"'
dask = LazyModule("dask", INSTALL)
distributed = LazyModule("distributed", INSTALL)

LOCAL = "local"
TIMEOUT = "5s"  # for the scheduler to answer
WORKER = {"lock": threading.Lock(), "begun": ""}  # what each worker keeps


@contextlib.contextmanager
def local(count: int) -> Iterator[Any]:
    """Yield a distributed.LocalCluster of so many workers."""
    # Dask looks again this long after a worker died, and closes for good one that has
    # died again and is just being started: its 15 s leave no worker where work kills.
    patience = {"distributed.deploy.lost-worker-timeout": "1 day"}
    start = distributed.LocalCluster  # imported before Dask's settings are changed
    with (
        dask.config.set(patience),
        start(
            n_workers=count,
            threads_per_worker=1,
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
        ) as cluster,
    ):
        yield cluster


@contextlib.contextmanager
def connected(address: str) -> Iterator[Any]:
    """Yield a distributed.Client of the cluster at an address, or of a LOCAL one.

    Raises UserError when none answers.
    """
    with contextlib.ExitStack() as stack:
        if address == LOCAL:
            scheduler = stack.enter_context(local(pool.cores()))
        else:
            scheduler = address
        try:
            client = distributed.Client(scheduler, timeout=TIMEOUT)
        except (OSError, ValueError) as error:
            raise UserError(f"{address}: no Dask cluster answers there") from error
        stack.enter_context(client)
        with loss_told():
            _check_workers(client, address)
        yield client


def _check_workers(client, address):
    """Raise UserError unless all have this suite; say where there are none yet."""

    def version():  # within a function, so that it is sent whole, not by its name
        try:
            return importlib.import_module("digits").__version__
        except ModuleNotFoundError:
            return None

    workers = client.run(version).values()
    if not workers:
        print(f"{address}: waiting for a worker", file=sys.stderr)
    found = {client.run_on_scheduler(version), *workers}
    if found != {__version__}:
        raise UserError(
            f"{address}: its scheduler or a worker has not this version of the suite; "
            f"start them with PYTHONPATH={cli.ROOT}"
        )


@contextlib.contextmanager
def failures_told() -> Iterator[None]:
    """Raise UserError where a worker is killed too often, or the cluster is gone."""
    with loss_told():
        try:
            yield
        except distributed.KilledWorker as error:
            raise _worker_killed() from error


@contextlib.contextmanager
def loss_told() -> Iterator[None]:
    """Raise UserError where the cluster is gone."""
    try:
        yield
    except (CancelledError, OSError, distributed.client.ClosedClientError) as error:
        raise UserError("the Dask cluster is gone") from error


def _worker_killed():
    return UserError("a Dask worker was killed: is there enough memory?")


class Cluster:
    """Stands in for digits.terminal.pool: its workers are a cluster's.

    client: as `connected` yields it.
    """

    def __init__(self, client: Any):
        self.client = client

    def in_processes(
        self,
        work: Callable,
        chunks: Iterable,
        start: Callable | None = None,
        arguments: tuple = (),
        killed: Callable[[Any], Any] | None = None,
    ) -> Iterator[Any]:
        """Yield work(chunk) of each chunk, in order, as pool.in_processes does.

        A worker does one chunk at a time, and calls start(*arguments) before its first.
        A chunk whose worker dies goes to another one, and counts as `killed` when that
        has happened as often as the scheduler allows, twice.
        """
        chunks, waiting = iter(chunks), collections.deque()
        task = uuid.uuid4().hex, os.getcwd(), start, arguments, work
        while True:
            with loss_told():
                most = pool.AHEAD * max(1, sum(self.client.nthreads().values()))
            for chunk in itertools.islice(chunks, max(0, most - len(waiting))):
                waiting.append((chunk, self._submitted(task, chunk)))
            if not waiting:
                return
            chunk, future = waiting.popleft()
            try:
                yield self._result(future)
                continue
            except distributed.KilledWorker as error:
                if killed is None:
                    raise _worker_killed() from error
            # Chunks that wait on the same worker are blamed too: this one again, alone.
            with loss_told():
                distributed.wait([future for _, future in waiting])
            try:
                yield self._result(self._submitted(task, chunk))
            except distributed.KilledWorker:
                yield killed(chunk)

    def _submitted(self, task, chunk):
        with loss_told():
            return self.client.submit(_work, *task, chunk, pure=False)

    def _result(self, future):
        with loss_told():
            return future.result()


def _work(run, folder, start, arguments, work, chunk):
    """Return work(chunk), on a worker that has called start(*arguments) for the run.

    Raises UserError instead of OSError, which means that the cluster is gone.
    """
    try:
        with WORKER["lock"], contextlib.chdir(folder):
            if WORKER["begun"] != run:
                cv2.setNumThreads(1)  # as a pool's processes, workers share the cores
                if start:
                    start(*arguments)
                WORKER["begun"] = run
            return work(chunk)
    except OSError as error:
        raise UserError(f"on a Dask worker: {error}") from error
