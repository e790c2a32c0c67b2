"""Damaged .skops files of small baseline models, read by the baseline's own script."""

import importlib
import tempfile
from pathlib import Path

from baselines import persistence
from benchmarks import mutations
from benchmarks.draw_images import FOLDER as SAMPLES
from benchmarks.mutations import HEADER_SIZE, mutated_bytes, truncated
from benchmarks.outcomes import apart, tallied
from digits import mnist

# Each script, whether its model takes pixels, and what makes the model small.
SCRIPTS = {
    "knn": (False, {}),
    "svm": (True, {}),
    "random_forest": (True, {"randomforestclassifier__n_estimators": 3}),
}
PRELOADED = [
    "baselines.features",
    "baselines.whitening",
    "skops.io",
    "sklearn.decomposition",
    "sklearn.ensemble",
    "sklearn.neighbors",
    "sklearn.svm",
]
IMAGES = 300  # to learn from
BOMB = 1  # GiB
ELSEWHERE = [
    {"__module__": "os", "__class__": "system", "__loader__": "FunctionNode"},
    {"__module__": "subprocess", "__class__": "Popen"},
    {"__module__": "builtins", "__class__": "eval", "__loader__": "TypeNode"},
    {"__module__": "sklearn.svm._classes", "__class__": "SVC"},
    {"__module__": "sklearn.linear_model._logistic", "__class__": "LogisticRegression"},
    {"__loader__": "MethodNode"},
    {"__loader__": "SparseMatrixNode", "type": "scipy"},
    {"__loader__": "ObjectNode"},
    {"__loader__": "no loader"},
]
VALUES = [None, -1, 10**30, 1e308, "", "text", [], {}, [[0]], True, "999.npy", "../x"]


def save_models(folder):
    """Fit and save the model of each script, as <script>.skops."""
    dataset = mnist.load("sklearn_digits")
    images, labels = dataset.train_images[:IMAGES], dataset.train_labels[:IMAGES]
    for name, (raw, parameters) in SCRIPTS.items():
        method = importlib.import_module(f"baselines.{name}").METHOD
        classifier = method.build(raw, 0).set_params(**parameters)
        classifier.fit(method.inputs_of(images, raw), labels)
        summary = {"script": method.script, "arguments": {"raw": raw}}
        content = persistence.to_bytes(classifier, summary)
        Path(folder, f"{name}.skops").write_bytes(content)


def other_array(content, random):
    """Let an array be of another kind, or its header lie."""
    parts = mutations.parts_of(content)
    name = array_in(parts, random)
    parts[name] = mutations.other_array(parts[name], random)
    return mutations.archive_of(parts)


def other_numbers(content, random):
    """Damage the numbers of an array."""
    parts = mutations.parts_of(content)
    name = array_in(parts, random)
    header, numbers = parts[name][:HEADER_SIZE], parts[name][HEADER_SIZE:]
    parts[name] = header + mutated_bytes(numbers or b"0", random)
    return mutations.archive_of(parts)


def swapped(content, random):
    """Put an array in the place of another one."""
    parts = mutations.parts_of(content)
    parts[array_in(parts, random)] = parts[array_in(parts, random)]
    return mutations.archive_of(parts)


def array_in(parts, random):
    """Return the name of one of the arrays."""
    return str(random.choice([name for name in parts if name.endswith(".npy")]))


def other_type(content, random):
    """Let an object of the schema be of another type, or have another loader."""

    def change(nodes):
        node = nodes[random.integers(len(nodes))]
        node.update(ELSEWHERE[random.integers(len(ELSEWHERE))])

    return with_schema(content, change)


def other_value(content, random):
    """Let a value of the schema be another one."""

    def change(nodes):
        node = nodes[random.integers(len(nodes))]
        value = VALUES[random.integers(len(VALUES))]
        node[str(random.choice(list(node)))] = value

    return with_schema(content, change)


def with_schema(content, change):
    """Return a .skops file after change(objects) of its schema."""
    parts, name = mutations.parts_of(content), persistence.SCHEMA
    parts[name] = mutations.changed_json(parts[name], change)
    return mutations.archive_of(parts)


def other_schema(content, random):
    """Damage the schema's bytes, or let it be endless or deep."""
    parts = mutations.parts_of(content)
    schema = parts[persistence.SCHEMA]
    deep = b'{"content":' * 100_000
    changed = [
        mutated_bytes(schema, random),
        truncated(schema, random),
        deep + schema + b"}" * 100_000,
        b"[" * 100_000,
        b"9" * 100_000,
    ]
    parts[persistence.SCHEMA] = changed[random.integers(len(changed))]
    return mutations.archive_of(parts)


def bombed(content, random):
    """Let the schema or an array be one of GiB."""
    arrays = [n for n in mutations.parts_of(content) if n.endswith(".npy")]
    name = str(random.choice([persistence.SCHEMA, arrays[0]]))
    return mutations.bombed(content, name, BOMB)


KINDS = [
    mutated_bytes,
    truncated,
    other_array,
    other_numbers,
    swapped,
    other_type,
    other_value,
    other_schema,
    bombed,
]


def facts(count, random):
    """Return {outcome: how many} of damaged .skops files."""
    for name in PRELOADED:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory() as folder:
        apart(lambda: save_models(folder))
        models = {n: Path(folder, f"{n}.skops").read_bytes() for n in SCRIPTS}

    def name_of(number):
        return list(models)[number // len(KINDS) % len(models)]

    def make(path, number):
        content = models[name_of(number)]
        path.write_bytes(KINDS[number % len(KINDS)](content, random))

    def read(path, number):
        script = importlib.import_module(f"baselines.{name_of(number)}")
        picture = str(SAMPLES / "1a.jpg")
        return script.main(["--load_model", str(path), "--predict", picture])

    return tallied("skops", count, make, read)
