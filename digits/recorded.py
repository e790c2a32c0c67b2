"""The measured results in assets/results/, and the table made of them."""

import json
from pathlib import Path

import numpy as np

from digits import UserError
from digits.results import accuracy_text

FOLDER = Path(__file__).resolve().parent.parent / "assets" / "results"
SCRIPTS = {
    "tf_cnn": "tf_cnn.py",
    "CNN_MNIST": "CNN_MNIST.py",
    "svm": "baselines/svm.py",
    "knn": "baselines/knn.py",
    "random_forest": "baselines/random_forest.py",
}


def path_of(name):
    """Return where what is called `name` is recorded."""
    return FOLDER / f"{name}.json"


def read(name, maker):
    """Return what was recorded; raise UserError that names its `maker` if nothing was.

    maker: the command that records it.
    """
    try:
        return json.loads(path_of(name).read_text())
    except FileNotFoundError as error:
        raise UserError(f"{path_of(name)}: no such file; {maker} makes it") from error


def read_runs(name):
    """Return the list of summaries, as results.json holds them, of a script's runs.

    name: a key of SCRIPTS. Raises UserError if none are recorded.
    """
    return read(name, f"python3 benchmarks/measure.py {name}")


def table_rows(runs):
    """Return a list of dicts, one a method, sorted by error, of {name: [summary]}.

    errors is the mean count over the runs; deviation, of the error in per cent, is 0
    for one run; seconds is the mean time of the whole command.
    """
    rows = []
    for name, summaries in runs.items():
        errors = np.array([run["test_errors"] for run in summaries])
        images = summaries[0]["test_images"]
        rows.append(
            {
                "script": SCRIPTS[name],
                "error_percent": float(100 * errors.mean() / images),
                "deviation": float(100 * errors.std(ddof=1) / images)
                if len(errors) > 1
                else 0.0,
                "errors": float(errors.mean()),
                "test_images": images,
                "runs": len(errors),
                "seconds": float(np.mean([run["seconds"] for run in summaries])),
            }
        )
    return sorted(rows, key=lambda row: row["error_percent"])


def accuracy_cell(row):
    """Return a row's accuracy: 99.70 % (30 errors / 10000), or mean ± deviation."""
    if row["runs"] == 1:
        return accuracy_text(round(row["errors"]), row["test_images"])
    mean = f"{100 - row['error_percent']:.2f} ± {row['deviation']:.2f} %"
    return (
        f"{mean} ({row['errors']:.1f} errors / {row['test_images']}, n = {row['runs']})"
    )


def table_text(rows):
    """Return the table as Markdown, which is plain text too."""
    header = ["script", "test accuracy", "whole run, seconds"]
    cells = [[r["script"], accuracy_cell(r), f"{r['seconds']:.0f}"] for r in rows]
    return markdown_table(header, cells)


def markdown_table(header, rows):
    """Return a Markdown table of texts whose columns line up."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = ["-" * width for width in widths]
    lines = [
        " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in (header, rule, *rows)
    ]
    return "\n".join(f"| {line} |" for line in lines)
