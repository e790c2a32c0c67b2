"""The networks of tf_cnn.py in a model file, and how to build them again."""

import argparse
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from digits import UserError, mnist
from digits.experiment import flags, results
from digits.model import model_file
from digits.terminal.lazy import LazyModule
from digits.training import renderings

os.environ["KERAS_BACKEND"] = "tensorflow"  # a reader's ONNX graph is made through it
SCRIPT = "tf_cnn.py"
VIEWS = "plain", "upright"  # a network each, for every seed
VIEWS_DISTILLED = ("plain",)  # takes half the time to read a digit
LARGEST_ENSEMBLE = 100  # seeds

ensemble = LazyModule("digits.training.ensemble")


class Network(Protocol):
    """A kind of network, as tf_cnn.ConvolutionalNetwork: view and shape make one."""

    def __call__(self, view: str, shape: "NetworkShape") -> Any:
        """Return an untrained network for that view."""
        ...

    def variable_shapes(self, shape: "NetworkShape") -> dict[str, tuple]:
        """Return {name: shape} of the variables of a network."""
        ...


class NetworkShape(NamedTuple):
    """The sizes of a network: six convolutions by default, and a dense layer.

    filters: the width of each convolution; dense_layers: the units of each hidden dense
    layer; activation: its name in tf.nn; classes: how many the network tells apart.
    """

    filters: list[int]
    dense_layers: list[int]
    activation: str
    classes: int

    def halved(self) -> "NetworkShape":
        """Return the shape of a network with half the filters."""
        return self._replace(filters=[-(-width // 2) for width in self.filters])


class NetworkRun(NamedTuple):
    """A network to train: its shape, seed and view, and whether it is the quick one."""

    shape: NetworkShape
    seed: int
    view: str
    is_quick: bool = False


def shape_of(args: argparse.Namespace, classes: int, network: Network) -> NetworkShape:
    """Return the NetworkShape that tf_cnn.py's flags describe.

    Raises UsageError if its file would be too large to be loaded.
    """
    shape = NetworkShape(args.filters, args.dense_layers, args.activation, classes)
    if args.save_model:
        sizes = network.variable_shapes(shape).values()
        parameters = sum(int(np.prod(size)) for size in sizes)
        networks = args.ensemble * len(views_of(args.distill))
        model_file.check_readable(networks * parameters, vars(args))
    return shape


def seeds_of(args: argparse.Namespace) -> range:
    """Return the seeds of the networks that are averaged."""
    return range(args.seed, args.seed + args.ensemble)


def runs_of(args: argparse.Namespace, shape: NetworkShape) -> list[NetworkRun]:
    """Return all networks to train, the quick one of --augmentation real last."""
    views = views_of(args.distill)
    runs = [NetworkRun(shape, seed, view) for seed in seeds_of(args) for view in views]
    if args.augmentation == "real":
        runs.append(NetworkRun(shape.halved(), args.seed, "plain", is_quick=True))
    return runs


def task_of(
    args: argparse.Namespace, network: Network
) -> tuple[list[NetworkRun], mnist.Dataset, Any]:
    """Return the networks to train, the data, and the teacher of --distill or None."""
    shape = shape_of(args, len(renderings.CLASSES[args.augmentation]), network)
    teacher = load_teacher(args.distill, shape, network)
    return runs_of(args, shape), mnist.load(args.dataset, args.data_dir), teacher


def restore(path: str | Path, attributes: Mapping, network: Network) -> Any:
    """Return the Ensemble whose variables tf_cnn.py saved at `path`.

    attributes: the model file's. Raises UserError when they do not fit the variables:
    networks are built only after that, since sizes that no variable has could take all
    memory.
    """
    arrays = model_file.read_variables(path)
    try:
        shape, views = _shape_and_views(attributes)
        sizes = {
            f"network{number}/{name}": size
            for number in range(1, len(views) + 1)
            for name, size in network.variable_shapes(shape).items()
        }
        if sizes != {name: array.shape for name, array in arrays.items()}:
            raise ValueError("other variables than the attributes say")
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path}: damaged, or of an earlier {SCRIPT}; train or copy it again"
        ) from error
    restored = ensemble.Ensemble([network(view, shape) for view in views])
    for name, variable in restored.variables.items():
        variable.assign(arrays[name])
    return restored


def _shape_and_views(attributes):
    """Return (NetworkShape, view of each network) as a model file's attributes say."""
    arguments = attributes["arguments"]
    if arguments["activation"] not in flags.ACTIVATIONS:
        raise ValueError(arguments["activation"])
    if arguments["ensemble"] not in range(1, LARGEST_ENSEMBLE + 1):
        raise ValueError(arguments["ensemble"])
    for width in [*arguments["filters"], *arguments["dense_layers"]]:
        if type(width) is not int:  # 4.0 would equal 4
            raise TypeError(width)
    shape = NetworkShape(
        arguments["filters"],
        arguments["dense_layers"],
        arguments["activation"],
        len(attributes["classes"]),
    )
    return shape, views_of(arguments["distill"]) * arguments["ensemble"]


def views_of(teacher: str | None) -> Sequence[str]:
    """Return the views of a seed's networks, given the argument --distill."""
    return VIEWS_DISTILLED if teacher else VIEWS


def load(path: str | Path, network: Network) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from images (N, 28, 28) uint8 to their digits (N,).

    It uses the network in a model file: its variables if tf_cnn.py saved them, else its
    graph. Raises UserError when the file holds no such network.
    """
    _, attributes = model_file.read(path)
    if attributes.get("script") == SCRIPT:
        return restore(path, attributes, network).predict
    classifier = model_file.load(path)
    return lambda images: classifier.probabilities(images)[:, :10].argmax(axis=1)


def load_teacher(path: str | Path | None, shape: NetworkShape, network: Network) -> Any:
    """Return the calibrated Ensemble that tf_cnn.py saved at `path`.

    None without a path. Raises UserError if the script did not save it, or with another
    number of classes than `shape` has.
    """
    if path is None:
        return None
    _, attributes = model_file.read(path)
    if attributes.get("script") != SCRIPT:
        raise UserError(f"{path}: only what {SCRIPT} saved can be a teacher")
    teacher = restore(path, attributes, network)
    teacher.temperature = temperature_of(path, attributes)
    if teacher.classes != shape.classes:
        raise UserError(
            f"{path}: has {teacher.classes} classes, not {shape.classes}; train it "
            "with the same --augmentation"
        )
    return teacher


def temperature_of(path: str | Path, attributes: dict[str, Any]) -> float:
    """Return the temperature of a model file's digit networks.

    Raises UserError if there is none.
    """
    temperature = attributes.get("temperature")
    if not isinstance(temperature, float) or not 0 < temperature < math.inf:
        raise UserError(f"{path}: damaged; train or copy it again")
    return temperature


def save(
    path: str | Path, trained: Any, graphs: tuple[bytes, bytes], summary: dict
) -> None:
    """Write a model file and print how to use it.

    trained: an Ensemble; graphs: of it and of the quick one, as model_file.save takes
    them; summary: with the test scores.
    """
    graph, quick = graphs
    write(
        path,
        summary,
        onnx=graph,
        quick=quick,
        variables=arrays_of(trained),
        attributes=results.attributes(summary),
    )


def arrays_of(trained: Any) -> dict[str, np.ndarray]:
    """Return the variables of an Ensemble by name, as model_file.save takes them."""
    return {name: variable.numpy() for name, variable in trained.variables.items()}


def write(path: str | Path, summary: dict, **parts: Any) -> None:
    """Write a model file and print how to use it.

    summary: of the run, whose folder gets the file if `path` cannot be written; parts:
    what model_file.save takes. Raises UserError as that does.
    """
    model_file.save(path, **parts, spare=results.spare_folders(summary))
    print(flags.saved_text(path, "load_model.py", "IMAGE", "--weights", path))
