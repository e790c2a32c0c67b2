import argparse
import shlex
import subprocess
import sys

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf

from conftest import ROOT
from digits import UserError
from digits.experiment import flags
from digits.training import export


def parser(default_file="own.hdf5"):
    parser = argparse.ArgumentParser()
    flags.add_data_flags(parser, "output/here")
    flags.add_network_flags(parser, epochs=3, batch_size=64)
    flags.add_model_flags(parser, default_file)
    return parser


@pytest.mark.parametrize("activation", flags.ACTIVATIONS)
def test_activations_are_the_same_in_tensorflow_keras_and_onnx_runtime(activation):
    pixels = np.linspace(0, 255, 784, dtype=np.float32).reshape(1, 28, 28, 1)

    def by_tensorflow(pixels):
        return getattr(tf.nn, activation)((pixels - 100) / 20)

    expected = by_tensorflow(pixels).numpy()
    assert expected.min() < expected.max()
    by_keras = keras.activations.get(activation)((pixels - 100) / 20)
    np.testing.assert_allclose(by_keras.numpy(), expected, atol=1e-5)
    session = onnxruntime.InferenceSession(export.to_onnx(by_tensorflow))
    (found,) = session.run(None, {session.get_inputs()[0].name: pixels})
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_defaults():
    args = parser().parse_args([])
    assert vars(args) == {
        "dataset": "mnist",
        "data_dir": None,
        "output_dir": "output/here",
        "filters": [32, 64, 64, 64, 128, 128],
        "dense_layers": [],
        "activation": "relu",
        "epochs": 3,
        "batch_size": 64,
        "tensorboard": None,
        "seed": 0,
        "save_model": None,
        "load_model": 0,
        "save_weights": None,
    }


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("--filters 8 16", "filters", [8, 16]),
        ("--dense_layers", "dense_layers", []),
        ("--dense_layers 4096 1", "dense_layers", [4096, 1]),
        ("--seed 1000000000", "seed", 10**9),
        ("--epochs 10000", "epochs", 10_000),
        ("-s", "save_model", 1),
        ("-s 0", "save_model", 0),
        ("-l", "load_model", 1),
        ("-w x.hdf5", "save_weights", "x.hdf5"),
    ],
)
def test_values(line, name, value):
    assert vars(parser().parse_args(line.split()))[name] == value


@pytest.mark.parametrize(
    "line",
    [
        "--filters 4097",
        "--filters",
        "--dense_layers 0",
        "--activation softmax",
        "--epochs 0",
        "--batch_size 10001",
        "--seed -1",
        "--seed 1000000001",
        "--dataset cifar",
        "--save_model 2",
    ],
)
def test_usage_errors(line, capsys):
    with pytest.raises(SystemExit) as stop:
        parser().parse_args(line.split())
    assert stop.value.code == 2
    assert line.split()[0] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("-l", "--load_model needs --save_weights"),
        ("-s", "--save_model needs --save_weights"),
        ("-l -s", "--load_model needs --save_weights"),
        ("-w x", "--save_weights needs --save_model 1 or --load_model 1"),
        ("-w x -s", None),
        ("-w x -l", None),
        ("", None),
    ],
)
def test_model_flags_need_each_other(line, message, capsys):
    with_flags = parser(default_file=None)
    args = with_flags.parse_args(line.split())
    if message is None:
        flags.check_model_flags(with_flags, args)
        return
    with pytest.raises(SystemExit) as stop:
        flags.check_model_flags(with_flags, args)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def destinations(tmp_path, **changes):
    names = {"output_dir": str(tmp_path / "out"), "load_model": 0, "tensorboard": None}
    return argparse.Namespace(**names | changes)


def test_results_of_a_loaded_model_have_a_folder_of_their_own(tmp_path):
    trained = flags.check_destinations(destinations(tmp_path), None)
    loaded = flags.check_destinations(destinations(tmp_path, load_model=1), None)
    assert trained == tmp_path / "out" and trained.is_dir()
    assert loaded == tmp_path / "out" / "loaded" and loaded.is_dir()


def test_tensorboard_s_folder_is_made(tmp_path):
    board = str(tmp_path / "board")
    flags.check_destinations(destinations(tmp_path, tensorboard=board), None)
    assert (tmp_path / "board").is_dir()


def test_a_baseline_has_no_tensorboard(tmp_path):
    args = destinations(tmp_path)
    del args.tensorboard
    assert flags.check_destinations(args, tmp_path / "x.skops").is_dir()


def test_what_cannot_be_written_is_an_error_at_once(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="make it first"):
        flags.check_destinations(destinations(tmp_path), tmp_path / "none" / "x.hdf5")
    with pytest.raises(UserError, match="no folder"):
        args = destinations(tmp_path, output_dir=str(tmp_path / "file"))
        flags.check_destinations(args, None)
    with pytest.raises(UserError, match="no folder"):
        args = destinations(tmp_path, tensorboard=str(tmp_path / "file"))
        flags.check_destinations(args, None)


def test_the_command_for_a_saved_file(monkeypatch, tmp_path):
    arguments = "IMAGE", "--weights", tmp_path / "my model.hdf5"
    text = flags.saved_text("my model.hdf5", "load_model.py", *arguments)
    first, command = text.splitlines()
    assert first == "saved my model.hdf5; read a picture with it:"
    expected = ["python3", str(ROOT / "load_model.py"), *map(str, arguments)]
    assert shlex.split(command) == expected
    monkeypatch.chdir(ROOT)
    text = flags.saved_text("x", "load_model.py", "IMAGE")
    assert text.endswith("  python3 load_model.py IMAGE")


def test_the_command_reads_a_picture():
    picture = ROOT / "assets" / "images" / "1a.jpg"
    text = flags.saved_text("x", "load_model.py", picture)
    _, script, path = shlex.split(text.splitlines()[1])
    done = subprocess.run(
        [sys.executable, script, path], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"{picture}: 1 (")
