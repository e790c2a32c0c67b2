import itertools
import json
import tracemalloc

import cv2
import numpy as np
import pytest
from test_reader import means

import load_model
from conftest import ROOT, CornerReader, FakeReader, cornered, logit, region_of
from digits import UserError
from digits.model import model_file
from digits.model.reader import MARKS
from digits.reading import pipeline
from digits.reading.ink import extract_ink
from digits.reading.normalise import is_mnist_image, normalise
from digits.reading.parts import Part
from digits.reading.pipeline import (
    SURE,
    Networks,
    list_pictures,
    load_networks,
    read_pictures,
)
from digits.reading.result import Digit, Reading, Sign, percent
from digits.reading.segment import segment
from digits.reading.views import turned

IMAGES = ROOT / "assets" / "images"
LONE = sorted(path for path in IMAGES.iterdir() if len(path.stem) == 2)  # one digit
SHAPE = 300, 400


class FakeClassifier:
    """Calls every image the same digit, with the same confidence.

    answer: both, or a function of an image that returns both.
    """

    def __init__(self, answer):
        self.answer, self.images = answer, []

    def probabilities(self, images):
        self.images.extend(images)
        answers = np.zeros((len(images), 11), np.float32)
        for row, image in zip(answers, images, strict=True):
            is_fixed = isinstance(self.answer, tuple)
            number, confidence = self.answer if is_fixed else self.answer(image)
            row[number], row[10] = confidence, 1 - confidence
        return answers


class NeverAsked:
    """Stands for a reader that must not be asked."""

    def answers(self, picture):
        pytest.fail("the reader was asked")


def written(text, x=60, y=100, confidence=0.97):
    """Return the marks (N, 6) of a line for a FakeReader.

    A digit is 20 x 30 pixels, with 6 between two of them; a sign is lower.
    """
    heights = {".": (4, 26), ",": (8, 26), "-": (4, 13), "=": (10, 10), "/": (34, -2)}
    marks = []
    for character in text:
        height, top = heights.get(character, (30, 0))
        width = 20 if character.isdigit() else 8
        label = MARKS.index(character)
        marks.append((label, x, y + top, width, height, logit(confidence)))
        x += width + 6
    return marks


def reading_of(picture, networks, threshold=0.5, single=False):
    """Return the Reading of a picture (H, W, 3) uint8."""
    cv2.imwrite("picture.png", picture)
    (reading,) = read_pictures(["picture.png"], networks, threshold, single)
    assert reading.error is None
    return reading


def paper(shape=SHAPE):
    """Return a picture of blank paper, (H, W, 3) uint8."""
    return np.full((*shape, 3), 235, np.uint8)


def with_bars(*boxes, shape=SHAPE):
    """Return a picture with a dark bar for each box (x, y, width, height)."""
    picture = paper(shape)
    for x, y, width, height in boxes:
        picture[y : y + height, x : x + width] = 40
    return picture


LONE_BAR, TWO_BARS = [(60, 60, 20, 90)], [(60, 60, 20, 90), (160, 60, 20, 90)]


def digit(number, height=90):
    """Return the ink of a digit in assets/images, (height, W) uint8."""
    ink = region_of(f"{number}a.jpg").ink
    width = round(ink.shape[1] * height / ink.shape[0])
    return cv2.resize(ink, (width, height), interpolation=cv2.INTER_AREA)


def sheet(height, width, *parts):
    """Return a picture of parts (ink, x, y): their corners on the sheet."""
    canvas = np.zeros((height, width), np.uint8)
    for ink, x, y in parts:
        area = canvas[y : y + ink.shape[0], x : x + ink.shape[1]]
        np.maximum(area, ink, out=area)
    gray = 235 - np.rint(195 * (canvas / 255))
    return np.uint8(gray)[..., None].repeat(3, axis=2)


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
def test_batches_do_not_change_readings(networks, monkeypatch):
    paths = [*sorted(IMAGES.iterdir()), "gone.png"]
    alone = [
        reading for path in paths for reading in read_pictures([path], networks, 0.5)
    ]
    monkeypatch.setattr(pipeline, "PICTURES_AT_ONCE", 6)
    together = list(read_pictures(paths, networks, 0.5))
    assert [reading.file for reading in together] == list(map(str, paths))
    for reading, expected in zip(together, alone, strict=True):
        assert (reading.rows, reading.error) == (expected.rows, expected.error)
        for one, other in zip(reading.digits, expected.digits, strict=True):
            np.testing.assert_allclose(
                one.probabilities, other.probabilities, atol=1e-5
            )


def test_each_picture_of_a_batch_has_its_own_answer():
    """Those that are read at once, those that are not, and those that are none."""
    cv2.imwrite("two.png", with_bars(*TWO_BARS))
    cv2.imwrite("tall.png", with_bars((60, 60, 20, 90)))
    cv2.imwrite("wide.png", with_bars((60, 60, 90, 70)))
    cv2.imwrite("blank.png", paper())

    def answer(image):
        tall = np.ptp(np.nonzero(image.any(axis=0))[0]) < 10
        return (1, 0.99) if tall else (8, 0.99)

    networks = Networks(FakeClassifier(answer), FakeReader(written("23"), SHAPE))
    names = ["two", "tall", "gone", "wide", "tall", "blank", "wide"]
    paths = [f"{name}.png" for name in names]
    readings = list(read_pictures(paths, networks, 0.5))
    assert [r.file for r in readings] == paths
    expected = [["23"], ["1"], [], ["8"], ["1"], ["23"], ["8"]]
    assert [list(r.rows) for r in readings] == expected
    assert [r.error for r in readings] == [None] * 2 + ["no such file"] + [None] * 4


def test_only_the_pictures_of_a_batch_are_held():
    """The regions of rings within rings are larger than the picture."""
    rings = paper((400, 400))
    for radius in range(4, 196, 6):
        cv2.circle(rings, (200, 200), radius, (40, 40, 40), 2)
    assert sum(r.ink.nbytes for r in segment(extract_ink(rings))) > 2 * rings.nbytes
    cv2.imwrite("rings.png", rings)
    held = []

    class Reader(FakeReader):
        def answers(self, picture):
            held.append(tracemalloc.get_traced_memory()[0])
            return super().answers(picture)

    networks = Networks(FakeClassifier((3, 0.3)), Reader([], (400, 400)))
    tracemalloc.start()
    try:
        assert len(list(read_pictures(["rings.png"] * 16, networks, 0.5))) == 16
    finally:
        tracemalloc.stop()
    assert max(held) < 1.5 * 16 * rings.nbytes


# The fast way: the digit networks alone.


@pytest.mark.parametrize("path", LONE, ids=lambda path: path.name)
def test_one_digit_is_read_without_the_reader(path, shipped):
    """Only of a 1 or a 7 it is asked whether it is a sign."""
    is_like_sign = path.stem[0] in "17"
    reader = FakeReader([], SHAPE) if is_like_sign else NeverAsked()
    (reading,) = read_pictures([path], Networks(shipped, reader), 0.5)
    assert not is_like_sign or len(reader.asked) == 1
    assert reading.rows == reading.text == [path.stem[:-1]]
    assert reading.turned == 0 and not reading.signs


def test_boxes_are_in_pixels_of_the_file(seven, shipped):
    large = cv2.resize(seven, (2500, 3000), interpolation=cv2.INTER_CUBIC)
    reading = reading_of(large, Networks(shipped, FakeReader([], SHAPE)))
    (found,) = reading.digits
    assert found.digit == 7
    np.testing.assert_allclose(found.box, np.array([21, 21, 58, 83]) * 25, atol=60)


@pytest.mark.parametrize("single", [False, True])
def test_an_image_of_mnist_s_kind_is_read_unchanged(shipped, single):
    image = normalise(region_of("5a.jpg").ink)
    assert is_mnist_image(image)
    cv2.imwrite("5.png", image)
    recorded = FakeClassifier((5, 0.95))
    networks = Networks(recorded, NeverAsked())
    (reading,) = read_pictures(["5.png"], networks, 0.5, single)
    np.testing.assert_array_equal(recorded.images, [image])
    assert reading.rows == ["5"] and reading.digits[0].box == (0, 0, 28, 28)


def test_mnist_s_images_are_read_unchanged(shipped, real_mnist):
    paths, images = [], real_mnist.test_images[:300]
    for index, image in enumerate(images):
        assert is_mnist_image(image)
        paths.append(f"{index}.png")
        cv2.imwrite(paths[-1], image)
    expected = shipped.probabilities(images)[:, :10]
    right = 0
    for reading, probabilities, label in zip(
        read_pictures(paths, Networks(shipped), 0.0),
        expected,
        real_mnist.test_labels[:300],
        strict=True,
    ):
        (found,) = reading.digits
        np.testing.assert_allclose(found.probabilities, probabilities, atol=1e-5)
        right += found.digit == label
    assert right >= 297


def test_other_28x28_pictures_are_no_mnist_images(seven):
    gray = cv2.cvtColor(seven, cv2.COLOR_BGR2GRAY)
    assert not is_mnist_image(cv2.resize(gray, (28, 28)))
    assert not is_mnist_image(np.zeros((28, 28), np.uint8))
    assert not is_mnist_image(gray)


# The reader is asked where the digit networks are not sure of one region alone.


@pytest.mark.parametrize(
    ("bars", "confidence"),
    [
        (LONE_BAR, SURE - 0.01),
        (TWO_BARS, 1.0),
        ([], 1.0),
    ],
    ids=["unsure", "two regions", "no region"],
)
def test_the_reader_reads_all_else(bars, confidence):
    reader = FakeReader(written("8", confidence=0.995), SHAPE)
    networks = Networks(FakeClassifier((3, confidence)), reader)
    reading = reading_of(with_bars(*bars), networks)
    assert reading.rows == ["8"]
    (found,) = reading.digits
    assert found.box == (60, 100, 20, 30)
    assert found.confidence == pytest.approx(0.995, abs=1e-4)
    assert found.probabilities.shape == (10,)
    assert found.probabilities[8] == found.confidence


@pytest.mark.parametrize("number", range(10))
def test_the_reader_reads_a_digit_in_a_frame(number, shipped):
    """It is one region with its frame, of which the digit networks are not sure."""
    picture = sheet(160, 140, (digit(number), 35, 35))
    cv2.rectangle(picture, (10, 12), (128, 148), (40, 40, 40), 3)
    reader = FakeReader(written("8", x=35, y=35), picture.shape[:2])
    reading = reading_of(picture, Networks(shipped, reader))
    assert reading.rows == ["8"] and reading.digits[0].box == (35, 35, 20, 30)


def test_a_sure_region_is_read_at_its_own_threshold():
    networks = Networks(FakeClassifier((3, 0.985)), NeverAsked())
    for threshold in (0, 0.5, 0.984):
        reading = reading_of(with_bars(*LONE_BAR), networks, threshold)
        assert reading.rows == ["3"] and reading.digits[0].box == LONE_BAR[0]
    reading = reading_of(with_bars(*LONE_BAR), networks, 0.99)  # left out, not replaced
    assert not reading.digits and reading.unsure == [list(LONE_BAR[0])]


@pytest.mark.parametrize(
    ("marks", "single", "rows"),
    [
        (written("88"), False, ["88"]),
        (written("8"), False, ["3"]),
        ([], False, ["3"]),
        (written("88"), True, ["3"]),
    ],
)
def test_a_sure_region_of_a_wide_picture(marks, single, rows):
    """The reader is asked first, as wide pictures mostly show several digits."""
    shape = 200, 410
    networks = Networks(FakeClassifier((3, 0.99)), FakeReader(marks, shape))
    reading = reading_of(with_bars(*LONE_BAR, shape=shape), networks, single=single)
    assert list(reading.rows) == rows


def test_single_ignores_the_threshold():
    networks = Networks(FakeClassifier((3, 0.985)), NeverAsked())
    reading = reading_of(with_bars(*LONE_BAR), networks, threshold=1, single=True)
    assert reading.rows == ["3"]


@pytest.mark.parametrize(
    ("most", "numbers"), [(None, [1, 1, 2, 2, 3, 3]), (2, [1, 1, 2, 2]), (1, [1, 1])]
)
def test_most_pages_of_a_file(most, numbers, monkeypatch):
    cv2.imwritemulti("scan.tif", [with_bars(*LONE_BAR)] * 3)
    decoded, decode = [], pipeline.pages

    def counted(path, parts):
        for page in decode(path, parts):
            decoded.append(page.number)
            yield page

    monkeypatch.setattr(pipeline, "pages", counted)
    networks = Networks(FakeClassifier((3, 0.985)), NeverAsked())
    parts = [Part(name, 0, 0, 1, 1, in_shares=True) for name in ("one", "two")]
    found = read_pictures(["scan.tif"], networks, 0.5, parts=parts, most_pages=most)
    assert [reading.page for reading in found] == numbers == decoded


def test_an_image_as_mnist_s_is_the_digit_networks_own():
    image = np.zeros((28, 28, 3), np.uint8)
    image[4:24, 12:16] = 255
    networks = Networks(FakeClassifier((3, 0.75)), NeverAsked())
    assert reading_of(image, networks).rows == ["3"]
    found = FakeReader(written("8", x=10, y=4), (28, 28))
    networks = Networks(FakeClassifier((3, 0.65)), found)
    assert reading_of(image, networks).rows == ["8"]
    networks = Networks(FakeClassifier((3, 0.75)), found)  # it is not in the middle
    assert reading_of(np.roll(image, 5, axis=1), networks).rows == ["8"]


SLASH = written("/")


@pytest.mark.parametrize(
    ("bars", "confidence", "marks", "rows"),
    [
        (LONE_BAR, 0.6, [], ["3"]),
        (LONE_BAR, 0.6, SLASH, []),  # it is a sign
        (LONE_BAR, 0.6, written("8", confidence=0.4), ["3"]),
        (LONE_BAR, 0.6, written("8", confidence=0.95), ["8"]),
        (LONE_BAR, 0.6, written("8", confidence=0.55), ["3"]),
        (LONE_BAR, 0.4, [], []),
        (TWO_BARS, 0.6, [], []),
    ],
)
def test_one_region_of_a_small_picture_in_which_the_reader_finds_no_digit(
    bars, confidence, marks, rows, monkeypatch
):
    monkeypatch.setattr(pipeline, "SMALL", 1 + max(SHAPE))
    networks = Networks(FakeClassifier((3, confidence)), FakeReader(marks, SHAPE))
    reading = reading_of(with_bars(*bars), networks)
    assert list(reading.rows) == rows and not reading.signs
    assert not (rows and reading.unsure)  # what is read is not left out as well


def test_one_region_of_a_larger_picture_in_which_the_reader_finds_nothing():
    networks = Networks(FakeClassifier((3, 0.6)), FakeReader([], SHAPE))
    assert not reading_of(with_bars(*LONE_BAR), networks).digits


@pytest.mark.parametrize(
    ("region", "part", "mark", "small", "rows"),
    [
        (0.05, 0.05, written("8", confidence=0.85), 64, []),
        (0.05, 0.05, written("8", confidence=0.95), 64, ["8"]),  # the reader is sure
        (0.05, 0.15, written("8", confidence=0.85), 64, ["8"]),  # in a frame
        (0.15, 0.05, written("8", confidence=0.85), 64, ["8"]),
        (0.05, 0.05, written("88", confidence=0.85), 64, ["88"]),  # not alone
        (0.05, 0.05, written("8", x=200, confidence=0.85), 64, ["8"]),  # pale ink
        (0.05, 0.05, written("8", confidence=0.85), 500, ["8"]),
    ],
)
def test_a_doubtful_digit_where_the_digit_networks_see_none(
    region, part, mark, small, rows, monkeypatch
):
    """They are asked about the region, then about the ink in the mark's box."""
    monkeypatch.setattr(pipeline, "SMALL", small)
    confidences = itertools.chain([region], itertools.repeat(part))
    classifier = FakeClassifier(lambda _: (3, next(confidences)))
    networks = Networks(classifier, FakeReader(mark, SHAPE))
    assert list(reading_of(with_bars(*LONE_BAR), networks).rows) == rows


class InkReader:
    """Takes whatever it is shown for one mark, of the whole size of its ink."""

    def __init__(self, mark, presence):
        self.mark, self.presence = MARKS.index(mark), presence

    def answers(self, picture):
        """Return the answers of a FakeReader that finds the mark where ink is."""
        ys, xs = np.nonzero(picture < 128)
        box = xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1
        mark = self.mark, *map(int, box), logit(self.presence)
        return FakeReader([mark], picture.shape).answers(picture)


@pytest.mark.parametrize(
    ("label", "mark", "flags", "rows"),
    [
        (1, "(", {}, []),
        (7, "(", {}, []),
        (3, "(", {}, ["3"]),  # no sign looks like it
        (1, "(", {"single": True}, ["1"]),
        (7, "1", {}, ["1"]),  # as one with a long flag
        (7, "1", {"presence": 0.8}, ["1"]),  # they are not asked again
        (1, "1", {}, ["1"]),
        (3, "1", {}, ["3"]),
    ],
)
def test_a_sure_one_that_the_reader_takes_for_another_mark(label, mark, flags, rows):
    flags = dict(flags)
    reader = InkReader(mark, flags.pop("presence", 0.98))
    networks = Networks(FakeClassifier((label, 0.99)), reader)
    assert list(reading_of(with_bars(*LONE_BAR), networks, **flags).rows) == rows


def test_the_second_opinion_is_of_the_upright_picture():
    """Of two digits one is doubtful; its ink is a bar that leans to the right."""
    picture = cornered(SHAPE)
    for x in (60, 100):
        cv2.line(picture, (x + 4, 126), (x + 15, 104), (40, 40, 40), 4)
    marks = written("8", x=60, confidence=0.99) + written("8", x=100, confidence=0.85)
    classifier = FakeClassifier((3, 0.99))
    networks = Networks(classifier, CornerReader(marks, SHAPE))
    reading = reading_of(turned(picture, 180), networks)
    assert reading.turned == 180 and reading.rows == ["83"]
    ys, xs = np.nonzero(classifier.images[-1] > 128)
    assert np.corrcoef(xs, ys)[0, 1] < -0.8


def test_a_small_picture_stays_as_it_is_where_nothing_is_read(monkeypatch):
    """Its turned digits are below the threshold."""
    monkeypatch.setattr(pipeline, "SMALL", 1 + max(SHAPE))
    picture = turned(cornered(SHAPE), 180)
    reader = CornerReader(written("88", confidence=0.97), SHAPE)
    networks = Networks(FakeClassifier((3, 0.6)), reader)
    assert reading_of(picture, networks).turned == 180
    reading = reading_of(picture, networks, threshold=0.995)
    assert reading.turned == 0 and not reading.digits
    np.testing.assert_array_equal(reading.picture, picture)


def test_a_sure_one_in_a_small_picture(monkeypatch):
    monkeypatch.setattr(pipeline, "SMALL", 1 + max(SHAPE))
    networks = Networks(FakeClassifier((1, 0.91)), NeverAsked())
    assert reading_of(with_bars(*LONE_BAR), networks).rows == ["1"]


@pytest.fixture(scope="module")
def page(networks):
    """The Reading of the page."""
    (reading,) = read_pictures([IMAGES / "page.jpg"], networks, 0.5)
    return reading


def test_rows_of_the_page(page):
    assert page.rows == ["0123456789", "31415926", "2718281828", "16180339"]
    assert page.text == page.rows and page.turned == 0


def test_a_number(networks):
    (reading,) = read_pictures([IMAGES / "314159a.jpg"], networks, 0.5)
    assert reading.rows == ["314159"]


def test_two_numbers_of_a_row_and_tilted_rows():
    reader = FakeReader(
        written("17")
        + written("97", x=250)
        + written("17", y=160)
        + written("97", x=250, y=160),
        SHAPE,
    )
    networks = Networks(FakeClassifier((0, 0)), reader)
    assert reading_of(paper(), networks).rows == ["17 97", "17 97"]
    reader.marks = [(n, x, y + 0.2 * x, *size) for n, x, y, *size in reader.marks]
    reading = reading_of(paper(), networks)
    assert reading.rows == ["17 97", "17 97"]
    assert [found.digit for found in reading.digits] == [1, 7, 9, 7] * 2
    assert [found.row for found in reading.digits] == [0] * 4 + [1] * 4


def test_pages_of_a_tiff(networks, seven):
    blank = np.full((60, 80, 3), 230, np.uint8)
    cv2.imwritemulti("scan.tif", [seven, blank, cv2.resize(seven, None, fx=2, fy=2)])
    readings = list(read_pictures(["scan.tif", IMAGES / "1a.jpg"], networks, 0.5))
    assert [(r.name, list(r.rows)) for r in readings] == [
        ("scan.tif[1]", ["7"]),
        ("scan.tif[2]", []),
        ("scan.tif[3]", ["7"]),
        (str(IMAGES / "1a.jpg"), ["1"]),
    ]
    assert [reading.page for reading in readings] == [1, 2, 3, 1]


# Signs and the threshold.


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("22/11/2026", "22 11 2026"),
        ("-3.14", "3 14"),
        ("12=7", "12 7"),
        ("(5)", "5"),
        ("1,", "1"),
        ("2026", "2026"),
    ],
)
def test_signs_part_numbers(text, numbers):
    networks = Networks(FakeClassifier((0, 0)), FakeReader(written(text), SHAPE))
    reading = reading_of(paper(), networks)
    assert (reading.rows, reading.text) == ([numbers], [text])
    assert "".join(str(d.digit) for d in reading.digits) == numbers.replace(" ", "")
    signs = [character for character in text if not character.isdigit()]
    assert [sign.sign for sign in reading.signs] == signs


def test_signs_have_boxes_and_rows():
    marks = written("12") + written("3/4", y=160, confidence=0.9)
    networks = Networks(FakeClassifier((0, 0)), FakeReader(marks, SHAPE))
    reading = reading_of(paper(), networks)
    assert (reading.rows, reading.text) == (["12", "3 4"], ["12", "3/4"])
    (slash,) = reading.signs
    assert slash == Sign("/", slash.confidence, (86, 158, 8, 34), 1)
    assert slash.confidence == pytest.approx(0.9, abs=1e-4)


@pytest.mark.parametrize("text", ["/", "(-"])
def test_signs_alone_are_no_digit(text):
    networks = Networks(FakeClassifier((0, 0)), FakeReader(written(text), SHAPE))
    reading = reading_of(paper(), networks)
    assert not (reading.digits or reading.signs or reading.rows or reading.text)
    assert reading.as_line(signs=True) == "picture.png: no digit"


def test_what_is_below_the_threshold_is_left_out():
    marks = [
        *written("1", confidence=0.9),
        *written("/", x=86, confidence=0.6),
        *written("2", x=110, confidence=0.7),
    ]
    networks = Networks(FakeClassifier((0, 0)), FakeReader(marks, SHAPE))
    texts = {}
    for threshold in (0.5, 0.65, 0.8, 0.95):
        reading = reading_of(paper(), networks, threshold)
        texts[threshold] = list(reading.rows), list(reading.text)
    assert texts == {
        0.5: (["1 2"], ["1/2"]),
        0.65: (["12"], ["12"]),
        0.8: (["1"], ["1"]),
        0.95: ([], []),
    }


# Turned pictures, and light ink.


@pytest.mark.parametrize("degrees", [90, 180, 270])
@pytest.mark.parametrize("scale", [1, 2])
def test_boxes_are_in_the_upright_picture(degrees, scale):
    picture = cornered((1500, 2000))
    marks = [(n, 4 * x, 4 * y, 80, 120, p) for n, x, y, _, _, p in written("25")]
    reader = CornerReader(marks, (1500, 2000))
    lying = turned(picture.repeat(scale, 0).repeat(scale, 1), -degrees % 360)
    reading = reading_of(lying, Networks(FakeClassifier((3, 0.6)), reader))
    assert (reading.rows, reading.turned, reading.scale) == (["25"], degrees, scale)
    boxes = np.array([found.box for found in reading.digits])
    expected = scale * np.array([(240, 400, 80, 120), (344, 400, 80, 120)])
    np.testing.assert_allclose(boxes, expected, atol=1)
    np.testing.assert_array_equal(reading.picture, picture)


def test_one_region_of_a_picture_that_seems_turned(monkeypatch):
    """What the digit networks read in it lies in the picture as it is."""
    monkeypatch.setattr(pipeline, "SMALL", 1 + max(SHAPE))
    marks = written("25", confidence=0.7)
    networks = Networks(FakeClassifier((3, 0.8)), CornerReader(marks, SHAPE))
    lying = turned(cornered(SHAPE), 90)
    reading = reading_of(lying, networks, threshold=0.75)
    assert (reading.rows, reading.turned) == (["3"], 0)
    np.testing.assert_array_equal(reading.picture, lying)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_the_page_is_turned_upright(degrees, page, networks):
    lying = turned(page.picture, -degrees % 360)
    reading = reading_of(lying, networks)
    assert (reading.rows, reading.turned) == (page.rows, degrees)
    boxes, expected = ([d.box for d in of.digits] for of in (reading, page))
    np.testing.assert_allclose(boxes, expected, atol=20)  # found in other sizes
    np.testing.assert_array_equal(reading.picture, page.picture)


def test_the_page_light_on_dark(page, networks):
    reading = reading_of(255 - page.picture, networks)
    assert reading.rows == page.rows and len(reading.digits) == len(page.digits)


# Networks without a reader, and which reader serves.


def test_without_a_reader_each_region_is_a_digit(shipped):
    picture = sheet(150, 300, (digit(6), 30, 30), (digit(7), 170, 30))
    reading = reading_of(picture, Networks(shipped))
    assert " ".join(reading.rows).replace(" ", "") == "67"
    assert reading.text == reading.rows and not reading.signs


def test_without_a_reader_the_threshold_holds():
    networks = Networks(FakeClassifier((3, 0.6)))
    for threshold, count in ((0.5, 2), (0.7, 0)):
        reading = reading_of(with_bars(*TWO_BARS), networks, threshold)
        assert [found.digit for found in reading.digits] == [3] * count
    assert not reading_of(paper(), networks).digits


def test_the_shipped_reader_serves_where_a_file_has_none(shipped):
    onnx, attributes = model_file.read(shipped.name)
    model_file.save("none.hdf5", onnx, attributes)
    networks = load_networks("none.hdf5")
    assert str(networks.classifier.name) == "none.hdf5"
    assert networks.reader.name == model_file.SHIPPED
    expected = model_file.load_reader(model_file.SHIPPED).answers(
        paper((20, 30))[..., 0]
    )
    found = networks.reader.answers(paper((20, 30))[..., 0])
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_file_s_own_reader_serves(shipped):
    onnx, attributes = model_file.read(shipped.name)
    model_file.save("own.hdf5", onnx, attributes, reader=means())
    assert str(load_networks("own.hdf5").reader.name) == "own.hdf5"
    with pytest.raises(UserError, match=r"gone\.hdf5: no such model file"):
        load_networks("gone.hdf5")


# --single: each picture holds exactly one digit.


def test_threshold_and_single(seven, networks):
    assert not reading_of(seven, networks, 1.0).digits
    assert reading_of(seven, networks, 1.0, single=True).rows == ["7"]


TALL, WIDE, TOGETHER = (40, 40, 12, 90), (110, 50, 90, 70), (40, 40, 160, 90)


@pytest.mark.parametrize(
    ("confidences", "number", "box"),
    [
        ((0.6, 0.5, 0.5, 0.5), 1, TALL),
        ((0.5, 0.6, 0.5, 0.5), 2, WIDE),
        ((0.5, 0.5, 0.6, 0.5), 4, TOGETHER),
        ((0.5, 0.5, 0.5, 0.6), 8, (60, 100, 20, 30)),
    ],
    ids=["a region", "another region", "all ink together", "a mark of the reader"],
)
def test_single_takes_the_likeliest(confidences, number, box):
    def answer(image):
        rows, columns = np.nonzero(image > 127)
        aspect = np.ptp(columns) / np.ptp(rows)
        of_shape = 0 if aspect < 0.5 else 1 if aspect < 1.5 else 2
        return (1, 2, 4)[of_shape], confidences[of_shape]

    reader = FakeReader(written("8", confidence=confidences[3]), SHAPE)
    networks = Networks(FakeClassifier(answer), reader)
    reading = reading_of(with_bars(TALL, WIDE), networks, 0.9, single=True)
    (found,) = reading.digits
    assert found.digit == number and reading.rows == [str(number)]
    np.testing.assert_allclose(found.box, box, atol=1)


def test_single_takes_no_sign():
    marks = [*written("/"), *written("8", x=100, confidence=0.2)]
    networks = Networks(FakeClassifier((3, 0.1)), FakeReader(marks, SHAPE))
    reading = reading_of(with_bars(*TWO_BARS), networks, single=True)
    assert reading.rows == ["8"] and not reading.signs


@pytest.mark.parametrize("has_reader", [False, True])
def test_it_is_certain_to_single_that_there_is_a_digit(has_reader):
    """The probabilities of the ten digits are those among digits, and sum to 1."""

    class Classifier:
        def probabilities(self, images):
            of_one = np.zeros((1, 11), np.float32)
            of_one[0, [3, 8, 10]] = 0.3, 0.1, 0.6
            return of_one.repeat(len(images), axis=0)

    reader = FakeReader([], SHAPE) if has_reader else None
    picture = with_bars(*LONE_BAR)
    (found,) = reading_of(picture, Networks(Classifier(), reader), single=True).digits
    expected = np.zeros(10)
    expected[[3, 8]] = 0.75, 0.25
    np.testing.assert_allclose(found.probabilities, expected, rtol=1e-5)
    assert found.digit == 3 and found.confidence == pytest.approx(0.75, rel=1e-5)


def test_what_the_reader_finds_may_be_a_sign_but_not_to_single():
    class Unsure(FakeReader):
        """Two marks in five are a 7, the others a slash."""

        def answers(self, picture):
            answers = super().answers(picture)
            slash = answers[..., 1 + MARKS.index("/")]
            answers[..., 1 + MARKS.index("7")] = slash + np.log(2 / 3)
            return answers

    networks = Networks(FakeClassifier((3, 0.3)), Unsure(written("/"), SHAPE))
    reading = reading_of(with_bars(*TWO_BARS), networks, single=True)
    (found,) = reading.digits
    assert found.digit == 7 and found.confidence == pytest.approx(1, abs=1e-4)
    assert found.box == (60, 98, 8, 34)


NO_DIGITS = {
    "a dash": with_bars((100, 120, 60, 4)),
    "a dot": with_bars((100, 120, 3, 3)),
    "a bar at the border": with_bars((0, 20, 12, 250)),
    "two blots": with_bars((60, 60, 40, 40), (160, 90, 50, 30)),
    "many dots": with_bars(*((x, y, 6, 6) for x in (60, 90, 120) for y in (60, 90))),
}


@pytest.mark.parametrize("name", NO_DIGITS)
@pytest.mark.parametrize("confidence", [0.0, 0.01])
@pytest.mark.parametrize("has_reader", [False, True])
def test_single_always_answers_where_there_is_ink(name, confidence, has_reader):
    reader = FakeReader([], SHAPE) if has_reader else None
    networks = Networks(FakeClassifier((3, confidence)), reader)
    assert len(reading_of(NO_DIGITS[name], networks, single=True).digits) == 1


def test_single_finds_nothing_on_blank_paper(networks):
    for blank in (paper(), paper((60, 60))):
        assert not reading_of(blank, networks, single=True).digits
        assert not reading_of(blank, Networks(networks.classifier), single=True).digits


def test_single_takes_distant_parts_as_one(shipped):
    three = digit(3)
    three = np.insert(three, [round(0.3 * len(three))] * 35, 0, axis=0)
    networks = Networks(shipped, FakeReader([], (200, 140)))
    reading = reading_of(sheet(200, 140, (three, 40, 25)), networks, single=True)
    assert reading.rows == ["3"]


def test_single_leaves_dirt_beside_a_digit(seven, shipped):
    dirty = cv2.copyMakeBorder(seven, 0, 0, 0, 60, cv2.BORDER_REPLICATE)
    cv2.circle(dirty, (135, 60), 9, (40, 40, 40), -1)
    networks = Networks(shipped, FakeReader([], dirty.shape[:2]))
    assert reading_of(dirty, networks, single=True).rows == ["7"]


def test_single_does_not_turn_the_picture():
    """One digit does not tell what is up."""
    networks = Networks(FakeClassifier((3, 0.6)), CornerReader(written("25"), SHAPE))
    for degrees in (90, 180, 270):
        lying = turned(cornered(SHAPE), degrees)
        reading = reading_of(lying, networks, single=True)
        assert (reading.rows, reading.turned) == (["3"], 0)
        np.testing.assert_array_equal(reading.picture, lying)


# What a Reading says.


def line_of(*digits):
    return [
        Digit(number, confidence, (0, 0, 1, 1), row, np.zeros(10, np.float32))
        for number, confidence, row in digits
    ]


def test_a_line_of_text():
    digits = line_of((3, 0.99996, 0), (1, 0.87654, 0), (4, 0.9, 1))
    signs = [Sign("/", 0.6, (0, 0, 1, 1), 0)]
    reading = Reading("a.png", digits, signs, ["3 1", "4"], ["3/1", "4"])
    assert reading.as_line() == "a.png: 3 1 4 (87.6 %)"
    assert reading.as_line(signs=True) == "a.png: 3/1 4 (87.6 %)"
    assert Reading("a.png").as_line() == "a.png: no digit"
    second = reading._replace(page=2, of_many=True)
    assert second.as_line() == "a.png[2]: 3 1 4 (87.6 %)"


@pytest.mark.parametrize(
    ("probability", "text"), [(1.0, "100.0"), (0.99996, "99.9"), (0.5, "50.0")]
)
def test_per_cent_are_rounded_down(probability, text):
    assert percent(probability) == text


def test_guesses_are_the_likeliest_digits():
    probabilities = np.array([0, 0.1, 0.3, 0.2, 0, 0, 0, 0, 0, 0.05], np.float32)
    guesses = Digit(2, 0.3, (0, 0, 1, 1), 0, probabilities).guesses(3)
    assert [guess for guess, _ in guesses] == [2, 3, 1]
    np.testing.assert_allclose([p for _, p in guesses], [0.3, 0.2, 0.1])
