"""Any Keras network as a classifier of digits with calibrated probabilities."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from digits import UserError
from digits.mnist import Dataset
from digits.model.calibration import fit_temperature
from digits.model.classifier import DIGITS, Classifier, in_batches
from digits.training.export import PIXELS, to_onnx

TINY = 1e-30  # keeps a logarithm finite
SCALE_IMAGES = 1_000  # on which 0 to 1 and 0 to 255 are tried


class KerasClassifier:
    """Maps pixels to the calibrated probabilities of the ten digits.

    A network without a Rescaling or Normalization layer of its own is taken to expect
    ink from 0 to 1 (until `fit_scale` has tried both), and one whose outputs are not
    all within 0 to 1 to give logits.
    Raises UserError, with `name` in it, if it does not map 784 numbers to 10.
    """

    def __init__(self, model: keras.Model, name: str | Path = "the network"):
        self.model, self.name, self.temperature = model, name, 1.0
        inputs, outputs = model.input_shape, model.output_shape
        sizes = [side for side in inputs[1:] if isinstance(side, int)]
        if len(sizes) != len(inputs) - 1 or np.prod(sizes) != 28 * 28:
            raise UserError(f"{name}: takes {inputs}, not 28x28 pixels")
        if outputs != (None, len(DIGITS)):
            raise UserError(f"{name}: gives {outputs}, not {len(DIGITS)} classes")
        scalings = keras.layers.Rescaling, keras.layers.Normalization
        self.is_scaled = any(isinstance(layer, scalings) for layer in layers_of(model))
        self.scale = 1 if self.is_scaled else 1 / 255
        noise = np.random.default_rng(0).uniform(0, 255, (8, 28, 28, 1))
        outputs = self._outputs(tf.constant(noise, tf.float32)).numpy()
        self.gives_logits = outputs.min() < 0 or outputs.max() > 1

    def _outputs(self, pixels):
        shape = (-1, *self.model.input_shape[1:])
        outputs = self.model(tf.reshape(pixels * self.scale, shape), training=False)
        return tf.cast(outputs, tf.float32)  # of a model of another precision too

    def __call__(self, pixels: tf.Tensor) -> tf.Tensor:
        """Return (N, 10) probabilities of pixels (N, 28, 28, 1), 0 to 255."""
        outputs = self._outputs(pixels)
        if not self.gives_logits:
            outputs = tf.math.log(outputs + TINY)
        return tf.nn.softmax(outputs / self.temperature)

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return (N, 10) float32 of images (N, 28, 28) uint8."""
        infer = tf.function(self, input_signature=[PIXELS])
        return in_batches(lambda x: infer(x).numpy(), images, len(DIGITS))

    def fit_scale(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Take a network without such a layer to expect the ink that fits it better.

        images: held-out ones (N, 28, 28) uint8; labels: (N,).
        """
        if self.is_scaled:
            return
        right = {}
        for self.scale in (1 / 255, 1):  # in a tie the first counts
            guesses = self.probabilities(images).argmax(axis=1)
            right[self.scale] = (guesses == labels).sum()
        self.scale = max(right, key=right.__getitem__)

    def calibrate(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Fit the temperature to held-out images (N, 28, 28) uint8 and labels (N,)."""
        self.temperature = 1.0
        logits = np.log(self.probabilities(images) + TINY)
        self.temperature = fit_temperature(logits, labels)

    def to_onnx(self) -> bytes:
        """Return the ONNX graph that does what a call does.

        Raises UserError where a Classifier cannot run it: tf2onnx may know no operator
        for a layer, or one that no model file may have.
        """
        graph = to_onnx(self)
        Classifier(graph, self.name).probabilities(np.zeros((1, 28, 28), np.uint8))
        return graph


def fit_scale(classifier: Any, path: str | Path, dataset: Dataset) -> None:
    """Find out which ink the Keras model of a file expects, and say it on stderr.

    classifier: a KerasClassifier; any other stays as it is.
    """
    if isinstance(classifier, KerasClassifier):
        images, labels = dataset.validation_images, dataset.validation_labels
        classifier.fit_scale(images[:SCALE_IMAGES], labels[:SCALE_IMAGES])
        ink = "0 to 255" if classifier.scale == 1 else "0 to 1"
        print(f"{path}: expects ink from {ink}", file=sys.stderr)


def layers_of(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Yield the layers of a model, and those of the models among them."""
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from layers_of(layer)
