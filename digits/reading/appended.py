"""JSON lines of readings that go on where an earlier, interrupted call ended."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from digits import UserError


@contextmanager
def opened(
    path: str | Path, first_parts: Sequence[str]
) -> Iterator[tuple[TextIO, int]]:
    """Open a file to append to; yield it, and how many pictures it has answers of.

    The last picture's lines are cut off, since some may be missing: it is read again.
    first_parts: the names of parts with which the lines of a picture begin. Raises
    UserError where the file cannot be written, or holds other lines.
    """
    try:
        with open(path, "a+b") as file:
            file.seek(0)
            end, count = _end_of_whole(file, path, first_parts)
            file.truncate(end)
        with open(path, "a", encoding="utf-8") as file:
            yield file, count
    except OSError as error:
        if error.filename is None:  # it was not opening this file that failed
            raise
        raise UserError(f"{path}: cannot be appended to: {error.strerror}") from error


def _end_of_whole(file, path, first_parts):
    """Return where the lines of the last picture begin, and how many are before it."""
    begins = []
    place = count = 0
    for line in file:
        if line.endswith(b"\n") and _begins_a_picture(line, path, first_parts):
            begins, count = [place], count + 1
        place += len(line)
    return (begins[0], count - 1) if begins else (0, 0)


def _begins_a_picture(line, path, first_parts):
    try:
        answer = json.loads(line)
        is_first = answer.get("page", 1) == 1
        return is_first and answer.get("part", "") in first_parts
    except (ValueError, AttributeError) as error:
        raise UserError(
            f"{path}: holds lines that --json does not print; name another file"
        ) from error
