"""JSON lines of readings that go on where an earlier, interrupted call ended."""

import hashlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from digits import UserError
from digits.terminal import files

try:
    import fcntl
except ImportError:  # Windows has none: there two calls may write to one file
    fcntl = None

BEGINNING = b'{"file": "'  # of every line


class Answered(NamedTuple):
    """The pictures that a file has answers of, without the last one.

    That one is read again, as its lines may be incomplete. count: how many pictures;
    digest: of their names, in order; has_errors: whether one of them could not be read;
    end: of their lines, in bytes; last: the last picture's name, or None where the file
    has no whole line.
    """

    count: int = 0
    digest: bytes = b""
    has_errors: bool = False
    end: int = 0
    last: str | None = None

    def and_one(self, name: str, has_error: bool = False, end: int = 0) -> "Answered":
        """Return the Answered with one more picture, whose lines end there."""
        digest = hashlib.sha256(self.digest + os.fsencode(name)).digest()
        return Answered(self.count + 1, digest, self.has_errors or has_error, end)


@contextmanager
def opened(path: str | Path, parts: Sequence[str]) -> Iterator[tuple[TextIO, Answered]]:
    """Open a file to append to, as it is; yield it, and what it has answers of.

    parts: the names of those that are read of each page, in order. Raises UserError
    where the file cannot be written, where another call writes to it, and where it
    holds other lines.
    """
    try:
        if os.path.exists(path):
            files.size_of(path)  # it is no device or pipe
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    except OSError as error:
        raise UserError(f"{path}: cannot be appended to: {error.strerror}") from error
    with open(descriptor, "a", encoding="utf-8", newline="\n") as file:
        if fcntl:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UserError(f"{path}: another call writes to it") from error
            except OSError as error:
                raise UserError(f"{path}: not locked: {error.strerror}") from error
        with open(path, "rb") as lines:
            answered = _answered(lines, path, parts)
        yield file, answered


def skipped(pictures: Iterable[str], answered: Answered, path: str) -> Iterator[str]:
    """Return the pictures behind those that are answered in the file at `path`.

    The last picture's lines are cut off: it is read again. Raises UserError, and leaves
    the file as it is, where the answers are of other pictures.
    """
    pictures, found = iter(pictures), Answered()
    for name in itertools.islice(pictures, answered.count):
        found = found.and_one(name)
    last = [] if answered.last is None else [answered.last]
    again = list(itertools.islice(pictures, len(last)))
    if found[:2] != answered[:2] or again != last:
        raise UserError(f"{path}: has answers of other pictures; name another file")
    os.truncate(path, answered.end)
    return itertools.chain(again, pictures)


def _answered(lines, path, parts):
    """Return the Answered of a file's lines."""
    place = index = 0  # index: of the part that is next
    before, name, has_error = Answered(), None, False
    for line in lines:
        if not line.endswith(b"\n"):
            if line[: len(BEGINNING)] != BEGINNING[: len(line)]:
                raise _other_lines(path)
            break
        answer = _answer(line, path)
        part = answer.get("part", "")
        is_unread = "error" in answer and not part  # a page, whose parts are not told
        begins_page = index == 0
        if not (part == parts[index] or (is_unread and begins_page)):
            raise _other_fields(path)
        index = 0 if is_unread else (index + 1) % len(parts)
        if begins_page and answer.get("page", 1) == 1:
            if name is not None:
                before = before.and_one(name, has_error, place)
            name, has_error = answer["file"], False
        elif name is None:
            raise _other_fields(path)
        has_error = has_error or "error" in answer
        place += len(line)
    return before._replace(last=name)


def _answer(line, path) -> dict[str, Any]:
    """Return what --json has printed as a line."""
    try:
        answer = json.loads(line)
    except ValueError:
        answer = None
    if not (isinstance(answer, dict) and _is_name(answer.get("file"))):
        raise _other_lines(path)
    if "rows" not in answer and "error" not in answer:
        raise _other_lines(path)
    return answer


def _is_name(value):
    try:
        os.fsencode(value)
    except (TypeError, UnicodeEncodeError):
        return False
    return True


def _other_fields(path):
    return UserError(f"{path}: has answers of other fields; name another file")


def _other_lines(path):
    return UserError(
        f"{path}: holds lines that --json does not print; name another file"
    )
