"""tf_cnn.py --own: the shipped networks learn pictures of one's own."""

import argparse
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf

import load_model
import tf_cnn
from conftest import ROOT, assert_close
from digits import UserError
from digits.labels import Labelled
from digits.model import model_file
from digits.model.reader import Reader, bordered
from digits.reading import pipeline
from digits.training import (
    fine_tuner,
    own,
    own_pictures,
    reader_file,
    reader_network,
)


def numbered(count):
    return [Labelled(f"{number}.png", "1") for number in range(count)]


@pytest.mark.parametrize("count", [10, 11, 19])
def test_of_few_each_is_held_out_once(count):
    (learned, kept), *halves = own.splits(numbered(count), 0)
    assert sorted(learned) == sorted(numbered(count)) and kept == []
    assert len(halves) == 2
    for learned, kept in halves:
        assert sorted(learned + kept) == sorted(numbered(count))
        assert abs(len(learned) - len(kept)) <= 1
    assert sorted(halves[0][1] + halves[1][1]) == sorted(numbered(count))


def test_of_many_a_quarter_is_held_out():
    ((learned, kept),) = own.splits(numbered(43), 0)
    assert sorted(learned + kept) == sorted(numbered(43)) and len(kept) == 10
    assert own.splits(numbered(43), 0) == [(learned, kept)]
    assert own.splits(numbered(43), 1) != [(learned, kept)]


@pytest.mark.parametrize(("after", "expected"), [(10, False), (25, False), (26, True)])
def test_what_is_lost(after, expected):
    facts = {"mnist_errors": {"before": 20, "after": after}}
    assert own.much_is_lost(facts) == expected


@pytest.mark.parametrize(
    ("slope", "share"),
    [(0, 1.0), (-0.1, 1.0), (0.00122, 0.8), (0.0016, 0.6), (0.003, 0.3), (0.03, 0.0)],
)
def test_what_loses_much_goes_back(slope, share):
    learned, former = tf.Variable([8.0]), tf.Variable([-2.0])
    stays_at = fine_tuner.go_back(
        [learned], [former], lambda: 1 + slope * (float(learned[0]) + 2) <= 1.01
    )
    assert stays_at == share
    assert float(learned[0]) == pytest.approx(-2 + 10 * share)


def test_the_last_share_is_not_checked():
    learned, former = tf.Variable([8.0]), tf.Variable([-2.0])
    assert fine_tuner.go_back([learned], [former], lambda: False, [0.6]) == 0.6
    assert float(learned[0]) == pytest.approx(4)


def test_the_restored_reader_answers_as_its_graph():
    restored = reader_file.restore(model_file.SHIPPED)
    picture = np.random.default_rng(0).integers(0, 256, (60, 90), np.uint8)
    pixels = bordered(picture)[None, ..., None].astype(np.float32)
    with model_file.open_hdf5(model_file.SHIPPED) as file:
        graph = model_file.read_bytes(file, model_file.FLOAT_READER)
    assert_close(restored(pixels)[0], Reader(graph).answers(picture))


def test_no_reader_to_restore(tf_model):
    with pytest.raises(UserError, match="has no reader of pages to learn on"):
        reader_file.restore(tf_model)


def test_a_reader_with_fewer_layers_to_restore(monkeypatch):
    monkeypatch.setattr(reader_network, "RESIDUALS", (6, 3))
    with pytest.raises(UserError, match=r"its reader is of an earlier tf_cnn\.py"):
        reader_file.restore(model_file.SHIPPED)


@pytest.mark.parametrize(
    ("part", "error"),
    [
        (model_file.READER, "its reader is of an earlier"),  # it is quantised
        (model_file.ONNX, "its graph does not map a picture to marks"),
        (None, "its graph cannot be run"),
    ],
)
def test_another_graph_than_a_reader_to_restore(part, error):
    with model_file.open_hdf5(model_file.SHIPPED) as file:
        graph = model_file.read_bytes(file, part) if part else b"no graph"
    model_file.save("other.hdf5", b"graph", {}, float_reader=graph)
    with pytest.raises(UserError, match=rf"other\.hdf5: {error}"):
        reader_file.restore("other.hdf5")


def gate(random):
    """Return a picture of a sign that nobody takes for a 4: a gate."""
    picture = np.full((140, 120, 3), 235, np.uint8)
    corner = random.integers(0, 20, 2)
    for line in (
        [(20, 110), (20, 20), (80, 20), (80, 110)],
        [(20, 50), (80, 50)],
        [(50, 20), (50, 50)],
    ):
        points = np.array(line) + corner + random.integers(-3, 4, (len(line), 2))
        cv2.polylines(picture, [points], False, (40, 40, 40), 6, cv2.LINE_AA)
    return picture


@pytest.fixture
def gates(tmp_path):
    """A folder 4 with 12 pictures of gates."""
    random = np.random.default_rng(0)
    (tmp_path / "mine" / "4").mkdir(parents=True)
    for number in range(12):
        cv2.imwrite(str(tmp_path / "mine" / "4" / f"{number}.png"), gate(random))
    return tmp_path / "mine"


@pytest.fixture
def briefly(real_mnist, monkeypatch):
    """Little is learned and compared, and of 12 pictures 3 are held out."""
    few = real_mnist._replace(
        validation_images=real_mnist.validation_images[:500],
        validation_labels=real_mnist.validation_labels[:500],
    )
    monkeypatch.setattr(fine_tuner.mnist, "load", lambda *_: few)
    of_many = fine_tuner.OwnCourse(image_steps=30, steps=30, rate=6e-4)
    for name, value in {"OF_MANY": of_many, "MANY": 12}.items():
        monkeypatch.setattr(own, name, value)
    settings = {"OTHERS": 500, "HELD_OUT": 60, "CHECKED_IMAGES": 200, "PIECES": 300}
    settings |= {"HIGHER_LOSS": 9, "WORSE_PAGES": 1}
    for name, value in settings.items():
        monkeypatch.setattr(fine_tuner, name, value)


@pytest.mark.slow
def test_it_learns_a_hand(gates, briefly, capsys, monkeypatch):
    monkeypatch.setattr(own, "MORE_ERRORS", 100)
    command = ["--own", str(gates), "--save_weights", "mine.hdf5"]
    assert tf_cnn.main(command) == 0
    printed = capsys.readouterr()
    first, second, third, *_ = printed.out.splitlines()
    before, after = re.fullmatch(
        r"own pictures, held out: (\d+) of 3 right before, (\d+) after", first
    ).groups()
    assert int(before) <= 1 and int(after) >= 2
    assert "errors before" in second and "right before" in third
    cv2.imwrite("new.png", gate(np.random.default_rng(99)))
    load_model.main(["new.png", "--weights", "mine.hdf5", "--json"])
    assert json.loads(capsys.readouterr().out)["rows"] == ["4"]
    networks = pipeline.load_networks("mine.hdf5")
    assert networks.reader.name == "mine.hdf5"
    # What learned can learn on.
    _, attributes = model_file.read("mine.hdf5")
    assert attributes["own"]["learned"] == 9
    reader_file.restore("mine.hdf5")


MADE = {"arguments": {"output_dir": "output"}}


def test_digit_networks_without_no_digit(tf_model):
    """Those of --augmentation mnist, to which a reader was added."""
    with model_file.open_hdf5(model_file.SHIPPED) as file:
        graphs = {"reader": model_file.read_bytes(file, model_file.READER)}
    reader_file.save("plain.hdf5", reader_file.read_networks(tf_model), graphs, MADE)
    args = argparse.Namespace(seed=0, data_dir=None)
    with pytest.raises(UserError, match="digit networks know no 'no digit'"):
        fine_tuner.FineTuner(
            "plain.hdf5", args, tf_cnn.ConvolutionalNetwork, tf_cnn.augment
        )


def test_other_pages_of_a_file_do_not_count(networks):
    picture = cv2.imread(str(ROOT / "assets" / "images" / "314159a.jpg"))
    cv2.imwritemulti("two.tif", [picture, 255 - picture])
    pictures = [Labelled(Path("two.tif"), "314159")] * 2
    assert own.count_right(pictures, networks) == 2


@pytest.mark.slow
def test_what_loses_too_much_is_not_saved(gates, briefly, capsys, monkeypatch):
    errors = iter([19, 25])
    monkeypatch.setattr(
        fine_tuner.FineTuner, "learn", lambda tuner, *_: tuner.restored()
    )
    monkeypatch.setattr(
        fine_tuner.FineTuner,
        "others_read",
        lambda *_: {"mnist_errors": next(errors), "pages_right": 0.9},
    )
    command = ["--own", str(gates), "--save_weights", "mine.hdf5"]
    assert tf_cnn.main(command) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "mine.hdf5: not saved: MNIST's images are read worse; add --force 1" in error
    with pytest.raises(UserError, match="no such model file"):
        model_file.read("mine.hdf5")


@pytest.mark.slow
def test_the_same_seed_gives_the_same_networks(gates, briefly):
    found = own_pictures.matched(gates, own_pictures.reader_of(model_file.SHIPPED))
    args = argparse.Namespace(seed=0, data_dir=None)
    networks = tf_cnn.ConvolutionalNetwork, tf_cnn.augment
    values = []
    for _ in range(2):
        tuner = fine_tuner.FineTuner(model_file.SHIPPED, args, *networks)
        trained = tuner.learn(list(found.values()), fine_tuner.OwnCourse(3, 3, 6e-4))
        of_digits = [v.numpy() for v in trained.ensemble.variables.values()]
        values.append([*of_digits, *trained.reader.get_weights()])
    for one, other in zip(*values, strict=True):
        np.testing.assert_array_equal(one, other)
