"""The model file: one HDF5 file with the training script's own part, the network as an
ONNX graph under `inference/onnx`, and attributes that say what made it.

The graph maps pixels (N, 28, 28, 1) float32, 0 to 255, to probabilities (N, 10).
cv2.dnn runs it, so that reading needs no TensorFlow.
"""

import io
import json
import os

import cv2
import h5py
import numpy as np

from digits import UserError, files

ONNX = "inference/onnx"
LARGEST_ONNX = 64 << 20  # bytes; ours have less than 3 MB
LARGEST_FILE = 1 << 30  # bytes
BATCH = 128  # images that a network is given at once: bounds the memory
CLASSES = "0123456789"


class Network:
    """A trained network, run by cv2.dnn from the bytes of its ONNX graph.

    Raises UserError, with `name` in it, when cv2.dnn cannot run the graph.
    """

    def __init__(self, onnx, name="the network"):
        self.name = name
        try:
            self._net = cv2.dnn.readNetFromONNX(np.frombuffer(onnx, np.uint8))
        except cv2.error as error:
            raise UserError(
                f"{name}: its ONNX graph cannot be run by OpenCV"
            ) from error

    def probabilities(self, images):
        """Return (N, 10) float32 probabilities of images (N, 28, 28), 0 to 255."""
        return in_batches(self._run, images)

    def _run(self, pixels):
        try:
            self._net.setInput(pixels)
            # cv2.dnn may drop or add a dimension.
            return self._net.forward().reshape(len(pixels), len(CLASSES))
        except (cv2.error, ValueError) as error:
            raise UserError(
                f"{self.name}: its ONNX graph does not map 28x28 pixels to 10 digits"
            ) from error


def in_batches(run, images):
    """Return (N, 10) of images (N, 28, 28), 0 to 255, by calls of `run` on BATCH each.

    run: a function from pixels (BATCH or fewer, 28, 28, 1) float32 to (…, 10) float32.
    """
    starts = range(0, len(images), BATCH)
    batches = [run(np.float32(images[i : i + BATCH])[..., None]) for i in starts]
    return np.concatenate([np.empty((0, len(CLASSES)), np.float32), *batches])


def open_hdf5(path):
    """Return the h5py.File at `path`, open for reading, or raise UserError."""
    try:
        if os.path.getsize(path) > LARGEST_FILE:
            raise UserError(f"{path}: larger than 1 GiB, which no model file here is")
        return h5py.File(path, "r")
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file; train one with tf_cnn.py") from error
    except OSError as error:
        raise UserError(f"{path}: not an HDF5 file, or a truncated one") from error


def read(path):
    """Return (onnx, attributes) of the model file at `path`: bytes and a dict.

    Raises UserError when it is missing, damaged, or another program's.
    """
    with open_hdf5(path) as file:
        try:
            return _read_onnx(file, path), read_attributes(file)
        except (OSError, RuntimeError, ValueError) as error:
            raise UserError(f"{path}: damaged; train or copy it again") from error


def read_variables(path, names):
    """Return {name: array} of the variables `names` that tf_cnn.py saved at `path`.

    Raises UserError if one is missing or is no array of float32.
    """
    arrays = {}
    with open_hdf5(path) as file:
        for name in names:
            dataset = hard_linked(file, f"variables/{name}")
            if not is_plain(dataset, np.float32):
                raise UserError(f"{path}: damaged: it has no variable {name}")
            arrays[name] = dataset[()]
    return arrays


def is_plain(dataset, dtype):
    """Tell whether an h5py object is an array of `dtype` that the file itself holds."""
    return (
        isinstance(dataset, h5py.Dataset)
        and not dataset.external
        and not dataset.is_virtual
        and dataset.dtype == dtype
    )


def _read_onnx(file, path):
    kind = keras_kind(file)
    if kind and ONNX not in file:
        raise UserError(
            f"{path}: Keras {kind} without the ONNX graph; add it with: python3 "
            f"CNN_MNIST.py --load_model 1 --save_model 1 --save_weights {path}"
        )
    dataset = hard_linked(file, ONNX)
    if not is_plain(dataset, np.uint8) or not 0 < dataset.size <= LARGEST_ONNX:
        raise UserError(
            f"{path}: no model file of this suite (it has no {ONNX}); train one with "
            "tf_cnn.py"
        )
    return dataset[()].tobytes()


def hard_linked(file, path):
    """Return the object at `path` in an h5py file, or None.

    A soft or external link counts as nothing: it could lead to another file.
    """
    node = file
    for part in path.split("/"):
        if not isinstance(node, h5py.Group):
            return None
        if not isinstance(node.get(part, getlink=True), h5py.HardLink):
            return None
        node = node[part]
    return node


def keras_kind(file):
    """Return what Keras wrote to an h5py file, told by its content, or None.

    "model" (architecture and weights), "3 weights" or "2 weights".
    """
    if "model_config" in file.attrs:
        return "model"
    if "layers" in file:
        return "3 weights"
    if "layer_names" in file.attrs:
        return "2 weights"
    return None


def read_attributes(file):
    """Return an h5py file's attributes as a dict, decoded if they are JSON objects."""
    return {name: _attribute(value) for name, value in file.attrs.items()}


def _attribute(value):
    if isinstance(value, str) and value.startswith("{"):
        return json.loads(value)
    return value.item() if isinstance(value, np.generic) else value


def add_inference(file, onnx, attributes):
    """Put the ONNX bytes and the attributes (dicts as JSON) into an open h5py file."""
    if ONNX in file:
        del file[ONNX]
    file.create_dataset(ONNX, data=np.frombuffer(onnx, np.uint8))
    for name, value in attributes.items():
        file.attrs[name] = json.dumps(value) if isinstance(value, dict) else value


def save(path, onnx, attributes, variables=None, keras_hdf5=b""):
    """Write a model file, whole or not at all.

    Its own part is `variables` (arrays by name) or `keras_hdf5` (the bytes of what
    Keras's model.save wrote). Raises UserError when it cannot be written.
    """
    buffer = io.BytesIO(keras_hdf5)
    with h5py.File(buffer, "a") as file:
        for name, value in (variables or {}).items():
            file[f"variables/{name}"] = value
        add_inference(file, onnx, attributes)
    files.write_bytes(path, buffer.getvalue())
