"""The images that a network learns from, is calibrated on and is tested with.

With --augmentation real they include renderings of MNIST's digits, and of what is no
digit, as reading finds them in other people's pictures (digits.synthesis).
"""

import numpy as np

from digits.experiment.resume import Training
from digits.mnist import Dataset
from digits.model.classifier import DIGITS, NO_DIGIT
from digits.synthesis.render import render, with_renderings

CLASSES = {"mnist": DIGITS, "real": DIGITS + NO_DIGIT}  # by --augmentation
RENDERINGS = 2  # of each training image
TRAINING, VALIDATION, TEST = range(3)  # each draws its own pens, paper and junk

Examples = tuple[np.ndarray, np.ndarray]


def training_set(
    dataset: Dataset, augmentation: str, seed: int, run: Training
) -> Examples:
    """Return images (N, 28, 28) uint8 and labels (N,) uint8 to learn from.

    run: keeps the renderings, which take minutes.
    """
    examples = dataset.train_images, dataset.train_labels
    if augmentation == "mnist":
        return examples
    seeds = [[seed, TRAINING, rendering] for rendering in range(RENDERINGS)]
    images, labels = run.kept("renderings", lambda: with_renderings(*examples, seeds))
    return images, labels


def calibration_set(dataset: Dataset, augmentation: str, seed: int) -> Examples:
    """Return held-out images (N, 28, 28) uint8 and labels (N,) uint8."""
    examples = dataset.validation_images, dataset.validation_labels
    if augmentation == "mnist":
        return examples
    return with_renderings(*examples, [[seed, VALIDATION]])


def rejection_set(dataset: Dataset, seed: int) -> Examples:
    """Return renderings (N, 28, 28) uint8 of the test images and labels (N,) uint8."""
    return render(dataset.test_images, dataset.test_labels, [seed, TEST])
