"""The rules that hold the house together."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT, imports_of

# A component may import from those listed behind it, and from itself. None points up.
COMPONENTS = {
    "terminal": set(),
    "image": set(),
    "model": {"terminal", "image"},
    "mnist": {"terminal"},
    "experiment": {"mnist", "model", "terminal", "image"},
    "reading": {"model", "terminal", "image"},
    "labels": {"model", "terminal", "image"},
    "browser": {"labels", "reading", "model", "terminal", "image"},
    "synthesis": {"reading", "model", "terminal", "image"},
    "training": {
        *("synthesis", "reading", "experiment", "labels", "mnist"),
        *("model", "terminal", "image"),
    },
}
# Of digits/__init__.py.
OF_THE_PACKAGE = {"LARGEST_PICTURE", "UserError", "UsageError", "__version__"}
LIGHT = {"numpy", "h5py", "cv2", "onnxruntime"}  # what reading pictures needs
LAZY = {
    "dask",
    "distributed",
    "filelock",
    "fastapi",
    "starlette",
    "uvicorn",
    "matplotlib",
    "pooch",
    "sklearn",
    "tensorboard",
}  # imported at first use
FRAMEWORKS = {"tensorflow", "keras", "tf2onnx", "onnx"}
SCRIPTS = {"tf_cnn", "CNN_MNIST", "load_model", "baselines", "benchmarks", "tests"}
SOURCES = [
    path
    for folder in (".", "digits", "baselines", "benchmarks", "tests")
    for path in sorted((ROOT / folder).glob("*.py" if folder == "." else "**/*.py"))
]


def component_of(path):
    """Return the component of a file in digits/."""
    return path.relative_to(ROOT / "digits").with_suffix("").parts[0]


@pytest.mark.parametrize("path", sorted((ROOT / "digits").glob("**/*.py")), ids=str)
def test_a_component_imports_only_from_those_below_it(path):
    if component_of(path) == "__init__":
        assert not any(name.startswith("digits") for name in imports_of(path))
        return
    allowed = {component_of(path), *COMPONENTS[component_of(path)]}
    for name in imports_of(path):
        package, *parts = name.split(".")
        assert package not in SCRIPTS, (path, name)
        if package == "digits" and not OF_THE_PACKAGE.intersection(parts):
            assert parts and parts[0] in allowed, (path, name)


@pytest.mark.parametrize("path", sorted((ROOT / "digits").glob("**/*.py")), ids=str)
def test_only_training_knows_the_frameworks(path):
    packages = {name.split(".")[0] for name in imports_of(path)}
    allowed = {"digits"} | LIGHT | LAZY
    if component_of(path) == "training":
        allowed |= FRAMEWORKS
    assert packages - set(sys.stdlib_module_names) <= allowed


def test_no_imports_in_a_circle():
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for path in (ROOT / "digits").glob("**/*.py")
    }
    edges = {
        module: {
            target
            for name in imports_of(path)
            for target in (name, name.rpartition(".")[0])
            if target in modules
        }
        for module, path in modules.items()
    }
    while leaves := [m for m in edges if not edges[m] & (edges.keys() - {m})]:
        for leaf in leaves:
            del edges[leaf]
    assert not edges


def test_components_say_what_they_are_for_and_nothing_else():
    for path in (ROOT / "digits").glob("*/__init__.py"):
        (docstring,) = ast.parse(path.read_text(encoding="utf-8")).body
        assert isinstance(docstring, ast.Expr), path


@pytest.mark.parametrize("name", ["tf_cnn.py", "CNN_MNIST.py", "README.md"])
def test_what_teaches_stays_short(name):
    limits = {"tf_cnn.py": 420, "CNN_MNIST.py": 320, "README.md": 180}
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= limits[name]


def test_no_pickle_and_no_bare_except():
    assert len(SOURCES) > 80
    for path in SOURCES:
        assert "pickle" not in {name.split(".")[0] for name in imports_of(path)}, path
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not isinstance(node, ast.ExceptHandler) or node.type, path


def test_what_is_listed_is_installed():
    """One list of packages: the project's own dependencies are read from it."""
    listed = {
        re.split(r"[\[<>= ]", line)[0]
        for path in (ROOT / "requirements").glob("*.txt")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    }
    imported = {
        name.split(".")[0] for path in SOURCES for name in imports_of(path)
    } - set(sys.stdlib_module_names)
    names = {
        "cv2": "opencv-python-headless",
        "PIL": "pillow",
        "skimage": "scikit-image",
        "sklearn": "scikit-learn",
        "distributed": "dask",
        "joblib": "scikit-learn",  # comes with it, as scipy does
        "scipy": "scikit-learn",
    }
    ours = {path.stem for path in SOURCES} | SCRIPTS | {"digits"}
    assert {names.get(package, package) for package in imported - ours} <= listed


@pytest.mark.parametrize("arguments", [["check"], ["format", "--check"]])
def test_ruff_finds_nothing(arguments):
    command = [sys.executable, "-m", "ruff", *arguments, ROOT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_pyright_finds_nothing():
    # Else pyright looks for the packages beside the first python of the PATH.
    command = [sys.executable, "-m", "pyright", "--project", ROOT]
    command += ["--pythonpath", sys.executable]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout


def test_the_project_is_installed_with_its_weights(tmp_path):
    """What a wheel would hold, told by the configuration alone: no network is asked."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    setuptools = project["tool"]["setuptools"]
    components = {
        f"digits.{path.parent.name}" for path in (ROOT / "digits").glob("*/*.py")
    }
    assert set(setuptools["packages"]) == {"digits", "digits.assets", *components}
    (pattern,) = setuptools["package-data"]["digits.assets"]
    assert Path(ROOT, setuptools["package-dir"]["digits.assets"], pattern).is_file()
    for extra in setuptools["dynamic"]["optional-dependencies"].values():
        assert all((ROOT / name).is_file() for name in extra["file"])
