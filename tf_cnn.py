"""Train a convolutional network on MNIST in TensorFlow itself, without Keras.

    python3 tf_cnn.py                                            # trains, tests, saves
    python3 tf_cnn.py --load_model 1 --save_weights tf_cnn.hdf5  # loads and tests
    python3 load_model.py IMAGE --weights tf_cnn.hdf5            # reads a picture

Three blocks of two convolutions, each halving the picture, then the dense layers.
"""

import logging
import sys
import time

import numpy as np

from digits import cli, files, flags, mnist, network, results
from digits.calibration import fit_temperature, negative_log_likelihood
from digits.lazy import LazyModule
from digits.progress import Progress

tf = LazyModule("tensorflow")
tf2onnx = LazyModule("tf2onnx")

SCRIPT = "tf_cnn.py"
CLASSES = 10
DROPOUT = 0.4
LABEL_SMOOTHING = 0.05
PEAK_LEARNING_RATE = 0.004
WARM_UP = 0.2  # share of the steps
WEIGHT_DECAY = 0.01
AVERAGE_DECAY = 0.995  # of the weights that are averaged, a step
NORMALISATION_DECAY = 0.95  # of the moving mean and variance, a step
EPSILON = 1e-3  # in batch normalisation

# Augmentation, each way and uniform.
ROTATION = np.deg2rad(12)
SCALE = 0.12  # in the logarithm
SHEAR = 0.2
SHIFT = 2.5  # pixels


class ConvolutionalNetwork:
    """Maps pixels (N, 28, 28, 1) float32, 0 to 255, to logits (N, 10).

    `variables` holds all its tf.Variables by name, `trainable` those that are learned;
    `infer` is its call without training, compiled.
    """

    def __init__(self, filters, dense_layers, activation, seed):
        self.activation = getattr(tf.nn, activation)
        self.variables = {}
        self._random = np.random.default_rng(seed)
        self._convolutions, self._dense = [], []
        channels = 1
        for block, width in enumerate(filters, 1):
            for layer, stride in ((1, 2), (2, 1)):
                size = 5 if block == layer == 1 else 3
                name = f"block{block}/convolution{layer}"
                self._add_convolution(name, (size, size, channels, width))
                self._convolutions.append((name, stride))
                channels = width
        inputs = 4 * 4 * channels
        for layer, units in enumerate([*dense_layers, CLASSES], 1):
            self._add_dense(f"dense{layer}", (inputs, units))
            self._dense.append(f"dense{layer}")
            inputs = units
        self.trainable = [v for v in self.variables.values() if v.trainable]
        pixels = tf.TensorSpec((None, 28, 28, 1), tf.float32)
        self.infer = tf.function(self.__call__, input_signature=[pixels])

    def _add_kernel(self, name, shape):
        """Add a kernel drawn as by He et al., Delving Deep into Rectifiers, 2015."""
        deviation = np.sqrt(2 / np.prod(shape[:-1]))
        value = self._random.normal(0, deviation, shape).astype(np.float32)
        self.variables[f"{name}/kernel"] = tf.Variable(value)

    def _add_convolution(self, name, shape):
        self._add_kernel(name, shape)
        for part, initial, trainable in (
            ("scale", tf.ones, True),
            ("offset", tf.zeros, True),
            ("moving_mean", tf.zeros, False),
            ("moving_variance", tf.ones, False),
        ):
            variable = tf.Variable(initial(shape[-1]), trainable=trainable)
            self.variables[f"{name}/{part}"] = variable

    def _add_dense(self, name, shape):
        self._add_kernel(name, shape)
        self.variables[f"{name}/bias"] = tf.Variable(tf.zeros(shape[-1]))

    def __call__(self, pixels, dropout_seed=None):
        """Return logits; a `dropout_seed`, (2,) int, makes it a pass of training."""
        training = dropout_seed is not None
        x = pixels / 255  # (N, 28, 28, 1)
        for name, stride in self._convolutions:
            x = tf.nn.conv2d(x, self.variables[f"{name}/kernel"], stride, "SAME")
            x = self.activation(self._normalised(x, name, training))
        # By default (N, 14, 14, 32), (N, 7, 7, 64) and (N, 4, 4, 128) after each block.
        x = tf.reshape(x, (-1, np.prod(x.shape[1:])))
        for index, name in enumerate(self._dense):
            if index:
                x = self.activation(x)
            if training:
                seed = dropout_seed + tf.constant([index, 0])
                x = tf.nn.experimental.stateless_dropout(x, DROPOUT, seed=seed)
            x = x @ self.variables[f"{name}/kernel"] + self.variables[f"{name}/bias"]
        return x

    def _normalised(self, x, name, training):
        """Return x batch-normalised, and in training follow its mean and variance."""
        parts = ("scale", "offset", "moving_mean", "moving_variance")
        scale, offset, mean, variance = (self.variables[f"{name}/{p}"] for p in parts)
        if not training:
            return tf.nn.batch_normalization(x, mean, variance, offset, scale, EPSILON)
        x, batch_mean, batch_variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x, scale=scale, offset=offset, mean=[], variance=[], epsilon=EPSILON
        )
        mean.assign(moving_average(mean, batch_mean, NORMALISATION_DECAY))
        variance.assign(moving_average(variance, batch_variance, NORMALISATION_DECAY))
        return x


def moving_average(average, value, decay):
    """Return the next exponential moving average."""
    return decay * average + (1 - decay) * value


class AdamW:
    """Adam with decoupled weight decay on kernels (Loshchilov & Hutter, 2019)."""

    def __init__(self, variables, beta1=0.9, beta2=0.999, epsilon=1e-7):
        self.variables, self.betas, self.epsilon = variables, (beta1, beta2), epsilon
        self.means = [tf.Variable(tf.zeros_like(v)) for v in variables]
        self.squares = [tf.Variable(tf.zeros_like(v)) for v in variables]

    def apply(self, gradients, step, learning_rate):
        """Change the variables; `step` counts from 1."""
        beta1, beta2 = self.betas
        rate = learning_rate * tf.sqrt(1 - beta2**step) / (1 - beta1**step)
        for variable, gradient, mean, square in zip(
            self.variables, gradients, self.means, self.squares, strict=True
        ):
            mean.assign(moving_average(mean, gradient, beta1))
            square.assign(moving_average(square, gradient**2, beta2))
            decay = WEIGHT_DECAY if variable.shape.rank > 1 else 0.0
            variable.assign_sub(
                rate * mean / (tf.sqrt(square) + self.epsilon)
                + learning_rate * decay * variable
            )


def learning_rate_at(step, steps):
    """Return the rate of one cycle: linear warm-up to the peak, then a cosine to 0."""
    progress = step / steps
    cosine = 0.5 + 0.5 * tf.cos(np.pi * (progress - WARM_UP) / (1 - WARM_UP))
    return PEAK_LEARNING_RATE * tf.minimum(progress / WARM_UP, cosine)


def augment(images, seed):
    """Return images (N, 28, 28, 1) float32, each turned, scaled, sheared and shifted.

    seed: (2,) int, which alone decides on how.
    """
    ranges = tf.constant([ROTATION, SCALE, SCALE, SHEAR, SHIFT, SHIFT], tf.float32)
    uniform = tf.random.stateless_uniform((6, tf.shape(images)[0]), seed, -1, 1)
    turn, width, height, shear, right, down = tf.unstack(uniform * ranges[:, None])
    cosine, sine, width, height = (
        tf.cos(turn),
        tf.sin(turn),
        tf.exp(width),
        tf.exp(height),
    )
    a, b = cosine * width, (cosine * shear - sine) * height
    c, d = sine * width, (sine * shear + cosine) * height
    middle = 13.5
    x, y = middle + right - middle * (a + b), middle + down - middle * (c + d)
    zero = tf.zeros_like(turn)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(images, tf.float32),
        transforms=tf.stack([a, b, x, c, d, y, zero, zero], axis=1),
        output_shape=images.shape[1:3],
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=0.0,
    )


class Trainer:
    """Trains `network`, and keeps the moving average of its variables in `averaged`."""

    def __init__(self, args, dataset):
        shape = args.filters, args.dense_layers, args.activation, args.seed
        self.network = ConvolutionalNetwork(*shape)
        self.averaged = ConvolutionalNetwork(*shape)
        self.optimizer = AdamW(self.network.trainable)
        self.seed, self.batch_size = args.seed, args.batch_size
        self.batches = -(-len(dataset.train_images) // args.batch_size)
        self.steps = args.epochs * self.batches
        self.images = tf.constant(dataset.train_images[..., None])
        self.labels = tf.constant(dataset.train_labels.astype(np.int32))
        self.step = tf.function(self._step)

    def train_epoch(self, epoch, label):
        """Make a pass over the training images; return its mean loss and accuracy."""
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.labels))
        bar = Progress(label, self.batches)
        loss = right = seen = 0
        for batch in range(self.batches):
            chosen = order[batch * self.batch_size :][: self.batch_size]
            step = tf.constant(epoch * self.batches + batch)
            batch_loss, batch_right = self.step(tf.constant(chosen), step)
            loss += float(batch_loss) * len(chosen)
            right += int(batch_right)
            seen += len(chosen)
            bar.update(note=f"loss {loss / seen:.4f} accuracy {right / seen:.2%}")
        bar.close()
        return loss / seen, right / seen

    def _step(self, chosen, step):
        """Learn from the images `chosen` (N,); return mean loss and count of right."""
        seed = tf.random.fold_in(tf.constant([self.seed, 0]), step)
        pixels = augment(tf.gather(self.images, chosen), tf.random.fold_in(seed, 0))
        labels = tf.gather(self.labels, chosen)
        targets = tf.one_hot(labels, CLASSES) * (1 - LABEL_SMOOTHING)
        targets += LABEL_SMOOTHING / CLASSES
        with tf.GradientTape() as tape:
            logits = self.network(pixels, dropout_seed=tf.random.fold_in(seed, 1))
            losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, self.network.trainable)
        done = tf.cast(step + 1, tf.float32)
        self.optimizer.apply(gradients, done, learning_rate_at(done, self.steps))
        # Early on the average must forget the first weights sooner.
        decay = tf.minimum(AVERAGE_DECAY, done / (done + 10))
        for name, average in self.averaged.variables.items():
            value = self.network.variables[name]
            average.assign(moving_average(average, value, decay))
        predictions = tf.argmax(logits, axis=1, output_type=tf.int32)
        return loss, tf.math.count_nonzero(predictions == labels)


def train(args, dataset):
    """Return a trained ConvolutionalNetwork and its history, a dict an epoch."""
    trainer = Trainer(args, dataset)
    history, start = [], time.monotonic()
    for epoch in range(args.epochs):
        label = f"Epoch {epoch + 1}/{args.epochs}"
        loss, accuracy = trainer.train_epoch(epoch, label)
        logits = predict_logits(trainer.averaged, dataset.validation_images)
        labels = dataset.validation_labels
        errors = int((logits.argmax(axis=1) != labels).sum())
        history.append(
            {
                "epoch": epoch + 1,
                "loss": loss,
                "accuracy": accuracy,
                "validation_loss": float(negative_log_likelihood(logits, labels)),
                "validation_accuracy": 1 - errors / len(labels),
                "seconds": round(time.monotonic() - start, 1),
            }
        )
        text = results.accuracy_text(errors, len(labels))
        print(f"{label}: validation {text}", file=sys.stderr)
    return trainer.averaged, history


def predict_logits(model, images):
    """Return the logits (N, 10), float32 NumPy, of images (N, 28, 28) uint8."""
    return network.in_batches(lambda pixels: model.infer(pixels).numpy(), images)


def to_onnx(model, temperature):
    """Return the ONNX bytes of pixels (N, 28, 28, 1), 0 to 255, to probabilities."""
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    signature = [tf.TensorSpec((None, 28, 28, 1), tf.float32, name="pixels")]
    infer = tf.function(lambda pixels: tf.nn.softmax(model(pixels) / temperature))
    proto, _ = tf2onnx.convert.from_function(infer, input_signature=signature)
    return proto.SerializeToString()


def load(path):
    """Return a function from images (N, 28, 28) uint8 to their digits (N,).

    It uses the network in a model file: its variables if this script saved them, else
    its ONNX graph. Raises UserError when the file holds no such network.
    """
    onnx, attributes = network.read(path)
    if attributes["script"] != SCRIPT:
        graph = network.Network(onnx, path)
        return lambda images: graph.probabilities(images).argmax(axis=1)
    shape = attributes["arguments"]
    model = ConvolutionalNetwork(
        shape["filters"], shape["dense_layers"], shape["activation"], seed=0
    )
    for name, value in network.read_variables(path, model.variables).items():
        model.variables[name].assign(value)
    return lambda images: predict_logits(model, images).argmax(axis=1)


def parse_args(argv=None):
    """Return the parsed command line."""
    parser = cli.parser(__doc__)
    flags.add_data_flags(parser, output_dir="output/tf_cnn")
    flags.add_network_flags(
        parser, filters=[32, 64, 128], dense_layers=[], epochs=10, batch_size=128
    )
    flags.add_model_flags(parser, save_model=None)
    args = parser.parse_args(argv)
    if args.save_model is None:
        args.save_model = 1 - args.load_model
    if not args.load_model and args.save_model and args.save_weights is None:
        args.save_weights = "tf_cnn.hdf5"
    flags.check_model_flags(parser, args)
    return args


@cli.report_errors
def main(argv=None):
    """Train a network or load one, test it and save it; return the exit status."""
    start = time.monotonic()
    args = parse_args(argv)
    dataset = mnist.load(args.dataset, args.data_dir)
    summary = results.new_summary(SCRIPT, argv, args)
    if args.load_model:
        predict = load(args.save_weights)
        results.report_test(args.output_dir, dataset, predict, summary, start)
        return 0
    if args.save_model:
        files.check_writable(args.save_weights)
    model, history = train(args, dataset)
    logits = predict_logits(model, dataset.validation_images)
    temperature = fit_temperature(logits, dataset.validation_labels)
    summary |= {"temperature": temperature, "validation": history[-1]}
    results.report_training(args.output_dir, history)

    def predict(images):
        return predict_logits(model, images).argmax(axis=1)

    results.report_test(args.output_dir, dataset, predict, summary, start)
    if args.save_model:
        network.save(
            args.save_weights,
            to_onnx(model, temperature),
            results.attributes(summary),
            variables={name: v.numpy() for name, v in model.variables.items()},
        )
        print(flags.usage_of(args.save_weights))
    return 0


if __name__ == "__main__":
    sys.exit(main())
