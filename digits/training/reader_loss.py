"""The loss of the reader of pages: how far its answers are from what they should be."""

# TensorFlow's types do not know how its tensors are indexed.
# pyright: reportArgumentType=false, reportOperatorIssue=false

from typing import NamedTuple

import tensorflow as tf

from digits.model.reader import CLASSES, LOG_SIZE, OFFSET, PRESENCE, STRIDE, TYPICAL
from digits.synthesis.page import UNCERTAIN

NEAR = 1.2  # cells from a mark's middle: so near, presence is neither right nor wrong …
NEAR_WEIGHT = 0.3  # … and class, place and size count so much
SIZE_WEIGHT = 0.5  # of the loss of place and size


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
    is_near = right.distance < NEAR
    presence = tf.nn.sigmoid_cross_entropy_with_logits(present, answers[..., PRESENCE])
    is_open = ~right.present & (right.uncertain | is_near)
    of_presence = tf.reduce_sum(tf.where(is_open, 0.0, presence))
    labels = tf.maximum(tf.cast(right.mark[..., 0], tf.int32), 0)
    which = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels, answers[..., CLASSES]
    )
    place = right.mark[..., 1:3] / STRIDE - middles
    size = tf.math.log(tf.maximum(right.mark[..., 3:5], 1.0) / TYPICAL)
    gaps = tf.abs(answers[..., OFFSET] - place) + tf.abs(answers[..., LOG_SIZE] - size)
    weight = tf.maximum(present, NEAR_WEIGHT * tf.cast(is_near, tf.float32))
    details = weight * (which + SIZE_WEIGHT * tf.reduce_sum(gaps, axis=-1))
    of_details = tf.reduce_sum(details) / (tf.reduce_sum(weight) + 1)
    return of_presence / (tf.reduce_sum(present) + 1) + of_details


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
