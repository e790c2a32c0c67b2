"""What a script measured: printed, and written under --output_dir."""

import csv
import io
import json
import os
import platform
import shlex
import sys
import time
from importlib import metadata
from pathlib import Path

import numpy as np

from digits import figures, files, network
from digits.lazy import LazyModule

tensorboard = LazyModule("tensorboard.summary")

PACKAGES = (
    "tensorflow",
    "keras",
    "numpy",
    "h5py",
    "opencv-python-headless",
    "scikit-learn",
)


def accuracy_text(errors, total):
    """Return a result the way all scripts write it: 99.70 % (30 errors / 10000)."""
    return f"{100 - 100 * errors / total:.2f} % ({errors} errors / {total})"


def confusion_matrix(labels, predictions):
    """Return (10, 10) counts: a row for each true digit, a column for each reading."""
    matrix = np.zeros((10, 10), np.int64)
    np.add.at(matrix, (labels, predictions), 1)
    return matrix


def confusion_text(matrix):
    """Return a confusion matrix as text, a dot for a zero."""
    header = "true\\read" + "".join(f"{digit:6d}" for digit in range(10))
    rows = (
        f"{digit:9d}" + "".join(f"{count or '.':>6}" for count in row)
        for digit, row in enumerate(matrix)
    )
    return "\n".join([header, *rows])


def versions():
    """Return {package: version} of Python and of the installed PACKAGES."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def hardware():
    """Return the processor's name and the number of cores, as '2 cores of …'."""
    name = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            lines = [line for line in file if line.startswith("model name")]
        name = lines[0].split(":", 1)[1].strip() if lines else name
    return f"{os.cpu_count()} cores of {name}"


def new_summary(script, argv, args):
    """Return the first facts of a run: its script, command and arguments.

    argv: main's; args: an argparse Namespace.
    """
    command = shlex.join(["python3", script, *(sys.argv[1:] if argv is None else argv)])
    return {"script": script, "command": command, "arguments": vars(args)}


def tally(labels, predictions):
    """Return what a run's summary says of test images read as `predictions` (N,)."""
    wrong = np.flatnonzero(predictions != labels)
    return {
        "test": accuracy_text(len(wrong), len(labels)),
        "test_errors": len(wrong),
        "test_images": len(labels),
        "wrong_indices": wrong.tolist(),
        "read_as": predictions[wrong].tolist(),
        "confusion_matrix": confusion_matrix(labels, predictions).tolist(),
    }


def score(dataset, predict, summary, start):
    """Score the test images once; print the accuracy and add it to `summary`.

    So it does with QMNIST's, if there are any.

    predict: a function from images (N, 28, 28) uint8 to the digits (N,) that they are
    read as; start: time.monotonic() of the script's start. Returns those digits.
    """
    predictions = predict(dataset.test_images)
    summary |= tally(dataset.test_labels, predictions)
    summary |= {
        "dataset": dataset.name,
        "seconds": round(time.monotonic() - start, 1),
        "versions": versions(),
        "hardware": hardware(),
    }
    print(f"{dataset.name} test accuracy: {summary['test']}", flush=True)
    if dataset.qmnist_images is not None:
        is_wrong = predict(dataset.qmnist_images) != dataset.qmnist_labels
        # Its first images are MNIST's test images, made anew.
        unseen = is_wrong[len(predictions) :]
        summary["qmnist"] = accuracy_text(int(is_wrong.sum()), len(is_wrong))
        summary["qmnist_unseen"] = accuracy_text(int(unseen.sum()), len(unseen))
        print(f"qmnist test accuracy: {summary['qmnist']}")
        print(f"qmnist, those that MNIST lacks: {summary['qmnist_unseen']}", flush=True)
    return predictions


def attributes(summary):
    """Return what of a scored summary goes into a model file."""
    long = {"wrong_indices", "read_as", "confusion_matrix", "networks"}
    short = {name: value for name, value in summary.items() if name not in long}
    return {"classes": network.CLASSES} | short | {"seed": summary["arguments"]["seed"]}


def write(folder, dataset, summary, predictions):
    """Write results.json, the confusion matrix and the misread digits to `folder`.

    summary: scored; predictions: (N,), what the test images were read as.
    """
    folder = Path(folder)
    files.write_text(folder / "results.json", json.dumps(summary, indent=1) + "\n")
    figures.confusion_matrix(
        folder / "confusion_matrix.png", np.array(summary["confusion_matrix"])
    )
    wrong = summary["wrong_indices"]
    captions = [f"{dataset.test_labels[i]} > {predictions[i]}" for i in wrong]
    figures.images(folder / "misread_digits.png", dataset.test_images[wrong], captions)


class History:
    """The course of a training, which starts now: `rows`, one an epoch or cycle.

    board: a folder for TensorBoard, where the rows are counted through, or None.
    """

    def __init__(self, board=None):
        self.rows, self.start = [], time.monotonic()
        self.board = tensorboard.Writer(board) if board else None

    def add(self, epoch, training, validation, network=1):
        """Add what a network, numbered from 1, was like after so many epochs.

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
        self.rows.append(row)
        if self.board:
            for name in list(row)[2:]:
                self.board.add_scalar(name, row[name], len(self.rows))
            self.board.flush()

    def write(self, folder):
        """Write history.csv and the training curves to `folder`."""
        text = io.StringIO()
        writer = csv.DictWriter(text, self.rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        files.write_text(Path(folder) / "history.csv", text.getvalue())
        figures.training_curves(Path(folder) / "training_curves.png", self.rows)
