"""Keras's own files: HDF5 of any version and .keras archives, loaded and written."""

import json
import logging
import os
import shutil
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import tensorflow as tf

from digits import UserError
from digits.model import model_file
from digits.training import keras_bounds
from digits.training.layers import Gradients, Upright

ARCHIVE = "archive"  # a kind of file: .keras
# What Keras raises where a file is damaged or does not fit.
LOADING_ERRORS = (
    ValueError,
    zipfile.BadZipFile,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    RuntimeError,
    OSError,
    UserWarning,
    ArithmeticError,
    MemoryError,
    tf.errors.OpError,
)


def kind_of(path: str | Path) -> str | None:
    """Return which kind of file Keras wrote to `path`.

    That is ARCHIVE, or what model_file.keras_kind says. Raises UserError when it is no
    file of Keras's kinds.
    """
    if model_file.is_archive(path):
        return ARCHIVE
    with model_file.open_hdf5(path) as file:
        return model_file.keras_kind(file)


def load(path: str | Path, kind: str, build: Callable[[], keras.Model]) -> keras.Model:
    """Return the model in the file at `path`, of the `kind` that `kind_of` tells.

    build: returns the model that weights alone are put into. Raises UserError where
    Keras cannot load the file.
    """
    # Keras will run our own layers: a fault of theirs shows here, not as the file's.
    Gradients()(Upright()(keras.ops.zeros((1, 28, 28, 1))))
    # Keras tells by the ending how to read a file: a copy gets the right one.
    ending = {"3 weights": ".weights.h5", ARCHIVE: ".keras"}.get(kind, ".h5")
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copyfile(path, Path(folder, f"network{ending}"))
        is_archive = kind == ARCHIVE
        check = keras_bounds.check_archive if is_archive else keras_bounds.check_hdf5
        _loaded(path, check, copy)
        if kind == "model":
            _add_input_layer(copy, path)
        if kind in (ARCHIVE, "model"):
            with keras_bounds.weights_within(os.path.getsize(path)):
                model = _loaded(path, keras.models.load_model, copy, compile=False)
            _loaded(path, keras_bounds.check_model, model)
            return model
        model = build()
        _loaded(path, model.load_weights, copy)
        return model


def _loaded(path, load, *arguments, **options) -> Any:
    """Return what Keras's function `load` does; raise UserError where it fails."""
    with warnings.catch_warnings():
        # Keras warns of old ways, and only warns of weights that it does not find.
        warnings.simplefilter("ignore", UserWarning)
        warnings.filterwarnings("error", "Skipping|.*could not be loaded", UserWarning)
        try:
            return load(*arguments, **options)
        except LOADING_ERRORS as error:
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise UserError(f"{path}: Keras cannot load it: {reason}") from error


def _add_input_layer(copy, path):
    """Give a Sequential model of early Keras 2 the input layer that Keras 3 needs.

    Until 2.2 the first layer itself held the input's shape, and the configuration was
    a list of layers. copy: of the file at `path`.
    """
    with model_file.open_hdf5(path) as file:
        config = json.loads(file.attrs["model_config"])  # pyright: ignore
    try:
        if config["class_name"] != "Sequential":
            return
        layers = config["config"]
        layers = layers if isinstance(layers, list) else layers["layers"]
        if layers[0]["class_name"] == "InputLayer":
            return
        shape = layers[0]["config"].pop("batch_input_shape", None)
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise UserError(f"{path}: damaged; save the model again") from error
    if shape is None:
        raise UserError(
            f"{path}: its first layer has no input shape; build the model before "
            "saving it"
        )
    first = {"batch_shape": shape, "name": "pixels"}
    layers.insert(0, {"class_name": "InputLayer", "config": first})
    config["config"] = {"name": "sequential", "layers": layers}
    with h5py.File(copy, "a") as file:
        file.attrs["model_config"] = json.dumps(config)


def model_file_beside(archive: str | Path) -> Path:
    """Return the path of the model file that is made of a Keras archive."""
    return Path(archive).with_suffix(".hdf5")


def is_archive_name(path: str | Path) -> bool:
    """Tell whether a name is that of a .keras archive."""
    return Path(path).suffix.lower() == ".keras"


def saved(model: keras.Model, ending: str) -> bytes:
    """Return the content of the file that Keras's model.save writes.

    ending: of its name, .hdf5 or .keras.
    """
    logging.getLogger("absl").setLevel(logging.ERROR)  # it advises the .keras format
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"network{ending}")
        model.save(path)
        return path.read_bytes()


def content_with(path: str | Path, model: keras.Model) -> bytes:
    """Return the content of the file at `path`, or of a new one with `model` in it.

    The file stays as it is, with its optimizer's state, if it holds a whole model.
    """
    if kind_of(path) == "model":
        return Path(path).read_bytes()
    return saved(model, ".hdf5")
