"""Runs that can be cut off at any moment and resumed, with the same result to the bit.

A run keeps checkpoints in the folder `unfinished` under its --output_dir: what its
flags were, where it is, and all variables that a step changes. A checkpoint is a file
of NumPy's .npz format behind a SHA-256 of it, so that a damaged one is known.
"""

import argparse
import contextlib
import hashlib
import io
import json
import os
import shutil
import signal
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NamedTuple, Protocol, Self

import numpy as np

from digits import UserError
from digits.experiment import flags
from digits.terminal import files
from digits.terminal.cli import number
from digits.terminal.lazy import LazyModule

filelock = LazyModule("filelock")

FOLDER = "unfinished"
PREFIX = "checkpoint-"
KEPT = 2  # checkpoints
LARGEST = 4 << 30  # bytes of a checkpoint, or of what is kept beside it
HEAD = "head"  # the array whose text says what a checkpoint is of
DAMAGE = KeyError, ValueError, EOFError, zipfile.BadZipFile
OWN_FLAGS = {"resume", "restart", "output_dir"}
SIGNALS = signal.SIGINT, signal.SIGTERM


class Variable(Protocol):
    """A variable of TensorFlow or Keras."""

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

    def track(self, name: str, variables: Sequence[Variable]) -> None:
        """Keep variables from now on, in place of others of that name.

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
    another run has the folder, and where an unfinished one is neither resumed nor given
    up.
    """

    def __init__(
        self, folder: str | Path, args: argparse.Namespace, summary: dict[str, Any]
    ):
        super().__init__()
        self.folder, self.args, self.summary = Path(folder, FOLDER), args, summary
        self._tracked: dict[str, list[Variable]] = {}
        self._values: dict[str, list[np.ndarray]] = {}  # of the checkpoint
        self._number = 0  # of the newest checkpoint
        self._written_at = -np.inf
        self._defers = self._is_stopped = False

    def __enter__(self) -> Self:
        self._lock = filelock.FileLock(self.folder.parent / ".lock", timeout=0)
        try:
            self._lock.acquire()
        except filelock.Timeout as error:
            where = self.folder.parent
            raise UserError(f"{where}: another run writes to this folder") from error
        if self.args.restart:
            shutil.rmtree(self.folder, ignore_errors=True)
        found = newest(self.folder)
        if found and not self.args.resume:
            self._lock.release()
            raise UserError(
                f"{self.folder.parent}: holds an unfinished run; go on with it:\n"
                f"  {self.resuming()}\nor give it up: add --restart"
            )
        if found:
            self._restore(*found)
        else:  # what another run has left is of no use
            shutil.rmtree(self.folder, ignore_errors=True)
        self._handlers = {one: signal.signal(one, self._interrupted) for one in SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for one, handler in self._handlers.items():
            signal.signal(one, handler)
        if kind is None:
            shutil.rmtree(self.folder, ignore_errors=True)
        elif self._number:
            print(f"\ngo on with:\n  {self.resuming()}", file=sys.stderr)
        self._lock.release()

    def resuming(self) -> str:
        """Return the command that resumes the run."""
        return flags.command_of(
            self.summary["script"], "--resume", "--output_dir", self.folder.parent
        )

    def kept(
        self, name: str, make: Callable[[], Sequence[np.ndarray]]
    ) -> list[np.ndarray]:
        """Return arrays that take long to make; a resumed run makes them only once."""
        if not self._number:
            self.keep()
        path = self.folder / name
        with contextlib.suppress(OSError, *DAMAGE):
            return read(path)[name]
        made = list(make())
        try:
            write(path, {name: made})
        except UserError as error:
            print(f"{error}; the run goes on without", file=sys.stderr)
        return made

    def track(self, name: str, variables: Sequence[Variable]) -> None:
        """Keep variables from now on, in place of others of that name.

        They get the values that the checkpoint has, if it has as many of that name.
        """
        self._tracked[name] = list(variables)
        if len(self._values.get(name, ())) == len(variables):
            for variable, value in zip(variables, self._values.pop(name), strict=True):
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
        finally:
            self._defers = False

    def step(self, sums: Sequence[float]) -> None:
        """Count a step; write a checkpoint if it is time, or the run is to stop."""
        super().step(sums)
        age = time.monotonic() - self._written_at
        if self._is_stopped or age >= self.args.checkpoint_seconds:
            self.keep()

    def keep(self) -> None:
        """Write a checkpoint; raise KeyboardInterrupt if the run is to stop."""
        head = {
            "summary": self.summary,
            "directory": os.getcwd(),
            "place": self.place,
            "rows": self.rows,
            "seconds": time.monotonic() - self.start,
        }
        arrays = {HEAD: [np.array(json.dumps(head))]}
        for name, variables in self._tracked.items():
            arrays[name] = [np.asarray(variable.numpy()) for variable in variables]
        self._number += 1
        files.make_folder(self.folder)
        try:
            write(self.folder / f"{PREFIX}{self._number:08d}", arrays)
        except UserError as error:  # a full disk: better learned than lost
            print(f"\n{error}; the run goes on without", file=sys.stderr)
        for path in [*checkpoints(self.folder)[KEPT:], *self.folder.glob(".*.partial")]:
            path.unlink()
        self._written_at = time.monotonic()
        if self._is_stopped:
            raise KeyboardInterrupt

    def _interrupted(self, received: int, frame: FrameType | None) -> None:
        """Stop after the step; at once when asked again, or where no step ends."""
        if self._is_stopped or not self._defers:
            raise KeyboardInterrupt
        self._is_stopped = True
        print("\nstopping after this step", file=sys.stderr)

    def _restore(self, path, head, values):
        self._number = int(path.name.removeprefix(PREFIX))
        self._values, self.rows = values, head["rows"]
        self.place = Place(*head["place"])
        self.start -= head["seconds"]
        self.summary["command"] = head["summary"]["command"]


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add --resume, --restart and --checkpoint_seconds."""
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the unfinished run in --output_dir, with its flags",
    )
    parser.add_argument(
        "--restart",
        action="store_true",
        help="give up the unfinished run in --output_dir",
    )
    parser.add_argument(
        "--checkpoint_seconds",
        type=number(float, 0, 86_400),
        metavar="S",
        default=60.0,
        help="time between checkpoints, beside one after each epoch",
    )


def parse(
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None,
    check: Callable[[argparse.ArgumentParser, argparse.Namespace], object],
) -> argparse.Namespace:
    """Return the flags of a run: those given, or with --resume those it began with.

    check: ends with a usage error where flags disagree. A flag that contradicts the
    run's is a usage error too. Raises UserError where there is no run to resume.
    """
    args = parser.parse_args(argv)
    if not args.resume:
        check(parser, args)
        return args
    if args.restart:
        parser.error("--resume and --restart exclude each other")
    found = newest(Path(args.output_dir, FOLDER), is_told=False)
    if found is None:
        raise UserError(f"{args.output_dir}: holds no unfinished run; drop --resume")
    _, head, _ = found
    if head["directory"] != os.getcwd():
        raise UserError(f"{args.output_dir}: resume it in {head['directory']}")
    begun = head["summary"]["arguments"]
    for name in sorted(given(parser, argv) - OWN_FLAGS):
        if getattr(args, name) != begun[name]:
            parser.error(f"--{name}: the run began with {begun[name]}; drop the flag")
    own = {name: getattr(args, name) for name in OWN_FLAGS}
    return argparse.Namespace(**begun | own)


def given(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> set[str]:
    """Return the names of the flags that a command line gives."""
    absent = object()
    names = {action.dest for action in parser._actions}
    unset = argparse.Namespace(**dict.fromkeys(names, absent))
    parsed = vars(parser.parse_args(argv, unset))
    return {name for name, value in parsed.items() if value is not absent}


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, the newest first."""
    return sorted(folder.glob(PREFIX + "*"), reverse=True)


def newest(
    folder: Path, is_told: bool = True
) -> tuple[Path, dict[str, Any], dict[str, list[np.ndarray]]] | None:
    """Return the newest whole checkpoint in a folder: its path, head and arrays.

    None without one; a damaged one is named on stderr if `is_told`.
    """
    for path in checkpoints(folder):
        try:
            arrays = read(path)
            (head,) = arrays.pop(HEAD)
            return path, json.loads(str(head)), arrays
        except OSError as error:
            fault = error.strerror
        except DAMAGE:
            fault = "damaged"
        if is_told:
            print(f"{path}: {fault}; trying the one before", file=sys.stderr)
    return None


def write(path: Path, arrays: Mapping[str, Sequence[np.ndarray]]) -> None:
    """Write {name: arrays}, whole or not at all; raise UserError if that fails."""
    content = io.BytesIO()
    named = {
        f"{name}/{place:06d}": array
        for name, own in arrays.items()
        for place, array in enumerate(own)
    }
    np.savez(content, **named)  # pyright: ignore[reportArgumentType]
    digest = hashlib.sha256(content.getbuffer()).digest()
    files.write_bytes(path, digest + content.getvalue())


def read(path: Path) -> dict[str, list[np.ndarray]]:
    """Return {name: arrays} as written to `path`.

    Raises one of DAMAGE where it is damaged, and OSError where it cannot be read.
    """
    content = memoryview(files.read_bytes(path, LARGEST))
    digest, rest = content[:32], content[32:]
    if hashlib.sha256(rest).digest() != digest:
        raise ValueError("another digest")
    found: dict[str, list[np.ndarray]] = {}
    with np.load(io.BytesIO(rest), allow_pickle=False) as named:
        for name in named.files:  # in the order in which they were written
            found.setdefault(name.rpartition("/")[0], []).append(named[name])
    return found
