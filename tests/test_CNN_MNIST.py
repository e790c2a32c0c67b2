import json
import subprocess
import sys
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

import CNN_MNIST
import load_model
import tf_cnn
from conftest import ROOT, TINY, assert_agrees
from digits import UserError, mnist
from digits.model import geometry, model_file
from digits.model.classifier import Classifier
from digits.training import keras_classifier, keras_file, optimizer
from digits.training import layers as own_layers
from digits.training.keras_classifier import KerasClassifier

ONE = str(ROOT / "assets" / "images" / "1a.jpg")
LOAD = ["--dataset", "sklearn_digits", "--load_model", "1", "--save_weights"]
numpy_of = keras.ops.convert_to_numpy
SHAPE = [*TINY[4:], "--dense_layers", "8", "--activation", "elu"]


def accuracy_of(capsys, path, *flags):
    """Return the accuracy that is printed for a file."""
    assert CNN_MNIST.main([*LOAD, str(path), *flags]) == 0
    return capsys.readouterr().out.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def model(keras_model):
    return keras.models.load_model(keras_model, compile=False)


def test_loaded_file_scores_what_was_printed(keras_model, capsys):
    test = model_file.read(keras_model)[1]["test"]
    assert accuracy_of(capsys, keras_model) == f"sklearn_digits test accuracy: {test}"


def test_summary_is_printed(keras_model, capsys):
    assert CNN_MNIST.main([*LOAD, str(keras_model)]) == 0
    assert "Total params" in capsys.readouterr().out


def test_keras_itself_loads_the_file(keras_model, model):
    assert model.input_shape == (None, 28, 28, 1)
    other = CNN_MNIST.build_network([4, 8, 8], [8], "elu")
    other.load_weights(keras_model)
    for ours, theirs in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(numpy_of(ours), numpy_of(theirs))


def test_keras_and_onnx_runtime_agree(keras_model, model):
    onnx, attributes = model_file.read(keras_model)
    images = mnist.read_sklearn_digits()[0][:1000]
    classifier = KerasClassifier(model)
    classifier.temperature = attributes["temperature"]
    expected = classifier.probabilities(images)
    assert_agrees(Classifier(onnx), images, expected)


def write_keras3_weights(path, model):
    model.save_weights(path.with_suffix(".weights.h5"))
    path.with_suffix(".weights.h5").rename(path)


def write_keras2_weights(path, model):
    """Write weights as Keras 2's save_weights did: a group a layer."""
    with h5py.File(path, "w") as file:
        layers = model.layers
        file.attrs["layer_names"] = [layer.name.encode() for layer in layers]
        file.attrs["backend"], file.attrs["keras_version"] = "tensorflow", "2.15.0"
        for layer in layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{w.name}:0".encode() for w in layer.weights]
            group.attrs["weight_names"] = names
            for name, weight in zip(names, layer.weights, strict=True):
                group[name.decode()] = numpy_of(weight)


def write_whole_model(path, model):
    path.write_bytes(keras_file.saved(model, ".hdf5"))


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (write_keras3_weights, "a.hdf5"),
        (write_keras2_weights, "b.weights.h5"),
        (write_whole_model, "c.model"),
    ],
)
def test_reads_keras_files_by_content(
    tmp_path, keras_model, model, capsys, write, name
):
    write(tmp_path / name, model)
    test = model_file.read(keras_model)[1]["test"]
    found = accuracy_of(capsys, tmp_path / name, *SHAPE)
    assert found == f"sklearn_digits test accuracy: {test}"


def test_reads_and_converts_a_keras_archive(tmp_path, keras_model, model, capsys):
    path = tmp_path / "new.keras"
    path.write_bytes(keras_file.saved(model, ".keras"))
    test = model_file.read(keras_model)[1]["test"]
    assert accuracy_of(capsys, path) == f"sklearn_digits test accuracy: {test}"
    assert load_model.main([ONE, "--weights", str(path)]) == 1
    command = capsys.readouterr().err.strip().split("python3 CNN_MNIST.py ")[1]
    flags = ["--dataset", "sklearn_digits", "--output_dir", "output"]
    assert CNN_MNIST.main([*command.split(), *flags]) == 0
    made = tmp_path / "new.hdf5"
    assert load_model.main([ONE, "--weights", str(made), "--single"]) == 0
    assert keras_file.kind_of(path) == "archive"  # it stays as it is


def test_no_file_beside_a_keras_archive_is_replaced(tmp_path, model, capsys):
    path, other = tmp_path / "new.keras", tmp_path / "new.hdf5"
    path.write_bytes(keras_file.saved(model, ".keras"))
    other.write_bytes(b"mine")
    assert CNN_MNIST.main([*LOAD, str(path), "--save_model", "1"]) == 1
    assert "new.hdf5: is there already; move it away" in capsys.readouterr().err
    assert other.read_bytes() == b"mine"


def test_own_pictures_are_not_learned_by_a_loaded_model(capsys):
    with pytest.raises(SystemExit, match="2"):
        CNN_MNIST.main(["--own", "mine", *LOAD, "new.keras"])
    assert "--own trains: drop --load_model" in capsys.readouterr().err


def test_writes_a_keras_archive(capsys):
    assert CNN_MNIST.main([*TINY, "-s", "-w", "a.keras", "--output_dir", "out"]) == 0
    assert "saved a.keras" in capsys.readouterr().out
    found = keras.models.load_model("a.keras", compile=False)
    assert found.input_shape == (None, 28, 28, 1)


def test_a_damaged_archive(tmp_path, model, capsys):
    path = tmp_path / "a.keras"
    content = bytearray(keras_file.saved(model, ".keras"))
    content[100:400] = bytes(300)
    path.write_bytes(content)
    assert CNN_MNIST.main([*LOAD, str(path)]) == 1
    assert f"{path}: Keras cannot load it: " in capsys.readouterr().err


@pytest.mark.parametrize(("factor", "ink"), [(1, "0 to 255"), (255, "0 to 1")])
def test_which_ink_a_model_expects_is_tried(factor, ink, capsys):
    """Of much ink, a 1, but not of far too much, a 2."""
    model = foreign(keras.layers.Dense(10, "softmax"))
    kernel, bias = np.zeros((784, 10), np.float32), np.zeros(10, np.float32)
    kernel[:, 1], bias[1] = factor / 784, -100
    kernel[:, 2], bias[2] = 2 * factor / 784, -500
    model.set_weights([kernel, bias])
    images = np.zeros((40, 28, 28), np.uint8)
    images[::2] = 200
    dataset = mnist.load("sklearn_digits")._replace(
        validation_images=images, validation_labels=np.arange(40) % 2 == 0
    )
    classifier = KerasClassifier(model)
    keras_classifier.fit_scale(classifier, "a.h5", dataset)
    assert f"a.h5: expects ink from {ink}" in capsys.readouterr().err
    found = classifier.probabilities(images).argmax(axis=1)
    np.testing.assert_array_equal(found, np.arange(40) % 2 == 0)


def test_converts_for_load_model(tmp_path, model, capsys):
    path = tmp_path / "old.h5"
    write_keras2_weights(path, model)
    assert load_model.main([ONE, "--weights", str(path)]) == 1
    command = capsys.readouterr().err.strip().split("python3 CNN_MNIST.py ")[1]
    flags = ["--dataset", "sklearn_digits", *SHAPE, "--output_dir", "output"]
    assert CNN_MNIST.main([*command.split(), *flags]) == 0
    assert load_model.main([ONE, "--weights", str(path), "--single"]) == 0
    assert keras.models.load_model(path, compile=False).count_params()


@pytest.mark.slow
def test_adds_to_a_whole_model_and_changes_nothing_of_it(tmp_path):
    model = foreign(keras.layers.Dense(10, "softmax"))
    model.compile("adam", "sparse_categorical_crossentropy")
    dataset = mnist.load("sklearn_digits")
    model.fit(dataset.train_images[:100], dataset.train_labels[:100], verbose=0)
    write_whole_model(tmp_path / "a.h5", model)
    for _ in range(2):
        assert CNN_MNIST.main(["-s", *LOAD, "a.h5", "--output_dir", "output"]) == 0
        loaded = keras.models.load_model("a.h5")
        assert numpy_of(loaded.optimizer.iterations) == 4
        for one, other in zip(model.weights, loaded.weights, strict=True):
            np.testing.assert_array_equal(numpy_of(one), numpy_of(other))
        assert load_model.main([ONE, "--weights", "a.h5", "--single"]) == 0


def foreign(*layers):
    return keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), *layers])


@pytest.mark.parametrize("activation", ["softmax", None, "sigmoid"])
def test_networks_from_elsewhere(activation):
    """A tutorial's network expects ink from 0 to 1, and may give logits."""
    model = foreign(keras.layers.Dense(10, activation))
    images = mnist.read_sklearn_digits()[0][:50]
    outputs = numpy_of(model(images / np.float32(255)))
    if activation is None:
        expected = tf.nn.softmax(outputs)
    else:
        expected = outputs / outputs.sum(axis=1, keepdims=True)
    classifier = KerasClassifier(model)
    np.testing.assert_allclose(classifier.probabilities(images), expected, atol=1e-5)
    graph = Classifier(classifier.to_onnx())
    found = graph.probabilities(images)[:, :10]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_scaling_within_a_model_within_a_model():
    scaling = keras.layers.Rescaling(1 / 255)
    inner = keras.Sequential([keras.Sequential([scaling])])
    model = foreign(inner, keras.layers.Dense(10, "softmax"))
    images = mnist.read_sklearn_digits()[0][:50]
    found = KerasClassifier(model).probabilities(images)
    expected = numpy_of(model(images.astype(np.float32)))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def write_old_model(path, layers, weights):
    """Write a whole model as Keras 2 did, whose configuration is not Keras 3's."""
    is_early = layers[0]["class_name"] != "InputLayer"
    inner = layers if is_early else {"name": "sequential", "layers": layers}
    config = {"class_name": "Sequential", "config": inner}
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config).encode()
        file.attrs["backend"], file.attrs["keras_version"] = b"tensorflow", b"2.2.4"
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = np.array([b"flatten", b"dense"])
        group.create_group("flatten").attrs["weight_names"] = np.array([], "S1")
        dense = group.create_group("dense")
        dense.attrs["weight_names"] = np.array([b"dense/kernel:0", b"dense/bias:0"])
        dense["dense/kernel:0"], dense["dense/bias:0"] = weights


@pytest.mark.slow
@pytest.mark.parametrize("has_input_layer", [True, False])
def test_whole_models_of_keras_2(tmp_path, capsys, has_input_layer):
    random = np.random.default_rng(0)
    kernel = random.normal(size=(784, 10)).astype(np.float32)
    bias = random.normal(size=10).astype(np.float32)
    shape = {"batch_input_shape": [None, 28, 28, 1], "dtype": "float32"}
    flatten = {"name": "flatten", "trainable": True, "data_format": "channels_last"}
    dense = {
        "name": "dense",
        "trainable": True,
        "units": 10,
        "activation": "softmax",
        "use_bias": True,
        "kernel_initializer": {"class_name": "Zeros", "config": {}},
    }
    layers = [
        {"class_name": "Flatten", "config": flatten},
        {"class_name": "Dense", "config": dense},
    ]
    if has_input_layer:
        first = {"name": "input_1", "sparse": False, "ragged": False} | shape
        layers.insert(0, {"class_name": "InputLayer", "config": first})
    else:
        flatten |= shape
    write_old_model(tmp_path / "old.h5", layers, (kernel, bias))
    dataset = mnist.load("sklearn_digits")

    def errors_of(images, labels, scale):
        pixels = images.reshape(-1, 784) * np.float32(scale)
        return ((pixels @ kernel + bias).argmax(axis=1) != labels).sum()

    held_out = dataset.validation_images, dataset.validation_labels
    scale = min(1 / 255, 1, key=lambda scale: errors_of(*held_out, scale))
    errors = errors_of(dataset.test_images, dataset.test_labels, scale)
    assert f"({errors} errors / 360)" in accuracy_of(capsys, tmp_path / "old.h5")


@pytest.mark.parametrize("precision", ["float64", "float16"])
def test_a_network_of_another_precision(precision):
    inputs = keras.Input((28, 28))
    dense = keras.layers.Dense(10, "softmax", dtype=precision)
    model = keras.Model(inputs, dense(keras.layers.Flatten(dtype=precision)(inputs)))
    images = mnist.read_sklearn_digits()[0][:50]
    classifier = KerasClassifier(model)
    found = Classifier(classifier.to_onnx()).probabilities(images)[:, :10]
    np.testing.assert_allclose(found, classifier.probabilities(images), atol=1e-3)


def test_a_network_that_load_model_cannot_run(capsys):
    """Its file stays as it is: no model file may have the error function."""
    write_whole_model(Path("a.h5"), foreign(keras.layers.Dense(10, "gelu")))
    before = Path("a.h5").read_bytes()
    assert CNN_MNIST.main([*LOAD, "a.h5", "--save_model", "1"]) == 1
    assert "a.h5: its graph cannot be run" in capsys.readouterr().err
    assert Path("a.h5").read_bytes() == before


def test_a_network_of_another_task():
    with pytest.raises(UserError, match="not 10 classes"):
        KerasClassifier(foreign(keras.layers.Dense(3)))
    dense = keras.layers.Dense(10)
    with pytest.raises(UserError, match="not 28x28 pixels"):
        KerasClassifier(keras.Sequential([keras.Input((10,)), dense]))


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_text("text"),
        lambda path: h5py.File(path, "w").close(),
        lambda path: h5py.File(path, "w").create_group("layers"),
        lambda path: h5py.File(path, "w").attrs.update({"model_config": "{}"}),
        lambda path: h5py.File(path, "w").attrs.update({"layer_names": ["a"]}),
    ],
)
def test_files_that_keras_cannot_load(tmp_path, capsys, write):
    path = tmp_path / "model.hdf5"
    write(path)
    assert CNN_MNIST.main([*LOAD, str(path)]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"error: {path}: ")


def test_weights_of_another_network(tmp_path, model, capsys):
    write_keras3_weights(tmp_path / "a.h5", model)
    flags = ["--filters", "3", "3", "3"]
    assert CNN_MNIST.main([*LOAD, str(tmp_path / "a.h5"), *flags]) == 1
    assert "Keras cannot load it" in capsys.readouterr().err


def test_code_in_a_model_is_not_run(tmp_path, capsys):
    model = foreign(keras.layers.Lambda(lambda x: x), keras.layers.Dense(10))
    write_whole_model(tmp_path / "a.h5", model)
    assert CNN_MNIST.main([*LOAD, str(tmp_path / "a.h5")]) == 1
    assert "Keras cannot load it" in capsys.readouterr().err


def test_a_file_of_the_other_script(tf_model, capsys):
    test = model_file.read(tf_model)[1]["test"]
    assert accuracy_of(capsys, tf_model) == f"sklearn_digits test accuracy: {test}"


def test_results(keras_model):
    results = json.loads(
        (keras_model.parent / "output" / "results.json").read_text(encoding="utf-8")
    )
    assert results["script"] == "CNN_MNIST.py"
    history = (keras_model.parent / "output" / "history.csv").read_text(
        encoding="utf-8"
    )
    last = history.splitlines()[-1].split(",")
    assert float(last[5]) == results["validation"]["validation_accuracy"]


def test_same_seed_same_network(tmp_path, keras_model):
    assert CNN_MNIST.main([*TINY, *SHAPE, "-s", "-w", "again.hdf5"]) == 0
    models = [
        keras.models.load_model(path, compile=False)
        for path in (keras_model, "again.hdf5")
    ]
    for one, other in zip(*(model.weights for model in models), strict=True):
        np.testing.assert_array_equal(numpy_of(one), numpy_of(other))


def test_nothing_to_add_to_a_file_of_the_other_script(tf_model, capsys):
    assert CNN_MNIST.main(["-s", *LOAD, str(tf_model)]) == 1
    assert "not a Keras file" in capsys.readouterr().err


def test_muon_takes_kernels_as_tf_cnn_does(monkeypatch):
    """Keras's part and ours change a network's variables alike."""
    monkeypatch.setattr(CNN_MNIST, "NEWTON_SCHULZ_STEPS", 5)  # as tf_cnn.py has it
    random = np.random.default_rng(0)
    shapes = [(8, 10), (3, 3, 4, 8), (3, 3, 8, 8)]
    starts = [random.normal(size=shape).astype(np.float32) for shape in shapes]
    ours = [tf.Variable(start) for start in starts]
    theirs = [keras.Variable(start) for start in starts]
    adamw, muon = tf_cnn.AdamW(ours[:1]), tf_cnn.Muon(ours[1:])
    oracle = CNN_MNIST.muon(0.01)
    for step in range(1, 5):
        gradients = [random.normal(size=shape).astype(np.float32) for shape in shapes]
        adamw.apply(gradients[:1], float(step), 0.01)
        muon.apply([tf.constant(gradient) for gradient in gradients[1:]], 0.01)
        oracle.apply([tf.constant(gradient) for gradient in gradients], theirs)
    for variable, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(variable.numpy(), numpy_of(other), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("target", "halves"), [("5", 1), ("99.9", 4)])
def test_training_stops_at_its_target(target, halves, capsys, tmp_path):
    flags = [*TINY[:3], "2", *TINY[4:], "--target_accuracy", target]
    assert CNN_MNIST.main([*flags, "--output_dir", str(tmp_path)]) == 0
    rows = (tmp_path / "history.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert [float(row.split(",")[1]) for row in rows] == [0.5, 1, 1.5, 2][:halves]
    said = "2 epochs did not reach 99.9 %" in capsys.readouterr().err
    assert said == (halves == 4)


@pytest.mark.slow
def test_what_fails_beyond_its_target_is_told_as_it_is(monkeypatch, capsys):
    """It is none of the checkpoint, with which a resumed run has nothing to learn."""
    flags = [*TINY, "--target_accuracy", "5", "-s", "1", "-w", "a.hdf5"]

    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(keras_file, "saved", fail)
    with pytest.raises(ZeroDivisionError):
        CNN_MNIST.main([*flags, "--output_dir", "out"])
    capsys.readouterr()
    with pytest.raises(ZeroDivisionError):
        CNN_MNIST.main(["--resume", "--output_dir", "out"])
    assert "go on with" in capsys.readouterr().err


@pytest.mark.slow
def test_an_odd_number_of_batches_is_two_equal_cycles(capsys, tmp_path):
    """1,257 images: three batches of 500, one of them left out."""
    flags = ["--target_accuracy", "99.9", "--batch_size", "500"]
    assert CNN_MNIST.main([*TINY, *flags, "--output_dir", str(tmp_path)]) == 0
    assert len((tmp_path / "history.csv").read_text(encoding="utf-8").splitlines()) == 3
    assert capsys.readouterr().err.count(": validation ") == 2


@pytest.mark.parametrize("steps", [1, 2, 50])
def test_every_step_of_a_cycle_learns(steps):
    rates = numpy_of(optimizer.OneCycle(0.01, steps, 0.2)(np.arange(2 * steps)))
    assert rates.min() > 0
    np.testing.assert_allclose(rates[:steps], rates[steps:])
    rise = np.arange(1, steps + 1) / (steps + 1) / 0.2
    early = rise < 1
    np.testing.assert_allclose(rates[:steps][early], 0.01 * rise[early], rtol=1e-5)


def test_one_cycle_is_that_of_tf_cnn():
    steps = np.arange(99)
    found = optimizer.OneCycle(tf_cnn.PEAK_LEARNING_RATE, 99, tf_cnn.WARM_UP)(steps)
    expected = [float(tf_cnn.learning_rate_at(float(step + 1), 99)) for step in steps]
    np.testing.assert_allclose(numpy_of(found), expected, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", ["2000", "700"])
def test_an_epoch_of_one_or_two_batches_learns(batch_size, tmp_path):
    """1,257 images: after 20 passes half of the digits are read, by chance a tenth."""
    flags = ["--target_accuracy", "50", "--batch_size", batch_size, "--epochs", "20"]
    flags += ["--dataset", "sklearn_digits", "--filters", "8", "16"]
    assert CNN_MNIST.main([*flags, "--output_dir", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert results["validation"]["validation_accuracy"] >= 0.5


@pytest.mark.slow
def test_learning_gate(tmp_path):
    """It learns: over 90 % of small digits within some epochs, and a falling loss."""
    flags = ["--epochs", "15", "--filters", "16", "32", "--batch_size", "16"]
    flags += ["--dataset", "sklearn_digits", "--output_dir", str(tmp_path)]
    assert CNN_MNIST.main(flags) == 0
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert results["test_errors"] < 36
    rows = (tmp_path / "history.csv").read_text(encoding="utf-8").splitlines()[1:]
    losses = [float(row.split(",")[2]) for row in rows]
    assert losses[-1] < losses[5] < losses[0]


def test_a_network_that_could_not_be_loaded_is_refused_before_training(capsys):
    flags = ["--dataset", "sklearn_digits", "--dense_layers", "4096", "4096"]
    assert CNN_MNIST.main([*flags, "-s", "-w", "x.hdf5"]) == 2
    out, err = capsys.readouterr()
    assert "a model file holds at most 63" in err and not out


def test_keras_loads_a_saved_file_after_one_import(keras_model):
    """In a process of its own, as somebody else's program."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import digits.training.layers, keras\n"
        "print(keras.models.load_model(sys.argv[2], compile=False).output_shape)"
    )
    command = [sys.executable, "-c", code, ROOT, keras_model]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(None, 10)"


@pytest.mark.parametrize(
    "config",
    [
        {"class_name": "Sequential", "config": [{"class_name": "X", "config": None}]},
        {"class_name": "Sequential", "config": [{"class_name": "X", "config": {}}]},
        {"class_name": "Sequential", "config": []},
        {"class_name": "Sequential"},
        ["Sequential"],
        None,
    ],
)
def test_damaged_configurations(config, capsys):
    with h5py.File("k.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(config)
    assert CNN_MNIST.main([*LOAD, "k.h5"]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: k.h5: ")


def test_a_fault_of_our_layers_is_none_of_the_file(keras_model, monkeypatch):
    def faulty(*_):
        raise ValueError("our own fault")

    monkeypatch.setattr(own_layers.Upright, "call", faulty)
    with pytest.raises(ValueError, match="our own fault"):
        CNN_MNIST.main([*LOAD, str(keras_model)])


def test_a_loaded_network_that_could_not_be_loaded_again(tmp_path, capsys):
    model = foreign(keras.layers.Dense(22_000), keras.layers.Dense(10))
    write_whole_model(tmp_path / "a.h5", model)
    assert CNN_MNIST.main(["-s", *LOAD, "a.h5"]) == 2
    assert "a model file holds at most 63" in capsys.readouterr().err


def test_our_own_faults_are_no_faults_of_the_file(keras_model, model, monkeypatch):
    write_keras3_weights(keras_model.with_name("weights.h5"), model)

    def faulty(*_):
        raise ValueError("our own fault")

    monkeypatch.setattr(CNN_MNIST, "build_network", faulty)
    with pytest.raises(ValueError, match="our own fault"):
        CNN_MNIST.main([*LOAD, str(keras_model.with_name("weights.h5"))])


@pytest.mark.slow
def test_saved_weights_are_the_averaged_ones(tmp_path):
    """Validation, the test and the file all see the same averaged weights."""
    flags = [*TINY[:3], "3", *TINY[4:], "--output_dir", str(tmp_path)]
    assert CNN_MNIST.main([*flags, "-s", "-w", "k.hdf5"]) == 0
    attributes = model_file.read("k.hdf5")[1]
    dataset = mnist.load("sklearn_digits")
    model = keras.models.load_model("k.hdf5", compile=False)
    probabilities = numpy_of(model(dataset.validation_images[..., None]))
    targets = keras.utils.to_categorical(dataset.validation_labels)
    smoothed = 0.95 * targets + 0.005
    loss = -(smoothed * np.log(probabilities)).sum(axis=1).mean()
    stored = attributes["validation"]["validation_loss"]
    assert loss == pytest.approx(stored, rel=1e-4)


def test_augmentation_moves_as_tf_cnn_does(monkeypatch):
    images = mnist.read_sklearn_digits()[0][:16, ..., None]
    drawn = tf.random.stateless_uniform((6, 16), [0, 1], -1, 1)
    expected = tf_cnn.augment(tf.constant(images), [0, 1]).numpy()
    monkeypatch.setattr(keras.random, "uniform", lambda *_, **__: drawn)
    layer = own_layers.RandomAffine()
    moved = numpy_of(layer(images.astype(np.float32), training=True))
    assert (moved != images).any()
    np.testing.assert_allclose(moved, expected, atol=1e-3)


@pytest.mark.parametrize("is_augmented", [True, False])
def test_what_learns_does_what_is_saved(model, is_augmented):
    images = mnist.read_sklearn_digits()[0][:16, ..., None].astype(np.float32)
    augmentation = own_layers.RandomAffine() if is_augmented else None
    learner = CNN_MNIST.learner_of(model, augmentation)
    given = geometry.upright(images, np) if is_augmented else images
    found, expected = numpy_of(learner(given)), numpy_of(model(images))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_augmentation_is_for_training_only():
    images = mnist.read_sklearn_digits()[0][:16, ..., None].astype(np.float32)
    moving = own_layers.RandomAffine()
    np.testing.assert_array_equal(numpy_of(moving(images)), images)
    assert (numpy_of(moving(images, training=True)) != images).any()


def test_fused_normalisation_is_keras_own(model):
    """Outputs, gradients and, but for Bessel's correction, the moving averages."""
    layer = next(each for each in model.layers if "normalization" in each.name)
    learner = CNN_MNIST.learner_of(model)
    fused = learner.get_layer(layer.name)
    own = keras.layers.BatchNormalization.from_config(layer.get_config())
    random = np.random.default_rng(0)
    x = tf.constant(random.normal(1, 2, (32, 7, 7, 4)).astype(np.float32))
    own.build(x.shape)
    own.set_weights(fused.get_weights())
    results = []
    for each in (own, fused):
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = each(x, training=True)
            loss = tf.reduce_sum(outputs**3)
        results.append([outputs, tape.gradient(loss, x), *each.get_weights()])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)
