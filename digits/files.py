"""Writing files so that a reader sees the old one or the new one, never half."""

import os
from pathlib import Path

from digits import UserError


def check_writable(path):
    """Raise UserError now if `path` could not be written later, after long work."""
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name a file to write")
    if not path.parent.is_dir():
        raise UserError(f"{path}: there is no folder {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK):
        raise UserError(f"{path}: the folder {path.parent} cannot be written to")


def write_bytes(path, content):
    """Write `content` (bytes) to `path`, whole or not at all; makes its folder.

    Raises UserError when the disk is full or the folder cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if temporary.exists():
            temporary.unlink()
        raise UserError(f"{path}: not written: {error.strerror}") from error


def write_text(path, text):
    """Write `text` as UTF-8 to `path`, whole or not at all."""
    write_bytes(path, text.encode())
