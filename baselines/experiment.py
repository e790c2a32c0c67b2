"""What the three baselines share: data in, one fit, one prediction, results out."""

import sys
import time

import numpy as np

from baselines import stored
from baselines.method import scores
from baselines.search import search
from digits import UserError, cli, files, flags, mnist, reading, results
from digits.calibration import log_softmax
from digits.lazy import LazyModule
from digits.progress import Foretold

base = LazyModule("sklearn.base")

FORETOLD_FROM = 20_000  # images: fewer are learned before a progress bar would help
PART = 20  # one image in so many foretells how long a fit takes


def parse_args(docstring, name, argv=None):
    """Return the parsed command line of the baseline `name`."""
    parser = cli.parser(docstring)
    flags.add_data_flags(parser, output_dir=f"output/{name}")
    add_baseline_flags(parser)
    add = parser.add_argument
    add("--raw", action="store_true", help="learn from pixels, as textbooks do")
    add("--save_model", metavar="FILE", help="keep what was learned")
    add("--load_model", metavar="FILE", help="test what was kept, learning nothing")
    add(
        "--predict",
        metavar="IMAGE",
        nargs="+",
        help="read pictures, or folders of them, with --load_model's FILE",
    )
    add(
        "--search",
        action="store_true",
        help="try the grid of parameters on the validation images, and end",
    )
    add("--dask", metavar="ADDRESS", help="search on the Dask cluster there")
    args = parser.parse_args(argv)
    if args.predict and not args.load_model:
        parser.error("--predict needs --load_model FILE")
    if args.raw and args.search:
        parser.error("--search has no grid for --raw")
    if args.dask and not args.search:
        parser.error("--dask needs --search")
    if args.search and args.save_model:
        parser.error("--search keeps no classifier: drop --save_model")
    if args.load_model and (args.save_model or args.search):
        parser.error("--load_model learns nothing: drop --save_model and --search")
    return args


def add_baseline_flags(parser):
    """Add --quick and --seed."""
    parser.add_argument(
        "--quick", action="store_true", help="learn from a tenth of the images only"
    )
    flags.add_seed_flag(parser)


def main(method, args, argv):
    """Do what the parsed command line of a Method asks for; return the exit status."""
    if args.predict:
        return read_pictures(method, args)
    if args.search:
        search(method, args, mnist.load(args.dataset, args.data_dir))
        return 0
    run(method, args, argv)
    return 0


def training_set(dataset, quick, seed):
    """Return (images, labels) to learn from, in an order of their own.

    The validation images are among them: the methods' parameters are chosen already.
    """
    images = np.concatenate([dataset.train_images, dataset.validation_images])
    labels = np.concatenate([dataset.train_labels, dataset.validation_labels])
    count = len(images) // 10 if quick else len(images)
    chosen = np.random.default_rng(seed).permutation(len(images))[:count]
    return images[chosen], labels[chosen]


def fit(method, dataset, args):
    """Return a Method's fitted classifier, and what that took: a dict for a summary."""
    images, labels = training_set(dataset, args.quick, args.seed)
    print(f"{method.name}: {len(images)} images", file=sys.stderr, flush=True)
    start = time.monotonic()
    inputs = method.inputs_of(images, args.raw)
    seen = time.monotonic()
    classifier = method.build(args.raw, args.seed)
    seconds = 0
    if len(images) >= FORETOLD_FROM:
        before = time.monotonic()
        base.clone(classifier).fit(inputs[::PART], labels[::PART])
        seconds = (time.monotonic() - before) * PART**method.growth
    with Foretold("Fitting", seconds):
        classifier.fit(inputs, labels)
    return classifier, {
        "train_images": len(images),
        "features_seconds": round(seen - start, 2),
        "fit_seconds": round(time.monotonic() - start, 2),
    }


def load(method, path):
    """Return (classifier, raw) of a file that the Method's script saved.

    Raises UserError when it is missing, damaged, or another script's.
    """
    classifier, summary = stored.load(path, method.script)
    try:
        raw = bool(summary["arguments"]["raw"])
        blank = np.zeros((1, 28, 28), np.uint8)
        found = scores(classifier, method.inputs_of(blank, raw))
        if found.shape != (1, 10):
            raise ValueError(f"{found.shape[1:]} classes")
    except stored.DAMAGE as error:
        raise UserError(
            f"{path}: damaged, or of an earlier {method.script}; save it again"
        ) from error
    return classifier, raw


def run(method, args, argv):
    """Fit or load a classifier, test it, print and write; return the summary."""
    start = time.monotonic()
    folder = flags.check_destinations(args, args.save_model)
    summary = results.new_summary(method.script, argv, args)
    if args.load_model:
        classifier, raw = load(method, args.load_model)
        dataset = mnist.load(args.dataset, args.data_dir)
    else:
        raw = args.raw
        dataset = mnist.load(args.dataset, args.data_dir)
        classifier, costs = fit(method, dataset, args)
        summary |= costs

    def predict(images):
        before = time.monotonic()
        inputs = method.inputs_of(images, raw)
        predictions = scores(classifier, inputs).argmax(axis=1)
        # The test images come first, QMNIST's after them.
        summary.setdefault("predict_seconds", round(time.monotonic() - before, 2))
        return predictions

    predictions = results.score(dataset, predict, summary, start)
    content = stored.to_bytes(classifier, summary)
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
    """A classifier in a network's place: for digits.reading."""

    def __init__(self, method, classifier, raw):
        self.method, self.classifier, self.raw = method, classifier, raw

    def probabilities(self, images):
        """Return (N, 11) float32 of images (N, 28, 28); the last, no digit, are 0."""
        if not len(images):
            return np.zeros((0, 11), np.float32)
        inputs = self.method.inputs_of(np.uint8(images), self.raw)
        found = scores(self.classifier, inputs) / self.method.temperature
        found = np.exp(log_softmax(found))
        return np.pad(found, ((0, 0), (0, 1)))


def read_pictures(method, args):
    """Print what is read in --predict's pictures; return the exit status."""
    reader = Reader(method, *load(method, args.load_model))
    pictures, failed = reading.list_pictures(args.predict)
    errors = 0
    for result in [
        *failed,
        *reading.read_pictures(pictures, reader, reading.THRESHOLD),
    ]:
        if result.error:
            errors += 1
            print(f"{result.file}: {result.error}", file=sys.stderr)
        else:
            print(result.as_line(), flush=True)
    return 1 if errors else 0
