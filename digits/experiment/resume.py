"""Runs that can be cut off at any moment and resumed, with the same result to the bit.

A run keeps checkpoints in the folder `unfinished` under its --output_dir: what its
flags were, where it is, and all variables that a step changes.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NamedTuple, Protocol, Self

import numpy as np

from digits import UserError
from digits.experiment import checkpoint, flags
from digits.experiment.results import versions
from digits.experiment.resume_flags import resuming
from digits.terminal import files, npz
from digits.terminal.lazy import LazyModule

filelock = LazyModule("filelock")

KEPT = 2  # checkpoints
SIGNALS = signal.SIGINT, signal.SIGTERM


class Variable(Protocol):
    """A variable of TensorFlow or Keras."""

    shape: Any

    def assign(self, value: np.ndarray) -> Any:
        """Set its value."""
        ...

    def numpy(self) -> np.ndarray:
        """Return its value."""
        ...


class Place(NamedTuple):
    """Where a training is: epochs and steps are those that are done.

    network: counts from 1; step: of the epoch that is being made; sums: what the script
    adds up in an epoch.
    """

    network: int = 1
    epoch: int = 0
    step: int = 0
    sums: Sequence[float] = ()


class Training:
    """Counts the epochs and steps of a training; keeps nothing.

    `place`: where it is; `rows`: those of its history; `start`: time.monotonic() when
    it began, later by the time in which it was cut off.
    """

    def __init__(self):
        self.place, self.rows = Place(), list[dict[str, Any]]()
        self.start = time.monotonic()

    def seconds(self) -> float:
        """Return how long the training has gone on, rounded to tenths."""
        return round(time.monotonic() - self.start, 1)

    def kept(
        self, name: str, make: Callable[[], Sequence[np.ndarray]]
    ) -> list[np.ndarray]:
        """Return arrays that take long to make; a Run keeps them as `name`."""
        return list(make())

    def track(
        self, name: str, variables: Sequence[Variable], instead_of: str = ""
    ) -> None:
        """Keep variables from now on, instead of others, by their names.

        Those of a resumed Run get the values that they had.
        """

    def epochs(self, network: int, count: int) -> Iterator[int]:
        """Yield the epochs, from 0 on, that a network has yet to make, of `count`.

        network: counts from 1.
        """
        if network > self.place.network:
            self.place = Place(network)
        while network == self.place.network and self.place.epoch < count:
            yield self.place.epoch
            self.place = Place(network, self.place.epoch + 1)
            self.keep()

    def step(self, sums: Sequence[float]) -> None:
        """Count a step; sums: of the epoch's steps until now."""
        self.place = self.place._replace(step=self.place.step + 1, sums=sums)

    def keep(self) -> None:
        """Write a checkpoint, where there are any."""


class Run(Training):
    """A training that can be resumed; a context manager.

    folder: for results; args: the script's flags; summary: as results.new_summary
    returns it, which gets the command with which the run began. Raises UserError where
    another run has the folder, where an unfinished one is neither resumed nor given up,
    and where that is of other versions.
    """

    def __init__(
        self, folder: str | Path, args: argparse.Namespace, summary: dict[str, Any]
    ):
        super().__init__()
        self.folder = Path(folder, checkpoint.FOLDER)
        self.args, self.summary = args, summary
        self._tracked: dict[str, list[Variable]] = {}
        self._values: dict[str, list[np.ndarray]] = {}  # of the checkpoint
        self._versions = versions()
        self._number = 0  # of the newest checkpoint
        self._written_at = -np.inf
        self._defers = self._is_stopped = False
        # Until a step is made, an error is taken for one of the checkpoint.
        self._is_untried = False

    def __enter__(self) -> Self:
        where = self.folder.parent
        self._lock = filelock.FileLock(where / ".lock", timeout=0)
        try:
            self._lock.acquire()
        except filelock.Timeout as error:
            raise UserError(f"{where}: another run writes to this folder") from error
        except OSError as error:
            raise UserError(f"{where / '.lock'}: {error.strerror}") from error
        try:
            self._begin()
        except BaseException:
            self._lock.release()
            raise
        # Another thread gets no signals: that of a worker of --dask.
        is_main = threading.current_thread() is threading.main_thread()
        self._handlers = {
            one: signal.signal(one, self._interrupted) for one in SIGNALS if is_main
        }
        return self

    def _begin(self):
        """Go on from the newest checkpoint, or see that there is none in the way."""
        where = self.folder.parent
        if self.args.restart:
            return
        found = checkpoint.newest(self.folder)
        if self.args.resume:
            if found is None:
                raise UserError(
                    f"{where}: its unfinished run has ended; see its results"
                )
            self._restore(*found)
        elif found:
            raise UserError(
                f"{where}: holds an unfinished run; go on with it:\n"
                f"  {resuming(found[1]['summary']['script'], where)}\n"
                "or give it up: add --restart"
            )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for one, handler in self._handlers.items():
            signal.signal(one, handler)
        is_in_vain = self._is_untried and isinstance(error, Exception)
        if kind is None and self._number:
            shutil.rmtree(self.folder, ignore_errors=True)
        elif self._number and checkpoint.paths(self.folder) and not is_in_vain:
            command = resuming(self.summary["script"], self.folder.parent)
            print(f"\ngo on with:\n  {command}", file=sys.stderr)
        self._lock.release()
        if is_in_vain and not isinstance(error, UserError):
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            raise checkpoint.unreadable(self.folder.parent, reason) from error

    def kept(
        self, name: str, make: Callable[[], Sequence[np.ndarray]]
    ) -> list[np.ndarray]:
        """Return arrays that take long to make; a resumed run makes them only once."""
        if not self._number:
            self.keep()
        path = self.folder / (name + checkpoint.ENDING)
        with contextlib.suppress(*npz.DAMAGE):
            return checkpoint.read(path)[name]
        made = list(make())
        try:
            size = sum(array.nbytes for array in made)
            files.check_space(self.folder, size + flags.RESULTS)
            checkpoint.write(path, {name: made})
        except UserError as error:
            print(f"{error}; the run goes on without that file", file=sys.stderr)
        return made

    def track(
        self, name: str, variables: Sequence[Variable], instead_of: str = ""
    ) -> None:
        """Keep variables from now on, instead of others.

        They get the values that the checkpoint has. Raises UserError where those are of
        other variables.
        """
        self._tracked.pop(instead_of, None)
        self._tracked[name] = list(variables)
        values = self._values.pop(name, None)
        if values is None:
            return
        shapes = [tuple(variable.shape) for variable in variables]
        if [value.shape for value in values] != shapes:
            where = self.folder.parent
            raise UserError(f"{where}: its unfinished run is of another network")
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    def epochs(self, network: int, count: int) -> Iterator[int]:
        """Yield the epochs, from 0 on, that a network has yet to make, of `count`.

        network: counts from 1. Once an epoch is made, a checkpoint is written. Within
        it, a signal to stop waits for the end of a step.
        """
        if not self._number:
            self.keep()
        self._defers = True
        try:
            yield from super().epochs(network, count)
            self._is_untried = False  # as there was no step left to make
        finally:
            self._defers = False

    def step(self, sums: Sequence[float]) -> None:
        """Count a step; write a checkpoint if it is time, or the run is to stop."""
        super().step(sums)
        self._is_untried = False
        age = time.monotonic() - self._written_at
        if self._is_stopped or age >= self.args.checkpoint_seconds:
            self.keep()

    def keep(self) -> None:
        """Write a checkpoint; raise KeyboardInterrupt if the run is to stop."""
        self._is_untried = False
        head = {
            "summary": self.summary,
            "directory": os.getcwd(),
            "versions": self._versions,
            "place": self.place,
            "rows": self.rows,
            "seconds": time.monotonic() - self.start,
        }
        arrays = {checkpoint.HEAD: [np.array(json.dumps(head))]}
        for name, variables in self._tracked.items():
            arrays[name] = [np.asarray(variable.numpy()) for variable in variables]
        if not self._number:  # what another run has left is of no use
            checkpoint.clear(self.folder)
        self._number += 1
        try:
            name = f"{checkpoint.PREFIX}{self._number:08d}"
            checkpoint.write(self.folder / name, arrays)
            halves = self.folder.glob(".*.partial")
            for path in [*checkpoint.paths(self.folder)[KEPT:], *halves]:
                path.unlink()
        except (UserError, OSError) as error:  # a full disk: better learned than lost
            print(f"\n{error}; the run goes on without it", file=sys.stderr)
        self._written_at = time.monotonic()
        if self._is_stopped:
            raise KeyboardInterrupt

    def _interrupted(self, received: int, frame: FrameType | None) -> None:
        """Stop after the step; at once when asked again, or where no step ends."""
        if self._is_stopped or not self._defers:
            raise KeyboardInterrupt
        self._is_stopped = True
        print("\nstopping after this step", file=sys.stderr)

    def _restore(self, number, head, values):
        where = self.folder.parent
        if (found := head["versions"]) != self._versions:
            raise UserError(f"{where}: its unfinished run needs the versions {found}")
        self._number, self._values, self.rows = number, values, head["rows"]
        self.place, self._is_untried = Place(*head["place"]), True
        self.start -= head["seconds"]
        self.summary["command"] = head["summary"]["command"]
