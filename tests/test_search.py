import json
import subprocess
import sys

import numpy as np
import pytest

from baselines import knn, random_forest, runner, search, svm
from baselines.method import scores
from conftest import ROOT
from digits import mnist
from digits.model.calibration import fit_temperature

FLAGS = ["--dataset", "sklearn_digits", "--output_dir", "out", "--search"]
NEIGHBOURS = "kneighborsclassifier__n_neighbors"


@pytest.fixture
def small_grid():
    return knn.METHOD._replace(grid={NEIGHBOURS: [40, 1]})


def found_in(folder):
    return json.loads((folder / "out" / "search.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("flags", [[], ["--quick"]])
def test_points_are_scored_on_the_validation_images(
    flags, small_grid, capsys, tmp_path
):
    args = runner.parse_args(None, "knn", [*FLAGS, *flags])
    assert runner.main(small_grid, args, []) == 0
    dataset = mnist.load("sklearn_digits")
    count = len(dataset.train_images) // (10 if flags else 1)
    inputs = knn.METHOD.extract(dataset.train_images[:count])
    validation_inputs = knn.METHOD.extract(dataset.validation_images)
    errors, fitted = {}, {}
    for neighbours in (1, 40):
        pipeline = knn.METHOD.build(False, 0).set_params(**{NEIGHBOURS: neighbours})
        fitted[neighbours] = pipeline.fit(inputs, dataset.train_labels[:count])
        wrong = pipeline.predict(validation_inputs) != dataset.validation_labels
        errors[neighbours] = np.count_nonzero(wrong)
    found = found_in(tmp_path)
    assert [row["parameters"][NEIGHBOURS] for row in found["points"]] == [1, 40]
    for row in found["points"]:
        expected = f"({errors[row['parameters'][NEIGHBOURS]]} errors / 180)"
        assert expected in row["validation"]
    logits = scores(fitted[1], validation_inputs)
    temperature = fit_temperature(logits, dataset.validation_labels)
    assert found["temperature"] == pytest.approx(temperature)
    printed = capsys.readouterr().out
    assert printed.index("'kneighborsclassifier__n_neighbors': 1}") < printed.index(
        "'kneighborsclassifier__n_neighbors': 40}"
    )
    assert f"temperature of the best: {temperature:.2f}" in printed


def test_equal_scores_keep_the_order_of_the_grid():
    rows = search.rows_of(
        {
            "params": [{"x": 1}, {"x": 2}, {"x": 3}],
            "mean_test_score": np.array([0.9, 0.95, 0.95]),
            "mean_fit_time": np.array([1.0, 2.0, 3.0]),
        },
        count=200,
    )
    assert [row["parameters"]["x"] for row in rows] == [2, 3, 1]
    assert [row["fit_seconds"] for row in rows] == [2.0, 3.0, 1.0]
    assert "(10 errors / 200)" in rows[0]["validation"]


@pytest.mark.parametrize("module", [knn, svm, random_forest])
def test_grid_names_parameters_of_the_pipeline(module):
    names = module.METHOD.build(raw=False, seed=0).get_params()
    assert module.METHOD.grid.keys() <= names.keys()


@pytest.mark.slow
def test_search_on_a_dask_cluster(tmp_path):
    """A scheduler and two workers, started by a script as a user would."""
    code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from dask.distributed import LocalCluster
from baselines import knn
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as c:
        knn.METHOD = knn.METHOD._replace(grid={{{NEIGHBOURS!r}: [1, 9]}})
        sys.exit(knn.main([*{FLAGS!r}, "--dask", c.scheduler_address]))
"""
    (tmp_path / "cluster.py").write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "cluster.py"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(found_in(tmp_path)["points"]) == 2


@pytest.mark.slow
def test_no_dask_cluster(capsys):
    assert knn.main([*FLAGS, "--quick", "--dask", "tcp://127.0.0.1:9"]) == 1
    assert "no Dask cluster answers there" in capsys.readouterr().err
