"""Compare the three baselines and the two networks on the same test images.

    python3 baselines/compare.py
    python3 baselines/compare.py --quick

Runs the baselines; the networks' results, shown beside those on all of MNIST, are the
recorded ones in assets/results/. Prints a table sorted by error, with what each method
costs, which digits it confuses and on what machine that was, and writes it as
compare.txt, compare.json and compare.png; all_fail.png shows the digits that every
method misreads.
"""

import argparse
import functools
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from baselines import experiment, knn, random_forest, svm
from digits import cli, figures, files, flags, mnist, recorded

METHODS = (knn.METHOD, svm.METHOD, random_forest.METHOD)
NETWORKS = ("tf_cnn", "CNN_MNIST")


def run_baselines(args, argv):
    """Return {name: [summary]} of the baselines, run now, each with its own folder."""
    runs = {}
    for method in METHODS:
        own = {
            **vars(args),
            "output_dir": str(Path(args.output_dir, method.name)),
            "raw": False,
            "save_model": None,
            "load_model": None,
        }
        runs[method.name] = [experiment.run(method, argparse.Namespace(**own), argv)]
    return runs


def draw_where_all_fail(path, runs, dataset):
    """Draw the test images that each of {name: [summary]} misread; print how many.

    Above each stands its label, and what the methods that ran now read.
    """
    readings = [
        dict(zip(run["wrong_indices"], run["read_as"], strict=True))
        for (run, *_) in runs.values()
        if "read_as" in run
    ]
    wrong = [set(run["wrong_indices"]) for (run, *_) in runs.values()]
    indices = sorted(functools.reduce(set.intersection, wrong))
    captions = [
        f"{dataset.test_labels[index]} > {' '.join(str(r[index]) for r in readings)}"
        for index in indices
    ]
    print(f"misread by all {len(runs)}: {len(indices)} images: {indices}")
    figures.images(path, dataset.test_images[indices], captions)


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
    is_whole = args.dataset == "mnist" and not args.quick
    runs = {name: recorded.read_runs(name) for name in NETWORKS if is_whole}
    runs |= run_baselines(args, argv)
    rows = recorded.table_rows(runs)
    text = f"{recorded.table_text(rows)}\n\n{recorded.hardware_text(runs)}"
    print(text)
    folder = Path(args.output_dir)
    files.write_text(folder / "compare.txt", text + "\n")
    files.write_text(folder / "compare.json", json.dumps(rows, indent=1) + "\n")
    figures.comparison(folder / "compare.png", rows)
    dataset = mnist.load(args.dataset, args.data_dir)
    draw_where_all_fail(folder / "all_fail.png", runs, dataset)
    return 0


if __name__ == "__main__":
    sys.exit(main())
