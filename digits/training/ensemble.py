"""Networks whose answers are averaged, and what each is given of an image."""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from digits.experiment import results
from digits.mnist import Dataset
from digits.model import geometry
from digits.model.calibration import fit_temperature, negative_log_likelihood
from digits.model.classifier import in_batches
from digits.training.export import PIXELS


class Ensemble:
    """Maps pixels (N, 28, 28, 1) to the mean of the logits of one or more networks.

    networks: functions from pixels to logits (N, classes), with the attributes `view`,
    `classes` and `variables`. Logits divided by `temperature` are calibrated.
    """

    def __init__(self, networks: Sequence[Any]):
        self.networks, self.classes = networks, networks[0].classes
        self.temperature = 1.0
        self.variables = {
            f"network{number}/{name}": variable
            for number, network in enumerate(networks, 1)
            for name, variable in network.variables.items()
        }
        self._infer = tf.function(self.__call__, input_signature=[PIXELS])

    def __call__(self, pixels: tf.Tensor) -> tf.Tensor:
        """Return logits (N, classes)."""
        views = {network.view for network in self.networks}
        pixels_of = {view: in_view(pixels, view) for view in sorted(views)}
        logits = [network(pixels_of[network.view]) for network in self.networks]
        return tf.add_n(logits) / len(logits)

    def probabilities(self, pixels: tf.Tensor) -> tf.Tensor:
        """Return calibrated probabilities (N, classes)."""
        return tf.nn.softmax(self(pixels) / self.temperature)

    def calibrate(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Fit the temperature to held-out images (N, 28, 28) uint8 and labels (N,)."""
        self.temperature = fit_temperature(self.logits(images), labels)

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Return logits (N, classes) float32 of images (N, 28, 28) uint8."""
        return in_batches(lambda x: self._infer(x).numpy(), images, self.classes)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Return the digits (N,) of images (N, 28, 28) uint8."""
        return self.logits(images)[:, :10].argmax(axis=1)

    def validate(self, dataset: Dataset, label: str) -> tuple[float, float]:
        """Return loss and accuracy (0 to 1) on the validation images; print it."""
        labels = dataset.validation_labels
        logits = self.logits(dataset.validation_images)
        errors = int((logits[:, :10].argmax(axis=1) != labels).sum())
        text = results.accuracy_text(errors, len(labels))
        print(f"{label}: validation {text}", file=sys.stderr)
        return float(negative_log_likelihood(logits, labels)), 1 - errors / len(labels)

    def validation_summary(self, dataset: Dataset, label: str, seconds: float) -> dict:
        """Return what a summary says of the validation after training for `seconds`."""
        loss, accuracy = self.validate(dataset, label)
        return {
            "validation_loss": loss,
            "validation_accuracy": accuracy,
            "seconds": seconds,
        }


def score_seeds(ensemble: Ensemble, seeds: range, dataset: Dataset, rows: list) -> list:
    """Return a dict for each seed: how its own networks of an ensemble read.

    rows: of the training's results.History. Its seconds count from the start of the
    first seed's training.
    """
    scores = []
    views, epochs = (len(part) // len(seeds) for part in (ensemble.networks, rows))
    for number, seed in enumerate(seeds, 1):
        own = Ensemble(ensemble.networks[(number - 1) * views : number * views])
        seconds = rows[number * epochs - 1]["seconds"]
        validation = own.validation_summary(dataset, f"Seed {seed}", seconds)
        predictions = own.predict(dataset.test_images)
        score = results.tally(dataset.test_labels, predictions)
        scores.append({"seed": seed, "validation": validation} | score)
        print(f"seed {seed} test accuracy: {score['test']}")
    return scores


def in_view(pixels: tf.Tensor, view: str) -> tf.Tensor:
    """Return what a network of a view is given of pixels (N, 28, 28, 1), 0 to 255.

    view: "plain" for the pixels as they are, "upright" for geometry.upright's.
    """
    return (
        pixels if view == "plain" else geometry.upright(pixels, tf.experimental.numpy)
    )


def images_in_view(images: np.ndarray, view: str) -> np.ndarray:
    """Return images (N, 28, 28) uint8 as `in_view` gives them, rounded to uint8."""
    if view == "plain":
        return images

    @tf.function(input_signature=[PIXELS])
    def rounded(pixels):
        return tf.reshape(tf.round(in_view(pixels, view)), (-1, 28 * 28))

    flat = in_batches(lambda pixels: rounded(pixels).numpy(), images, 28 * 28)
    return flat.astype(np.uint8).reshape(images.shape)
