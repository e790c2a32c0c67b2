"""The measurements in assets/results/, and the table made of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from digits import UserError
from digits.experiment.results import accuracy_text, hardware, percent, versions
from digits.terminal import files

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "results"
SCRIPTS = {
    "tf_cnn": "tf_cnn.py",
    "tf_cnn_ensemble": "tf_cnn.py --ensemble 5",
    "CNN_MNIST": "CNN_MNIST.py",
    "svm": "baselines/svm.py",
    "knn": "baselines/knn.py",
    "random_forest": "baselines/random_forest.py",
    "svm_raw": "baselines/svm.py --raw",
    "knn_raw": "baselines/knn.py --raw",
    "random_forest_raw": "baselines/random_forest.py --raw",
}


def path_of(name: str) -> Path:
    """Return the path of the measurement `name`; the file need not exist."""
    return FOLDER / f"{name}.json"


def read(name: str, maker: str) -> Any:
    """Return the measurement `name`, as JSON holds it.

    maker: the command that records it, which the UserError names if the file is
    missing.
    """
    try:
        return json.loads(path_of(name).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path_of(name)}: no such file; {maker} makes it") from error


def write(name: str, summary: dict[str, Any]) -> None:
    """Record and print a measurement, with the versions and the hardware."""
    summary = summary | {"versions": versions(), "hardware": hardware()}
    text = json.dumps(summary, indent=1)
    files.write_text(path_of(name), text + "\n")
    print(text)


def read_runs(name: str) -> list[dict[str, Any]]:
    """Return the summaries of a script's runs, as results.json holds each.

    name: a key of SCRIPTS. Raises UserError if no run is recorded.
    """
    return read(name, f"python3 benchmarks/measure.py {name}")


def table_rows(runs: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return a row for each method, sorted by error.

    runs: {name: summaries}, the names keys of SCRIPTS. A row has the script; the means
    of errors, error_percent, fit_seconds, microseconds (to read a digit) and megabytes
    over the runs; the standard deviation of error_percent, 0 for a single run;
    test_images; the number of runs; and what the first run confuses most.
    """
    rows = [_row(SCRIPTS[name], summaries) for name, summaries in runs.items()]
    return sorted(rows, key=lambda row: row["error_percent"])


def _row(script, summaries):
    errors = np.array([run["test_errors"] for run in summaries])
    images = summaries[0]["test_images"]
    costs = np.mean([_costs(run) for run in summaries], axis=0)
    deviation = errors.std(ddof=1) if len(errors) > 1 else 0.0
    return {
        "script": script,
        "error_percent": float(100 * errors.mean() / images),
        "deviation": float(100 * deviation / images),
        "errors": float(errors.mean()),
        "test_images": images,
        "runs": len(errors),
        "fit_seconds": float(costs[0]),
        "microseconds": float(costs[1]),
        "megabytes": float(costs[2]),
        "confuses": confused(np.array(summaries[0]["confusion_matrix"])),
    }


def _costs(summary):
    """Return (seconds to fit, microseconds to read a digit, megabytes) of a run."""
    microseconds = 1e6 * summary["predict_seconds"] / summary["test_images"]
    return summary["fit_seconds"], microseconds, summary["megabytes"]


def confused(matrix: np.ndarray, count: int = 3) -> str:
    """Return the largest errors in a confusion matrix (10, 10), as '4>9 12, 7>2 9'.

    4>9 12 means that 12 fours were read as nines.
    """
    errors = np.where(np.eye(10, dtype=bool), 0, matrix)
    order = errors.ravel().argsort(kind="stable")[::-1][:count]
    cells = [(*divmod(int(index), 10), int(errors.flat[index])) for index in order]
    return ", ".join(f"{true}>{read} {n}" for true, read, n in cells if n)


def accuracy_cell(row: dict[str, Any]) -> str:
    """Return the accuracy in a row of `table_rows`: 99.70 % (30 errors / 10000).

    For several runs: 99.70 ± 0.02 % (30.3 errors / 10000, n = 3).
    """
    errors, images = row["errors"], row["test_images"]
    if row["runs"] == 1:
        return accuracy_text(round(errors), images)
    mean = f"{percent(errors, images):.2f} ± {row['deviation']:.2f} %"
    return f"{mean} ({errors:.1f} errors / {images}, n = {row['runs']})"


def table_text(rows: list[dict[str, Any]]) -> str:
    """Return the rows of `table_rows` as a Markdown table."""
    header = ["script", "test accuracy", "fit, s", "µs a digit", "MB", "confuses"]
    cells = [
        [
            row["script"],
            accuracy_cell(row),
            f"{row['fit_seconds']:.0f}",
            f"{row['microseconds']:.0f}",
            f"{row['megabytes']:.1f}",
            row["confuses"],
        ]
        for row in rows
    ]
    return markdown_table(header, cells)


def hardware_text(runs: dict[str, list[dict[str, Any]]]) -> str:
    """Return a Markdown list of the hardware, with the scripts measured on each.

    runs: {name: summaries}, the names keys of SCRIPTS.
    """
    scripts_on = {}
    for name, summaries in runs.items():
        for hardware_name in sorted({run["hardware"] for run in summaries}):
            scripts_on.setdefault(hardware_name, []).append(f"`{SCRIPTS[name]}`")
    lines = [f"- {name}: {', '.join(scripts)}" for name, scripts in scripts_on.items()]
    return "\n".join(["Measured on", "", *lines])


def markdown_table(header: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table whose columns line up."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = ["-" * width for width in widths]
    lines = [
        " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in (header, rule, *rows)
    ]
    return "\n".join(f"| {line} |" for line in lines)
