"""The device on which TensorFlow trains: a GPU if it sees one, else the processor."""

import sys

import tensorflow as tf

from digits.experiment import results


def choose() -> str:
    """Return the device's name, after printing it to stderr.

    A GPU's memory is taken as it is needed, not all at once. To be called before
    TensorFlow makes a variable.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        name = results.hardware()
        print(f"training on {name}", file=sys.stderr)
        return name
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    details = tf.config.experimental.get_device_details(gpus[0])
    name = details.get("device_name", gpus[0].name)
    print(
        f"training on {name}; weights will differ in their last bits from those of a "
        "processor",
        file=sys.stderr,
    )
    return name
