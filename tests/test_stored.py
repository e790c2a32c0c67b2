import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from baselines import stored
from baselines.virtual import VirtualSVC
from digits import UserError

SCRIPT = "baselines/x.py"
SUMMARY = {"script": SCRIPT, "arguments": {"raw": False}}
RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(200, 20)).astype(np.float32)
LABELS = np.tile(np.arange(10, dtype=np.uint8), 20)


def fitted(last):
    return make_pipeline(PCA(5), last).fit(INPUTS, LABELS)


def forest():
    return fitted(ExtraTreesClassifier(3, max_depth=4, random_state=0))


@pytest.mark.parametrize(
    "last",
    [
        KNeighborsClassifier(4, weights="distance", algorithm="brute", n_jobs=-1),
        SVC(C=10),
        ExtraTreesClassifier(3, random_state=0),
    ],
)
def test_save_and_load(last, tmp_path):
    classifier = fitted(last)
    content = stored.to_bytes(classifier, SUMMARY)
    (tmp_path / "model.skops").write_bytes(content)
    loaded, summary = stored.load(tmp_path / "model.skops", SCRIPT)
    assert summary == SUMMARY
    np.testing.assert_array_equal(loaded.predict(INPUTS), classifier.predict(INPUTS))


def refused(content, path, message="no model file of baselines/x.py, or a damaged"):
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        stored.load(path, SCRIPT)


def test_missing(tmp_path):
    with pytest.raises(UserError, match=r"gone\.skops: no such file"):
        stored.load(tmp_path / "gone.skops", SCRIPT)


def test_another_scripts(tmp_path):
    summary = SUMMARY | {"script": "baselines/y.py"}
    content = stored.to_bytes(fitted(SVC()), summary)
    refused(content, tmp_path / "m", "made by baselines/y.py, not baselines/x.py")


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x05\x06" + bytes(18)])
def test_not_skops(content, tmp_path):
    refused(content, tmp_path / "m")


def test_a_type_that_is_not_listed(tmp_path):
    refused(stored.to_bytes(fitted(LogisticRegression()), SUMMARY), tmp_path / "m")


def rewritten(content, change):
    """Return the bytes of a skops file whose schema went through `change`."""
    result = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(result, "w") as new,
    ):
        for name in old.namelist():
            part = old.read(name)
            new.writestr(name, change(part) if name == stored.SCHEMA else part)
    return result.getvalue()


def test_a_call_in_disguise(tmp_path):
    content = stored.to_bytes(fitted(SVC()), SUMMARY)

    def change(schema):
        schema = json.loads(schema)
        schema["content"]["evil"] = {
            "__class__": "system",
            "__module__": "os",
            "__loader__": "FunctionNode",
            "content": {"module_path": "os", "function": "system"},
        }
        return json.dumps(schema)

    refused(rewritten(content, change), tmp_path / "m")


def test_a_tree_that_leads_nowhere(tmp_path):
    classifier = forest()
    tree = classifier[-1].estimators_[1].tree_
    state = tree.__getstate__()
    for field, value in (("left_child", 10**6), ("left_child", 0), ("feature", 77)):
        nodes = state["nodes"].copy()
        nodes[field][0] = value
        tree.__setstate__({**state, "nodes": nodes})
        refused(stored.to_bytes(classifier, SUMMARY), tmp_path / "m")


@pytest.mark.parametrize("count", [-1, 0])
def test_a_tree_without_nodes(count, tmp_path):
    content = stored.to_bytes(forest(), SUMMARY)

    def change(schema):
        schema = json.loads(schema)
        for node in stored.nodes_of(schema):
            if node["__class__"] == "Tree":
                counter = node["content"]["content"]["node_count"]
                # An id of its own: equal numbers are stored as one.
                counter |= {"content": str(count), "__id__": id(node)}
        return json.dumps(schema)

    refused(rewritten(content, change), tmp_path / "m")


def test_a_damaged_forest_in_a_pipeline_of_its_own(tmp_path):
    classifier = forest()
    classifier[-1].n_features_in_ = 1
    refused(stored.to_bytes(make_pipeline(classifier), SUMMARY), tmp_path / "m")
    hidden = fitted(SVC())
    hidden.steps = np.array([*hidden.steps, ("last", classifier)], dtype=object)
    refused(stored.to_bytes(hidden, SUMMARY), tmp_path / "m")


def test_a_damaged_machine_in_anothers_place(tmp_path):
    images = RANDOM.integers(0, 255, (200, 28, 28), np.uint8)
    classifier = make_pipeline(VirtualSVC(copies=1)).fit(images, LABELS)
    content = stored.to_bytes(classifier, SUMMARY)
    (tmp_path / "sound").write_bytes(content)
    loaded, _ = stored.load(tmp_path / "sound", SCRIPT)
    np.testing.assert_array_equal(loaded.predict(images), classifier.predict(images))
    machine = SVC().fit(INPUTS, LABELS)
    classifier[-1].machine_ = machine
    machine._n_support = machine._n_support + 1
    refused(stored.to_bytes(classifier, SUMMARY), tmp_path / "m")


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("support_", np.arange(10**6, dtype=np.int32)),
        ("kernel", "precomputed"),
        ("_impl", "nu_svr"),
        ("_sparse", True),
        ("_probA", np.zeros(45)),
        ("_dual_coef_", np.zeros((3, 200))),
        ("_intercept_", np.zeros(3)),
    ],
)
def test_a_machine_that_compiled_code_would_read_wrongly(attribute, value, tmp_path):
    classifier = fitted(SVC())
    setattr(classifier[-1], attribute, value)
    refused(stored.to_bytes(classifier, SUMMARY), tmp_path / "m")


def test_neighbours_of_no_class(tmp_path):
    classifier = fitted(KNeighborsClassifier(4))
    classifier[-1]._y[3] = 10
    refused(stored.to_bytes(classifier, SUMMARY), tmp_path / "m")
    classifier[-1]._y = classifier[-1]._y[:2]
    refused(stored.to_bytes(classifier, SUMMARY), tmp_path / "m")


CONTENT = stored.to_bytes(forest(), SUMMARY)


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_damaged_files_are_read_or_refused(tmp_path_factory, data):
    content = bytearray(CONTENT)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(
            st.integers(0, 255)
        )
    cut = data.draw(st.sampled_from([len(content), len(content) // 2, 30]))
    path = tmp_path_factory.getbasetemp() / "mutated.skops"
    path.write_bytes(content[:cut])
    try:
        stored.load(path, SCRIPT)
    except UserError as error:
        assert str(path) in str(error)
