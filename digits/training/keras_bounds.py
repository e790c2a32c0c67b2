"""Bounds on the memory that a Keras file asks for, which Keras itself hardly checks.

No array is larger than the file, which Keras does not compress, no more weights are
made than the file can hold, and what a layer answers for an image is bounded.
"""

import contextlib
import math
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import h5py
import keras

from digits.terminal import npz

LARGEST_DILATION = 64  # pixels
LARGEST_OUTPUT = 1 << 22  # numbers; 224x224 pixels with 64 channels are 3.2 million


def check_archive(path: str | Path) -> None:
    """Raise ValueError where a Keras archive, or an array in it, would be too large.

    Raises that, too, where a part is packed: it may be damaged in ways that Keras does
    not expect. Raises one of npz.DAMAGE where the archive is damaged otherwise.
    """
    with zipfile.ZipFile(path) as archive:
        npz.check_size(archive, os.path.getsize(path))
        if any(part.compress_type != zipfile.ZIP_STORED for part in archive.infolist()):
            raise ValueError("a part is packed")
        for name in archive.namelist():
            if name.endswith(".h5"):
                with archive.open(name) as part, h5py.File(part) as file:
                    check_arrays(file, archive.getinfo(name).file_size)


def check_hdf5(path: str | Path) -> None:
    """Raise ValueError where the arrays of a Keras HDF5 file would be too large.

    Raises one of model_file.DAMAGE where it is damaged.
    """
    with h5py.File(path) as file:
        check_arrays(file, os.path.getsize(path))


def check_arrays(file: h5py.File, size: int) -> None:
    """Raise ValueError where arrays have more than so many bytes, or lie elsewhere."""
    total = 0

    def add(name, node):
        nonlocal total
        if isinstance(node, h5py.Dataset):
            total += node.nbytes
            if node.external or node.is_virtual:
                raise ValueError(f"{name} is in another file")

    file.visititems(add)
    if total > size:
        raise ValueError("its arrays are larger than the file")


@contextlib.contextmanager
def weights_within(size: int) -> Iterator[None]:
    """Let layers that are made meanwhile have no more weights than so many bytes.

    Keras makes all weights that a configuration names before it seeks them in the file.
    Raises ValueError where there are more.
    """
    add_weight, count = keras.layers.Layer.add_weight, 0

    def counted(self, *args, shape=None, **options):
        nonlocal count
        count += math.prod(args[0] if args else shape or ())
        if count > size:
            raise ValueError("it has more weights than the file has bytes")
        return add_weight(self, *args, shape=shape, **options)

    keras.layers.Layer.add_weight = counted
    try:
        yield
    finally:
        keras.layers.Layer.add_weight = add_weight


def check_model(model: keras.Model) -> None:
    """Raise ValueError where a model needs much memory; run it once if it takes 28x28.

    Raises what its layers raise, too.
    """
    _check_layers(model)
    shape = model.input_shape[1:]
    if None not in shape and math.prod(shape) == 28 * 28:
        model(keras.ops.zeros((1, *shape)), training=False)


def _check_layers(model):
    # Operations that are no layers are only in a Functional model.
    for one in getattr(model, "operations", model.layers):
        # `output` is that of the first call; a shared layer has more.
        calls = [call.output_tensors for call in one._inbound_nodes]
        for output in keras.tree.flatten([one.output, *calls]):
            if math.prod(side or 1 for side in output.shape) > LARGEST_OUTPUT:
                raise ValueError(f"the output of {one.name} is too large")
        # TensorFlow makes room for all that a dilated kernel skips.
        rates = keras.tree.flatten(getattr(one, "dilation_rate", 1))
        if max(rates) > LARGEST_DILATION:
            raise ValueError(f"the dilation of {one.name} is too large")
        if isinstance(one, keras.Model):
            _check_layers(one)
