import json
import re
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest

from conftest import ROOT
from digits import UserError
from digits.model import model_file, onnx_file


def test_metadata_is_what_onnx_reads():
    graph, _ = model_file.read(model_file.SHIPPED)
    long = "é" * 20_000  # a length of three bytes
    model = onnx.load_from_string(
        onnx_file.with_metadata(graph, {"a": "text", "b": [1, 2], "long": long})
    )
    found = {entry.key: entry.value for entry in model.metadata_props}
    assert found == {"a": "text", "b": "[1, 2]", "long": long}


def test_an_export_answers_as_the_model_file(tmp_path):
    path = tmp_path / "digits.onnx"
    onnx_file.export(model_file.SHIPPED, path)
    session = onnxruntime.InferenceSession(
        path.read_bytes(), providers=["CPUExecutionProvider"]
    )
    about = session.get_modelmeta().custom_metadata_map
    assert about["input"] == onnx_file.INPUT
    assert json.loads(about["seed"]) == 0
    images = np.random.default_rng(0).integers(0, 256, (8, 28, 28)).astype(np.float32)
    name = session.get_inputs()[0].name
    (probabilities,) = session.run(None, {name: images[..., None]})
    graph, _ = model_file.read(model_file.SHIPPED)
    expected = model_file.Classifier(graph).probabilities(images)
    np.testing.assert_allclose(probabilities, expected, atol=1e-6)


def test_the_lines_of_the_docs_run_it(tmp_path):
    onnx_file.export(model_file.SHIPPED, tmp_path / "digits.onnx")
    text = (ROOT / "docs" / "reading.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(code.split("\n")) <= 8  # with two empty ones
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    digit, confidence = done.stdout.split()
    assert digit == "1" and float(confidence) > 0.5


def test_an_export_never_replaces_the_model_file(tmp_path):
    path = tmp_path / "mine.hdf5"
    path.write_bytes(model_file.SHIPPED.read_bytes())
    with pytest.raises(UserError, match="would replace it"):
        onnx_file.export(path, path)
    assert path.read_bytes() == model_file.SHIPPED.read_bytes()
