"""The search of a method's parameters on the validation images.

scikit-learn's grid search, on all cores through joblib or on a Dask cluster.
"""

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from baselines.method import Method, scores
from digits.experiment import results
from digits.mnist import Dataset
from digits.model.calibration import fit_temperature
from digits.terminal import cluster, files
from digits.terminal.lazy import LazyModule

joblib = LazyModule("joblib")
model_selection = LazyModule("sklearn.model_selection")


def search(method: Method, args: argparse.Namespace, dataset: Dataset) -> None:
    """Try every point of a method's grid; print and write the results, best first.

    Each point learns from the training images and is scored on the validation images.
    There the best one's temperature is fitted too. Raises UserError if no Dask cluster
    answers at `--dask`.
    """
    files.make_folder(args.output_dir)
    count = len(dataset.train_labels) // 10 if args.quick else len(dataset.train_labels)
    images = np.concatenate([dataset.train_images[:count], dataset.validation_images])
    labels = np.concatenate([dataset.train_labels[:count], dataset.validation_labels])
    inputs = method.inputs_of(images, args.raw)
    pipeline = method.build(args.raw, args.seed)
    points = len(model_selection.ParameterGrid(method.grid))
    print(f"{method.name}: trying {points} points", file=sys.stderr, flush=True)
    with on_cluster(args.dask):
        found = _fit_grid(pipeline, method.grid, inputs, labels, count)
    rows = rows_of(found, len(labels) - count)
    for row in rows:
        print(f"{row['validation']}, {row['fit_seconds']:.1f} s: {row['parameters']}")
    pipeline.set_params(**rows[0]["parameters"]).fit(inputs[:count], labels[:count])
    temperature = fit_temperature(scores(pipeline, inputs[count:]), labels[count:])
    print(f"temperature of the best: {temperature:.2f}")
    content = {"temperature": temperature, "points": rows}
    files.write_json(Path(args.output_dir, "search.json"), content)


def _fit_grid(pipeline, grid, inputs, labels, count):
    """Return GridSearchCV's cv_results_; the first `count` inputs are for training."""
    fold = np.where(np.arange(len(labels)) < count, -1, 0)  # -1: never validated on
    grid_search = model_selection.GridSearchCV(
        pipeline,
        grid,
        cv=model_selection.PredefinedSplit(fold),
        n_jobs=-1,
        refit=False,
        error_score="raise",
    )
    return grid_search.fit(inputs, labels).cv_results_


@contextlib.contextmanager
def on_cluster(address: str | None) -> Iterator[None]:
    """Let joblib work on the Dask cluster of --dask, if an address is given.

    Raises UserError when it does not answer, or fails.
    """
    if not address:
        yield
        return
    with (
        cluster.connected(address),
        cluster.failures_told(),
        joblib.parallel_config(backend="dask"),
    ):
        yield


def rows_of(found: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """Return a row for each point of the grid, best first.

    found: GridSearchCV's cv_results_; count: of validation images.
    """
    rows = [
        {
            "parameters": parameters,
            "validation": results.accuracy_text(round((1 - score) * count), count),
            "fit_seconds": round(float(seconds), 2),
        }
        for parameters, score, seconds in zip(
            found["params"],
            found["mean_test_score"],
            found["mean_fit_time"],
            strict=True,
        )
    ]
    order = np.argsort(-found["mean_test_score"], kind="stable")
    return [rows[index] for index in order]
