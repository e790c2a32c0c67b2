import json

import numpy as np
import pytest

from digits import UserError
from digits.experiment import recorded, results


def run(errors, **changes):
    matrix = np.diag([100] * 10)
    matrix[4, 9], matrix[7, 2] = 12, 9
    summary = {
        "test_errors": errors,
        "test_images": 10_000,
        "fit_seconds": 60.0,
        "predict_seconds": 2.0,
        "megabytes": 3.0,
        "confusion_matrix": matrix.tolist(),
        "hardware": "2 cores of A",
    }
    return summary | changes


def test_every_script_has_recorded_runs():
    for name in recorded.SCRIPTS:
        runs = recorded.read_runs(name)
        seeds = [run["arguments"]["seed"] for run in runs]
        assert runs and seeds == sorted(set(seeds)), name


def test_reading_what_is_not_recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    message = r"knn\.json: no such file; python3 benchmarks/measure\.py knn makes it"
    with pytest.raises(UserError, match=message):
        recorded.read_runs("knn")


def test_write_and_read(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(recorded, "FOLDER", tmp_path / "results")
    recorded.write("speed", {"seconds": 3, "name": "µ"})
    found = recorded.read("speed", "…")
    assert found == {
        "seconds": 3,
        "name": "µ",
        "versions": results.versions(),
        "hardware": results.hardware(),
    }
    assert json.loads(capsys.readouterr().out) == found


def test_table_rows():
    runs = {
        "knn": [run(80)],
        "tf_cnn": [
            run(30),
            run(34, fit_seconds=80.0, predict_seconds=4.0, megabytes=5.0),
            run(26, fit_seconds=70.0, confusion_matrix=np.eye(10).tolist()),
        ],
    }
    first, second = recorded.table_rows(runs)
    assert first == {
        "script": "tf_cnn.py",
        "error_percent": pytest.approx(0.3),
        "deviation": pytest.approx(0.04),  # of 30, 34 and 26 errors: 4
        "errors": 30,
        "test_images": 10_000,
        "runs": 3,
        "fit_seconds": pytest.approx(70),
        "microseconds": pytest.approx(1e6 * (2 + 4 + 2) / 3 / 10_000),
        "megabytes": pytest.approx(11 / 3),
        "confuses": "4>9 12, 7>2 9",
    }
    assert second["script"] == "baselines/knn.py" and second["deviation"] == 0


def test_confused():
    matrix = np.diag([500] * 10)
    assert recorded.confused(matrix) == ""
    matrix[4, 9], matrix[7, 2], matrix[0, 6], matrix[1, 7] = 12, 9, 15, 1
    assert recorded.confused(matrix) == "0>6 15, 4>9 12, 7>2 9"
    assert recorded.confused(matrix, 1) == "0>6 15"


def row(errors, runs, deviation=0.0):
    return {
        "errors": errors,
        "test_images": 10_000,
        "error_percent": errors / 100,
        "runs": runs,
        "deviation": deviation,
    }


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (row(30.0, 1), "99.70 % (30 errors / 10000)"),
        (row(30.25, 4, 0.021), "99.70 ± 0.02 % (30.2 errors / 10000, n = 4)"),
        (row(1 / 3, 3, 0.006), "99.99 ± 0.01 % (0.3 errors / 10000, n = 3)"),
        (row(0.0, 3), "100.00 ± 0.00 % (0.0 errors / 10000, n = 3)"),
    ],
)
def test_accuracy_cell(cells, expected):
    assert recorded.accuracy_cell(cells) == expected


def test_table_text():
    rows = recorded.table_rows({"knn": [run(80, megabytes=3.26)]})
    header, rule, line = recorded.table_text(rows).splitlines()
    assert len(header) == len(rule) == len(line)
    assert [cell.strip() for cell in header.strip("|").split("|")] == [
        "script",
        "test accuracy",
        "fit, s",
        "µs a digit",
        "MB",
        "confuses",
    ]
    assert [cell.strip() for cell in line.strip("|").split("|")] == [
        "baselines/knn.py",
        "99.20 % (80 errors / 10000)",
        "60",
        "200",
        "3.3",
        "4>9 12, 7>2 9",
    ]


def test_markdown_table():
    table = recorded.markdown_table(["a", "long"], [["wide cell", "1"], ["", "22"]])
    assert table.splitlines() == [
        "| a         | long |",
        "| --------- | ---- |",
        "| wide cell | 1    |",
        "|           | 22   |",
    ]


def test_hardware_text():
    runs = {
        "knn": [run(80)],
        "svm": [run(80), run(70, hardware="4 cores of B")],
        "tf_cnn": [run(30, hardware="4 cores of B")],
    }
    assert recorded.hardware_text(runs).splitlines() == [
        "Measured on",
        "",
        "- 2 cores of A: `baselines/knn.py`, `baselines/svm.py`",
        "- 4 cores of B: `baselines/svm.py`, `tf_cnn.py`",
    ]
