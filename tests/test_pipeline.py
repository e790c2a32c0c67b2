import json

import cv2
import numpy as np
import pytest

import load_model
from conftest import ROOT, region_of
from digits.reading import pipeline
from digits.reading.normalise import is_mnist_image
from digits.reading.pipeline import (
    BYTES_AT_ONCE,
    Digit,
    Reading,
    list_pictures,
    percent,
    read_pictures,
)

IMAGES = ROOT / "assets" / "images"


def digit(number, height=90):
    """Return the ink of a digit in assets/images, (height, W) uint8."""
    ink = region_of(f"{number}a.jpg").ink
    width = round(ink.shape[1] * height / ink.shape[0])
    return cv2.resize(ink, (width, height), interpolation=cv2.INTER_AREA)


def sheet(height, width, *parts):
    """Return ink (height, width) uint8 of parts (ink, x, y): corners on the sheet."""
    canvas = np.zeros((height, width), np.uint8)
    for ink, x, y in parts:
        area = canvas[y : y + ink.shape[0], x : x + ink.shape[1]]
        np.maximum(area, ink, out=area)
    return canvas


def broken(number, share, gap):
    """Return the ink of a digit that a gap of so many pixels parts below a share."""
    ink = digit(number)
    return np.insert(ink, [round(share * len(ink))] * gap, 0, axis=0)


def picture_of(ink, paper=235, pen=40, noise=0.0):
    """Return a BGR picture of ink (H, W) uint8; noise: its standard deviation."""
    gray = paper + (np.float32(pen) - paper) * (ink / np.float32(255))
    gray += np.random.default_rng(0).normal(0, noise, ink.shape) if noise else 0
    gray = np.clip(np.rint(gray), 0, 255).astype(np.uint8)
    return gray[..., None].repeat(3, axis=2)


def rows_of(picture, classifier, single=False):
    """Return the rows that are read in a picture (H, W, 3)."""
    cv2.imwrite("picture.png", picture)
    (reading,) = read_pictures(["picture.png"], classifier, 0.5, single)
    assert reading.error is None
    return reading.rows


def test_boxes_are_in_pixels_of_the_file(tmp_path, seven, shipped):
    large = cv2.resize(seven, (2500, 3000), interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(tmp_path / "large.png"), large)
    (reading,) = read_pictures([tmp_path / "large.png"], shipped, 0.5)
    (found,) = reading.digits
    assert found.digit == 7
    np.testing.assert_allclose(found.box, np.array([21, 21, 58, 83]) * 25, atol=60)


def test_a_folder_stands_for_its_pictures(tmp_path):
    for name in ("b.png", "a.JPG", "notes.txt", "._b.png"):
        (tmp_path / name).touch()
    (tmp_path / "inner.png").mkdir()
    (tmp_path / "loop.png").symlink_to("loop.png")
    expected = [str(tmp_path / name) for name in ("a.JPG", "b.png", "loop.png")]
    assert list_pictures([str(tmp_path), "c.xyz"]) == [*expected, "c.xyz"]


def test_a_folder_without_pictures_stands_for_itself(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "notes.txt").touch()
    names = ["b.png", "empty", "a.png", "texts"]
    assert list_pictures(names) == names


def test_failures_keep_the_order_of_the_arguments(tmp_path, capsys, monkeypatch):
    (tmp_path / "empty").mkdir()
    (tmp_path / "locked").mkdir()
    listdir = pipeline.os.listdir

    def refusing_listdir(path):
        if str(path) == "locked":
            raise PermissionError(13, "Permission denied", path)
        return listdir(path)

    monkeypatch.setattr("os.listdir", refusing_listdir)
    one, two = str(IMAGES / "1a.jpg"), str(IMAGES / "2b.png")
    names = ["gone.png", one, "empty", two, "locked", one]
    assert load_model.main([*names, "--json"]) == 1
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["file"] for answer in answers] == names
    assert [answer.get("error") for answer in answers] == [
        "no such file",
        None,
        "no pictures in this folder (its subfolders are not searched)",
        None,
        "cannot be read: Permission denied",
        None,
    ]


@pytest.mark.slow
@pytest.mark.parametrize("bytes_at_once", [BYTES_AT_ONCE, 10**6])
def test_batches_do_not_change_readings(bytes_at_once, shipped, monkeypatch):
    paths = [*sorted(IMAGES.iterdir()), "gone.png"]
    alone = [
        reading for path in paths for reading in read_pictures([path], shipped, 0.5)
    ]
    monkeypatch.setattr(pipeline, "PICTURES_AT_ONCE", 6)
    monkeypatch.setattr(pipeline, "BYTES_AT_ONCE", bytes_at_once)
    together = list(read_pictures(paths, shipped, 0.5))
    assert [reading.file for reading in together] == list(map(str, paths))
    for reading, expected in zip(together, alone, strict=True):
        assert (reading.rows, reading.error) == (expected.rows, expected.error)
        for one, other in zip(reading.digits, expected.digits, strict=True):
            np.testing.assert_allclose(
                one.probabilities, other.probabilities, atol=1e-5
            )


def test_rows_of_the_page(shipped):
    (reading,) = read_pictures([IMAGES / "page.jpg"], shipped, 0.5)
    assert reading.rows == ["0123456789", "31415926", "2718281828", "16180339"]


def test_a_line_of_text():
    blank = np.zeros((28, 28), np.uint8)
    digits = [
        Digit(number, confidence, (0, 0, 1, 1), row, np.zeros(11, np.float32), blank)
        for number, confidence, row in ((3, 0.99996, 0), (1, 0.87654, 0), (4, 0.9, 1))
    ]
    reading = Reading("a.png", digits, ["3 1", "4"])
    assert reading.as_line() == "a.png: 3 1 4 (87.6 %)"
    assert Reading("a.png", []).as_line() == "a.png: no digit"
    second = reading._replace(page=2, of_many=True)
    assert second.as_line() == "a.png[2]: 3 1 4 (87.6 %)"


def test_two_numbers_of_a_row_and_tilted_rows(shipped):
    one, seven, nine = (digit(number) for number in (1, 7, 9))
    parts = [(one, 40, 40), (seven, 110, 40), (nine, 420, 40), (seven, 500, 40)]
    parts += [(ink, x, 240) for ink, x, _ in parts]
    canvas = sheet(400, 640, *parts)
    assert rows_of(picture_of(canvas), shipped) == ["17 97", "17 97"]
    turn = cv2.getRotationMatrix2D((320, 200), 12, 0.9)
    turned = cv2.warpAffine(canvas, turn, (640, 400))
    assert rows_of(picture_of(turned), shipped) == ["17 97", "17 97"]


def test_pages_of_a_tiff(shipped, seven):
    blank = np.full((60, 80, 3), 230, np.uint8)
    cv2.imwritemulti("scan.tif", [seven, blank, cv2.resize(seven, None, fx=2, fy=2)])
    readings = list(read_pictures(["scan.tif", IMAGES / "1a.jpg"], shipped, 0.5))
    assert [(r.name, r.rows) for r in readings] == [
        ("scan.tif[1]", ["7"]),
        ("scan.tif[2]", []),
        ("scan.tif[3]", ["7"]),
        (str(IMAGES / "1a.jpg"), ["1"]),
    ]
    assert [reading.page for reading in readings] == [1, 2, 3, 1]


@pytest.mark.parametrize(
    ("probability", "text"), [(1.0, "100.0"), (0.99996, "99.9"), (0.5, "50.0")]
)
def test_per_cent_are_rounded_down(probability, text):
    assert percent(probability) == text


def test_guesses_are_the_likeliest_digits():
    probabilities = np.array([0, 0.1, 0.3, 0.2, 0, 0, 0, 0, 0, 0, 0.4], np.float32)
    guesses = Digit(2, 0.3, (0, 0, 1, 1), 0, probabilities, np.zeros(0)).guesses(3)
    assert [guess for guess, _ in guesses] == [2, 3, 1]  # no digit is no guess
    np.testing.assert_allclose([p for _, p in guesses], [0.3, 0.2, 0.1])


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


def test_a_clear_picture_needs_no_fallback(shipped, monkeypatch):
    def fail(picture):
        yield pytest.fail("a fallback was tried")

    monkeypatch.setattr(pipeline, "fallback_regions", fail)
    (reading,) = read_pictures([IMAGES / "314159a.jpg"], shipped, 0.5)
    assert reading.rows == ["314159"]


# Each picture below needs one step of the reading: without it, it is read wrong.


@pytest.mark.parametrize("single", [False, True])
def test_ends_of_neighbours_at_the_border_are_left_out(shipped, single):
    nine, eight = digit(9, 104), digit(8, 100)
    left, right = eight[:40, -10:], eight[:40, :10]
    ink = sheet(
        110, 90, (nine, 45 - nine.shape[1] // 2, 6), (left, 0, 4), (right, 80, 4)
    )
    assert rows_of(picture_of(ink), shipped, single) == ["9"]


def pressed_less(number, side, share):
    """Return the ink of a digit that is paler in its half at the side, by the share."""
    ink = digit(number, 100)
    half = ink.shape[1] // 2
    columns = slice(half) if side == "left" else slice(half, None)
    ink[:, columns] = share * ink[:, columns]
    return ink


@pytest.mark.parametrize("single", [False, True])
def test_faint_strokes_belong_to_their_digit(shipped, single):
    ink = sheet(150, 120, (pressed_less(4, "left", 0.25), 25, 25))
    assert rows_of(picture_of(ink, pen=20, noise=2), shipped, single) == ["4"]


def test_unsure_digits_count_beside_sure_ones_of_a_fallback(shipped):
    faint = [
        (pressed_less(4, "left", 0.25), 20, 25),
        (pressed_less(2, "right", 0.2), 130, 25),  # read with a confidence of 0.84
        (pressed_less(5, "left", 0.25), 240, 25),
    ]
    picture = picture_of(sheet(150, 360, *faint), pen=20, noise=2)
    assert rows_of(picture, shipped) == ["425"]


@pytest.mark.parametrize("single", [False, True])
def test_a_digit_in_a_shadow_on_flat_paper(shipped, single):
    ink = sheet(200, 240, (digit(6, 70), 150, 100))
    picture = picture_of(ink, paper=240, pen=48)
    picture[70:, 120:] = 0.6 * picture[70:, 120:]
    assert pipeline.flat_paper(picture)
    assert rows_of(picture, shipped, single) == ["6"]


@pytest.mark.parametrize("single", [False, True])
def test_light_ink_among_dark_dirt_is_found(shipped, single):
    # Six dark spots make the picture look like dark ink on a light ground.
    board = np.full((200, 160, 3), 130, np.uint8)
    points = np.array([(50, 60), (100, 60), (70, 150)])
    cv2.polylines(board, [points], False, (170, 170, 170), 7, cv2.LINE_AA)
    for x in range(10, 160, 28):
        cv2.circle(board, (x, 20), 3, (0, 0, 0), -1)
    assert rows_of(board, shipped, single) == ["7"]


def test_a_leaning_digit_is_read_by_turning_it(shipped):
    nine = cv2.resize(digit(9, 60), None, fx=0.5, fy=1)
    ink = sheet(180, 200, (nine, 100 - nine.shape[1] // 2, 60))
    turn = cv2.getRotationMatrix2D((100, 90), 40, 1)
    ink = cv2.warpAffine(ink, turn, (200, 180))
    assert rows_of(picture_of(ink), shipped) == ["9"]


def test_parts_of_a_broken_digit_are_joined(shipped):
    ink = sheet(170, 140, (broken(3, 0.6, gap=20), 40, 25))
    assert rows_of(picture_of(ink), shipped) == ["3"]


def test_touching_digits_are_split(shipped):
    six, seven = digit(6), digit(7)
    ink = sheet(150, 220, (six, 30, 30), (seven, 24 + six.shape[1], 30))
    assert rows_of(picture_of(ink), shipped) == ["67"]


def test_single_takes_distant_parts_as_one(shipped):
    ink = sheet(200, 140, (broken(3, 0.3, gap=35), 40, 25))
    assert rows_of(picture_of(ink), shipped, single=True) == ["3"]


def test_single_leaves_dirt_beside_a_digit(seven, shipped):
    dirty = cv2.copyMakeBorder(seven, 0, 0, 0, 60, cv2.BORDER_REPLICATE)
    cv2.circle(dirty, (135, 60), 9, (40, 40, 40), -1)
    assert rows_of(dirty, shipped, single=True) == ["7"]


def test_single_refines_a_digit_among_marks(shipped):
    parts = [(broken(9, 0.4, gap=14), 40, 80)]
    mark = np.zeros((70, 50), np.uint8)
    for start, end in (((5, 5), (45, 65)), ((45, 5), (5, 65)), ((5, 35), (45, 35))):
        cv2.line(mark, start, end, 255, 7)
    parts += [(mark, x, y) for x in range(155, 400, 65) for y in (15, 110, 205)]
    ink = sheet(300, 420, *parts)
    assert rows_of(picture_of(ink), shipped) != ["9"]  # too many are no digits
    assert rows_of(picture_of(ink), shipped, single=True) == ["9"]


def test_single_takes_the_likeliest_of_all_fallbacks(shipped):
    ink = sheet(150, 120, (pressed_less(2, "right", 0.2), 25, 25))
    picture = picture_of(ink, pen=20, noise=2)
    assert rows_of(picture, shipped) == []
    assert rows_of(picture, shipped, single=True) == ["2"]


def test_single_takes_the_only_digit_that_is_read(shipped):
    # Together with the two blots it would look like a 6.
    ink = sheet(160, 200, (digit(1, 80), 30, 40))
    cv2.circle(ink, (105, 100), 16, 255, -1)
    cv2.circle(ink, (135, 110), 11, 255, -1)
    assert rows_of(picture_of(ink), shipped, single=True) == ["1"]


def test_single_shares_out_the_probability_of_no_digit(shipped):
    cross = np.full((120, 120, 3), 235, np.uint8)
    cv2.line(cross, (20, 90), (100, 30), (40, 40, 40), 6)
    cv2.line(cross, (20, 30), (100, 90), (40, 40, 40), 6)
    cv2.imwrite("cross.png", cross)
    (plain,) = read_pictures(["cross.png"], shipped, 0.5)
    assert plain.digits == []
    (single,) = read_pictures(["cross.png"], shipped, 0.5, single=True)
    probabilities = single.digits[0].probabilities
    assert probabilities[10] == 0
    assert probabilities.sum() == pytest.approx(1, abs=1e-6)
    assert single.digits[0].confidence == probabilities.max()


def test_single_finds_nothing_on_blank_paper(shipped):
    blank = np.full((60, 60, 3), 230, np.uint8)
    assert rows_of(blank, shipped, single=True) == []
