"""The data: MNIST found or downloaded, verified, read and split; scikit-learn's digits.

MNIST is read from `--data_dir`, or else from the folder that the environment variable
MNIST_DIR names. If neither is given, it is read from the user's cache, into which it is
downloaded once. A folder holds the four IDX files, plain or .gz, or Keras's mnist.npz.
All content is verified by its SHA-256, once uncompressed. `--data_dir` may also hold
QMNIST's test images, with or without MNIST.
"""

import csv
import gzip
import hashlib
import importlib.util
import io
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from digits import UserError
from digits.terminal import files, npz
from digits.terminal.lazy import LazyModule
from digits.terminal.progress import Progress

pooch = LazyModule("pooch")

DATASETS = ("mnist", "sklearn_digits")

# SHA-256 of the uncompressed content.
SHA256 = {
    "train-images-idx3-ubyte": (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
    ),
    "train-labels-idx1-ubyte": (
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
    ),
    "t10k-images-idx3-ubyte": (
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
    ),
    "t10k-labels-idx1-ubyte": (
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
    ),
}
NPZ_ARRAYS = ("x_train", "y_train", "x_test", "y_test")  # in the order of SHA256
# MD5 of the files at github.com/facebookresearch/qmnist, copied from torchvision.
QMNIST_MD5 = {
    "qmnist-test-images-idx3-ubyte.gz": "1394631089c404de565df7b7aeaf9412",
    "qmnist-test-labels-idx2-int.gz": "5b5b05890a5e13444e108efe57b788aa",
}
MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://raw.githubusercontent.com/fgnt/mnist/master/",
)
LARGEST_FILE = 64 << 20  # bytes uncompressed; MNIST's largest file has 47,040,016
TIMEOUT = 30  # seconds that a download waits for a mirror to answer

SPLIT_SEED = 0  # the validation split is the same in every run, whatever its --seed
VALIDATION_SIZE = {"mnist": 5_000, "sklearn_digits": 180}  # images
SKLEARN_TEST_SIZE = 360  # images, the last ones: a fifth


class Dataset(NamedTuple):
    """Images (N, 28, 28) uint8, 0 = paper, 255 = ink; labels (N,) uint8, 0 to 9.

    QMNIST's images and labels are None unless `data_dir` holds them.
    """

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray
    validation_images: np.ndarray
    validation_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    qmnist_images: np.ndarray | None = None
    qmnist_labels: np.ndarray | None = None


def load(name: str = "mnist", data_dir: str | Path | None = None) -> Dataset:
    """Return the Dataset `name`, one of DATASETS.

    The validation images are the last ones of the training images after a shuffle that
    is the same in every run. Raises UserError if the data is neither found nor
    downloaded, or is corrupt.
    """
    qmnist = None
    if name == "sklearn_digits":
        images, labels = read_sklearn_digits()
        test = slice(-SKLEARN_TEST_SIZE, None)
        train = slice(-SKLEARN_TEST_SIZE)
        arrays = images[train], labels[train], images[test], labels[test]
    else:
        qmnist = read_qmnist(data_dir)
        arrays = read_mnist(data_dir, is_optional=qmnist is not None)
    images, labels, test_images, test_labels = arrays
    order = np.random.default_rng(SPLIT_SEED).permutation(len(images))
    train, validation = np.split(order, [-VALIDATION_SIZE[name]])
    return Dataset(
        name=name,
        train_images=images[train],
        train_labels=labels[train],
        validation_images=images[validation],
        validation_labels=labels[validation],
        test_images=test_images,
        test_labels=test_labels,
        qmnist_images=qmnist and qmnist[0],
        qmnist_labels=qmnist and qmnist[1],
    )


def read_mnist(
    data_dir: str | Path | None = None, is_optional: bool = False
) -> tuple[np.ndarray, ...]:
    """Return MNIST's four arrays: train images and labels, test images and labels.

    Images are (60000, 28, 28) and (10000, 28, 28) uint8, labels (60000,) and (10000,)
    uint8. A folder that `data_dir` or MNIST_DIR names must hold them, but `data_dir`
    need not if is_optional. Only where neither folder is named, the cache and then the
    mirrors are tried. Raises UserError if the data isn't found or is corrupt.
    """
    for origin, folder, must_hold in (
        ("--data_dir", data_dir, not is_optional),
        ("MNIST_DIR", os.environ.get("MNIST_DIR"), True),
    ):
        if folder:
            if (arrays := _read_folder(Path(folder))) is not None:
                return arrays
            if must_hold:
                raise UserError(
                    f"{folder}: {origin} names it, but it does not hold MNIST's four "
                    "files (train-images-idx3-ubyte, … or mnist.npz)"
                )
    cache = cache_folder()
    if (arrays := _read_folder(cache)) is not None:
        return arrays
    download(cache)
    return _read_idx([cache / f"{name}.gz" for name in SHA256])


def cache_folder() -> Path:
    """Return the user's cache folder for MNIST; it need not exist."""
    return Path(pooch.os_cache("handwritten-digits"))


def _read_folder(folder):
    """Return the four arrays that `folder` holds, or None if it lacks any of them."""
    paths = [_idx_path(folder, name) for name in SHA256]
    if all(paths):
        return _read_idx(paths)
    if os.path.isfile(folder / "mnist.npz"):
        return _read_npz(folder / "mnist.npz")
    return None


def _idx_path(folder, name):
    """Return the path of the IDX file `name` in `folder`, plain or .gz, or None."""
    candidates = (folder / name, folder / f"{name}.gz")
    return next((path for path in candidates if os.path.isfile(path)), None)


def _read_idx(paths):
    """Return the arrays in MNIST's four IDX files, verified."""
    contents = [_uncompressed(path) for path in paths]
    for path, content, expected in zip(paths, contents, SHA256.values(), strict=True):
        _verify(path, content, expected)
    return tuple(parse_idx(content) for content in contents)


def _uncompressed(path):
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            return file.read(LARGEST_FILE)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: cannot be read ({error}); delete it") from error


def _verify(path, content, expected):
    if hashlib.sha256(content).hexdigest() != expected:
        raise UserError(f"{path}: is not MNIST's (wrong SHA-256); delete or replace it")


def parse_idx(content: bytes) -> np.ndarray:
    """Return the array in the bytes of an IDX file, uint8 or big-endian int32.

    The format, described at http://yann.lecun.com/exdb/mnist/: two zero bytes, a type
    (8: unsigned byte, 12: 32-bit integer), the number of dimensions, each dimension as
    a big-endian 32-bit integer, then the data.
    """
    kind, dimensions = content[2], content[3]
    shape = np.frombuffer(content, ">i4", count=dimensions, offset=4)
    dtype = {8: np.uint8, 12: ">i4"}[kind]
    return np.frombuffer(content, dtype, offset=4 + 4 * dimensions).reshape(shape)


def read_qmnist(folder: str | Path | None) -> tuple[np.ndarray, np.ndarray] | None:
    """Return QMNIST's test images (60000, 28, 28) and labels (60000,), both uint8.

    None if there is no `folder` or it lacks one of the two files. The first 10,000
    images are MNIST's test images, made again from the same sources; the next 50,000
    belonged to MNIST's test set before it was cut to 10,000 (Yadav & Bottou, Cold Case:
    The Lost MNIST Digits, 2019). Raises UserError if a file is not the published one.
    """
    paths = [Path(folder or "", name) for name in QMNIST_MD5]
    if folder is None or not all(map(os.path.isfile, paths)):
        return None
    for path, expected in zip(paths, QMNIST_MD5.values(), strict=True):
        try:
            content = files.read_bytes(path, LARGEST_FILE)
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror})") from error
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != expected:
            raise UserError(f"{path}: is not QMNIST's (wrong MD5); replace it")
    images, labels = (parse_idx(_uncompressed(path)) for path in paths)
    # Of a label's eight columns the first is the digit; the next ones tell the writer.
    return images, labels[:, 0].astype(np.uint8)


def _read_npz(path):
    """Return the four arrays of Keras's mnist.npz, verified as IDX files are."""
    try:
        found = npz.read(files.read_bytes(path, LARGEST_FILE), LARGEST_FILE)
        arrays = [found[name] for name in NPZ_ARRAYS]
        contents = [_idx_bytes(array) for array in arrays]
    except npz.DAMAGE as error:
        raise UserError(f"{path}: is not Keras's mnist.npz ({error})") from error
    for content, expected in zip(contents, SHA256.values(), strict=True):
        _verify(path, content, expected)
    return tuple(array.astype(np.uint8) for array in arrays)


def _idx_bytes(array):
    header = np.array([0x800 + array.ndim, *array.shape], ">i4").tobytes()
    return header + array.astype(np.uint8).tobytes()


def download(folder: Path, mirrors: Sequence[str] = MIRRORS) -> None:
    """Download MNIST's four files as .gz to `folder`, from the first mirror that works.

    mirrors: addresses that end with a slash. A file is written only after its content
    was verified; an interrupted download starts from the beginning. Raises UserError
    that names each mirror's error.
    """
    for name, expected in SHA256.items():
        errors = []
        for mirror in mirrors:
            try:
                content = _fetch(f"{mirror}{name}.gz")
                unpacked = gzip.GzipFile(fileobj=io.BytesIO(content)).read(LARGEST_FILE)
                if hashlib.sha256(unpacked).hexdigest() != expected:
                    raise ValueError("wrong SHA-256")
            except (OSError, EOFError, ValueError, zlib.error) as error:
                errors.append(f"{mirror} ({type(error).__name__})")
                continue
            files.write_bytes(folder / f"{name}.gz", content)
            break
        else:
            raise UserError(
                f"{name}.gz: could not be downloaded from {', '.join(errors)}; copy "
                f"MNIST's four files to {folder} or to a folder that --data_dir names, "
                "or use --dataset sklearn_digits"
            )


def _fetch(url):
    """Return the bytes at `url`; raises OSError, as requests' errors are."""
    content = io.BytesIO()
    with Progress(f"Downloading {url.rsplit('/', 1)[1]}") as bar:
        pooch.HTTPDownloader(progressbar=bar, timeout=TIMEOUT)(url, content, None)
    return content.getvalue()


def read_sklearn_digits() -> tuple[np.ndarray, np.ndarray]:
    """Return scikit-learn's digits: images (1797, 28, 28), labels (1797,), both uint8.

    They have 8x8 pixels of 0 to 16; here they are enlarged to 20x20 within 28x28, as
    MNIST's digits are. The file is read without importing scikit-learn, which would
    take longer. Raises UserError if scikit-learn is not installed.
    """
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise UserError(
            "--dataset sklearn_digits: needs scikit-learn; pip install scikit-learn"
        )
    path = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        table = np.array([[float(cell) for cell in row] for row in csv.reader(file)])
    small = (table[:, :-1] * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8)
    images = np.zeros((len(table), 28, 28), np.uint8)
    for image, picture in zip(images, small, strict=True):
        image[4:24, 4:24] = cv2.resize(
            picture, (20, 20), interpolation=cv2.INTER_LINEAR
        )
    return images, table[:, -1].astype(np.uint8)
