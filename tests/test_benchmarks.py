import pytest

import tf_cnn
from benchmarks import measure, train


def member(seed, seconds):
    return {"seed": seed, "test": "…", "validation": {"seconds": seconds}}


def test_networks_of_an_ensemble_as_runs_of_their_own():
    summary = {
        "command": "python3 tf_cnn.py --ensemble 2 --seed 5",
        "arguments": {"seed": 5, "ensemble": 2, "epochs": 2},
        "networks": [member(5, 30.0), member(6, 50.0)],
        "validation": {"seconds": 50.0},
        "fit_seconds": 50.0,
        "predict_seconds": 8.0,
        "megabytes": 3.0,
        "seconds": 60.0,
        "temperature": 0.5,
        "qmnist": "…",
    }
    first, second = measure.networks_alone(summary)
    assert first["fit_seconds"] == 30 and second["fit_seconds"] == 20
    assert second == {
        "command": "python3 tf_cnn.py --seed 6",
        "trained_by": "python3 tf_cnn.py --ensemble 2 --seed 5",
        "arguments": {"seed": 6, "ensemble": 1, "epochs": 2},
        "seed": 6,
        "test": "…",
        "validation": {"seconds": 20.0},
        "fit_seconds": 20.0,
        "predict_seconds": 4.0,
        "megabytes": 1.5,
    }
    assert measure.networks_alone({"command": "python3 baselines/knn.py"}) == []


@pytest.mark.parametrize(
    ("filters", "dense_layers", "products"),
    [
        # 14x14 positions of 3x3x4 kernels, in two passes; then 3x3; the dense layer.
        ([2, 3], [], 2 * 196 * 36 * 2 + 3 * 49 * 9 * 2 * 3 + 3 * 147 * 10),
        ([2, 2], [4], 2 * 196 * 36 * 2 + 3 * 196 * 9 * 4 + 3 * (392 * 4 + 4 * 10)),
    ],
)
def test_operations_of_a_step(filters, dense_layers, products):
    shape = filters, dense_layers, "relu", 10
    model = tf_cnn.ConvolutionalNetwork("plain", *shape, seed=0)
    assert train.operations_an_image(model) == 2 * products
