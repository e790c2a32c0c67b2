"""Export the digit networks of a model file as an ONNX file, for other programs.

What made them stands in its metadata, which is added to the graph's bytes as protobuf
encodes it: reading pictures needs no onnx package.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from digits import UserError
from digits.model import model_file
from digits.terminal import files

INPUT = "pixels (N, 28, 28, 1) float32, 0 = paper, 255 = ink, one digit in each image"
OUTPUT = "probabilities of `classes`, (N, 10) or (N, 11) float32; - is no digit"
# Tags of onnx.proto: a field's number times 8, and 2 for bytes of a given length.
METADATA, KEY, VALUE = (14 << 3) | 2, (1 << 3) | 2, (2 << 3) | 2


def export(weights: str | Path, path: str | Path) -> None:
    """Write the digit networks of the model file `weights` to `path`.

    Raises UserError when the file is missing, damaged, or another program's, and when
    `path` is the file itself or cannot be written.
    """
    onnx, attributes = model_file.read(weights)
    if files.is_same(weights, path):
        raise UserError(f"{path}: --export would replace it; name another")
    described = {"input": INPUT, "output": OUTPUT} | attributes
    files.write_bytes(path, with_metadata(onnx, described))


def with_metadata(onnx: bytes, metadata: Mapping) -> bytes:
    """Return the bytes of an ONNX graph with metadata of what JSON can hold.

    Texts are kept as they are; all else becomes JSON.
    """
    entries = []
    for name, value in metadata.items():
        text = value if isinstance(value, str) else json.dumps(value)
        entry = _field(KEY, name.encode()) + _field(VALUE, text.encode())
        entries.append(_field(METADATA, entry))
    return onnx + b"".join(entries)


def _field(tag, content):
    """Return content as protobuf's bytes: its tag, its length, itself."""
    length, size = len(content), b""
    while length >= 128:  # seven bits a byte, the lowest first
        size += bytes([length & 127 | 128])
        length >>= 7
    return bytes([tag]) + size + bytes([length]) + content
