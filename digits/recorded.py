"""The measured results in assets/results/, and the table made of them."""

import json
from pathlib import Path

import numpy as np

from digits import UserError, files
from digits.results import accuracy_text, hardware, versions

FOLDER = Path(__file__).resolve().parent.parent / "assets" / "results"
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


def write(name, summary):
    """Record and print what was measured, with the versions and the hardware."""
    summary = summary | {"versions": versions(), "hardware": hardware()}
    text = json.dumps(summary, indent=1)
    files.write_text(path_of(name), text + "\n")
    print(text)


def read_runs(name):
    """Return the list of summaries, as results.json holds them, of a script's runs.

    name: a key of SCRIPTS. Raises UserError if none are recorded.
    """
    return read(name, f"python3 benchmarks/measure.py {name}")


def table_rows(runs):
    """Return a list of dicts, one a method, sorted by error, of {name: [summary]}.

    errors is the mean count over the runs; deviation, of the error in per cent, is 0
    for one run; fit_seconds is the mean time of learning, microseconds that of reading
    a digit; confuses tells which digits the first run took for which.
    """
    rows = []
    for name, summaries in runs.items():
        errors = np.array([run["test_errors"] for run in summaries])
        images = summaries[0]["test_images"]
        costs = np.mean([costs_of(run) for run in summaries], axis=0)
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
                "fit_seconds": float(costs[0]),
                "microseconds": float(costs[1]),
                "megabytes": float(costs[2]),
                "confuses": confused(np.array(summaries[0]["confusion_matrix"])),
            }
        )
    return sorted(rows, key=lambda row: row["error_percent"])


def costs_of(summary):
    """Return (seconds to learn, microseconds a digit, megabytes) of a run's summary."""
    microseconds = 1e6 * summary["predict_seconds"] / summary["test_images"]
    return summary["fit_seconds"], microseconds, summary["megabytes"]


def confused(matrix, count=3):
    """Return what a confusion matrix (10, 10) has most of, as '4>9 12, 7>2 9'.

    4>9 12: 12 fours were read as nines.
    """
    errors = np.where(np.eye(10, dtype=bool), 0, matrix)
    order = errors.ravel().argsort(kind="stable")[::-1][:count]
    cells = [(*divmod(int(index), 10), int(errors.flat[index])) for index in order]
    return ", ".join(f"{true}>{read} {n}" for true, read, n in cells if n)


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


def hardware_text(runs):
    """Return a Markdown list of what each of {name: [summary]} was measured on."""
    scripts_on = {}
    for name, summaries in runs.items():
        for where in sorted({run["hardware"] for run in summaries}):
            scripts_on.setdefault(where, []).append(f"`{SCRIPTS[name]}`")
    lines = [f"- {where}: {', '.join(those)}" for where, those in scripts_on.items()]
    return "\n".join(["Measured on", "", *lines])


def markdown_table(header, rows):
    """Return a Markdown table of texts whose columns line up."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = ["-" * width for width in widths]
    lines = [
        " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in (header, rule, *rows)
    ]
    return "\n".join(f"| {line} |" for line in lines)
