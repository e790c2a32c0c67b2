"""From TensorFlow functions to the ONNX graphs in a model file."""

import argparse
import logging
from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tf2onnx
from tf2onnx.optimizer import transpose_optimizer

from digits.mnist import Dataset
from digits.model.calibration import rejection
from digits.model.classifier import Classifier
from digits.training import renderings
from digits.training.ordered_set import OrderedSet

PIXELS = tf.TensorSpec((None, 28, 28, 1), tf.float32, name="pixels")  # 0 to 255
PICTURES = tf.TensorSpec((None, None, None, 1), tf.float32, name="pixels")  # 0 to 255

# tf2onnx goes through sets. Their order differs from process to process, and so would
# the graph: its names, its order, even the number of its nodes.
for module in (tf2onnx.graph, transpose_optimizer):
    module.set = OrderedSet  # pyright: ignore


def to_onnx(probabilities: Callable[[tf.Tensor], tf.Tensor]) -> bytes:
    """Return the graph of a function from PIXELS to probabilities (N, classes)."""
    return _graph_of(probabilities, PIXELS)


def reader_to_onnx(model: Callable[..., tf.Tensor]) -> bytes:
    """Return the graph that digits.model.reader.Reader takes.

    model: as digits.training.reader_network makes it, from PICTURES to answers.
    """
    return _graph_of(lambda pixels: model(pixels, training=False), PICTURES)


def _graph_of(function, signature):
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    graph, _ = tf2onnx.convert.from_function(
        tf.function(function), input_signature=[signature]
    )
    return graph.SerializeToString()


def graphs_of(
    ensemble: Any, quick: Any, dataset: Dataset, args: argparse.Namespace
) -> tuple[tuple[bytes, bytes], dict]:
    """Return both graphs of tf_cnn.py's Ensembles, calibrated, and facts about them.

    quick: an Ensemble or None, whose graph is then empty. The facts are for a summary:
    the temperature and, of a quick Ensemble, how well both together reject non-digits.
    """
    held_out = renderings.calibration_set(dataset, args.augmentation, args.seed)
    ensemble.calibrate(*held_out)
    graph, quick_graph = to_onnx(ensemble.probabilities), b""
    facts = {"temperature": ensemble.temperature}
    if quick:
        quick.calibrate(*held_out)
        quick_graph = to_onnx(quick.probabilities)
        images, labels = renderings.rejection_set(dataset, args.seed)
        probabilities = Classifier(graph, quick=quick_graph).probabilities(images)
        facts["rejection"] = rejection(probabilities, labels)
    return (graph, quick_graph), facts
