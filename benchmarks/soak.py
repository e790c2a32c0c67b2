"""A long list of pictures, read by load_model.py, which is killed once and goes on.

It is read by processes of its own, and by a Dask cluster with a worker on each core,
which ends with it. One in fifty pictures is broken. The others are drawn digits: few
different ones, each of which has many names. Memory is read from /proc, so it needs
Linux.
"""

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import cv2

from benchmarks import predict
from benchmarks.mutations import truncated
from digits import UserError
from digits.terminal.progress import Progress

DIFFERENT = 500  # pictures
BROKEN = 20  # of these, different ones
ONE_IN = 50
POLL = 0.1  # seconds


def facts(count, random):
    """Return what `soaked` counts without a cluster, and on the workers of one."""
    return {
        "processes": soaked(count, random),
        "workers": soaked(count, random, ["--dask", "local"]),
    }


def soaked(count, random, flags=()):
    """Return how many pictures were answered and refused, and the memory it took.

    flags: others of load_model.py. Raises UserError where answers are not those that
    are asked for, each once and in order.
    """
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths, broken = made(folder, count, random)
        answers, errors = folder / "answers", folder / "errors"
        listed = folder / "list"
        listed.write_text("\n".join(paths) + "\n", encoding="utf-8")
        command = [*predict.SCRIPT, "--files_from", str(listed), "--json"]
        command += ["--append", str(answers), *flags]
        with errors.open("wb") as file, Progress("Reading", count) as bar:
            run = Watched(command, answers, file, bar)
            is_killed = run.until(int(count * random.uniform(0.05, 0.95)))
            if is_killed:
                run.until(None)
        found = compared(paths, broken, answers, errors, run.status)
    early = [megabytes for done, megabytes in run.samples if done < count / 2]
    late = [megabytes for done, megabytes in run.samples if done >= count / 2]
    return {
        "pictures": count,
        **found,
        "kills": int(is_killed),
        "megabytes_early": max(early, default=0),
        "megabytes_late": max(late, default=0),
        "seconds": round(time.monotonic() - start),
    }


def made(folder, count, random):
    """Return (paths of pictures in a folder, those that are broken)."""
    images, _ = predict.drawn_digits(DIFFERENT)
    sources = [folder / f"source {number}" for number in range(DIFFERENT)]
    for source, image in zip(sources, images, strict=True):
        source.write_bytes(cv2.imencode(".png", 255 - image)[1].tobytes())
    broken_sources = sources[:BROKEN]
    for source in broken_sources:
        source.write_bytes(truncated(source.read_bytes()[:200], random))
    starts = range(0, count - ONE_IN + 1, ONE_IN)
    broken = {start + int(random.integers(ONE_IN)) for start in starts}
    paths = [str(folder / f"{number:07d}.png") for number in range(count)]
    for number, path in enumerate(paths):
        some = broken_sources if number in broken else sources[BROKEN:]
        os.link(some[random.integers(len(some))], path)
    return paths, {paths[number] for number in broken}


class Watched:
    """Runs a command that appends lines to a file; `samples`: (lines, megabytes)."""

    def __init__(self, command, answers, errors, bar):
        self.command, self.answers, self.errors = command, answers, errors
        self.bar, self.samples, self.status = bar, [], 0
        self.lines = self.place = 0  # of what is written

    def until(self, lines):
        """Run it, and kill it once it has written so many lines.

        lines: None to let it end. Returns whether it was killed.
        """
        process = subprocess.Popen(
            self.command, stdout=subprocess.DEVNULL, stderr=self.errors
        )
        try:
            while process.poll() is None:
                self.count()
                self.samples.append((self.lines, predict.memory_of(process.pid)))
                if lines is not None and self.lines >= lines:
                    process.kill()
                time.sleep(POLL)
        finally:
            process.kill()
        self.status = process.wait()
        self.count()
        return self.status < 0

    def count(self):
        """Count the lines that were written meanwhile."""
        if self.answers.exists():
            with self.answers.open("rb") as file:
                file.seek(self.place)
                added = file.read()
            self.place += len(added)
            self.lines += added.count(b"\n")
            self.bar.update(added.count(b"\n"))


def compared(paths, broken, answers, errors, status):
    """Return {"answered", "refused", "missing"}: how many of the pictures are.

    A broken picture is refused where it is named on stderr, too. Raises UserError where
    answers are in another order or twice there, where others are refused, and where the
    exit status is wrong.
    """
    with answers.open(encoding="utf-8") as file:
        found = [json.loads(line) for line in file]
    names = [answer["file"] for answer in found]
    refused = {answer["file"] for answer in found if "error" in answer}
    told = {
        line.partition(": ")[0]
        for line in errors.read_text(encoding="utf-8").splitlines()
    }
    if names != sorted(set(names)) or not set(names) <= set(paths):
        raise UserError("answers are not in order, or not each once")
    if refused - broken or set(names) & broken - refused:
        raise UserError("others are refused than those that are broken")
    if status != (1 if broken else 0):
        raise UserError(f"the exit status is {status}")
    return {
        "answered": len(set(names) - refused),
        "refused": len(refused & told),
        "missing": len(set(paths) - set(names)) + len(refused - told),
    }
