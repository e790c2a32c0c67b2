"""Labelled pictures of one's own."""

import pytest

from digits import UserError, labels


def test_folders_of_digits(tmp_path):
    for digit, name in (("7", "b.png"), ("7", "a.png"), ("0", "c.png"), ("7", ".hid")):
        (tmp_path / digit).mkdir(exist_ok=True)
        (tmp_path / digit / name).write_bytes(b"")
    found = labels.read(tmp_path)
    expected = [("0", "c.png"), ("7", "a.png"), ("7", "b.png")]
    assert found == [(tmp_path / digit / name, digit) for digit, name in expected]


@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_a_table(tmp_path, start):
    table = tmp_path / labels.TABLE
    lines = "reading,file,note", "12 3/45,a.png,x", ",b.png,", "007,c d.png,"
    table.write_text(start + "\n".join(lines), encoding="utf-8")
    (tmp_path / "7").mkdir()  # the table counts
    found = [(one.path.name, one.reading) for one in labels.read(tmp_path)]
    assert found == [("a.png", "12 3/45"), ("b.png", ""), ("c d.png", "007")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"file,digits\na.png,1", "first line must name the columns file,reading"),
        (b"file,reading\na.png,\xff", r"labels\.csv: no CSV file in UTF-8"),
        (b"file,reading\na\0.png,1", "no CSV file in UTF-8"),
        (b"file,reading\na.png," + 200_000 * b"1", "no CSV file in UTF-8"),
        (b"file,reading\n" + (4 << 20) * b"a", "cannot be read: larger than 4 MiB"),
        (b"file,reading\na.png,1x", "a.png: a reading has digits, spaces, and /"),
        (b"file,reading\na.png,1//2", "a reading has digits"),
        (b"file,reading\na.png,1\n,", "labels.csv: line 3 names no file"),
        (b"file,reading\na.png", "line 2 lacks a cell"),
        (b"reading,file\n7", "line 2 lacks a cell"),
        (b"file,reading\n", "neither labels.csv nor folders 0 to 9"),
    ],
)
def test_bad_tables(tmp_path, content, message):
    (tmp_path / labels.TABLE).write_bytes(content)
    with pytest.raises(UserError, match=message):
        labels.read(tmp_path)


def test_no_folder(tmp_path):
    with pytest.raises(UserError, match=r"gone: neither labels\.csv nor folders"):
        labels.read(tmp_path / "gone")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file: neither"):
        labels.read(tmp_path / "file")


@pytest.mark.parametrize("text", ["", "0", "12 3/45", "1" * labels.LONGEST])
def test_readings(text):
    assert labels.is_reading(text)


@pytest.mark.parametrize("text", [" ", "1  2", "/1", "1/", "-1", "1" * 1001, "1\n"])
def test_no_readings(text):
    assert not labels.is_reading(text)
