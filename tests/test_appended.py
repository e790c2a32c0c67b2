import errno
import json
from pathlib import Path

import pytest

from digits import UserError
from digits.reading import appended


def line(file, **more):
    return json.dumps({"file": file} | more) + "\n"


ONE = line("a.png", page=1, rows=["7"])
PAGES = "".join(line("b.tif", page=page, rows=[]) for page in (1, 2, 3))
GONE = line("gone.png", error="no such file")
PARTS = "".join(line("c.png", page=1, part=p, rows=[]) for p in ("date", "sum"))


@pytest.mark.parametrize(
    ("content", "kept", "done", "again"),
    [
        ("", "", 0, []),
        (ONE[:-1], "", 0, []),  # its line has no end
        (ONE, "", 0, ["a.png"]),
        (ONE + PAGES, ONE, 1, ["b.tif"]),
        (ONE + PAGES + GONE, ONE + PAGES, 2, ["gone.png"]),
        (ONE + GONE + ONE, ONE + GONE, 2, ["a.png"]),
        (ONE + GONE[:-1], "", 0, ["a.png"]),
        (ONE + GONE + '{"file": "x', ONE, 1, ["gone.png"]),
        (PARTS + PARTS, PARTS, 1, ["c.png"]),
    ],
)
def test_the_last_picture_is_answered_again(content, kept, done, again, tmp_path):
    path = tmp_path / "out.jsonl"
    if content:
        path.write_text(content, encoding="utf-8")
    names = list(dict.fromkeys(json.loads(each)["file"] for each in kept.splitlines()))
    parts = ["date", "sum"] if "part" in content else [""]
    with appended.opened(path, parts) as (file, answered):
        assert answered.count == done == len(names)
        assert answered.has_errors == ("gone" in kept)
        assert path.read_text(encoding="utf-8") == content
        rest = [*again, "next"]
        assert list(appended.skipped([*names, *rest], answered, path)) == rest
        file.write(GONE)
    assert path.read_text(encoding="utf-8") == kept + GONE


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ('{"file": "a.png", "part": "date", "rows": []}\n', [""]),
        (ONE, ["date"]),
        (PARTS, [""]),
        (PARTS, ["date"]),
        (PARTS, ["sum"]),
        (PARTS, ["sum", "date"]),
        (2 * PARTS, ["date", "sum", "name"]),
    ],
)
def test_answers_of_other_fields_are_not_appended_to(content, parts, tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_text(content, encoding="utf-8")
    refusal = pytest.raises(UserError, match="has answers of other fields")
    with refusal, appended.opened(path, parts):
        pass
    assert path.read_text(encoding="utf-8") == content


@pytest.mark.parametrize(
    "names", [["b.tif", "a.png"], ["a.png", "a.png"], ["a.png"], []]
)
@pytest.mark.parametrize("more", ["", GONE[:20]])
def test_a_wrong_list_changes_nothing(names, more, tmp_path):
    path = tmp_path / "out.jsonl"
    content = ONE + PAGES + more
    path.write_text(content, encoding="utf-8")
    with appended.opened(path, [""]) as (_, answered):
        assert answered.count == 1
        with pytest.raises(UserError, match="has answers of other pictures"):
            appended.skipped(names, answered, path)
    assert path.read_text(encoding="utf-8") == content


OTHERS = [
    "a.png: 7 (99.9 %)\n",
    "[1]\n",
    "7\n",
    "\n",
    '{"label": 3}\n',
    '{"file": "a.png"}\n',
    '{"file": 7, "rows": []}\n',
    '{"file": "\\ud800", "rows": []}\n',
    "one name, no newline",
    '{"label": 3}',
]


@pytest.mark.parametrize("content", OTHERS)
def test_other_lines_are_not_appended_to(content, tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_text(ONE + content, encoding="utf-8")
    refusal = pytest.raises(UserError, match="holds lines that --json does not print")
    with refusal, appended.opened(path, [""]):
        pass
    assert path.read_text(encoding="utf-8") == ONE + content


def test_a_file_that_cannot_be_opened(tmp_path):
    refusal = pytest.raises(UserError, match="cannot be appended to: Is a directory")
    with refusal, appended.opened(tmp_path, [""]):
        pass


def test_only_files_are_opened(tmp_path):
    refusal = pytest.raises(UserError, match="appended to: not a regular file")
    with refusal, appended.opened("/dev/null", [""]):
        pass


@pytest.mark.skipif(appended.fcntl is None, reason="Windows has no locks of files")
def test_a_file_that_cannot_be_locked(tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(appended.fcntl, "flock", flock)
    refusal = pytest.raises(UserError, match="not locked: No locks available")
    with refusal, appended.opened(tmp_path / "out.jsonl", [""]):
        pass


@pytest.mark.skipif(appended.fcntl is None, reason="Windows has no locks of files")
def test_two_calls_on_a_file_are_refused(tmp_path):
    path = tmp_path / "out.jsonl"
    with appended.opened(path, [""]) as (file, _):
        refusal = pytest.raises(UserError, match="another call writes to it")
        with refusal, appended.opened(path, [""]):
            pass
        file.write(ONE)
    assert path.read_text(encoding="utf-8") == ONE


def answered(*names):
    found = appended.Answered()
    for name in names:
        found = found.and_one(name)
    return found


def test_pictures_that_are_answered_are_skipped():
    Path("out").touch()
    rest = appended.skipped("abcd", answered("a", "b"), "out")
    assert list(rest) == ["c", "d"]
    assert list(appended.skipped(["\udcff"], answered("\udcff"), "out")) == []


@pytest.mark.parametrize("names", ["ba", "a", "ac", ""])
def test_answers_of_another_list(names):
    with pytest.raises(UserError, match="out: has answers of other pictures"):
        appended.skipped(names, answered("a", "b"), "out")
