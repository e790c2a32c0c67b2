"""What the training scripts need of TensorFlow and Keras beside the lesson itself.

Only scripts import it.
"""
