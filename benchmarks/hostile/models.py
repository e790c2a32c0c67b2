"""Model files whose graphs or HDF5 are damaged, read by load_model.py."""

import functools
import io
import itertools

import h5py
import numpy as np

import load_model
from benchmarks.draw_images import FOLDER as SAMPLES
from benchmarks.mutations import mutated_bytes, truncated
from benchmarks.outcomes import tallied
from digits.model import graph, model_file

GRAPHS = model_file.ONNX, model_file.QUICK, model_file.READER
TENSOR_HEAD = 40  # bytes of a tensor that hold its sizes and name, before its weights


def places_of_structure(onnx):
    """Return the places in a graph's bytes that are no weights: names and sizes.

    Weights stand in tensors, or in Constant nodes, which ours do not have.
    """
    structure = graph.only_graph(onnx)
    places, place = [], onnx.index(structure)
    # In the order of their places.
    for number, part in graph.fields(structure, itertools.count(1)):
        if isinstance(part, memoryview):
            place = onnx.index(part, place)
            is_tensor = number == graph.INITIALIZER
            size = min(len(part), TENSOR_HEAD) if is_tensor else len(part)
            places += range(place, place + size)
            place += len(part)
    return np.array(places)


def with_graphs(content, graphs):
    """Return a model file's bytes with other graphs: {one of GRAPHS: bytes}."""
    buffer = io.BytesIO(content)
    with h5py.File(buffer, "a") as file:
        for name, onnx in graphs.items():
            del file[name]
            file[name] = np.frombuffer(onnx, np.uint8)
    return buffer.getvalue()


def mutated_graph(content, random, graphs, places):
    """Return a model file one of whose graphs has some other bytes."""
    name = str(random.choice(list(graphs)))
    onnx = bytearray(graphs[name])
    for place in random.choice(places[name], random.integers(1, 4)):
        onnx[place] = random.integers(256)
    return with_graphs(content, {name: bytes(onnx)})


def swapped(content, random, graphs):
    """Return a model file whose graphs are in each other's place."""
    names = list(graphs)
    order = random.permutation(len(names))
    return with_graphs(
        content, {n: graphs[names[o]] for n, o in zip(names, order, strict=True)}
    )


def hostile(content, random):
    """Return a model file with a link, a bomb or another type in a graph's place."""
    buffer = io.BytesIO(content)
    name = str(random.choice(GRAPHS))
    with h5py.File(buffer, "a") as file:
        del file[name]
        kind = random.integers(6)
        if kind == 0:
            file[name] = h5py.ExternalLink("/etc/hostname", "/x")
        elif kind == 1:
            file[name] = h5py.SoftLink(f"/{name}")  # to itself
        elif kind == 2:
            shape = (int(random.integers(1 << 20, 1 << 40)),)
            file.create_dataset(name, shape, np.uint8, chunks=(1 << 16,), compression=9)
        elif kind == 3:
            file.create_dataset(name, (50 << 20,), np.uint8, compression=9)
        elif kind == 4:
            file[name] = np.array("text", h5py.string_dtype())
        else:
            file[name] = np.zeros(100, np.dtype([("a", np.float64), ("b", np.uint8)]))
    return buffer.getvalue()


def facts(count, random):
    """Return {outcome: how many} of damaged model files."""
    content = model_file.SHIPPED.read_bytes()
    with model_file.open_hdf5(model_file.SHIPPED) as file:
        graphs = {name: model_file.read_bytes(file, name) for name in GRAPHS}
    places = {name: places_of_structure(onnx) for name, onnx in graphs.items()}
    kinds = [
        *[functools.partial(mutated_graph, graphs=graphs, places=places)] * 5,
        *[mutated_bytes] * 2,
        truncated,
        functools.partial(swapped, graphs=graphs),
        hostile,
    ]
    # The first is read by the digit networks alone, the other by the reader, too.
    pictures = [SAMPLES / "1a.jpg", SAMPLES / "page.jpg"]

    def make(path, number):
        path.write_bytes(kinds[number % len(kinds)](content, random))

    def read(path, number):
        picture = pictures[number // len(kinds) % len(pictures)]
        return load_model.main([str(picture), "--weights", str(path)])

    return tallied("models", count, make, read)
