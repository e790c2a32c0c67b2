import cv2
import numpy as np
import pytest

from conftest import ROOT
from digits.normalise import is_mnist_image
from digits.reading import BYTES_AT_ONCE, list_pictures, read_pictures

IMAGES = ROOT / "assets" / "images"


def test_boxes_are_in_pixels_of_the_file(tmp_path, seven, shipped):
    large = cv2.resize(seven, (2500, 3000), interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(tmp_path / "large.png"), large)
    (reading,) = read_pictures([tmp_path / "large.png"], shipped, 0.5)
    (digit,) = reading.digits
    assert digit.digit == 7
    np.testing.assert_allclose(digit.box, np.array([21, 21, 58, 83]) * 25, atol=60)


def test_a_folder_stands_for_its_pictures(tmp_path):
    for name in ("b.png", "a.JPG", "notes.txt", "._b.png"):
        (tmp_path / name).touch()
    (tmp_path / "inner.png").mkdir()
    (tmp_path / "loop.png").symlink_to("loop.png")
    pictures, failed = list_pictures([str(tmp_path), "c.xyz"])
    expected = [str(tmp_path / name) for name in ("a.JPG", "b.png", "loop.png")]
    assert pictures == [*expected, "c.xyz"]
    assert failed == []


@pytest.mark.parametrize("bytes_at_once", [BYTES_AT_ONCE, 10**6])
def test_batches_do_not_change_readings(bytes_at_once, shipped, monkeypatch):
    monkeypatch.setattr("digits.reading.BYTES_AT_ONCE", bytes_at_once)
    paths = sorted(IMAGES.iterdir())
    together = list(read_pictures(paths * 5, shipped, 0.5))
    for path, reading in zip(paths * 5, together, strict=True):
        (alone,) = read_pictures([path], shipped, 0.5)
        assert reading.rows == alone.rows
        for one, other in zip(reading.digits, alone.digits, strict=True):
            np.testing.assert_allclose(
                one.probabilities, other.probabilities, atol=1e-5
            )


def test_rows_of_the_page(shipped):
    (reading,) = read_pictures([IMAGES / "page.jpg"], shipped, 0.5)
    assert reading.rows == ["0123456789", "31415926", "2718281828", "16180339"]


def test_threshold_and_single(tmp_path, seven, shipped):
    cv2.imwrite(str(tmp_path / "seven.png"), seven)
    (unsure,) = read_pictures([tmp_path / "seven.png"], shipped, 1.0)
    assert unsure.digits == [] and unsure.rows == []
    (single,) = read_pictures([tmp_path / "seven.png"], shipped, 1.0, single=True)
    assert single.rows == ["7"]


def test_an_mnist_image_is_read_unchanged(tmp_path, shipped, real_mnist):
    paths, images = [], real_mnist.test_images[:300]
    for index, image in enumerate(images):
        assert is_mnist_image(image)
        paths.append(tmp_path / f"{index}.png")
        cv2.imwrite(str(paths[-1]), image)
    readings = list(read_pictures(paths, shipped, 0.0))
    for reading, image in zip(readings, images, strict=True):
        np.testing.assert_array_equal(reading.digits[0].image, image)
    labels = real_mnist.test_labels[:300]
    right = [r.rows == [str(n)] for r, n in zip(readings, labels, strict=True)]
    assert sum(right) >= 297


def test_other_28x28_pictures_are_no_mnist_images(seven):
    gray = cv2.cvtColor(seven, cv2.COLOR_BGR2GRAY)
    assert not is_mnist_image(cv2.resize(gray, (28, 28)))
    assert not is_mnist_image(np.zeros((28, 28), np.uint8))
    assert not is_mnist_image(gray)


def test_single_takes_parts_as_one_and_leaves_dirt(tmp_path, seven, shipped):
    broken = cv2.copyMakeBorder(seven, 0, 0, 0, 60, cv2.BORDER_REPLICATE)
    broken[50:62] = 240
    cv2.imwrite(str(tmp_path / "broken.png"), broken)
    dirty = broken.copy()
    dirty[50:62] = seven[50:62, :1]
    cv2.circle(dirty, (135, 60), 9, (40, 40, 40), -1)
    cv2.imwrite(str(tmp_path / "dirty.png"), dirty)
    for name in "broken.png", "dirty.png":
        (reading,) = read_pictures([tmp_path / name], shipped, 0.5, single=True)
        assert reading.rows == ["7"], name
        assert 0.5 < reading.digits[0].confidence <= 1


def test_light_ink_among_dark_dirt_is_found(tmp_path, shipped):
    # Six dark spots make the picture look like dark ink on a light ground.
    board = np.full((200, 160, 3), 130, np.uint8)
    points = np.array([(50, 60), (100, 60), (70, 150)])
    cv2.polylines(board, [points], False, (170, 170, 170), 7, cv2.LINE_AA)
    for x in range(10, 160, 28):
        cv2.circle(board, (x, 20), 3, (0, 0, 0), -1)
    cv2.imwrite(str(tmp_path / "board.png"), board)
    for single in False, True:
        (reading,) = read_pictures([tmp_path / "board.png"], shipped, 0.5, single)
        assert reading.rows == ["7"], single
