"""Train a convolutional network on MNIST in Keras.

    python3 CNN_MNIST.py                                # trains and tests
    python3 CNN_MNIST.py --target_accuracy 99           # stops at that accuracy
    python3 CNN_MNIST.py --save_model 1 --save_weights cnn_weights.hdf5
    python3 CNN_MNIST.py --load_model 1 --save_weights cnn_weights.hdf5

--load_model 1 tests a saved model without training; it reads whole models and weights
that Keras 2 and 3 wrote. With --save_model 1 as well, what load_model.py needs is added
to an HDF5 file, or written beside a .keras archive.

The network gets the upright digit (slant removed, size normalised) and, beside its
pixels, twelve maps of oriented gradients.

Measured on two cores: 99.67 ± 0.03 % of MNIST's test images read right (5 seeds, 2
minutes each).
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

from digits import UserError, mnist
from digits.experiment import flags, results, resume, resume_flags
from digits.model import model_file
from digits.model.classifier import DIGITS
from digits.terminal import cli, files
from digits.terminal.lazy import LazyModule

# Imported at first use, so that --help and usage errors answer at once.
keras = LazyModule("keras")
device = LazyModule("digits.training.device")
keras_classifier = LazyModule("digits.training.keras_classifier")
keras_fit = LazyModule("digits.training.keras_fit")
keras_file = LazyModule("digits.training.keras_file")
keras_layers = LazyModule("digits.training.layers")
optimizers = LazyModule("digits.training.optimizer")
own_pictures = LazyModule("digits.training.own_pictures")

os.environ["KERAS_BACKEND"] = "tensorflow"  # the ONNX graph is made through it
SCRIPT = "CNN_MNIST.py"
LABEL_SMOOTHING = 0.05
WEIGHT_DECAY = 0.05
NEWTON_SCHULZ_STEPS = 3  # of Muon; Keras's default of five is slower
DROPOUT = 0.4
PEAK_LEARNING_RATE = 0.004
WARM_UP = 0.2  # share of the steps
AVERAGE_DECAY = 0.99  # of the averaged weights, per step
# For --target_accuracy.
QUICK_FILTERS = [24, 48, 48, 96]
QUICK_BATCH_SIZE = 64
QUICK_DROPOUT = 0.2
QUICK_LEARNING_RATE = 0.01
QUICK_WARM_UP = 0.05
QUICK_AVERAGE_DECAY = 0.9
CYCLES_PER_PASS = 2  # over the training images


def build_network(filters, dense_layers, activation, dropout=DROPOUT):
    """Return a keras.Model: pixels (N, 28, 28, 1), 0 to 255, to probabilities (N, 10).

    filters: the channels of each convolution; where they grow from one to the next,
    the stride is 2.
    """
    layers = keras.layers
    inputs = keras.Input((28, 28, 1), name="pixels")
    upright = keras_layers.Upright(name="upright")(inputs)
    # Each 2x2 block of pixels becomes four channels, on the gradients' 14x14 grid.
    x = layers.Reshape((14, 2, 14, 2))(layers.Rescaling(1 / 255)(upright))
    x = layers.Reshape((14, 14, 4))(layers.Permute((1, 3, 2, 4))(x))
    gradients = keras_layers.Gradients()(upright)  # (N, 14, 14, 12)
    x = layers.Concatenate()([x, gradients])  # (N, 14, 14, 16)
    for layer, width in enumerate(filters, 1):
        stride = 2 if layer > 1 and width > x.shape[-1] else 1
        x = layers.Conv2D(
            width, 3, stride, "same", use_bias=False, kernel_initializer="he_normal"
        )(x)
        x = layers.BatchNormalization(momentum=0.95)(x)
        x = layers.Activation(activation)(x)
    # By default (N, 14, 14, 32), then 3 times (N, 7, 7, 64), 2 times (N, 4, 4, 128).
    x = layers.Flatten()(x)  # (N, 2048)
    for units in dense_layers:
        x = layers.Dropout(dropout)(x)
        x = layers.Dense(units, activation)(x)
    x = layers.Dropout(dropout)(x)
    outputs = layers.Dense(len(DIGITS), "softmax")(x)  # (N, 10)
    return keras.Model(inputs, outputs, name="CNN_MNIST")


def new_network(args, dropout):
    """Return the keras.Model that the flags describe, after printing its summary.

    Raises UsageError if its file would be too large to be loaded.
    """
    shape = args.filters, args.dense_layers, args.activation
    model = build_network(*shape, dropout)
    if args.save_model:
        model_file.check_readable(model.count_params(), vars(args))
    model.summary()
    return model


def learner_of(model, augmentation=None):
    """Return a copy of a keras.Model that is quicker to train, with the same weights.

    augmentation: a layer to replace `upright`. The copy then expects upright images,
    and distorts them at random in training.
    """

    def clone(layer):
        if augmentation and layer.name == "upright":
            return augmentation
        if isinstance(layer, keras.layers.BatchNormalization):
            return keras_layers.FusedBatchNormalization.from_config(layer.get_config())
        return type(layer).from_config(layer.get_config())

    learner = keras.models.clone_model(model, clone_function=clone)
    learner.set_weights(model.get_weights())
    return learner


def muon(schedule, average_decay=AVERAGE_DECAY):
    """Return Muon for convolutions and AdamW for the rest, with averaged weights."""
    return optimizers.muon(schedule, WEIGHT_DECAY, average_decay, NEWTON_SCHULZ_STEPS)


def compile_learner(learner, optimizer):
    """Compile a keras.Model, to be trained with smoothed labels."""
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=LABEL_SMOOTHING)
    # XLA takes long to compile, and is no faster on a processor.
    learner.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False)


def train(args, dataset, run):
    """Return a keras.Model trained with augmentation, and its results.History.

    run: a resume.Run.
    """
    keras.utils.set_random_seed(args.seed)
    model = new_network(args, DROPOUT)
    learner = learner_of(model, keras_layers.RandomAffine())
    upright = keras.Model(model.inputs, model.get_layer("upright").output)
    images = upright.predict(dataset.train_images[..., None], verbose=0)
    validation_images = upright.predict(dataset.validation_images[..., None], verbose=0)
    steps = args.epochs * keras_fit.steps_of(len(images), args)
    schedule = optimizers.OneCycle(PEAK_LEARNING_RATE, steps, WARM_UP)
    compile_learner(learner, muon(schedule))
    training = images, dataset.train_labels
    validation = validation_images, dataset.validation_labels
    history = keras_fit.fit(learner, training, validation, args, run)
    model.set_weights(learner.get_weights())
    return model, history


def train_to_target(args, dataset, run):
    """Train only until --target_accuracy; return a keras.Model and its results.History.

    It learns without augmentation, in cycles of half a pass over the training images.
    After each cycle it is validated, and the training ends at args.target_accuracy.
    """
    keras.utils.set_random_seed(args.seed)
    model = new_network(args, QUICK_DROPOUT)
    learner = learner_of(model)
    steps = keras_fit.steps_of(len(dataset.train_labels), args, CYCLES_PER_PASS)
    schedule = optimizers.OneCycle(QUICK_LEARNING_RATE, steps, QUICK_WARM_UP)
    compile_learner(learner, muon(schedule, QUICK_AVERAGE_DECAY))
    training = dataset.train_images[..., None], dataset.train_labels
    validation = dataset.validation_images[..., None], dataset.validation_labels
    history = keras_fit.fit(learner, training, validation, args, run, CYCLES_PER_PASS)
    if not keras_fit.has_reached(args.target_accuracy, history):
        text = f"{args.epochs} epochs did not reach {args.target_accuracy} %"
        print(text, file=sys.stderr)
    model.set_weights(learner.get_weights())
    return model, history


def load(path, args) -> Any:
    """Return the classifier in any HDF5 file that Keras or tf_cnn.py wrote.

    The kind of file is detected from its content, not its name. Weights alone are put
    into the network that the flags describe. Raises UserError where loading fails.
    """
    kind = keras_file.kind_of(path)
    if kind is None and args.save_model:
        raise UserError(f"{path}: not a Keras file: --save_model 1 adds to no other")
    if kind is None:
        return model_file.load(path)
    made = keras_file.model_file_beside(path)
    if args.save_model and kind == keras_file.ARCHIVE and made.exists():
        raise UserError(f"{made}: is there already; move it away")
    shape = args.filters, args.dense_layers, args.activation
    model = keras_file.load(path, kind, lambda: build_network(*shape))
    if args.save_model:
        model_file.check_readable(model.count_params(), vars(args))
    model.summary()
    return keras_classifier.KerasClassifier(model, path)


def save(classifier, args, summary):
    """Write a model file and print how to use it; `summary` has the test scores.

    A name that ends in .keras gets a Keras archive. When one was loaded, the model file
    stands beside it.
    """
    path, model = Path(args.save_weights), classifier.model
    spare = results.spare_folders(summary)
    if args.load_model and keras_file.kind_of(path) == keras_file.ARCHIVE:
        path = keras_file.model_file_beside(path)
        files.check_writable(path)
        content = keras_file.saved(model, ".hdf5")
    elif args.load_model:
        content = keras_file.content_with(path, model)
    elif keras_file.is_archive_name(path):
        files.write_or_rescue(path, keras_file.saved(model, ".keras"), spare)
        print(f"saved {path}; with -l 1 -s 1 it gets a file that load_model.py reads")
        return
    else:
        content = keras_file.saved(model, ".hdf5")
    attributes = results.attributes(summary)
    graph = classifier.to_onnx()
    model_file.save(path, graph, attributes, keras_hdf5=content, spare=spare)
    print(flags.saved_text(path, "load_model.py", "IMAGE", "--weights", path))


def parse_args(argv=None):
    """Return the parsed command line."""
    parser = cli.parser(__doc__)
    flags.add_data_flags(parser, output_dir="output/CNN_MNIST")
    flags.add_network_flags(parser, epochs=6, batch_size=256)
    parser.add_argument(
        "--target_accuracy",
        type=cli.number(float, 1, 100),
        metavar="PERCENT",
        help="stop at this validation accuracy, or after --epochs; trains a smaller "
        "network without augmentation (--filters 24 48 48 96 --batch_size 64)",
    )
    flags.add_own_flag(parser, "pictures of your own to learn beside MNIST's")
    flags.add_model_flags(parser)
    resume_flags.add(parser)
    # The flag changes the defaults of others, so it is looked for first.
    if parser.parse_known_args(argv)[0].target_accuracy:
        parser.set_defaults(filters=QUICK_FILTERS, batch_size=QUICK_BATCH_SIZE)
    return resume_flags.parse(SCRIPT, parser, argv, check_flags)


def check_flags(parser, args):
    """End with a usage error if flags disagree."""
    flags.check_model_flags(parser, args)
    if args.own is not None and args.load_model:
        parser.error("--own trains: drop --load_model")


def learn(args, summary, folder, run):
    """Train a network, test it, save it, and write results to a folder."""
    summary["device"] = device.choose()
    dataset = mnist.load(args.dataset, args.data_dir)
    if args.own is not None:
        dataset = own_pictures.added(dataset, args.own, run)
    trained = train if args.target_accuracy is None else train_to_target
    model, history = trained(args, dataset, run)
    summary["validation"] = history.rows[-1]
    history.write(folder)
    classifier = keras_classifier.KerasClassifier(model)
    finish(classifier, dataset, args, summary, folder, run.start)


def finish(classifier, dataset, args, summary, folder, start):
    """Test a classifier, save it, and write results to a folder.

    start: time.monotonic() when the script started.
    """

    def predict(images):
        # Without "no digit", which tf_cnn.py's networks may have.
        return classifier.probabilities(images)[:, : len(DIGITS)].argmax(axis=1)

    predictions = results.score(dataset, predict, summary, start)
    if args.save_model:
        classifier.calibrate(dataset.validation_images, dataset.validation_labels)
        summary["temperature"] = classifier.temperature
    results.write(folder, dataset, summary, predictions)
    if args.save_model:
        save(classifier, args, summary)


@cli.report_errors
def main(argv=None):
    """Train a network or load one, test it and save it; return the exit status."""
    start = time.monotonic()
    args = parse_args(argv)
    file = args.save_weights if args.save_model else None
    folder = flags.check_destinations(args, file)
    summary = results.new_summary(SCRIPT, argv, args)
    if args.load_model:
        classifier = load(args.save_weights, args)
        dataset = mnist.load(args.dataset, args.data_dir)
        keras_classifier.fit_scale(classifier, args.save_weights, dataset)
        finish(classifier, dataset, args, summary, folder, start)
    else:
        with resume.Run(folder, args, summary) as run:
            learn(args, summary, folder, run)
    return 0


if __name__ == "__main__":
    sys.exit(main())
