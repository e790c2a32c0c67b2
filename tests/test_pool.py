import os
import signal
import subprocess
import sys
import time

import pytest

from conftest import ROOT
from digits import UserError
from digits.terminal import pool


@pytest.fixture
def four_cores(tmp_path, monkeypatch):
    """Let this process run on four cores; return the file with its quota."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 4, 6}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(pool, "CGROUP", tmp_path / "cpu.max")
    return tmp_path / "cpu.max"


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("150000 100000", 2),
        ("200000 100000\n", 2),
        ("5000 100000", 1),
        ("900000 100000", 4),
        ("max 100000", 4),
        ("garbage", 4),
        ("", 4),
    ],
)
def test_cores_within_a_containers_quota(four_cores, limit, expected):
    four_cores.write_text(limit, encoding="utf-8")
    assert pool.cores() == expected


def test_cores_without_a_quota(four_cores):
    assert not four_cores.exists()
    assert pool.cores() == 4


def test_cores_where_there_is_no_affinity(four_cores, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert pool.cores() == 3
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert pool.cores() == 1


def test_results_keep_the_order_of_the_chunks():
    assert list(pool.in_processes(abs, [-3, 2, -1])) == [3, 2, 1]


def killed(_):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_process_is_one_line():
    with pytest.raises(UserError, match="a process was killed"):
        list(pool.in_processes(killed, [1, 2]))


def killed_by_three(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_the_rest_goes_on_where_a_process_is_killed():
    found = pool.in_processes(killed_by_three, range(12), killed=lambda chunk: -chunk)
    assert list(found) == [0, 1, 2, -3, *range(4, 12)]


def fails():
    raise MemoryError


def test_processes_that_cannot_start_are_no_fault_of_the_chunks(capfd):
    with pytest.raises(UserError, match="a process was killed"):
        list(pool.in_processes(abs, [1, 2], fails, killed=lambda chunk: -chunk))


def test_few_chunks_are_taken_ahead(monkeypatch):
    monkeypatch.setattr(pool, "cores", lambda: 1)
    taken = []

    def chunks():
        for number in range(30):
            taken.append(number)
            yield number

    for done, _ in enumerate(pool.in_processes(abs, chunks()), 1):
        assert done <= len(taken) <= done + pool.AHEAD
    assert len(taken) == done == 30


def test_nobody_waits_for_work_that_is_not_wanted():
    start = time.monotonic()
    results = pool.in_processes(time.sleep, [0, 600, 600])
    next(results)
    results.close()
    assert time.monotonic() - start < 60


@pytest.mark.skipif(os.name == "nt", reason="Windows has no process groups")
def test_processes_leave_when_their_parent_is_killed(tmp_path):
    (tmp_path / "wait.py").write_text(
        f"import sys, time\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from digits.terminal import pool\n"
        "if __name__ == '__main__':\n"
        "    for _ in pool.in_processes(time.sleep, [0, 600, 600]):\n"
        "        print('ready', flush=True)\n",
        encoding="utf-8",
    )
    parent = subprocess.Popen(
        [sys.executable, "-W", "error", "wait.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        parent.kill()
    for _ in range(100):
        try:
            os.killpg(parent.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    os.killpg(parent.pid, signal.SIGKILL)
    pytest.fail("the processes outlive their parent")
