import logging

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from digits.model import graph, model_file
from digits.model.reader import CLASSES, PRESENCE, Reader
from digits.synthesis.pages import pieces
from digits.training.quantise import BATCH, Pictures, quantised


@pytest.fixture(scope="module")
def pictures(printed_digits):
    images = np.concatenate(printed_digits)
    labels = np.repeat(np.arange(10, dtype=np.uint8), [len(d) for d in printed_digits])
    return pieces(images, labels, 40, [0], lambda _: None)[0]


@pytest.fixture(scope="module")
def floats():
    with model_file.open_hdf5(model_file.SHIPPED) as file:
        return model_file.read_bytes(file, model_file.FLOAT_READER)


@pytest.fixture(scope="module")
def whole(floats, pictures):
    return quantised(floats, pictures)


def arrays_of(content):
    """Return {name: array} of a graph's weights, and its nodes."""
    made = onnx.load_from_string(content).graph
    return {a.name: numpy_helper.to_array(a) for a in made.initializer}, list(made.node)


def test_kernels_are_rounded_to_7_bits_a_scale_for_each_channel(floats, whole):
    arrays, nodes = arrays_of(floats)
    convolutions = [node.input[1] for node in nodes if node.op_type == "Conv"]
    integers, _ = arrays_of(whole)
    for name in convolutions[1:-1]:
        kernel, numbers = arrays[name], integers[f"{name}_quantized"]
        assert numbers.dtype == np.int8 and np.abs(numbers.astype(int)).max() <= 64
        scale = integers[f"{name}_scale"].reshape(-1, 1, 1, 1)
        assert len(scale) == len(kernel)
        assert (np.abs(kernel - scale * numbers) <= 0.51 * scale).all()
    for name in (convolutions[0], convolutions[-1]):
        np.testing.assert_array_equal(integers[name], arrays[name])


def test_the_normalisation_stays_float32(whole):
    _, nodes = arrays_of(whole)
    kinds = [node.op_type for node in nodes]
    assert kinds.index("QuantizeLinear") > kinds.index("Conv") > kinds.index("Div")


def test_answers_are_nearly_the_same(floats, whole, pictures):
    before, after = Reader(floats), Reader(whole)
    for picture in pictures[:10]:
        right, found = before.answers(picture), after.answers(picture)
        deviation = np.std(found - right, axis=(0, 1)) / np.std(right, axis=(0, 1))
        assert deviation[PRESENCE] < 0.2 and deviation[CLASSES].mean() < 0.2


def test_the_graph_is_small_and_may_be_run(floats, whole):
    assert len(whole) < 0.3 * len(floats)
    graph.check(whole)


def test_the_same_pictures_give_the_same_graph(floats, whole, pictures):
    assert quantised(floats, pictures) == whole


def test_warnings_are_heard_again(floats, pictures, caplog):
    quantised(floats, pictures[:1])
    assert not caplog.records
    logging.getLogger("any").warning("heard")
    assert caplog.messages == ["heard"]


def test_every_picture_is_an_input_once(pictures):
    inputs, found = Pictures(pictures, "pixels"), []
    while (batch := inputs.get_next()) is not None:
        assert batch["pixels"].dtype == np.float32 and len(batch["pixels"]) <= BATCH
        found.append(batch["pixels"])
    np.testing.assert_array_equal(np.concatenate(found)[..., 0], pictures)
