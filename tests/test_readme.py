import ast
import re
import shlex
import subprocess
import sys

import pytest

import tf_cnn
from benchmarks import readme
from conftest import ROOT, TINY
from digits import network, recorded

TEXT = (ROOT / "README.md").read_text()
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("python3 ") and "-m venv" not in line
]
# Training for a moment on data that needs no download.
BUDGET = {
    "tf_cnn.py": TINY,
    "CNN_MNIST.py": TINY,
    "baselines/knn.py": TINY[:2],
    "baselines/svm.py": TINY[:2],
    "baselines/random_forest.py": TINY[:2],
    "baselines/compare.py": TINY[:2],
}
# These would replace what is recorded here by what this machine measures.
RECORDING = {
    "benchmarks/measure.py",
    "benchmarks/predict.py",
    "benchmarks/readme.py",
    "benchmarks/real_pictures.py",
    "benchmarks/train.py",
}


def test_commands_are_found():
    scripts = {command.split()[1] for command in COMMANDS}
    assert scripts == {*BUDGET, *RECORDING, "load_model.py"}


@pytest.mark.parametrize("script", dict.fromkeys(c.split()[1] for c in COMMANDS))
def test_commands_from_another_folder(script, tmp_path):
    """A script's commands run in the README's order: one loads what another saved."""
    for command in COMMANDS:
        if command.split()[1] == script:
            run(command, tmp_path)


def run(command, folder):
    _, script, *arguments = shlex.split(command)
    arguments = [
        str(ROOT / argument) if argument.startswith("assets/") else argument
        for argument in arguments
    ]
    arguments += ["--help"] if script in RECORDING else BUDGET.get(script, [])
    if "--ensemble" in arguments:
        arguments += ["--ensemble", "2"]  # more take longer, and show no more
    done = subprocess.run(
        [sys.executable, ROOT / script, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    for noise in ("Traceback", "Warning", "cuda", "oneDNN", "tensorflow/"):
        assert noise not in done.stderr


def without_confidence(text):
    """Another processor's arithmetic may change the last figure."""
    return re.sub(r"\(\d+\.\d %\)", "", text)


def test_tables_are_those_of_the_recorded_results():
    assert without_confidence(readme.render(TEXT)) == without_confidence(TEXT)


def test_docstrings_claim_what_was_measured():
    for row in recorded.table_rows(readme.all_runs()):
        if "--raw" in row["script"]:
            continue
        claim = recorded.accuracy_cell(row).split(" (")[0]
        script = ROOT / row["script"].split()[0]
        docstring = ast.get_docstring(ast.parse(script.read_text()))
        assert claim in docstring, row["script"]


def test_the_shipped_network_s_command_still_means_what_made_it():
    _, attributes = network.read(network.SHIPPED)
    script, *arguments = shlex.split(attributes["command"])[1:]
    assert script == tf_cnn.SCRIPT
    assert vars(tf_cnn.parse_args(arguments)) == attributes["arguments"]


def test_pictures_exist():
    for path in re.findall(r'(?:\]\(|src=")(assets/[^)"]+)', TEXT):
        assert (ROOT / path).is_file(), path


def test_ci_runs_the_test_command():
    assert "requirements-dev.txt" in (ROOT / ".ci" / "run").read_text()
    (command,) = re.findall(
        r"^python3 -m venv.*requirements-dev.*$", TEXT, re.MULTILINE
    )
    assert command.endswith("-m pytest")
