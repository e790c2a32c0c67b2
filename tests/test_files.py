import os
import subprocess
import sys

import pytest

from conftest import ROOT
from digits import UserError
from digits.terminal import files


def test_write_replaces_and_makes_folders(tmp_path):
    path = tmp_path / "new" / "file.bin"
    files.write_bytes(path, b"old")
    files.write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_full_disk_keeps_the_old_file(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    # A limit on a file's size fails a write as a full disk does.
    code = (
        "import resource, sys; from digits import UserError\n"
        "from digits.terminal import files\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: files.write_bytes(sys.argv[1], bytes(5000))\n"
        "except UserError as error: print(error)"
    )
    command = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{path}: not written: ")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "reason"),
    [(".", "not a file"), ("missing/file.bin", "there is no folder")],
)
def test_check_writable_refuses_early(tmp_path, name, reason):
    with pytest.raises(UserError, match=reason):
        files.check_writable(tmp_path / name)


def test_a_link_is_followed(tmp_path):
    (tmp_path / "inner").mkdir()
    target, link = tmp_path / "inner" / "file.bin", tmp_path / "link.bin"
    target.write_bytes(b"old")
    link.symlink_to(target)
    files.write_bytes(link, b"new")
    assert link.is_symlink() and target.read_bytes() == b"new"
    assert list(target.parent.iterdir()) == [target]


def test_a_link_to_a_file_that_is_not_there_yet(tmp_path):
    link = tmp_path / "link.bin"
    link.symlink_to("file.bin")
    files.write_bytes(link, b"new")
    assert link.is_symlink() and (tmp_path / "file.bin").read_bytes() == b"new"


def test_a_link_into_a_folder_that_is_not_there(tmp_path):
    (tmp_path / "link.bin").symlink_to(tmp_path / "gone" / "file.bin")
    with pytest.raises(UserError, match=r"there is no folder .*gone"):
        files.check_writable(tmp_path / "link.bin")


def test_is_same(tmp_path):
    one, other, link = (tmp_path / name for name in ("one", "other", "link"))
    assert files.is_same(one, tmp_path / "." / "one")
    assert not files.is_same(one, other)
    one.write_bytes(b"")
    other.write_bytes(b"")
    link.symlink_to(one)
    assert files.is_same(one, link) and not files.is_same(other, link)


def test_read_bytes(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"content")
    assert files.read_bytes(path, 7) == b"content"
    with pytest.raises(OSError, match="larger than 0 MiB") as error:
        files.read_bytes(path, 6)
    assert error.value.filename == str(path)
    with pytest.raises(FileNotFoundError):
        files.read_bytes(tmp_path / "gone", 7)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no FIFOs")
def test_only_regular_files_are_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(OSError, match="not a regular file"):
            files.read_bytes(path, 100)


def test_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match="no folder to write to"):
        files.write_bytes(tmp_path / "file" / "x.bin", b"")
