import itertools
import time

import numpy as np
import onnx
import pytest

from digits import UserError
from digits.model import session
from digits.model.session import open_session, run


def doubling(times=1):
    """Return a graph that doubles its input so many times, as bytes."""
    float32 = onnx.TensorProto.FLOAT
    names = ["x", *(f"x{number}" for number in range(1, times)), "y"]
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("Add", [one, one], [double])
            for one, double in itertools.pairwise(names)
        ],
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


LONG = doubling(5_000), np.ones(1_000_000, np.float32)  # takes seconds


@pytest.mark.slow
def test_a_graph_that_takes_too_long(monkeypatch, capfd):
    monkeypatch.setattr(session, "MOST_SECONDS", 0.1)
    monkeypatch.setattr(session, "SECONDS_A_PIXEL", 0)
    content, pixels = LONG
    with pytest.raises(UserError, match=r"^x\.hdf5: its graph takes too long$"):
        run(open_session(content, "x.hdf5"), pixels, "x.hdf5")
    assert tuple(capfd.readouterr()) == ("", "")


def test_a_run_that_only_waits_is_not_stopped(monkeypatch):
    monkeypatch.setattr(session, "MOST_SECONDS", 0.01)
    monkeypatch.setattr(session.time, "process_time", lambda: 7.0)

    class Slow:
        get_inputs = open_session(doubling(), "x").get_inputs

        def run(self, _, inputs, options):
            time.sleep(0.5)
            assert not options.terminate
            return [inputs["x"]]

    assert run(Slow(), np.float32([3]), "x") == 3  # pyright: ignore


def test_other_faults_are_not_said_to_take_long():
    opened = open_session(doubling(), "x")
    with pytest.raises(session.GRAPH_ERRORS, match="data type"):
        run(opened, np.ones(2, np.uint8), "x")


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
