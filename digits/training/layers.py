"""The Keras layers of CNN_MNIST.py.

Keras loads a file that the script saved once this module is imported:

    import digits.training.layers
    model = keras.models.load_model("cnn_weights.hdf5", compile=False)
"""

# Keras's functions and attributes have no types: pyright takes them for None.
# pyright: reportOptionalSubscript=false, reportOptionalMemberAccess=false
# pyright: reportOptionalOperand=false, reportOperatorIssue=false
# pyright: reportArgumentType=false

import keras
import tensorflow as tf

from digits.model import geometry
from digits.model.gradients import gradients

keras.config.set_image_data_format("channels_last")  # whatever keras.json says


@keras.saving.register_keras_serializable("digits")
class Upright(keras.layers.Layer):
    """Makes pixels (N, 28, 28, 1), 0 to 255, upright (geometry.upright)."""

    def call(self, pixels):
        """Return upright pixels (N, 28, 28, 1)."""
        return geometry.upright(pixels, keras.ops)


@keras.saving.register_keras_serializable("digits")
class Gradients(keras.layers.Layer):
    """Measures how pixels (N, 28, 28, 1) rise in twelve directions (gradients.py)."""

    def call(self, pixels):
        """Return gradients (N, 14, 14, 12)."""
        images = keras.ops.squeeze(pixels, axis=3)
        return keras.ops.transpose(gradients(images, 14, keras.ops), (0, 2, 3, 1))


class RandomAffine(keras.layers.Layer):
    """Turns, scales, shears and shifts images in training, with one interpolation.

    Keras's own layers for turns, zooms and shifts would each blur them.
    """

    def __init__(self):
        super().__init__(name="random_affine")
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, images, training=False):
        """Return images (N, 28, 28, 1): moved in training, else as they are."""
        if not training:
            return images
        shape = 6, keras.ops.shape(images)[0]
        uniform = keras.random.uniform(shape, -1, 1, seed=self.seed_generator)
        transforms = geometry.transforms(uniform, keras.ops)
        return keras.ops.image.affine_transform(images, transforms)


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation that is one operation of TensorFlow in training.

    Keras's own passes over the data several times.
    """

    def call(self, inputs, training=False, mask=None):
        """Return inputs normalised, as keras.layers.BatchNormalization does."""
        if not training:
            return super().call(inputs)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma,
            offset=self.beta,
            mean=[],
            variance=[],
            epsilon=self.epsilon,
        )
        for average, value in (
            (self.moving_mean, mean),
            (self.moving_variance, variance),
        ):
            average.assign(self.momentum * average + (1 - self.momentum) * value)
        return outputs
