"""Run a script over seeds and record its results in assets/results/.

    python3 benchmarks/measure.py tf_cnn --seeds 0 1 2
    python3 benchmarks/measure.py tf_cnn_ensemble --seeds 0 5 10
    python3 benchmarks/measure.py knn

Each run is the script's default command with --seed; a recorded run of the same seed is
replaced. The networks of an ensemble are recorded as runs of their own too, since the
same seed trains the same network. benchmarks/readme.py then puts the figures into the
README.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from digits import UserError, cli, files, mnist, network, recorded

TIMED = 10  # one in so many test images is read to time it
NETWORKS = ("tf_cnn", "tf_cnn_ensemble", "CNN_MNIST")


def run(name, seed):
    """Run the script once and return its summary, as results.json holds it.

    Of a network it gets the costs that a baseline measures itself.
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
        summary = json.loads(Path(folder, "results.json").read_text())
        if name in NETWORKS:
            summary |= costs(path, summary)
    summary["command"] = " ".join(["python3", script, *flags])
    # Where the results went to is no part of the result.
    for destination in ("output_dir", "save_weights", "save_model"):
        summary["arguments"].pop(destination, None)
    return summary


def costs(path, summary):
    """Return a saved network's time to learn and to read, and its size: a dict."""
    graph = network.load(path)
    images = mnist.load().test_images
    start = time.perf_counter()
    graph.probabilities(images[::TIMED])
    return {
        "fit_seconds": summary["validation"]["seconds"],
        "predict_seconds": TIMED * (time.perf_counter() - start),
        "megabytes": path.stat().st_size / 1e6,
    }


def networks_alone(summary):
    """Return a summary for each network of an ensemble's, as a run of its own.

    An empty list for what is no ensemble.
    """
    networks = summary.get("networks", [])
    runs, count, before = [], len(networks), 0.0
    of_all = {"networks", "seconds", "temperature", "qmnist", "qmnist_unseen"}
    whole = {name: value for name, value in summary.items() if name not in of_all}
    for own in networks:
        arguments = whole["arguments"] | {"seed": own["seed"], "ensemble": 1}
        after = own["validation"]["seconds"]
        parts = {name: whole[name] / count for name in ("predict_seconds", "megabytes")}
        parts |= {"fit_seconds": after - before, "arguments": arguments}
        parts["validation"] = own["validation"] | {"seconds": after - before}
        parts["command"] = f"python3 tf_cnn.py --seed {own['seed']}"
        runs.append(whole | own | parts | {"trained_by": whole["command"]})
        before = after
    return runs


def record(name, summary):
    """Add a run's summary to those in assets/results/, in order of seed."""
    path = recorded.path_of(name)
    runs = recorded.read_runs(name) if path.exists() else []
    by_seed = {run["arguments"]["seed"]: run for run in [*runs, summary]}
    ordered = [by_seed[seed] for seed in sorted(by_seed)]
    files.write_text(path, json.dumps(ordered) + "\n")


def parse_args(argv=None):
    """Return the parsed command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("script", choices=recorded.SCRIPTS, help="what to run")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[0], metavar="N", help="a run each"
    )
    return parser.parse_args(argv)


@cli.report_errors
def main(argv=None):
    """Run and record; return the exit status."""
    args = parse_args(argv)
    for seed in args.seeds:
        summary = run(args.script, seed)
        record(args.script, summary)
        for alone in networks_alone(summary):
            record("tf_cnn", alone)
    return 0


if __name__ == "__main__":
    sys.exit(main())
