import os

import h5py
import numpy as np
import pytest
from test_reader import means

from digits import UsageError, UserError
from digits.model import model_file
from digits.model.classifier import DIGITS, NO_DIGIT, Classifier
from digits.model.reader import Reader


def test_save_and_read(tmp_path):
    path = tmp_path / "model.hdf5"
    attributes = {"script": "x.py", "versions": {"numpy": "2"}, "temperature": 0.5}
    model_file.save(path, b"graph", attributes, variables={"a/b": np.float32([1, 2])})
    onnx, found = model_file.read(path)
    assert onnx == b"graph"
    assert found == attributes
    assert model_file.read_variables(path)["a/b"].tolist() == [1, 2]


def test_no_such_file(tmp_path):
    with pytest.raises(UserError, match=r"gone\.hdf5: no such model file"):
        model_file.read(tmp_path / "gone.hdf5")


@pytest.mark.parametrize("size", [0, 10, 700, 1500])
def test_truncated(tmp_path, size):
    path = tmp_path / "model.hdf5"
    model_file.save(path, bytes(1000), {"script": "x.py"})
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(UserError, match=r"model\.hdf5: "):
        model_file.read(path)


def test_text_file(tmp_path):
    path = tmp_path / "model.hdf5"
    path.write_text("not HDF5")
    with pytest.raises(UserError, match="not an HDF5 file"):
        model_file.read(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no FIFOs")
def test_a_pipe_is_no_model_file(tmp_path):
    os.mkfifo(tmp_path / "model.hdf5")
    with pytest.raises(UserError, match=r"model\.hdf5: cannot be read: not a regular"):
        model_file.load(tmp_path / "model.hdf5")


def test_what_cannot_be_read_again_is_refused():
    limit = model_file.LARGEST_GRAPH_WEIGHTS // 4
    model_file.check_readable(limit, {"filters": [32, 64]})
    with pytest.raises(UsageError, match=r"64 MiB of weights; .* holds at most 63"):
        model_file.check_readable(limit + 1, {})
    with pytest.raises(UsageError, match="too many layers"):
        model_file.check_readable(1, {"filters": [1] * 20_000})


def test_a_graph_that_could_not_be_read_is_not_saved(tmp_path):
    graph = bytes(model_file.LARGEST_ARRAY + 1)
    with pytest.raises(UserError, match=r"x\.hdf5: not written: its graph"):
        model_file.save(tmp_path / "x.hdf5", graph, {})
    assert not list(tmp_path.iterdir())


def test_the_longest_arguments_are_saved(tmp_path):
    arguments = {"filters": [1] * 19_000}
    model_file.check_readable(1, arguments)
    model_file.save(tmp_path / "m.hdf5", b"graph", {"arguments": arguments})
    assert model_file.read(tmp_path / "m.hdf5")[1] == {"arguments": arguments}


def test_folder(tmp_path):
    with pytest.raises(UserError, match="not an HDF5 file"):
        model_file.read(tmp_path)


HOSTILE = {
    "float": lambda group, other: group.create_dataset("onnx", (9,), np.float32),
    "soft link": lambda group, other: group.update({"onnx": h5py.SoftLink("/good")}),
    "external link": lambda group, other: group.update(
        {"onnx": h5py.ExternalLink(other, "/good")}
    ),
    "group": lambda group, other: group.create_group("onnx"),
    "external storage": lambda group, other: group.create_dataset(
        "onnx", (9,), np.uint8, external=[(other, 0, 9)]
    ),
    "bomb": lambda group, other: group.create_dataset(
        "onnx", (1 << 40,), np.uint8, chunks=(1 << 20,), compression="gzip"
    ),
}


@pytest.mark.parametrize("way", HOSTILE)
def test_hostile_files(tmp_path, way):
    for path in ("other.hdf5", "model.hdf5"):
        with h5py.File(path, "w") as file:
            file["good"] = np.zeros(9, np.uint8)
    with h5py.File("model.hdf5", "a") as file:
        HOSTILE[way](file.create_group("inference"), str(tmp_path / "other.hdf5"))
    for read in (model_file.read, model_file.load):
        with pytest.raises(UserError, match="no model file of this suite"):
            read("model.hdf5")


def test_any_damage_is_told_in_time(tmp_path):
    """Two bytes changed at random: another content, or one line, and no hang."""
    path = tmp_path / "model.hdf5"
    attributes = {"script": "tf_cnn.py", "arguments": {"filters": [1, 2, 3]}}
    model_file.save(path, bytes(100), attributes, {"a/b": np.zeros(9, np.float32)})
    whole, random = path.read_bytes(), np.random.default_rng(0)
    results = []
    for _ in range(300):
        content = bytearray(whole)
        for place in random.integers(0, len(content), 2):
            content[place] ^= int(random.integers(1, 256))
        path.write_bytes(content)
        for read in (model_file.read, model_file.read_variables):
            try:
                read(path)
                results.append("read")
            except UserError as error:
                assert "\n" not in str(error)
                results.append("refused")
    assert {"read", "refused"} == set(results)


@pytest.mark.parametrize(
    ("write", "kind"),
    [
        (lambda file: file.attrs.update({"model_config": "{}"}), "model"),
        (lambda file: file.attrs.update({"layer_names": ["a"]}), "2 weights"),
        (lambda file: file.create_group("layers"), "3 weights"),
    ],
)
def test_keras_files_say_how_to_convert(tmp_path, write, kind):
    path = tmp_path / "keras.h5"
    with h5py.File(path, "w") as file:
        write(file)
    with pytest.raises(UserError, match=r"CNN_MNIST\.py --load_model 1") as error:
        model_file.read(path)
    assert f"Keras {kind}" in str(error.value)


def test_a_quick_graph_that_is_none(shipped):
    onnx, attributes = model_file.read(shipped.name)
    model_file.save("quick.hdf5", onnx, attributes, quick=b"no graph")
    with pytest.raises(UserError, match=r"quick\.hdf5: its graph cannot"):
        model_file.load("quick.hdf5")


def test_a_whole_graph_that_is_none(shipped):
    """It is told of where it is needed first."""
    onnx, attributes = model_file.read(shipped.name)
    model_file.save("whole.hdf5", b"no graph", attributes, quick=onnx)
    both = model_file.load("whole.hdf5")
    noise = np.random.default_rng(0).integers(0, 256, (9, 28, 28))
    with pytest.raises(UserError, match=r"whole\.hdf5: its graph cannot"):
        both.probabilities(np.uint8(noise * np.linspace(0, 1, 9)[:, None, None]))


@pytest.mark.parametrize("kind", ["float", "link"])
def test_a_hostile_quick_graph_counts_as_none(kind, shipped):
    onnx, attributes = model_file.read(shipped.name)
    model_file.save("quick.hdf5", onnx, attributes)
    with h5py.File("quick.hdf5", "a") as file:
        file[model_file.QUICK] = (
            np.zeros(9, np.float32) if kind == "float" else h5py.SoftLink("/nowhere")
        )
    images = np.zeros((1, 28, 28), np.uint8)
    expected = Classifier(onnx).probabilities(images)
    found = model_file.load("quick.hdf5").probabilities(images)
    np.testing.assert_array_equal(found, expected)


def test_shipped_file(shipped):
    attributes = model_file.read(shipped.name)[1]
    assert attributes["script"] == "tf_cnn.py"
    assert attributes["classes"] == DIGITS + NO_DIGIT
    assert shipped.name.stat().st_size <= 12e6
    sums = shipped.probabilities(np.zeros((3, 28, 28))).sum(axis=1)
    np.testing.assert_allclose(sums, 1, atol=1e-5)


@pytest.mark.slow
def test_shipped_model_reads_mnist(shipped, real_mnist):
    onnx, attributes = model_file.read(shipped.name)
    errors = [
        int((seen[:, :10].argmax(axis=1) != real_mnist.test_labels).sum())
        for seen in (
            classifier.probabilities(real_mnist.test_images)
            for classifier in (Classifier(onnx), shipped)
        )
    ]
    # The quick graph's sure answers are the whole's, but for a few.
    assert errors[0] == attributes["test_errors"]
    assert errors[1] <= errors[0] + 3


def test_what_keras_wrote_may_be_damaged(tmp_path):
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["inference"] = h5py.SoftLink("/nowhere")
    content = (tmp_path / "a.hdf5").read_bytes()
    with pytest.raises(UserError, match=r"a\.hdf5: damaged; nothing was added"):
        model_file.save(tmp_path / "a.hdf5", b"graph", {}, keras_hdf5=content)
    assert (tmp_path / "a.hdf5").read_bytes() == content


def test_a_reader_is_saved_and_loaded(shipped):
    onnx, attributes = model_file.read(shipped.name)
    graph = means()
    parts = {"quick": b"quick", "reader": graph, "float_reader": b"exact"}
    model_file.save("pages.hdf5", onnx, attributes, **parts)
    with h5py.File("pages.hdf5") as file:
        assert file[model_file.READER][()].tobytes() == graph
        assert file[model_file.QUICK][()].tobytes() == b"quick"
        assert file[model_file.FLOAT_READER][()].tobytes() == b"exact"
    reader = model_file.load_reader("pages.hdf5", threads=1)
    assert reader is not None and str(reader.name) == "pages.hdf5"
    picture = np.random.default_rng(0).integers(0, 256, (30, 50)).astype(np.uint8)
    np.testing.assert_array_equal(
        reader.answers(picture), Reader(graph).answers(picture)
    )
    assert model_file.read("pages.hdf5") == (onnx, attributes)


def test_a_file_without_a_reader(shipped):
    onnx, attributes = model_file.read(shipped.name)
    model_file.save("none.hdf5", onnx, attributes)
    assert model_file.load_reader("none.hdf5") is None
    with h5py.File("other.hdf5", "w") as file:
        file[model_file.READER] = np.zeros(9, np.uint8)
    with pytest.raises(UserError, match="no model file of this suite"):
        model_file.load_reader("other.hdf5")
    with pytest.raises(UserError, match="no such model file"):
        model_file.load_reader("gone.hdf5")


def test_a_reader_that_is_none_is_told_of_where_it_is_needed(shipped):
    onnx, attributes = model_file.read(shipped.name)
    model_file.save("bad.hdf5", onnx, attributes, reader=b"no graph")
    reader = model_file.load_reader("bad.hdf5")
    assert reader is not None
    with pytest.raises(UserError, match=r"bad\.hdf5: its graph cannot"):
        reader.answers(np.zeros((9, 9), np.uint8))


@pytest.mark.parametrize("kind", ["float", "link"])
def test_a_hostile_reader_counts_as_none(kind, shipped):
    model_file.save("reader.hdf5", *model_file.read(shipped.name))
    with h5py.File("reader.hdf5", "a") as file:
        file[model_file.READER] = (
            np.zeros(9, np.float32) if kind == "float" else h5py.SoftLink("/nowhere")
        )
    assert model_file.load_reader("reader.hdf5") is None


def test_a_reader_that_could_not_be_read_is_not_saved(tmp_path):
    graph = bytes(model_file.LARGEST_ARRAY + 1)
    with pytest.raises(UserError, match=r"x\.hdf5: not written: its graph"):
        model_file.save(tmp_path / "x.hdf5", b"graph", {}, reader=graph)
    assert not list(tmp_path.iterdir())
