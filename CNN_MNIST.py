"""Train a convolutional network on MNIST in Keras.

    python3 CNN_MNIST.py                                # trains and tests
    python3 CNN_MNIST.py --save_model 1 --save_weights cnn_weights.hdf5
    python3 CNN_MNIST.py --load_model 1 --save_weights cnn_weights.hdf5

The last line loads a file and tests it, training nothing; it reads what Keras 2 and 3
wrote, whole models and weights. With --save_model 1 too, the file gets what
load_model.py needs to read pictures with it.
"""

import contextlib
import logging
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from digits import UserError, cli, files, flags, mnist, network, results
from digits.calibration import fit_temperature
from digits.lazy import LazyModule

tf = LazyModule("tensorflow")
keras = LazyModule("keras")
tf2onnx = LazyModule("tf2onnx")

SCRIPT = "CNN_MNIST.py"
CLASSES = 10
DROPOUT = 0.4
LABEL_SMOOTHING = 0.05
PEAK_LEARNING_RATE = 0.004
WARM_UP = 0.2  # share of the steps
WEIGHT_DECAY = 0.01
# Augmentation, each way and uniform; shares of a turn or of the picture's side.
ROTATION, ZOOM, SHIFT = 12 / 360, 0.12, 2.5 / 28


def build_network(filters, dense_layers, activation):
    """Return a keras.Model: pixels (N, 28, 28, 1), 0 to 255, to probabilities (N, 10).

    Three blocks of two convolutions, each halving the picture, then the dense layers.
    """
    layers = keras.layers
    x = inputs = keras.Input((28, 28, 1), name="pixels")
    for layer in augmentation():
        x = layer(x)
    x = layers.Rescaling(1 / 255)(x)
    for block, width in enumerate(filters, 1):
        for size, stride in ((5 if block == 1 else 3, 2), (3, 1)):
            x = layers.Conv2D(width, size, stride, "same", use_bias=False)(x)
            x = layers.BatchNormalization(momentum=0.95)(x)
            x = layers.Activation(activation)(x)
    # By default (N, 14, 14, 32), (N, 7, 7, 64) and (N, 4, 4, 128) after each block.
    x = layers.Flatten()(x)
    for units in dense_layers:
        x = layers.Dropout(DROPOUT)(x)
        x = layers.Dense(units, activation)(x)
    x = layers.Dropout(DROPOUT)(x)
    outputs = layers.Dense(CLASSES, "softmax")(x)
    return keras.Model(inputs, outputs, name="CNN_MNIST")


def augmentation():
    """Return Keras's augmentation layers, which act in training only."""
    layers = keras.layers
    options = {"fill_mode": "constant", "fill_value": 0}
    return [
        layers.RandomRotation(ROTATION, **options),
        layers.RandomZoom(ZOOM, ZOOM, **options),
        layers.RandomTranslation(SHIFT, SHIFT, **options),
    ]


def compile_network(model, steps):
    """Compile with AdamW in one cycle of `steps`: linear warm-up, then cosine to 0."""
    warm_up_steps = max(1, round(WARM_UP * steps))
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=max(1, steps - warm_up_steps),
        warmup_target=PEAK_LEARNING_RATE,
        warmup_steps=warm_up_steps,
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=WEIGHT_DECAY)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=LABEL_SMOOTHING)
    model.compile(optimizer, loss, metrics=["accuracy"])


def train(args, dataset):
    """Return a trained keras.Model and its history, a list of a dict an epoch."""
    keras.utils.set_random_seed(args.seed)
    model = build_network(args.filters, args.dense_layers, args.activation)
    model.summary()
    batches = -(-len(dataset.train_images) // args.batch_size)
    compile_network(model, args.epochs * batches)
    seconds, start = [], time.monotonic()
    clock = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seconds.append(time.monotonic() - start)
    )
    one_hot = keras.utils.to_categorical
    with contextlib.redirect_stdout(sys.stderr):  # Keras's progress bar is no result
        fitted = model.fit(
            dataset.train_images[..., None],
            one_hot(dataset.train_labels, CLASSES),
            args.batch_size,
            args.epochs,
            verbose=1 if sys.stderr.isatty() else 2,
            callbacks=[clock],
            validation_data=(
                dataset.validation_images[..., None],
                one_hot(dataset.validation_labels, CLASSES),
            ),
        )
    return model, history_rows(fitted.history, seconds)


def history_rows(history, seconds):
    """Return Keras's history, {metric: values}, as a list of a dict an epoch."""
    return [
        {
            "epoch": epoch + 1,
            "loss": history["loss"][epoch],
            "accuracy": history["accuracy"][epoch],
            "validation_loss": history["val_loss"][epoch],
            "validation_accuracy": history["val_accuracy"][epoch],
            "seconds": round(seconds[epoch], 1),
        }
        for epoch in range(len(seconds))
    ]


class Classifier:
    """Any Keras network as a function of pixels, with calibrated probabilities.

    A network without a Rescaling or Normalization layer of its own is taken to expect
    ink from 0 to 1, and one whose outputs are not all within 0 to 1 to give logits.
    Raises UserError if it does not map 784 numbers to 10.
    """

    def __init__(self, model, temperature=1.0):
        self.model, self.temperature = model, temperature
        shape, outputs = model.input_shape[1:], model.output_shape[1:]
        if np.prod(shape) != 28 * 28 or outputs != (CLASSES,):
            raise UserError(f"the network maps {shape} to {outputs}, not 28x28 to 10")
        own_scaling = (keras.layers.Rescaling, keras.layers.Normalization)
        scales = any(isinstance(layer, own_scaling) for layer in model.layers)
        self.scale = 1 if scales else 1 / 255
        noise = np.random.default_rng(0).uniform(0, 255, (8, 28, 28, 1))
        outputs = self._outputs(tf.constant(noise, tf.float32)).numpy()
        self.gives_logits = outputs.min() < 0 or outputs.max() > 1

    def _outputs(self, pixels):
        shape = (-1, *self.model.input_shape[1:])
        return self.model(tf.reshape(pixels * self.scale, shape), training=False)

    def __call__(self, pixels):
        """Return (N, 10) probabilities of a tensor (N, 28, 28, 1), 0 to 255."""
        outputs = self._outputs(pixels)
        if not self.gives_logits:
            outputs = tf.math.log(outputs + 1e-30)
        return tf.nn.softmax(outputs / self.temperature)

    def probabilities(self, images):
        """Return (N, 10) probabilities, NumPy, of images (N, 28, 28) uint8."""
        infer = tf.function(self, input_signature=[self.signature()])
        return network.in_batches(lambda pixels: infer(pixels).numpy(), images)

    def to_onnx(self):
        """Return the bytes of the ONNX graph that does what a call does."""
        logging.getLogger("tf2onnx").setLevel(logging.ERROR)
        proto, _ = tf2onnx.convert.from_function(
            tf.function(self), input_signature=[self.signature()]
        )
        return proto.SerializeToString()

    @staticmethod
    def signature():
        """Return the TensorSpec of pixels."""
        return tf.TensorSpec((None, 28, 28, 1), tf.float32, name="pixels")


def validated_temperature(model, dataset):
    """Return the temperature that suits the validation images best."""
    probabilities = Classifier(model).probabilities(dataset.validation_images)
    return fit_temperature(np.log(probabilities + 1e-30), dataset.validation_labels)


def load(path, args):
    """Return (keras.Model, temperature) from any HDF5 file that Keras wrote.

    What the file holds is told by its content, not its name. Weights alone are put into
    the network that the flags describe. Raises UserError where that fails.
    """
    with network.open_hdf5(path) as file:
        kind = network.keras_kind(file)
        temperature = network.read_attributes(file).get("temperature", 1.0)
    # Keras tells by the ending how to read a file: it gets a copy with the right one.
    with tempfile.TemporaryDirectory() as folder:
        ending = ".weights.h5" if kind == "3 weights" else ".h5"
        copy = shutil.copy(path, Path(folder, f"network{ending}"))
        try:
            if kind == "model":
                return keras.models.load_model(copy, compile=False), temperature
            model = build_network(args.filters, args.dense_layers, args.activation)
            model.load_weights(copy)
        except (ValueError, TypeError, KeyError, OSError) as error:
            reason = str(error).strip().splitlines()[0]
            raise UserError(f"{path}: Keras cannot load it: {reason}") from error
    return model, temperature


def keras_hdf5(model):
    """Return the bytes of the HDF5 file that Keras's model.save writes."""
    logging.getLogger("absl").setLevel(logging.ERROR)  # it advises the .keras format
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "network.hdf5")
        model.save(path)
        return path.read_bytes()


def parse_args(argv=None):
    """Return the parsed command line."""
    parser = cli.parser(__doc__)
    flags.add_data_flags(parser, output_dir="output/CNN_MNIST")
    flags.add_network_flags(
        parser, filters=[32, 64, 128], dense_layers=[], epochs=5, batch_size=128
    )
    flags.add_model_flags(parser, save_model=0)
    args = parser.parse_args(argv)
    flags.check_model_flags(parser, args)
    return args


@cli.report_errors
def main(argv=None):
    """Train a network or load one, test it and save it; return the exit status."""
    start = time.monotonic()
    args = parse_args(argv)
    dataset = mnist.load(args.dataset, args.data_dir)
    summary = results.new_summary(SCRIPT, argv, args)
    if args.save_model:
        files.check_writable(args.save_weights)
    if args.load_model:
        model, temperature = load(args.save_weights, args)
        model.summary()
    else:
        model, history = train(args, dataset)
        temperature = validated_temperature(model, dataset)
        summary["validation"] = history[-1]
        results.report_training(args.output_dir, history)
    classifier = Classifier(model, temperature)
    summary["temperature"] = temperature

    def predict(images):
        return classifier.probabilities(images).argmax(axis=1)

    results.report_test(args.output_dir, dataset, predict, summary, start)
    if args.save_model:
        network.save(
            args.save_weights,
            classifier.to_onnx(),
            results.attributes(summary),
            keras_hdf5=keras_hdf5(model),
        )
        print(flags.usage_of(args.save_weights))
    return 0


if __name__ == "__main__":
    sys.exit(main())
