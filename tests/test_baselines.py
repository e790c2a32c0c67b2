import json

import numpy as np
import pytest

from baselines import compare, experiment, knn, random_forest, svm
from digits import mnist

SMALL = ["--dataset", "sklearn_digits", "--train_size", "400"]


@pytest.mark.parametrize("module", [knn, svm, random_forest])
def test_baseline(module, capsys, tmp_path):
    assert module.main([*SMALL, "--output_dir", "out"]) == 0
    printed = capsys.readouterr().out
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert f"{results['test_errors']} errors / 360" in printed
    assert results["test_errors"] < 72
    assert results["train_images"] == 400
    assert {"fit_seconds", "predict_seconds"} <= results.keys()
    matrix = np.array(results["confusion_matrix"])
    assert matrix.sum() - np.trace(matrix) == results["test_errors"]
    assert (tmp_path / "out" / "confusion_matrix.png").exists()
    # The printed matrix has a row a digit.
    rows = [line.split() for line in printed.splitlines() if len(line.split()) == 11]
    cells = [[0 if cell == "." else int(cell) for cell in row[1:]] for row in rows[1:]]
    np.testing.assert_array_equal(cells, matrix)


def test_compare(capsys, tmp_path):
    assert compare.main([*SMALL, "--output_dir", "out"]) == 0
    rows = json.loads((tmp_path / "out" / "compare.json").read_text())
    errors = [row["error_percent"] for row in rows]
    assert errors == sorted(errors) and len(rows) == 3
    table = (tmp_path / "out" / "compare.txt").read_text()
    assert table.strip() in capsys.readouterr().out
    assert (tmp_path / "out" / "compare.png").exists()
    assert (tmp_path / "out" / "knn" / "results.json").exists()


def test_training_set_is_all_of_it_or_a_part():
    dataset = mnist.load("sklearn_digits")
    pixels, labels = experiment.training_set(dataset, None, seed=0)
    assert pixels.shape == (1437, 784) and labels.shape == (1437,)
    assert pixels.dtype == np.float32 and pixels.max() == 1
    assert len(experiment.training_set(dataset, 10, seed=0)[0]) == 10


@pytest.mark.parametrize("size", ["0", "x"])
def test_train_size_out_of_range(size):
    with pytest.raises(SystemExit) as stop:
        knn.main(["--train_size", size])
    assert stop.value.code == 2
