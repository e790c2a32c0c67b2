"""The checkpoints of a run (digits.experiment.resume): arrays in a file, by name.

A checkpoint is a file of NumPy's .npz format behind a SHA-256 of it, so that a damaged
one is known. Its array HEAD is the text that digits.experiment.run_head checks.
"""

import hashlib
import io
import json
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from digits import UserError
from digits.experiment import run_head
from digits.terminal import files, npz

FOLDER = "unfinished"
PREFIX = "checkpoint-"
LARGEST = 4 << 30  # bytes of a checkpoint, or of what is kept beside it
HEAD = "head"  # the array whose text says what a checkpoint is of
ENDING = ".kept"  # of other files that a run keeps beside its checkpoints
# The names of what a run keeps, folders of networks on a Dask cluster among them; and
# what macOS leaves where one has looked.
NAMES = re.compile(
    rf"{PREFIX}\d+|.+{re.escape(ENDING)}|network \d+|\..+\.partial|\.DS_Store"
)


def paths(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, the newest first."""
    return sorted(folder.glob(PREFIX + "*"), reverse=True)


def clear(folder: Path) -> None:
    """Delete the folder of a run; raise UserError if it has anything else."""
    others = [path for path in folder.glob("*") if not NAMES.fullmatch(path.name)]
    if others:
        raise UserError(
            f"{others[0]}: no run made it, and runs delete this folder: move it, or "
            "choose another --output_dir"
        )
    shutil.rmtree(folder, ignore_errors=True)


def newest(
    folder: Path, is_told: bool = True
) -> tuple[int, dict[str, Any], dict[str, list[np.ndarray]]] | None:
    """Return the newest whole checkpoint in a folder: its number, head and arrays.

    None where there are no checkpoints. A damaged one is named on stderr if `is_told`;
    raises UserError where all are.
    """
    found = paths(folder)
    for path in found:
        try:
            arrays = read(path)
            (text,) = arrays.pop(HEAD)
            head = json.loads(str(text))
            run_head.check(head)
            return int(path.name.removeprefix(PREFIX)), head, arrays
        except OSError as error:
            fault = error.strerror or "damaged"
        except npz.DAMAGE:
            fault = "damaged"
        if is_told:
            print(f"{path}: {fault}", file=sys.stderr)
    if found:
        raise unreadable(folder.parent, "damaged")
    return None


def unreadable(where: str | Path, reason: str) -> UserError:
    """Return the error of an unfinished run; where: its --output_dir."""
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
