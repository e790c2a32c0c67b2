import json
import shutil

import cv2
import numpy as np
import pytest

from benchmarks import real_pictures
from conftest import ROOT
from digits import mnist

IMAGES = ROOT / "assets" / "images"


@pytest.mark.parametrize(
    ("reading", "label", "expected"),
    [
        ("123", "123", 0),
        ("", "123", 3),
        ("123", "", 3),
        ("13", "123", 1),
        ("1223", "123", 1),
        ("153", "123", 1),
        ("231", "123", 2),
    ],
)
def test_edit_distance(reading, label, expected):
    assert real_pictures.edit_distance(reading, label) == expected


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        ("12/34", "right"),
        ("", "no digit"),
        ("12/35", "wrong digit"),
        ("1234", "wrong digit"),
        ("12/3", "wrong count"),
    ],
)
def test_outcome(reading, expected):
    assert real_pictures.outcome(reading, "12/34") == expected


@pytest.mark.parametrize("method", real_pictures.SIMPLE.values())
def test_simple_ways_give_light_digits_on_dark(method, seven):
    image = method(cv2.cvtColor(seven, cv2.COLOR_BGR2GRAY))
    assert image.shape == (28, 28) and image.dtype == np.uint8
    if method is not real_pictures.resize:
        assert np.median(image) < 64 and image.max() > 150


def test_table_of_a_folder(tmp_path, capsys):
    (tmp_path / "single").mkdir()
    shutil.copy(IMAGES / "1a.jpg", tmp_path / "single")
    shutil.copy(IMAGES / "314159a.jpg", tmp_path / "single")
    (tmp_path / "labels.csv").write_text(
        "file,reading,kind,source\n"
        "single/1a.jpg,1,photo,drawn\n"
        "single/314159a.jpg,314158,photo,drawn\n"
    )
    assert real_pictures.main([str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "| single, photo | 2 | 1     | 0        | 0           | 1 " in printed
    assert "wrong digits on pictures of several: 1 of 6" in printed
    output = tmp_path / "output" / "real_pictures"
    results = json.loads((output / "real_pictures.json").read_text())
    assert results["outcomes"]["single, photo"] == {"right": 1, "wrong digit": 1}
    assert cv2.imread(str(output / "misread.png")).shape[0] == real_pictures.TILE + 24


def test_recording_reads_mnist_too(tmp_path, monkeypatch, capsys):
    (tmp_path / "single").mkdir()
    shutil.copy(IMAGES / "1a.jpg", tmp_path / "single")
    (tmp_path / "labels.csv").write_text("file,reading,kind\nsingle/1a.jpg,1,photo\n")
    whole = mnist.load("sklearn_digits")
    few = whole._replace(
        test_images=whole.test_images[:20], test_labels=whole.test_labels[:20]
    )
    monkeypatch.setattr(real_pictures.mnist, "load", lambda: few)
    monkeypatch.setattr(real_pictures.recorded, "FOLDER", tmp_path)
    assert real_pictures.main([str(tmp_path), "--record"]) == 0
    results = json.loads((tmp_path / "real_pictures.json").read_text())
    counts = results["mnist_test_images"]
    assert list(counts) == list(real_pictures.OUTCOMES)
    assert sum(counts.values()) == 20 and counts["right"] > 15


def test_folder_without_labels(tmp_path, capsys):
    assert real_pictures.main([str(tmp_path)]) == 1
    assert "labels.csv: cannot be read" in capsys.readouterr().err
