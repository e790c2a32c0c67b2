"""Compare the three baselines and the two networks on the same test images.

    python3 baselines/compare.py
    python3 baselines/compare.py --train_size 6000

Runs the baselines; the networks' results, shown beside those on all of MNIST, are the
recorded ones in assets/results/. Prints a table sorted by error, and writes it as
compare.txt, compare.json and compare.png.
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from baselines import experiment, knn, random_forest, svm
from digits import cli, figures, files, flags, recorded

BASELINES = {"knn": knn, "svm": svm, "random_forest": random_forest}
NETWORKS = ("tf_cnn", "CNN_MNIST")


def run_baselines(args, argv):
    """Return {name: [summary]} of the baselines, run now, each with its own folder."""
    runs = {}
    for name, module in BASELINES.items():
        own = vars(args) | {"output_dir": str(Path(args.output_dir, name))}
        runs[name] = [module.run(argparse.Namespace(**own), argv)]
    return runs


def parse_args(argv=None):
    """Return the parsed command line."""
    parser = cli.parser(__doc__)
    flags.add_data_flags(parser, output_dir="output/compare")
    experiment.add_baseline_flags(parser)
    return parser.parse_args(argv)


@cli.report_errors
def main(argv=None):
    """Run the baselines, print and write the table; return the exit status."""
    args = parse_args(argv)
    files.make_folder(args.output_dir)
    # On less data or other data, the networks' results would compare with nothing.
    is_whole = args.dataset == "mnist" and args.train_size is None
    networks = NETWORKS if is_whole else ()
    runs = {name: recorded.read_runs(name) for name in networks}
    rows = recorded.table_rows(runs | run_baselines(args, argv))
    text = recorded.table_text(rows)
    print(text)
    folder = Path(args.output_dir)
    files.write_text(folder / "compare.txt", text + "\n")
    files.write_text(folder / "compare.json", json.dumps(rows, indent=1) + "\n")
    figures.error_bars(folder / "compare.png", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
