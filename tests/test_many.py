import importlib

import numpy as np
import pytest

from conftest import ROOT
from digits.model import model_file
from digits.reading import many, pipeline
from digits.reading.parts import WHOLE

IMAGES = ROOT / "assets" / "images"


@pytest.fixture
def in_this_process(monkeypatch):
    """Chunks are read in this process; the list holds how many each has."""
    sizes = []

    def in_processes(work, chunks, start, arguments, killed):
        start(*arguments)
        for chunk in chunks:
            sizes.append(len(chunk))
            yield work(chunk)

    monkeypatch.setattr(many.pool, "in_processes", in_processes)
    return sizes


def assert_alike(found, expected):
    """Assert that Readings are alike, but have no pictures."""
    for one, other in zip(found, expected, strict=True):
        assert one.picture is None
        for name in ("file", "rows", "text", "turned", "error", "page", "scale"):
            assert getattr(one, name) == getattr(other, name)
        for mark, same in zip(one.digits, other.digits, strict=True):
            assert (mark.digit, mark.box, mark.row) == (same.digit, same.box, same.row)
            np.testing.assert_allclose(
                mark.probabilities, same.probabilities, atol=1e-5
            )
        for mark, same in zip(one.signs, other.signs, strict=True):
            assert (mark.sign, mark.box, mark.row) == (same.sign, same.box, same.row)


@pytest.mark.parametrize(("threshold", "single"), [(0.5, False), (0.995, True)])
def test_chunks_are_read_as_all_at_once(
    networks, in_this_process, monkeypatch, threshold, single
):
    """Each with what the command line asked for, and with the reader."""
    monkeypatch.setattr(pipeline, "PICTURES_AT_ONCE", 3)
    names = ["2b.png", "314159a.jpg", "1a.jpg", "gone.png"]
    paths = [str(IMAGES / name) for name in names]
    alone = pipeline.read_pictures(paths, networks, threshold, single)
    chunks = many.read_pictures(paths, model_file.SHIPPED, threshold, single)
    assert_alike(chunks, alone)
    assert in_this_process == [3, 1]


def test_each_process_has_one_thread(in_this_process, monkeypatch):
    calls = []

    def load_networks(path, threads):
        calls.append((path, threads))
        return "networks"

    monkeypatch.setattr(pipeline, "load_networks", load_networks)
    assert list(many.read_pictures([], "x.hdf5", 0.7)) == []
    assert calls == [("x.hdf5", 1)]
    assert many.WORKER["arguments"] == ("networks", 0.7, False, WHOLE, True)


@pytest.mark.slow
def test_processes_read_as_one_does(networks, monkeypatch):
    monkeypatch.setattr(pipeline, "PICTURES_AT_ONCE", 8)  # several chunks
    paths = [*sorted(map(str, IMAGES.iterdir())), "gone.png"] * 2
    alone = list(pipeline.read_pictures(paths, networks, 0.995, single=True))
    together = list(many.read_pictures(paths, model_file.SHIPPED, 0.995, single=True))
    assert [reading.file for reading in together] == paths
    assert_alike(together, alone)


@pytest.mark.slow
def test_a_picture_that_ends_its_process_is_named(monkeypatch, tmp_path):
    """The others of its chunk are read."""
    monkeypatch.setattr(pipeline, "PICTURES_AT_ONCE", 4)
    ending = tmp_path / "ending.py"
    ending.write_text(KILLER, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(many, "_read", importlib.import_module("ending").read)
    names = [str(IMAGES / name) for name in ("2b.png", "3b.png")]
    paths = [*names, "killer.png", *names, *names]
    found = list(many.read_pictures(paths, model_file.SHIPPED, 0.5))
    assert [reading.file for reading in found] == paths
    errors = [reading.error for reading in found]
    assert errors == [None, None, many.KILLED, None, None, None, None]


KILLER = """
import os, signal
from digits.reading import many
_read = many._read
def read(paths):
    if "killer.png" in paths:
        os.kill(os.getpid(), signal.SIGKILL)
    return _read(paths)
"""
