"""Kill training runs, and damage files of every kind, and count what happens.

    python3 benchmarks/faults.py runs
    python3 benchmarks/faults.py models
    python3 benchmarks/faults.py soak

`runs`: small training runs are killed at random moments, and resumed; each must end
with the weights and the history of a run that was not killed. `soak`: a long list of
pictures, some broken, is read by a call that is killed and goes on; each picture must
be answered once. The other parts damage the files that they are named after, and read
each in a process of its own: it must be read, or refused in a line, in time and memory.
With --record the counts are written to assets/results/faults.json.
"""

import importlib
import json
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from digits.experiment import flags, recorded
from digits.terminal import cli

# The module of each part, whose function `facts` does it, and how often by default.
PARTS = {
    "runs": ("kills", 20),
    "models": ("hostile.models", 2_000),
    "pictures": ("hostile.pictures", 2_000),
    "mnist": ("hostile.mnist_folders", 200),
    "skops": ("hostile.skops_files", 200),
    "keras": ("hostile.keras_files", 200),
    "checkpoints": ("hostile.checkpoints", 200),
    "labels": ("hostile.labels_files", 200),
    "soak": ("soak", 100_000),
}


def parse_args(argv=None):
    """Return the parsed command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("part", choices=PARTS, help="what is to be tried")
    parser.add_argument(
        "--count",
        type=cli.number(int, 1, 10**6),
        metavar="N",
        help="kills, files or pictures (default: the part's own)",
    )
    flags.add_seed_flag(parser)
    parser.add_argument(
        "--record",
        action="store_true",
        help="write the counts to assets/results/faults.json",
    )
    return parser.parse_args(argv)


@cli.report_errors
def main(argv=None):
    """Do one part and print its counts; return the exit status."""
    args = parse_args(argv)
    import resource  # Windows has none

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    name, count = PARTS[args.part]
    part = importlib.import_module(f"benchmarks.{name}")
    facts = part.facts(args.count or count, np.random.default_rng(args.seed))
    print(json.dumps(facts))
    if args.record:
        known = {}
        if recorded.path_of("faults").exists():
            known = recorded.read("faults", "python3 benchmarks/faults.py")
        recorded.write("faults", known | {args.part: facts})
    return 0


if __name__ == "__main__":
    sys.exit(main())
