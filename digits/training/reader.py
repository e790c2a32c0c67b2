"""The reader of pages: its network, and how it learns from synthetic pages.

The network is fully convolutional: it looks at a gray picture of any size and answers
for every cell of it (digits.model.reader says what). It learns from pieces of pages
(digits.synthesis.page), which are moved, stretched and lit a little differently each
time.
"""

# Keras's functions and attributes have no types: pyright takes them for None.
# pyright: reportOptionalSubscript=false, reportOptionalMemberAccess=false
# pyright: reportOptionalOperand=false, reportOperatorIssue=false
# pyright: reportArgumentType=false

import functools
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from digits.experiment.resume import Training
from digits.mnist import Dataset
from digits.model.calibration import fit_temperature
from digits.model.classifier import DIGITS
from digits.model.reader import (
    CLASSES,
    LOG_SIZE,
    OFFSET,
    OUTPUTS,
    PRESENCE,
    STRIDE,
    TYPICAL,
)
from digits.reading.find import LIKELY, Marks, distinct, peaks
from digits.synthesis.page import HEIGHT, HIDDEN, SEEN, UNCERTAIN, WIDTH
from digits.synthesis.pages import NOTHING, pieces
from digits.terminal.progress import Progress
from digits.training.layers import FusedBatchNormalization
from digits.training.optimizer import OneCycle, muon

FILTERS = 24, 64, 96, 64
RESIDUALS = 5, 3  # blocks at a quarter of the picture's size, and at an eighth
WINDOW = 9  # cells: the surroundings from which a pixel's contrast is judged
LEAST_CONTRAST = 3.0  # of 255: contrast that is not enlarged further
RARE = -4.0  # logit of presence at first: few cells hold a mark's middle
NEAR = 1.2  # cells from a mark's middle: so near, presence is neither right nor wrong …
NEAR_WEIGHT = 0.3  # … and class, place and size count so much
SIZE_WEIGHT = 0.5  # of the loss of place and size
PIECES, BATCH = 100_000, 128
WARM_UP = 0.15  # share of the steps
WEIGHT_DECAY = 0.05
NEWTON_SCHULZ_STEPS = 3  # of Muon: fewer than its 5 save time
HELD_OUT = 2_000  # pieces
FAR = 0.4  # of a digit's height: what is read farther from its middle is another one
TRAINING, VALIDATION = 3, 4  # they draw their own pages


class Course(NamedTuple):
    """How a network learns.

    epochs: passes over the pieces; learning_rate: Muon's, at its peak; average_decay:
    of the averaged weights, per step.
    """

    epochs: int
    learning_rate: float
    average_decay: float


FROM_SCRATCH = Course(epochs=9, learning_rate=0.03, average_decay=0.995)


class LocalContrast(keras.layers.Layer):
    """Takes the mean of a pixel's surroundings away, and divides by their deviation."""

    def call(self, pixels):
        """Return contrast (N, H, W, 1) of pixels (N, H, W, 1), 0 to 255."""
        mean = self._surroundings(ops.average_pool(pixels, STRIDE, STRIDE))
        # Not pixels**2: ONNX Runtime takes much longer for a power.
        squares = ops.average_pool(ops.square(pixels), STRIDE, STRIDE)
        squares = self._surroundings(squares)
        variance = self._surroundings(ops.maximum(squares - ops.square(mean), 0))
        deviation = enlarged(ops.sqrt(variance), STRIDE)
        return (pixels - enlarged(mean, STRIDE)) / (deviation + LEAST_CONTRAST)

    @staticmethod
    def _surroundings(cells):
        return ops.average_pool(cells, WINDOW, 1, padding="same")


class SpaceToDepth(keras.layers.Layer):
    """Makes 2x2 pixels the channels of one place.

    A convolution of a single channel is slow.
    """

    def call(self, pixels):
        """Return (N, H / 2, W / 2, 4) of (N, H, W, 1)."""
        return tf.nn.space_to_depth(pixels, 2)


class Doubled(keras.layers.Layer):
    """Makes each place 2x2 places."""

    def call(self, places):
        """Return (N, 2 H, 2 W, C) of (N, H, W, C)."""
        return enlarged(places, 2)


def enlarged(places, factor):
    """Return places (N, H, W, C), each repeated `factor` times both ways.

    This is one operation in ONNX too, unlike ops.repeat and UpSampling2D.
    """
    size = factor * tf.shape(places)[1:3]
    return tf.raw_ops.ResizeNearestNeighbor(images=places, size=size)


def network(normalised: bool = True) -> keras.Model:
    """Return an untrained network, from pixels (N, H, W, 1), 0 to 255, to answers.

    H and W are multiples of digits.model.reader.MULTIPLE. normalised: whether its
    convolutions are batch-normalised, or have a bias instead, as in an ONNX graph.
    """
    first, second, third, last = FILTERS
    convolved, residual = (
        functools.partial(layer, normalised=normalised)
        for layer in (_convolved, _residual)
    )
    pixels = keras.Input((None, None, 1))
    x = SpaceToDepth()(LocalContrast()(pixels))  # (N, H / 2, W / 2, 4)
    x = convolved(x, first)  # (N, H / 2, W / 2, 24)
    fine = convolved(x, second, stride=2)  # (N, H / 4, W / 4, 64)
    for _ in range(RESIDUALS[0]):
        fine = residual(fine, second)
    x = convolved(fine, third, stride=2)  # (N, H / 8, W / 8, 96)
    for _ in range(RESIDUALS[1]):
        x = residual(x, third)
    x = Doubled()(convolved(x, last, size=1))  # (N, H / 4, W / 4, 64)
    x = keras.layers.ReLU()(x + convolved(fine, last, size=1, active=False))
    x = convolved(x, last)  # (N, H / 4, W / 4, 64)
    bias = np.zeros(OUTPUTS, np.float32)
    bias[PRESENCE] = RARE
    initial = keras.initializers.Constant(bias)
    return keras.Model(
        pixels, keras.layers.Conv2D(OUTPUTS, 1, bias_initializer=initial)(x)
    )


def _convolved(x, filters, size=3, stride=1, active=True, normalised=True):
    """Return x convolved and normalised, and activated if `active`."""
    x = keras.layers.Conv2D(
        filters,
        size,
        stride,
        padding="same",
        use_bias=not normalised,
        kernel_initializer="he_normal",
    )(x)
    if normalised:
        x = FusedBatchNormalization(momentum=0.98)(x)
    return keras.layers.ReLU()(x) if active else x


def _residual(x, filters, normalised):
    """Return x and two convolutions of it added up (He et al., 2016)."""
    y = _convolved(x, filters, normalised=normalised)
    y = _convolved(y, filters, active=False, normalised=normalised)
    return keras.layers.ReLU()(x + y)


class Targets(NamedTuple):
    """What is right for each cell of pieces.

    mark: (N, h, w, 5), the nearest one; distance: (N, h, w) of its middle in cells;
    present: (N, h, w) bool, whether a mark's middle lies in the cell; uncertain: bool,
    whether the cell lies in a mark that is not read for sure.
    """

    mark: tf.Tensor
    distance: tf.Tensor
    present: tf.Tensor
    uncertain: tf.Tensor


def targets(marks: tf.Tensor, middles: tf.Tensor) -> Targets:
    """Return the Targets of marks (N, M, 5), as digits.synthesis.pages makes them.

    middles: (h, w, 2), x and y of the cells' middles, in cells.
    """
    classes = marks[:, None, None, :, 0]
    places = marks[:, None, None, :, 1:3] / STRIDE
    sizes = marks[:, None, None, :, 3:5] / STRIDE
    middles = middles[None, :, :, None]
    apart = tf.abs(middles - places)  # (N, h, w, M, 2)
    distance = tf.where(classes >= 0, tf.norm(apart, axis=-1), 1e3)
    inside = tf.reduce_all(tf.floor(middles) == tf.floor(places), axis=-1)
    within = tf.reduce_all(apart < sizes / 2 + 0.5, axis=-1)
    return Targets(
        tf.gather(marks, tf.argmin(distance, axis=-1), batch_dims=1),
        tf.reduce_min(distance, axis=-1),
        tf.reduce_any(inside & (classes >= 0), axis=-1),
        tf.reduce_any(within & (classes == UNCERTAIN), axis=-1),
    )


def loss_of(answers: tf.Tensor, marks: tf.Tensor) -> tf.Tensor:
    """Return the loss of answers (N, h, w, OUTPUTS) for marks (N, M, 5): a scalar."""
    height, width = answers.shape[1:3]
    columns, rows = (tf.range(side, dtype=tf.float32) + 0.5 for side in (width, height))
    x, y = tf.meshgrid(columns, rows)
    middles = tf.stack([x, y], axis=-1)
    right = targets(marks, middles)
    present = tf.cast(right.present, tf.float32)
    near = tf.cast(right.distance < NEAR, tf.float32)
    presence = tf.nn.sigmoid_cross_entropy_with_logits(present, answers[..., PRESENCE])
    is_open = ~right.present & (right.uncertain | (right.distance < NEAR))
    presence = tf.reduce_sum(tf.where(is_open, 0.0, presence))
    labels = tf.maximum(tf.cast(right.mark[..., 0], tf.int32), 0)
    which = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels, answers[..., CLASSES]
    )
    place = right.mark[..., 1:3] / STRIDE - middles
    size = tf.math.log(tf.maximum(right.mark[..., 3:5], 1.0) / TYPICAL)
    gaps = tf.abs(answers[..., OFFSET] - place) + tf.abs(answers[..., LOG_SIZE] - size)
    weight = tf.maximum(present, NEAR_WEIGHT * near)
    details = weight * (which + SIZE_WEIGHT * tf.reduce_sum(gaps, axis=-1))
    return presence / (tf.reduce_sum(present) + 1) + tf.reduce_sum(details) / (
        tf.reduce_sum(weight) + 1
    )


def distance(answers: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """Return how far answers (N, h, w, OUTPUTS) are from those of another network.

    That is the loss of `loss_of`, of which the others say what is right: a scalar.
    """
    present = tf.sigmoid(others[..., PRESENCE])
    presence = tf.nn.sigmoid_cross_entropy_with_logits(present, answers[..., PRESENCE])
    which = tf.nn.softmax_cross_entropy_with_logits(
        tf.nn.softmax(others[..., CLASSES]), answers[..., CLASSES]
    )
    gaps = sum(
        tf.reduce_sum(tf.abs(answers[..., part] - others[..., part]), axis=-1)
        for part in (OFFSET, LOG_SIZE)
    )
    details = present * (which + SIZE_WEIGHT * gaps)
    return tf.reduce_sum(presence + details) / (tf.reduce_sum(present) + 1)


def moved(pixels: tf.Tensor, marks: tf.Tensor, seed: tf.Tensor):
    """Return pixels (N, HEIGHT, WIDTH, 1) and their marks, a little changed.

    They are stretched, sheared, turned, shifted and lit differently; seed: (2,) int.
    """
    uniform = tf.random.stateless_uniform((9, tf.shape(pixels)[0]), seed, -1, 1)
    across = tf.exp(0.16 * uniform[0])
    down = across * tf.exp(0.08 * uniform[1])
    turn = 0.05 * uniform[3]
    shear = 0.08 * uniform[2] + turn
    middle = tf.constant([(WIDTH - 1) / 2, (HEIGHT - 1) / 2])
    shift = tf.stack([6 * uniform[4], 3 * uniform[5]], axis=1)  # pixels
    matrix = tf.stack([across, shear, -turn, down], axis=1)
    matrix = tf.reshape(matrix, (-1, 2, 2))  # from a new pixel to the old one
    origin = middle + shift - tf.linalg.matvec(matrix, middle)
    rows = tf.concat([matrix, origin[..., None]], axis=2)
    pixels = tf.raw_ops.ImageProjectiveTransformV3(
        images=pixels,
        transforms=tf.pad(tf.reshape(rows, (-1, 6)), [[0, 0], [0, 2]]),
        output_shape=[HEIGHT, WIDTH],
        interpolation="BILINEAR",
        fill_mode="NEAREST",
        fill_value=0.0,
    )
    contrast, light = tf.exp(0.3 * uniform[6]), 20 * uniform[7]
    pixels = (pixels - 128) * contrast[:, None, None, None] + 128
    pixels += light[:, None, None, None]
    noise = tf.random.stateless_normal(tf.shape(pixels), seed + 1)
    pixels += noise * tf.maximum(0.0, 12 * uniform[8] - 4)[:, None, None, None]
    return tf.clip_by_value(pixels, 0, 255), _moved_marks(marks, matrix, middle, shift)


def _moved_marks(marks, matrix, middle, shift):
    """Return marks where `moved` puts them; uncertain where little is still visible."""
    old = marks[..., 1:3] - 0.5 - middle - shift[:, None]
    new = tf.linalg.matvec(tf.linalg.inv(matrix)[:, None], old) + middle + 0.5
    size = marks[..., 3:5] / tf.linalg.diag_part(matrix)[:, None]
    bounds = tf.constant([WIDTH, HEIGHT], tf.float32)
    sides = tf.minimum(new + size / 2, bounds) - tf.maximum(new - size / 2, 0.0)
    area = tf.reduce_prod(tf.maximum(sides, 0.0), axis=-1)
    share = area / tf.maximum(tf.reduce_prod(size, axis=-1), 1e-3)
    classes = marks[..., 0]
    classes = tf.where((classes >= 0) & (share < SEEN), float(UNCERTAIN), classes)
    classes = tf.where(share < HIDDEN, float(NOTHING), classes)
    return tf.concat([classes[..., None], new, size], axis=-1)


def train(
    dataset: Dataset, seed: int, run: Training
) -> tuple[keras.Model, dict, np.ndarray]:
    """Return (network, facts, pages): it has learned from synthetic pages.

    The network is calibrated. The facts are its score on pages of validation images, as
    `score` returns it, and the temperatures of `calibrate`. The pages are those that it
    learned, (N, HEIGHT, WIDTH) uint8. run: keeps the pages, too, which take minutes.
    """

    def drawn():
        with Progress("Drawing pages", PIECES + HELD_OUT) as bar:
            train = dataset.train_images, dataset.train_labels, PIECES
            held_out = dataset.validation_images, dataset.validation_labels, HELD_OUT
            return [
                *pieces(*train, [seed, TRAINING], bar.update),
                *pieces(*held_out, [seed, VALIDATION], bar.update),
            ]

    pictures, marks, *held_out = run.kept("pages", drawn)
    model = fit(pictures, marks, seed, FROM_SCRATCH, run)
    facts = {"score": score(model, *held_out)}
    facts["temperatures"] = calibrate(model, *held_out)
    return model, facts, pictures


def score(model: keras.Model, pictures: np.ndarray, marks: np.ndarray) -> dict:
    """Return how well a network reads pieces, as digits.synthesis.pages makes them.

    digits: how many there are; found: the share that is found; right: the share that is
    found and told right; made_up: how many digits are read where there is none, as a
    share of those that are there.
    """
    read, shown = read_marks(model, pictures, marks)
    is_read = read.presence >= LIKELY
    is_digit = (shown >= 0) & (shown < len(DIGITS)) & is_read
    is_none = (shown == NOTHING) | (shown >= len(DIGITS))
    digits = ((marks[..., 0] >= 0) & (marks[..., 0] < len(DIGITS))).sum()
    return {
        "digits": int(digits),
        "found": float(is_digit.sum() / digits),
        "right": float((is_digit & (read.labels == shown)).sum() / digits),
        "made_up": float((read.are_digits & is_read & is_none).sum() / digits),
    }


def calibrate(
    model: keras.Model, pictures: np.ndarray, marks: np.ndarray
) -> tuple[float, float]:
    """Divide a network's logits by the temperatures that fit pieces, and return these.

    They are that of presence and that of the classes (Guo et al., On calibration of
    modern neural networks, 2017), 1 where nothing is found. pictures and marks are
    digits.synthesis.pages'.
    """
    read, shown = read_marks(model, pictures, marks)
    if not (shown >= 0).any():
        return 1.0, 1.0
    is_sure = shown != UNCERTAIN
    presence = np.clip(read.presence[is_sure], 1e-6, 1 - 1e-6)
    presence = np.log(presence / (1 - presence))
    logits = np.column_stack([np.zeros_like(presence), presence])
    of_presence = fit_temperature(logits, (shown[is_sure] >= 0).astype(int))
    classes = np.log(read.probabilities[shown >= 0] + np.float32(1e-9))
    of_classes = fit_temperature(classes, shown[shown >= 0])
    kernel, bias = model.layers[-1].get_weights()
    factors = np.ones(OUTPUTS, np.float32)
    factors[PRESENCE], factors[CLASSES] = 1 / of_presence, 1 / of_classes
    model.layers[-1].set_weights([kernel * factors, bias * factors])
    return of_presence, of_classes


def read_marks(
    model: keras.Model, pictures: np.ndarray, marks: np.ndarray
) -> tuple[Marks, np.ndarray]:
    """Return all Marks that a network finds in pieces, and what each of them shows.

    That is (N,) int: the class of the mark that is there, UNCERTAIN, or NOTHING.
    """
    found, shown = [], []
    for start in range(0, len(pictures), BATCH):
        batch = slice(start, start + BATCH)
        answers = np.asarray(model(pictures[batch, ..., None], training=False))
        for one, own in zip(answers, marks[batch], strict=True):
            found.append(distinct(peaks(one, border=0)))
            shown.append(_shown(found[-1], own))
    joined = Marks(*map(np.concatenate, zip(*found, strict=True)))
    return joined, np.concatenate(shown)


def _shown(read, marks):
    """Return what each of the Marks of a piece shows."""
    uncertain = marks[marks[:, 0] == UNCERTAIN]
    apart = np.abs(read.middles[:, None] - uncertain[None, :, 1:3])
    is_open = (apart < uncertain[None, :, 3:5] / 2 + STRIDE).all(axis=2).any(axis=1)
    shown = np.where(is_open, UNCERTAIN, NOTHING)
    for label, *middle, _, height in marks[marks[:, 0] >= 0]:
        distances = np.hypot(*(read.middles - middle).T)
        near = (distances < max(STRIDE, FAR * height)) & (shown < 0)
        # What is not read counts only where nothing else is there.
        distances[~near] = np.inf
        distances[read.presence < LIKELY] += FAR * HEIGHT
        if near.any():
            shown[distances.argmin()] = int(label)
    return shown


def fit(
    pictures: np.ndarray,
    marks: np.ndarray,
    seed: int,
    course: Course,
    run: Training,
) -> keras.Model:
    """Return a network trained on pieces, as digits.synthesis.pages makes them.

    run: gets a row for each epoch.
    """
    keras.utils.set_random_seed(seed)
    model, batches = network(), len(pictures) // BATCH
    schedule = OneCycle(course.learning_rate, course.epochs * batches, WARM_UP)
    optimizer = muon(schedule, WEIGHT_DECAY, course.average_decay, NEWTON_SCHULZ_STEPS)
    optimizer.build(model.trainable_variables)

    @tf.function
    def learn(pixels, marks, step_seed):
        pixels, marks = moved(tf.cast(pixels, tf.float32), marks, step_seed)
        with tf.GradientTape() as tape:
            loss = loss_of(model(pixels, training=True), marks)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(
            zip(gradients, model.trainable_variables, strict=True)
        )
        return loss

    run.track("reader", [*model.variables, *optimizer.variables])
    for epoch in run.epochs(1, course.epochs):
        order = np.random.default_rng([seed, epoch]).permutation(len(pictures))
        losses = list(run.place.sums)
        with Progress(f"Reader, epoch {epoch + 1}/{course.epochs}", batches) as bar:
            bar.update(run.place.step)
            for batch in range(run.place.step, batches):
                chosen = order[batch * BATCH : (batch + 1) * BATCH]
                step_seed = tf.constant([seed, epoch * batches + batch])
                loss = learn(pictures[chosen, ..., None], marks[chosen], step_seed)
                losses.append(float(loss))
                bar.update(1, f"loss {np.mean(losses[-100:]):.3f}")
                run.step(losses)
        row = {"epoch": epoch + 1, "loss": float(np.mean(losses))}
        run.rows.append(row | {"seconds": run.seconds()})
    optimizer.finalize_variable_values(model.trainable_variables)
    return model
