"""Run a script with several seeds and record its results in assets/results/.

    python3 benchmarks/measure.py tf_cnn --seeds 0 1 2
    python3 benchmarks/measure.py tf_cnn_ensemble --seeds 0 5 10
    python3 benchmarks/measure.py knn
    python3 benchmarks/measure.py tf_cnn --seeds 0 1 2 3 --dask tcp://HOST:8786

Each run is the script's default command with --seed; it replaces a recorded run of the
same seed. The networks of an ensemble are also recorded as runs of their own, because
the same seed trains the same network. benchmarks/readme.py puts the figures into the
documents.
"""

import functools
import importlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from digits import UserError, mnist
from digits.experiment import recorded
from digits.model import model_file
from digits.terminal import cli, cluster, files

TIMED = 10  # the classifier is timed on one of so many test images
NETWORKS = ("tf_cnn", "tf_cnn_ensemble", "CNN_MNIST")


def run(name, seed):
    """Run the script once and return its summary, as results.json holds it.

    name: a key of recorded.SCRIPTS. The costs that a baseline measures itself are added
    for a network.
    """
    with tempfile.TemporaryDirectory() as folder:
        script, *own = recorded.SCRIPTS[name].split()
        flags = [*own, "--seed", str(seed)]
        command = [sys.executable, str(ROOT / script), *flags, "--output_dir", folder]
        path = Path(folder, "network.hdf5")
        if name in NETWORKS:
            command += ["--save_model", "1", "--save_weights", str(path)]
        if subprocess.run(command, cwd=folder, check=False).returncode:
            raise UserError(f"{recorded.SCRIPTS[name]} failed; nothing was recorded")
        text = Path(folder, "results.json").read_text(encoding="utf-8")
        summary = json.loads(text)
        if name in NETWORKS:
            summary |= costs(path, summary)
    summary["command"] = " ".join(["python3", script, *flags])
    # Where the files were saved is no part of the result.
    for destination in ("output_dir", "save_weights", "save_model"):
        summary["arguments"].pop(destination, None)
    return summary


def summaries(args):
    """Yield the summary of each seed's run, here or on the workers of --dask."""
    if args.dask is None:
        yield from (run(args.script, seed) for seed in args.seeds)
        return
    by_name = importlib.import_module("benchmarks.measure").run  # as workers know it
    work = functools.partial(by_name, args.script)
    with cluster.connected(args.dask) as client:
        yield from cluster.Cluster(client).in_processes(work, args.seeds)


def costs(path, summary):
    """Return a dict of a saved network's costs: seconds to fit and predict, megabytes.

    path: of the model file; summary: of the run that saved it.
    """
    classifier = model_file.load(path)
    images = mnist.load().test_images
    start = time.perf_counter()
    classifier.probabilities(images[::TIMED])
    return {
        "fit_seconds": summary["validation"]["seconds"],
        "predict_seconds": TIMED * (time.perf_counter() - start),
        "megabytes": path.stat().st_size / 1e6,
    }


def member_runs(summary):
    """Return a summary for each network of an ensemble, as for a run of its own.

    The list is empty for other runs.
    """
    networks = summary.get("networks", [])
    of_ensemble = {"networks", "seconds", "temperature", "qmnist", "qmnist_unseen"}
    shared = {name: v for name, v in summary.items() if name not in of_ensemble}
    runs, before = [], 0.0
    for own in networks:
        after = own["validation"]["seconds"]  # since the ensemble's training began
        seconds, before = after - before, after
        run_alone = {
            "command": f"python3 tf_cnn.py --seed {own['seed']}",
            "trained_by": summary["command"],
            "arguments": summary["arguments"] | {"seed": own["seed"], "ensemble": 1},
            "validation": own["validation"] | {"seconds": seconds},
            "fit_seconds": seconds,
            "predict_seconds": summary["predict_seconds"] / len(networks),
            "megabytes": summary["megabytes"] / len(networks),
        }
        runs.append(shared | own | run_alone)
    return runs


def record(name, summary):
    """Add a run's summary to the recorded runs of `name`, sorted by seed."""
    path = recorded.path_of(name)
    runs = recorded.read_runs(name) if path.exists() else []
    by_seed = {run["arguments"]["seed"]: run for run in [*runs, summary]}
    ordered = [by_seed[seed] for seed in sorted(by_seed)]
    files.write_text(path, json.dumps(ordered) + "\n")


def parse_args(argv=None):
    """Return the parsed command line."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "script", choices=recorded.SCRIPTS, help="name of the script to run"
    )
    parser.add_argument(
        "--seeds",
        type=int,
        nargs="+",
        default=[0],
        metavar="N",
        help="random seeds, a run for each",
    )
    cli.add_dask_flag(parser, "run several seeds at once")
    return parser.parse_args(argv)


@cli.report_errors
def main(argv=None):
    """Run and record; return the exit status."""
    args = parse_args(argv)
    for summary in summaries(args):
        record(args.script, summary)
        for member in member_runs(summary):
            record("tf_cnn", member)
    return 0


if __name__ == "__main__":
    sys.exit(main())
