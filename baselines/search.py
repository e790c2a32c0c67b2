"""The search of a method's parameters: scikit-learn's grid search on validation images.

It runs on all cores through joblib, or on a Dask cluster.
"""

import contextlib
import json
import sys
from pathlib import Path

import numpy as np

from baselines.method import scores
from digits import UserError, files, results
from digits.calibration import fit_temperature
from digits.lazy import LazyModule

distributed = LazyModule("dask.distributed")
joblib = LazyModule("joblib")
model_selection = LazyModule("sklearn.model_selection")

TIMEOUT = "5s"  # for a Dask cluster to answer


def search(method, args, dataset):
    """Try a Method's grid; print and write the results, the best first.

    Each point of the grid learns from the training images and is scored once on the
    validation images, on which the best one's probabilities get their temperature.
    """
    files.make_folder(args.output_dir)
    count = len(dataset.train_labels) // 10 if args.quick else len(dataset.train_labels)
    images = np.concatenate([dataset.train_images[:count], dataset.validation_images])
    labels = np.concatenate([dataset.train_labels[:count], dataset.validation_labels])
    inputs = method.inputs_of(images, args.raw)
    learns = np.arange(len(labels)) < count
    pipeline = method.build(args.raw, args.seed)
    grid_search = model_selection.GridSearchCV(
        pipeline,
        method.grid,
        cv=model_selection.PredefinedSplit(np.where(learns, -1, 0)),
        n_jobs=-1,
        refit=False,
        error_score="raise",
    )
    points = len(model_selection.ParameterGrid(method.grid))
    print(f"{method.name}: trying {points} points", file=sys.stderr, flush=True)
    with on_cluster(args.dask):
        grid_search.fit(inputs, labels)
    rows = rows_of(grid_search.cv_results_, np.count_nonzero(~learns))
    for row in rows:
        print(f"{row['validation']}, {row['fit_seconds']:.1f} s: {row['parameters']}")
    pipeline.set_params(**rows[0]["parameters"]).fit(inputs[learns], labels[learns])
    temperature = fit_temperature(scores(pipeline, inputs[~learns]), labels[~learns])
    print(f"temperature of the best: {temperature:.2f}")
    path = Path(args.output_dir, "search.json")
    content = {"temperature": temperature, "points": rows}
    files.write_text(path, json.dumps(content, indent=1) + "\n")


@contextlib.contextmanager
def on_cluster(address):
    """Let joblib work on the Dask cluster at an address, if there is one.

    Raises UserError when it does not answer.
    """
    if not address:
        yield
        return
    try:
        client = distributed.Client(address, timeout=TIMEOUT)
    except (OSError, ValueError) as error:
        raise UserError(f"{address}: no Dask cluster answers there") from error
    with client, joblib.parallel_config(backend="dask"):
        yield


def rows_of(found, count):
    """Return a dict for each point of the grid, the best first.

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
