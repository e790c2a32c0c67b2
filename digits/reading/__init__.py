"""From a picture to its digits, without TensorFlow."""
