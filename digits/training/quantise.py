"""The reader's graph, quantised to 8-bit integers, which is faster to run.

ONNX Runtime's quantisation: a scale for each channel of a kernel, and one for each
layer's output, whose range is observed on pictures (Jacob et al., Quantization and
training of neural networks for integer-arithmetic-only inference, 2018).
"""

import logging
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)

OPERATORS = "Conv", "Relu", "Add", "Resize"
BATCH = 16  # pictures


class Pictures(CalibrationDataReader):
    """Yields pictures (N, H, W) uint8 as the inputs of a graph, {name: pixels}."""

    def __init__(self, pictures: np.ndarray, name: str):
        self._inputs = (
            {name: pictures[start : start + BATCH, ..., None].astype(np.float32)}
            for start in range(0, len(pictures), BATCH)
        )

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next inputs, or None after the last."""
        return next(self._inputs, None)


def quantised(graph: bytes, pictures: np.ndarray) -> bytes:
    """Return the reader's graph with quantised convolutions, in the QDQ format.

    graph: as digits.training.export.reader_to_onnx returns it; pictures: (N, H, W)
    uint8, on which the ranges of the activations are observed. Input and output stay
    float32. Weights have 7 bits: x86 processors without VNNI keep sums of two products
    in 16 bits, which would saturate with 8.
    """
    model = onnx.load_from_string(graph)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "quantised.onnx"
        logging.disable(logging.WARNING)  # it recommends steps that change nothing here
        try:
            quantize_static(
                model,
                path,
                Pictures(pictures, model.graph.input[0].name),
                quant_format=QuantFormat.QDQ,
                nodes_to_quantize=_inner_nodes(model),
                op_types_to_quantize=list(OPERATORS),
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
        finally:
            logging.disable(logging.NOTSET)
        return path.read_bytes()


def _inner_nodes(model: onnx.ModelProto) -> list[str]:
    """Return the names of the nodes to quantise.

    The normalisation of contrast, the first convolution and the last one stay float32:
    they take little time, and much depends on them.
    """
    nodes = list(model.graph.node)
    convolutions = [i for i, node in enumerate(nodes) if node.op_type == "Conv"]
    between = nodes[convolutions[0] + 1 : convolutions[-1]]
    return [node.name for node in between if node.op_type in OPERATORS]
