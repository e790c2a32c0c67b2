"""The model file: one HDF5 file that a training script writes and load_model.py reads.

It holds the training script's own part (Keras's model, or the variables of tf_cnn.py),
the network as ONNX graphs, `inference/onnx` and perhaps `inference/quick` (see
digits.model.classifier), perhaps the reader of pages, `inference/reader` (see
digits.model.reader) and `training/reader` (the same, before it was quantised), and
attributes that say what made it.
"""

import contextlib
import io
import json
import math
import shlex
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from digits import UsageError, UserError
from digits.model.classifier import Classifier
from digits.model.graph import LARGEST
from digits.model.reader import Reader
from digits.terminal import files

# Within the package where it is installed, beside it in the repository.
ASSETS = [Path(__file__).resolve().parents[up] / "assets" for up in (1, 2)]
SHIPPED = next(filter(Path.is_dir, ASSETS), ASSETS[1]) / "weights" / "digits.hdf5"
ONNX, QUICK, READER = "inference/onnx", "inference/quick", "inference/reader"
FLOAT_READER = "training/reader"
LARGEST_ARRAY = LARGEST  # bytes: a graph is kept as one array
LARGEST_GRAPH_WEIGHTS = 63 << 20  # bytes; the rest of a graph describes its layers
LARGEST_ATTRIBUTE = 60_000  # bytes; HDF5 allows 64 KiB
LEAST_SPACE = 4 << 20  # bytes that a model file needs beside its weights and graph
KERAS_CONFIG = "config.json"  # what each Keras archive holds
LARGEST_FILE = 1 << 30  # bytes
DAMAGE = (OSError, RuntimeError, ValueError, KeyError, TypeError)


@contextlib.contextmanager
def open_hdf5(path: str | Path) -> Iterator[h5py.File]:
    """Open the HDF5 file at `path` for reading.

    Raises UserError when it is missing or none, and when reading it fails: h5py meets
    damage with an error of any of DAMAGE's kinds.
    """
    try:
        size = files.size_of(path)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such model file") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        if is_archive(path):
            raise UserError(
                f"{path}: a Keras archive; make a model file of it with: "
                + _conversion_of(path)
            )
        if not h5py.is_hdf5(path):
            raise UserError(
                f"{path}: not an HDF5 file, or a truncated one; name a file that "
                "tf_cnn.py or CNN_MNIST.py saved"
            )
        if size > LARGEST_FILE:
            raise UserError(f"{path}: larger than 1 GiB: too large for a model file")
        with h5py.File(path, "r") as file:
            yield file
    except PermissionError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except DAMAGE as error:
        raise UserError(f"{path}: damaged; train or copy it again") from error


def is_archive(path: str | Path) -> bool:
    """Tell whether there is a regular file at `path` that is a Keras archive."""
    if not (Path(path).is_file() and zipfile.is_zipfile(path)):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return KERAS_CONFIG in archive.namelist()
    except zipfile.BadZipFile:
        return False


def load(path: str | Path, threads: int = 0) -> Classifier:
    """Return the Classifier in the model file at `path`; threads: as it takes them.

    Raises UserError when the file is missing, damaged, or another program's, and as
    Classifier does.
    """
    with open_hdf5(path) as file:
        onnx, quick = read_graph(file, path), read_bytes(file, QUICK)
    return Classifier(onnx, path, quick, threads)


def load_reader(path: str | Path, threads: int = 0) -> Reader | None:
    """Return the Reader in the model file at `path`, or None where it has none.

    threads: as Reader takes them. Raises UserError when the file is missing, damaged,
    or another program's.
    """
    with open_hdf5(path) as file:
        read_graph(file, path)  # else it is no model file
        onnx = read_bytes(file, READER)
    return Reader(onnx, path, threads) if onnx else None


def read(path: str | Path) -> tuple[bytes, dict]:
    """Return (onnx, attributes) of the model file at `path`.

    Raises UserError when it is missing, damaged, or another program's.
    """
    with open_hdf5(path) as file:
        return read_graph(file, path), read_attributes(file)


def read_graph(file: h5py.File, path: str | Path) -> bytes:
    """Return the ONNX graph in an h5py file, opened from `path`.

    Raises UserError when it has none.
    """
    kind = keras_kind(file)
    if kind and ONNX not in file:
        raise UserError(
            f"{path}: Keras {kind} without the ONNX graph; add it with: "
            + _conversion_of(path)
        )
    onnx = read_bytes(file, ONNX)
    if not onnx:
        raise UserError(
            f"{path}: no model file of this suite (it has no {ONNX}); train one "
            "with tf_cnn.py"
        )
    return onnx


def _conversion_of(path):
    """Return the command that makes a model file of Keras's file at `path`."""
    flags = "--load_model 1 --save_model 1 --save_weights"
    return f"python3 CNN_MNIST.py {flags} {shlex.quote(str(path))}"


def read_bytes(file: h5py.File, path: str) -> bytes:
    """Return the bytes at `path` in an h5py file; none where read_array gives None."""
    array = read_array(file, path, np.uint8)
    return b"" if array is None else array.tobytes()


def read_variables(path: str | Path) -> dict[str, np.ndarray]:
    """Return {name: float32 array} of the variables that tf_cnn.py saved at `path`.

    What is there beside float32 arrays is left out.
    """
    with open_hdf5(path) as file:
        group, names = file["variables"], []
        if isinstance(group, h5py.Group):
            group.visit(names.append)
        arrays = {n: read_array(file, f"variables/{n}", np.float32) for n in names}
        return {name: array for name, array in arrays.items() if array is not None}


def read_array(file: h5py.File, path: str, dtype: type) -> np.ndarray | None:
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


def keras_kind(file: h5py.File) -> str | None:
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


def read_attributes(file: h5py.File) -> dict:
    """Return the attributes that `save` wrote to an h5py file.

    Texts of variable length are not read: h5py may hang on damaged ones.
    """
    attributes = {}
    for name in file.attrs:
        attribute = file.attrs.get_id(name)
        if attribute.dtype.kind == "S" and attribute.shape == ():
            with contextlib.suppress(ValueError):  # another program's text
                attributes[name] = json.loads(file.attrs[name])  # pyright: ignore
    return attributes


def check_readable(parameters: int, arguments: Mapping) -> None:
    """Raise UsageError if a network could be saved, but not read again.

    parameters: how many float32 the graph will hold; arguments: the command line's.
    Raises UserError if there is no space for its file.
    """
    if 4 * parameters > LARGEST_GRAPH_WEIGHTS:
        raise UsageError(
            f"the network would have {math.ceil(4 * parameters / 2**20)} MiB of "
            f"weights; a model file holds at most {LARGEST_GRAPH_WEIGHTS >> 20}: "
            "choose fewer or narrower layers, or a smaller --ensemble"
        )
    if len(json.dumps(arguments)) > LARGEST_ATTRIBUTE:
        raise UsageError("too many layers for a model file")
    if path := arguments.get("save_weights"):
        files.check_space(path, 8 * parameters + LEAST_SPACE)


def save(
    path: str | Path,
    onnx: bytes,
    attributes: Mapping,
    variables: Mapping[str, np.ndarray] | None = None,
    keras_hdf5: bytes = b"",
    quick: bytes = b"",
    reader: bytes = b"",
    float_reader: bytes = b"",
    spare: Sequence[str | Path] = (),
) -> None:
    """Write a model file, whole or not at all.

    onnx, quick: graphs, as Classifier takes them; attributes: what JSON can hold. The
    training script's own part is `variables` (arrays by name) or `keras_hdf5` (what
    Keras's model.save wrote). reader: the graph that Reader takes; float_reader: the
    same before it was quantised; spare: folders of which one gets the file if `path`
    cannot be written. Raises UserError then, too, and when those parts are damaged or a
    graph is too large to be read again.
    """
    graphs = {ONNX: onnx, QUICK: quick, READER: reader, FLOAT_READER: float_reader}
    if max(map(len, graphs.values())) > LARGEST_ARRAY:
        raise UserError(f"{path}: not written: its graph would be larger than 64 MiB")
    buffer = io.BytesIO(keras_hdf5)
    try:
        with h5py.File(buffer, "a") as file:
            for part in ("inference", "training"):  # of an earlier time
                file.pop(part, None)
            for name, value in (variables or {}).items():
                file[f"variables/{name}"] = value
            for name, graph in graphs.items():
                if graph:
                    file[name] = np.frombuffer(graph, np.uint8)
            for name, value in attributes.items():
                file.attrs[name] = np.bytes_(json.dumps(value))
    except DAMAGE as error:
        if not keras_hdf5:
            raise
        raise UserError(f"{path}: damaged; nothing was added to it") from error
    files.write_or_rescue(path, buffer.getvalue(), spare)
