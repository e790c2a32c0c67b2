import argparse
import csv
import json
import sys
from importlib import metadata
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from conftest import ROOT
from digits import mnist
from digits.experiment import results
from digits.terminal import pool

LABELS = np.random.default_rng(0).integers(10, size=200)
PREDICTIONS = np.where(np.arange(200) % 7 == 0, (LABELS + 3) % 10, LABELS)
RECORDED = sorted((ROOT / "assets" / "results").glob("*.json"))


@pytest.mark.parametrize(
    ("errors", "total", "expected"),
    [
        (30, 10_000, "99.70 % (30 errors / 10000)"),
        (0, 60_000, "100.00 % (0 errors / 60000)"),
        (1, 60_000, "99.99 % (1 errors / 60000)"),
        (2, 60_000, "99.99 % (2 errors / 60000)"),
        (6, 60_000, "99.99 % (6 errors / 60000)"),
        (9, 60_000, "99.98 % (9 errors / 60000)"),
        (59_999, 60_000, "0.01 % (59999 errors / 60000)"),
        (60_000, 60_000, "0.00 % (60000 errors / 60000)"),
        (1, 3, "66.67 % (1 errors / 3)"),
    ],
)
def test_accuracy_text(errors, total, expected):
    assert results.accuracy_text(errors, total) == expected


def test_an_accuracy_with_errors_never_reads_as_perfect():
    for total in (1, 360, 10_000, 10**6, 10**9):
        for errors in {1, total // 2, total - 1} - {0, total}:
            text = results.accuracy_text(errors, total)
            assert not text.startswith(("100.00 ", "0.00 "))


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded_accuracies_are_written_as_before(path):
    recorded = json.loads(path.read_text(encoding="utf-8"))
    runs = recorded if isinstance(recorded, list) else []
    others = "faults", "own_hand", "predict", "real_pictures", "scale", "train"
    assert bool(runs) == (path.stem not in others)
    for run in runs:
        errors, images = run["test_errors"], run["test_images"]
        assert results.accuracy_text(errors, images) == run["test"]


def test_confusion_matrix_is_scikit_learns():
    found = results.confusion_matrix(LABELS, PREDICTIONS)
    np.testing.assert_array_equal(found, confusion_matrix(LABELS, PREDICTIONS))


def test_confusion_text():
    matrix = np.zeros((10, 10), int)
    matrix[4, 9], matrix[7, 7] = 12, 1003
    header, *rows = results.confusion_text(matrix).splitlines()
    assert header.split() == ["true\\read", *"0123456789"]
    assert rows[4].split() == ["4", *"." * 9, "12"]
    assert rows[7].split() == ["7", *"." * 7, "1003", ".", "."]
    assert len({len(line) for line in (header, *rows)}) == 1


def test_versions_are_those_that_are_installed(monkeypatch):
    found = results.versions()
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["onnxruntime"] == metadata.version("onnxruntime")
    assert found["numpy"] == np.__version__
    monkeypatch.setattr(results, "PACKAGES", ("numpy", "no-such-package"))
    assert set(results.versions()) == {"python", "numpy"}


def test_hardware_counts_the_cores_of_this_process(monkeypatch):
    monkeypatch.setattr(pool, "cores", lambda: 7777)
    count, name = results.hardware().split(" cores of ")
    assert count == "7777"
    if (cpuinfo := Path("/proc/cpuinfo")).exists():
        text = cpuinfo.read_text(encoding="utf-8")
        assert f": {name}\n" in text or "model name" not in text


def test_new_summary(monkeypatch):
    args = argparse.Namespace(seed=3)
    argv = ["--seed", "3", "--output_dir", "a b"]
    expected = {
        "script": "x.py",
        "command": "python3 x.py --seed 3 --output_dir 'a b'",
        "arguments": {"seed": 3},
    }
    assert results.new_summary("x.py", argv, args) == expected
    monkeypatch.setattr(sys, "argv", ["x.py", *argv])
    assert results.new_summary("x.py", None, args) == expected


def test_tally():
    found = results.tally(np.array([1, 2, 3, 4]), np.array([1, 7, 3, 9]))
    matrix = found.pop("confusion_matrix")
    assert found == {
        "test": "50.00 % (2 errors / 4)",
        "test_errors": 2,
        "test_images": 4,
        "wrong_indices": [1, 3],
        "read_as": [7, 9],
    }
    assert matrix[2][7] == matrix[4][9] == matrix[1][1] == matrix[3][3] == 1
    assert sum(map(sum, matrix)) == 4
    json.dumps(found)


@pytest.fixture
def dataset():
    return mnist.load("sklearn_digits")


def misread(dataset):
    """Return a function that takes the first two test images for another digit."""

    def predict(images):
        assert images is dataset.test_images
        predictions = dataset.test_labels.copy()
        predictions[:2] = (predictions[:2] + 1) % 10
        return predictions

    return predict


def test_score_and_write(dataset, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(results.time, "monotonic", lambda: 112.34)
    summary = {"script": "x.py", "arguments": {"seed": 3}}
    predictions = results.score(dataset, misread(dataset), summary, 100.0)
    assert summary["seconds"] == 12.3
    assert summary["dataset"] == "sklearn_digits"
    assert summary["test"] == "99.44 % (2 errors / 360)"
    assert summary["versions"] == results.versions()
    assert summary["hardware"] == results.hardware()
    assert "qmnist" not in summary
    printed = capsys.readouterr().out
    assert printed == f"sklearn_digits test accuracy: {summary['test']}\n"
    results.write(tmp_path, dataset, summary, predictions)
    text = (tmp_path / "results.json").read_text(encoding="utf-8")
    assert json.loads(text) == summary
    for name in ("confusion_matrix.png", "misread_digits.png"):
        assert cv2.imread(str(tmp_path / name)) is not None


def test_captions_of_misread_digits(dataset, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(results.figures, "images", lambda *each: drawn.append(each))
    summary = {"arguments": {"seed": 3}}
    predictions = results.score(dataset, misread(dataset), summary, 0.0)
    results.write(tmp_path, dataset, summary, predictions)
    ((path, images, captions),) = drawn
    assert path == tmp_path / "misread_digits.png"
    np.testing.assert_array_equal(images, dataset.test_images[:2])
    labels = dataset.test_labels[:2]
    assert captions == [f"{label} > {(label + 1) % 10}" for label in labels]


def test_attributes_are_short(dataset):
    summary = {"script": "x.py", "arguments": {"seed": 3}, "networks": [1, 2]}
    results.score(dataset, misread(dataset), summary, 0.0)
    found = results.attributes(summary)
    assert found["classes"] == "0123456789"
    assert found["seed"] == 3 and found["test_errors"] == 2
    removed = {"wrong_indices", "read_as", "confusion_matrix", "networks"}
    assert found.keys() == summary.keys() - removed | {"classes", "seed"}


def test_the_summary_s_classes_win():
    summary = {"arguments": {"seed": 0}, "classes": "0123456789-"}
    assert results.attributes(summary)["classes"] == "0123456789-"


def test_history(tmp_path):
    history = results.History(None, [], 0)
    history.add(1, (0.5, 0.8), (0.4, 0.9))
    history.add(2, (0.3, 0.9), (0.2, 0.95), network=2)
    history.write(tmp_path)
    with open(tmp_path / "history.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    expected = [
        ("1", "1", "0.5", "0.8", "0.4", "0.9"),
        ("2", "2", "0.3", "0.9", "0.2", "0.95"),
    ]
    assert [tuple(row.values())[:-1] for row in rows] == expected
    assert list(rows[0]) == [
        "network",
        "epoch",
        "loss",
        "accuracy",
        "validation_loss",
        "validation_accuracy",
        "seconds",
    ]
    assert cv2.imread(str(tmp_path / "training_curves.png")) is not None


def test_history_is_timed(monkeypatch):
    seconds = iter([12.34, 20.0])
    monkeypatch.setattr(results.time, "monotonic", lambda: next(seconds))
    history = results.History(None, [], 10.0)
    history.add(1, (0.5, 0.8), (0.4, 0.9))
    history.add(2, (0.5, 0.8), (0.4, 0.9))
    assert [row["seconds"] for row in history.rows] == [2.3, 10.0]


def test_history_for_tensorboard(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    history = results.History(str(tmp_path), [], 0)
    history.add(1, (0.5, 0.8), (0.4, 0.9))
    history.add(1, (0.3, 0.9), (0.2, 0.95), network=2)
    events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0})
    events.Reload()
    tags = {*list(history.rows[0])[2:]}
    assert {*events.Tags()["scalars"], *events.Tags()["tensors"]} == tags
    found = events.Tensors("validation_loss")
    assert [event.step for event in found] == [1, 2]
    values = [event.tensor_proto.float_val[0] for event in found]
    assert values == pytest.approx([0.4, 0.2])
