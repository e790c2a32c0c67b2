import math

import h5py
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from digits import UserError
from digits.model import graph, model_file
from digits.model.session import open_session


def graph_of(*nodes, tensors=(), shape=(1, 28, 28, 1)):
    """Return the bytes of a graph with nodes and initializers."""
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes)
        for name, sizes in (("x", shape), ("y", ["a", "b", "c", "d"]))
    ]
    made = helper.make_graph(nodes, "made", ends[:1], ends[1:], tensors)
    opset = helper.make_opsetid("", 15)
    return helper.make_model(
        made, opset_imports=[opset], ir_version=8
    ).SerializeToString()


def node(operator="Relu", **attributes):
    return helper.make_node(operator, ["x"], ["y"], **attributes)


def tensor(**fields):
    """Return an initializer of four numbers, some of whose fields are others."""
    made = numpy_helper.from_array(np.arange(4, dtype=np.float32), "t")
    for name, value in fields.items():
        if isinstance(value, list):
            made.ClearField(name)
            getattr(made, name).extend(value)
        else:
            setattr(made, name, value)
    return made


def shipped_graphs():
    with h5py.File(model_file.SHIPPED) as file:
        names = "inference/onnx", "inference/reader", "training/reader"
        return [file[name][()].tobytes() for name in names]


@pytest.mark.parametrize("content", shipped_graphs())
def test_shipped_graphs_pass(content):
    graph.check(content)


def test_a_plain_graph_passes_and_runs():
    settings = {"pads": [64] * 4, "group": 4096}
    graph.check(graph_of(node("Conv", **settings), *[node()] * 10_000))
    content = graph_of(node(), tensors=[tensor()])
    graph.check(content)
    found = open_session(content, "a").run(None, {"x": np.ones((1, 28, 28, 1), "f4")})
    assert found[0].sum() == 784


def inner():
    return onnx.load_from_string(graph_of(node())).graph


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (graph_of(node("Loop", body=inner())), "a graph within it"),
        (graph_of(node("If", then_branch=inner())), "a graph within it"),
        (graph_of(node("RandomNormalLike")), "an operator 'RandomNormalLike'"),
        (graph_of(node("Gelu", domain="com.microsoft")), "of another domain"),
        (graph_of(node("Conv", pads=[0, 65])), "out of range"),
        (graph_of(node("Conv", group=4097)), "out of range"),
        (graph_of(node("Conv", strides=[-1, 1])), "out of range"),
        (graph_of(node("SpaceToDepth", blocksize=1 << 40)), "out of range"),
        (graph_of(node(), tensors=[tensor(dims=[1 << 40])]), "larger than its bytes"),
        (graph_of(node(), tensors=[tensor(dims=[-1, -4])]), "larger than its bytes"),
        (graph_of(node("Constant", value=tensor(dims=[99, 99]))), "than its bytes"),
        (graph_of(node(), tensors=[tensor(data_location=1)]), "another file"),
        (graph_of(node())[:-3], "truncated"),
        (b"no graph", "protobuf|truncated"),
        (b"", "no graph, or several"),
        (bytes(1 << 20), "too many parts"),
        (graph_of(*[node()] * 30_000), "too many parts"),
        (graph_of(node("Conv", pads=[1] * 100_000)), "too many parts"),
        (graph_of(node(), tensors=[tensor(dims=[1] * 100_000)]), "too many parts"),
        (graph_of(node()) + graph_of(node()), "no graph, or several"),
    ],
)
def test_what_may_not_be_run(content, fault):
    with pytest.raises(ValueError, match=fault):
        graph.check(content)
    with pytest.raises(
        UserError, match=rf"^a\.hdf5: its graph cannot be run: .*{fault}"
    ):
        open_session(content, "a.hdf5")


def test_external_data_is_refused():
    made = tensor()
    made.external_data.add(key="location", value="/etc/passwd")
    with pytest.raises(ValueError, match="another file"):
        graph.check(graph_of(node(), tensors=[made]))


def test_a_large_graph_is_refused(monkeypatch):
    monkeypatch.setattr(graph, "LARGEST", 10)
    with pytest.raises(ValueError, match="larger than"):
        graph.check(graph_of(node()))


def test_memory_is_bounded():
    """A graph of few bytes that makes 1.6 GB of a pixel."""
    sizes = numpy_helper.from_array(np.array([1, 20_000, 20_000, 1]), "sizes")
    grown = helper.make_node("Tile", ["x", "sizes"], ["y"])
    made = graph_of(grown, tensors=[sizes], shape=(1, 1, 1, 1))
    session = open_session(made, "a.hdf5")
    with pytest.raises(Exception, match=r"[Aa]lloc|memory"):
        session.run(None, {"x": np.ones((1, 1, 1, 1), np.float32)})


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_checked(content):
    try:
        graph.check(content)
    except ValueError as error:
        assert str(error)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_our_parser_reads_as_onnx_does(data):
    """Whatever passes with a byte changed has tensors no larger than the file."""
    content = bytearray(graph_of(node("Conv", pads=[1, 1]), tensors=[tensor()]))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255))
    try:
        graph.check(bytes(content))
    except ValueError:
        return
    try:
        model = onnx.load_from_string(bytes(content))
    except Exception:
        return  # ONNX Runtime will refuse it, too
    for made in model.graph.initializer:
        assert math.prod(made.dims) <= len(content) and not made.external_data
    assert {one.op_type for one in model.graph.node} <= graph.OPERATORS
