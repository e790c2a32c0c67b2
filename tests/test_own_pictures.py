"""What is learned from labelled pictures of one's own."""

import cv2
import numpy as np
import pytest

from conftest import FakeReader
from digits import UserError
from digits.experiment.resume import Training
from digits.labels import Labelled
from digits.mnist import Dataset
from digits.model.reader import MARKS
from digits.reading.marks import Marks
from digits.synthesis.page import HEIGHT, MOST_MARKS, UNCERTAIN, WIDTH
from digits.synthesis.pages import NOTHING
from digits.training import own_pictures
from digits.training.own_pictures import Example

SURE = 5.0  # logit
SHAPE = 120, 300
# A reader finds a 7, a 2 and a comma in the first row, an unsure 4 in the second one.
FOUND = [
    (7, 50, 30, 20, 30, SURE),
    (2, 90, 30, 20, 30, SURE),
    (MARKS.index(","), 112, 44, 5, 8, SURE),
    (4, 60, 90, 20, 30, -1),
]


def finding(found=FOUND, shape=SHAPE):
    return FakeReader(found, shape)


def written(path, shape=SHAPE):
    """Write a picture with three pieces of ink."""
    picture = np.full((*shape, 3), 240, np.uint8)
    for x, y in ((50, 30), (90, 30), (60, 90)):
        cv2.line(picture, (x, y - 12), (x, y + 12), (30, 30, 30), 4)
    cv2.imwrite(str(path), picture)
    return path


@pytest.mark.parametrize(
    ("reading", "classes"),
    [
        ("12/3", [1, 2, 3, MARKS.index(",")]),
        ("72", [7, 2, MARKS.index(",")]),
        ("7 2/4", [7, 2, 4, MARKS.index(",")]),
        ("", [MARKS.index(",")]),
    ],
)
def test_what_is_found_gets_the_labels(tmp_path, reading, classes):
    labelled = Labelled(written(tmp_path / "a.png"), reading)
    example = own_pictures.match(labelled, finding())
    assert example.marks[:, 0].tolist() == classes
    assert example.gray.shape == SHAPE and example.image is None
    if reading:
        np.testing.assert_allclose(example.marks[0, 1:], (60, 45, 20, 30), atol=10.5)


def test_a_mark_is_not_a_digit_and_a_sign(tmp_path, monkeypatch):
    probabilities = np.zeros((1, len(MARKS)), np.float32)
    probabilities[0, [1, MARKS.index("/")]] = 0.4, 0.6
    box = np.array([[50, 30, 20, 30]], np.float32)
    found = Marks(box, np.ones(1, np.float32), probabilities)
    monkeypatch.setattr(own_pictures, "find", lambda *_: found)
    example = own_pictures.match(Labelled(written(tmp_path / "a.png"), "1"), None)
    assert example.marks[:, 0].tolist() == [1]


@pytest.mark.parametrize("reading", ["123", "1/2/3", "1/23", "1234", "12/34"])
def test_what_does_not_match_is_left_out(tmp_path, reading):
    labelled = Labelled(written(tmp_path / "a.png"), reading)
    with pytest.raises(UserError, match=f"its reading {reading} does not match"):
        own_pictures.match(labelled, finding())


def test_a_piece_of_ink_is_a_digit_where_nothing_is_found(tmp_path, seven):
    cv2.imwrite(str(tmp_path / "a.png"), seven)
    labelled = Labelled(tmp_path / "a.png", "7")
    example = own_pictures.match(labelled, finding([], seven.shape[:2]))
    ((label, x, y, width, height),) = example.marks
    assert label == example.label == 7 and example.image.shape == (28, 28)
    assert abs(x - 50) < 3 and abs(y - 62) < 3 and 50 < width < 64 and 75 < height < 90
    light = Labelled(tmp_path / "light.png", "7")
    cv2.imwrite(str(light.path), 255 - seven)
    np.testing.assert_allclose(
        own_pictures.match(light, finding([], seven.shape[:2])).gray,
        example.gray,
        atol=1,
    )


def test_unreadable_pictures(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match="not a picture"):
        own_pictures.match(Labelled(tmp_path / "a.png", "7"), finding())


def numbered(count, folder, seven):
    """Write `count` pictures of a 7, and their labels."""
    lines = ["file,reading"]
    for number in range(count):
        cv2.imwrite(str(folder / f"{number}.png"), seven)
        lines.append(f"{number}.png,7")
    (folder / "labels.csv").write_text("\n".join(lines))


def test_too_few(tmp_path, seven, capsys):
    numbered(10, tmp_path, seven)
    (tmp_path / "3.png").write_bytes(b"")
    with pytest.raises(UserError, match="9 pictures to learn from; at least 10"):
        own_pictures.matched(tmp_path, finding([], seven.shape[:2]))
    assert f"{tmp_path / '3.png'}: left out: " in capsys.readouterr().err


def blank_dataset():
    images, labels = np.zeros((5, 28, 28), np.uint8), np.zeros(5, np.uint8)
    return Dataset("mnist", images, labels, images, labels, images, labels)


def test_digits_are_added_to_a_dataset(tmp_path, seven, monkeypatch):
    numbered(10, tmp_path, seven)
    found = finding([], seven.shape[:2])
    monkeypatch.setattr(own_pictures, "reader_of", lambda _: found)
    monkeypatch.setattr(own_pictures, "LEAST_ADDED", 25)
    dataset = blank_dataset()
    more = own_pictures.added(dataset, tmp_path, Training())
    assert more.train_labels.tolist() == 5 * [0] + 30 * [7]
    assert more.train_images[5:].any(axis=(1, 2)).all()
    assert more.train_images.dtype == more.train_labels.dtype == np.uint8
    assert more.validation_images is dataset.validation_images


def test_added_digits_are_those_with_which_a_run_began():
    class Resumed(Training):
        def kept(self, name, make):
            return [np.full((2, 28, 28), 9, np.uint8), np.array([3, 4], np.uint8)]

    more = own_pictures.added(blank_dataset(), "changed", Resumed())
    assert more.train_labels.tolist() == 5 * [0] + [3, 4]
    assert (more.train_images[5:] == 9).all()


def test_pieces_show_the_marks():
    """Ink lies where the marks say."""
    gray = np.full((200, 400), 250, np.uint8)
    boxes = [(60, 50, 40, 50), (180, 60, 30, 50), (300, 140, 40, 50)]
    for x, y, width, height in boxes:
        cv2.rectangle(gray, (x, y), (x + width - 1, y + height - 1), 0, -1)
    marks = [(3, x + w / 2, y + h / 2, w, h) for x, y, w, h in boxes]
    example = Example(gray, np.array(marks, np.float32), None, 3)
    random = np.random.default_rng(0)
    pictures, marks = own_pictures.pieces([example], 60, random)
    assert pictures.shape == (60, HEIGHT, WIDTH) and pictures.dtype == np.uint8
    assert marks.shape == (60, MOST_MARKS, 5) and marks.dtype == np.float32
    shown = 0
    for picture, own in zip(pictures, marks, strict=True):
        for label, x, y, width, height in own[own[:, 0] != NOTHING]:
            assert label in (3, UNCERTAIN) and 15 < height < 29
            left, top = max(round(x - width / 2), 0), max(round(y - height / 2), 0)
            seen = picture[top : round(y + height / 2), left : round(x + width / 2)]
            assert seen.mean() < 60
            shown += label == 3
    assert shown > 40
    empty = (marks[..., 0] == NOTHING).all(axis=1).mean()  # of another size
    assert 0.03 < empty < 0.35


def test_pieces_of_pictures_without_a_digit():
    empty = Example(
        np.full((30, 20), 9, np.uint8), np.empty((0, 5), np.float32), None, 10
    )
    pictures, marks = own_pictures.pieces([empty], 5, np.random.default_rng(0))
    assert (pictures == 9).all() and (marks == NOTHING).all()
