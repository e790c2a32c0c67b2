"""Let the networks of a model file learn pictures, and forget little of the others.

The digit networks and the reader of pages learn examples of one's own, and beside them
MNIST's images and synthetic pages. benchmarks/own_hand.py measures what that brings.
"""

import argparse
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from digits import UserError, mnist
from digits.model.calibration import negative_log_likelihood
from digits.model.classifier import NO_DIGIT_LABEL, Classifier
from digits.model.reader import Reader
from digits.reading.pipeline import Networks
from digits.synthesis.pages import NOTHING, pieces
from digits.synthesis.render import with_renderings
from digits.terminal.progress import Progress
from digits.training import (
    export,
    network_file,
    own_pictures,
    reader_file,
    reader_loss,
    reader_score,
)
from digits.training.ensemble import Ensemble, images_in_view
from digits.training.optimizer import OneCycle
from digits.training.own_pictures import Example
from digits.training.page_augmentation import augmented
from digits.training.reader import HELD_OUT, VALIDATION

OWN_IMAGES, OTHER_IMAGES = 32, 224  # of a digit network's step
OWN_PIECES, OTHER_PIECES = 16, 48  # of a reader's step
PIECES = 3_000  # other pieces that are drawn
OTHERS = 4_000  # MNIST's images whose digits are learned beside, as pages …
RENDERED = 2_000  # … and of these as they are, and rendered
RATE = 3e-5  # of the digit networks' learning, with Adam, at its peak
WARM_UP = 0.2  # share of the steps
FORMER_WEIGHT = 3.0  # of the loss against the reader's former answers
SHARES = 1.0, 0.8, 0.6, 0.3, 0.0  # of the way from former to learned weights
CHECKED_IMAGES = 2_000  # MNIST's, which choose one of SHARES for a digit network …
HIGHER_LOSS = 1.01  # … by its loss, so many times as high at most
WORSE_PAGES = 0.003  # share of the digits of held-out pages, at most; it chooses, too
DRAWN = 5  # of the seed of all that is drawn: other than in training


class OwnCourse(NamedTuple):
    """How networks learn pictures of one's own.

    image_steps: of each digit network; steps and rate: of the reader, the rate at its
    peak; share: how far the reader goes of the way to what it has learned; None goes as
    far as little is lost.
    """

    image_steps: int
    steps: int
    rate: float
    share: float | None = None

    def of_half(self, share: float) -> "OwnCourse":
        """Return that of half the pictures, which sees each as often, with a share."""
        return OwnCourse(self.image_steps // 2, self.steps // 2, self.rate, share)


class Trained(NamedTuple):
    """An Ensemble of digit networks, and a reader's network.

    share: of the way from its former to its learned weights, how far the reader went.
    """

    ensemble: Ensemble
    reader: keras.Model
    share: float = 0.0


class Graphs(NamedTuple):
    """The ONNX graphs of Trained networks, as model_file.save takes them."""

    onnx: bytes
    reader: bytes
    float_reader: bytes

    def networks(self) -> Networks:
        """Return what reads pictures with them."""
        return Networks(Classifier(self.onnx), Reader(self.reader))


class FineTuner:
    """Lets the networks of a model file learn examples.

    path: the file's; network, augment: tf_cnn.py's. Raises UserError if tf_cnn.py did
    not save the file, or it has no reader, or its digit networks know no 'no digit'.
    """

    def __init__(self, path: str | Path, args: argparse.Namespace, network, augment):
        self.path, self.seed = path, args.seed
        self.network, self.augment = network, augment
        self.stored = reader_file.read_networks(path)
        self.former = self.restored()
        self.dataset = mnist.load("mnist", args.data_dir)
        images, labels = self.dataset.train_images, self.dataset.train_labels
        order = np.random.default_rng(self.seed).permutation(len(images))
        # MNIST's images and labels that are learned beside, and that are checked.
        self.others, self.checked = (
            (images[chosen], labels[chosen])
            for chosen in (order[:OTHERS], order[-CHECKED_IMAGES:])
        )

    @functools.cached_property
    def images(self) -> np.ndarray:
        """MNIST's images (N, 28, 28) uint8 that are learned beside, and renderings."""
        images, labels = (part[:RENDERED] for part in self.others)
        return with_renderings(images, labels, [[self.seed, DRAWN]])[0]

    @functools.cached_property
    def pages(self) -> np.ndarray:
        """Synthetic pieces (PIECES, HEIGHT, WIDTH) uint8 that are learned beside."""
        return self._pages(*self.others, PIECES, DRAWN)[0]

    @functools.cached_property
    def held_out(self) -> tuple[np.ndarray, np.ndarray]:
        """Pieces and their marks that are scored before and after."""
        images, labels = self.dataset.validation_images, self.dataset.validation_labels
        return self._pages(images, labels, HELD_OUT, VALIDATION)

    def _pages(self, images, labels, count, number):
        with Progress("Drawing pages", count) as bar:
            return pieces(images, labels, count, [self.seed, number], bar.update)

    def restored(self) -> Trained:
        """Return the networks of the file."""
        attributes = self.stored["attributes"]
        ensemble = network_file.restore(self.path, attributes, self.network)
        if ensemble.classes <= NO_DIGIT_LABEL:
            raise UserError(
                f"{self.path}: its digit networks know no 'no digit'; --own needs "
                "those of --augmentation real"
            )
        ensemble.temperature = network_file.temperature_of(self.path, attributes)
        return Trained(ensemble, reader_file.restore(self.path))

    def learn(self, examples: Sequence[Example], course: OwnCourse) -> Trained:
        """Return the networks of the file, after they have learned examples.

        Of other pictures they learn the answers that they gave before (Li & Hoiem,
        Learning without forgetting, 2016).
        """
        trained, former = self.restored(), self.former
        random = np.random.default_rng([self.seed, len(examples)])
        self._learn_pieces(trained.reader, examples, course, random)
        least = self.before["pages_right"] - WORSE_PAGES
        share = go_back(
            trained.reader.trainable_variables,
            former.reader.trainable_variables,
            lambda: self.pages_right(trained.reader) >= least,
            SHARES if course.share is None else [course.share],
        )
        trained = trained._replace(share=share)
        alone = [example for example in examples if example.image is not None]
        if not alone:
            return trained
        for network, old, most in zip(
            trained.ensemble.networks,
            former.ensemble.networks,
            self._highest_losses,
            strict=True,
        ):
            self._learn_images(network, old, alone, course.image_steps, random)
            go_back(
                network.trainable,
                old.trainable,
                lambda network=network, most=most: self._mean_loss(network) <= most,
            )
        return trained

    def graphs_of(self, trained: Trained) -> Graphs:
        """Return the Graphs of networks; the reader is quantised on synthetic pages."""
        return Graphs(
            export.to_onnx(trained.ensemble.probabilities),
            **reader_file.graphs_of(trained.reader, self.pages),
        )

    @functools.cached_property
    def _highest_losses(self):
        return [
            HIGHER_LOSS * self._mean_loss(network)
            for network in self.former.ensemble.networks
        ]

    def _mean_loss(self, network):
        """Return the loss of a digit network on other training images."""
        images, labels = self.checked
        logits = Ensemble([network]).logits(images)
        return negative_log_likelihood(logits, labels)

    def pages_right(self, model: keras.Model) -> float:
        """Return the share of the digits of held-out pages that a reader gets right."""
        return reader_score.score(model, *self.held_out)["right"]

    def others_read(self, trained: Trained) -> dict[str, float]:
        """Return how other pictures are read.

        Those are MNIST's validation images, of which errors are counted, and synthetic
        pages, of whose digits the share is given that is right.
        """
        images = self.dataset.validation_images
        wrong = trained.ensemble.predict(images) != self.dataset.validation_labels
        pages_right = self.pages_right(trained.reader)
        return {"mnist_errors": int(wrong.sum()), "pages_right": pages_right}

    @functools.cached_property
    def before(self) -> dict[str, float]:
        """How the networks of the file read other pictures, as `others_read` says."""
        return self.others_read(self.former)

    def _learn_pieces(self, model, examples, course, random):
        """Let a reader of pages learn pieces of examples."""
        steps = course.steps
        own, marks = own_pictures.pieces(examples, steps * OWN_PIECES, random)
        own = own.reshape(steps, OWN_PIECES, *own.shape[1:])
        marks = marks.reshape(steps, OWN_PIECES, *marks.shape[1:])
        order = random.integers(len(self.pages), size=(steps, OTHER_PIECES))
        nothing = np.full((OTHER_PIECES, *marks.shape[2:]), NOTHING, np.float32)

        def loss_of(step_seed, pixels, marks):
            pixels, marks = augmented(tf.cast(pixels, tf.float32), marks, step_seed)
            answers, old = model(pixels), self.former.reader(pixels[OWN_PIECES:])
            learned = reader_loss.loss_of(answers[:OWN_PIECES], marks[:OWN_PIECES])
            return learned + FORMER_WEIGHT * reader_loss.distance(
                answers[OWN_PIECES:], old
            )

        def batches():
            for step, chosen in enumerate(order):
                pictures = np.concatenate([own[step], self.pages[chosen]])
                yield pictures[..., None], np.concatenate([marks[step], nothing])

        self._descend(
            "Reader",
            model.trainable_variables,
            course.rate,
            loss_of,
            batches(),
            steps,
        )

    def _learn_images(self, network, former, examples, steps, random):
        """Let a digit network learn the images of examples."""
        labels = np.array([example.label for example in examples])
        images, others = (
            images_in_view(part, network.view)[..., None]
            for part in (np.stack([one.image for one in examples]), self.images)
        )

        def loss_of(step_seed, pixels, labels):
            pixels = self.augment(pixels, step_seed)
            targets = tf.concat(
                [
                    tf.one_hot(labels, network.classes),
                    tf.nn.softmax(former(pixels[OWN_IMAGES:])),
                ],
                axis=0,
            )
            logits = network(pixels)
            losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
            return tf.reduce_mean(losses)

        def batches():
            for _ in range(steps):
                own = random.integers(len(images), size=OWN_IMAGES)
                other = random.integers(len(others), size=OTHER_IMAGES)
                yield np.concatenate([images[own], others[other]]), labels[own]

        kernels = [v for v in network.trainable if v.shape.rank > 1]
        self._descend("Digit network", kernels, RATE, loss_of, batches(), steps)

    def _descend(self, label, variables, rate, loss_of, batches, steps):
        """Change variables step by step, so that the loss of batches falls."""
        optimizer = keras.optimizers.Adam(
            OneCycle(rate, steps, WARM_UP)  # pyright: ignore
        )
        optimizer.build(variables)

        @tf.function(autograph=False)  # there is nothing to convert, which takes long
        def learn(step_seed, *batch):
            with tf.GradientTape() as tape:
                loss = loss_of(step_seed, *batch)
            gradients = tape.gradient(loss, variables)
            optimizer.apply_gradients(zip(gradients, variables, strict=True))

        with Progress(label, steps) as bar:
            for step, batch in enumerate(batches):
                learn(tf.constant([self.seed, step]), *map(tf.constant, batch))
                bar.update(1)


def go_back(
    variables: Sequence[Any],
    former: Sequence[Any],
    is_good: Callable[[], bool],
    shares: Sequence[float] = SHARES,
) -> float:
    """Take learned variables back towards their former values until little is lost.

    On the way much of what was learned is kept (Wortsman et al., Robust fine-tuning of
    zero-shot models, 2022). is_good: tells whether the present values lose little;
    shares: of the way, tried in turn, the last one without a check. Returns that at
    which they stay.
    """
    pairs = [
        (old.numpy(), one.numpy()) for old, one in zip(former, variables, strict=True)
    ]

    def move_to(share):
        for variable, (old, learned) in zip(variables, pairs, strict=True):
            variable.assign(old + share * (learned - old))

    *checked, last = shares
    for share in checked:
        move_to(share)
        if is_good():
            return share
    move_to(last)
    return last
