import subprocess
import sys

import numpy as np
import onnx
import pytest

from conftest import ROOT
from digits import UserError
from digits.model import model_file, session
from digits.model.classifier import Classifier, in_batches


def test_graph_that_is_none():
    with pytest.raises(UserError, match=r"x\.hdf5: its graph cannot be run"):
        Classifier(b"no graph", "x.hdf5")


class Session:
    """Stands for an ONNX Runtime session as sure of a 3 as its pixels are bright."""

    def __init__(self, width=11):
        self.width, self.confidences = width, []

    def get_inputs(self):
        return [type("Input", (), {"name": "pixels"})]

    def run(self, _, inputs, options):
        confidence = inputs["pixels"].mean(axis=(1, 2, 3)) / 100
        self.confidences += [round(100 * each) for each in confidence]
        outputs = np.zeros((len(confidence), self.width), np.float32)
        outputs[:, 3], outputs[:, -1] = confidence, 1 - confidence
        return [outputs]


def with_sessions(monkeypatch, sessions):
    """Let graphs stand for sessions: {bytes: Session}."""
    monkeypatch.setattr(session.graph, "check", lambda onnx: None)
    monkeypatch.setattr(
        session.onnxruntime,
        "InferenceSession",
        lambda onnx, *_, **__: sessions[onnx],
    )


def test_the_whole_is_asked_where_the_quick_graph_is_unsure(monkeypatch):
    sessions = {b"whole": Session(), b"quick": Session()}
    with_sessions(monkeypatch, sessions)
    both = Classifier(b"whole", quick=b"quick")
    images = np.stack([np.full((28, 28), value) for value in (99, 97, 1, 50, 98)])
    found = both.probabilities(images)
    assert sessions[b"quick"].confidences == [99, 97, 1, 50, 98]
    assert sessions[b"whole"].confidences == [97, 50]
    np.testing.assert_allclose(found[:, 3], [0.99, 0.97, 0.01, 0.5, 0.98], atol=1e-6)


def test_ten_classes_never_say_no_digit(monkeypatch):
    with_sessions(monkeypatch, {b"graph": Session(width=10)})
    found = Classifier(b"graph").probabilities(np.full((2, 28, 28), 70))
    assert found.shape == (2, 11)
    np.testing.assert_allclose(found[:, [3, 9, 10]], [[0.7, 0.3, 0]] * 2, atol=1e-6)


@pytest.mark.parametrize("width", [1, 9, 12])
def test_graphs_of_other_outputs(monkeypatch, width):
    sessions = {b"graph": Session(11)}
    sessions[b"graph"].run = lambda *_: [np.zeros((1, width), np.float32)]
    with_sessions(monkeypatch, sessions)
    with pytest.raises(UserError, match="does not map 28x28 pixels to 10 digits"):
        Classifier(b"graph").probabilities(np.zeros((1, 28, 28)))


def test_outputs_that_are_not_finite(monkeypatch):
    sessions = {b"graph": Session(11)}
    sessions[b"graph"].run = lambda *_: [np.full((1, 10), np.nan, np.float32)]
    with_sessions(monkeypatch, sessions)
    with pytest.raises(UserError, match="does not map 28x28 pixels to 10 digits"):
        Classifier(b"graph").probabilities(np.zeros((1, 28, 28)))


def test_images_are_given_in_batches():
    images = np.random.default_rng(0).integers(0, 256, (300, 28, 28), np.uint8)
    sizes = []

    def run(pixels):
        assert pixels.dtype == np.float32 and pixels.shape[1:] == (28, 28, 1)
        sizes.append(len(pixels))
        return pixels[:, 5, 7]

    found = in_batches(run, images, 1)
    assert sizes == [128, 128, 44]
    np.testing.assert_array_equal(found[:, 0], images[:, 5, 7])


def test_no_images(shipped):
    assert shipped.probabilities(np.zeros((0, 28, 28), np.uint8)).shape == (0, 11)


def test_threads_change_nothing(shipped):
    images = np.random.default_rng(0).integers(0, 256, (40, 28, 28), np.uint8)
    alone = model_file.load(model_file.SHIPPED, threads=1).probabilities(images)
    np.testing.assert_allclose(shipped.probabilities(images), alone, atol=1e-5)


# Another process: a crash would end pytest, and only descriptors tell native output.
MUTATE = """
import sys
sys.path.insert(0, sys.argv[1])
import h5py, numpy as np
from digits import UserError
from digits.model.classifier import Classifier
with h5py.File(sys.argv[2]) as file:
    graph = file["inference/quick"][()]
random, results = np.random.default_rng(0), []
for _ in range(120):
    mutated = graph.copy()
    # Most of a graph are weights, which any bytes may be: its structure is at the ends.
    places = random.integers(0, 3000, random.integers(1, 20))
    mutated[np.where(random.random(places.shape) < 0.5, places, -1 - places)] = (
        random.integers(0, 256, places.shape)
    )
    try:
        Classifier(mutated.tobytes()).probabilities(np.zeros((2, 28, 28)))
        results.append("ran")
    except UserError as error:
        assert str(error).startswith("the network: "), error
        results.append("refused")
print(sorted(set(results)))
"""


@pytest.mark.slow
def test_mutated_graphs_run_or_are_refused():
    command = [sys.executable, "-c", MUTATE, ROOT, model_file.SHIPPED]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "['ran', 'refused']\n"


@pytest.mark.slow
def test_a_graph_reads_no_other_files(tmp_path):
    """Weights may be said to lie in another file: anybody's, in the current folder."""
    zeros = np.zeros((784, 10), np.float32)
    (tmp_path / "secret.bin").write_bytes(zeros.tobytes())
    weights = onnx.numpy_helper.from_array(zeros, "weights")
    weights.ClearField("raw_data")
    weights.data_location = onnx.TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="secret.bin")
    nodes = [
        onnx.helper.make_node("Flatten", ["pixels"], ["flat"]),
        onnx.helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
    ]
    float32 = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        nodes,
        "graph",
        [onnx.helper.make_tensor_value_info("pixels", float32, ["N", 28, 28, 1])],
        [onnx.helper.make_tensor_value_info("logits", float32, ["N", 10])],
        [weights],
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8
    )
    with pytest.raises(UserError, match="its graph cannot be run"):
        Classifier(model.SerializeToString())
