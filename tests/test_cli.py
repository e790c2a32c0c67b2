import errno
import os
import subprocess
import sys

import pytest

from conftest import ROOT
from digits import UsageError, UserError, __version__
from digits.terminal import cli, lazy

SCRIPTS = [
    "tf_cnn.py",
    "CNN_MNIST.py",
    "load_model.py",
    "baselines/knn.py",
    "baselines/svm.py",
    "baselines/random_forest.py",
    "baselines/compare.py",
    "benchmarks/measure.py",
    "benchmarks/readme.py",
    "benchmarks/predict.py",
    "benchmarks/real_pictures.py",
    "benchmarks/scale.py",
    "benchmarks/train.py",
]


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize(
    ("flag", "answer"), [("--help", "usage:"), ("--version", f" {__version__}")]
)
def test_help_and_version_answer_at_once_from_anywhere(script, flag, answer):
    # -X importtime lists on stderr every module that is imported.
    command = [sys.executable, "-X", "importtime", ROOT / script, flag]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer in done.stdout
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert not imported & {"tensorflow", "keras", "sklearn", "matplotlib", "pooch"}


@pytest.mark.parametrize("script", ["tf_cnn", "CNN_MNIST"])
@pytest.mark.parametrize(
    "flags",
    [
        ["--epochs", "0"],
        ["--epochs", "many"],
        ["--batch_size", "-1"],
        ["--filters", "8", "8", "0"],
        ["--activation", "gelu"],
        ["--seed", "-1"],
        ["--dataset", "cifar"],
        ["--load_model", "2"],
        ["--load_model", "1"],
        ["--save_model", "0", "--save_weights", "x.hdf5"],
    ],
)
def test_usage_errors(script, flags, capsys):
    with pytest.raises(SystemExit) as stop:
        __import__(script).main(flags)
    assert stop.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_keras_needs_a_file_to_save_to(capsys):
    import CNN_MNIST

    with pytest.raises(SystemExit) as stop:
        CNN_MNIST.main(["--save_model"])
    assert stop.value.code == 2
    assert "--save_model needs --save_weights" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UserError("x.png: gone"), 1),
        (UsageError("--x needs --y"), 2),
        (KeyboardInterrupt(), 130),
    ],
)
def test_one_line_for_an_error(error, status, capsys):
    @cli.report_errors
    def main(argv=None):
        raise error

    assert main() == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.strip().splitlines()) == 1


def test_broken_pipe_is_no_error(shipped):
    command = f"{sys.executable} {ROOT / 'load_model.py'} {ROOT / 'assets/images'}"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} | true"],
        capture_output=True,
        text=True,
        check=False,
        env={k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"},
    )
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_are_no_error(closed, tmp_path):
    line = f"{sys.executable} {ROOT / 'load_model.py'} {ROOT / 'assets/images'}"
    command = f"({line} --save_image out {closed}) > printed 2>&1"
    assert subprocess.run(["bash", "-c", command], check=False).returncode == 0
    assert "Traceback" not in (tmp_path / "printed").read_text()
    drawn, pictures = tmp_path / "out", ROOT / "assets" / "images"
    assert len(list(drawn.iterdir())) == len(list(pictures.iterdir()))


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux alone has it")
@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_full_disk_behind_stdout_is_one_line(flags):
    command = [sys.executable, ROOT / "load_model.py", ROOT / "assets/images", *flags]
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.stderr == "error: cannot write: No space left on device\n"
    assert done.returncode == 1


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOENT, "ours"), OSError(errno.ENOSPC, "ours", "file.bin")],
)
def test_our_own_faults_are_not_hidden(error):
    @cli.report_errors
    def main(argv=None):
        raise error

    with pytest.raises(OSError, match="ours"):
        main()


def test_missing_package(monkeypatch):
    missing = lazy.LazyModule("no_such_package")
    with pytest.raises(UserError, match="the package no_such_package is missing"):
        missing.anything()
