"""Damaged files of Keras 1 to 3, some with code in them, read by CNN_MNIST.py.

TensorFlow is imported before processes are forked, but none of its operations is run:
they would start threads, which a forked process lacks.
"""

import io
import json
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # stderr is for our lines

import h5py
import keras
import numpy as np

import CNN_MNIST
from benchmarks import mutations
from benchmarks.mutations import mutated_bytes, truncated
from benchmarks.outcomes import apart, resident, tallied
from digits.terminal import cli
from digits.training import keras_file

FILTERS = [4, 8, 8]
FLAGS = "--dataset sklearn_digits --filters 4 8 8 --load_model 1 -w"
WEIGHTS = "model.weights.h5"  # in an archive
BOMB = 2  # GiB
# What may stand in the place of an object in a configuration.
OBJECTS = [
    {"module": "os", "class_name": "system", "config": "true", "registered_name": None},
    {"module": "builtins", "class_name": "eval", "config": "1"},
    {"module": "subprocess", "class_name": "Popen", "config": {"args": ["true"]}},
    {
        "module": "my",
        "class_name": "Layer",
        "config": {},
        "registered_name": "my>Layer",
    },
    {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "/"}},
    {
        "module": "keras.utils",
        "class_name": "get_file",
        "config": {"origin": "http://127.0.0.1:9/"},
        "registered_name": "get_file",
    },
    {"class_name": "function", "config": "system", "module": "os"},
    {"class_name": "__lambda__", "config": {"value": "4wAA"}},
    {"class_name": "__numpy__", "config": {"value": [10**9], "dtype": "float32"}},
    {"class_name": "Functional", "config": {}},
]
NUMBERS = -1, 0, 3, 1_000, 50_000, 10**6, 10**9, 10**20, 0.5, 1e300
VALUES = [None, "", "text", [], {}, [[0]], True, "relu", "../x"]


def save_files(folder):
    """Save a file of each kind; some hold a Lambda layer that makes a file `ran`."""
    keras.utils.set_random_seed(0)
    network = CNN_MNIST.build_network(FILTERS, [], "relu")
    # Saved code has no variables: the path must be a constant in it.
    run = eval(f"lambda x: (open({str(folder / 'ran')!r}, 'w').close(), x)[1]")
    with_code = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Lambda(run, output_shape=(28, 28, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(10, "softmax"),
        ]
    )
    for name, ending in (("3", ".keras"), ("3 HDF5", ".hdf5")):
        (folder / name).write_bytes(keras_file.saved(network, ending))
        (folder / f"{name} code").write_bytes(keras_file.saved(with_code, ending))
    network.save_weights(folder / ".weights.h5")
    (folder / ".weights.h5").rename(folder / "3 weights")
    for version in (1, 2):
        (folder / f"{version}").write_bytes(old_model(version))
    (folder / "2 weights").write_bytes(old_weights(network))


def old_config(version):
    """Return the configuration of a model as Keras 1 or 2 wrote it."""
    shape = {"batch_input_shape": [None, 28, 28, 1]}
    layers = [
        {"class_name": "Flatten", "config": {"name": "flatten"}},
        {
            "class_name": "Dense",
            "config": {"name": "dense", "units": 10, "activation": "softmax"},
        },
    ]
    if version == 1:  # the first layer has the shape, and the layers are a list
        layers[0]["config"] |= shape
        inner = layers
    else:
        first = {"class_name": "InputLayer", "config": {"name": "input"} | shape}
        inner = {"name": "sequential", "layers": [first, *layers]}
    return {"class_name": "Sequential", "config": inner}


def old_model(version):
    """Return a whole model as Keras 1 or 2 wrote it."""
    kernel = np.random.default_rng(0).normal(size=(784, 10)).astype(np.float32)
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.attrs["model_config"] = json.dumps(old_config(version)).encode()
        file.attrs["keras_version"] = f"{version}.2.2".encode()
        file.attrs["backend"] = b"tensorflow"
        group = file.create_group("model_weights")
        write_weights(
            group, {"flatten": {}, "dense": {"kernel": kernel, "bias": kernel[0]}}
        )
    return content.getvalue()


def old_weights(model):
    """Return the weights of a model as Keras 2 wrote them."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        weights = {
            layer.name: {v.path: np.asarray(v) for v in layer.weights}
            for layer in model.layers
        }
        write_weights(file, weights)
    return content.getvalue()


def write_weights(group, weights):
    """Write {layer: {name: array}} to an h5py group as Keras 1 and 2 did."""
    group.attrs["layer_names"] = [name.encode() for name in weights]
    for layer, arrays in weights.items():
        own = group.create_group(layer)
        names = [f"{name}:0".encode() for name in arrays]
        own.attrs["weight_names"] = np.array(names, "S100")
        for name, array in zip(names, arrays.values(), strict=True):
            own[name] = array


def other_number(content, random):
    """Let numbers of the configuration, as how many units there are, be others."""

    def change(nodes):
        numbers = [
            (node, key) for node in nodes for key in node if is_number(node[key])
        ]
        for _ in range(random.integers(1, 4)):
            node, key = numbers[random.integers(len(numbers))]
            number = NUMBERS[random.integers(len(NUMBERS))]
            node[key] = [number] * len(node[key]) if type(node[key]) is list else number

    return with_config(content, change)


def is_number(value):
    """Tell whether a value is a number, or a list of numbers."""
    values = value if type(value) is list else [value]
    return bool(values) and all(type(one) in (int, float) for one in values)


def other_value(content, random):
    """Let a value of the configuration be of another type."""

    def change(nodes):
        node = nodes[random.integers(len(nodes))]
        value = VALUES[random.integers(len(VALUES))]
        node[str(random.choice(list(node)))] = value

    return with_config(content, change)


def other_object(content, random):
    """Let a value of the configuration be an object of any name."""

    def change(nodes):
        node = nodes[random.integers(len(nodes))]
        value = OBJECTS[random.integers(len(OBJECTS))]
        if random.random() < 0.5:
            node.update(value)
        else:
            node[str(random.choice(list(node)))] = value

    return with_config(content, change)


def with_config(content, change):
    """Return a file after change(objects) of its configuration."""

    def changed(text):
        return mutations.changed_json(text, change)

    if content.startswith(b"PK"):
        parts = mutations.parts_of(content)
        parts["config.json"] = changed(parts["config.json"])
        return mutations.archive_of(parts)
    return with_file(content, lambda file: set_config(file, changed))


def set_config(file, changed):
    """Change the configuration in an h5py file that has one."""
    if "model_config" in file.attrs:
        file.attrs["model_config"] = changed(file.attrs["model_config"])


def with_file(content, change):
    """Return an HDF5 file after change(file), or an archive after that of its own."""
    if content.startswith(b"PK"):
        parts = mutations.parts_of(content)
        parts[WEIGHTS] = with_file(parts[WEIGHTS], change)
        return mutations.archive_of(parts)
    buffer = io.BytesIO(content)
    with h5py.File(buffer, "a") as file:
        change(file)
    return buffer.getvalue()


def other_array(content, random):
    """Let an array be another one, or a link."""

    def change(file):
        name = str(random.choice(arrays_in(file)))
        shape, kind = file[name].shape, random.integers(7)
        del file[name]
        if kind == 0:
            file[name] = h5py.ExternalLink("/etc/hostname", "/x")
        elif kind == 1:
            file[name] = h5py.SoftLink(f"/{name}")  # to itself
        elif kind == 2:
            file.create_dataset(
                name, (1 << 38,), "f4", chunks=(1 << 20,), compression=9
            )
        elif kind == 3:
            outside = [("/etc/passwd", 0, h5py.h5f.UNLIMITED)]
            file.create_dataset(name, shape, "f4", external=outside)
        elif kind == 4:
            file[name] = np.array(["text"], h5py.string_dtype())
        elif kind == 5:
            file[name] = np.full(shape, np.nan, np.float32)
        else:
            file.create_group(name)

    return with_file(content, change)


def arrays_in(file):
    """Return the names of the arrays in an h5py file that are not empty."""
    names = []

    def add(name, node):
        if isinstance(node, h5py.Dataset) and node.size:
            names.append(name)

    file.visititems(add)
    return names


def bombed(content, random):
    """Let a part of an archive, or an array, be of GiB."""
    if content.startswith(b"PK"):
        name = str(random.choice(list(mutations.parts_of(content))))
        return mutations.bombed(content, name, BOMB)
    return with_file(content, lambda file: large_array(file, random))


def large_array(file, random):
    """Put an array of GiB, which is packed, in the place of one in an h5py file."""
    name = str(random.choice(arrays_in(file)))
    del file[name]
    shape = (BOMB << 28,)  # of 4 bytes each
    file.create_dataset(name, shape, "f4", chunks=(1 << 20,), compression=9)


def other_part(content, random):
    """Let a part of an archive be missing, damaged, or named otherwise."""
    if not content.startswith(b"PK"):
        return mutated_bytes(content, random)
    parts = mutations.parts_of(content)
    name = str(random.choice(list(parts)))
    part, kind = parts.pop(name), random.integers(3)
    if kind == 0:
        parts[name] = mutated_bytes(part, random)
    elif kind == 1:
        parts[f"../../{name}"] = part
    return mutations.archive_of(parts)


def as_it_is(content, random):
    """Change nothing."""
    return content


KINDS = [
    as_it_is,
    other_number,
    other_value,
    other_object,
    mutated_bytes,
    truncated,
    other_array,
    other_part,
    other_number,
    bombed,
]


def facts(count, random):
    """Return {outcome: how many} of damaged files."""
    blank = np.zeros((1, 28, 28), np.uint8)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        apart(lambda: save_files(folder))
        ran = folder / "ran"
        ran.unlink(missing_ok=True)
        contents = [p.read_bytes() for p in sorted(folder.iterdir())]

        def make(path, number):
            content = contents[number // len(KINDS) % len(contents)]
            path.write_bytes(KINDS[number % len(KINDS)](content, random))

        @cli.report_errors
        def load(argv):
            args = CNN_MNIST.parse_args(argv)
            classifier = CNN_MNIST.load(args.save_weights, args)
            classifier.probabilities(blank)
            return 0

        def read(path, _):
            status = load([*FLAGS.split(), str(path)])
            if ran.exists():
                raise RuntimeError("code in the file was run")
            return status

        return tallied("keras", count, make, read, imported=resident())
