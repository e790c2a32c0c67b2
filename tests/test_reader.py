import numpy as np
import onnx
import pytest

from digits import UserError
from digits.model.reader import (
    BORDER,
    CLASSES,
    LOG_SIZE,
    MARKS,
    MULTIPLE,
    OFFSET,
    OUTPUTS,
    PRESENCE,
    STRIDE,
    Reader,
    bordered,
)

helper, FLOAT = onnx.helper, onnx.TensorProto.FLOAT
SIDES = ["N", "H", "W", 1]


def graph_of(*nodes, weights=()):
    """Return a graph from "pixels" to "answers" as bytes."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("pixels", FLOAT, SIDES)],
        [onnx.ValueInfoProto(name="answers")],
        [onnx.numpy_helper.from_array(array, name) for name, array in weights],
    )
    opset = [helper.make_opsetid("", 13)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    return model.SerializeToString()


def means(stride=STRIDE, outputs=OUTPUTS, factor=1.0, kind=FLOAT):
    """Return a graph whose answer i of a cell is its mean brightness times i + 1."""
    factors = factor * np.arange(1, outputs + 1, dtype=np.float32)[None]
    sides = {"kernel_shape": [stride, stride], "strides": [stride, stride]}
    return graph_of(
        helper.make_node("Transpose", ["pixels"], ["first"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["first"], ["means"], **sides),
        helper.make_node("Transpose", ["means"], ["last"], perm=[0, 2, 3, 1]),
        helper.make_node("MatMul", ["last", "factors"], ["products"]),
        helper.make_node("Cast", ["products"], ["answers"], to=kind),
        weights=[("factors", factors)],
    )


def test_the_outputs_are_named_one_by_one():
    names = np.full(OUTPUTS, -1)
    for name, place in enumerate((PRESENCE, CLASSES, OFFSET, LOG_SIZE)):
        assert (names[place] == -1).all()
        names[place] = name
    assert np.bincount(names).tolist() == [1, len(MARKS), 2, 2]


@pytest.mark.parametrize("shape", [(40, 64), (37, 51), (8, 8), (1, 3)])
def test_answers(shape):
    picture = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    found = Reader(means()).answers(picture)
    padded = bordered(picture).astype(float)
    cells = padded.reshape(padded.shape[0] // 4, 4, padded.shape[1] // 4, 4)
    expected = cells.mean(axis=(1, 3))[..., None] * np.arange(1, OUTPUTS + 1)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_picture_is_bordered_by_paper():
    picture = np.full((30, 40), 180, np.uint8)
    picture[:, 18:22] = 20  # a stroke from border to border
    padded = bordered(picture)
    inner = padded[BORDER : BORDER + 30, BORDER : BORDER + 40]
    np.testing.assert_array_equal(inner, picture)
    assert (padded == 20).sum() == (picture == 20).sum()


def test_the_border_has_whole_cells():
    for height in range(1, 20):
        padded = bordered(np.zeros((height, 5), np.uint8))
        assert padded.shape[0] % MULTIPLE == padded.shape[1] % MULTIPLE == 0
        assert 2 * BORDER <= padded.shape[0] - height < 2 * BORDER + MULTIPLE


WRONG = {
    "fewer outputs": means(outputs=OUTPUTS - 1),
    "larger cells": means(stride=8),
    "not finite": means(factor=np.inf),
    "no cells": graph_of(helper.make_node("ReduceSum", ["pixels"], ["answers"])),
    "no numbers": means(kind=onnx.TensorProto.STRING),
    "another type": means(kind=onnx.TensorProto.DOUBLE),
    "another number of pixels": graph_of(
        helper.make_node("Reshape", ["pixels", "shape"], ["answers"]),
        weights=[("shape", np.array([7, 11]))],
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_graphs_of_other_answers(kind, capfd):
    reader = Reader(WRONG[kind], "x.hdf5")
    with pytest.raises(UserError) as caught:
        reader.answers(np.zeros((24, 40), np.uint8))
    assert str(caught.value) == "x.hdf5: its graph does not map a picture to marks"
    assert tuple(capfd.readouterr()) == ("", "")


def test_a_graph_of_other_operators():
    made = graph_of(helper.make_node("SequenceConstruct", ["pixels"], ["answers"]))
    with pytest.raises(UserError, match="run: an operator 'SequenceConstruct'"):
        Reader(made, "x.hdf5").answers(np.zeros((24, 40), np.uint8))


def test_it_is_opened_at_first_use():
    reader = Reader(b"no graph", "x.hdf5")
    with pytest.raises(UserError, match=r"x\.hdf5: its graph cannot be run"):
        reader.answers(np.zeros((24, 40), np.uint8))
