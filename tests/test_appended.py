import json

import pytest

from digits import UserError
from digits.reading import appended


def line(file, **more):
    return json.dumps({"file": file} | more) + "\n"


ONE = line("a.png", page=1)
PAGES = line("b.tif", page=1) + line("b.tif", page=2) + line("b.tif", page=3)
GONE = line("gone.png", error="no such file")
PARTS = line("c.png", page=1, part="date") + line("c.png", page=1, part="sum")


@pytest.mark.parametrize(
    ("content", "kept", "done"),
    [
        ("", "", 0),
        (ONE, "", 0),
        (ONE + PAGES, ONE, 1),
        (ONE + PAGES + GONE, ONE + PAGES, 2),
        (ONE + GONE + ONE, ONE + GONE, 2),
        (ONE + GONE[:-1], "", 0),  # its line has no end
        (ONE + GONE + '{"file": "x', ONE, 1),
        (PARTS + PARTS, PARTS, 1),
    ],
)
def test_the_last_picture_is_answered_again(content, kept, done, tmp_path):
    path = tmp_path / "out.jsonl"
    if content:
        path.write_text(content, encoding="utf-8")
    with appended.opened(path, ("", "date")) as (file, count):
        assert count == done
        file.write(GONE)
    assert path.read_text(encoding="utf-8") == kept + GONE


@pytest.mark.parametrize("content", ["a.png: 7 (99.9 %)\n", "[1]\n", "7\n", "\n"])
def test_other_lines_are_not_appended_to(content, tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_text(ONE + content, encoding="utf-8")
    refusal = pytest.raises(UserError, match="holds lines that --json does not print")
    with refusal, appended.opened(path, ("",)):
        pass
    assert path.read_text(encoding="utf-8") == ONE + content


def test_a_file_that_cannot_be_opened(tmp_path):
    refusal = pytest.raises(UserError, match="cannot be appended to: Is a directory")
    with refusal, appended.opened(tmp_path, ("",)):
        pass
