"""Train a convolutional network on MNIST in plain TensorFlow.

    python3 tf_cnn.py                                            # trains, tests, saves
    python3 tf_cnn.py --load_model 1 --save_weights tf_cnn.hdf5  # loads and tests
    python3 tf_cnn.py --ensemble 5 --save_weights five.hdf5      # averages five seeds
    python3 tf_cnn.py --ensemble 5 --dask local                  # the same, in parallel
    python3 tf_cnn.py --distill five.hdf5 --save_weights small.hdf5  # imitates it
    python3 tf_cnn.py --reader 1 --save_weights pages.hdf5       # the reader of pages
    python3 tf_cnn.py --own FOLDER --save_weights mine.hdf5      # learns your writing
    python3 load_model.py IMAGE --weights tf_cnn.hdf5            # reads a picture

Trains two networks, each of six convolutions and a dense layer. One gets the image as
it is, the other gets it "upright": its slant removed and its size normalised. Their
errors differ, so averaging helps. They are trained with the optimiser Muon, a learning
rate that rises and falls once, random affine distortions and averaged weights.

Measured on two cores: 99.71 ± 0.03 % of MNIST's test images read right (15 seeds, 5
minutes each); 99.72 ± 0.02 % by ensembles of five seeds (3 of them).
"""

import itertools
import math
import sys
import time

import numpy as np

from digits import mnist
from digits.experiment import flags, results, resume, resume_flags
from digits.model import geometry
from digits.terminal import cli
from digits.terminal.lazy import LazyModule
from digits.terminal.progress import Progress
from digits.training import network_file, network_flags, renderings

# Imported at first use, so that --help and usage errors answer at once.
tf = LazyModule("tensorflow")
device = LazyModule("digits.training.device")
ensemble = LazyModule("digits.training.ensemble")
export = LazyModule("digits.training.export")
own = LazyModule("digits.training.own")
reader_file = LazyModule("digits.training.reader_file")
workers = LazyModule("digits.training.workers")

DROPOUT = 0.4
LABEL_SMOOTHING = 0.05
PEAK_LEARNING_RATE = 0.004
WARM_UP = 0.2  # share of the steps
WEIGHT_DECAY = 0.05
MOMENTUM = 0.95  # of Muon
BETA1, BETA2 = 0.9, 0.999  # of Adam's moving averages
AVERAGE_DECAY = 0.995  # of the averaged weights, per step
NORMALISATION_DECAY = 0.95  # of the moving mean and variance, per step
EPSILON = 1e-3  # in batch normalisation
BLOCK = 2  # BLOCK x BLOCK pixels become the channels of one place
NORMALISATION = "scale", "offset", "moving_mean", "moving_variance"


def layers_of(shape):
    """Return ({name: shape} of all kernels, {name: stride} of the convolutions).

    shape: a network_file.NetworkShape. Convolutions are 3x3. Where one has more filters
    than the one before, its stride is 2.
    """
    kernels, strides = {}, {}
    side, channels = 28 // BLOCK, BLOCK**2
    for layer, width in enumerate(shape.filters, 1):
        name = f"convolution{layer}"
        kernels[name] = 3, 3, channels, width
        strides[name] = 2 if layer > 1 and width > channels else 1
        side, channels = math.ceil(side / strides[name]), width
    units = side * side * channels, *shape.dense_layers, shape.classes
    for layer, sizes in enumerate(itertools.pairwise(units), 1):
        kernels[f"dense{layer}"] = sizes
    return kernels, strides


class ConvolutionalNetwork:
    """Maps pixels (N, 28, 28, 1) float32, 0 to 255, to logits (N, classes).

    view: "plain" or "upright", the form in which the caller passes images. `variables`
    holds all its tf.Variables by name, `trainable` those that are learned.
    """

    def __init__(self, view, shape, seed=0):
        self.view, self.classes = view, shape.classes
        self.activation = getattr(tf.nn, shape.activation)
        kernels, self.strides = layers_of(shape)
        self.dense = [name for name in kernels if name not in self.strides]
        random = np.random.default_rng(seed)
        self.variables = {
            name: tf.Variable(
                initial_value(name, sizes, random), trainable="moving" not in name
            )
            for name, sizes in self.variable_shapes(shape).items()
        }
        self.trainable = [v for v in self.variables.values() if v.trainable]

    @staticmethod
    def variable_shapes(shape):
        """Return {name: shape} of all variables."""
        kernels, strides = layers_of(shape)
        shapes = {}
        for name, kernel in kernels.items():
            shapes[f"{name}/kernel"] = kernel
            parts = NORMALISATION if name in strides else ("bias",)
            shapes |= {f"{name}/{part}": (kernel[-1],) for part in parts}
        return shapes

    def __call__(self, pixels, dropout_seed=None):
        """Return logits; a pass of training takes a `dropout_seed`, (2,) int."""
        is_training = dropout_seed is not None
        # 2x2 pixels become four channels: a convolution of a single channel is slow.
        x = tf.nn.space_to_depth(pixels / 255, BLOCK)  # (N, 14, 14, 4)
        for name, stride in self.strides.items():
            x = self.activation(self._convolve(x, name, stride, is_training))
        # By default (N, 14, 14, 32), 3 times (N, 7, 7, 64), 2 times (N, 4, 4, 128).
        x = tf.reshape(x, (-1, np.prod(x.shape[1:])))  # (N, 2048)
        for index, name in enumerate(self.dense):
            if index:  # the convolutions' output is activated already
                x = self.activation(x)
            if is_training:
                seed = dropout_seed + tf.constant([index, 0])
                x = tf.nn.experimental.stateless_dropout(x, DROPOUT, seed=seed)
            x = x @ self.variables[f"{name}/kernel"] + self.variables[f"{name}/bias"]
        return x  # (N, classes)

    def _convolve(self, x, name, stride, is_training):
        """Return x convolved and normalised; in training, update moving averages."""
        kernel, scale, offset, mean, variance = (
            self.variables[f"{name}/{part}"] for part in ("kernel", *NORMALISATION)
        )
        if not is_training:  # the normalisation becomes part of the kernel
            factor = scale / tf.sqrt(variance + EPSILON)
            x = tf.nn.conv2d(x, kernel * factor, stride, "SAME")
            return x + (offset - mean * factor)
        x = tf.nn.conv2d(x, kernel, stride, "SAME")
        x, batch_mean, batch_variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x, scale=scale, offset=offset, mean=[], variance=[], epsilon=EPSILON
        )
        mean.assign(moving_average(mean, batch_mean, NORMALISATION_DECAY))
        variance.assign(moving_average(variance, batch_variance, NORMALISATION_DECAY))
        return x


def initial_value(name, sizes, random):
    """Return a variable's first value: random for kernels (He et al., 2015)."""
    if name.endswith("/kernel"):
        deviation = np.sqrt(2 / np.prod(sizes[:-1]))
        return np.float32(random.normal(0, deviation, sizes))
    is_factor = name.endswith(("/scale", "/moving_variance"))
    return np.full(sizes, 1 if is_factor else 0, np.float32)


def moving_average(average, value, decay):
    """Return the next exponential moving average."""
    return decay * average + (1 - decay) * value


def augment(images, seed):
    """Return images (N, 28, 28, 1) float32, randomly turned, scaled, sheared, shifted.

    seed: (2,) int; the same seed gives the same changes.
    """
    uniform = tf.random.stateless_uniform((6, tf.shape(images)[0]), seed, -1, 1)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(images, tf.float32),
        transforms=geometry.transforms(uniform, tf.experimental.numpy),
        output_shape=images.shape[1:3],
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=0.0,
    )


def decayed(variable, learning_rate):
    """Return a kernel after a step of weight decay; other variables unchanged."""
    decay = WEIGHT_DECAY if variable.shape.rank > 1 else 0.0
    return variable * (1 - learning_rate * decay)


class AdamW:
    """Adam with decoupled weight decay on kernels (Loshchilov & Hutter, 2019)."""

    def __init__(self, variables):
        self.variables = variables
        self.means = [tf.Variable(tf.zeros_like(v)) for v in variables]
        self.squares = [tf.Variable(tf.zeros_like(v)) for v in variables]

    def apply(self, gradients, step, learning_rate):
        """Change the variables; `step` counts from 1."""
        # The averages start at 0, which this corrects.
        rate = learning_rate * tf.sqrt(1 - BETA2**step) / (1 - BETA1**step)
        for variable, gradient, mean, square in zip(
            self.variables, gradients, self.means, self.squares, strict=True
        ):
            mean.assign(moving_average(mean, gradient, BETA1))
            square.assign(moving_average(square, gradient**2, BETA2))
            update = rate * mean / (tf.sqrt(square) + 1e-7)
            variable.assign(decayed(variable, learning_rate) - update)


class Muon:
    """Steps along the momentum, made orthogonal (Jordan et al., 2024).

    For convolution kernels, each taken as a matrix with a column for each filter. The
    size of a step is that of Liu et al., Muon is Scalable for LLM Training, 2025, so
    that a learning rate and a weight decay mean what they do in AdamW.
    """

    def __init__(self, variables):
        self.variables = variables
        self.momenta = [tf.Variable(tf.zeros_like(v)) for v in variables]

    def apply(self, gradients, learning_rate):
        """Change the variables."""
        for variable, gradient, momentum in zip(
            self.variables, gradients, self.momenta, strict=True
        ):
            momentum.assign(MOMENTUM * momentum + gradient)
            nesterov = gradient + MOMENTUM * momentum
            matrix = tf.reshape(nesterov, (-1, nesterov.shape[-1]))
            step_size = learning_rate * 0.2 * np.sqrt(max(matrix.shape))
            update = tf.reshape(step_size * orthogonal(matrix), nesterov.shape)
            variable.assign(decayed(variable, learning_rate) - update)


def orthogonal(matrix):
    """Return roughly the orthogonal matrix that is nearest to a matrix (M, N).

    Five Newton-Schulz steps with Jordan's polynomial, which soon brings most singular
    values to between 0.7 and 1.2, not slowly to 1. M and N must be static.
    """
    is_tall = matrix.shape[0] > matrix.shape[1]
    x = tf.transpose(matrix) if is_tall else matrix
    x /= tf.norm(x) + 1e-7
    for _ in range(5):
        square = tf.matmul(x, x, transpose_b=True)
        x = 3.4445 * x + ((2.0315 * square) @ square - 4.7750 * square) @ x
    return tf.transpose(x) if is_tall else x


def learning_rate_at(step, steps):
    """Return the learning rate at a step, counted from 1, of a single cycle.

    It rises linearly to its peak and falls with a cosine. It would be 0 at step 0 and
    at step `steps` + 1, so every step learns.
    """
    progress = step / (steps + 1)
    cosine = 0.5 + 0.5 * tf.cos(np.pi * (progress - WARM_UP) / (1 - WARM_UP))
    return PEAK_LEARNING_RATE * tf.minimum(progress / WARM_UP, cosine)


class Trainer:
    """Trains `network`, and keeps the moving average of its variables in `averaged`.

    images: (N, 28, 28) uint8 in the network's view; labels: (N,) uint8; teacher: None,
    or an Ensemble whose probabilities are learned instead of the labels.
    """

    def __init__(self, args, shape, seed, view, images, labels, teacher=None):
        self.network = ConvolutionalNetwork(view, shape, seed)
        self.averaged = ConvolutionalNetwork(view, shape, seed)
        trainable = self.network.trainable
        self.muon = Muon([v for v in trainable if v.shape.rank == 4])
        self.adamw = AdamW([v for v in trainable if v.shape.rank != 4])
        self.seed, self.teacher, self.batch_size = seed, teacher, args.batch_size
        self.batches = math.ceil(len(images) / args.batch_size)  # per epoch
        self.steps = args.epochs * self.batches
        self.images = tf.constant(images[..., None])
        self.labels = tf.constant(labels.astype(np.int32))
        chosen, step = tf.TensorSpec([None], tf.int64), tf.TensorSpec([], tf.int64)
        self.learn = tf.function(self._learn, input_signature=[chosen, step])
        networks = self.network.variables.values(), self.averaged.variables.values()
        optimizers = self.muon.momenta, self.adamw.means, self.adamw.squares
        self.variables = [*itertools.chain(*networks, *optimizers)]  # that steps change

    def train_epoch(self, epoch, label, run):
        """Make a pass over the training images; return its mean loss and accuracy.

        run: a resume.Run, which may have made a part of it.
        """
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.labels))
        loss_sum, right, done = run.place.sums or (0.0, 0, 0)
        with Progress(label, self.batches) as bar:
            bar.update(run.place.step)
            for batch in range(run.place.step, self.batches):
                chosen = order[batch * self.batch_size : (batch + 1) * self.batch_size]
                step = tf.constant(epoch * self.batches + batch, tf.int64)
                batch_loss_sum, hits = self.learn(tf.constant(chosen), step)
                loss_sum += float(batch_loss_sum)
                right += int(hits)
                done += len(chosen)
                bar.update(1, f"loss {loss_sum / done:.4f} accuracy {right / done:.2%}")
                run.step([loss_sum, right, done])
        return loss_sum / done, right / done

    def _learn(self, chosen, step):
        """Make a step, counted from 0, with the images of the indices `chosen` (N,).

        Return the sum of the losses and the number of right answers.
        """
        # From the run's seed and the step, so that a run can be repeated.
        seed = tf.random.fold_in(tf.constant([self.seed, 0]), step)
        pixels = augment(tf.gather(self.images, chosen), tf.random.fold_in(seed, 0))
        labels = tf.gather(self.labels, chosen)
        if self.teacher:
            targets = self.teacher.probabilities(pixels)
        else:
            classes = self.network.classes
            targets = tf.one_hot(labels, classes) * (1 - LABEL_SMOOTHING)
            targets += LABEL_SMOOTHING / classes
        with tf.GradientTape() as tape:
            logits = self.network(pixels, dropout_seed=tf.random.fold_in(seed, 1))
            losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
            loss = tf.reduce_mean(losses)
        parts = self.muon.variables, self.adamw.variables
        muon_gradients, adamw_gradients = tape.gradient(loss, parts)
        number = tf.cast(step + 1, tf.float32)  # counts from 1
        rate = learning_rate_at(number, self.steps)
        self.muon.apply(muon_gradients, rate)
        self.adamw.apply(adamw_gradients, number, rate)
        # Early on, average over fewer steps, to forget the initial weights soon.
        decay = tf.minimum(AVERAGE_DECAY, number / (number + 10))
        for name, average in self.averaged.variables.items():
            value = self.network.variables[name]
            average.assign(moving_average(average, value, decay))
        right = tf.argmax(logits, axis=1, output_type=tf.int32) == labels
        return tf.reduce_sum(losses), tf.math.count_nonzero(right)


def train(args, runs, dataset, teacher, history, run):
    """Return trained networks, one for each of the `runs` of network_file.runs_of.

    history: a results.History, which gets the epochs of all but the quick one.
    """
    images, labels = renderings.training_set(dataset, args.augmentation, args.seed, run)
    views = {one.view for one in runs}
    images_of = {view: ensemble.images_in_view(images, view) for view in views}
    networks = []
    for number, (shape, seed, view, is_quick) in enumerate(runs, 1):
        trainer = Trainer(args, shape, seed, view, images_of[view], labels, teacher)
        averaged = ensemble.Ensemble([trainer.averaged])
        run.track(f"network {number}", trainer.variables)
        for epoch in run.epochs(number, args.epochs):
            label = f"Network {number}/{len(runs)}, epoch {epoch + 1}/{args.epochs}"
            training = trainer.train_epoch(epoch, label, run)
            validation = averaged.validate(dataset, label)
            if not is_quick:
                history.add(epoch + 1, training, validation, number)
        trained = [*trainer.averaged.variables.values()]
        run.track(f"trained {number}", trained, f"network {number}")
        networks.append(trainer.averaged)
    return networks


def parse_args(argv=None):
    """Return the parsed command line."""
    parser = cli.parser(__doc__)
    flags.add_data_flags(parser, output_dir="output/tf_cnn")
    flags.add_network_flags(parser, epochs=8, batch_size=256)
    network_flags.add(parser)
    flags.add_model_flags(parser, network_flags.DEFAULT_FILE)
    resume_flags.add(parser)
    return resume_flags.parse(network_file.SCRIPT, parser, argv, network_flags.check)


def learn(args, summary, folder, run):
    """Train networks, test them, save them; write results to `folder`."""
    if args.dask is None:
        summary["device"] = device.choose()
    runs, dataset, teacher = network_file.task_of(args, ConvolutionalNetwork)
    history = results.History(args.tensorboard, run.rows, run.start)
    if args.dask is None:
        networks = train(args, runs, dataset, teacher, history, run)
    else:
        given = args, runs, ConvolutionalNetwork, history, run
        networks, summary["device"] = workers.train(*given)
    history.write(folder)
    quick = ensemble.Ensemble([networks.pop()]) if runs[-1].is_quick else None
    model = ensemble.Ensemble(networks)
    seconds = history.rows[-1]["seconds"]
    summary["validation"] = model.validation_summary(dataset, "Ensemble", seconds)
    if args.ensemble > 1:
        rows, seeds = history.rows, network_file.seeds_of(args)
        summary["networks"] = ensemble.score_seeds(model, seeds, dataset, rows)
    predictions = results.score(dataset, model.predict, summary, run.start)
    results.write(folder, dataset, summary, predictions)  # before saving may fail
    if args.save_model or quick:
        graphs, facts = export.graphs_of(model, quick, dataset, args)
        summary |= facts | {"classes": renderings.CLASSES[args.augmentation]}
        if args.save_model:
            network_file.save(args.save_weights, model, graphs, summary)
    results.write(folder, dataset, summary, predictions)


@cli.report_errors
def main(argv=None):
    """Train networks or load some, test them, save them; return the exit status."""
    start = time.monotonic()
    args = parse_args(argv)
    file = args.save_weights if args.save_model else None
    folder = flags.check_destinations(args, file)
    summary = results.new_summary(network_file.SCRIPT, argv, args)
    if args.own is not None:
        own.train(args, summary, folder, ConvolutionalNetwork, augment)
    elif args.load_model:
        predict = network_file.load(args.save_weights, ConvolutionalNetwork)
        dataset = mnist.load(args.dataset, args.data_dir)
        predictions = results.score(dataset, predict, summary, start)
        results.write(folder, dataset, summary, predictions)
    else:
        with resume.Run(folder, args, summary) as run:
            train_one = reader_file.train if args.reader else learn
            train_one(args, summary, folder, run)
    return 0


if __name__ == "__main__":
    sys.exit(main())
