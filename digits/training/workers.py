"""Train networks on the workers of a Dask cluster: tf_cnn.py --dask.

Each network is trained as it would be alone, with checkpoints in a folder of its own
under --output_dir, which all machines must share. When its worker dies, another one
goes on from them.
"""

import argparse
import contextlib
import importlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import filelock
import numpy as np

from digits import UserError
from digits.experiment import checkpoint, results, resume
from digits.terminal import cluster, files, npz
from digits.terminal.lazy import LazyModule
from digits.terminal.progress import Progress
from digits.training.network_file import SCRIPT, Network, NetworkRun, task_of

# Imported by a worker, silently.
device = LazyModule("digits.training.device")

TRAINED = "trained"  # the file that a worker leaves


def train(
    args: argparse.Namespace,
    runs: Sequence[NetworkRun],
    network: Network,
    history: results.History,
    run: resume.Run,
) -> tuple[list[Any], str]:
    """Return trained networks, one for each of `runs`, and the devices that did it.

    args: the script's flags; network: makes one; history: gets the epochs of those that
    are not quick, with seconds as if one network was trained after the other.
    """
    # Of a run that was cut off without --dask, the workers make all epochs again.
    run.rows.clear()
    run.place = resume.Place()
    run.keep()  # what was asked for, for --resume
    data_dir = args.data_dir or os.environ.get("MNIST_DIR")
    arguments = vars(args) | {"data_dir": data_dir}
    tasks = [
        (arguments, number, f"{run.folder}/network {number}")
        for number in range(1, len(runs) + 1)
    ]
    networks, devices, seconds = [], set(), 0.0
    with (
        cluster.connected(args.dask) as client,
        Progress("Training networks", len(runs)) as bar,
    ):
        found = cluster.Cluster(client).in_processes(_trained, tasks)
        for number, (one, trained) in enumerate(zip(runs, found, strict=True), 1):
            values, rows, name = trained
            networks.append(network(one.view, one.shape))
            variables = networks[-1].variables.values()
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
            for row in rows:
                row |= {"network": number, "seconds": seconds + row["seconds"]}
                history.append(row)
            seconds = history.rows[-1]["seconds"]
            devices.add(name)
            bar.update(1)
    return networks, ", ".join(sorted(devices))


def _trained(task):
    """Return the variables of a network, the rows of its history, and the device.

    Done by a worker, unless the network is there already.
    """
    arguments, number, folder = task
    files.make_folder(folder)
    path = Path(folder, TRAINED)
    # A worker that is believed to be dead may still be at it.
    with filelock.FileLock(Path(folder, ".worker")):
        with contextlib.suppress(*npz.DAMAGE):
            return _read(path)
        # Progress bars of several workers would mix.
        with (
            open(os.devnull, "w", encoding="utf-8") as nowhere,
            contextlib.redirect_stderr(nowhere),
        ):
            _train(arguments, number, path)
        return _read(path)


def _train(arguments, number, path):
    """Train a network, with checkpoints, and write it to a path."""
    script = importlib.import_module(Path(SCRIPT).stem)
    folder = path.parent
    is_begun = _has_checkpoint(folder)
    flags = {"resume": is_begun, "restart": not is_begun, "output_dir": str(folder)}
    args = argparse.Namespace(**arguments | flags)
    name = device.choose()
    with resume.Run(folder, args, results.new_summary(SCRIPT, [], args)) as run:
        runs, dataset, teacher = task_of(args, script.ConvolutionalNetwork)
        history = results.History(None, run.rows, run.start)
        chosen = [runs[number - 1]]
        (network,) = script.train(args, chosen, dataset, teacher, history, run)
        facts = json.dumps([run.rows, name])
        values = [variable.numpy() for variable in network.variables.values()]
        checkpoint.write(path, {"variables": values, "facts": [np.array(facts)]})


def _has_checkpoint(folder):
    try:
        return checkpoint.newest(folder / checkpoint.FOLDER) is not None
    except UserError:  # all are damaged: it begins anew
        return False


def _read(path):
    """Return what _train has written, as _trained does."""
    arrays = checkpoint.read(path)
    return arrays["variables"], *json.loads(str(arrays["facts"][0]))
