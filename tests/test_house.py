"""The rules that hold the house together."""

import ast
import subprocess
import sys

from conftest import ROOT

ALLOWED = {"numpy", "h5py", "cv2", "matplotlib", "pooch", "digits"}


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.split(".")[0]


def test_digits_imports_neither_frameworks_nor_scripts():
    for path in (ROOT / "digits").glob("*.py"):
        others = set(imports_of(path)) - set(sys.stdlib_module_names)
        assert others <= ALLOWED, path


def test_no_pickle_and_no_bare_except():
    command = ["git", "-C", ROOT, "ls-files", "*.py"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for path in map(ROOT.joinpath, listed.splitlines()):
        assert "pickle" not in set(imports_of(path)), path
        for node in ast.walk(ast.parse(path.read_text())):
            assert not isinstance(node, ast.ExceptHandler) or node.type, path


def test_ruff_finds_nothing():
    for arguments in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *arguments, ROOT]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
