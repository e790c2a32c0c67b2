"""What a graph from a file may hold, checked before ONNX Runtime sees it.

A graph is a protobuf message (onnx.proto), of which only the structure is read here:
reading pictures needs no onnx package.
"""

import itertools
import math
from collections.abc import Iterator

LARGEST = 64 << 20  # bytes; ours have less than 5 MB
MOST_FIELDS = 100_000  # of all messages; ours have less than 4,000
# What tf2onnx makes of our networks, and of other people's Keras networks, and what
# quantising adds. None runs another graph, draws at random, or makes much of nothing.
NAMES = """
Abs Add AveragePool BatchNormalization Cast Clip Concat Constant Conv DepthToSpace
DequantizeLinear Div Elu Equal Erf Exp Expand Flatten Gather Gemm GlobalAveragePool
GlobalMaxPool Greater GreaterOrEqual HardSigmoid Identity InstanceNormalization
LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max MaxPool Mean Min
Mul Neg Not PRelu Pad Pow QuantizeLinear Reciprocal ReduceMax ReduceMean ReduceMin
ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize Selu Shape Sigmoid Sign Sin
Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Tanh Tile
Transpose Unsqueeze Where
"""
OPERATORS = frozenset(NAMES.split())
# The largest number of a node's settings: these make a few bytes into much work. Images
# have 28x28 pixels, and our kernels at most 9x9; of channels there may be many.
SETTINGS = {
    b"pads": 64,
    b"strides": 64,
    b"kernel_shape": 64,
    b"dilations": 64,
    b"blocksize": 64,
    b"group": 4096,
}
# Numbers of fields in onnx.proto.
MODEL_GRAPH, MODEL_TRAINING, MODEL_FUNCTIONS = 7, 20, 25
NODE, INITIALIZER, SPARSE_INITIALIZER = 1, 5, 15  # of a graph
OPERATOR, ATTRIBUTE, DOMAIN = 4, 5, 7  # of a node
NAME, INT, TENSOR, GRAPH, INTS, TENSORS = 1, 3, 5, 6, 8, 10  # of an attribute
GRAPHS, SPARSE, SPARSES = 11, 22, 23
DIMENSIONS, EXTERNAL, LOCATION = 1, 13, 14  # of a tensor
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # kinds of fields
LONGEST_VARINT = 10  # bytes


def check(onnx: bytes) -> None:
    """Raise ValueError, with what is wrong, unless a graph is one that may be run.

    It has the OPERATORS alone, no graph within it, no weights from other files, no
    tensor of more elements than bytes, and MOST_FIELDS at most.
    """
    if len(onnx) > LARGEST:
        raise ValueError(f"larger than {LARGEST >> 20} MiB")
    counter = itertools.count(1)
    for number, value in fields(only_graph(onnx), counter):
        if number == NODE:
            _check_node(_bytes(value), counter)
        elif number == INITIALIZER:
            _check_tensor(_bytes(value), counter)
        elif number == SPARSE_INITIALIZER:
            raise ValueError("a sparse tensor")


def only_graph(onnx: bytes) -> memoryview:
    """Return the graph's bytes; raise ValueError unless there is it alone."""
    graphs = []
    for number, value in fields(memoryview(onnx), itertools.count(1)):
        if number in (MODEL_TRAINING, MODEL_FUNCTIONS):
            raise ValueError("functions or training")
        if number == MODEL_GRAPH:
            graphs.append(_bytes(value))
    if len(graphs) != 1:
        raise ValueError("no graph, or several")
    return graphs[0]


def _check_node(node, counter):
    operator = ""
    for number, value in fields(node, counter):
        if number == OPERATOR:
            operator = bytes(_bytes(value)).decode("latin-1")
        elif number == DOMAIN and bytes(_bytes(value)) not in (b"", b"ai.onnx"):
            raise ValueError("an operator of another domain")
        elif number == ATTRIBUTE:
            _check_attribute(_bytes(value), counter)
    if operator not in OPERATORS:
        raise ValueError(f"an operator {operator!r}")


def _check_attribute(attribute, counter):
    parts = list(fields(attribute, counter))
    names = [bytes(_bytes(value)) for number, value in parts if number == NAME]
    largest = min((SETTINGS.get(name, math.inf) for name in names), default=math.inf)
    if [number for number, _ in parts].count(TENSOR) > 1:
        raise ValueError("a tensor in parts")  # which protobuf would join
    for number, value in parts:
        if number in (GRAPH, GRAPHS, SPARSE, SPARSES):
            raise ValueError("a graph within it, or a sparse tensor")
        if number in (TENSOR, TENSORS):
            _check_tensor(_bytes(value), counter)
        # A negative number is a very large one here.
        is_setting = number in (INT, INTS) and largest < math.inf
        if is_setting and any(n > largest for n in _numbers(value, counter)):
            raise ValueError("a stride, pad or size out of range")


def _check_tensor(tensor, counter):
    dimensions = []
    for number, value in fields(tensor, counter):
        if number == DIMENSIONS:
            dimensions += _numbers(value, counter)
        elif number == EXTERNAL or (number == LOCATION and value != 0):
            raise ValueError("weights from another file")
    if math.prod(dimensions) > len(tensor):
        raise ValueError("a tensor that is larger than its bytes")


def fields(
    message: memoryview, counter: Iterator[int]
) -> Iterator[tuple[int, int | memoryview]]:
    """Yield the number and value of each field of a protobuf message.

    counter: itertools.count(1), one for all messages of a graph. Raises ValueError
    where the message is none, or after MOST_FIELDS.
    """
    place = 0
    while place < len(message):
        _count(counter)
        tag, place = _varint(message, place)
        number, kind = tag >> 3, tag & 7
        if kind == VARINT:
            value, place = _varint(message, place)
            yield number, value
            continue
        if kind == BYTES:
            size, place = _varint(message, place)
        elif kind in (FIXED32, FIXED64):
            size = 4 if kind == FIXED32 else 8
        else:
            raise ValueError("no protobuf message")
        if size > len(message) - place:
            raise ValueError("truncated")
        yield number, message[place : place + size]
        place += size


def _count(counter):
    if next(counter) > MOST_FIELDS:
        raise ValueError("too many parts")


def _varint(message, place):
    """Return the number that begins at a place, and the place behind it."""
    if place < len(message) and message[place] < 128:  # most are of one byte
        return message[place], place + 1
    value = 0
    for count, byte in enumerate(message[place : place + LONGEST_VARINT]):
        value |= (byte & 127) << (7 * count)
        if byte < 128:
            return value, place + count + 1
    raise ValueError("truncated")


def _numbers(value, counter):
    """Return the integers of a field that holds one, or several packed."""
    if isinstance(value, int):
        return [value]
    numbers, place = [], 0
    while place < len(value):
        _count(counter)
        number, place = _varint(value, place)
        numbers.append(number)
    return numbers


def _bytes(value):
    if isinstance(value, int):
        raise ValueError("no protobuf message")
    return value
