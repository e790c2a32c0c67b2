"""Train a convolutional network on MNIST in Keras.

    python3 CNN_MNIST.py                                # trains and tests
    python3 CNN_MNIST.py --save_model 1 --save_weights cnn_weights.hdf5
    python3 CNN_MNIST.py --load_model 1 --save_weights cnn_weights.hdf5

The last line loads a file and tests it, training nothing; it reads what Keras 2 and 3
wrote, whole models and weights. With --save_model 1 too, the file gets what
load_model.py needs to read pictures with it.
"""

import io
import json
import logging
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from digits import UserError, cli, files, mnist, network, results
from digits.calibration import fit_temperature, softmax
from digits.lazy import LazyModule

tf = LazyModule("tensorflow")
keras = LazyModule("keras")

SCRIPT = "CNN_MNIST.py"
CLASSES = 10
DROPOUT = 0.4
LABEL_SMOOTHING = 0.05
PEAK_LEARNING_RATE = 0.004
WARM_UP = 0.2  # share of the steps
WEIGHT_DECAY = 0.01
TEST_BATCH = 1000
# Augmentation, each way and uniform; shares of a turn or of the picture's side.
ROTATION, ZOOM, SHEAR, SHIFT = 12 / 360, 0.12, 0.1, 2.5 / 28


def build_network(filters, dense_layers, activation):
    """Return a keras.Model from pixels (N, 28, 28, 1), 0 to 255, to logits (N, 10).

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
    return keras.Model(inputs, layers.Dense(CLASSES, name="logits")(x), name="CNN_MNIST")


def augmentation():
    """Return Keras's augmentation layers, which act in training only."""
    layers = keras.layers
    options = {"fill_mode": "constant", "fill_value": 0}
    return [
        layers.RandomRotation(ROTATION, **options),
        layers.RandomZoom(ZOOM, ZOOM, **options),
        layers.RandomShear(SHEAR, SHEAR, **options),
        layers.RandomTranslation(SHIFT, SHIFT, **options),
    ]
