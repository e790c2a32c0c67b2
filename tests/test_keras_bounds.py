"""Keras files that ask for more memory than they should, loaded by CNN_MNIST.py."""

import json
import zipfile

import h5py
import keras
import pytest

import CNN_MNIST
from digits import UserError
from digits.training import keras_bounds, keras_file

layers = keras.layers


@pytest.fixture(scope="module")
def dense():
    return made(layers.Flatten(), layers.Dense(10))


def made(*own):
    return keras.Sequential([keras.Input((28, 28, 1)), *own])


def load(path):
    return keras_file.load(path, keras_file.kind_of(path) or "", made)


def refused(path, message):
    with pytest.raises(UserError, match=f"{path}: Keras cannot load it: {message}"):
        load(path)


@pytest.mark.parametrize("ending", [".keras", ".hdf5"])
def test_what_keras_writes_passes(dense, ending, tmp_path):
    nested = made(made(layers.UpSampling2D(2)), layers.Flatten(), layers.Dense(10))
    one, shared = keras.Input((28, 28, 1)), layers.Flatten()
    flat = [shared(one), shared(layers.ReLU()(one))]
    functional = keras.Model(one, layers.Dense(10)(layers.Add()(flat)))
    for model in (dense, nested, functional):
        (tmp_path / "a").write_bytes(keras_file.saved(model, ending))
        assert load(tmp_path / "a").count_params() == model.count_params()


def test_an_archive_that_is_packed(dense, tmp_path):
    (tmp_path / "a").write_bytes(keras_file.saved(dense, ".keras"))
    with (
        zipfile.ZipFile(tmp_path / "a") as old,
        zipfile.ZipFile("b", "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))
        new.writestr("more", bytes(10**6))
    refused("b", "unpacked it is too large")


@pytest.mark.parametrize("name", [b"config.json", b"model.weights.h5"])
@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_a_part_that_is_said_to_be_packed(dense, name, method, tmp_path):
    content = bytearray(keras_file.saved(dense, ".keras"))
    entry = content.rindex(name) - 46  # in the directory at the end
    content[entry + 10] = method
    (tmp_path / "a").write_bytes(content)
    refused(tmp_path / "a", "a part is packed")


def test_an_array_that_is_packed(dense, tmp_path):
    (tmp_path / "a").write_bytes(keras_file.saved(dense, ".hdf5"))
    with h5py.File(tmp_path / "a", "a") as file:
        file.create_dataset("x", (10**6,), "f4", chunks=(1000,), compression=9)
    refused(tmp_path / "a", "its arrays are larger than the file")


def test_an_array_that_lies_elsewhere(dense, tmp_path):
    (tmp_path / "a").write_bytes(keras_file.saved(dense, ".hdf5"))
    with h5py.File(tmp_path / "a", "a") as file:
        file.create_dataset("x", (2,), "f4", external=[("/etc/passwd", 0, 8)])
    refused(tmp_path / "a", "x is in another file")


def test_more_weights_than_bytes(dense, tmp_path):
    (tmp_path / "a").write_bytes(keras_file.saved(dense, ".hdf5"))
    add_weight = layers.Layer.add_weight
    with h5py.File(tmp_path / "a", "a") as file:
        config = json.loads(str(file.attrs["model_config"]))
        config["config"]["layers"][-1]["config"]["units"] = 10**9
        file.attrs["model_config"] = json.dumps(config)
    refused(tmp_path / "a", "it has more weights than the file has bytes")
    assert layers.Layer.add_weight is add_weight


def test_weights_are_counted():
    with keras_bounds.weights_within(10 * 784 + 10):
        made(layers.Flatten(), layers.Dense(10))
    with pytest.raises(ValueError, match="more weights"):  # noqa: SIM117
        with keras_bounds.weights_within(10 * 784 + 9):
            made(layers.Flatten(), layers.Dense(10))


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (layers.UpSampling2D(100), "the output of .* is too large"),
        (made(layers.ZeroPadding2D(2000)), "the output of .* is too large"),
        (layers.Conv2D(1, 3, dilation_rate=65, padding="same"), "the dilation of"),
    ],
)
def test_layers_that_take_much(own, message, tmp_path):
    model = made(own, layers.GlobalMaxPooling2D(), layers.Dense(10))
    (tmp_path / "a").write_bytes(keras_file.saved(model, ".keras"))
    refused(tmp_path / "a", message)


def test_a_shared_layer_whose_second_answer_is_large(tmp_path):
    one, shared = keras.Input((28, 28, 1)), layers.UpSampling2D(10)
    pooled = layers.GlobalMaxPooling2D()(shared(shared(one)))
    model = keras.Model(one, layers.Dense(10)(pooled))
    (tmp_path / "a").write_bytes(keras_file.saved(model, ".keras"))
    refused(tmp_path / "a", "the output of .* is too large")


def test_a_model_for_images_of_any_size(tmp_path):
    any_size = keras.Input((None, None, 1))
    model = keras.Sequential([any_size, layers.GlobalMaxPooling2D(), layers.Dense(10)])
    (tmp_path / "a").write_bytes(keras_file.saved(model, ".keras"))
    assert load(tmp_path / "a").input_shape == (None, None, None, 1)


def test_a_layer_that_fails(tmp_path, capsys):
    model = made(layers.Reshape((28, 28)), layers.Flatten(), layers.Dense(10))
    (tmp_path / "a").write_bytes(keras_file.saved(model, ".hdf5"))
    with h5py.File(tmp_path / "a", "a") as file:
        config = json.loads(str(file.attrs["model_config"]))
        config["config"]["layers"].insert(
            1,
            {"class_name": "Rescaling", "config": {"scale": 10**30, "name": "large"}},
        )
        file.attrs["model_config"] = json.dumps(config)
    flags = ["--load_model", "1", "--save_weights", str(tmp_path / "a")]
    assert CNN_MNIST.main(["--dataset", "sklearn_digits", *flags]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {tmp_path / 'a'}: Keras cannot load it: ")
