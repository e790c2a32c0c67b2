import os
import subprocess
import sys
import time
from pathlib import Path

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


def test_permissions_stay(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    path.chmod(0o640)
    files.write_bytes(path, b"new")
    assert path.read_bytes() == b"new" and path.stat().st_mode & 0o777 == 0o640


def test_a_read_only_file_or_folder_is_refused(tmp_path, monkeypatch):
    """As the system tells it; root may write all."""
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    access = os.access
    closed = {path}
    monkeypatch.setattr(
        os, "access", lambda name, mode: Path(name) not in closed and access(name, mode)
    )
    with pytest.raises(UserError, match="is read-only"):
        files.write_bytes(path, b"new")
    closed.add(tmp_path)
    with pytest.raises(UserError, match="cannot be written to"):
        files.check_writable(tmp_path / "other.bin")
    assert path.read_bytes() == b"old"


def test_what_a_killed_process_left_is_removed(tmp_path):
    names = [f".{16 * digit}.partial" for digit in "ab"]
    for name in (*names, ".mine.partial"):
        (tmp_path / name).write_bytes(b"half")
    long_ago = time.time() - 2 * files.HALF_WRITTEN
    for name in (names[0], ".mine.partial"):
        os.utime(tmp_path / name, (long_ago, long_ago))
    files.write_bytes(tmp_path / "file.bin", b"whole")
    assert {path.name for path in tmp_path.iterdir()} == {
        "file.bin",
        names[1],  # perhaps it is still written
        ".mine.partial",
    }


def test_what_cannot_be_written_is_rescued(tmp_path, monkeypatch):
    write_bytes = files.write_bytes

    def full(path, content):
        if "full" in str(path):
            raise UserError(f"{path}: not written: No space left on device")
        write_bytes(path, content)

    monkeypatch.setattr(files, "write_bytes", full)
    path, spare = tmp_path / "full" / "a.hdf5", tmp_path / "spare"
    folders = [tmp_path / "full" / "output", spare, tmp_path / "other"]
    for _ in range(2):  # the second replaces nothing
        with pytest.raises(UserError) as error:
            files.write_or_rescue(path, b"network", folders)
        *_, where = str(error.value).split("; what was to be written is in ")
        assert Path(where).parent == spare and where.endswith("-a.hdf5")
        assert Path(where).read_bytes() == b"network"
    assert len(list(spare.iterdir())) == 2 and not (tmp_path / "other").exists()
    with pytest.raises(
        UserError, match=r"a.hdf5: not written: No space left .*device$"
    ):
        files.write_or_rescue(path, b"network", folders[:1])
    files.write_or_rescue(tmp_path / "b.hdf5", b"network", [])
    assert (tmp_path / "b.hdf5").read_bytes() == b"network"


def test_space_is_checked_early(tmp_path):
    files.check_space(tmp_path / "a.hdf5", 1)
    with pytest.raises(UserError, match=r"a.hdf5: \d+ MiB will be needed, and \d+ are"):
        files.check_space(tmp_path / "a.hdf5", 1 << 60)
