"""What becomes of a file that is read in a process of its own: read, or refused.

The process is forked, so that it has the imports done. Needs Linux.
"""

import collections
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from digits import UserError
from digits.terminal.progress import Progress

MOST_SECONDS = 5
MOST_MEMORY = 1 << 30  # bytes
POLL = 0.002  # seconds
TRACEBACK = 70  # the status of a process that an exception ends
FINE = "read", "refused"


def apart(work):
    """Call work() in a forked process; raise UserError where it fails.

    Processes that are forked later lack the threads that it starts, as TensorFlow's:
    it must not start them in this one.
    """
    with tempfile.TemporaryFile() as log:
        child = _forked(work, log, log)
        _, status = os.waitpid(child, 0)
        if status:
            log.seek(0)
            last = log.read().decode(errors="replace").splitlines()[-1:]
            raise UserError(f"what is to be damaged cannot be made: {' '.join(last)}")


def outcome(read, path, lines=1, imported=0):
    """Return what a process makes of a file: one of FINE, or what is wrong.

    read: a function without arguments that returns an exit status. A file is refused
    with status 1 and so many `lines` on stderr at most, of which the last one names the
    `path`. imported: bytes that the process may have beside MOST_MEMORY.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        child = _forked(read, out, errors)
        ending = _awaited(child, MOST_MEMORY + imported)
        errors.seek(0)
        told = errors.read().decode(errors="replace").splitlines()
    if isinstance(ending, str):
        return ending
    if ending not in (0, 1) or any("Traceback" in line for line in told):
        return "traceback"
    if ending == 0:
        return "read"
    if not told:
        return "silent"
    if len(told) > lines:
        return "of many lines"
    return "refused" if str(path) in told[-1] else "not named"


def _forked(work, *outputs):
    """Return the number of a process that ends with the status that work() returns.

    outputs: files that get its stdout and stderr.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    for descriptor, output in enumerate(outputs, 1):
        os.dup2(output.fileno(), descriptor)
    status = TRACEBACK
    try:
        status = work() or 0
    except Exception:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _awaited(child, most):
    """Return the exit status of a process, or a word where it is ended.

    most: bytes that it may take.
    """
    deadline = time.monotonic() + MOST_SECONDS
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            break
        is_late = time.monotonic() > deadline
        if is_late or resident(child) > most:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return "hung" if is_late else "too large"
        time.sleep(POLL)
    if os.WIFSIGNALED(status):
        return "crashed"
    if usage.ru_maxrss * 1024 > most:
        return "too large"
    return os.waitstatus_to_exitcode(status)


def resident(pid="self"):
    """Return the bytes of memory that a process has."""
    pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()


def tallied(label, count, make, read, **limits):
    """Return {outcome: how many} of files, or folders; keep those that are not FINE.

    make: writes one, given its path and number; read: reads it, given the same, and
    returns an exit status; limits: as `outcome` takes them.
    """
    counts = collections.Counter()
    with tempfile.TemporaryDirectory() as folder, Progress(label, count) as bar:
        path = Path(folder, "file")
        for number in range(count):
            make(path, number)
            found = outcome(lambda n=number: read(path, n), path, **limits)
            counts[found] += 1
            if found not in FINE:
                kept = Path(tempfile.mkdtemp(prefix=f"{label}-{number}-"), "file")
                shutil.move(path, kept)
                print(f"{found}: {kept}", file=sys.stderr)
            elif path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
            bar.update(1)
    return dict(counts)
