"""What the three baselines share: data in, one fit, one prediction, results out."""

import sys
import time

import numpy as np

from digits import cli, files, flags, mnist, results


def parse_args(docstring, name, argv=None):
    """Return the parsed command line of the baseline `name`."""
    parser = cli.parser(docstring)
    flags.add_data_flags(parser, output_dir=f"output/{name}")
    add_baseline_flags(parser)
    return parser.parse_args(argv)


def add_baseline_flags(parser):
    """Add --train_size and --seed."""
    parser.add_argument(
        "--train_size",
        type=cli.number(int, 10, 10**6),
        metavar="N",
        help="learn from so many training images only (else from all)",
    )
    flags.add_seed_flag(parser)


def training_set(dataset, train_size, seed):
    """Return (pixels, labels) to learn from: (N, 784) float32, 0 to 1, and (N,) uint8.

    The validation images are among them: the methods' parameters are chosen already.
    """
    images = np.concatenate([dataset.train_images, dataset.validation_images])
    labels = np.concatenate([dataset.train_labels, dataset.validation_labels])
    chosen = np.random.default_rng(seed).permutation(len(images))[:train_size]
    return flat_pixels(images[chosen]), labels[chosen]


def flat_pixels(images):
    """Return images (N, 28, 28) uint8 as (N, 784) float32, 0 to 1."""
    return np.float32(images.reshape(len(images), -1)) / 255


def run(name, classifier, args, argv):
    """Fit and test a scikit-learn classifier, print and write; return the summary."""
    start = time.monotonic()
    files.make_folder(args.output_dir)
    dataset = mnist.load(args.dataset, args.data_dir)
    pixels, labels = training_set(dataset, args.train_size, args.seed)
    print(f"{name}: fitting {len(labels)} images …", file=sys.stderr, flush=True)
    before = time.monotonic()
    classifier.fit(pixels, labels)
    summary = results.new_summary(f"baselines/{name}.py", argv, args)
    summary |= {
        "train_images": len(labels),
        "fit_seconds": round(time.monotonic() - before, 2),
    }

    def predict(images):
        before = time.monotonic()
        predictions = classifier.predict(flat_pixels(images))
        summary["predict_seconds"] = round(time.monotonic() - before, 2)
        return predictions

    predictions = results.score(dataset, predict, summary, start)
    results.write(args.output_dir, dataset, summary, predictions)
    print(results.confusion_text(np.array(summary["confusion_matrix"])))
    print(f"fit {summary['fit_seconds']} s, prediction {summary['predict_seconds']} s")
    return summary
