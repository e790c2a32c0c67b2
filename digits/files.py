"""Writing files so that a reader sees the old one or the new one, never half."""

import os
from pathlib import Path

from digits import UserError


def check_writable(path):
    """Raise UserError now if the file `path` could not be written after long work."""
    folder = os.path.dirname(path) or "."
    if os.path.exists(path) and not os.path.isfile(path):
        raise UserError(f"{path}: is no file; name a file to write")
    if not os.path.isdir(folder):
        raise UserError(f"{path}: there is no folder {folder}; make it first")
    if not os.access(folder, os.W_OK):
        raise UserError(f"{path}: the folder {folder} cannot be written to")


def make_folder(path):
    """Make the folder `path` if need be; raise UserError if that fails."""
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path}: no folder to write to: {error.strerror}") from error
    if not os.access(path, os.W_OK):
        raise UserError(f"{path}: the folder cannot be written to")


def write_bytes(path, content):
    """Write `content` (bytes) to `path`, whole or not at all; makes its folder.

    Raises UserError when the disk is full or the folder cannot be written.
    """
    path = Path(path)
    make_folder(path.parent)
    check_writable(path)
    temporary = path.parent / f".{os.urandom(8).hex()}.partial"
    try:
        try:
            with open(temporary, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UserError(f"{path}: not written: {error.strerror}") from error


def write_text(path, text):
    """Write `text` as UTF-8 to `path`, whole or not at all."""
    write_bytes(path, text.encode())
