"""Reading regular files, and writing them so that no reader sees half of one."""

import contextlib
import errno
import functools
import json
import math
import os
import shutil
import stat
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from digits import UserError

HALF_WRITTEN = 600.0  # seconds after which no process still writes a file


def size_of(path: str | Path) -> int:
    """Return the size in bytes of the file at `path`.

    Raises OSError when it is missing, out of reach, or a device or pipe: a device may
    have no end, a pipe no writer. Folders pass: opening one raises OSError.
    """
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return status.st_size


def read_bytes(path: str | Path, largest: int) -> bytes:
    """Return the content of the regular file at `path`, of `largest` bytes at most.

    Raises OSError as `size_of` does, and when it is larger.
    """
    if size_of(path) <= largest:
        with open(path, "rb") as file:
            # It may grow meanwhile; more than there is is not asked for.
            content = file.read(min(largest, os.fstat(file.fileno()).st_size) + 1)
        if len(content) <= largest:
            return content
    raise OSError(errno.EFBIG, f"larger than {largest >> 20} MiB", str(path))


def real_path(path: str | Path) -> str:
    """Return the path that a file has on this disk, however it is written."""
    return os.path.normcase(os.path.realpath(path))


def is_same(path: str | Path, other: str | Path) -> bool:
    """Tell whether two paths lead to the same file, which need not exist."""
    if os.path.exists(path) and os.path.exists(other):
        return os.path.samefile(path, other)
    return real_path(path) == real_path(other)


def check_writable(path: str | Path) -> None:
    """Raise UserError now if the file `path` could not be written after long work."""
    target = os.path.realpath(path) if os.path.islink(path) else path
    folder = os.path.dirname(target) or "."
    if os.path.exists(path) and not os.path.isfile(path):
        raise UserError(f"{path}: not a file; name a file to write")
    if os.path.exists(path) and not os.access(path, os.W_OK):
        raise UserError(f"{path}: is read-only; name another file to write")
    if not os.path.isdir(folder):
        raise UserError(f"{path}: there is no folder {folder}; make it first")
    if not os.access(folder, os.W_OK):
        raise UserError(f"{path}: the folder {folder} cannot be written to")


def check_space(path: str | Path, size: int) -> None:
    """Raise UserError now if a file of `size` bytes would not fit beside `path`."""
    free = shutil.disk_usage(Path(os.path.realpath(path)).parent).free
    if free < size:
        raise UserError(
            f"{path}: {math.ceil(size / 2**20)} MiB will be needed, and "
            f"{free >> 20} are free; make room, or name another place"
        )


def make_folder(path: str | Path) -> None:
    """Make the folder `path` if need be; raise UserError if that fails."""
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path}: no folder to write to: {error.strerror}") from error
    if not os.access(path, os.W_OK):
        raise UserError(f"{path}: the folder cannot be written to")


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all; makes its folder.

    A link is followed, and the permissions of a former file stay. Raises UserError when
    the disk is full or the folder cannot be written.
    """
    make_folder(Path(path).parent)
    check_writable(path)
    target = Path(os.path.realpath(path))
    _remove_half_written(target.parent)
    temporary = target.parent / f".{os.urandom(8).hex()}.partial"
    try:
        try:
            with open(temporary, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if target.exists():
                shutil.copymode(target, temporary)
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UserError(f"{path}: not written: {error.strerror}") from error


@functools.cache  # once: a folder of annotated pictures may be large
def _remove_half_written(folder):
    """Remove what processes that were killed while they wrote left in a folder."""
    for path in folder.glob(f".{16 * '[0-9a-f]'}.partial"):
        with contextlib.suppress(OSError):  # another process removed it
            if time.time() - path.stat().st_mtime > HALF_WRITTEN:
                path.unlink()


def write_or_rescue(
    path: str | Path, content: bytes, folders: Sequence[str | Path]
) -> None:
    """Write `content` to `path`, or if that fails into the first folder that works.

    There it replaces nothing. Raises UserError if writing to `path` fails, and says
    where `content` is.
    """
    try:
        write_bytes(path, content)
    except UserError as error:
        for folder in folders:
            other = Path(folder, f"{os.urandom(4).hex()}-{Path(path).name}")
            try:
                write_bytes(other, content)
            except UserError:
                continue
            raise UserError(f"{error}; what was to be written is in {other}") from error
        raise


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8 to `path`, whole or not at all."""
    write_bytes(path, text.encode())


def write_json(path: str | Path, content: Any) -> None:
    """Write what JSON can hold to `path`, indented, whole or not at all."""
    write_text(path, json.dumps(content, indent=1) + "\n")
