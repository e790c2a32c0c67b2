"""Silence for native code that writes to stderr itself."""

import contextlib
import os
import sys


@contextlib.contextmanager
def native_stderr_silenced():
    """Send file descriptor 2 to nowhere; a Python exception still comes through.

    TensorFlow prints to it during its import, whatever TF_CPP_MIN_LOG_LEVEL says, and
    libpng when a picture is damaged.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
