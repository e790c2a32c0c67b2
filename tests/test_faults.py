"""benchmarks/faults.py: each part once, on very few files."""

import io
import json
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from benchmarks import kills, mutations, soak
from conftest import ROOT
from digits import UserError

needs_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="it forks processes, and reads /proc"
)
# Processes are forked, which pytest's own must not be: it may have threads.
COMMAND = [sys.executable, str(ROOT / "benchmarks" / "faults.py")]


def facts_of(part, count):
    """Return what a part counts."""
    command = [*COMMAND, part, "--count", str(count), "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@needs_linux
@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "count"),
    [
        ("models", 20),
        ("pictures", 9),
        ("mnist", 10),
        ("skops", 9),
        ("keras", 4),
        ("checkpoints", 5),
        ("labels", 9),
    ],
)
def test_damaged_files_are_read_or_refused(part, count):
    found = facts_of(part, count)
    assert set(found) <= {"read", "refused"}
    assert sum(found.values()) == count and found["refused"] > 0


@needs_linux
@pytest.mark.slow
def test_a_long_list_is_read():
    for found in facts_of("soak", 500).values():
        assert (found["answered"], found["refused"], found["missing"]) == (490, 10, 0)
        assert 50 < max(found["megabytes_early"], found["megabytes_late"]) < 1000


OUTCOMES = """
import os, signal, sys, time
sys.path.insert(0, sys.argv[1])
from benchmarks import outcomes
outcomes.MOST_SECONDS, outcomes.MOST_MEMORY = 0.5, 100 << 20

def tell(text, status):
    print(text, file=sys.stderr)
    return status

def held(size):
    return len(bytearray(os.urandom(1 << 20) * size)) * 0

for read in (
    lambda: 0,
    lambda: tell("a warning", 0),
    lambda: tell("error: the/file: damaged", 1),
    lambda: tell("the/file: one\\nthe/file: two", 1),
    lambda: tell("error: damaged", 1),
    lambda: 1,
    lambda: 2,
    lambda: 1 / 0,
    lambda: tell("Traceback", 1),
    lambda: os.kill(os.getpid(), signal.SIGSEGV),
    lambda: time.sleep(60),
    lambda: held(10),
    lambda: held(200),
):
    print(outcomes.outcome(read, "the/file"))
"""


@needs_linux
def test_what_becomes_of_a_file():
    command = [sys.executable, "-c", OUTCOMES, str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "read",
        "read",
        "refused",
        "of many lines",
        "not named",
        "silent",
        "traceback",
        "traceback",
        "traceback",
        "crashed",
        "hung",
        "read",
        "too large",
    ]


def test_bombs(monkeypatch):
    monkeypatch.setattr(mutations, "ZEROS", 1 << 20)
    archive = mutations.archive_of({"a": b"one", "b": b"two"})
    bomb = mutations.with_bomb(archive, "a", b"start", 1)
    assert len(bomb) < 5 << 20
    with zipfile.ZipFile(io.BytesIO(bomb)) as file:
        assert file.read("b") == b"two"
        assert file.getinfo("a").file_size == 5 + (1 << 30)
        with file.open("a") as part:
            assert part.read(3 << 20) == b"start".ljust(3 << 20, b"\0")


class Ending:
    """Stands for processes of a script: what each leaves, and its status."""

    def __init__(self, folder, *steps):
        self.folder, self.steps, self.flags = folder, list(steps), []

    def __call__(self, context, script, flags, seconds):
        self.flags.append(flags[0])
        status, names = self.steps.pop(0)
        for path in self.folder.rglob("*"):
            if path.is_file():
                path.unlink()
        for name in names:
            path = self.folder / name
            path.parent.mkdir(exist_ok=True)
            path.touch()
        return status


KILLED = -signal.SIGKILL
ONE = "unfinished/checkpoint-00000001"
ENDED = "model.hdf5", "results.json"
FIRST, AGAIN = "--dataset", "--resume"


@pytest.mark.parametrize(
    ("steps", "flags"),
    [
        ([(0, ENDED)], [FIRST]),
        ([(KILLED, []), (0, ENDED)], [FIRST, FIRST]),
        ([(KILLED, [ONE]), (KILLED, [ONE]), (0, ENDED)], [FIRST, AGAIN, AGAIN]),
        ([(KILLED, [ONE]), (KILLED, ENDED)], [FIRST, AGAIN]),  # on its way out
        ([(KILLED, ENDED)], [FIRST]),
    ],
)
def test_a_run_is_killed_until_it_ends(steps, flags, tmp_path, monkeypatch):
    run = Ending(tmp_path / "run", *steps)
    monkeypatch.setattr(kills, "in_process", run)
    kind = kills.kinds(Path("x"))["tf_cnn.py"]
    found = kills.finish_with_kills(
        None, kind, tmp_path / "run", 1.0, np.random.default_rng(0)
    )
    assert found == sum(status == KILLED for status, _ in steps)
    assert run.flags == flags


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([(1, [])], "status 1"),
        ([(KILLED, [ONE]), (1, [ONE])], "status 1"),
        ([(KILLED, [ONE]), (KILLED, ["model.hdf5"])], "its checkpoints are gone"),
    ],
)
def test_runs_that_fail(steps, message, tmp_path, monkeypatch):
    monkeypatch.setattr(kills, "in_process", Ending(tmp_path / "run", *steps))
    kind = kills.kinds(Path("x"))["CNN_MNIST.py"]
    with pytest.raises(UserError, match=message):
        kills.finish_with_kills(
            None, kind, tmp_path / "run", 1.0, np.random.default_rng(0)
        )


def line(name, **more):
    return json.dumps({"file": name, **(more or {"rows": ["1"]})})


GONE = line("b", error="damaged")


@pytest.mark.parametrize(
    ("lines", "told", "expected"),
    [
        ([line("a"), GONE, line("c")], "b: damaged\n", (2, 1, 0)),
        ([line("a"), GONE, line("c")], "", (2, 0, 1)),
        ([line("a"), GONE], "b: damaged\nb: damaged\n", (1, 1, 1)),
        ([line("a"), line("c"), GONE], "b: damaged\n", "not in order"),
        ([line("a"), line("a"), GONE, line("c")], "b: damaged\n", "not each once"),
        ([line("a"), line("b"), line("c")], "", "others are refused"),
        ([line("a", error="x"), GONE, line("c")], "", "others are refused"),
        ([line("a"), GONE, line("d")], "b: damaged\n", "not in order"),
    ],
)
def test_answers_are_compared(lines, told, expected, tmp_path):
    (tmp_path / "answers").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "errors").write_text(told, encoding="utf-8")
    given = "abc", {"b"}, tmp_path / "answers", tmp_path / "errors"
    if isinstance(expected, str):
        with pytest.raises(UserError, match=expected):
            soak.compared(*given, 1)
        return
    assert tuple(soak.compared(*given, 1).values()) == expected
    with pytest.raises(UserError, match="the exit status is 0"):
        soak.compared(*given, 0)
