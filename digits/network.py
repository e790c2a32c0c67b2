"""The model file: one HDF5 file with the training script's own part, the network as an
ONNX graph under `inference/onnx`, and attributes that say what made it.

The graph maps pixels (N, 28, 28, 1) float32, 0 to 255, to probabilities (N, 10), or
(N, 11) where it knows what is no digit. `inference/quick` may hold a quicker one, whose
answers count where it is sure (a cascade: Viola & Jones, 2001).
cv2.dnn runs them, so that reading needs no TensorFlow.
"""

import contextlib
import functools
import io
import json
import os
from pathlib import Path

import cv2
import h5py
import numpy as np

from digits import UserError, files

SHIPPED = Path(__file__).resolve().parent.parent / "assets" / "weights" / "digits.hdf5"
ONNX, QUICK = "inference/onnx", "inference/quick"
CLEAR = 0.98  # probability of a quick answer that counts (see benchmarks/RECIPE.md)
LARGEST_ARRAY = 64 << 20  # bytes; ours have less than 3 MB
LARGEST_FILE = 1 << 30  # bytes
BATCH = 128  # images that a network is given at once: bounds the memory
CLASSES = "0123456789"
JUNK = "-"  # an 11th class that a network may have: no digit
DAMAGE = (OSError, RuntimeError, ValueError, KeyError, TypeError)


class Network:
    """A trained network, run by cv2.dnn from the bytes of its ONNX graph.

    It tells ten digits apart, and from what is no digit if that is an 11th class.
    quick: the bytes of a graph that is asked first, or none.
    Raises UserError, with `name` in it, when cv2.dnn cannot run a graph: at once, or
    where the first image is unclear to the quick one.
    """

    def __init__(self, onnx, name="the network", quick=b""):
        self.name, self._onnx = name, onnx
        self._first = self._opened(quick) if quick else self._whole

    @functools.cached_property
    def _whole(self):
        # Most pictures are clear to the quick graph: this one takes longer to open.
        return self._opened(self._onnx)

    def _opened(self, onnx):
        try:
            return cv2.dnn.readNetFromONNX(np.frombuffer(onnx, np.uint8))
        except cv2.error as error:
            raise UserError(
                f"{self.name}: its ONNX graph cannot be run by OpenCV"
            ) from error

    def probabilities(self, images):
        """Return (N, 11) float32 of images (N, 28, 28), 0 to 255.

        The last column is the probability of no digit: 0 if the network has no such
        class.
        """
        return in_batches(self._run, images, len(CLASSES + JUNK))

    def _run(self, pixels):
        probabilities = self._forward(self._first, pixels)
        unclear = probabilities.max(axis=1) < CLEAR
        if unclear.any() and self._first is not self._whole:
            probabilities[unclear] = self._forward(self._whole, pixels[unclear])
        return probabilities

    def _forward(self, net, pixels):
        try:
            net.setInput(pixels)
            # cv2.dnn may drop or add a dimension.
            outputs = net.forward().reshape(len(pixels), -1)
            missing = len(CLASSES + JUNK) - outputs.shape[1]
            if missing not in (0, 1) or not np.isfinite(outputs).all():
                raise ValueError(f"{outputs.shape} or not finite")
        except (cv2.error, ValueError) as error:
            raise UserError(
                f"{self.name}: its ONNX graph does not map 28x28 pixels to 10 digits"
            ) from error
        return np.pad(outputs, ((0, 0), (0, missing)))


def in_batches(run, images, width):
    """Return (N, width) of images (N, 28, 28), by calls of `run` on BATCH each.

    images: 0 to 255; run: a function from pixels (BATCH or fewer, 28, 28, 1) float32 to
    (…, width) float32.
    """
    starts = range(0, len(images), BATCH)
    batches = [run(np.float32(images[i : i + BATCH])[..., None]) for i in starts]
    return np.concatenate([np.empty((0, width), np.float32), *batches])


@contextlib.contextmanager
def open_hdf5(path):
    """Open the HDF5 file at `path` for reading: an h5py.File.

    Raises UserError when it is missing or none, and when reading it fails: h5py meets
    damage with an error of any of DAMAGE's kinds.
    """
    try:
        size = os.path.getsize(path)
        if not h5py.is_hdf5(path):
            raise UserError(f"{path}: not an HDF5 file, or a truncated one")
        if size > LARGEST_FILE:
            raise UserError(f"{path}: larger than 1 GiB, which no model file here is")
        with h5py.File(path, "r") as file:
            yield file
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file; train one with tf_cnn.py") from error
    except PermissionError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except DAMAGE as error:
        raise UserError(f"{path}: damaged; train or copy it again") from error


def load(path):
    """Return the Network in the model file at `path`.

    Raises UserError when it is missing, damaged, or another program's, and as Network
    does.
    """
    with open_hdf5(path) as file:
        onnx, quick = read_graph(file, path), read_array(file, QUICK, np.uint8)
    return Network(onnx, path, b"" if quick is None else quick.tobytes())


def read(path):
    """Return (onnx, attributes) of the model file at `path`: bytes and a dict.

    Raises UserError when it is missing, damaged, or another program's.
    """
    with open_hdf5(path) as file:
        return read_graph(file, path), read_attributes(file)


def read_graph(file, path):
    """Return the bytes of the ONNX graph in an h5py file, opened from `path`.

    Raises UserError when it has none.
    """
    kind = keras_kind(file)
    if kind and ONNX not in file:
        raise UserError(
            f"{path}: Keras {kind} without the ONNX graph; add it with: python3 "
            f"CNN_MNIST.py --load_model 1 --save_model 1 --save_weights {path}"
        )
    onnx = read_array(file, ONNX, np.uint8)
    if onnx is None:
        raise UserError(
            f"{path}: no model file of this suite (it has no {ONNX}); train one "
            "with tf_cnn.py"
        )
    return onnx.tobytes()


def read_variables(path):
    """Return {name: float32 array} of the variables that tf_cnn.py saved at `path`.

    Those that are no such arrays are left out.
    """
    with open_hdf5(path) as file:
        names = []
        if isinstance(file["variables"], h5py.Group):
            file["variables"].visit(names.append)
        arrays = {n: read_array(file, f"variables/{n}", np.float32) for n in names}
        return {name: array for name, array in arrays.items() if array is not None}


def read_array(file, path, dtype):
    """Return the array of `dtype` at `path` in an h5py file, or None.

    A link or storage that leads to another file, another type and more than
    LARGEST_ARRAY count as nothing.
    """
    node = file
    for part in path.split("/"):
        if not isinstance(node, h5py.Group):
            return None
        if not isinstance(node.get(part, getlink=True), h5py.HardLink):
            return None
        node = node[part]
    if not isinstance(node, h5py.Dataset) or node.external or node.is_virtual:
        return None
    if node.dtype != dtype or not 0 < node.nbytes <= LARGEST_ARRAY:
        return None
    return node[()]


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
    """Return the attributes that `save` wrote to an h5py file, as a dict.

    Texts of variable length are no such: h5py may hang on damaged ones.
    """
    attributes = {}
    for name in file.attrs:
        attribute = file.attrs.get_id(name)
        if attribute.dtype.kind == "S" and attribute.shape == ():
            with contextlib.suppress(ValueError):  # another program's text
                attributes[name] = json.loads(file.attrs[name])
    return attributes


def save(path, onnx, attributes, variables=None, keras_hdf5=b"", quick=b""):
    """Write a model file, whole or not at all.

    onnx, quick: the bytes of graphs, as Network takes them; attributes: a dict of what
    JSON can hold. The training script's own part is `variables` (arrays by name) or
    `keras_hdf5` (the bytes of what Keras's model.save wrote). Raises UserError when
    those are damaged or the file cannot be written.
    """
    buffer = io.BytesIO(keras_hdf5)
    try:
        with h5py.File(buffer, "a") as file:
            file.pop("inference", None)  # of an earlier time
            for name, value in (variables or {}).items():
                file[f"variables/{name}"] = value
            file[ONNX] = np.frombuffer(onnx, np.uint8)
            if quick:
                file[QUICK] = np.frombuffer(quick, np.uint8)
            for name, value in attributes.items():
                file.attrs[name] = np.bytes_(json.dumps(value))
    except DAMAGE as error:
        if not keras_hdf5:
            raise
        raise UserError(f"{path}: damaged; nothing was added to it") from error
    files.write_bytes(path, buffer.getvalue())
