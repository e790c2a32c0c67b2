import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import h5py
import numpy as np
import onnx
import pytest

import digits
import load_model
from conftest import ROOT, FakeReader
from digits.model import model_file
from digits.model.reader import MARKS
from digits.reading import views

IMAGES = ROOT / "assets" / "images"
ONE = str(IMAGES / "1a.jpg")


def read(capsys, *argv):
    """Return (status, lines of stdout, lines of stderr) of a call."""
    status = load_model.main([str(argument) for argument in argv])
    captured = capsys.readouterr()
    return status, captured.out.splitlines(), captured.err.splitlines()


def test_every_sample_is_read_right(capsys):
    status, lines, errors = read(capsys, IMAGES)
    assert (status, errors) == (0, [])
    assert len(lines) == len(list(IMAGES.iterdir())) == 16
    page = "0123456789 31415926 2718281828 16180339"
    several = {"page": page, "date": "22 11 2026"}
    for line in lines:
        name, reading = re.fullmatch(
            r".*/(\w+)\.\w+: ([\d ]+) \(\d+\.\d %\)", line
        ).groups()
        assert reading == several.get(name, name[:-1])


def test_json(capsys):
    status, lines, _ = read(capsys, ONE, "gone.jpg", "--json", "--top", "2")
    assert status == 1
    found, gone = map(json.loads, lines)
    assert gone == {"file": "gone.jpg", "error": "no such file"}
    keys = ["file", "page", "rows", "text", "turned", "digits", "signs"]
    assert list(found) == keys
    assert (found["file"], found["page"], found["turned"]) == (ONE, 1, 0)
    assert found["rows"] == found["text"] == ["1"] and found["signs"] == []
    (digit,) = found["digits"]
    assert digit.keys() == {"digit", "confidence", "box", "row", "top"}
    assert (digit["digit"], digit["row"]) == (1, 0)
    assert digit["top"][0] == [1, digit["confidence"]]
    assert len(digit["top"]) == 2
    x, y, width, height = digit["box"]
    assert 0 < x < x + width < 320 and 0 < y < y + height < 320


@pytest.fixture
def date(monkeypatch):
    """A picture in which the reader finds -1 in a row, and 2/3 below."""
    cv2.imwrite("date.png", np.full((300, 400), 235, np.uint8))
    marks = [
        ("-", 60, 100, 14, 4),
        ("1", 84, 84, 20, 30),
        ("2", 60, 150, 20, 30),
        ("/", 86, 148, 10, 34),
        ("\N{MULTIPLICATION SIGN}", 106, 158, 14, 14),
        ("3", 130, 150, 20, 30),
    ]
    marks = [(MARKS.index(label), *box, 4.0) for label, *box in marks]
    reader = FakeReader(marks, (300, 400))
    load_networks = load_model.pipeline.load_networks

    def with_fake_reader(path):
        return load_networks(path)._replace(reader=reader)

    monkeypatch.setattr(load_model.pipeline, "load_networks", with_fake_reader)
    return "date.png"


def test_signs_are_printed_on_demand(capsys, date):
    assert read(capsys, date) == (0, ["date.png: 1 2 3 (98.2 %)"], [])
    (line,) = read(capsys, date, "--signs")[1]
    assert line == "date.png: -1 2/\N{MULTIPLICATION SIGN}3 (98.2 %)"


def test_signs_in_json(capsys, date):
    lines = [read(capsys, date, "--json", *flags)[1] for flags in ([], ["--signs"])]
    assert lines[0] == lines[1]
    found = json.loads(lines[0][0])
    assert found["rows"] == ["1", "2 3"]
    assert found["text"] == ["-1", "2/\N{MULTIPLICATION SIGN}3"]
    assert [digit["digit"] for digit in found["digits"]] == [1, 2, 3]
    assert [digit["row"] for digit in found["digits"]] == [0, 1, 1]
    signs = [(sign["sign"], sign["box"], sign["row"]) for sign in found["signs"]]
    assert signs == [
        ("-", [60, 100, 14, 4], 0),
        ("/", [86, 148, 10, 34], 1),
        ("\N{MULTIPLICATION SIGN}", [106, 158, 14, 14], 1),
    ]
    assert {sign["confidence"] for sign in found["signs"]} == {0.982}


def test_the_threshold_holds_for_signs(capsys, date):
    assert read(capsys, date, "--signs", "--threshold", "0.99")[1] == [
        "date.png: no digit"
    ]


def test_signs_are_drawn_too(capsys, date):
    assert read(capsys, date, "--save_image", "drawn.png")[0] == 0
    drawn = cv2.imread("drawn.png")
    edge = drawn[2 * 148 + 40 : 2 * 182 + 40, 2 * 86]  # enlarged, with headroom
    assert (edge == (110, 110, 110)).all()


def test_a_turned_page(capsys):
    """Its boxes and its annotated copy are those of the upright page."""
    page = cv2.imread(str(IMAGES / "page.jpg"))
    cv2.imwrite("lying.png", views.turned(page, 90))
    (line,) = read(capsys, "lying.png", "--json", "--save_image", "drawn.png")[1]
    found = json.loads(line)
    assert found["turned"] == 270
    assert found["rows"] == ["0123456789", "31415926", "2718281828", "16180339"]
    height, width = page.shape[:2]
    for digit in found["digits"]:
        x, y, across, down = digit["box"]
        assert 0 <= x < x + across <= width and 0 <= y < y + down <= height
    assert cv2.imread("drawn.png").shape[1] == width


def test_a_damaged_page_of_a_tiff(capsys, tmp_path, seven):
    assert cv2.imwritemulti("scan.tif", [seven, seven])
    content = bytearray(Path("scan.tif").read_bytes())
    first = int.from_bytes(content[4:8], "little")
    entries = int.from_bytes(content[first : first + 2], "little")
    link = first + 2 + 12 * entries
    second = int.from_bytes(content[link : link + 4], "little")
    Path("scan.tif").write_bytes(content[:second])  # its last page is lost
    arguments = ["scan.tif", ONE, "--save_image", "drawn"]
    status, lines, (error,) = read(capsys, *arguments)
    assert status == 1 and error.startswith("scan.tif[2]: ")
    assert [line.split(" (")[0] for line in lines] == ["scan.tif[1]: 7", f"{ONE}: 1"]
    assert {path.name for path in Path("drawn").iterdir()} == {"scan[1].png", "1a.png"}
    lines = read(capsys, "scan.tif", "--json")[1]
    assert [json.loads(line)["page"] for line in lines] == [1, 2]


def test_no_digit_is_an_answer(capsys, tmp_path):
    cv2.imwrite("blank.png", np.full((60, 60), 230, np.uint8))
    assert read(capsys, "blank.png") == (0, ["blank.png: no digit"], [])
    (line,) = read(capsys, "blank.png", "--json")[1]
    assert json.loads(line) == {
        "file": "blank.png",
        "page": 1,
        "rows": [],
        "text": [],
        "turned": 0,
        "digits": [],
        "signs": [],
    }


@pytest.mark.parametrize("value", [0, 128, 255])
def test_noise_is_no_digit(capsys, value):
    noise = np.random.default_rng(0).normal(value, 5, (300, 200))
    cv2.imwrite("noise.png", np.uint8(np.clip(noise, 0, 255)))
    assert read(capsys, "noise.png")[1] == ["noise.png: no digit"]


def test_threshold(capsys):
    assert read(capsys, ONE, "--threshold", "1")[1] == [f"{ONE}: no digit"]
    assert read(capsys, ONE, "--threshold", "1", "--single")[1][0].startswith(
        f"{ONE}: 1"
    )


def test_bad_pictures_do_not_stop_the_others(capsys, tmp_path):
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("hello", "utf-8")
    (tmp_path / "cut.jpg").write_bytes((IMAGES / "1a.jpg").read_bytes()[:9000])
    cv2.imwrite("dot.png", np.zeros((1, 1), np.uint8))
    (tmp_path / "folder").mkdir()
    bad = ["gone.png", "empty.png", "text.jpg", "cut.jpg", "dot.png", "folder"]
    status, lines, errors = read(capsys, *bad, ONE)
    assert status == 1
    assert len(lines) == 1
    assert lines[0].startswith(f"{ONE}: 1")
    assert sorted(error.split(":")[0] for error in errors) == sorted(bad)


@pytest.mark.parametrize(
    "flags",
    [
        [],
        [ONE, "--top", "0"],
        [ONE, "--threshold", "2"],
        [ONE, "--save_image"],
        [ONE, "--crop", "1,2,3"],
        [ONE, "--format", "xml"],
        [ONE, "--fields", "a.csv", "--show"],
        [ONE, "--fields", "a.csv", "--crop", "0,0,9,9"],
    ],
)
def test_usage_errors(flags, capsys):
    with pytest.raises(SystemExit) as stop:
        load_model.main(flags)
    assert stop.value.code == 2


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (lambda path: None, "no such model file"),
        (lambda path: path.write_text("text", "utf-8"), "not an HDF5 file"),
        (lambda path: h5py.File(path, "w").close(), "no model file of this suite"),
        (
            lambda path: path.write_bytes(model_file.SHIPPED.read_bytes()[:5000]),
            "damaged",
        ),
    ],
)
def test_bad_model_files(capsys, tmp_path, write, reason):
    path = tmp_path / "model.hdf5"
    write(path)
    status, lines, errors = read(capsys, ONE, "--weights", path)
    assert (status, lines, len(errors)) == (1, [], 1)
    assert str(path) in errors[0] and reason in errors[0]


def test_an_empty_folder(capsys, tmp_path):
    (tmp_path / "empty").mkdir()
    for flags in ([], ["--save_image", "out.png"], ["--save_image", "out"], ["--json"]):
        status, _, errors = read(capsys, "empty", *flags)
        assert status == 1
        assert [error.split(" (")[0] for error in errors] == [
            "empty: no pictures in this folder"
        ]
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_an_empty_folder_takes_no_name(capsys, tmp_path):
    (tmp_path / "1a").mkdir()
    assert read(capsys, "1a", ONE, "--save_image", "out.png")[0] == 1
    assert (tmp_path / "out.png").is_file()
    assert read(capsys, "1a", ONE, "--save_image", "out")[0] == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["1a.png"]


def test_answers_come_in_the_order_of_the_arguments(capfd, tmp_path):
    """What fails too: --json tells of both on stdout."""
    (tmp_path / "empty").mkdir()
    names = ["gone.png", ONE, "empty", str(IMAGES / "2b.png"), "/dev/zero"]
    status, lines, errors = read(capfd, *names, "--json")
    assert status == 1 and len(errors) == 3
    answers = list(map(json.loads, lines))
    assert [answer["file"] for answer in answers] == names
    assert ["error" in answer for answer in answers] == [True, False, True, False, True]


def test_no_warning_reaches_the_user():
    command = [sys.executable, "-W", "error", ROOT / "load_model.py", IMAGES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_installed_command_is_this_script():
    import tomllib

    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    scripts = tomllib.loads(text)["project"]["scripts"]
    module, function = scripts[load_model.INSTALLED].split(":")
    assert getattr(sys.modules[module], function) is load_model.main


def test_the_help_of_the_installed_command_names_it(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/read-digits"])
    with pytest.raises(SystemExit):
        load_model.main(["--help"])
    printed = capsys.readouterr().out
    assert "read-digits photo.jpg" in printed and "load_model.py" not in printed


def test_save_image(capsys, tmp_path):
    assert read(capsys, IMAGES / "page.jpg", "--save_image", "page.png")[0] == 0
    drawn = cv2.imread("page.png")
    height, width = cv2.imread(str(IMAGES / "page.jpg")).shape[:2]
    assert drawn.shape[0] > height and drawn.shape[1] == width
    boxes = (drawn[:height] == np.array((40, 140, 0))).all(axis=2)
    assert boxes.sum() > 5000


@pytest.mark.parametrize("shape", [(28, 28), (30, 900), (2000, 1500)])
def test_save_image_of_any_size(capsys, shape):
    picture = np.full(shape, 255, np.uint8)
    cv2.imwrite("a.png", cv2.line(picture, (14, 6), (14, 22), 0, 2))
    assert read(capsys, "a.png", "--save_image", "b.jpg", "--single")[0] == 0
    assert min(cv2.imread("b.jpg").shape[:2]) > 27


def test_save_image_too_large_for_its_format(capfd, monkeypatch, tmp_path):
    tall = np.zeros((17_000, 10, 3), np.uint8)  # WebP has at most 16,383 pixels
    monkeypatch.setattr(load_model.annotate, "annotate", lambda _: tall)
    status, printed, (error,) = read(capfd, ONE, "--save_image", "b.webp")
    assert status == 1 and printed
    assert "b.webp: too large for this format" in error
    assert not list(tmp_path.iterdir())


def test_save_images_to_a_folder(capsys, tmp_path):
    (tmp_path / "other").mkdir()
    shutil.copy(ONE, "other/1a.jpg")
    argv = [ONE, IMAGES / "2b.png", "other/1a.jpg", "--save_image", "drawn"]
    assert read(capsys, *argv)[0] == 0
    names = {path.name for path in (tmp_path / "drawn").iterdir()}
    assert names == {"1a.png", "2b.png", "1a-2.png"}


def test_pictures_are_not_replaced(capsys):
    shutil.copy(ONE, "1a.jpg")
    status, _, errors = read(capsys, "1a.jpg", "--save_image", "1a.jpg")
    assert status == 2
    assert "would replace it" in errors[0]
    assert read(capsys, ONE, ONE, "--save_image", "b.png")[0] == 2
    with pytest.raises(SystemExit):
        load_model.main([ONE, "--save_image", "b.xyz"])


def test_the_copy_of_a_page_does_not_replace_the_file(seven, capsys):
    cv2.imwritemulti("scan[2].tif", [seven, seven])
    before = Path("scan[2].tif").read_bytes()
    status, lines, (error,) = read(capsys, "scan[2].tif", "--save_image", "scan.tif")
    assert status == 1 and len(lines) == 2
    assert "scan[2].tif: not drawn: a picture or another copy has this name" in error
    assert Path("scan[2].tif").read_bytes() == before


def test_the_copy_of_a_page_does_not_replace_another_copy(seven, capsys):
    cv2.imwritemulti("x.tif", [seven, seven])
    shutil.copy(ONE, "x[2].jpg")
    status, lines, (error,) = read(capsys, "x.tif", "x[2].jpg", "--save_image", "out")
    assert status == 1 and len(lines) == 3
    assert "x[2].png: not drawn: a picture or another copy has this name" in error
    first, second = (cv2.imread(f"out/x[{page}].png") for page in (1, 2))
    assert (first == second).all()


def test_a_drawing_that_fails_stops_nothing(capsys, tmp_path):
    (tmp_path / "out" / "1a.png").mkdir(parents=True)
    argv = [ONE, IMAGES / "2b.png", "--save_image", "out"]
    status, lines, errors = read(capsys, *argv)
    assert (status, len(lines), len(errors)) == (1, 2, 1)
    assert (tmp_path / "out" / "2b.png").is_file()


def test_names_that_are_no_text(capsys):
    name = os.fsdecode(b"1\xff.jpg")
    shutil.copy(ONE, name)
    command = [sys.executable, ROOT / "load_model.py", name]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"1\\udcff.jpg: 1 (")


def test_show_opens_the_picture(capsys, monkeypatch):
    opened = []
    monkeypatch.setattr(
        load_model.subprocess, "Popen", lambda command, **_: opened.append(command)
    )
    status, _, errors = read(capsys, ONE, "--show", "--save_image", "b.png")
    assert (status, errors) == (0, [f"{ONE}: drawn in b.png"])
    assert [str(part) for part in opened[0]][-1] == "b.png"


def test_show_without_a_viewer(capsys, monkeypatch):
    monkeypatch.setenv("PATH", "")
    status, _, errors = read(capsys, ONE, "--show", "--save_image", "b.png")
    assert status == 1
    assert "--show" in errors[0] and "b.png" in errors[0]


def test_a_bar_for_many_pictures(capsys, tmp_path):
    (tmp_path / "many").mkdir()
    for index in range(load_model.BAR_FROM):
        shutil.copy(IMAGES / "2b.png", tmp_path / "many" / f"{index:03d}.png")
    status, lines, errors = read(capsys, "many")
    assert (status, len(lines)) == (0, load_model.BAR_FROM)
    assert lines[7].startswith("many/007.png: 2 (")
    assert [error for error in errors if "100%" in error]


def imported_packages(*command):
    command = [sys.executable, "-X", "importtime", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    names = (line.rsplit("|")[-1].strip() for line in done.stderr.splitlines())
    return {name.split(".")[0] for name in names}


def test_needs_four_packages_alone():
    bare = imported_packages("-c", "import numpy, cv2, h5py, onnxruntime")
    found = imported_packages(ROOT / "load_model.py", ONE)
    assert found - bare - sys.stdlib_module_names == {"digits"}


@pytest.mark.slow
def test_many_pictures_are_read_by_processes(capsys, monkeypatch):
    alone = read(capsys, IMAGES, "gone.png")
    monkeypatch.setattr(load_model, "MANY", 2)
    assert read(capsys, IMAGES, "gone.png") == alone


def test_csv(capsys):
    pictures = IMAGES / "page.jpg", ONE, "x.png"
    status, lines, errors = read(capsys, *pictures, "--format", "csv")
    assert (status, len(errors)) == (1, 1)
    rows = list(csv.DictReader(lines))
    numbers = ["0123456789", "31415926", "2718281828", "16180339", "1"]
    assert [row["number"] for row in rows] == numbers
    assert [row["row"] for row in rows] == ["0", "1", "2", "3", "0"]


def test_json_has_two_names(capsys):
    assert read(capsys, ONE, "--json") == read(capsys, ONE, "--format", "json")


def test_a_crop(capsys):
    page = IMAGES / "page.jpg"
    _, (line,), _ = read(capsys, page, "--json", "--crop", "0,170,920,150")
    found = json.loads(line)
    assert found["rows"] == ["31415926"]
    _, (whole,), _ = read(capsys, page, "--json")
    own = [digit["box"] for digit in json.loads(whole)["digits"] if digit["row"] == 1]
    boxes = [digit["box"] for digit in found["digits"]]
    np.testing.assert_allclose(boxes, own, atol=30)  # it is 75 to 95 high
    flags = "--crop", "0,170,920,150", "--save_image", "a.png"
    assert read(capsys, page, *flags)[0] == 0
    assert cv2.imread("a.png").shape[1] >= 920


def test_a_crop_beyond_the_picture(capsys):
    status, lines, errors = read(capsys, ONE, "--crop", "0,0,1000,10")
    assert (status, lines) == (1, [])
    assert errors == [f"{ONE}: the part reaches beyond its 320x320 pixels"]


@pytest.fixture
def form():
    """A file that names two fields of page.jpg: its second and its last row."""
    path = Path("form.csv")
    path.write_text(
        "name,x,y,w,h\nsecond,0,0.26,1,0.2\nlast,0,0.72,1,0.2\n", encoding="utf-8"
    )
    return path


def test_fields_of_a_form(capsys, form):
    page = IMAGES / "page.jpg"
    status, lines, errors = read(capsys, page, "--fields", form)
    assert (status, errors) == (0, [])
    pattern = r".*page\.jpg: (\w+): (\d+) \(\d+\.\d %\)"
    found = [re.fullmatch(pattern, line).groups() for line in lines]
    assert found == [("second", "31415926"), ("last", "16180339")]
    _, lines, _ = read(capsys, page, "--fields", form, "--format", "csv")
    rows = list(csv.DictReader(lines))
    assert [(row["part"], row["number"]) for row in rows] == found


@pytest.mark.slow
def test_fields_are_read_by_processes_too(capsys, form, monkeypatch):
    alone = read(capsys, IMAGES, "--fields", form)
    monkeypatch.setattr(load_model, "MANY", 2)
    assert read(capsys, IMAGES, "--fields", form) == alone


def test_standard_input():
    done = subprocess.run(
        [sys.executable, ROOT / "load_model.py", "-", "--format", "csv"],
        input=Path(ONE).read_bytes(),
        stdout=subprocess.PIPE,
        check=True,
    )
    (row,) = csv.DictReader(done.stdout.decode().splitlines())
    assert (row["file"], row["number"]) == ("-", "1")


def test_nothing_on_standard_input():
    done = subprocess.run(
        [sys.executable, ROOT / "load_model.py", "-"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "-: nothing came on standard input\n"


def test_the_version(capsys):
    with pytest.raises(SystemExit) as stop:
        load_model.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.split()[-1] == digits.__version__


def test_export(capsys):
    assert read(capsys, "--export", "digits.onnx") == (0, [], ["saved digits.onnx"])
    assert onnx.load("digits.onnx").graph.input[0].type.tensor_type.elem_type == 1


def test_export_replaces_no_picture(capsys):
    Path("own.png").write_bytes(b"mine")
    with pytest.raises(SystemExit) as stop:
        load_model.main(["--export", "own.png", "own.png"])
    assert stop.value.code == 2
    assert "an ONNX file ends in .onnx" in capsys.readouterr().err
    assert Path("own.png").read_bytes() == b"mine"


LIST = ["1a.jpg", "gone.png", "314159a.jpg", "2b.png", "1a.jpg"]


@pytest.fixture
def listed(monkeypatch):
    """A file that names pictures, one a line; they are read in this process."""

    def in_processes(work, chunks, start, arguments, killed):
        start(*arguments)
        return map(work, chunks)

    monkeypatch.setattr(load_model.many.pool, "in_processes", in_processes)
    names = [str(ROOT / "assets" / "images" / name) for name in LIST]
    Path("list.txt").write_text("\n".join([*names, "", ""]), encoding="utf-8")
    return names


def test_pictures_of_a_list_are_answered_in_its_order(listed, capsys):
    assert load_model.main(["--files_from", "list.txt", "--json"]) == 1
    found = capsys.readouterr()
    assert [json.loads(line)["file"] for line in found.out.splitlines()] == listed
    assert found.err == f"{listed[1]}: no such file\n"


def test_a_list_with_a_byte_order_mark_and_a_folder(listed, capsys):
    Path("mine").mkdir()
    shutil.copy(listed[0], "mine/b.jpg")
    shutil.copy(listed[0], "mine/a.jpg")
    content = "\ufeff" + listed[0] + "\r\nmine\r\n"
    Path("list.txt").write_text(content, encoding="utf-8", newline="")
    assert load_model.main(["--files_from", "list.txt", "--json"]) == 0
    names = [json.loads(line)["file"] for line in capsys.readouterr().out.splitlines()]
    inside = [str(Path("mine", name)) for name in ("a.jpg", "b.jpg")]
    assert names == [listed[0], *inside]


def test_a_list_on_a_closed_standard_input(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", None)
    assert load_model.main(["--files_from", "-"]) == 1
    assert "standard input cannot be read" in capsys.readouterr().err


def test_a_list_goes_on_where_its_output_ends(listed, capsys):
    command = ["--files_from", "list.txt", "--json", "--append", "out.jsonl"]
    assert load_model.main(command) == 1
    whole = Path("out.jsonl").read_bytes()
    assert len(whole.splitlines()) == len(LIST)
    for end in (0, 100, len(whole) // 2, len(whole) - 1, len(whole)):
        Path("out.jsonl").write_bytes(whole[:end])
        assert load_model.main(command) == 1  # one of them is gone
        assert Path("out.jsonl").read_bytes() == whole
    assert capsys.readouterr().out == ""
    Path("list.txt").write_text("\n".join(listed[::-1]), encoding="utf-8")
    assert load_model.main(command) == 1
    assert "out.jsonl: has answers of other pictures" in capsys.readouterr().err
    assert Path("out.jsonl").read_bytes() == whole


def test_copies_keep_their_names_where_an_output_goes_on(capsys):
    names = [str(ROOT / "assets" / "images" / name) for name in ("1a.jpg", "2a.jpg")]
    command = [*names, "--json", "--append", "out.jsonl", "--save_image", "copies"]
    assert load_model.main(command) == 0
    first, second = Path("copies", "1a.png"), Path("copies", "2a.png")
    drawn = second.read_bytes()
    first.unlink()
    second.unlink()
    assert load_model.main(command) == 0  # the last one is read again
    assert second.read_bytes() == drawn and not first.exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--files_from", "x", "1.png"], "--files_from: no pictures"),
        (["--files_from", "x", "--show"], "--files_from: no pictures"),
        (["1.png", "--append", "x"], "--append needs --json"),
        (["--browser", "--files_from", "x"], "--browser takes pictures on its page"),
        (["1.png", "--host", "localhost"], "--host and --port say where --browser"),
        (["1.png", "--port", "0"], "--host and --port say where --browser"),
        (["--browser", "--host", ""], "--host needs a name or an address"),
        (["--browser", "--crop", "0,0,9,9"], "--browser: no --crop beside it"),
        (["--browser", "--json"], "--browser: no --format beside it"),
    ],
)
def test_flags_of_lists(flags, message, capsys):
    with pytest.raises(SystemExit, match="2"):
        load_model.main(flags)
    assert message in capsys.readouterr().err


def test_a_list_that_is_not_there(capsys):
    assert load_model.main(["--files_from", "gone.txt"]) == 1
    message = "error: gone.txt: cannot be read: No such file or directory\n"
    assert capsys.readouterr().err == message
