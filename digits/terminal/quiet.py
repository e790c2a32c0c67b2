"""Silence for native code that writes to stderr."""

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def native_stderr_silenced() -> Iterator[None]:
    """Discard what is written to file descriptor 2; exceptions still pass.

    TensorFlow writes there when it is imported, whatever TF_CPP_MIN_LOG_LEVEL is, and
    libpng when a picture is damaged.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
