"""Training runs that are killed at random moments, and resumed until they end.

Each must end with the weights and the history of a run that was not killed.
"""

import csv
import importlib
import math
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from digits import UserError
from digits.experiment import checkpoint
from digits.model import model_file
from digits.terminal.lazy import LazyModule
from digits.terminal.progress import Progress

onnx = LazyModule("onnx")

PRELOADED = ["digits.training.export", "digits.training.reader", "tf_cnn", "CNN_MNIST"]
SMALL = "--dataset sklearn_digits --filters 4 8 8 --batch_size 100 --epochs 3 -s 1"
# The reader of pages learns from few, since drawing them takes long.
READER = "--dataset sklearn_digits --reader 1"
READER_SETTINGS = {"PIECES": 64, "HELD_OUT": 32, "BATCH": 32}


class Kind(NamedTuple):
    """A kind of run: the script, its flags, and how many of the kills it gets."""

    script: str
    flags: str
    share: float = 1.0


def kinds(teacher):
    """Return {name: Kind}; teacher: a model file, which the first one saves."""
    return {
        "tf_cnn.py": Kind("tf_cnn", SMALL),
        "tf_cnn.py --distill": Kind("tf_cnn", f"{SMALL} --distill {teacher}", 0.2),
        "tf_cnn.py --reader 1": Kind("tf_cnn", READER, 0.2),
        "CNN_MNIST.py": Kind("CNN_MNIST", SMALL),
    }


def facts(count, random):
    """Return how runs of each kind ended that were killed.

    Those of each script are killed `count` times or more, with --distill and --reader
    a fifth as often, since these take long.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        teacher = Path(folder, "tf_cnn.py", "whole", "model.hdf5")
        for name, kind in kinds(teacher).items():
            where = Path(folder, name)
            where.mkdir()
            most = math.ceil(count * kind.share)
            with Progress(f"{name}: kills", most) as bar:
                found[name] = kill_runs(context, kind, where, most, random, bar)
    return found


def kill_runs(context, kind, folder, count, random, bar):
    """Return {"kills", "runs", "same"} of a Kind of run, killed `count` times or more.

    same: how many runs ended as one that was not killed; folder: for the runs; bar:
    counts the kills.
    """
    whole, start = folder / "whole", time.monotonic()
    if in_process(context, kind.script, flags_of(kind, whole)) != 0:
        raise UserError(f"{kind.script}.py {kind.flags}: cannot be run")
    seconds = time.monotonic() - start
    found = {"kills": 0, "runs": 0, "same": 0}
    while found["kills"] < count:
        killed = folder / f"killed {found['runs']}"
        kills = finish_with_kills(context, kind, killed, seconds, random)
        found["kills"] += kills
        found["runs"] += 1
        found["same"] += is_same(whole, killed)
        bar.update(kills)
    return found


def flags_of(kind, folder):
    """Return the flags of a run with its results and model in a new folder."""
    folder.mkdir()
    where = ["-w", f"{folder}/model.hdf5", "--output_dir", f"{folder}"]
    return [*kind.flags.split(), *where]


def finish_with_kills(context, kind, folder, seconds, random):
    """Run a script until it ends, though it is killed; return how often it was.

    seconds: that it takes; it is killed after a random part of them. Raises UserError
    where it fails, or loses its checkpoints.
    """
    first = [*flags_of(kind, folder), "--checkpoint_seconds", "0"]
    flags, kills = first, 0
    while True:
        wait = random.uniform(0, seconds)
        status = in_process(context, kind.script, flags, wait)
        if status == 0:
            return kills
        if status != -signal.SIGKILL:
            raise UserError(f"{kind.script}.py {' '.join(flags)}: status {status}")
        kills += 1
        if checkpoint.paths(folder / checkpoint.FOLDER):
            flags = ["--resume", "--output_dir", f"{folder}"]
        elif has_ended(folder):  # it was killed on its way out
            return kills
        elif flags is not first:
            raise UserError(f"{folder}: its checkpoints are gone, and it has not ended")


def has_ended(folder):
    """Tell whether a run, which has no checkpoints, has written all that it writes."""
    return all((folder / name).exists() for name in ("model.hdf5", "results.json"))


def in_process(context, script, flags, seconds=None):
    """Return the exit status of a script; kill it after so many seconds, if given."""
    process = context.Process(target=run_script, args=(script, flags))
    process.start()
    process.join(seconds)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode


def run_script(script, flags):
    """Run a script's main, silently."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)
    reader = importlib.import_module("digits.training.reader")
    for name, value in READER_SETTINGS.items():
        setattr(reader, name, value)
    sys.exit(importlib.import_module(script).main(flags))


def is_same(one, other):
    """Tell whether two runs, each a folder, ended with the same bits."""
    weights, others = (variables_of(folder / "model.hdf5") for folder in (one, other))
    return (
        weights.keys() == others.keys()
        and all(np.array_equal(weights[name], others[name]) for name in weights)
        and history_of(one) == history_of(other)
    )


def variables_of(path):
    """Return {name: array} of what a training script saved.

    Of the graphs, which hold the same numbers, only the reader's kernels and biases.
    """
    found = {}

    def add(name, node):
        is_graph = name.startswith(("inference/", "training/"))
        if isinstance(node, h5py.Dataset) and not is_graph:
            found[name] = node[()]

    with h5py.File(path) as file:
        file.visititems(add)
        graph = model_file.read_bytes(file, model_file.FLOAT_READER)
    return found | {f"reader/{k}": a for k, a in enumerate(reader_weights(graph))}


def reader_weights(content):
    """Return the kernels and biases in a reader's graph, b"" for none, in one order.

    Of names and order nothing is asked: tf2onnx counts names on from call to call.
    """
    if not content:
        return []
    graph = onnx.load_from_string(content).graph
    arrays = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    weights = [arrays[name] for node in convolutions for name in node.input[1:]]
    return sorted(weights, key=lambda array: (array.shape, array.tobytes()))


def history_of(folder):
    """Return the rows of a run's history without their seconds."""
    with open(Path(folder, "history.csv"), newline="", encoding="utf-8") as file:
        return [row[:-1] for row in csv.reader(file)]
