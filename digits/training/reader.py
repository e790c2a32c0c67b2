"""The reader of pages learns from pieces of synthetic pages (digits.synthesis.page)."""

from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from digits.experiment.resume import Training
from digits.mnist import Dataset
from digits.synthesis.pages import pieces
from digits.terminal.progress import Progress
from digits.training import reader_network, reader_score
from digits.training.optimizer import OneCycle, muon
from digits.training.page_augmentation import augmented
from digits.training.reader_loss import loss_of

PIECES, BATCH = 100_000, 128
WARM_UP = 0.15  # share of the steps
WEIGHT_DECAY = 0.05
NEWTON_SCHULZ_STEPS = 3  # of Muon: fewer than its 5 save time
HELD_OUT = 2_000  # pieces
TRAINING, VALIDATION = 3, 4  # of the seeds of what is drawn; renderings have 0 to 2


class Course(NamedTuple):
    """How a network learns.

    epochs: passes over the pieces; learning_rate: Muon's, at its peak; average_decay:
    of the averaged weights, per step.
    """

    epochs: int
    learning_rate: float
    average_decay: float


FROM_SCRATCH = Course(epochs=9, learning_rate=0.03, average_decay=0.995)


def train(
    dataset: Dataset, seed: int, run: Training
) -> tuple[keras.Model, dict, np.ndarray]:
    """Return (network, facts, pages): it has learned from synthetic pages.

    The network is calibrated. The facts are its score on pages of validation images and
    the temperatures of its calibration, as digits.training.reader_score returns them.
    The pages are those that it learned, (N, HEIGHT, WIDTH) uint8. run: keeps the pages,
    too, which take minutes.
    """

    def drawn():
        with Progress("Drawing pages", PIECES + HELD_OUT) as bar:
            learned = dataset.train_images, dataset.train_labels, PIECES
            others = dataset.validation_images, dataset.validation_labels, HELD_OUT
            return [
                *pieces(*learned, [seed, TRAINING], bar.update),
                *pieces(*others, [seed, VALIDATION], bar.update),
            ]

    pictures, marks, *held_out = run.kept("pages", drawn)
    model = fit(pictures, marks, seed, FROM_SCRATCH, run)
    facts: dict[str, Any] = {"score": reader_score.score(model, *held_out)}
    facts["temperatures"] = reader_score.calibrate(model, *held_out)
    return model, facts, pictures


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
    model, batches = reader_network.network(), len(pictures) // BATCH
    schedule = OneCycle(course.learning_rate, course.epochs * batches, WARM_UP)
    optimizer = muon(schedule, WEIGHT_DECAY, course.average_decay, NEWTON_SCHULZ_STEPS)
    optimizer.build(model.trainable_variables)

    @tf.function(autograph=False)  # there is nothing to convert, which takes long
    def learn(pixels, marks, step_seed):
        pixels, marks = augmented(tf.cast(pixels, tf.float32), marks, step_seed)
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
