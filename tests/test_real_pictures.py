import json
import shutil
import subprocess

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
    ("reading", "label", "expected"),
    [
        ("12/34", "12/34", "right"),
        ("", "12/34", "no digit"),
        ("12/35", "12/34", "wrong digit"),
        ("1234", "12/34", "wrong digit"),
        ("12/3", "12/34", "wrong count"),
        ("12/345", "12/34", "wrong count"),
        ("", "", "right"),
        ("7", "", "false digit"),
        ("12/3", "", "false digit"),
    ],
)
def test_outcome(reading, label, expected):
    assert real_pictures.outcome(reading, label) == expected
    assert expected in real_pictures.OUTCOMES


def test_kinds_are_sub_folders_and_first_words():
    rows = [
        {"file": "signs/a.png", "kind": "letter R", "reading": ""},
        {"file": "signs/b.png", "kind": "letter y", "reading": ""},
        {"file": "signs/c.png", "kind": "sign", "reading": ""},
        {"file": "multi/d.png", "kind": "photo", "reading": "12/3"},
    ]
    readings = {"x/signs/a.png": "", "x/signs/b.png": "4", "x/signs/c.png": ""}
    readings["x/multi/d.png"] = "12/3"
    assert real_pictures.count_outcomes("x", rows, readings) == {
        "signs, letter": {"right": 1, "false digit": 1},
        "signs, sign": {"right": 1},
        "multi, photo": {"right": 1},
    }


def test_digit_errors_are_those_of_pictures_with_several_digits():
    rows = [
        {"file": "a.png", "reading": "12/3"},
        {"file": "b.png", "reading": "7"},
        {"file": "c.png", "reading": ""},
        {"file": "d.png", "reading": "55"},
    ]
    readings = {"x/a.png": "1/23", "x/b.png": "1", "x/c.png": "9", "x/d.png": "5"}
    assert real_pictures.digit_errors("x", rows, readings) == (1, 5)


@pytest.mark.parametrize("method", real_pictures.SIMPLE.values())
def test_simple_methods_give_light_digits_on_dark(method, seven):
    image = method(cv2.cvtColor(seven, cv2.COLOR_BGR2GRAY))
    assert image.shape == (28, 28) and image.dtype == np.uint8
    if method is not real_pictures.resize:
        assert np.median(image) < 64 and image.max() > 150


def test_the_largest_component_is_centred():
    gray = np.full((90, 60), 230, np.uint8)
    gray[10:50, 5:15] = 30
    gray[70:75, 40:50] = 30  # smaller
    image = real_pictures.largest_component(gray)
    rows, columns = np.nonzero(image > 127)
    assert (rows.min(), rows.max()) == (4, 23)
    assert (columns.min(), columns.max()) in ((11, 15), (12, 16))


def test_a_blank_picture_has_no_component():
    image = real_pictures.largest_component(np.full((50, 60), 255, np.uint8))
    assert image.shape == (28, 28) and not image.any()


def test_spaces_between_numbers_are_no_part_of_a_reading(monkeypatch):
    answer = json.dumps({"file": "x/a.png", "rows": ["22 11", "5"]})

    def run(command, **options):
        return subprocess.CompletedProcess(command, 0, answer + "\n")

    monkeypatch.setattr(real_pictures.subprocess, "run", run)
    readings, _ = real_pictures.read_all("x", [{"file": "a.png"}], "weights")
    assert readings == {"x/a.png": "2211/5"}


def test_table_of_a_folder(tmp_path, capsys):
    (tmp_path / "single").mkdir()
    shutil.copy(IMAGES / "1a.jpg", tmp_path / "single")
    shutil.copy(IMAGES / "314159a.jpg", tmp_path / "single")
    (tmp_path / "labels.csv").write_text(
        "file,reading,kind,source\n"
        "single/1a.jpg,1,photo,drawn\n"
        "single/314159a.jpg,314158,photo,drawn\n",
        encoding="utf-8",
    )
    assert real_pictures.main([str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "| single, photo | 2 | 1     | 0        | 0           | 1 " in printed
    assert "1 wrong digits of 6 in pictures of several digits" in printed
    output = tmp_path / "output" / "real_pictures"
    results = json.loads((output / "real_pictures.json").read_text(encoding="utf-8"))
    assert results["outcomes"]["single, photo"] == {"right": 1, "wrong digit": 1}
    assert cv2.imread(str(output / "misread.png")).shape[0] == real_pictures.TILE + 24


def test_recording_reads_mnist_too(tmp_path, monkeypatch, capsys):
    (tmp_path / "single").mkdir()
    shutil.copy(IMAGES / "1a.jpg", tmp_path / "single")
    labels = "file,reading,kind\nsingle/1a.jpg,1,photo\n"
    (tmp_path / "labels.csv").write_text(labels, encoding="utf-8")
    whole = mnist.load("sklearn_digits")
    few = whole._replace(
        test_images=whole.test_images[:20], test_labels=whole.test_labels[:20]
    )
    monkeypatch.setattr(real_pictures.mnist, "load", lambda: few)
    monkeypatch.setattr(real_pictures.recorded, "FOLDER", tmp_path)
    assert real_pictures.main([str(tmp_path), "--record"]) == 0
    results = json.loads((tmp_path / "real_pictures.json").read_text(encoding="utf-8"))
    counts = results["mnist_test_images"]
    assert list(counts) == list(real_pictures.OUTCOMES)
    assert sum(counts.values()) == 20 and counts["right"] > 15


def test_folder_without_labels(tmp_path, capsys):
    assert real_pictures.main([str(tmp_path)]) == 1
    assert "labels.csv: cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("file,reading\na.png,1\n", "has no rows with the columns"),
        ("file,reading,kind\n", "has no rows with the columns"),
        ("file,reading,kind\na.png,1,photo\n", "names a.png, which is missing"),
    ],
)
def test_labels_that_cannot_be_used(tmp_path, capsys, labels, message):
    (tmp_path / "labels.csv").write_text(labels, encoding="utf-8")
    assert real_pictures.main([str(tmp_path)]) == 1
    assert message in capsys.readouterr().err


def test_sheet_of_misread_pictures():
    rows = [{"file": "1a.jpg", "reading": "1"}, {"file": "2a.jpg", "reading": ""}]
    readings = {str(IMAGES / "1a.jpg"): "1", str(IMAGES / "2a.jpg"): "2"}
    sheet = real_pictures.misread_sheet(IMAGES, rows, readings)
    assert sheet.shape == (160 + 24, 8 * 160, 3)
    assert (sheet[:, :160] < 100).any() and (sheet[:, 160:] == 255).all()
    readings[str(IMAGES / "2a.jpg")] = ""
    assert (real_pictures.misread_sheet(IMAGES, rows, readings) == 255).all()
