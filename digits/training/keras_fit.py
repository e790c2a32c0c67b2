"""Keras's training, in steps that a run which was cut off can go on with."""

# Keras's functions and attributes have no types: pyright takes them for None.
# pyright: reportOptionalSubscript=false, reportOptionalMemberAccess=false
# pyright: reportOptionalOperand=false, reportOperatorIssue=false
# pyright: reportArgumentType=false

import argparse
import math
import sys

import keras
import numpy as np

from digits.experiment import results
from digits.experiment.resume import Training
from digits.model.classifier import DIGITS
from digits.terminal.progress import Progress

Examples = tuple[np.ndarray, np.ndarray]


def steps_of(count: int, args: argparse.Namespace, cycles: int = 1) -> int:
    """Return the steps of a cycle over a count of images; cycles: in a pass."""
    return max(1, math.ceil(count / args.batch_size) // cycles)


def has_reached(target_accuracy: float | None, history: results.History) -> bool:
    """Tell whether the newest row, if any, has an accuracy in per cent, if any."""
    if target_accuracy is None or not history.rows:
        return False
    # Rounded, since Keras's accuracy is float32.
    return round(100 * history.rows[-1]["validation_accuracy"], 3) >= target_accuracy


def fit(
    learner: keras.Model,
    training: Examples,
    validation: Examples,
    args: argparse.Namespace,
    run: Training,
    cycles: int = 1,
) -> results.History:
    """Train a compiled keras.Model on images and labels (N,); return the history.

    validation: images and labels, read with the averaged weights after each cycle;
    cycles: in a pass over the training images. At args.target_accuracy, if that is
    given, the training ends. Keras's own fit cannot go on in the middle of an epoch.
    """
    optimizer = learner.optimizer
    optimizer.build(learner.trainable_variables)
    run.track("network", [*learner.variables, *optimizer.variables])
    history = results.History(args.tensorboard, run.rows, run.start)
    images, labels = validation
    # A resumed run may have reached its target.
    count = 0 if has_reached(args.target_accuracy, history) else cycles * args.epochs
    for cycle in run.epochs(1, count):
        if has_reached(args.target_accuracy, history):
            break
        number = (cycle + 1) / cycles if cycles > 1 else cycle + 1
        label = f"Epoch {number:g}/{args.epochs}"
        scores = _train_cycle(learner, training, args, run, cycle, cycles, label)
        found = learner.evaluate(
            images,
            one_hot(labels),
            batch_size=1000,  # large: every batch has a fixed cost
            verbose=0,
            callbacks=[keras.callbacks.SwapEMAWeights()],
            return_dict=True,
        )
        history.add(number, scores, (found["loss"], found["accuracy"]))
        errors = round((1 - found["accuracy"]) * len(labels))
        text = results.accuracy_text(errors, len(labels))
        print(f"{label}: validation {text}", file=sys.stderr)
    optimizer.finalize_variable_values(learner.trainable_variables)
    return history


def _train_cycle(learner, training, args, run, cycle, cycles, label):
    """Make a part of a pass over the images; return the mean loss and accuracy."""
    images, labels = training
    size, steps = args.batch_size, steps_of(len(images), args, cycles)
    order = np.random.default_rng([args.seed, cycle // cycles]).permutation(len(images))
    order = np.roll(order, -(cycle % cycles) * steps * size)
    loss_sum, right, done = run.place.sums or (0.0, 0.0, 0)
    with Progress(label, steps) as bar:
        bar.update(run.place.step)
        for step in range(run.place.step, steps):
            chosen = order[step * size : (step + 1) * size]
            found = learner.train_on_batch(
                images[chosen], one_hot(labels[chosen]), return_dict=True
            )
            loss_sum += len(chosen) * float(found["loss"])
            right += len(chosen) * float(found["accuracy"])
            done += len(chosen)
            bar.update(1, f"loss {loss_sum / done:.4f} accuracy {right / done:.2%}")
            run.step([loss_sum, right, done])
    return loss_sum / done, right / done


def one_hot(labels: np.ndarray) -> np.ndarray:
    """Return labels (N,) as (N, 10) float32, 1 for the digit and else 0."""
    return np.eye(len(DIGITS), dtype=np.float32)[labels]
