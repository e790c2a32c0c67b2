"""What a script measured: printed, and written under --output_dir."""

import csv
import io
import os
import platform
import shlex
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from digits import mnist
from digits.experiment import figures
from digits.mnist import Dataset
from digits.model.classifier import DIGITS
from digits.terminal import files, pool
from digits.terminal.lazy import LazyModule

tensorboard = LazyModule("tensorboard.summary")

PACKAGES = (
    "tensorflow",
    "keras",
    "numpy",
    "h5py",
    "opencv-python-headless",
    "onnxruntime",
    "scikit-learn",
)


def percent(errors: float, total: int) -> float:
    """Return the accuracy in per cent, to be written with two decimals.

    It stays within 0.01 to 99.99 unless all answers are wrong or all are right. errors:
    a count or a mean of counts, 0 to total.
    """
    accuracy = 100 - 100 * errors / total
    return min(max(accuracy, 0.01), 99.99) if 0 < errors < total else accuracy


def accuracy_text(errors: int, total: int) -> str:
    """Return an accuracy in the form of all scripts: 99.70 % (30 errors / 10000)."""
    return f"{percent(errors, total):.2f} % ({errors} errors / {total})"


def confusion_matrix(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Return (10, 10) int64 counts: a row for each label, a column for each prediction.

    labels, predictions: (N,), 0 to 9.
    """
    matrix = np.zeros((10, 10), np.int64)
    np.add.at(matrix, (labels, predictions), 1)
    return matrix


def confusion_text(matrix: np.ndarray) -> str:
    """Return a confusion matrix (10, 10) as text, with a dot for a zero."""
    header = "true\\read" + "".join(f"{digit:6d}" for digit in range(10))
    rows = (
        f"{digit:9d}" + "".join(f"{count or '.':>6}" for count in row)
        for digit, row in enumerate(matrix)
    )
    return "\n".join([header, *rows])


def versions() -> dict[str, str]:
    """Return {name: version} of Python and of the PACKAGES that are installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def hardware() -> str:
    """Return the cores that this process may use and the processor: '2 cores of …'."""
    name = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = [line for line in file if line.startswith("model name")]
        name = lines[0].split(":", 1)[1].strip() if lines else name
    return f"{pool.cores()} cores of {name}"


def spare_folders(summary: dict[str, Any]) -> list[str | Path]:
    """Return where a trained network goes if its own file cannot be written."""
    output_dir = summary["arguments"]["output_dir"]
    return [output_dir, mnist.cache_folder(), tempfile.gettempdir()]


def new_summary(
    script: str, argv: Sequence[str] | None, args: Namespace
) -> dict[str, Any]:
    """Return the summary of a run that begins: its script, command and arguments.

    argv: as main takes it, None for the command line's; args: what it was parsed to.
    """
    command = shlex.join(["python3", script, *(sys.argv[1:] if argv is None else argv)])
    return {"script": script, "command": command, "arguments": vars(args)}


def circumstances(dataset: Dataset, start: float) -> dict[str, Any]:
    """Return the part of a run's summary that says on what it ran, and how long.

    start: time.monotonic() when it started.
    """
    return {
        "dataset": dataset.name,
        "seconds": round(time.monotonic() - start, 1),
        "versions": versions(),
        "hardware": hardware(),
    }


def tally(labels: np.ndarray, predictions: np.ndarray) -> dict[str, Any]:
    """Return the part of a run's summary that scores predictions of the test images.

    labels, predictions: (N,), 0 to 9.
    """
    wrong = np.flatnonzero(predictions != labels)
    return {
        "test": accuracy_text(len(wrong), len(labels)),
        "test_errors": len(wrong),
        "test_images": len(labels),
        "wrong_indices": wrong.tolist(),
        "read_as": predictions[wrong].tolist(),
        "confusion_matrix": confusion_matrix(labels, predictions).tolist(),
    }


def score(
    dataset: Dataset,
    predict: Callable[[np.ndarray], np.ndarray],
    summary: dict[str, Any],
    start: float,
) -> np.ndarray:
    """Return the predictions (N,), 0 to 9, of the test images, and score them.

    The accuracy is printed and added to `summary`, and so are those on QMNIST, if the
    dataset has it. predict: a function from images (N, 28, 28) uint8 to digits (N,);
    start: time.monotonic() when the script started.
    """
    predictions = predict(dataset.test_images)
    summary |= tally(dataset.test_labels, predictions)
    summary |= circumstances(dataset, start)
    print(f"{dataset.name} test accuracy: {summary['test']}", flush=True)
    if dataset.qmnist_images is not None:
        is_wrong = predict(dataset.qmnist_images) != dataset.qmnist_labels
        # QMNIST's first images are those of MNIST's test set.
        unseen = is_wrong[len(predictions) :]
        summary["qmnist"] = accuracy_text(int(is_wrong.sum()), len(is_wrong))
        summary["qmnist_unseen"] = accuracy_text(int(unseen.sum()), len(unseen))
        print(f"qmnist test accuracy: {summary['qmnist']}")
        print(
            f"qmnist, images that MNIST lacks: {summary['qmnist_unseen']}", flush=True
        )
    return predictions


def attributes(summary: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a scored summary that is saved in a model file."""
    long = {"wrong_indices", "read_as", "confusion_matrix", "networks"}
    short = {name: value for name, value in summary.items() if name not in long}
    return {"classes": DIGITS} | short | {"seed": summary["arguments"]["seed"]}


def write(
    folder: str | Path,
    dataset: Dataset,
    summary: dict[str, Any],
    predictions: np.ndarray,
) -> None:
    """Write results.json, the confusion matrix and the misread digits to `folder`.

    summary: scored; predictions: (N,) of the test images.
    """
    folder = Path(folder)
    files.write_json(folder / "results.json", summary)
    figures.confusion_matrix(
        folder / "confusion_matrix.png", np.array(summary["confusion_matrix"])
    )
    wrong = summary["wrong_indices"]
    captions = [f"{dataset.test_labels[i]} > {predictions[i]}" for i in wrong]
    figures.images(folder / "misread_digits.png", dataset.test_images[wrong], captions)


def write_rows(path: str | Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows, at least one and all with the same keys, as a CSV file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    files.write_text(path, text.getvalue())


class History:
    """The course of a training: `rows`, one for each epoch or cycle.

    board: a folder for TensorBoard, which gets the rows as steps 1, 2, …; or None;
    rows: those until now, to which others are added; start: time.monotonic() when it
    began.
    """

    def __init__(
        self, board: str | Path | None, rows: list[dict[str, Any]], start: float
    ):
        self.rows, self.start = rows, start
        self.board = tensorboard.Writer(board) if board else None

    def add(
        self,
        epoch: int,
        training: tuple[float, float],
        validation: tuple[float, float],
        network: int = 1,
    ) -> None:
        """Add how well a network, numbered from 1, did after so many epochs.

        training, validation: (loss, accuracy), accuracy from 0 to 1.
        """
        row = {
            "network": network,
            "epoch": epoch,
            "loss": training[0],
            "accuracy": training[1],
            "validation_loss": validation[0],
            "validation_accuracy": validation[1],
            "seconds": round(time.monotonic() - self.start, 1),
        }
        self.append(row)

    def append(self, row: dict[str, Any]) -> None:
        """Add a row, as `add` makes it."""
        self.rows.append(row)
        if self.board:
            for name in list(row)[2:]:
                self.board.add_scalar(name, row[name], len(self.rows))
            self.board.flush()

    def write(self, folder: str | Path) -> None:
        """Write history.csv and the training curves to `folder`."""
        write_rows(Path(folder) / "history.csv", self.rows)
        figures.training_curves(Path(folder) / "training_curves.png", self.rows)
