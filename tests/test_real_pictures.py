import itertools
import json
import shutil
import subprocess
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import peer, readme, real_pictures, scoring
from benchmarks.scoring import OURS, Picture, Readings
from conftest import ROOT
from digits import mnist

IMAGES = ROOT / "assets" / "images"
LABELS = "file,reading,kind,source\n"


def picture(name, label, kind="photo", source="drawn"):
    path = IMAGES / name
    return Picture(str(path), "single", label, kind, source)


@pytest.fixture
def no_rapidocr(monkeypatch):
    monkeypatch.setitem(sys.modules, "rapidocr", None)  # its import fails


@pytest.fixture
def fake_rapidocr(monkeypatch):
    """A module whose engine reads "31.4" and "l59" with detection, else "B 3141"."""
    calls = []

    class RapidOCR:
        def __init__(self, *, params):
            calls.append(params)

        def __call__(self, content, *, use_det, use_cls, use_rec):
            calls.append((content.shape, use_det, use_cls, use_rec))
            if (content == 255).all():
                return SimpleNamespace(txts=None)
            return SimpleNamespace(txts=("31.4", "l59") if use_det else ("B 3141",))

    monkeypatch.setitem(sys.modules, "rapidocr", SimpleNamespace(RapidOCR=RapidOCR))
    return calls


@pytest.fixture
def folder(tmp_path):
    """Two pictures in single/, one in signs/, with labels."""
    for name in ("single", "signs"):
        (tmp_path / name).mkdir()
    shutil.copy(IMAGES / "1a.jpg", tmp_path / "single")
    shutil.copy(IMAGES / "314159a.jpg", tmp_path / "single")
    shutil.copy(IMAGES / "2a.jpg", tmp_path / "signs")
    (tmp_path / "labels.csv").write_text(
        f"{LABELS}single/1a.jpg,1,photo,here\n"
        "single/314159a.jpg,314158,photo,there\n"
        "signs/2a.jpg,,letter Z,there\n",
        encoding="utf-8",
    )
    return tmp_path


def distance(reading, label):
    """Levenshtein's distance as it is defined."""
    if not reading or not label:
        return len(reading) + len(label)
    return min(
        distance(reading[1:], label) + 1,
        distance(reading, label[1:]) + 1,
        distance(reading[1:], label[1:]) + (reading[0] != label[0]),
    )


DIGITS_TEXT = st.text("012", max_size=6)


@given(DIGITS_TEXT, DIGITS_TEXT)
def test_an_alignment_has_the_edit_distance_and_pairs_digits_in_order(reading, label):
    found, is_right = scoring.align(reading, label)
    assert found == distance(reading, label)
    rest = iter(label)
    right = list(itertools.compress(reading, is_right))
    assert all(digit in rest for digit in right)  # a subsequence
    assert len(is_right) == len(reading)
    assert found >= max(len(reading), len(label)) - len(right)


@pytest.mark.parametrize(
    ("reading", "label", "expected"),
    [
        ("123", "123", (0, [1, 1, 1])),
        ("", "123", (3, [])),
        ("123", "", (3, [0, 0, 0])),
        ("13", "123", (1, [1, 1])),
        ("1723", "123", (1, [1, 0, 1, 1])),
        ("153", "123", (1, [1, 0, 1])),
        ("21", "12", (2, [0, 0])),  # as by position
    ],
)
def test_align(reading, label, expected):
    assert scoring.align(reading, label) == expected


@pytest.mark.parametrize(
    ("reading", "label", "expected"),
    [
        ("12/34", "12/34", "right"),
        ("", "12/34", "no digit"),
        ("12/35", "12/34", "wrong digit"),
        ("1234", "12/34", "wrong digit"),
        ("12/3", "12/34", "wrong count"),
        ("12/345", "12/34", "wrong count"),
        ("", "", "right"),
        ("7", "", "false digit"),
        ("12/3", "", "false digit"),
    ],
)
def test_outcome(reading, label, expected):
    assert scoring.outcome(reading, label) == expected
    assert expected in scoring.OUTCOMES


def test_kinds_sources_and_digits_of_a_folder():
    pictures = [
        picture("a.png", "12/3", source="one"),
        picture("b.png", "7", source="one"),
        picture("c.png", "", kind="letter", source="two"),
    ]
    readings = {
        OURS: Readings(["1/23", "7", "94"], 0.5, [[0.9, 1, 1], [0.8], [0.99, 0.98]]),
        "other": Readings(["123", "1", ""], 1.5),
    }
    found = scoring.score_folder(pictures, readings)
    assert found["kinds"] == {
        "photo": {
            "outcomes": {"wrong digit": 1, "right": 1},
            "right": {OURS: 1, "other": 1},  # no rows are asked of the other
        },
        "letter": {"outcomes": {"false digit": 1}, "right": {OURS: 0, "other": 1}},
    }
    assert found["sources"] == {
        "one": {"pictures": 2, "right": 1, "digits": 4, "wrong_digits": 0},
        "two": {"pictures": 1, "right": 0, "digits": 0, "wrong_digits": 2},
    }
    assert found["digits"] == 4 and found["wrong_digits"] == {OURS: 2, "other": 1}
    assert found["seconds"] == {OURS: 0.5, "other": 1.5}
    assert found["calibration"]["digits"] == 4  # where there are some
    false = scoring.false_digits(pictures, readings[OURS])
    assert false == {"pictures": 1, "digits": 2, "sure_digits": 1}


def test_calibration_counts_sure_digits_and_those_made_up():
    pictures = [picture("a.png", "12"), picture("b.png", "5"), picture("c.png", "")]
    confidences = [[0.995, 0.7, 0.995], [0.99], [1.0]]
    readings = Readings(["1/92", "6", "3"], 1, confidences)
    pairs = scoring.graded(pictures, readings)
    assert pairs == [(0.995, True), (0.7, False), (0.995, True), (0.99, False)]
    found = scoring.calibration(pairs)
    # Bins of 1/15: 0.7 is alone, the others share the last.
    error = (0.7 + abs(0.995 + 0.995 + 0.99 - 2)) / 4
    assert found == {
        "digits": 4,
        "right": 2,
        "expected_calibration_error": round(error, 4),
        "sure_digits": 3,
        "sure_and_right": 2,
    }


def test_labels_that_are_not_all_right_tell_nothing_of_calibration():
    readings = {OURS: Readings(["1"], 1, [[0.9]])}
    folders = {
        "amounts": ([picture("a.png", "2")], readings),
        "boxes": ([picture("b.png", "1")], readings),
    }
    summary = scoring.summarize(folders)
    assert summary["calibration"]["digits"] == summary["calibration"]["right"] == 1
    table = scoring.calibration_table(summary)
    assert "boxes" in table and "| amounts" not in table
    only = scoring.summarize({"amounts": folders["amounts"]})
    assert only["calibration"] is None
    assert len(scoring.calibration_table(only).splitlines()) == 2


def test_spaces_between_numbers_are_no_part_of_a_reading(monkeypatch):
    digits = [{"confidence": c} for c in (0.9, 0.8, 0.7, 0.6, 0.5)]
    answers = [
        {"file": "x/b.png", "rows": [], "digits": []},
        {"file": "x/a.png", "rows": ["22 11", "5"], "digits": digits},
    ]

    def run(command, **options):
        lines = "".join(json.dumps(answer) + "\n" for answer in answers)
        return subprocess.CompletedProcess(command, 0, lines)

    monkeypatch.setattr(real_pictures.subprocess, "run", run)
    readings = real_pictures.read_all(["x/a.png", "x/b.png"], "weights")
    assert readings.texts == ["2211/5", ""]
    assert readings.confidences == [[0.9, 0.8, 0.7, 0.6, 0.5], []]


def test_report_of_a_folder(folder, capsys, no_rapidocr):
    assert real_pictures.main([str(folder)]) == 0
    captured = capsys.readouterr()
    assert captured.err == "RapidOCR is left out: pip install rapidocr\n"
    printed = captured.out
    assert "| single, photo | 2 | 1     | 0        | 0           | 1 " in printed
    assert (
        "| signs, letter | 1 | 0     | 0        | 0           | 0           | 1 "
        in (printed)
    )
    assert "| single, there | 1 | 0     | 6      | 1 " in printed
    assert "| single | 7      | 1 (14.3 %)" in printed
    assert "On 1 pictures without a digit, 1 digits were read" in printed
    output = folder / "output" / "real_pictures"
    found = json.loads((output / "real_pictures.json").read_text(encoding="utf-8"))
    kinds = found["folders"]["single"]["kinds"]
    assert kinds["photo"]["outcomes"] == {"right": 1, "wrong digit": 1}
    assert (found["pictures"], found["sources"]) == (3, 2)
    for name in ("single", "signs"):
        sheet = cv2.imread(str(output / f"misread-{name}.png"))
        assert sheet is not None and sheet.min() < 100, name


def test_report_of_a_sub_folder(folder, capsys, no_rapidocr):
    assert real_pictures.main([str(folder), "--only", "signs", "--no_peer"]) == 0
    captured = capsys.readouterr()
    assert "signs, letter" in captured.out and "single" not in captured.out
    assert captured.err == ""
    assert real_pictures.main([str(folder), "--only", "sign"]) == 1
    assert "names no picture in sign" in capsys.readouterr().err


def test_a_record_is_of_everything(folder, capsys):
    for flags in (["--only", "signs"], ["--no_peer"]):
        with pytest.raises(SystemExit) as stop:
            real_pictures.main([str(folder), "--record", *flags])
        assert stop.value.code == 2
    assert "--record is of all" in capsys.readouterr().err


def test_recording_reads_mnist_too(folder, monkeypatch, capsys, fake_rapidocr):
    whole = mnist.load("sklearn_digits")
    few = whole._replace(
        test_images=whole.test_images[:20], test_labels=whole.test_labels[:20]
    )
    monkeypatch.setattr(real_pictures.mnist, "load", lambda: few)
    monkeypatch.setattr(real_pictures.recorded, "FOLDER", folder)
    assert real_pictures.main([str(folder), "--record"]) == 0
    printed = capsys.readouterr().out
    found = json.loads((folder / "real_pictures.json").read_text(encoding="utf-8"))
    counts = found["mnist_test_images"]
    assert list(counts) == list(scoring.OUTCOMES)
    assert sum(counts.values()) == 20 and counts["right"] > 15
    single = found["folders"]["single"]
    assert single["kinds"]["photo"]["right"].keys() == {OURS, *peer.METHODS}
    # Read as 3141 and 31459, where there are 1 and 314158.
    lines, detection = (single["wrong_digits"][method] for method in peer.METHODS)
    assert (lines, detection) == (3 + 2, 4 + 2)
    block = readme.real_block()
    assert "3 pictures from 2 public repositories" in block
    for table in block.split("\n\n"):
        assert not table.startswith("|") or table in printed


def test_rapidocr_reads_in_two_ways(fake_rapidocr):
    engine = peer.load()
    params = fake_rapidocr[0]
    assert params["EngineConfig.onnxruntime.intra_op_num_threads"] == peer.pool.cores()
    paths = [str(IMAGES / "1a.jpg"), str(IMAGES / "2a.jpg")]
    line, detection = (peer.read_all(engine, paths, name) for name in peer.METHODS)
    assert line.texts == ["3141", "3141"] and detection.texts == ["31459", "31459"]
    assert line.seconds > 0 and not line.confidences
    shape, *flags = fake_rapidocr[-1]
    assert shape == cv2.imread(paths[1]).shape and flags == [True, True, True]


def test_without_rapidocr_there_is_no_engine(no_rapidocr):
    assert peer.load() is None


@pytest.mark.slow
def test_the_true_rapidocr_reads_a_printed_number(tmp_path, capfd):
    pytest.importorskip("rapidocr", reason="RapidOCR is not installed")
    sheet = np.full((120, 420, 3), 255, np.uint8)
    cv2.putText(sheet, "30417", (60, 85), cv2.FONT_HERSHEY_DUPLEX, 2, (0, 0, 0), 3)
    path = str(tmp_path / "printed.png")
    cv2.imwrite(path, sheet)
    engine = peer.load()
    for method in peer.METHODS:
        assert peer.read_all(engine, [path], method).texts == ["30417"], method
    printed = capfd.readouterr()
    assert printed.out == "" and "INFO" not in printed.err


def test_folder_without_labels(tmp_path, capsys):
    assert real_pictures.main([str(tmp_path)]) == 1
    assert "labels.csv: cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("file,reading\na.png,1\n", "must name the columns file,reading,kind"),
        ("file,reading,kind\n", "has no rows"),
        ("file,reading,kind\n,1,photo\n", "line 2 names no file"),
        ("file,reading,kind\na.png,1,photo\n", "a.png, which is missing"),
    ],
)
def test_labels_that_cannot_be_used(tmp_path, capsys, labels, message):
    (tmp_path / "labels.csv").write_text(labels, encoding="utf-8")
    assert real_pictures.main([str(tmp_path)]) == 1
    assert message in capsys.readouterr().err


def test_labels_of_pictures_beside_them(tmp_path):
    shutil.copy(IMAGES / "1a.jpg", tmp_path)
    labels = "file,reading,kind\n1a.jpg,1,photo of a pad\n"
    (tmp_path / "labels.csv").write_text(labels, encoding="utf-8")
    expected = Picture(str(tmp_path / "1a.jpg"), ".", "1", "photo", "unknown")
    assert real_pictures.read_labels(tmp_path) == [expected]


def test_sheet_of_misread_pictures():
    pictures = [picture("1a.jpg", "1"), picture("2a.jpg", "")]
    sheet = real_pictures.misread_sheet(pictures, ["1", "2"])
    assert sheet.shape == (200 + 36, 1800, 3)
    assert (sheet[:, :200] < 100).any() and (sheet[:, 200:] == 255).all()
    blank = real_pictures.misread_sheet(pictures, ["1", ""])
    assert (blank == 255).all()


def test_tiles_of_wide_pictures_are_wide(tmp_path):
    path = str(tmp_path / "wide.png")
    cv2.imwrite(path, np.zeros((30, 360, 3), np.uint8))
    pictures = [Picture(path, "fields", "1", "scan", "drawn")] * 4
    sheet = real_pictures.misread_sheet(pictures, ["", "2", "3", "4"])
    assert sheet.shape == (2 * (67 + 36), 3 * 600, 3)
    assert not sheet[:50].any() and (sheet[103:, 600:] == 255).all()
