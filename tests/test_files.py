import subprocess
import sys

import pytest

from conftest import ROOT
from digits import UserError, files


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
        "import resource, sys; from digits import UserError, files\n"
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
    [(".", "is no file"), ("missing/file.bin", "there is no folder")],
)
def test_check_writable_refuses_early(tmp_path, name, reason):
    with pytest.raises(UserError, match=reason):
        files.check_writable(tmp_path / name)


def test_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match="no folder to write to"):
        files.write_bytes(tmp_path / "file" / "x.bin", b"")
