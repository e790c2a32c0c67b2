import csv
import json
import os
import shutil

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

import CNN_MNIST
import tf_cnn
from conftest import ROOT, TINY, assert_agrees, assert_close
from digits import mnist
from digits.experiment import flags
from digits.experiment.resume import Training
from digits.model import geometry, model_file
from digits.model.classifier import DIGITS, NO_DIGIT, Classifier
from digits.model.reader import Reader, bordered
from digits.training import (
    export,
    network_file,
    reader,
    reader_file,
    reader_network,
    renderings,
)
from digits.training.ensemble import Ensemble
from digits.training.network_file import NetworkShape

SHAPE = NetworkShape([2, 2, 3], [3], "relu", 10)


def new_ensemble(shape, views):
    return Ensemble([tf_cnn.ConvolutionalNetwork(view, shape) for view in views])


def parameters_of(shape):
    sizes = tf_cnn.ConvolutionalNetwork.variable_shapes(shape).values()
    return sum(int(np.prod(size)) for size in sizes)


def restore(path, attributes):
    return network_file.restore(path, attributes, tf_cnn.ConvolutionalNetwork)


def test_files_of_a_run(tf_model):
    output = tf_model.parent / "output"
    results = json.loads((output / "results.json").read_text(encoding="utf-8"))
    assert results["script"] == "tf_cnn.py"
    assert results["dataset"] == "sklearn_digits"
    assert results["test_images"] == 360
    assert len(results["wrong_indices"]) == results["test_errors"]
    assert np.sum(results["confusion_matrix"]) == 360
    assert {"tensorflow", "numpy", "python"} <= results["versions"].keys()
    with open(output / "history.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["network"], row["epoch"]) for row in rows] == [("1", "1"), ("2", "1")]
    assert float(rows[-1]["seconds"]) == results["validation"]["seconds"]
    for name in ("training_curves", "confusion_matrix", "misread_digits"):
        content = (output / f"{name}.png").read_bytes()
        assert content.startswith(b"\x89PNG")


def test_loaded_network_scores_what_was_printed(tf_model, capsys):
    flags = ["--dataset", "sklearn_digits", "--load_model", "1"]
    assert tf_cnn.main([*flags, "--save_weights", str(tf_model)]) == 0
    printed = capsys.readouterr().out.strip()
    test = model_file.read(tf_model)[1]["test"]
    assert printed == f"sklearn_digits test accuracy: {test}"


def test_a_file_of_the_other_script(keras_model, capsys):
    flags = ["--dataset", "sklearn_digits", "-l", "-w", str(keras_model)]
    assert tf_cnn.main(flags) == 0
    assert model_file.read(keras_model)[1]["test"] in capsys.readouterr().out


def test_attributes(tf_model):
    attributes = model_file.read(tf_model)[1]
    assert attributes["command"].startswith(
        "python3 tf_cnn.py --dataset sklearn_digits"
    )
    assert attributes["arguments"]["dense_layers"] == [16]
    assert attributes["seed"] == 0
    assert attributes["versions"]["tensorflow"] == tf.__version__


@pytest.mark.parametrize("is_shipped", [True, False])
def test_tensorflow_and_onnx_runtime_agree(is_shipped, tf_model):
    path = model_file.SHIPPED if is_shipped else tf_model
    onnx, attributes = model_file.read(path)
    images = mnist.read_sklearn_digits()[0][:1000]
    model = restore(path, attributes)
    logits = model.logits(images) / attributes["temperature"]
    assert_agrees(Classifier(onnx), images, tf.nn.softmax(logits).numpy())


@pytest.mark.slow
@pytest.mark.parametrize("activation", flags.ACTIVATIONS)
def test_every_activation_is_exported(activation):
    model = new_ensemble(SHAPE._replace(activation=activation), ["plain", "upright"])
    model.temperature = 2.0
    images = mnist.read_sklearn_digits()[0][:20]
    classifier = Classifier(export.to_onnx(model.probabilities))
    expected = tf.nn.softmax(model.logits(images) / 2).numpy()
    found = classifier.probabilities(images)[:, :10]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_same_seed_same_weights(tf_model):
    flags = ["--dense_layers", "16", "--save_weights", "again.hdf5"]
    assert tf_cnn.main([*TINY, *flags]) == 0
    first, second = map(model_file.read_variables, (tf_model, "again.hdf5"))
    assert first.keys() == second.keys() and len(first) == 38
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory):
    """A model file of two networks, of the seeds 1 and 2; its folder holds results."""
    folder = tmp_path_factory.mktemp("ensemble")
    path = folder / "two.hdf5"
    where = ["--save_weights", str(path), "--output_dir", str(folder)]
    assert tf_cnn.main([*TINY, "--ensemble", "2", "--seed", "1", *where]) == 0
    return path


def test_networks_of_an_ensemble_are_those_of_their_seeds(ensemble):
    stored = model_file.read_variables(ensemble)
    assert tf_cnn.main([*TINY, "--seed", "2", "--save_weights", "alone.hdf5"]) == 0
    alone = model_file.read_variables("alone.hdf5")
    assert len(stored) == 2 * len(alone)
    for name, value in alone.items():
        # Its networks, of two views, are the third and the fourth of the ensemble.
        in_ensemble = name.replace("k2", "k4").replace("k1", "k3")
        np.testing.assert_array_equal(stored[in_ensemble], value)
    summary = json.loads((ensemble.parent / "results.json").read_text(encoding="utf-8"))
    test = model_file.read("alone.hdf5")[1]["test"]
    assert [member["seed"] for member in summary["networks"]] == [1, 2]
    assert summary["networks"][1]["test"] == test


def test_an_ensemble_averages_and_is_loaded(ensemble, capsys):
    onnx, attributes = model_file.read(ensemble)
    images = mnist.read_sklearn_digits()[0][:1000]
    model = restore(ensemble, attributes)
    pixels = np.float32(images[..., None])
    views = {"plain": pixels, "upright": geometry.upright(pixels, np)}
    assert [member.view for member in model.networks] == 2 * ["plain", "upright"]
    each = [member(views[member.view]) for member in model.networks]
    expected = tf.nn.softmax(np.mean(each, axis=0) / attributes["temperature"])
    assert_agrees(Classifier(onnx), images, expected.numpy())
    flags = ["--dataset", "sklearn_digits", "-l", "-w", str(ensemble)]
    assert tf_cnn.main(flags) == 0
    assert attributes["test"] in capsys.readouterr().out


def test_distilling_learns_the_teachers_answers(tf_model, ensemble, monkeypatch):
    monkeypatch.setattr(tf_cnn, "DROPOUT", 0.0)
    for name in ("ROTATION", "SCALE", "SHEAR", "SHIFT"):
        monkeypatch.setattr(geometry, name, 0.0)
    flags = [*TINY[:3], "30", *TINY[4:], "--distill", str(tf_model)]
    assert tf_cnn.main([*flags, "--save_weights", "pupil.hdf5"]) == 0
    images = mnist.load("sklearn_digits").train_images
    teacher, pupil, other = (
        Classifier(model_file.read(path)[0]).probabilities(images)
        for path in (tf_model, "pupil.hdf5", ensemble)
    )
    assert abs(pupil - teacher).mean() < abs(other - teacher).mean() / 2
    # It is one network, and loads as such.
    restored = restore("pupil.hdf5", model_file.read("pupil.hdf5")[1])
    assert [member.view for member in restored.networks] == ["plain"]


def test_distilling_from_another_file(keras_model, tmp_path, capsys):
    assert tf_cnn.main([*TINY, "--distill", str(keras_model)]) == 1
    assert f"error: {keras_model}: only what tf_cnn.py" in capsys.readouterr().err
    assert tf_cnn.main([*TINY, "--distill", "none.hdf5"]) == 1
    assert "none.hdf5: no such model file" in capsys.readouterr().err


@pytest.mark.parametrize("temperature", [None, 0.0, "warm"])
def test_distilling_without_a_temperature(tf_model, temperature, capsys):
    onnx, attributes = model_file.read(tf_model)
    attributes["temperature"] = temperature
    model_file.save("t.hdf5", onnx, attributes, model_file.read_variables(tf_model))
    assert tf_cnn.main([*TINY, "--distill", "t.hdf5"]) == 1
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith("error: t.hdf5: damaged")


def test_distilling_other_classes(tf_model, capsys):
    flags = [*TINY, "--augmentation", "real", "--distill", str(tf_model)]
    assert tf_cnn.main(flags) == 1
    assert "has 10 classes, not 11" in capsys.readouterr().err


@pytest.mark.slow
def test_curves_for_tensorboard(tmp_path):
    assert tf_cnn.main([*TINY, "--tensorboard", "curves"]) == 0
    (file,) = (tmp_path / "curves").iterdir()
    assert b"validation_accuracy" in file.read_bytes()


def test_folder_for_tensorboard_is_checked_before_training(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    assert tf_cnn.main([*TINY, "--tensorboard", "file"]) == 1
    assert capsys.readouterr().err.startswith("error: file: no folder")


def trainer_of(images, labels, *flags):
    """Return a Trainer of a small network."""
    args = tf_cnn.parse_args([*TINY, *flags])
    return tf_cnn.Trainer(args, SHAPE, 0, "plain", images, labels, None)


def test_every_step_learns():
    """Of a single step too: the first and the last one have a rate above 0."""
    images, labels = mnist.read_sklearn_digits()
    trainer = trainer_of(images[:20], labels[:20])
    before = {name: v.numpy() for name, v in trainer.network.variables.items()}
    trainer.train_epoch(0, "", Training())
    for name, variable in trainer.network.variables.items():
        assert (variable.numpy() != before[name]).any(), name


def test_an_epoch_sees_each_image_once(monkeypatch):
    images, labels = mnist.read_sklearn_digits()
    trainer = trainer_of(images[:80], labels[:80], "--batch_size", "32")
    calls = []

    def step(chosen, number):
        calls.append((chosen.numpy(), int(number)))
        return 2.0 * len(chosen), len(chosen) - 1

    trainer.learn = step
    assert trainer.train_epoch(1, "", Training()) == (2.0, 77 / 80)
    assert [len(chosen) for chosen, _ in calls] == [32, 32, 16]
    assert [number for _, number in calls] == [3, 4, 5]
    order = np.concatenate([chosen for chosen, _ in calls])
    assert sorted(order) == list(range(80)) and list(order) != list(range(80))


@pytest.mark.parametrize("shape", [(12, 5), (5, 12), (7, 7)])
def test_muon_against_keras(shape):
    random = np.random.default_rng(0)
    start = random.normal(size=shape).astype(np.float32)
    ours, theirs = tf.Variable(start), keras.Variable(start)
    muon = tf_cnn.Muon([ours])
    oracle = keras.optimizers.Muon(
        0.01, weight_decay=tf_cnn.WEIGHT_DECAY, momentum=tf_cnn.MOMENTUM
    )
    for _ in range(5):
        gradient = tf.constant(random.normal(size=shape).astype(np.float32))
        muon.apply([gradient], 0.01)
        oracle.apply([gradient], [theirs])
    np.testing.assert_allclose(
        ours.numpy(), keras.ops.convert_to_numpy(theirs), atol=1e-5
    )


def test_orthogonal_keeps_directions_and_evens_sizes():
    matrix = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    found = tf_cnn.orthogonal(tf.constant(matrix)).numpy()
    sizes = left.T @ found @ right.T
    np.testing.assert_allclose(np.diag(np.diag(sizes)), sizes, atol=1e-4)
    assert np.diag(sizes).min() > 0.6 and np.diag(sizes).max() < 1.3


def test_adamw_against_keras():
    start = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    ours, theirs = tf.Variable(start), keras.Variable(start)
    optimizer = tf_cnn.AdamW([ours])
    oracle = keras.optimizers.AdamW(
        0.01, weight_decay=tf_cnn.WEIGHT_DECAY, epsilon=1e-7
    )
    for step in range(1, 6):
        gradient = tf.constant(start * step)
        optimizer.apply([gradient], tf.constant(float(step)), 0.01)
        oracle.apply([gradient], [theirs])
    np.testing.assert_allclose(
        ours.numpy(), keras.ops.convert_to_numpy(theirs), atol=1e-5
    )


def test_learning_rate_is_one_cycle():
    rates = [float(tf_cnn.learning_rate_at(float(step), 99)) for step in range(101)]
    assert rates[0] == 0
    assert max(rates) == rates[20] == pytest.approx(tf_cnn.PEAK_LEARNING_RATE)
    assert rates[100] == pytest.approx(0, abs=1e-9)
    assert rates[10] == pytest.approx(rates[20] / 2)
    assert rates[60] == pytest.approx(rates[20] / 2)
    assert min(rates[1:100]) > 0
    assert float(tf_cnn.learning_rate_at(1.0, 1)) > 0


def test_augmentation_moves_and_keeps_ink():
    images = tf.constant(mnist.read_sklearn_digits()[0][:64, ..., None])
    moved = tf_cnn.augment(images, tf.constant([0, 1])).numpy()
    again = tf_cnn.augment(images, tf.constant([0, 1])).numpy()
    other = tf_cnn.augment(images, tf.constant([0, 2])).numpy()
    np.testing.assert_array_equal(moved, again)
    assert (moved != other).any()
    assert moved.shape == images.shape
    assert moved.min() >= 0 and moved.max() <= 255
    # Scaling changes the ink by a few per cent on average, losing none at the border.
    assert moved.sum() == pytest.approx(
        float(tf.reduce_sum(images.numpy() / 1.0)), rel=0.1
    )


def test_augmentation_without_movement_is_the_identity(monkeypatch):
    for name in ("ROTATION", "SCALE", "SHEAR", "SHIFT"):
        monkeypatch.setattr(geometry, name, 0.0)
    images = mnist.read_sklearn_digits()[0][:8, ..., None]
    moved = tf_cnn.augment(tf.constant(images), tf.constant([0, 1])).numpy()
    np.testing.assert_allclose(moved, images, atol=1e-3)


def test_destination_is_checked_before_training(capsys):
    assert tf_cnn.main([*TINY, "--save_weights", "no/such/folder.hdf5"]) == 1
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: no/such/folder.hdf5") and "\n" not in error


def test_missing_data(capsys, tmp_path):
    assert tf_cnn.main(["--data_dir", str(tmp_path)]) == 1
    assert "--data_dir names it" in capsys.readouterr().err


def test_output_folder_is_checked_before_training(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    assert tf_cnn.main([*TINY, "--output_dir", "file"]) == 1
    assert capsys.readouterr().err.startswith("error: file: no folder")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_loading_keeps_the_results_of_training(tf_model, tmp_path, capsys):
    flags = ["--dataset", "sklearn_digits", "-l", "-w", str(tf_model)]
    assert tf_cnn.main([*flags, "--output_dir", "out"]) == 0
    assert (tmp_path / "out" / "loaded" / "results.json").exists()
    assert not (tmp_path / "out" / "results.json").exists()


def test_the_teacher_is_not_overwritten(tf_model, capsys):
    shutil.copy(tf_model, "tf_cnn.hdf5")
    content = tf_model.read_bytes()
    os.link("tf_cnn.hdf5", "linked.hdf5")
    for teacher in ("tf_cnn.hdf5", "linked.hdf5"):
        with pytest.raises(SystemExit) as stop:
            tf_cnn.main([*TINY, "--distill", teacher])
        assert stop.value.code == 2
        assert "--save_weights would overwrite it" in capsys.readouterr().err
    with open("tf_cnn.hdf5", "rb") as file:
        assert file.read() == content


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--ensemble", "25"], "the network would have 65 MiB of weights"),
        (["--dense_layers", "4096", "4096"], "a model file holds at most 63"),
        (["--filters", *["1"] * 20_000], "too many layers"),
    ],
)
def test_what_could_not_be_loaded_is_refused_before_training(flags, message, capsys):
    assert tf_cnn.main(["--dataset", "sklearn_digits", *flags]) == 2
    out, err = capsys.readouterr()
    assert message in err and "epoch" not in err and not out


@pytest.mark.slow
def test_the_largest_network_that_is_saved_can_be_loaded():
    shape = NetworkShape([1], [3900, 3900], "relu", 10)
    assert 4 * parameters_of(shape) > 0.95 * model_file.LARGEST_GRAPH_WEIGHTS
    model_file.check_readable(parameters_of(shape), {})
    model = new_ensemble(shape, ["plain"])
    graph = export.to_onnx(model.probabilities)
    assert len(graph) <= model_file.LARGEST_ARRAY
    variables = {name: v.numpy() for name, v in model.variables.items()}
    arguments = shape._asdict() | {"ensemble": 1, "distill": "other.hdf5"}
    attributes = {"script": "tf_cnn.py", "arguments": arguments, "classes": DIGITS}
    model_file.save("large.hdf5", graph, attributes, variables)
    images = mnist.read_sklearn_digits()[0][:3]
    expected = tf.nn.softmax(restore("large.hdf5", attributes).logits(images))
    found = model_file.load("large.hdf5").probabilities(images)[:, :10]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.slow
def test_learning_gate(tmp_path):
    """It learns: over 90 % of small digits within some epochs, and a falling loss."""
    flags = ["--epochs", "8", "--filters", "16", "32", "--batch_size", "32"]
    assert tf_cnn.main(["--dataset", "sklearn_digits", *flags]) == 0
    folder = tmp_path / "output" / "tf_cnn"
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert results["test_errors"] < 36
    with open(folder / "history.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for network in "12":
        losses = [float(r["loss"]) for r in rows if r["network"] == network]
        assert losses[-1] < losses[3] < losses[0]


def test_nothing_to_save_after_loading(tf_model):
    with pytest.raises(SystemExit) as stop:
        tf_cnn.main(["-l", "-s", "-w", str(tf_model)])
    assert stop.value.code == 2


@pytest.mark.parametrize(
    "change",
    [
        {"filters": [9, 9, 9]},
        {"filters": [-1, 0, "x"]},
        {"filters": [4.0, 8.0, 8.0]},
        {"filters": [10**6, 10**6]},
        {"filters": [10**7, -10]},
        {"filters": 4},
        {"dense_layers": []},
        {"dense_layers": [10**9]},
        {"activation": "no_such_function"},
        {"activation": "crelu"},
        {"ensemble": 0},
        {"ensemble": 2},
        {"ensemble": 10**9},
        {"distill": "five.hdf5"},
    ],
)
def test_attributes_are_not_trusted(change, tf_model, capsys):
    onnx, attributes = model_file.read(tf_model)
    arguments = attributes["arguments"] | change
    variables = model_file.read_variables(tf_model)
    model_file.save("a.hdf5", onnx, attributes | {"arguments": arguments}, variables)
    assert_is_refused("a.hdf5", capsys)


@pytest.mark.parametrize("lacking", ["arguments", "classes"])
def test_attributes_may_be_lacking(lacking, tf_model, capsys):
    onnx, attributes = model_file.read(tf_model)
    del attributes[lacking]
    model_file.save("a.hdf5", onnx, attributes, model_file.read_variables(tf_model))
    with h5py.File("a.hdf5", "a") as file:
        file.attrs.pop(lacking, None)
    assert_is_refused("a.hdf5", capsys)


def test_variables_that_are_none(tf_model, capsys):
    shutil.copyfile(tf_model, "a.hdf5")
    with h5py.File("a.hdf5", "a") as file:
        del file["variables"]
        file["variables"] = np.zeros(3, np.float32)
    assert_is_refused("a.hdf5", capsys)


def test_a_file_of_version_1_0(capsys):
    """Its graph has matrix products for convolutions, as OpenCV wanted them."""
    path = ROOT / "tests" / "data" / "tf_cnn-1.0.hdf5"
    attributes = model_file.read(path)[1]
    images = mnist.read_sklearn_digits()[0][:200]
    logits = restore(path, attributes).logits(images) / attributes["temperature"]
    assert_agrees(model_file.load(path), images, tf.nn.softmax(logits).numpy())
    flags = ["--dataset", "sklearn_digits", "-l", "-w", str(path)]
    assert tf_cnn.main(flags) == 0
    assert attributes["test"] in capsys.readouterr().out


def assert_is_refused(path, capsys):
    assert tf_cnn.main(["-l", "-w", path]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"error: {path}: damaged, or of an earlier tf_cnn.py; ")


def test_a_file_of_more_networks_than_it_says(tf_model, capsys):
    onnx, attributes = model_file.read(tf_model)
    variables = model_file.read_variables(tf_model)
    more = {"network3/dense1/bias": np.zeros(10, np.float32)}
    model_file.save("more.hdf5", onnx, attributes, variables | more)
    assert tf_cnn.main(["-l", "-w", "more.hdf5"]) == 1
    assert "more.hdf5: damaged, or of an earlier" in capsys.readouterr().err


@pytest.fixture(scope="module")
def real_model(tmp_path_factory):
    """A model file that tf_cnn.py trained for a moment on other people's pens."""
    folder = tmp_path_factory.mktemp("real")
    path = folder / "real.hdf5"
    flags = ["--save_weights", str(path), "--output_dir", str(folder / "output")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(renderings, "RENDERINGS", 1)
        assert tf_cnn.main([*TINY, "--augmentation", "real", *flags]) == 0
    return path


def test_augmentation_real_knows_what_is_no_digit(real_model):
    onnx, attributes = model_file.read(real_model)
    assert attributes["classes"] == DIGITS + NO_DIGIT
    rejection = attributes["rejection"]
    assert rejection["digits"] > 100 and rejection["junk"] > 50
    images = mnist.read_sklearn_digits()[0][:1000]
    probabilities = Classifier(onnx).probabilities(images)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    model = restore(real_model, attributes)
    logits = model.logits(images) / attributes["temperature"]
    assert_agrees(Classifier(onnx), images, tf.nn.softmax(logits).numpy())


def test_augmentation_real_adds_a_quick_network(real_model, tf_model):
    with h5py.File(real_model) as file:
        quick = Classifier(file[model_file.QUICK][()].tobytes())
        whole = file[model_file.ONNX].size
        assert file[model_file.QUICK].size < whole / 2
    images = np.zeros((3, 28, 28), np.uint8)
    np.testing.assert_allclose(quick.probabilities(images).sum(axis=1), 1, atol=1e-5)
    with h5py.File(tf_model) as file:
        assert model_file.QUICK not in file


@pytest.mark.parametrize("script", [tf_cnn, CNN_MNIST])
def test_a_network_with_junk_is_loaded_and_tested(script, real_model, capsys):
    flags = ["--dataset", "sklearn_digits", "-l", "-w", str(real_model)]
    assert script.main(flags) == 0
    assert model_file.read(real_model)[1]["test"] in capsys.readouterr().out


SMALL = ["--dataset", "sklearn_digits", "--reader", "1"]
SCORE = {"digits": 1234, "found": 0.985, "right": 0.9712, "made_up": 0.0123}


@pytest.fixture
def trained_already(monkeypatch):
    """Replaces the training of the reader; its seed and epochs are those of a run."""
    keras.utils.set_random_seed(0)
    model, seeds = reader_network.network(), []

    def train(dataset, seed, run):
        assert dataset.name == "sklearn_digits"
        seeds.append(seed)
        run.rows += [{"epoch": 1, "loss": 9.5, "seconds": 1.0}]
        run.rows += [{"epoch": 2, "loss": 7.25, "seconds": 2.0}]
        pages = np.random.default_rng(0).integers(0, 256, (16, 40, 112), np.uint8)
        return model, {"score": SCORE, "temperatures": (0.9, 1.1)}, pages

    monkeypatch.setattr(reader, "train", train)
    return model, seeds


def content_of(path):
    """Return {name: value} of all arrays and attributes of a file but the reader's."""
    content = {}

    def add(name, node):
        if isinstance(node, h5py.Dataset):
            content[name] = node.dtype, node[()].tobytes()

    with h5py.File(path) as file:
        file.visititems(add)
        content |= {f"@{name}": file.attrs[name] for name in file.attrs}
    return {name: value for name, value in content.items() if "reader" not in name}


@pytest.mark.slow
def test_training_a_reader(monkeypatch, capsys, tmp_path):
    """The command itself, on very few pages."""
    for name in ("PIECES", "HELD_OUT"):
        monkeypatch.setattr(reader, name, 1)
    monkeypatch.setattr(reader, "FROM_SCRATCH", reader.FROM_SCRATCH._replace(epochs=1))
    flags = ["--save_weights", "tf_cnn.hdf5", "--seed", "3", "--output_dir", "out"]
    assert tf_cnn.main([*SMALL, *flags]) == 0
    score, saved, _ = capsys.readouterr().out.splitlines()
    assert score.startswith("Reader: ") and "digits on held-out pages" in score
    assert saved.startswith("saved tf_cnn.hdf5; ")
    assert content_of("tf_cnn.hdf5") == content_of(model_file.SHIPPED)
    facts = model_file.read("tf_cnn.hdf5")[1]["reader"]
    assert facts["command"].endswith("--seed 3 --output_dir out")
    assert facts["arguments"]["seed"] == facts["seed"] == 3
    assert (facts["pieces"], facts["epochs"]) == (1, 1)
    assert facts["score"]["digits"] > 100
    assert facts["versions"]["tensorflow"] == tf.__version__
    found = model_file.load_reader("tf_cnn.hdf5")
    assert found.answers(np.full((30, 40), 255, np.uint8)).shape[:2] == (12, 14)
    out = tmp_path / "out" / "reader"
    assert json.loads((out / "results.json").read_text(encoding="utf-8")) == facts
    with open(out / "history.csv", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert float(row["loss"]) > 0 and float(row["seconds"]) <= facts["seconds"]


def test_a_reader_is_added_to_the_networks_of_a_file(
    tf_model, trained_already, capsys, tmp_path
):
    """Also to the same file, and again."""
    model, seeds = trained_already
    shutil.copy(tf_model, "my.hdf5")
    for seed in "45":
        where = ["--start", "my.hdf5", "--save_weights", "my.hdf5", "--seed", seed]
        assert tf_cnn.main([*SMALL, *where]) == 0
        assert content_of("my.hdf5") == content_of(tf_model)
    assert seeds == [4, 5]
    facts = model_file.read("my.hdf5")[1]["reader"]
    assert facts["seed"] == 5 and facts["temperatures"] == [0.9, 1.1]
    out = capsys.readouterr().out
    assert out.splitlines()[0] == (
        "Reader: 97.1 % of 1,234 digits on held-out pages found and read right, 98.5 % "
        "found; 1.2 % as many made up"
    )
    picture = np.random.default_rng(0).integers(0, 256, (32, 48)).astype(np.uint8)
    pixels = bordered(picture)[None, ..., None].astype(np.float32)
    expected = model(pixels, training=False)[0]
    with model_file.open_hdf5("my.hdf5") as file:
        graph = model_file.read_bytes(file, model_file.FLOAT_READER)
    assert_close(Reader(graph).answers(picture), expected)
    quantised = model_file.load_reader("my.hdf5").answers(picture)
    assert np.std(quantised - expected) < 0.2 * np.std(expected)
    history = tmp_path / "output" / "tf_cnn" / "reader" / "history.csv"
    rows = list(csv.DictReader(history.read_text(encoding="utf-8").splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert [row["loss"] for row in rows] == ["9.5", "7.25"]
    assert tf_cnn.main([*SMALL[:2], "-l", "-w", "my.hdf5"]) == 0
    assert model_file.read(tf_model)[1]["test"] in capsys.readouterr().out


def test_a_reader_may_only_be_scored(trained_already, tmp_path):
    assert tf_cnn.main([*SMALL, "--save_model", "0"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["output"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--reader", "-l", "-w", "x"], "--reader trains no new digit networks: drop"),
        (["--reader", "--distill", "x"], "drop --distill"),
        (["--reader", "1", "--ensemble", "2"], "drop --ensemble"),
        (["--reader", "1", "--epochs", "2"], "drop --epochs"),
        (["--reader", "1", "--augmentation", "real"], "drop --augmentation"),
        (["--start", "x"], "--start needs --own FOLDER or --reader 1"),
        (["--start", "x", "--reader", "0"], "--start needs --own FOLDER or --reader"),
        (["--own", "x", "--reader"], "--own and --reader exclude each other"),
        (["--own", "x", "--epochs", "2"], "--own trains no new digit networks: drop"),
        (["--own", "x", "--dataset", "sklearn_digits"], "drop --dataset"),
        (["--reader", "1"], "--reader 1 needs --save_weights FILE"),
        (["--own", "x"], "--own needs --save_weights FILE"),
        (["--own", ""], "--own needs --save_weights FILE"),
        (["--force"], "--force needs --own FOLDER"),
    ],
)
def test_flags_that_do_not_fit_the_reader(flags, message, capsys):
    with pytest.raises(SystemExit) as stop:
        tf_cnn.main(flags)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_what_a_reader_is_added_to_is_read_before_training(
    keras_model, trained_already, capsys
):
    for path, message in (
        (str(keras_model), "tf_cnn.py did not save it"),
        ("gone.hdf5", "no such model file"),
        (str(ROOT / "README.md"), "not an HDF5 file"),
    ):
        assert tf_cnn.main([*SMALL, "--start", path, "-w", "my.hdf5"]) == 1
        out, err = capsys.readouterr()
        assert err.startswith(f"error: {path}: {message}") and not out
        assert err.count("\n") == 1
    assert tf_cnn.main([*SMALL, "-w", "no/such/folder.hdf5"]) == 1
    assert capsys.readouterr().err.startswith("error: no/such/folder.hdf5")
    assert not trained_already[1]
    assert not os.path.exists("tf_cnn.hdf5")


def test_results_stay_where_a_reader_is_not_saved(
    trained_already, monkeypatch, capsys, tmp_path
):
    graphs = {"reader": bytes((64 << 20) + 1)}
    monkeypatch.setattr(reader_file, "graphs_of", lambda *_: graphs)
    assert tf_cnn.main([*SMALL, "-w", "my.hdf5"]) == 1
    assert "not written: its graph" in capsys.readouterr().err
    assert (tmp_path / "output" / "tf_cnn" / "reader" / "results.json").exists()
    assert not (tmp_path / "my.hdf5").exists()
