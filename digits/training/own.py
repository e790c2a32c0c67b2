"""Let the networks of a model file learn pictures of one's own: tf_cnn.py --own.

Some pictures are held out, and read before and after.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from digits import UserError
from digits.experiment import results
from digits.labels import Labelled
from digits.reading.pipeline import THRESHOLD, Networks, load_networks, read_pictures
from digits.terminal import files
from digits.training import device, network_file, own_pictures, reader_file
from digits.training.fine_tuner import FineTuner, OwnCourse
from digits.training.network_flags import MORE_ERRORS

MANY = 20  # pictures of which a part is held out; of fewer, each half in turn
ONE_IN = 4  # one picture in so many is held out
OF_MANY = OwnCourse(image_steps=60, steps=200, rate=6e-4)
OF_FEW = OwnCourse(image_steps=60, steps=40, rate=2e-4)

Facts = dict[str, dict[str, float]]


def train(
    args: argparse.Namespace,
    summary: dict[str, Any],
    folder: Path,
    network: Any,
    augment: Any,
) -> None:
    """Learn the pictures of --own, print what that changed, save the networks.

    folder: for results, which go to its folder own, so that those of training stay;
    network, augment: tf_cnn.py's. Raises UserError where there are too few pictures,
    and where MNIST's images are read worse than before and --force is not given.
    """
    start = time.monotonic()
    summary["device"] = device.choose()
    folder = folder / "own"
    files.make_folder(folder)
    path = reader_file.start_of(args)
    tuner = FineTuner(path, args, network, augment)
    files.check_space(args.save_weights, 2 * path.stat().st_size)
    examples = own_pictures.matched(args.own, own_pictures.reader_of(path))
    course = course_of(len(examples))
    former = load_networks(path)
    own: dict[str, float] = {"pictures": 0, "before": 0, "after": 0}

    def learn(course, learned, held_out):
        """Return networks that have learned, and count how others are read."""
        trained = tuner.learn([examples[one] for one in learned], course)
        graphs = tuner.graphs_of(trained)
        if held_out:
            own["pictures"] += len(held_out)
            own["before"] += count_right(held_out, former)
            own["after"] += count_right(held_out, graphs.networks())
        return trained, graphs

    (learned, held_out), *halves = splits(list(examples), args.seed)
    trained, graphs = learn(course, learned, held_out)
    for half in halves:
        learn(course.of_half(trained.share), *half)
    before, now = tuner.before, tuner.others_read(trained)
    others = {name: {"before": before[name], "after": now[name]} for name in now}
    facts: Facts = {"own": own, **others}
    print_facts(facts)
    summary = summary | facts | {"learned": len(learned)}
    summary |= results.circumstances(tuner.dataset, start)
    files.write_json(folder / "results.json", summary)
    if much_is_lost(facts) and not args.force:
        raise UserError(
            f"{args.save_weights}: not saved: MNIST's images are read worse; add "
            "--force 1 to save"
        )
    _save(args.save_weights, tuner, trained, graphs, summary)


def _save(path, tuner, trained, graphs, summary):
    """Write Trained networks and their Graphs to a model file, and say so."""
    # Without the time, the same seed gives the same file.
    own = {name: fact for name, fact in summary.items() if name != "seconds"}
    network_file.write(
        path,
        summary,
        **graphs._asdict(),
        quick=b"",  # the quick graph has not learned the pictures
        variables=network_file.arrays_of(trained.ensemble),
        attributes=tuner.stored["attributes"] | {"own": own},
    )


def course_of(count: int) -> OwnCourse:
    """Return how networks learn a count of pictures."""
    return OF_MANY if count >= MANY else OF_FEW


def splits(
    pictures: Sequence[Labelled], seed: int
) -> list[tuple[list[Labelled], list[Labelled]]]:
    """Return [(what is learned, what is held out)] of pictures.

    Of MANY pictures, one in ONE_IN is held out. Of fewer, all are learned first, then
    each half is held out in turn. The networks that learn the first part are saved.
    """
    order = [
        pictures[i] for i in np.random.default_rng(seed).permutation(len(pictures))
    ]
    if len(pictures) >= MANY:
        count = len(pictures) // ONE_IN
        return [(order[count:], order[:count])]
    first, second = order[::2], order[1::2]
    return [(order, []), (first, second), (second, first)]


def count_right(pictures: Sequence[Labelled], networks: Networks) -> int:
    """Return how many pictures are read as they are labelled, spaces aside."""
    paths = [picture.path for picture in pictures]
    right = 0
    # As labels do, other pages of a file do not count.
    readings = read_pictures(paths, networks, THRESHOLD, most_pages=1)
    for picture, reading in zip(pictures, readings, strict=True):
        expected = picture.reading.replace(" ", "")
        right += "/".join(reading.rows).replace(" ", "") == expected
    return right


def print_facts(facts: Facts) -> None:
    """Print what learning changed, a line for each kind of picture."""
    own, errors, pages = (
        facts[name] for name in ("own", "mnist_errors", "pages_right")
    )
    print(
        f"own pictures, held out: {own['before']} of {own['pictures']} right before, "
        f"{own['after']} after\n"
        f"MNIST's validation images: {errors['before']} errors before, "
        f"{errors['after']} after\n"
        f"digits of synthetic pages: {pages['before']:.1%} right before, "
        f"{pages['after']:.1%} after",
        flush=True,
    )


def much_is_lost(facts: Facts) -> bool:
    """Return whether MNIST's images are read too much worse.

    Pages are not: a reader goes back until little is lost there.
    """
    errors = facts["mnist_errors"]
    return errors["after"] > errors["before"] + MORE_ERRORS
