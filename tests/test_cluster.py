"""A Dask scheduler and two workers on the loopback interface, and what runs on them."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError
from pathlib import Path

import cluster_tasks as tasks
import dask
import distributed
import numpy as np
import pytest

import load_model
import tf_cnn
from benchmarks.kills import history_of, variables_of
from conftest import ROOT, TINY
from digits import UserError
from digits.experiment import checkpoint
from digits.reading import many, pipeline
from digits.terminal import cluster, lazy, pool

pytestmark = pytest.mark.slow
IMAGES = ROOT / "assets" / "images"


@pytest.fixture(scope="module")
def address():
    allowed = {"distributed.scheduler.allowed-failures": 1}  # three by default
    with (
        dask.config.set(allowed),
        cluster.local(2) as found,
    ):
        yield found.scheduler_address


@pytest.fixture
def on_workers(address):
    with cluster.connected(address) as client:
        yield cluster.Cluster(client)


def test_a_second_cluster_of_its_own(tmp_path):
    """Dask's settings are as before, though Dask is imported late."""
    (tmp_path / "twice.py").write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from digits.terminal import cluster\n"
        "if __name__ == '__main__':\n"
        "    for _ in range(2):\n"
        "        with cluster.local(1) as found:\n"
        "            print(len(found.workers))\n",
        encoding="utf-8",
    )
    command = [sys.executable, "twice.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "1\n1\n"), done.stderr


def test_a_worker_that_dies_again_is_not_given_up(address):
    seconds = dask.config.get("distributed.deploy.lost-worker-timeout")
    assert dask.utils.parse_timedelta(seconds) > 3600


def test_results_keep_the_order_of_the_chunks(on_workers):
    taken = []

    def chunks():
        for number in range(40):
            taken.append(number)
            yield -number

    for done, result in enumerate(on_workers.in_processes(abs, chunks())):
        assert result == done
        assert len(taken) <= done + 1 + 2 * pool.AHEAD
    assert len(taken) == 40


def test_each_worker_begins_once(on_workers):
    for value in "ab":  # of two calls
        found = set(
            on_workers.in_processes(tasks.begun, range(9), tasks.begin, (value,))
        )
        assert {one[-1] for one in found} == {value}
        assert max(map(len, found)) <= 2


def test_a_worker_does_what_is_meant_for_processes(on_workers):
    """Dask's workers may start none: tf_cnn.py renders images in processes."""
    (found,) = on_workers.in_processes(tasks.in_processes, [range(3)])
    assert len(found) == 3 and all(one.endswith("c") for one in found)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (distributed.KilledWorker("task", None, 3), "a Dask worker was killed"),
        (CancelledError(), "the Dask cluster is gone"),
        (distributed.comm.CommClosedError(), "the Dask cluster is gone"),
    ],
)
def test_failures_of_a_cluster_are_told(error, message):
    with pytest.raises(UserError, match=message), cluster.failures_told():
        raise error


def test_workers_are_where_the_caller_is(on_workers, tmp_path):
    assert set(on_workers.in_processes(tasks.where, range(3))) == {str(tmp_path)}


def test_a_mistake_is_told(on_workers):
    with pytest.raises(UserError, match="x: no"):
        list(on_workers.in_processes(tasks.refuse, ["x"]))


def test_the_rest_goes_on_where_a_worker_is_killed(on_workers):
    found = on_workers.in_processes(
        tasks.killed_by_three, range(9), killed=lambda one: -one
    )
    assert list(found) == [0, 1, 2, -3, *range(4, 9)]
    with pytest.raises(UserError, match="a Dask worker was killed"):
        list(on_workers.in_processes(tasks.killed_by_three, [3]))


def test_pictures_are_read_as_here(address, on_workers, capsys, monkeypatch):
    on_workers.client.wait_for_workers(2)  # some were killed
    monkeypatch.setattr(pipeline, "PICTURES_AT_ONCE", 2)
    names = [*sorted(map(str, IMAGES.iterdir())), "gone.png"]
    Path("list.txt").write_text("\n".join(names), encoding="utf-8")
    answers = []
    for flags in (["--dask", address], []):
        assert load_model.main(["--files_from", "list.txt", "--json", *flags]) == 1
        answers.append(capsys.readouterr())
    assert answers[0] == answers[1]
    assert len(answers[0].out.splitlines()) == len(names)


def test_a_picture_that_kills_workers_is_named(on_workers, monkeypatch):
    monkeypatch.setattr(pipeline, "PICTURES_AT_ONCE", 4)
    monkeypatch.setattr(many, "_read", tasks.read_but_killer)
    names = [str(IMAGES / name) for name in ("2b.png", "3b.png")]
    paths = [*names, "killer.png", *names]
    weights = load_model.model_file.SHIPPED
    found = list(many.read_pictures(paths, weights, 0.5, workers=on_workers))
    assert [reading.file for reading in found] == paths
    errors = [reading.error for reading in found]
    assert errors == [None, None, many.KILLED, None, None]


@pytest.mark.parametrize("at", ["tcp://127.0.0.1:9", "nowhere"])
def test_no_cluster(at, capsys):
    assert load_model.main(["x.png", "--dask", at]) == 1
    assert f"{at}: no Dask cluster answers there" in capsys.readouterr().err


def test_a_cluster_of_another_version(address, monkeypatch, capsys):
    monkeypatch.setattr(cluster, "__version__", "0")
    assert load_model.main(["x.png", "--dask", address]) == 1
    assert "start them with PYTHONPATH=" in capsys.readouterr().err


def test_the_package_is_missing(monkeypatch, capsys):
    import_module = lazy.importlib.import_module

    def without(name):
        if name == "distributed":
            raise ModuleNotFoundError(name="distributed")
        return import_module(name)

    monkeypatch.setattr(lazy.importlib, "import_module", without)
    monkeypatch.delitem(sys.modules, "distributed")
    assert load_model.main(["x.png", "--dask", "local"]) == 1
    assert 'pip install "dask[distributed]"' in capsys.readouterr().err


ENSEMBLE = [*TINY, "--ensemble", "2"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a run without a cluster."""
    folder = tmp_path_factory.mktemp("whole")
    model = folder / "model.hdf5"
    assert tf_cnn.main([*ENSEMBLE, "-w", str(model), "--output_dir", str(folder)]) == 0
    return folder


def assert_same_networks(folder, whole):
    weights, others = (variables_of(one / "model.hdf5") for one in (folder, whole))
    assert weights.keys() == others.keys()
    for name, value in weights.items():
        np.testing.assert_array_equal(value, others[name], err_msg=name)
    assert history_of(folder) == history_of(whole)
    assert sorted(os.listdir(folder)) == sorted(os.listdir(whole))


def test_networks_are_the_same_though_their_worker_is_killed(address, whole):
    flags = ["-w", "there/model.hdf5", "--output_dir", "there"]
    killer = threading.Thread(target=kill_a_worker, args=(Path("there"), address))
    killer.start()
    flags += ["--checkpoint_seconds", "0", "--dask", address]
    Path("there").mkdir()
    assert tf_cnn.main([*ENSEMBLE, *flags]) == 0
    killer.join()
    assert_same_networks(Path("there"), whole)
    assert KILLED == [True]


KILLED = []


def kill_a_worker(folder, address):
    """Kill a worker once it has written a checkpoint."""
    of_workers = f"{checkpoint.FOLDER}/*/{checkpoint.FOLDER}"
    for _ in range(1200):
        if any(map(checkpoint.paths, folder.glob(of_workers))):
            with distributed.Client(address, set_as_default=False) as client:
                pids = client.run(os.getpid)
            os.kill(min(pids.values()), signal.SIGKILL)
            KILLED.append(True)
            return
        time.sleep(0.05)


def test_a_run_that_was_left_is_resumed_on_the_cluster(
    address, whole, monkeypatch, capsys
):
    Path("a").mkdir()
    flags = ["-w", "a/model.hdf5", "--output_dir", "a", "--dask", address]
    results = cluster.Cluster.in_processes

    def left(*arguments):
        yield next(results(*arguments))
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(cluster.Cluster, "in_processes", left)
        assert tf_cnn.main([*ENSEMBLE, *flags]) == 130
    assert "--resume --output_dir a" in capsys.readouterr().err
    assert tf_cnn.main(["--resume", "--output_dir", "a"]) == 0
    assert_same_networks(Path("a"), whole)


def test_a_run_begun_here_is_resumed_on_the_cluster(address, whole, monkeypatch):
    Path("b").mkdir()

    def left(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(tf_cnn.ensemble, "score_seeds", left)
        flags = ["-w", "b/model.hdf5", "--output_dir", "b"]
        assert tf_cnn.main([*ENSEMBLE, *flags]) == 130
    command = ["--resume", "--output_dir", "b", "--dask", address]
    assert tf_cnn.main(command) == 0
    assert_same_networks(Path("b"), whole)
