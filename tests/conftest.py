import ast
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
from digits import UserError, mnist
from digits.model import model_file
from digits.reading.decode import decode
from digits.reading.ink import extract_ink
from digits.reading.segment import segment

TINY = ["--dataset", "sklearn_digits", "--epochs", "1", "--filters", "4", "8", "8"]


TRAINED = {"tf_model", "keras_model", "model", "ensemble", "real_model"}  # fixtures


def pytest_collection_modifyitems(items):
    """Mark tests that train a network first as slow."""
    for item in items:
        if TRAINED & set(item.fixturenames):
            item.add_marker("slow")


@pytest.fixture(scope="session")
def real_mnist():
    """The true MNIST where MNIST_DIR or the cache holds it: no test downloads it."""
    if os.environ.get("MNIST_DIR"):
        return mnist.load("mnist")
    try:
        return mnist.load("mnist", mnist.cache_folder())
    except UserError as error:
        pytest.skip(f"the real MNIST is not here ({error})")


def imports_of(path):
    """Yield the dotted names that a file imports, lazily too, wherever it does so."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, path
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif (
            isinstance(node, ast.Call) and getattr(node.func, "id", "") == "LazyModule"
        ):
            yield from (argument.value for argument in node.args)


def region_of(name):
    """Return the only Region in one of assets/images."""
    picture, _ = decode(ROOT / "assets" / "images" / name)
    (region,) = segment(extract_ink(picture))
    return region


def assert_agrees(classifier, images, expected):
    """Assert that a Classifier gives `expected` for images, in batches of any size.

    expected: (N, 10), or (N, 11) of a network with a class for non-digits.
    """
    expected = np.pad(expected, ((0, 0), (0, 11 - expected.shape[1])))
    random = np.random.default_rng(0)
    for size in (100, 1, 4, 100, 4, 1):
        for _ in range(len(images) // (10 * size)):
            chosen = random.permutation(len(images))[:size]
            found = classifier.probabilities(images[chosen])
            np.testing.assert_allclose(found, expected[chosen], atol=1e-5)
    np.testing.assert_allclose(classifier.probabilities(images), expected, atol=1e-5)


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path, monkeypatch):
    """Each test runs in a folder of its own: no script may count on the current one."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def tf_model(tmp_path_factory):
    """A model file that tf_cnn.py trained for a moment."""
    import tf_cnn

    folder = tmp_path_factory.mktemp("tf_cnn")
    path = folder / "tf_cnn.hdf5"
    flags = ["--save_weights", str(path), "--output_dir", str(folder / "output")]
    assert tf_cnn.main([*TINY, "--dense_layers", "16", *flags]) == 0
    return path


@pytest.fixture(scope="session")
def keras_model(tmp_path_factory):
    """A model file that CNN_MNIST.py trained for a moment."""
    import CNN_MNIST

    folder = tmp_path_factory.mktemp("CNN_MNIST")
    path = folder / "cnn_weights.hdf5"
    shape = ["--dense_layers", "8", "--activation", "elu"]
    flags = ["-s", "-w", str(path), "--output_dir", str(folder / "output")]
    assert CNN_MNIST.main([*TINY, *shape, *flags]) == 0
    return path


@pytest.fixture(scope="session")
def shipped():
    """The trained network in the repository."""
    return model_file.load(model_file.SHIPPED)


@pytest.fixture
def seven():
    """A picture of a 7, dark on light: (120, 100, 3) uint8."""
    picture = np.full((120, 100, 3), 240, np.uint8)
    points = np.array([(25, 25), (75, 25), (45, 100)])
    return cv2.polylines(picture, [points], False, (40, 40, 40), 7, cv2.LINE_AA)


@pytest.fixture(scope="session")
def printed_digits():
    """Each digit in two fonts, as MNIST would have it: (10, 2, 28, 28) uint8."""
    fonts = cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_COMPLEX
    images = np.zeros((10, 2, 28, 28), np.uint8)
    for digit in range(10):
        for image, font in zip(images[digit], fonts, strict=True):
            cv2.putText(image, str(digit), (6, 23), font, 0.9, 255, 2, cv2.LINE_AA)
    return images
