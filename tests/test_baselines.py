import json
import subprocess
import sys

import cv2
import numpy as np
import pytest

from baselines import compare, experiment, knn, random_forest, svm
from conftest import ROOT
from digits import mnist

SMALL = ["--dataset", "sklearn_digits", "--output_dir", "out"]
BASELINES = pytest.mark.parametrize("module", [knn, svm, random_forest])


@BASELINES
@pytest.mark.parametrize("flags", [[], ["--raw", "--quick"]])
def test_baseline(module, flags, capsys, tmp_path):
    assert module.main([*SMALL, *flags]) == 0
    printed = capsys.readouterr().out
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert f"{results['test_errors']} errors / 360" in printed
    assert results["test_errors"] < (72 if flags else 18)
    assert results["train_images"] == (143 if flags else 1437)
    assert {"fit_seconds", "predict_seconds", "megabytes"} <= results.keys()
    matrix = np.array(results["confusion_matrix"])
    assert matrix.sum() - np.trace(matrix) == results["test_errors"]
    assert (tmp_path / "out" / "confusion_matrix.png").exists()
    # The printed matrix has a row a digit.
    rows = [line.split() for line in printed.splitlines() if len(line.split()) == 11]
    cells = [[0 if cell == "." else int(cell) for cell in row[1:]] for row in rows[1:]]
    np.testing.assert_array_equal(cells, matrix)


@BASELINES
def test_saved_loaded_and_asked(module, capsys, tmp_path):
    assert module.main([*SMALL, "--save_model", "m.skops"]) == 0
    saved = json.loads((tmp_path / "out" / "results.json").read_text())
    assert module.main([*SMALL, "--load_model", "m.skops"]) == 0
    loaded = json.loads((tmp_path / "out" / "loaded" / "results.json").read_text())
    assert loaded["wrong_indices"] == saved["wrong_indices"]
    dataset = mnist.load("sklearn_digits")
    cv2.imwrite("digit.png", 255 - cv2.resize(dataset.train_images[0], (84, 84)))
    (tmp_path / "bad.png").write_bytes(b"no picture")
    capsys.readouterr()
    flags = ["--load_model", "m.skops", "--predict"]
    assert module.main([*flags, "digit.png", "bad.png", "gone.png"]) == 1
    out, err = capsys.readouterr()
    assert out.startswith(f"digit.png: {dataset.train_labels[0]} (")
    assert "bad.png: not a picture" in err and "gone.png: no such file" in err


@pytest.mark.parametrize(
    "flags",
    [
        ["--predict", "x.png"],
        ["--dask", "tcp://localhost:1"],
        ["--load_model", "x", "--save_model", "y"],
        ["--load_model", "x", "--search"],
        ["--raw", "--search"],
        ["--search", "--save_model", "x"],
    ],
)
def test_flags_that_lack_their_companion(flags, capsys):
    with pytest.raises(SystemExit) as stop:
        knn.main(flags)
    assert stop.value.code == 2
    assert "error: --" in capsys.readouterr().err


def test_another_scripts_model(capsys):
    assert knn.main([*SMALL, "--quick", "--raw", "--save_model", "knn.skops"]) == 0
    assert svm.main(["--load_model", "knn.skops", "--predict", "x.png"]) == 1
    assert "knn.skops: made by baselines/knn.py" in capsys.readouterr().err


def test_nothing_is_learned_that_cannot_be_saved(capsys):
    assert knn.main([*SMALL, "--save_model", "gone/knn.skops"]) == 1
    out, err = capsys.readouterr()
    assert "no folder gone" in err and not out


def test_search(capsys, tmp_path):
    grid = {"kneighborsclassifier__n_neighbors": [1, 40]}
    args = experiment.parse_args(None, "knn", [*SMALL, "--search"])
    assert experiment.main(knn.METHOD._replace(grid=grid), args, []) == 0
    rows = json.loads((tmp_path / "out" / "search.json").read_text())["points"]
    found = [row["parameters"]["kneighborsclassifier__n_neighbors"] for row in rows]
    assert found == [1, 40]
    assert capsys.readouterr().out.count(" errors / ") == 2


@BASELINES
def test_grid_names_parameters_of_the_pipeline(module):
    names = module.METHOD.build(raw=False, seed=0).get_params()
    assert module.METHOD.grid.keys() <= names.keys()


def test_search_on_a_dask_cluster(tmp_path):
    """A scheduler and its two processes; in a process of their own, as a user has."""
    code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from dask.distributed import LocalCluster
from baselines import knn
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as c:
        grid = {{"kneighborsclassifier__n_neighbors": [1, 9]}}
        knn.METHOD = knn.METHOD._replace(grid=grid)
        flags = ["--dataset", "sklearn_digits", "--search", "--output_dir"]
        sys.exit(knn.main([*flags, "out", "--dask", c.scheduler_address]))
"""
    (tmp_path / "cluster.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "cluster.py"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (
        len(json.loads((tmp_path / "out" / "search.json").read_text())["points"]) == 2
    )


def test_no_dask_cluster(capsys):
    flags = [*SMALL, "--quick", "--search", "--dask", "tcp://127.0.0.1:9"]
    assert knn.main(flags) == 1
    assert "no Dask cluster answers there" in capsys.readouterr().err


def test_compare(capsys, tmp_path):
    assert compare.main([*SMALL, "--quick"]) == 0
    rows = json.loads((tmp_path / "out" / "compare.json").read_text())
    errors = [row["error_percent"] for row in rows]
    assert errors == sorted(errors) and len(rows) == 3
    text = (tmp_path / "out" / "compare.txt").read_text()
    table, _, machine = text.strip().split("\n\n")
    header, rule, *lines = table.splitlines()
    assert {len(line) for line in [header, rule, *lines]} == {len(header)}
    assert len(lines) == 3
    assert all(f"`{row['script']}`" in machine for row in rows)
    printed = capsys.readouterr().out
    assert text.strip() in printed and "misread by all 3: " in printed
    for name in ("compare.png", "all_fail.png", "knn/results.json"):
        assert (tmp_path / "out" / name).exists()


def test_training_set_is_all_of_it_or_a_tenth():
    dataset = mnist.load("sklearn_digits")
    images, labels = experiment.training_set(dataset, quick=False, seed=0)
    assert images.shape == (1437, 28, 28) and labels.shape == (1437,)
    assert len(experiment.training_set(dataset, quick=True, seed=0)[0]) == 143


def test_raw_inputs():
    inputs = knn.METHOD.inputs_of(np.full((2, 28, 28), 255, np.uint8), raw=True)
    assert inputs.shape == (2, 784) and inputs.dtype == np.float32
    assert inputs.max() == 1
