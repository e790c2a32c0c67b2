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
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NamedTuple, Protocol, Self

import numpy as np

from digits import UserError
from digits.experiment import flags, run_head
from digits.experiment.results import versions
from digits.terminal import files, npz
from digits.terminal.cli import number
from digits.terminal.lazy import LazyModule

filelock = LazyModule("filelock")

FOLDER = "unfinished"
PREFIX = "checkpoint-"
KEPT = 2  # checkpoints
LARGEST = 4 << 30  # bytes of a checkpoint, or of what is kept beside it
HEAD = "head"  # the array whose text says what a checkpoint is of
RUN_FLAGS = {"resume", "restart", "output_dir"}
# Those that a resumed run may change.
FREE_FLAGS = {"save_weights", "checkpoint_seconds", "dask"}
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
        self.folder, self.args, self.summary = Path(folder, FOLDER), args, summary
        self._tracked: dict[str, list[Variable]] = {}
        self._values: dict[str, list[np.ndarray]] = {}  # of the checkpoint
        self._versions = versions()
        self._number = 0  # of the newest checkpoint
        self._written_at = -np.inf
        self._defers = self._is_stopped = False
        self._is_untried = False  # whether no step was made with the checkpoint

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
        found = newest(self.folder)
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
        if kind is None:
            shutil.rmtree(self.folder, ignore_errors=True)
        elif self._number and checkpoints(self.folder) and not is_in_vain:
            command = resuming(self.summary["script"], self.folder.parent)
            print(f"\ngo on with:\n  {command}", file=sys.stderr)
        self._lock.release()
        if is_in_vain and not isinstance(error, UserError):
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            raise _unreadable(self.folder.parent, reason) from error

    def kept(
        self, name: str, make: Callable[[], Sequence[np.ndarray]]
    ) -> list[np.ndarray]:
        """Return arrays that take long to make; a resumed run makes them only once."""
        if not self._number:
            self.keep()
        path = self.folder / name
        with contextlib.suppress(*npz.DAMAGE):
            return read(path)[name]
        made = list(make())
        try:
            size = sum(array.nbytes for array in made)
            files.check_space(self.folder, size + flags.RESULTS)
            write(path, {name: made})
        except UserError as error:
            print(f"{error}; the run goes on without", file=sys.stderr)
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
        head = {
            "summary": self.summary,
            "directory": os.getcwd(),
            "versions": self._versions,
            "place": self.place,
            "rows": self.rows,
            "seconds": time.monotonic() - self.start,
        }
        arrays = {HEAD: [np.array(json.dumps(head))]}
        for name, variables in self._tracked.items():
            arrays[name] = [np.asarray(variable.numpy()) for variable in variables]
        if not self._number:  # what another run has left is of no use
            shutil.rmtree(self.folder, ignore_errors=True)
        self._number += 1
        try:
            write(self.folder / f"{PREFIX}{self._number:08d}", arrays)
            halves = self.folder.glob(".*.partial")
            for path in [*checkpoints(self.folder)[KEPT:], *halves]:
                path.unlink()
        except (UserError, OSError) as error:  # a full disk: better learned than lost
            print(f"\n{error}; the run goes on without", file=sys.stderr)
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
        where = self.folder.parent
        if (found := head["versions"]) != self._versions:
            raise UserError(f"{where}: its unfinished run needs the versions {found}")
        self._number = int(path.name.removeprefix(PREFIX))
        self._values, self.rows = values, head["rows"]
        self.place, self._is_untried = Place(*head["place"]), True
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


def resuming(script: str, folder: Path) -> str:
    """Return the command that resumes a script's run; folder: its --output_dir."""
    return flags.command_of(script, "--resume", "--output_dir", folder)


def parse(
    script: str,
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None,
    check: Callable[[argparse.ArgumentParser, argparse.Namespace], object],
) -> argparse.Namespace:
    """Return the flags of a run: those given, or with --resume those it began with.

    script: its name; check: ends with a usage error where flags disagree. A flag that
    contradicts the run's is a usage error too, but for where it is saved. Raises
    UserError where there is no run of the script to resume.
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
    head = found[1]
    begun, other = head["summary"]["arguments"], head["summary"]["script"]
    if other != script:
        raise UserError(f"{args.output_dir}: holds an unfinished run of {other}")
    if head["directory"] != os.getcwd():
        raise UserError(f"{args.output_dir}: resume it in {head['directory']}")
    if not run_head.are_flags(begun, parser, check):
        raise _unreadable(args.output_dir, "other flags than there are")
    names = given(parser, argv)
    for name in sorted(names - RUN_FLAGS - FREE_FLAGS):
        if getattr(args, name) != begun[name]:
            parser.error(f"--{name}: the run began with {begun[name]}; drop the flag")
    own = {name: getattr(args, name) for name in RUN_FLAGS | (FREE_FLAGS & names)}
    args = argparse.Namespace(**begun | own)
    check(parser, args)
    return args


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

    None where there are no checkpoints. A damaged one is named on stderr if `is_told`;
    raises UserError where all are.
    """
    paths = checkpoints(folder)
    for path in paths:
        try:
            arrays = read(path)
            (text,) = arrays.pop(HEAD)
            head = json.loads(str(text))
            run_head.check(head)
            int(path.name.removeprefix(PREFIX))
            return path, head, arrays
        except OSError as error:
            fault = error.strerror or "damaged"
        except npz.DAMAGE:
            fault = "damaged"
        if is_told:
            print(f"{path}: {fault}", file=sys.stderr)
    if paths:
        raise _unreadable(folder.parent, "damaged")
    return None


def _unreadable(where, reason):
    return UserError(
        f"{where}: its unfinished run cannot be read ({reason}); give it up: add "
        "--restart"
    )


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

    Raises one of npz.DAMAGE where it is damaged or cannot be read.
    """
    content = memoryview(files.read_bytes(path, LARGEST))
    digest, rest = content[:32], content[32:]
    if hashlib.sha256(rest).digest() != digest:
        raise ValueError("another digest")
    found: dict[str, list[np.ndarray]] = {}
    # In the order in which they were written, not compressed.
    for name, array in npz.read(rest, len(rest)).items():
        found.setdefault(name.rpartition("/")[0], []).append(array)
    return found
