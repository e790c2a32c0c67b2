"""Learn one source of real pictures at a time, as tf_cnn.py --own does.

    python3 benchmarks/own_hand.py FOLDER

FOLDER is as benchmarks/real_pictures.py takes it. For every source of a sub-folder with
at least 30 pictures, the shipped networks learn a third of them. Before and after, they
read the rest, MNIST's validation images and synthetic pages. Prints a line for each
source; with --record the counts are written to assets/results/own_hand.json. Nothing
that was learned is kept.
"""

import argparse
import contextlib
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import tf_cnn
from benchmarks.real_pictures import read_labels
from digits import UserError
from digits.experiment import flags, recorded
from digits.labels import Labelled
from digits.model import model_file
from digits.reading.pipeline import load_networks
from digits.terminal import cli
from digits.terminal.lazy import LazyModule

fine_tuner = LazyModule("digits.training.fine_tuner")
own = LazyModule("digits.training.own")
own_pictures = LazyModule("digits.training.own_pictures")

FEWEST = 30  # pictures of a source
LEARNED = 3  # one picture in so many


def groups_of(pictures):
    """Return {sub-folder and source: its pictures as Labelled}, of FEWEST and more."""
    groups = defaultdict(list)
    for picture in pictures:
        labelled = Labelled(Path(picture.path), picture.label)
        groups[f"{picture.folder}, {picture.source}"].append(labelled)
    return {name: group for name, group in groups.items() if len(group) >= FEWEST}


def compare(tuner, group, seed):
    """Return how many of a group are learned, and how the rest is read."""
    order = np.random.default_rng(seed).permutation(len(group))
    count = len(group) // LEARNED
    learned, rest = (
        [group[i] for i in part] for part in (order[:count], order[count:])
    )
    networks = load_networks(model_file.SHIPPED)
    reader = own_pictures.reader_of(model_file.SHIPPED)
    examples = []
    for one in learned:
        with contextlib.suppress(UserError):  # what does not match is left out
            examples.append(own_pictures.match(one, reader))
    trained = tuner.learn(examples, own.course_of(len(examples)))
    after = tuner.graphs_of(trained).networks()
    return {
        "learned": len(examples),
        "left_out": count - len(examples),
        "read": len(rest),
        "right_before": own.count_right(rest, networks),
        "right_after": own.count_right(rest, after),
    } | tuner.others_read(trained)


def parse_args(argv=None):
    """Return the parsed command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("folder", metavar="FOLDER", help="labelled real pictures")
    flags.add_seed_flag(parser)
    parser.add_argument(
        "--record",
        action="store_true",
        help="write the counts to assets/results/own_hand.json",
    )
    return parser.parse_args(argv)


@cli.report_errors
def main(argv=None):
    """Learn and read each source; return the exit status."""
    args = parse_args(argv)
    groups = groups_of(read_labels(args.folder))
    settings = argparse.Namespace(seed=args.seed, data_dir=None)
    tuner = fine_tuner.FineTuner(
        model_file.SHIPPED, settings, tf_cnn.ConvolutionalNetwork, tf_cnn.augment
    )
    facts = {}
    for name, group in groups.items():
        facts[name] = compare(tuner, group, args.seed)
        before, after = facts[name]["right_before"], facts[name]["right_after"]
        print(f"{name}: {before} of {facts[name]['read']} right, {after} after")
    if args.record:
        recorded.write("own_hand", {"sources": facts, "before": tuner.before})
    return 0


if __name__ == "__main__":
    sys.exit(main())
