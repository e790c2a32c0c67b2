import io
import json
import zipfile

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from baselines import persistence
from baselines.virtual_svc import VirtualSVC
from digits import UserError
from digits.terminal import npz

SCRIPT = "baselines/x.py"
SUMMARY = {"script": SCRIPT, "arguments": {"raw": False}}
RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(200, 20)).astype(np.float32)
LABELS = np.tile(np.arange(10, dtype=np.uint8), 20)


def fitted(last):
    return make_pipeline(PCA(5), last).fit(INPUTS, LABELS)


def forest():
    return fitted(ExtraTreesClassifier(3, max_depth=4, random_state=0))


def neighbours():
    return fitted(KNeighborsClassifier(4, algorithm="brute"))


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
    content = persistence.to_bytes(classifier, SUMMARY)
    (tmp_path / "model.skops").write_bytes(content)
    loaded, summary = persistence.load(tmp_path / "model.skops", SCRIPT)
    assert summary == SUMMARY
    np.testing.assert_array_equal(loaded.predict(INPUTS), classifier.predict(INPUTS))


def refused(content, path, message="no model file of baselines/x.py, or a damaged"):
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as refusal:
        persistence.load(path, SCRIPT)
    return refusal.value.__cause__


def assert_refused(classifier, tmp_path, reason):
    """Assert that a classifier's file is refused for that reason and no other."""
    cause = refused(persistence.to_bytes(classifier, SUMMARY), tmp_path / "m")
    assert reason in str(cause)


def test_missing(tmp_path):
    with pytest.raises(UserError, match=r"gone\.skops: no such file"):
        persistence.load(tmp_path / "gone.skops", SCRIPT)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        persistence.load(tmp_path, SCRIPT)


def test_another_scripts(tmp_path):
    summary = SUMMARY | {"script": "baselines/y.py"}
    content = persistence.to_bytes(fitted(SVC()), summary)
    refused(content, tmp_path / "m", "made by baselines/y.py, not baselines/x.py")


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x05\x06" + bytes(18)])
def test_not_skops(content, tmp_path):
    refused(content, tmp_path / "m")


def test_a_large_file_is_not_read(tmp_path, monkeypatch):
    content = persistence.to_bytes(fitted(SVC()), SUMMARY)
    monkeypatch.setattr(persistence, "LARGEST", len(content) - 1)
    refused(content, tmp_path / "m", "cannot be read: larger than")


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    content = rewritten(
        persistence.to_bytes(fitted(SVC()), SUMMARY),
        lambda name, part: part + b" " * 10**6 if name == "schema.json" else part,
    )
    (tmp_path / "m").write_bytes(content)
    persistence.load(tmp_path / "m", SCRIPT)
    packed = rewritten(content, lambda _, part: part, zipfile.ZIP_DEFLATED)
    assert "too large" in str(refused(packed, tmp_path / "m"))


def rewritten(content, change, compression=zipfile.ZIP_STORED):
    """Return the bytes of a skops file whose parts went through change(name, part)."""
    result = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(result, "w", compression) as new,
    ):
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return result.getvalue()


def with_schema(content, change):
    """Return the bytes of a skops file whose schema went through `change`."""

    def change_schema(name, part):
        if name != persistence.SCHEMA:
            return part
        schema = json.loads(part)
        change(schema)
        return json.dumps(schema)

    return rewritten(content, change_schema)


def nodes_of(schema):
    """Yield each object of a skops schema."""
    if isinstance(schema, dict):
        if "__loader__" in schema:
            yield schema
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from nodes_of(part)


def test_a_call_in_disguise(tmp_path):
    content = persistence.to_bytes(fitted(SVC()), SUMMARY)

    def change(schema):
        schema["content"]["evil"] = {
            "__class__": "system",
            "__module__": "os",
            "__loader__": "FunctionNode",
            "content": {"module_path": "os", "function": "system"},
        }

    cause = refused(with_schema(content, change), tmp_path / "m")
    assert "no baseline has a FunctionNode" in str(cause)


def test_a_type_that_is_not_trusted(tmp_path):
    content = persistence.to_bytes(fitted(SVC()), SUMMARY)

    def change(schema):
        for node in nodes_of(schema):
            if node["__class__"] == "PCA":
                node |= {"__module__": "subprocess", "__class__": "Popen"}

    cause = refused(with_schema(content, change), tmp_path / "m")
    assert "Untrusted types found in the file: ['subprocess.Popen']" in str(cause)


def test_an_estimator_of_no_baseline(tmp_path):
    """skops trusts it, but nothing here checks its numbers."""
    assert_refused(fitted(LogisticRegression()), tmp_path, "a LogisticRegression")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (np.exp, "a FunctionNode"),
        (scipy.sparse.csr_matrix(np.eye(5)), "a SparseMatrixNode"),
        (np.random.default_rng(0), "a RandomGeneratorNode"),
        (FunctionTransformer(), "a FunctionTransformer"),
        ([{"deep": (np.array([None, FunctionTransformer()]),)}], "a Function"),
    ],
)
def test_what_skops_trusts_and_no_baseline_has(value, reason, tmp_path):
    classifier = fitted(SVC())
    classifier[0].components_ = value
    assert_refused(classifier, tmp_path, reason)


def test_a_type_in_the_place_of_a_method(tmp_path):
    """It would replace scikit-learn's check of how many features there are."""
    classifier = forest()
    last = classifier[-1]
    last._validate_X_predict = np.float32
    for estimator in (last, *last.estimators_):
        estimator.n_features_in_ = 10**9  # so that any feature passes ours
    assert_refused(classifier, tmp_path, "no baseline has a type")


def test_a_zip_file_in_the_place_of_an_array(tmp_path):
    """NumPy opens it as the arrays of an .npz file, compressed."""
    classifier = fitted(SVC())
    array = classifier[0].mean_
    archive = io.BytesIO()
    np.savez_compressed(archive, x=np.zeros(10))
    content = rewritten(
        persistence.to_bytes(classifier, SUMMARY),
        lambda _, part: archive.getvalue() if array.tobytes() in part else part,
    )
    assert "a NpzFile" in str(refused(content, tmp_path / "m"))


def npy(dictionary):
    """Return an array's file with that header and without numbers."""
    size = len(dictionary).to_bytes(2, "little")
    return b"\x93NUMPY\x01\x00" + size + dictionary


@pytest.mark.parametrize(
    "array",
    [
        b"",
        b"text",
        npy(b"{'descr': '<f4', "),
        npy(b"  1\n 2 = ("),
        npy(b"\xff"),
        npy(b"{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000,)}"),
        npy(b"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}"),
    ],
)
def test_a_damaged_array(array, tmp_path):
    content = rewritten(
        persistence.to_bytes(fitted(SVC()), SUMMARY),
        lambda name, part: array if name.endswith(".npy") else part,
    )
    refused(content, tmp_path / "m")


@pytest.mark.parametrize(
    "compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_damaged_compression(compression, tmp_path):
    content = persistence.to_bytes(fitted(SVC()), SUMMARY)
    packed = bytearray(rewritten(content, lambda _, part: part, compression))
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        start = archive.getinfo(persistence.SCHEMA).header_offset
    packed[start + 100 : start + 400] = bytes(300)
    refused(bytes(packed), tmp_path / "m")


def test_a_list_that_holds_itself(tmp_path):
    content = persistence.to_bytes(fitted(SVC()), SUMMARY)

    def change(schema):
        for node in list(nodes_of(schema)):
            if node["__loader__"] == "ListNode":
                node["content"] = [node.copy()]  # of the same id, so the same list

    refused(with_schema(content, change), tmp_path / "m")


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("left_child", 10**6, "child does not come after it"),
        ("left_child", 0, "child does not come after it"),
        ("right_child", 10**6, "child does not come after it"),
        ("right_child", -2, "child does not come after it"),
        ("feature", 5, "a feature that does not exist"),
        ("feature", -1, "a feature that does not exist"),
    ],
)
def test_a_tree_that_leads_out_of_bounds(field, value, reason, tmp_path):
    classifier = forest()
    tree = classifier[-1].estimators_[1].tree_
    state = tree.__getstate__()
    state["nodes"] = state["nodes"].copy()
    state["nodes"][field][0] = value
    tree.__setstate__(state)
    assert_refused(classifier, tmp_path, reason)
    assert_refused(
        make_pipeline(PCA(5), classifier[-1].estimators_[1]), tmp_path, reason
    )


@pytest.mark.parametrize("count", [-1, 0])
def test_a_tree_without_nodes(count, tmp_path):
    content = persistence.to_bytes(forest(), SUMMARY)

    def change(schema):
        for node in nodes_of(schema):
            if node["__class__"] == "Tree":
                counter = node["content"]["content"]["node_count"]
                # An id of its own: equal numbers are stored as one.
                counter |= {"content": str(count), "__id__": id(node)}

    cause = refused(with_schema(content, change), tmp_path / "m")
    assert "a tree without nodes" in str(cause)


def test_a_forest_whose_trees_have_more_features_than_it_has(tmp_path):
    classifier = forest()
    classifier[-1].n_features_in_ = 1
    reason = "a feature that does not exist"
    assert_refused(make_pipeline(classifier), tmp_path, reason)
    hidden = fitted(SVC())
    hidden.steps = np.array([*hidden.steps, ("last", classifier)], dtype=object)
    assert_refused(hidden, tmp_path, reason)


@pytest.mark.slow
def test_a_damaged_svc_within_ours(tmp_path):
    images = RANDOM.integers(0, 255, (200, 28, 28), np.uint8)
    classifier = make_pipeline(VirtualSVC(copies=1)).fit(images, LABELS)
    content = persistence.to_bytes(classifier, SUMMARY)
    (tmp_path / "sound").write_bytes(content)
    loaded, _ = persistence.load(tmp_path / "sound", SCRIPT)
    np.testing.assert_array_equal(loaded.predict(images), classifier.predict(images))
    svc = SVC().fit(INPUTS, LABELS)
    classifier[-1].svc_ = svc
    svc._n_support = svc._n_support + 1
    assert_refused(classifier, tmp_path, "not a support vector machine of svm.py")


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("support_", np.arange(10**6, dtype=np.int32)),
        ("kernel", "precomputed"),
        ("_impl", "nu_svr"),
        ("_sparse", True),
        ("_probA", np.zeros(45)),
        ("_probB", np.zeros(45)),
        ("_n_support", np.full(20, 10, np.int32)),
        ("_n_support", np.full(10, 21, np.int32)),
        ("_n_support", np.array([-20, 60, *[20] * 8], np.int32)),
        ("_dual_coef_", np.zeros((3, 200))),
        ("_intercept_", np.zeros(3)),
    ],
)
def test_an_svc_that_compiled_code_would_read_wrongly(attribute, value, tmp_path):
    classifier = fitted(SVC())
    assert len(classifier[-1].support_vectors_) == 200
    setattr(classifier[-1], attribute, value)
    assert_refused(classifier, tmp_path, "not a support vector machine of svm.py")


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("_y", np.full(200, 10)),
        ("_y", np.full(200, -1)),
        ("_y", np.zeros(199, int)),
        ("_fit_X", INPUTS[:, :4].copy()),
        ("n_neighbors", 201),
        ("n_neighbors", 0),
        ("_fit_method", "kd_tree"),
        ("metric", "precomputed"),
        ("p", 1),
        ("metric_params", {"w": np.ones(3)}),
        ("effective_metric_", "manhattan"),
        ("effective_metric_params_", {"Y_norm_squared": np.ones(3)}),
    ],
)
def test_neighbours_that_compiled_code_would_read_wrongly(attribute, value, tmp_path):
    classifier = neighbours()
    setattr(classifier[-1], attribute, value)
    assert_refused(classifier, tmp_path, "not neighbours of knn.py")


CONTENTS = [
    persistence.to_bytes(classifier, SUMMARY)
    for classifier in (forest(), neighbours(), fitted(SVC()))
]


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_damaged_files_are_read_or_refused(tmp_path_factory, data):
    content = bytearray(data.draw(st.sampled_from(CONTENTS)))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(
            st.integers(0, 255)
        )
    cut = data.draw(st.sampled_from([len(content), len(content) // 2, 30]))
    path = tmp_path_factory.getbasetemp() / "damaged.skops"
    path.write_bytes(content[:cut])
    try:
        persistence.load(path, SCRIPT)
    except UserError as error:
        assert str(path) in str(error)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of numbers that overflow, and the like
@settings(deadline=None, max_examples=200)
@given(st.data())
def test_forged_files_are_read_or_refused(tmp_path_factory, data):
    """Numbers are replaced within parts, whose checksums are right again."""
    content = data.draw(st.sampled_from(CONTENTS))
    number = data.draw(st.sampled_from([0, -1, 1, 5, 300, 10**6, 2**31 - 1, 2**62]))

    def change(name, part):
        if name != forged:
            return part
        part = bytearray(part)
        start = data.draw(st.integers(0, len(part) - 8))
        part[start : start + 8] = number.to_bytes(8, "little", signed=True)
        return bytes(part)

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        forged = data.draw(st.sampled_from(archive.namelist()[:-1]))
    path = tmp_path_factory.getbasetemp() / "forged.skops"
    path.write_bytes(rewritten(content, change))
    try:
        classifier, _ = persistence.load(path, SCRIPT)
        classifier.predict(INPUTS[:3])
    except (UserError, *npz.DAMAGE):
        pass
