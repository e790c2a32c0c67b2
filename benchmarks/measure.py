"""Run a script over seeds and record its results in assets/results/.

    python3 benchmarks/measure.py tf_cnn --seeds 0 1 2
    python3 benchmarks/measure.py knn

Each run is the script's default command with --seed; a recorded run of the same seed is
replaced. benchmarks/readme.py then puts the figures into the README.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from digits import UserError, cli, files, recorded


def run(name, seed):
    """Run the script once and return its summary, as results.json holds it."""
    with tempfile.TemporaryDirectory() as folder:
        flags = ["--seed", str(seed)]
        script, *own = recorded.SCRIPTS[name].split()
        command = [sys.executable, str(ROOT / script), *own, *flags]
        command += ["--output_dir", folder]
        if subprocess.run(command, cwd=folder, check=False).returncode:
            raise UserError(f"{recorded.SCRIPTS[name]} failed; nothing was recorded")
        summary = json.loads(Path(folder, "results.json").read_text())
    summary["command"] = f"python3 {recorded.SCRIPTS[name]} {' '.join(flags)}"
    # Where the results went to is no part of the result.
    del summary["arguments"]["output_dir"]
    return summary


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
        record(args.script, run(args.script, seed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
