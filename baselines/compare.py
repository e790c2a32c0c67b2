"""Compare the baselines and the two networks on the same test images.

    python3 baselines/compare.py
    python3 baselines/compare.py --quick

Runs the three baselines. On all of MNIST the networks are compared too, by their
results in assets/results/. Prints a table sorted by error, with the costs of each
method, the digits that it confuses and the machine that it ran on, and writes it as
compare.txt, compare.json and compare.png. all_fail.png shows the images that every
method misreads.
"""

import argparse
import functools
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the repository

from baselines import knn, random_forest, runner, svm
from digits import mnist
from digits.experiment import figures, flags, recorded
from digits.terminal import cli, files

METHODS = (knn.METHOD, svm.METHOD, random_forest.METHOD)
NETWORKS = ("tf_cnn", "CNN_MNIST")
Runs = dict[str, list[dict[str, Any]]]  # {name of a method: summaries of its runs}


def run_baselines(args: argparse.Namespace, argv: list[str] | None) -> Runs:
    """Run each baseline once, with a folder of its own for its results."""
    runs = {}
    argv = sys.argv[1:] if argv is None else argv
    for method in METHODS:
        folder = str(Path(args.output_dir, method.name))
        own = {
            **vars(args),
            "output_dir": folder,
            "raw": False,
            "save_model": None,
            "load_model": None,
        }
        # The command that is recorded would do the same: the last --output_dir counts.
        command = [*argv, "--output_dir", folder]
        runs[method.name] = [runner.run(method, argparse.Namespace(**own), command)]
    return runs


def draw_where_all_fail(path: Path, runs: Runs, dataset: mnist.Dataset) -> None:
    """Draw the test images that the first run of every method misread.

    A caption is the label and what each method read, in the order of `runs`.
    """
    first_runs = [run for (run, *_) in runs.values()]
    wrong = [set(run["wrong_indices"]) for run in first_runs]
    indices = sorted(functools.reduce(set.intersection, wrong))
    predictions = [
        dict(zip(run["wrong_indices"], run["read_as"], strict=True))
        for run in first_runs
    ]
    captions = [
        f"{dataset.test_labels[i]} > {' '.join(str(each[i]) for each in predictions)}"
        for i in indices
    ]
    print(f"misread by all {len(runs)}: {len(indices)} images: {indices}")
    figures.images(path, dataset.test_images[indices], captions)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = cli.parser(__doc__)
    flags.add_data_flags(parser, output_dir="output/compare")
    runner.add_baseline_flags(parser)
    return parser.parse_args(argv)


@cli.report_errors
def main(argv: list[str] | None = None) -> int:
    """Run the baselines, print and write the table; return the exit status."""
    args = parse_args(argv)
    files.make_folder(args.output_dir)
    # The networks' results are those on all of MNIST.
    is_whole = args.dataset == "mnist" and not args.quick
    runs = {name: recorded.read_runs(name) for name in NETWORKS if is_whole}
    runs |= run_baselines(args, argv)
    rows = recorded.table_rows(runs)
    text = f"{recorded.table_text(rows)}\n\n{recorded.hardware_text(runs)}"
    print(text)
    folder = Path(args.output_dir)
    files.write_text(folder / "compare.txt", text + "\n")
    files.write_json(folder / "compare.json", rows)
    figures.comparison(folder / "compare.png", rows)
    dataset = mnist.load(args.dataset, args.data_dir)
    draw_where_all_fail(folder / "all_fail.png", runs, dataset)
    return 0


if __name__ == "__main__":
    sys.exit(main())
