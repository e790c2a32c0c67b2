"""The network of the reader of pages, and its graph."""

import keras
import numpy as np
import onnx
import onnxruntime
import pytest

from conftest import assert_close
from digits.model.reader import BORDER, OUTPUTS, STRIDE, Reader, bordered
from digits.training import export, reader_network
from marks import ACROSS, DOWN


@pytest.fixture(scope="module")
def network():
    """An untrained network whose normalisation is that of a trained one."""
    keras.utils.set_random_seed(0)
    model, random = reader_network.network(), np.random.default_rng(0)
    for variable in model.variables:
        if variable.path.rpartition("/")[2] not in ("kernel", "bias"):
            variable.assign(random.uniform(0.5, 1.5, variable.shape))
    return model


def surroundings(cells):
    """Return the mean of the cells around each, as far as there are some."""
    half = reader_network.WINDOW // 2
    means = np.empty_like(cells)
    for row, column in np.ndindex(cells.shape):
        around = [slice(max(0, at - half), at + half + 1) for at in (row, column)]
        means[row, column] = cells[tuple(around)].mean()
    return means


def test_local_contrast_against_numpy(drawn_pieces):
    pixels = drawn_pieces[0][0].astype(np.float64)
    cells = pixels.reshape(DOWN, STRIDE, ACROSS, STRIDE)
    mean = surroundings(cells.mean(axis=(1, 3)))
    squares = surroundings((cells**2).mean(axis=(1, 3)))
    deviation = np.sqrt(surroundings(np.maximum(squares - mean**2, 0)))
    mean, deviation = (np.kron(a, np.ones((STRIDE, STRIDE))) for a in (mean, deviation))
    expected = (pixels - mean) / (deviation + reader_network.LEAST_CONTRAST)
    found = reader_network.LocalContrast()(np.float32(pixels[None, ..., None]))
    np.testing.assert_allclose(found[0, ..., 0], expected, atol=2e-3)


def test_layers_that_change_the_size():
    places = np.random.default_rng(0).normal(size=(2, 4, 6, 3)).astype(np.float32)
    found = reader_network.Doubled()(places)
    np.testing.assert_array_equal(found, places.repeat(2, axis=1).repeat(2, axis=2))
    found = reader_network.SpaceToDepth()(places[..., :1])
    assert found.shape == (2, 2, 3, 4)
    np.testing.assert_array_equal(found[1, 1, 2], places[1, 2:, 4:, 0].ravel())


@pytest.mark.parametrize("shape", [(1, 40, 112, 1), (2, 72, 48, 1)])
def test_the_graph_agrees_with_the_model(shape, network):
    session = onnxruntime.InferenceSession(export.reader_to_onnx(network))
    pixels = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
    (found,) = session.run(None, {session.get_inputs()[0].name: pixels})
    expected = network(pixels, training=False).numpy()
    assert found.shape == (shape[0], shape[1] // 4, shape[2] // 4, OUTPUTS)
    assert_close(found, expected)


def test_the_reader_takes_the_graph(network, drawn_pieces):
    picture = drawn_pieces[0][0][:33, :77]
    found = Reader(export.reader_to_onnx(network)).answers(picture)
    pixels = bordered(picture)[None, ..., None].astype(np.float32)
    assert pixels.shape[1] >= 33 + 2 * BORDER
    assert_close(found, network(pixels, training=False)[0])


def test_the_graph_is_plain(network):
    """Each normalisation is part of a convolution, and nothing else takes long."""
    graph = onnx.load_from_string(export.reader_to_onnx(network)).graph
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("Conv") == 23 and kinds.count("Resize") == 3
    assert not {"BatchNormalization", "Tile", "Pow", "Loop", "If"} & set(kinds)
    assert kinds.count("Transpose") <= 2
