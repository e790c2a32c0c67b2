"""Train a convolutional network on MNIST in Keras.

    python3 CNN_MNIST.py                                # trains and tests
    python3 CNN_MNIST.py --target_accuracy 99           # stops when it is that good
    python3 CNN_MNIST.py --save_model 1 --save_weights cnn_weights.hdf5
    python3 CNN_MNIST.py --load_model 1 --save_weights cnn_weights.hdf5

The last line loads a file and tests it, training nothing; it reads what Keras 2 and 3
wrote, whole models and weights. With --save_model 1 too, the file gets what
load_model.py needs to read pictures with it.

The network sees digits upright, and the gradients of their pixels.

Measured: 99.67 ± 0.03 % of MNIST's test images over 5 seeds, 2 minutes each, on two
cores.
"""

import contextlib
import functools
import json
import logging
import os
import shutil
import sys
import tempfile
import time
import warnings
from pathlib import Path

import h5py
import numpy as np

from digits import UserError, cli, flags, geometry, gradients, mnist, network, results
from digits.calibration import fit_temperature
from digits.lazy import LazyModule

tf = LazyModule("tensorflow")
keras = LazyModule("keras")
tf2onnx = LazyModule("tf2onnx")

os.environ["KERAS_BACKEND"] = "tensorflow"  # the ONNX graph is made through it
SCRIPT = "CNN_MNIST.py"
CLASSES = 10
TINY = 1e-30  # keeps a logarithm finite
DROPOUT = 0.4
LABEL_SMOOTHING = 0.05
PEAK_LEARNING_RATE = 0.004
WARM_UP = 0.2  # share of the steps
WEIGHT_DECAY = 0.05
NEWTON_SCHULZ_STEPS = 3  # of Muon; Keras's default of five is slower
AVERAGE_DECAY = 0.99  # of the weights that are averaged, a step
# For --target_accuracy.
QUICK_FILTERS = [24, 48, 48, 96]
QUICK_BATCH_SIZE = 64
QUICK_DROPOUT = 0.2
QUICK_LEARNING_RATE = 0.01
QUICK_WARM_UP = 0.05
QUICK_AVERAGE_DECAY = 0.9
# What Keras raises at files that are damaged or do not fit.
LOADING_ERRORS = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    RuntimeError,
    OSError,
    UserWarning,
)


def build_network(filters, dense_layers, activation, dropout=DROPOUT):
    """Return a keras.Model: pixels (N, 28, 28, 1), 0 to 255, to probabilities (N, 10).

    filters: the channels of each convolution; where they grow from one to the next,
    the picture is halved.
    """
    layers = keras.layers
    upright_layer, gradients_layer = register_layers()
    inputs = keras.Input((28, 28, 1), name="pixels")
    upright = upright_layer(name="upright")(inputs)
    # Blocks of 2x2 pixels become channels: as many places as of gradients.
    x = layers.Reshape((14, 2, 14, 2))(layers.Rescaling(1 / 255)(upright))
    x = layers.Reshape((14, 14, 4))(layers.Permute((1, 3, 2, 4))(x))
    x = layers.Concatenate()([x, gradients_layer()(upright)])  # (N, 14, 14, 16)
    for layer, width in enumerate(filters, 1):
        stride = 2 if layer > 1 and width > x.shape[-1] else 1
        x = layers.Conv2D(
            width, 3, stride, "same", use_bias=False, kernel_initializer="he_normal"
        )(x)
        x = layers.BatchNormalization(momentum=0.95)(x)
        x = layers.Activation(activation)(x)
    # By default (N, 14, 14, 32), thrice (N, 7, 7, 64) and twice (N, 4, 4, 128).
    x = layers.Flatten()(x)
    for units in dense_layers:
        x = layers.Dropout(dropout)(x)
        x = layers.Dense(units, activation)(x)
    x = layers.Dropout(dropout)(x)
    outputs = layers.Dense(CLASSES, "softmax")(x)
    return keras.Model(inputs, outputs, name="CNN_MNIST")


@functools.cache
def register_layers():
    """Return the two kinds of layer, without weights, that a network sees through.

    The first gives upright pixels, the second the oriented gradients of pixels,
    (N, 14, 14, 12). From now on Keras knows them by name, and can load a network.
    """
    register = keras.saving.register_keras_serializable("digits")

    @register
    class Upright(keras.layers.Layer):
        def call(self, pixels):
            return geometry.upright(pixels, keras.ops)

    @register
    class Gradients(keras.layers.Layer):
        def call(self, pixels):
            images = keras.ops.squeeze(pixels, axis=3)
            maps = gradients.gradients(images, 14, keras.ops)
            return keras.ops.transpose(maps, (0, 2, 3, 1))

    return Upright, Gradients


def learner_of(model, moves):
    """Return a keras.Model that learns in `model`'s place, with the same weights.

    moves: whether it takes images that are upright already, and moves them about in
    training.
    """

    def clone(layer):
        if moves and layer.name == "upright":
            return random_affine_layer()
        if isinstance(layer, keras.layers.BatchNormalization):
            return fused_normalisation(layer.get_config())
        return type(layer).from_config(layer.get_config())

    learner = keras.models.clone_model(model, clone_function=clone)
    learner.set_weights(model.get_weights())
    return learner


def fused_normalisation(config):
    """Return a keras.layers.BatchNormalization that is one operation in training.

    Keras's own passes over the data several times.
    """

    class FusedBatchNormalization(keras.layers.BatchNormalization):
        def call(self, inputs, training=False, mask=None):
            if not training:
                return super().call(inputs)
            outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
                x=inputs,
                scale=self.gamma,
                offset=self.beta,
                mean=[],
                variance=[],
                epsilon=self.epsilon,
            )
            self._follow(self.moving_mean, mean)
            self._follow(self.moving_variance, variance)
            return outputs

        def _follow(self, average, value):
            average.assign(self.momentum * average + (1 - self.momentum) * value)

    return FusedBatchNormalization.from_config(config)


def random_affine_layer():
    """Return a layer that moves images about in training.

    Keras's own layers for turns, zooms and shifts would each blur them.
    """

    class RandomAffine(keras.layers.Layer):
        def __init__(self):
            super().__init__(name="random_affine")
            self.seed_generator = keras.random.SeedGenerator()

        def call(self, images, training=False):
            return affine(images, self.seed_generator) if training else images

    return RandomAffine()


def affine(images, seed):
    """Return images (N, 28, 28, 1), each turned, scaled, sheared and shifted.

    seed: a keras.random.SeedGenerator.
    """
    uniform = keras.random.uniform((6, keras.ops.shape(images)[0]), -1, 1, seed=seed)
    transforms = geometry.transforms(uniform, keras.ops)
    return keras.ops.image.affine_transform(images, transforms)


def muon(schedule, average_decay=AVERAGE_DECAY):
    """Return Keras's Muon, made to take the kernels of convolutions as matrices.

    Its own takes matrices only, and leaves the rest to AdamW. A kernel is one with a
    column for each filter.
    """

    class KernelMuon(keras.optimizers.Muon):
        def _should_use_adamw(self, variable):
            return len(variable.shape) != 4

        def zeropower_via_newtonschulz5(self, x, steps):
            matrix = keras.ops.reshape(x, (-1, x.shape[-1]))
            size = 0.2 * max(matrix.shape) ** 0.5  # as lr_adjust has it for matrices
            update = super().zeropower_via_newtonschulz5(matrix, steps)
            return keras.ops.reshape(size * update, x.shape)

    optimizer = KernelMuon(
        schedule,
        weight_decay=WEIGHT_DECAY,
        adam_weight_decay=WEIGHT_DECAY,
        rms_rate=None,
        ns_steps=NEWTON_SCHULZ_STEPS,
        use_ema=True,
        ema_momentum=average_decay,
    )
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


def one_cycle(steps, peak=PEAK_LEARNING_RATE, warm_up=WARM_UP):
    """Return the schedule of a rate that rises to its peak, then falls to 0.

    warm_up: the share of the steps in which it rises.
    """
    warm_up_steps = max(1, round(warm_up * steps))
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=max(1, steps - warm_up_steps),
        warmup_target=peak,
        warmup_steps=warm_up_steps,
    )


def cycles(steps):
    """Return the schedule that is one quick cycle after another, each of `steps`."""
    cycle = one_cycle(steps, QUICK_LEARNING_RATE, QUICK_WARM_UP)

    class Cycles(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return cycle(step % steps)

    return Cycles()


def train(args, dataset):
    """Return a trained keras.Model and its results.History.

    With args.target_accuracy it moves no images about, and learns in cycles of half an
    epoch until it is that good; each cycle is a row of the history.
    """
    keras.utils.set_random_seed(args.seed)
    history = results.History(args.tensorboard)  # its clock leaves the import out
    is_quick = args.target_accuracy is not None
    dropout = QUICK_DROPOUT if is_quick else DROPOUT
    shape = args.filters, args.dense_layers, args.activation
    model = build_network(*shape, dropout)
    model.summary()
    learner = learner_of(model, moves=not is_quick)
    upright = model.get_layer("upright").output
    see = None if is_quick else keras.Model(model.inputs, upright)
    images, labels = prepared(dataset.train_images, dataset.train_labels, see)
    validation = prepared(dataset.validation_images, dataset.validation_labels, see)
    steps, rounds = -(-len(images) // args.batch_size), args.epochs
    if is_quick:
        steps, rounds = max(1, steps // 2), 2 * rounds
        optimizer = muon(cycles(steps), QUICK_AVERAGE_DECAY)
    else:
        optimizer = muon(one_cycle(steps * rounds))
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=LABEL_SMOOTHING)
    # XLA takes its time to compile, and is no faster on a processor.
    learner.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False)
    # Cycles are equally long: the images of an odd batch at the end are left out.
    used = (2 if is_quick else 1) * steps * args.batch_size
    with contextlib.redirect_stdout(sys.stderr):  # Keras's progress bar is no result
        learner.fit(
            images[:used],
            labels[:used],
            args.batch_size,
            epochs=rounds,
            steps_per_epoch=steps,
            verbose=1 if sys.stderr.isatty() else 2,
            callbacks=[
                keras.callbacks.SwapEMAWeights(),
                recorder(history, args.target_accuracy),
            ],
            validation_data=validation,
            validation_batch_size=1000,  # few steps: each has a cost of its own
        )
    if is_quick and not learner.stop_training:
        message = f"{args.epochs} epochs did not reach {args.target_accuracy} %"
        print(message, file=sys.stderr)
    model.set_weights(learner.get_weights())
    return model, history


def prepared(images, labels, see):
    """Return images (N, 28, 28, 1) as a learner takes them, and labels (N, 10).

    see: the keras.Model that images (N, 28, 28) uint8 are seen through, or None.
    """
    images = images[..., None]
    if see:
        images = see.predict(images, verbose=0)
    return images, keras.utils.to_categorical(labels, CLASSES)


def recorder(history, target_accuracy):
    """Return the Keras callback that adds each epoch, or cycle, to a results.History.

    It ends the training at a validation accuracy of `target_accuracy`, in per cent, if
    that is not None.
    """

    class Recorder(keras.callbacks.Callback):
        def on_epoch_end(self, _, logs):
            training = logs["loss"], logs["accuracy"]
            validation = logs["val_loss"], logs["val_accuracy"]
            rows = len(history.rows) + 1
            epochs = rows / 2 if target_accuracy is not None else rows
            history.add(epochs, training, validation)
            if target_accuracy is not None:
                # Rounded, since Keras's accuracy is float32.
                percent = round(100 * logs["val_accuracy"], 3)
                self.model.stop_training = percent >= target_accuracy

    return Recorder()


class Classifier:
    """Any Keras network as a function of pixels, with calibrated probabilities.

    A network without a Rescaling or Normalization layer of its own is taken to expect
    ink from 0 to 1, and one whose outputs are not all within 0 to 1 to give logits.
    Raises ValueError if it does not map 784 numbers to 10.
    """

    def __init__(self, model):
        self.model, self.temperature = model, 1.0
        inputs, outputs = model.input_shape, model.output_shape
        sizes = [side for side in inputs[1:] if isinstance(side, int)]
        if len(sizes) != len(inputs) - 1 or np.prod(sizes) != 28 * 28:
            raise ValueError(f"the network takes {inputs}, not 28x28 pixels")
        if outputs != (None, CLASSES):
            raise ValueError(f"the network gives {outputs}, not {CLASSES} classes")
        own_scaling = (keras.layers.Rescaling, keras.layers.Normalization)
        scales = any(isinstance(layer, own_scaling) for layer in layers_of(model))
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
            outputs = tf.math.log(outputs + TINY)
        return tf.nn.softmax(outputs / self.temperature)

    def probabilities(self, images):
        """Return (N, 10) probabilities, NumPy, of images (N, 28, 28) uint8."""
        infer = tf.function(self, input_signature=[self.signature()])
        return network.in_batches(lambda pixels: infer(pixels).numpy(), images, CLASSES)

    def calibrate(self, images, labels):
        """Set the temperature that suits held-back images and their labels best."""
        self.temperature = 1.0
        logits = np.log(self.probabilities(images) + TINY)
        self.temperature = fit_temperature(logits, labels)

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


def layers_of(model):
    """Yield the layers of a keras.Model, and those of the models among them."""
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from layers_of(layer)


def load(path, args):
    """Return the network in any HDF5 file that Keras wrote, as a Classifier.

    What the file holds is told by its content, not its name. Weights alone are put into
    the network that the flags describe. A file that tf_cnn.py saved is a
    network.Network. Raises UserError where loading fails.
    """
    with network.open_hdf5(path) as file:
        kind = network.keras_kind(file)
    if kind is None and not args.save_model:
        return network.load(path)
    if kind is None:
        raise UserError(f"{path}: not Keras's: there is nothing to add to it")
    try:
        return Classifier(load_keras(path, kind, args))
    except LOADING_ERRORS as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise UserError(f"{path}: Keras cannot load it: {reason}") from error


def load_keras(path, kind, args):
    """Return the keras.Model in a file of the `kind` that network.keras_kind tells."""
    # Keras tells by the ending how to read a file: a copy gets the right one.
    ending = ".weights.h5" if kind == "3 weights" else ".h5"
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # Keras warns of old ways, and only warns of weights that it does not find.
        warnings.simplefilter("ignore", UserWarning)
        warnings.filterwarnings("error", "Skipping|.*could not be loaded", UserWarning)
        copy = shutil.copyfile(path, Path(folder, f"network{ending}"))
        if kind == "model":
            add_input_layer(copy)
            register_layers()
            model = keras.models.load_model(copy, compile=False)
        else:
            model = build_network(args.filters, args.dense_layers, args.activation)
            model.load_weights(copy)
    model.summary()
    return model


def add_input_layer(path):
    """Give a Sequential model of early Keras 2 the input layer that Keras 3 needs.

    Until 2.2 the first layer itself held the input's shape, and the configuration was
    a list of layers.
    """
    with h5py.File(path, "a") as file:
        config = json.loads(file.attrs["model_config"])
        if config["class_name"] != "Sequential":
            return
        layers = config["config"]
        layers = layers if isinstance(layers, list) else layers["layers"]
        if layers[0]["class_name"] != "InputLayer":
            shape = layers[0]["config"].pop("batch_input_shape")
            first = {"batch_shape": shape, "name": "pixels"}
            layers.insert(0, {"class_name": "InputLayer", "config": first})
            config["config"] = {"name": "sequential", "layers": layers}
            file.attrs["model_config"] = json.dumps(config)


def keras_hdf5(model):
    """Return the bytes of the HDF5 file that Keras's model.save writes."""
    logging.getLogger("absl").setLevel(logging.ERROR)  # it advises the .keras format
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "network.hdf5")
        model.save(path)
        return path.read_bytes()


def whole_model(model, args):
    """Return the bytes of an HDF5 file that holds all of a keras.Model.

    One that was loaded stays as it was, its optimizer's state included.
    """
    if args.load_model:
        with network.open_hdf5(args.save_weights) as file:
            kind = network.keras_kind(file)
        if kind == "model":
            return Path(args.save_weights).read_bytes()
    return keras_hdf5(model)


def save(classifier, args, dataset, summary):
    """Calibrate, write a model file and print how to use it; `summary` is scored."""
    classifier.calibrate(dataset.validation_images, dataset.validation_labels)
    summary["temperature"] = classifier.temperature
    path = args.save_weights
    network.save(
        path,
        classifier.to_onnx(),
        results.attributes(summary),
        keras_hdf5=whole_model(classifier.model, args),
    )
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
        help="learn quickly, until so many of the validation images are read right, "
        "but no longer than --epochs",
    )
    flags.add_model_flags(parser, save_model=0)
    if parser.parse_known_args(argv)[0].target_accuracy:
        parser.set_defaults(filters=QUICK_FILTERS, batch_size=QUICK_BATCH_SIZE)
    args = parser.parse_args(argv)
    flags.check_model_flags(parser, args)
    return args


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
    else:
        dataset = mnist.load(args.dataset, args.data_dir)
        model, history = train(args, dataset)
        classifier = Classifier(model)
        summary["validation"] = history.rows[-1]
        history.write(folder)

    def predict(images):
        return classifier.probabilities(images)[:, :CLASSES].argmax(axis=1)

    predictions = results.score(dataset, predict, summary, start)
    if args.save_model:
        save(classifier, args, dataset, summary)
    results.write(folder, dataset, summary, predictions)
    return 0


if __name__ == "__main__":
    sys.exit(main())
