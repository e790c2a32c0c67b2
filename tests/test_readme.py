"""README and docs: commands run, links lead somewhere, tables are as measured."""

import ast
import re
import shlex
import subprocess
import sys
import tomllib

import pytest

import CNN_MNIST
import load_model
import tf_cnn
from baselines import compare, knn
from benchmarks import readme
from conftest import ROOT, TINY, imports_of
from digits import UserError
from digits.experiment import recorded
from digits.model import model_file

README = (ROOT / "README.md").read_text(encoding="utf-8")
TEXTS = {path: path.read_text(encoding="utf-8") for path in readme.DOCUMENTS}
PAGES = [*readme.DOCUMENTS, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
COMMANDS = list(
    dict.fromkeys(
        re.sub(r" +#.*", "", line)
        for text in TEXTS.values()
        for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        for line in block.splitlines()
        if line.startswith("python3 ") and "-m venv" not in line
    )
)
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
    "benchmarks/faults.py",
    "benchmarks/measure.py",
    "benchmarks/own_hand.py",
    "benchmarks/predict.py",
    "benchmarks/readme.py",
    "benchmarks/real_pictures.py",
    "benchmarks/scale.py",
    "benchmarks/train.py",
}
# Tests of their own run these: a page that is served until Ctrl-C, minutes of learning.
RUN_ELSEWHERE = "--browser", "--own", "--resume", "--dask", "mine.hdf5", "output/long"
PARSERS = {"load_model.py": load_model.parse_args, "tf_cnn.py": tf_cnn.parse_args}
FLAGS = {
    "reading.md": [load_model.parse_args],
    "training.md": [tf_cnn.parse_args, CNN_MNIST.parse_args],
    "baselines.md": [knn.main, compare.parse_args],
}


def test_commands_are_found():
    scripts = {command.split()[1] for command in COMMANDS}
    assert scripts == {*BUDGET, *RECORDING, "load_model.py"}


@pytest.mark.slow
@pytest.mark.parametrize("script", dict.fromkeys(c.split()[1] for c in COMMANDS))
def test_commands_from_another_folder(script, tmp_path):
    """A script's commands run in the documents' order: one loads what another saved."""
    if script in RECORDING:
        run(f"python3 {script}", tmp_path)
        return
    for command in COMMANDS:
        if command.split()[1] == script and not is_run_elsewhere(command):
            run(command, tmp_path)


def is_run_elsewhere(command):
    return any(word in RUN_ELSEWHERE for word in command.split())


@pytest.mark.parametrize("command", list(filter(is_run_elsewhere, COMMANDS)))
def test_flags_of_commands_that_are_run_elsewhere(command):
    _, script, *arguments = shlex.split(command)
    if "--resume" in arguments:  # tests/test_resume.py cuts runs off
        with pytest.raises(UserError, match="holds no unfinished run"):
            PARSERS[script](arguments)
    else:
        PARSERS[script](arguments)


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
        [sys.executable, "-W", "error::RuntimeWarning", ROOT / script, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    for noise in ("Traceback", "Warning", "cuda", "oneDNN", "tensorflow/"):
        assert noise not in done.stderr


def test_no_command_writes_to_assets():
    for command in COMMANDS:
        writes = re.search(r"--(save_weights|save_model|save_image) assets/", command)
        assert not writes or "--load_model 1" in command, command


def without_confidence(text):
    """Another processor's arithmetic may change the last figure."""
    return re.sub(r"\(\d+\.\d %\)", "", text)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_tables_are_those_of_the_recorded_results(path):
    rendered = readme.render(TEXTS[path])
    assert without_confidence(rendered) == without_confidence(TEXTS[path])


def test_every_block_stands_somewhere():
    text = "".join(TEXTS.values())
    assert {match[1] for match in readme.MARKED.finditer(text)} == readme.BLOCKS.keys()


def test_docstrings_claim_what_was_measured():
    for row in recorded.table_rows(readme.all_runs()):
        if "--raw" in row["script"]:
            continue
        claim = recorded.accuracy_cell(row).split(" (")[0]
        script = ROOT / row["script"].split()[0]
        docstring = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8")))
        assert claim in docstring, row["script"]


def test_the_shipped_network_s_command_still_means_what_made_it():
    _, attributes = model_file.read(model_file.SHIPPED)
    script, *arguments = shlex.split(attributes["command"])[1:]
    assert script == "tf_cnn.py"
    meant = vars(tf_cnn.parse_args(arguments))
    # Flags that came later are not among the recorded ones.
    assert meant == meant | attributes["arguments"]


@pytest.mark.parametrize("name", FLAGS)
def test_the_flags_of_a_page_are_those_of_its_scripts(name, capsys):
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    rows = "\n".join(line for line in text.splitlines() if line.startswith("| `"))
    for parse in FLAGS[name]:
        with pytest.raises(SystemExit):
            parse(["--help"])
    help_text = capsys.readouterr().out
    known = set(re.findall(r"^  (?:-\w.*, )?(--\w+)", help_text, re.MULTILINE))
    cells = "".join(row.split(" | ")[0] for row in rows.splitlines())
    assert set(re.findall(r"--[a-z_]+", cells)) == known - {"--help", "--version"}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r'(?:\]\(|src=")([^)"]+)', text):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), link


def anchors(text):
    """Return the anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def test_the_diagram_of_components_shows_the_imports():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    diagram = text.split("```mermaid\n")[1].split("```")[0]
    drawn = set(re.findall(r"^ +(\w+) --> (\w+)$", diagram, re.MULTILINE))
    found = {
        (component, other)
        for component, paths in components().items()
        for path in paths
        for other in imported(path)
        if other != component and other in components()
    }
    assert drawn <= found
    implied = set(drawn)
    for _ in drawn:
        implied |= {(a, d) for a, b in implied for c, d in drawn if b == c}
    assert found <= implied


def components():
    """Return {name of a script or component: its files}."""
    scripts = {path.stem: [path] for path in ROOT.glob("*.py")}
    folders = [ROOT / "baselines", ROOT / "benchmarks", *(ROOT / "digits").iterdir()]
    inside = {path.stem: [path] for path in (ROOT / "digits").glob("[a-z]*.py")}
    packages = {f.name: list(f.glob("*.py")) for f in folders if f.is_dir()}
    return scripts | inside | {name: files for name, files in packages.items() if files}


def imported(path):
    """Yield the scripts and components that a file imports, lazily too."""
    for name in imports_of(path):
        first, *others = name.split(".")
        yield others[0] if first == "digits" and others else first


def test_pip_install_gives_the_command_that_the_readme_names():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "`read-digits`" in README
    assert "read-digits" in project["project"]["scripts"]


def test_ci_runs_the_test_command():
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "requirements-dev.txt" in text
    pattern = r"^python3 -m venv.*requirements-dev.*$"
    (command,) = re.findall(pattern, README, re.MULTILINE)
    assert command.endswith("-m pytest --numprocesses=auto")
