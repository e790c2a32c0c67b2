import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import tf_cnn
from benchmarks import measure, predict, train
from conftest import ROOT
from digits import UserError
from digits.experiment import recorded
from digits.model.classifier import Classifier, in_batches
from digits.training.network_file import NetworkShape


def member(seed, seconds):
    return {"seed": seed, "test": "…", "validation": {"seconds": seconds}}


def test_networks_of_an_ensemble_as_runs_of_their_own():
    summary = {
        "command": "python3 tf_cnn.py --ensemble 2 --seed 5",
        "arguments": {"seed": 5, "ensemble": 2, "epochs": 2},
        "networks": [member(5, 30.0), member(6, 50.0)],
        "validation": {"seconds": 50.0},
        "fit_seconds": 50.0,
        "predict_seconds": 8.0,
        "megabytes": 3.0,
        "seconds": 60.0,
        "temperature": 0.5,
        "qmnist": "…",
    }
    first, second = measure.member_runs(summary)
    assert first["fit_seconds"] == 30 and second["fit_seconds"] == 20
    assert second == {
        "command": "python3 tf_cnn.py --seed 6",
        "trained_by": "python3 tf_cnn.py --ensemble 2 --seed 5",
        "arguments": {"seed": 6, "ensemble": 1, "epochs": 2},
        "seed": 6,
        "test": "…",
        "validation": {"seconds": 20.0},
        "fit_seconds": 20.0,
        "predict_seconds": 4.0,
        "megabytes": 1.5,
    }
    assert measure.member_runs({"command": "python3 baselines/knn.py"}) == []


def finished(folder_results=None, returncode=0):
    """Return a stand-in of subprocess.run that writes a script's results."""

    def run(command, **options):
        run.command = [str(argument) for argument in command]
        if folder_results:
            folder = run.command[run.command.index("--output_dir") + 1]
            text = json.dumps(folder_results)
            Path(folder, "results.json").write_text(text, encoding="utf-8")
        return subprocess.CompletedProcess(command, returncode)

    return run


def test_a_run_is_the_script_s_command_with_a_seed(monkeypatch):
    results = {"arguments": {"seed": 3, "output_dir": "x", "save_model": 0}}
    run = finished(results)
    monkeypatch.setattr(measure.subprocess, "run", run)
    assert measure.run("knn_raw", 3) == {
        "command": "python3 baselines/knn.py --raw --seed 3",
        "arguments": {"seed": 3},
    }
    script = str(ROOT / "baselines" / "knn.py")
    assert run.command[1:5] == [script, "--raw", "--seed", "3"]


def test_a_network_is_saved_and_its_costs_are_measured(monkeypatch):
    run = finished({"arguments": {"seed": 0}})
    monkeypatch.setattr(measure.subprocess, "run", run)
    monkeypatch.setattr(
        measure, "costs", lambda path, summary: {"megabytes": path.name}
    )
    summary = measure.run("CNN_MNIST", 0)
    assert summary["megabytes"] == "network.hdf5"
    assert "--save_weights" in run.command


def test_a_script_that_fails_is_not_recorded(monkeypatch):
    monkeypatch.setattr(measure.subprocess, "run", finished(returncode=1))
    with pytest.raises(UserError, match="nothing was recorded"):
        measure.run("svm", 0)


def test_costs_of_a_network(shipped, monkeypatch):
    from digits import mnist

    whole = mnist.load("sklearn_digits")
    monkeypatch.setattr(measure.mnist, "load", lambda: whole)
    path = measure.model_file.SHIPPED
    costs = measure.costs(path, {"validation": {"seconds": 5.0}})
    assert costs["fit_seconds"] == 5
    assert costs["megabytes"] == path.stat().st_size / 1e6
    assert costs["predict_seconds"] > 0


def test_a_run_replaces_that_of_its_seed(tmp_path, monkeypatch):
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    for seed, errors in ((5, 30), (0, 31), (5, 32)):
        summary = {"arguments": {"seed": seed}, "test_errors": errors}
        measure.record("tf_cnn", summary)
    runs = recorded.read_runs("tf_cnn")
    assert [run["test_errors"] for run in runs] == [31, 32]


def test_an_ensemble_s_networks_are_recorded_too(tmp_path, monkeypatch):
    whole = {
        "command": "python3 tf_cnn.py --ensemble 5 --seed 0",
        "arguments": {"seed": 0},
        "networks": [member(0, 30.0), member(1, 50.0)],
        "predict_seconds": 8.0,
        "megabytes": 3.0,
    }
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    monkeypatch.setattr(measure, "run", lambda name, seed: whole)
    assert measure.main(["tf_cnn_ensemble"]) == 0
    assert len(recorded.read_runs("tf_cnn_ensemble")) == 1
    runs = recorded.read_runs("tf_cnn")
    assert [run["arguments"]["seed"] for run in runs] == [0, 1]


def test_opencv_gives_the_same_answers(shipped):
    quick, whole = predict.shipped_graphs()
    images, labels = predict.drawn_digits(60)
    # Some that are unclear to the quick graph.
    images[::3] = np.random.default_rng(0).integers(0, 256, images[::3].shape)
    by_opencv = in_batches(predict.opencv_cascade(quick, whole), images, 11)
    expected = shipped.probabilities(images)
    np.testing.assert_allclose(by_opencv, expected, atol=1e-4)
    assert (expected.argmax(axis=1) == labels)[np.arange(60) % 3 > 0].all()
    assert (Classifier(quick).probabilities(images).max(axis=1) < 0.98).any()


def test_runtimes_are_timed_in_turn(monkeypatch):
    monkeypatch.setattr(predict, "RUNTIME_IMAGES", 20)
    monkeypatch.setattr(predict, "RUNTIME_ROUNDS", 3)
    seconds = iter([1, 4, 2, 5, 100, 100, 1, 1, 1, 1, 1, 1])
    names = []

    def timed(run, images):
        names.append(getattr(run, "__name__", "opencv"))
        return next(seconds), run(images)

    threads = cv2.getNumThreads()
    monkeypatch.setattr(predict, "timed", timed)
    try:
        found = predict.runtimes()
    finally:
        cv2.setNumThreads(threads)
    assert names == ["probabilities", "opencv"] * 6
    assert found == {
        "digits": 20,
        "digits_a_second_by_threads": {
            1: {"onnxruntime": 10, "opencv": 4},
            2: {"onnxruntime": 20, "opencv": 20},
        },
    }


def test_memory_of_a_process_and_its_children():
    holds = "held = b'x' * (200 << 20); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-S", "-c", holds],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout
        child.stdout.readline()
        assert 200 <= predict.memory_of(child.pid) <= 230
        assert child.pid in predict.children_of(os.getpid())
        child.communicate(b"\n")


def test_folders_are_read_by_the_command(tmp_path):
    images, labels = predict.drawn_digits(3)
    for index, image in enumerate(images):
        cv2.imwrite(str(tmp_path / f"{index}.png"), 255 - image)
    seconds, lines, memory = predict.read_folder(tmp_path)
    assert [line.split()[1] for line in lines] == [str(label) for label in labels]
    assert seconds > 0 and memory > 20


@pytest.mark.slow
def test_the_whole_benchmark_of_reading(tmp_path, monkeypatch, capsys):
    small = {"SMALL": 4, "MANY": 8, "RUNTIME_IMAGES": 8}
    for name in ("COLD_STARTS", "PICTURE_REPEATS", "RUNTIME_ROUNDS"):
        small[name] = 1
    for name, value in small.items():
        monkeypatch.setattr(predict, name, value)
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    threads = cv2.getNumThreads()
    try:
        assert predict.main([]) == 0
    finally:
        cv2.setNumThreads(threads)
    found = recorded.read("predict", "…")
    assert json.loads(capsys.readouterr().out) == found
    cold, photograph, scan = (
        found[name] for name in ("cold_start", "photograph", "scan")
    )
    seconds = cold["median_seconds"]
    assert cold["ratio"] == pytest.approx(
        seconds["load_model"] / seconds["imports"], abs=1e-3
    )
    assert photograph["read"] == ["0123456789"]
    assert photograph["seconds"] > photograph["seconds_of_decoding"] > 0
    assert scan["digits"] == 200
    assert scan["wrong"] <= 1
    assert scan["seconds"] > scan["seconds_of_decoding"] > 0
    assert found["small_pictures"]["read_right"] == 4
    assert found["many_pictures"]["pictures"] == 8


@pytest.mark.parametrize(
    ("filters", "dense_layers", "products"),
    [
        # 14x14 positions of 3x3x4 kernels, in two passes; then 3x3; the dense layer.
        ([2, 3], [], 2 * 196 * 36 * 2 + 3 * 49 * 9 * 2 * 3 + 3 * 147 * 10),
        ([2, 2], [4], 2 * 196 * 36 * 2 + 3 * 196 * 9 * 4 + 3 * (392 * 4 + 4 * 10)),
    ],
)
def test_operations_of_a_step(filters, dense_layers, products):
    shape = NetworkShape(filters, dense_layers, "relu", 10)
    model = tf_cnn.ConvolutionalNetwork("plain", shape, seed=0)
    assert train.operations_an_image(model) == 2 * products
