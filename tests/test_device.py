from types import SimpleNamespace

import tensorflow as tf

from digits.experiment import results
from digits.training import device


def test_a_processor(capsys):
    assert device.choose() == results.hardware()
    assert capsys.readouterr().err == f"training on {results.hardware()}\n"


def test_a_gpu_is_used_and_its_memory_grows(monkeypatch, capsys):
    grown = []
    gpus = [SimpleNamespace(name="/gpu:0"), SimpleNamespace(name="/gpu:1")]
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    monkeypatch.setattr(
        tf.config.experimental,
        "set_memory_growth",
        lambda gpu, is_growing: grown.append((gpu.name, is_growing)),
    )
    monkeypatch.setattr(
        tf.config.experimental, "get_device_details", lambda _: {"device_name": "X1"}
    )
    assert device.choose() == "X1"
    assert grown == [("/gpu:0", True), ("/gpu:1", True)]
    assert capsys.readouterr().err.startswith("training on X1; weights will differ")
