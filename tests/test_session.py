import numpy as np
import onnx
import pytest

from digits import UserError
from digits.model import session
from digits.model.session import open_session


def doubling():
    """Return a graph that doubles its input, as bytes."""
    float32 = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Add", ["x", "x"], ["y"])],
        "graph",
        [onnx.helper.make_tensor_value_info("x", float32, ["N"])],
        [onnx.helper.make_tensor_value_info("y", float32, ["N"])],
    )
    opset = [onnx.helper.make_opsetid("", 13)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=8)
    return model.SerializeToString()


def test_a_graph_runs():
    found = open_session(doubling(), "x").run(None, {"x": np.float32([1, 2.5])})
    np.testing.assert_array_equal(found, [[2, 5]])


def test_a_damaged_graph(capfd):
    whole = doubling()
    for damaged in (
        b"",
        b"no graph",
        whole[:-9],
        whole.replace(b"Add", b"\xff\xfe\xfd"),
    ):
        with pytest.raises(UserError) as caught:
            open_session(damaged, "x.hdf5")
        message = str(caught.value)
        assert message.startswith("x.hdf5: its graph cannot be run")
        assert "\n" not in message
    assert tuple(capfd.readouterr()) == ("", "")


def test_threads(monkeypatch):
    counts = []
    monkeypatch.setattr(
        session.onnxruntime,
        "InferenceSession",
        lambda _, options, **__: counts.append(options.intra_op_num_threads),
    )
    monkeypatch.setattr(session.pool, "cores", lambda: 7)
    for threads in (0, 1, 3):
        open_session(doubling(), "x", threads)
    assert counts == [7, 1, 3]
