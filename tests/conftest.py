import ast
import contextlib
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
from digits import UserError, mnist
from digits.model import model_file
from digits.model.reader import BORDER, LOG_SIZE, OUTPUTS, PRESENCE, STRIDE, TYPICAL
from digits.reading import pipeline
from digits.reading.decode import decode
from digits.reading.ink import extract_ink
from digits.reading.segment import segment
from digits.synthesis.page import piece
from digits.synthesis.skeleton import Skeletons
from marks import marks_of, tell

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
            yield node.args[0].value


@contextlib.contextmanager
def serving(folder, **pipes):
    """Serve the page of --browser from a folder; yield the process and its address."""
    command = [sys.executable, ROOT / "load_model.py", "--browser", "--port", "0"]
    pipes["stdout"] = subprocess.PIPE
    with subprocess.Popen(command, text=True, cwd=folder, **pipes) as server:
        try:
            yield server, server.stdout.readline().strip()
        finally:
            server.kill()


def region_of(name):
    """Return the only Region in one of assets/images."""
    picture, _ = decode(ROOT / "assets" / "images" / name)
    (region,) = segment(extract_ink(picture))
    return region


class FakeReader:
    """Answers as a perfect reader does: it finds the marks that it was told of.

    marks: (N, 6), an index of MARKS, x, y, width, height in pixels of a picture of
    `shape`, and the logit of presence. It finds them in the sizes of the picture in
    which the highest one is `heights` pixels high.
    """

    class_logit = 20.0  # of what a mark is; that of all others is 0

    def __init__(self, marks, shape, heights=(14, 38)):
        self.marks, self.shape, self.heights = marks, shape, heights
        self.asked = []

    def answers(self, picture):
        self.asked.append(picture.shape)
        rows, columns = (-(-side // 8) * 8 + 2 * BORDER for side in picture.shape)
        answers = np.zeros((rows // STRIDE, columns // STRIDE, OUTPUTS), np.float32)
        answers[..., PRESENCE] = -9
        down, across = np.divide(picture.shape, self.shape)
        highest = max((mark[4] for mark in self.marks), default=0) * down
        if not self.heights[0] <= highest < self.heights[1]:
            return answers
        for label, x, y, width, height, presence in self.marks:
            place = np.array([(x + width / 2) * across, (y + height / 2) * down])
            column, row = ((place + BORDER) // STRIDE).astype(int)
            size = width * across, height * down
            cell = row, column
            tell(answers, cell, label, place + BORDER, size, self.class_logit)
            answers[row, column, PRESENCE] = presence
        return answers


class CornerReader(FakeReader):
    """One that finds its marks only where the picture's upper left corner is dark.

    It tells how a picture was turned, and whether it was inverted: see `cornered`. Of
    others it only says that something as high as its first mark is in the middle.
    """

    def answers(self, picture):
        down, across = np.multiply(picture.shape, 0.2).astype(int)
        answers = super().answers(picture)
        if picture[:down, :across].mean() > np.median(picture) - 20:
            answers[..., PRESENCE] = -9
            middle = answers[answers.shape[0] // 2, answers.shape[1] // 2]
            middle[:] = 0
            middle[PRESENCE] = 0.5
            if self.marks:
                scale = (picture.size / np.prod(self.shape)) ** 0.5
                middle[LOG_SIZE] = np.log(self.marks[0][4] * scale / TYPICAL)
        return answers


def cornered(shape, paper=230, corner=40):
    """Return a picture (H, W, 3) uint8 of paper whose upper left corner is dark."""
    picture = np.full((*shape, 3), paper, np.uint8)
    picture[: shape[0] // 5, : shape[1] // 5] = corner
    return picture


def logit(probability):
    return float(np.log(probability / (1 - probability)))


def assert_close(found, expected):
    """Assert that a reader's answers differ by what float32 loses in many layers."""
    most = 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, atol=most)


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


@pytest.fixture(scope="session")
def networks():
    """The trained networks in the repository, with the reader."""
    return pipeline.load_networks(model_file.SHIPPED)


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


@pytest.fixture(scope="session")
def drawn_pieces(printed_digits):
    """Some pieces: (160, HEIGHT, WIDTH) uint8 and their marks."""
    random = np.random.default_rng(0)
    lines = [Skeletons(images) for images in printed_digits]
    drawn = [piece(lines, random) for _ in range(160)]
    marks = marks_of(*([tuple(mark) for mark in one.marks] for one in drawn))
    return np.stack([one.picture for one in drawn]), marks
