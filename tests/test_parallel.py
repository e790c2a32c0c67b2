import os
import signal

import pytest

from conftest import ROOT
from digits import UserError, parallel, reading

IMAGES = ROOT / "assets" / "images"
WEIGHTS = ROOT / "assets" / "weights" / "digits.hdf5"


def killed(_):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_process_is_one_line():
    with pytest.raises(UserError, match="a process was killed"):
        list(parallel.in_processes(killed, [1, 2]))


def test_processes_read_as_one_does(shipped):
    paths = [*sorted(map(str, IMAGES.iterdir())), "gone.png"] * 5
    alone = list(reading.read_pictures(paths, shipped, 0.5))
    together = list(parallel.read_pictures(paths, WEIGHTS, 0.5))
    assert [each.file for each in together] == paths
    for one, other in zip(alone, together, strict=True):
        assert other.picture is None
        assert one.rows == other.rows and one.error == other.error
