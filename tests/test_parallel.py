import os
import signal
import subprocess
import sys
import time

import pytest

from conftest import ROOT
from digits import UserError, network, parallel, reading

IMAGES = ROOT / "assets" / "images"
WEIGHTS = network.SHIPPED


def killed(_):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_process_is_one_line():
    with pytest.raises(UserError, match="a process was killed"):
        list(parallel.in_processes(killed, [1, 2]))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no process groups")
def test_processes_leave_when_their_parent_is_killed(tmp_path):
    (tmp_path / "wait.py").write_text(
        f"import sys, time\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from digits import parallel\n"
        "if __name__ == '__main__':\n"
        "    for _ in parallel.in_processes(time.sleep, [0, 600, 600]):\n"
        "        print('ready', flush=True)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "wait.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with parent:
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


def test_processes_read_as_one_does(shipped):
    paths = [*sorted(map(str, IMAGES.iterdir())), "gone.png"] * 2
    alone = list(reading.read_pictures(paths, shipped, 0.5))
    together = list(parallel.read_pictures(paths, WEIGHTS, 0.5))
    assert [each.file for each in together] == paths
    for one, other in zip(alone, together, strict=True):
        assert other.picture is None
        assert one.rows == other.rows and one.error == other.error
