import functools
import gzip
import hashlib
import http.server
import os
import threading

import numpy as np
import pytest

from digits import UserError, mnist
from digits.experiment import results

IMAGES = np.arange(6 * 784, dtype=np.uint32).astype(np.uint8).reshape(6, 28, 28)
LABELS = np.arange(6, dtype=np.uint8)
ARRAYS = (IMAGES, LABELS, IMAGES[:2], LABELS[:2])


def idx(array):
    header = bytes([0, 0, 8 if array.itemsize == 1 else 12, array.ndim])
    return header + np.array(array.shape, ">u4").tobytes() + array.tobytes()


@pytest.fixture
def tiny_mnist(monkeypatch):
    """Let six images pass for MNIST; return {name: content} of its files."""
    contents = dict(zip(mnist.SHA256, map(idx, ARRAYS), strict=True))
    sums = {n: hashlib.sha256(c).hexdigest() for n, c in contents.items()}
    monkeypatch.setattr(mnist, "SHA256", sums)
    monkeypatch.delenv("MNIST_DIR", raising=False)
    return contents


def write_folder(folder, contents, compressed):
    folder.mkdir(exist_ok=True)
    for name, content in contents.items():
        if compressed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def mirror(tmp_path):
    """Serve a folder over HTTP; return the folder and its address."""
    folder = tmp_path / "mirror"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    handler = functools.partial(Handler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def assert_tiny(arrays):
    for array, expected in zip(arrays, ARRAYS, strict=True):
        np.testing.assert_array_equal(array, expected)
        assert array.dtype == np.uint8


@pytest.mark.parametrize("compressed", [False, True])
def test_reads_idx_files(tmp_path, tiny_mnist, compressed):
    folder = write_folder(tmp_path / "data", tiny_mnist, compressed)
    assert_tiny(mnist.read_mnist(folder))


def test_reads_npz(tmp_path, tiny_mnist):
    arrays = dict(zip(mnist.NPZ_ARRAYS, ARRAYS, strict=True))
    np.savez(tmp_path / "mnist.npz", **arrays)
    assert_tiny(mnist.read_mnist(tmp_path))


def test_environment_names_the_folder(tmp_path, tiny_mnist, monkeypatch):
    folder = write_folder(tmp_path / "data", tiny_mnist, True)
    monkeypatch.setenv("MNIST_DIR", str(folder))
    assert_tiny(mnist.read_mnist())


def test_named_folder_without_data(tmp_path, tiny_mnist):
    with pytest.raises(UserError, match="--data_dir names it"):
        mnist.read_mnist(tmp_path)


def test_a_pipe_is_no_file_of_the_data(tmp_path, tiny_mnist):
    folder = write_folder(tmp_path / "data", tiny_mnist, False)
    (folder / "t10k-labels-idx1-ubyte").unlink()
    os.mkfifo(folder / "t10k-labels-idx1-ubyte")  # reading it would wait for ever
    with pytest.raises(UserError, match="--data_dir names it"):
        mnist.read_mnist(folder)


@pytest.mark.parametrize("damage", [lambda c: c[:-9], lambda c: b"x" * len(c)])
def test_damaged_file_is_named(tmp_path, tiny_mnist, damage):
    folder = write_folder(tmp_path / "data", tiny_mnist, True)
    path = folder / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match="t10k-labels"):
        mnist.read_mnist(folder)


def test_changed_content_is_refused(tmp_path, tiny_mnist):
    folder = write_folder(tmp_path / "data", tiny_mnist, False)
    changed = bytearray(tiny_mnist["train-images-idx3-ubyte"])
    changed[-1] ^= 1
    (folder / "train-images-idx3-ubyte").write_bytes(changed)
    with pytest.raises(UserError, match="SHA-256"):
        mnist.read_mnist(folder)


def test_npz_of_texts(tmp_path, tiny_mnist):
    names = "x_train", "y_train", "x_test", "y_test"
    np.savez(tmp_path / "mnist.npz", **{name: np.array(["text"]) for name in names})
    with pytest.raises(UserError, match=r"is not Keras's mnist\.npz"):
        mnist.load("mnist", tmp_path)


def test_npz_of_something_else(tmp_path, tiny_mnist):
    np.savez(tmp_path / "mnist.npz", x=LABELS)
    with pytest.raises(UserError, match=r"mnist\.npz"):
        mnist.read_mnist(tmp_path)


def test_download_tries_the_next_mirror(tmp_path, tiny_mnist, mirror):
    folder, address = mirror
    write_folder(folder / "good", tiny_mnist, True)
    bad = write_folder(folder / "bad", tiny_mnist, True)
    name = "train-images-idx3-ubyte.gz"
    (bad / name).write_bytes((bad / name).read_bytes()[:-20])  # cut short
    (bad / "train-labels-idx1-ubyte.gz").unlink()
    cache = tmp_path / "cache"
    mnist.download(cache, [f"{address}bad/", f"{address}good/"])
    assert_tiny(mnist.read_mnist(cache))
    assert len(list(cache.iterdir())) == 4


def test_what_is_downloaded_is_read_and_kept_in_the_cache(
    tmp_path, tiny_mnist, monkeypatch
):
    cache, calls = tmp_path / "cache", []

    def download(folder):
        calls.append(folder)
        write_folder(folder, tiny_mnist, True)

    monkeypatch.setattr(mnist, "cache_folder", lambda: cache)
    monkeypatch.setattr(mnist, "download", download)
    for _ in range(2):
        assert_tiny(mnist.read_mnist())
    assert calls == [cache]


def test_download_that_fails_leaves_nothing(tmp_path, tiny_mnist, mirror):
    folder, address = mirror
    write_folder(folder / "bad", dict.fromkeys(tiny_mnist, b"no MNIST"), True)
    with pytest.raises(UserError, match="sklearn_digits") as error:
        mnist.download(tmp_path / "cache", [f"{address}bad/", f"{address}none/"])
    assert f"{address}bad/ (ValueError), {address}none/ (HTTPError)" in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "cache").exists()


def test_sklearn_digits_are_like_mnist():
    from sklearn.datasets import load_digits

    images, labels = mnist.read_sklearn_digits()
    true = load_digits()
    assert images.shape == (1797, 28, 28)
    assert images.dtype == labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, true.target)
    # Enlarging keeps the mean ink of the 20x20 box.
    box = images[:, 4:24, 4:24].mean(axis=(1, 2))
    np.testing.assert_allclose(box, true.data.mean(axis=1) * 255 / 16, atol=3)
    assert images[:, :4].max() == 0


def test_split_is_fixed():
    first, second = (mnist.load("sklearn_digits") for _ in range(2))
    np.testing.assert_array_equal(first.validation_images, second.validation_images)
    sizes = [len(labels) for labels in first[2:7:2]]
    assert sizes == [1257, 180, 360]


def test_split_parts_the_images_after_a_shuffle():
    dataset = mnist.load("sklearn_digits")
    images, labels = mnist.read_sklearn_digits()
    order = np.random.default_rng(0).permutation(1437)
    np.testing.assert_array_equal(dataset.train_images, images[order[:1257]])
    np.testing.assert_array_equal(dataset.validation_labels, labels[order[1257:]])
    np.testing.assert_array_equal(dataset.test_images, images[1437:])
    np.testing.assert_array_equal(dataset.test_labels, labels[1437:])


def test_sklearn_digits_need_scikit_learn(monkeypatch):
    monkeypatch.setattr(mnist.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install scikit-learn"):
        mnist.load("sklearn_digits")


def test_parse_idx():
    numbers = np.arange(-3, 3, dtype=">i4").reshape(2, 3)
    np.testing.assert_array_equal(mnist.parse_idx(idx(numbers)), numbers)
    np.testing.assert_array_equal(mnist.parse_idx(idx(IMAGES)), IMAGES)


@pytest.fixture
def tiny_qmnist(tmp_path, tiny_mnist, monkeypatch):
    """Let four images pass for QMNIST's; return the folder that holds them."""
    labels = np.zeros((4, 8), ">i4")
    labels[:, 0] = [0, 1, 7, 9]
    contents = [gzip.compress(idx(array)) for array in (IMAGES[:4], labels)]
    names = dict(zip(mnist.QMNIST_MD5, contents, strict=True))
    sums = {name: hashlib.md5(content).hexdigest() for name, content in names.items()}
    monkeypatch.setattr(mnist, "QMNIST_MD5", sums)
    folder = tmp_path / "qmnist"
    folder.mkdir()
    for name, content in names.items():
        (folder / name).write_bytes(content)
    return folder


def test_qmnist_is_tested_too(tiny_qmnist, tiny_mnist, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MNIST_DIR", str(write_folder(tmp_path, tiny_mnist, False)))
    dataset = mnist.load(data_dir=tiny_qmnist)
    np.testing.assert_array_equal(dataset.qmnist_images, IMAGES[:4])
    assert dataset.qmnist_labels.tolist() == [0, 1, 7, 9]
    assert dataset.qmnist_labels.dtype == np.uint8
    summary = {}
    results.score(dataset, lambda images: np.arange(len(images)) % 3, summary, 0.0)
    assert summary["test_errors"] == 0
    assert summary["qmnist"] == "50.00 % (2 errors / 4)"
    assert summary["qmnist_unseen"] == "0.00 % (2 errors / 2)"
    assert "lacks: 0.00 % (2 errors / 2)" in capsys.readouterr().out


def test_qmnist_beside_mnist(tiny_qmnist, tiny_mnist):
    write_folder(tiny_qmnist, tiny_mnist, True)
    dataset = mnist.load(data_dir=tiny_qmnist)
    assert len(dataset.test_labels) == 2 and len(dataset.qmnist_labels) == 4


def test_qmnist_of_other_content(tiny_qmnist):
    path = tiny_qmnist / "qmnist-test-labels-idx2-int.gz"
    path.write_bytes(gzip.compress(b"else"))
    with pytest.raises(UserError, match="wrong MD5"):
        mnist.load(data_dir=tiny_qmnist)


def test_a_large_file_is_not_read(tiny_qmnist, tmp_path):
    """Of no blocks on the disk, and more than there is memory."""
    path = tiny_qmnist / "qmnist-test-labels-idx2-int.gz"
    os.truncate(path, 1 << 40)
    with pytest.raises(UserError, match=r"int\.gz: cannot be read \(larger than 64"):
        mnist.load(data_dir=tiny_qmnist)
    path.rename(tmp_path / "mnist.npz")
    with pytest.raises(UserError, match=r"npz: is not Keras's .* larger than 64"):
        mnist.load(data_dir=tmp_path)


def test_no_qmnist(tiny_mnist, tmp_path):
    dataset = mnist.load(data_dir=write_folder(tmp_path / "data", tiny_mnist, False))
    assert dataset.qmnist_images is None


def test_real_mnist(real_mnist):
    assert real_mnist.train_images.shape == (55000, 28, 28)
    assert real_mnist.validation_images.shape == (5000, 28, 28)
    assert real_mnist.test_images.shape == (10000, 28, 28)
    # From the table of digits in MNIST's test set.
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(real_mnist.test_labels).tolist() == counts
