"""MNIST: found or downloaded, verified, read and split.

It is looked for in `--data_dir`, in the environment's MNIST_DIR and in the user's cache
folder; if it is in none, it is downloaded to the cache. A folder may hold the four IDX
files, plain or .gz, or Keras's mnist.npz. What is read is verified by the SHA-256 of
its uncompressed content. `--data_dir` may hold QMNIST's test images too, or alone.
"""

import csv
import gzip
import hashlib
import importlib.util
import io
import os
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from digits import UserError, files
from digits.lazy import LazyModule
from digits.progress import Progress

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
NPZ_ERRORS = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    zlib.error,
    zipfile.BadZipFile,
)
# MD5 of the files at github.com/facebookresearch/qmnist, as torchvision has them.
QMNIST_MD5 = {
    "qmnist-test-images-idx3-ubyte.gz": "1394631089c404de565df7b7aeaf9412",
    "qmnist-test-labels-idx2-int.gz": "5b5b05890a5e13444e108efe57b788aa",
}
MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://raw.githubusercontent.com/fgnt/mnist/master/",
)
LARGEST_FILE = 64 << 20  # bytes uncompressed; the largest true one has 47,040,016

SPLIT_SEED = 0  # the validation split is the same in every run, whatever its --seed


class Dataset(NamedTuple):
    """Images (N, 28, 28) uint8, 0 = paper, 255 = ink; labels (N,) uint8, 0 to 9.

    QMNIST's are None unless --data_dir holds them.
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


def load(name="mnist", data_dir=None):
    """Return the Dataset `name`, one of DATASETS.

    The validation images are the last 5,000 (180 of sklearn_digits) of the training
    images after a shuffle that is the same in every run. Raises UserError when the data
    is neither found nor downloaded, or is corrupt.
    """
    qmnist = None
    if name == "sklearn_digits":
        images, labels = read_sklearn_digits()
        arrays = images[:-360], labels[:-360], images[-360:], labels[-360:]
        validation_size = 180
    else:
        qmnist = read_qmnist(data_dir)
        arrays = read_mnist(data_dir, is_optional=qmnist is not None)
        validation_size = 5_000
    images, labels, test_images, test_labels = arrays
    order = np.random.default_rng(SPLIT_SEED).permutation(len(images))
    train, validation = order[:-validation_size], order[-validation_size:]
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


def read_mnist(data_dir=None, is_optional=False):
    """Return MNIST's own four arrays: train images and labels, test images and labels.

    Images are (60000, 28, 28) and (10000, 28, 28) uint8, labels (60000,) and (10000,)
    uint8. A `data_dir` (or MNIST_DIR) that is given must hold the data, unless that of
    `data_dir` is_optional: only when neither is given are the cache and the mirrors
    tried.
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
    if (arrays := _read_folder(cache)) is None:
        download(cache)
        arrays = _read_folder(cache)
    return arrays


def cache_folder():
    """Return the user's cache folder for this data, a Path; it need not exist."""
    return Path(pooch.os_cache("handwritten-digits"))


def _read_folder(folder):
    """Return the four arrays that `folder` holds, or None if it lacks any of them."""
    paths = [_idx_path(folder, name) for name in SHA256]
    if all(paths):
        contents = [_uncompressed(path) for path in paths]
        for path, content, expected in zip(
            paths, contents, SHA256.values(), strict=True
        ):
            _verify(path, content, expected)
        return tuple(parse_idx(content) for content in contents)
    if os.path.isfile(folder / "mnist.npz"):
        return _read_npz(folder / "mnist.npz")
    return None


def _idx_path(folder, name):
    """Return the path of the IDX file `name` in `folder`, plain or .gz, or None."""
    candidates = (folder / name, folder / f"{name}.gz")
    return next((path for path in candidates if os.path.isfile(path)), None)


def _uncompressed(path):
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rb") as file:
            return file.read(LARGEST_FILE)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: cannot be read ({error}); delete it") from error


def _verify(path, content, expected):
    if hashlib.sha256(content).hexdigest() != expected:
        raise UserError(f"{path}: is not MNIST's (wrong SHA-256); delete or replace it")


def parse_idx(content):
    """Return the array in an IDX file's bytes, uint8 or big-endian int32.

    The format is described at the head of http://yann.lecun.com/exdb/mnist/: two zero
    bytes, a type (8: unsigned byte, 12: 32-bit integer), the number of dimensions, each
    dimension as a big-endian 32-bit integer, then the data.
    """
    kind, dimensions = content[2], content[3]
    shape = np.frombuffer(content, ">i4", count=dimensions, offset=4)
    dtype = {8: np.uint8, 12: ">i4"}[kind]
    return np.frombuffer(content, dtype, offset=4 + 4 * dimensions).reshape(shape)


def read_qmnist(folder):
    """Return QMNIST's test images (60000, 28, 28) and labels (60000,), both uint8.

    None if `folder` (None: no folder) lacks either file. The first 10,000 images are
    MNIST's test images, made anew from their sources; the rest were to be MNIST's too
    and got lost (Yadav & Bottou, Cold Case: The Lost MNIST Digits, 2019). Raises
    UserError when a file isn't what its authors publish.
    """
    paths = [Path(folder or "", name) for name in QMNIST_MD5]
    if folder is None or not all(map(os.path.isfile, paths)):
        return None
    for path, expected in zip(paths, QMNIST_MD5.values(), strict=True):
        try:
            content = path.read_bytes()
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror})") from error
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != expected:
            raise UserError(f"{path}: is not QMNIST's (wrong MD5); replace it")
    images, labels = (parse_idx(_uncompressed(path)) for path in paths)
    # The first of a label's eight columns is the digit; the others tell who wrote it.
    return images, labels[:, 0].astype(np.uint8)


def _read_npz(path):
    """Return the four arrays of Keras's mnist.npz, verified as IDX files are."""
    try:
        with np.load(path, allow_pickle=False) as npz:
            arrays = tuple(npz[name] for name in NPZ_ARRAYS)
        contents = [_idx_bytes(array) for array in arrays]
    except NPZ_ERRORS as error:
        raise UserError(f"{path}: is not Keras's mnist.npz ({error})") from error
    for content, expected in zip(contents, SHA256.values(), strict=True):
        _verify(path, content, expected)
    return tuple(array.astype(np.uint8) for array in arrays)


def _idx_bytes(array):
    header = np.array([0x800 + array.ndim, *array.shape], ">i4").tobytes()
    return header + array.astype(np.uint8).tobytes()


def download(folder, mirrors=MIRRORS):
    """Download MNIST's four files as .gz to `folder` from the first mirror that works.

    A file appears in `folder` only after its content was verified; an interrupted
    download starts afresh. Raises UserError that names every mirror's fault.
    """
    for name, expected in SHA256.items():
        faults = []
        for mirror in mirrors:
            try:
                content = _fetch(f"{mirror}{name}.gz")
                if hashlib.sha256(gzip.decompress(content)).hexdigest() != expected:
                    raise ValueError("wrong SHA-256")
            except (OSError, EOFError, ValueError, zlib.error) as error:
                faults.append(f"{mirror} ({type(error).__name__})")
                continue
            files.write_bytes(folder / f"{name}.gz", content)
            break
        else:
            raise UserError(
                f"{name}.gz: could not be downloaded from {', '.join(faults)}; copy "
                f"MNIST's four files to {folder} or to a folder that --data_dir names, "
                "or use --dataset sklearn_digits"
            )


def _fetch(url):
    """Return the bytes at `url`; raises OSError (requests' errors are such)."""
    content = io.BytesIO()
    with Progress(f"Downloading {url.rsplit('/', 1)[1]}") as bar:
        pooch.HTTPDownloader(progressbar=bar, timeout=30)(url, content, None)
    return content.getvalue()


def read_sklearn_digits():
    """Return scikit-learn's digits: images (1797, 28, 28), labels (1797,), both uint8.

    They are 8x8 pixels of 0 to 16, here enlarged to 20x20 within 28x28 as MNIST's are.
    The file is read in place: importing scikit-learn takes longer than the rest. Raises
    UserError without scikit-learn.
    """
    spec = importlib.util.find_spec("sklearn")
    if spec is None:
        raise UserError(
            "--dataset sklearn_digits: needs scikit-learn; pip install scikit-learn"
        )
    path = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
    with gzip.open(path, "rt", newline="") as file:
        table = np.array([[float(cell) for cell in row] for row in csv.reader(file)])
    small = (table[:, :-1] * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8)
    images = np.zeros((len(table), 28, 28), np.uint8)
    for image, picture in zip(images, small, strict=True):
        image[4:24, 4:24] = cv2.resize(
            picture, (20, 20), interpolation=cv2.INTER_LINEAR
        )
    return images, table[:, -1].astype(np.uint8)
