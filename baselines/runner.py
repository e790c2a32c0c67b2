"""What the three baselines share: command line, fit, test, results and pictures."""

import argparse
import sys
import time
from typing import Any

import numpy as np

from baselines import persistence
from baselines.method import Method, scores
from baselines.search import search
from digits import UserError, mnist
from digits.experiment import flags, results
from digits.model.calibration import log_softmax
from digits.reading import pipeline
from digits.terminal import cli, files, npz

QUICK_SHARE = 10  # --quick learns from one in so many training images


def parse_args(
    docstring: str | None, name: str, argv: list[str] | None = None
) -> argparse.Namespace:
    """Return the parsed command line of the baseline `name`."""
    parser = cli.parser(docstring)
    flags.add_data_flags(parser, output_dir=f"output/{name}")
    add_baseline_flags(parser)
    add = parser.add_argument
    add("--raw", action="store_true", help="textbook method on pixels")
    add("--save_model", metavar="FILE", help="save the fitted classifier")
    add("--load_model", metavar="FILE", help="load a saved classifier, without fitting")
    add(
        "--predict",
        metavar="IMAGE",
        nargs="+",
        help="read pictures, or folders of them, with the classifier of --load_model",
    )
    add(
        "--search",
        action="store_true",
        help="only try the grid of parameters on the validation images",
    )
    cli.add_dask_flag(parser, "run --search")
    args = parser.parse_args(argv)
    check_flags(parser, args)
    return args


def add_baseline_flags(parser: argparse.ArgumentParser) -> None:
    """Add --quick and --seed."""
    parser.add_argument(
        "--quick", action="store_true", help="learn from a tenth of the images"
    )
    flags.add_seed_flag(parser)


def check_flags(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Exit with a usage error if flags do not fit each other."""
    if args.predict and not args.load_model:
        parser.error("--predict needs --load_model FILE")
    if args.raw and args.search:
        parser.error("--search has no grid for --raw")
    if args.dask and not args.search:
        parser.error("--dask needs --search")
    if args.search and args.save_model:
        parser.error("--search saves no classifier: drop --save_model")
    if args.load_model and (args.save_model or args.search):
        parser.error("--load_model fits nothing: drop --save_model and --search")


def main(method: Method, args: argparse.Namespace, argv: list[str] | None) -> int:
    """Do what a parsed command line asks for; return the exit status.

    argv: the command line itself, for the results; None stands for sys.argv[1:].
    """
    if args.predict:
        return read_pictures(method, args)
    if args.search:
        search(method, args, mnist.load(args.dataset, args.data_dir))
    else:
        run(method, args, argv)
    return 0


def training_set(
    dataset: mnist.Dataset, quick: bool, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the images and labels to learn from, in random order.

    The validation images are among them: the parameters have been chosen already.
    """
    images = np.concatenate([dataset.train_images, dataset.validation_images])
    labels = np.concatenate([dataset.train_labels, dataset.validation_labels])
    count = len(images) // QUICK_SHARE if quick else len(images)
    chosen = np.random.default_rng(seed).permutation(len(images))[:count]
    return images[chosen], labels[chosen]


def fit(
    method: Method, dataset: mnist.Dataset, args: argparse.Namespace
) -> tuple[Any, dict[str, Any]]:
    """Return the fitted classifier and the costs, as a part of the run's summary."""
    images, labels = training_set(dataset, args.quick, args.seed)
    print(f"{method.name}: fitting {len(images)} images", file=sys.stderr, flush=True)
    start = time.monotonic()
    inputs = method.inputs_of(images, args.raw)
    extracted = time.monotonic()
    classifier = method.build(args.raw, args.seed).fit(inputs, labels)
    return classifier, {
        "train_images": len(images),
        "features_seconds": round(extracted - start, 2),
        "fit_seconds": round(time.monotonic() - start, 2),
    }


def load(method: Method, path: str) -> tuple[Any, bool]:
    """Return (classifier, raw) of a file that the method's script saved.

    Raises UserError when it is missing, damaged, or another script's.
    """
    classifier, summary = persistence.load(path, method.script)
    try:
        raw = bool(summary["arguments"]["raw"])
        blank = np.zeros((1, 28, 28), np.uint8)
        found = scores(classifier, method.inputs_of(blank, raw))
        if found.shape != (1, 10):
            raise ValueError(f"{found.shape[1:]} classes")
    except npz.DAMAGE as error:
        raise UserError(
            f"{path}: damaged, or of an earlier {method.script}; save it again"
        ) from error
    return classifier, raw


def run(
    method: Method, args: argparse.Namespace, argv: list[str] | None
) -> dict[str, Any]:
    """Fit or load a classifier, test it, print and write; return the summary."""
    start = time.monotonic()
    folder = flags.check_destinations(args, args.save_model)
    summary = results.new_summary(method.script, argv, args)
    if args.load_model:
        classifier, args.raw = load(method, args.load_model)
        dataset = mnist.load(args.dataset, args.data_dir)
    else:
        dataset = mnist.load(args.dataset, args.data_dir)
        classifier, costs = fit(method, dataset, args)
        summary |= costs

    def predict(images):
        before = time.monotonic()
        inputs = method.inputs_of(images, args.raw)
        predictions = scores(classifier, inputs).argmax(axis=1)
        # The first call has the test images; a second one has QMNIST's.
        summary.setdefault("predict_seconds", round(time.monotonic() - before, 2))
        return predictions

    predictions = results.score(dataset, predict, summary, start)
    content = persistence.to_bytes(classifier, summary)
    summary["megabytes"] = round(len(content) / 1e6, 1)
    results.write(folder, dataset, summary, predictions)
    print(results.confusion_text(np.array(summary["confusion_matrix"])))
    if not args.load_model:
        print(f"fit {summary['fit_seconds']} s")
    print(f"prediction {summary['predict_seconds']} s, {summary['megabytes']} MB")
    if args.save_model:
        files.write_bytes(args.save_model, content)
        arguments = "--load_model", args.save_model, "--predict", "IMAGE"
        print(flags.saved_text(args.save_model, method.script, *arguments))
    return summary


class Reader:
    """Stands in for digits.model.classifier.Classifier when pictures are read."""

    def __init__(self, method: Method, classifier: Any, raw: bool):
        self.method, self.classifier, self.raw = method, classifier, raw

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return (N, 11) float32 of images (N, 28, 28), 0 to 255.

        The last column, the probability of no digit, is 0.
        """
        if not len(images):
            return np.zeros((0, 11), np.float32)
        inputs = self.method.inputs_of(images.astype(np.uint8), self.raw)
        logits = scores(self.classifier, inputs) / self.method.temperature
        return np.pad(np.exp(log_softmax(logits)), ((0, 0), (0, 1)))


def read_pictures(method: Method, args: argparse.Namespace) -> int:
    """Print the digits in the pictures of --predict; return the exit status."""
    networks = pipeline.Networks(Reader(method, *load(method, args.load_model)))
    paths = pipeline.list_pictures(args.predict)
    status = 0
    for reading in pipeline.read_pictures(paths, networks, pipeline.THRESHOLD):
        if reading.error:
            print(f"{reading.file}: {reading.error}", file=sys.stderr)
            status = 1
        else:
            print(reading.as_line(), flush=True)
    return status
