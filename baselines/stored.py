"""The file of a fitted classifier: scikit-learn's objects as skops writes them.

skops keeps data, where pickle keeps calls; what a file may hold is listed here, so that
one from elsewhere can do no more than read images wrongly.
"""

import io
import json
import os
import zipfile
import zlib

import numpy as np

from digits import UserError
from digits.lazy import LazyModule

base = LazyModule("sklearn.base")
skops = LazyModule("skops.io")

SCHEMA = "schema.json"
LARGEST_FILE = 2 << 30  # bytes; the largest of ours are forests
NODES = {
    "DictNode",
    "JsonNode",
    "ListNode",
    "NdArrayNode",
    "ObjectNode",
    "TreeNode",
    "TupleNode",
    "TypeNode",
}
LEAF = -1  # the child of a node that has none
TREE = "sklearn.tree._tree.Tree"
OURS = {
    "baselines.machine.PairwiseSVC",
    "baselines.metric.LocalWhitening",
    "baselines.metric.RivalDirections",
    "baselines.virtual.VirtualSVC",
}
TYPES = {
    "builtins.bool",
    "builtins.dict",
    "builtins.float",
    "builtins.int",
    "builtins.list",
    "builtins.str",
    "builtins.tuple",
    "numpy.float32",
    "numpy.float64",
    "numpy.int64",
    "numpy.ndarray",
    "sklearn.decomposition._pca.PCA",
    "sklearn.discriminant_analysis.LinearDiscriminantAnalysis",
    "sklearn.ensemble._forest.ExtraTreesClassifier",
    "sklearn.ensemble._forest.RandomForestClassifier",
    "sklearn.neighbors._classification.KNeighborsClassifier",
    "sklearn.pipeline.FeatureUnion",
    "sklearn.pipeline.Pipeline",
    "sklearn.svm._classes.SVC",
    "sklearn.tree._classes.DecisionTreeClassifier",
    "sklearn.tree._classes.ExtraTreeClassifier",
    TREE,
    *OURS,
}
DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


def to_bytes(classifier, summary):
    """Return the content of a file.

    classifier: fitted, of TYPES; summary: a dict of what JSON can hold.
    """
    return skops.dumps({"classifier": classifier, "summary": json.dumps(summary)})


def load(path, script):
    """Return (classifier, summary) of the file at `path` that `script` saved.

    Raises UserError when it is missing, damaged, or another program's.
    """
    try:
        if os.path.getsize(path) > LARGEST_FILE:
            raise UserError(f"{path}: larger than 2 GiB, which no model file here is")
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file; save one with --save_model") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        check(content)
        stored = skops.loads(content, trusted=[*OURS, TREE])
        classifier, summary = stored["classifier"], json.loads(stored["summary"])
        if summary["script"] != script:
            raise UserError(f"{path}: made by {summary['script']}, not {script}")
        for estimator in estimators_in(classifier):
            check_estimator(estimator)
    except DAMAGE as error:
        raise UserError(
            f"{path}: no model file of {script}, or a damaged one; save one with "
            "--save_model"
        ) from error
    return classifier, summary


def check(content):
    """Raise ValueError if the bytes of a skops file hold what is not of TYPES."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > LARGEST_FILE:
            raise ValueError("too large")
        schema = json.loads(archive.read(SCHEMA))
    for node in nodes_of(schema):
        kind = f"{node['__module__']}.{node['__class__']}"
        if node["__loader__"] not in NODES or kind not in TYPES:
            raise ValueError(f"{node['__loader__']} of {kind}")


def nodes_of(schema):
    """Yield each object of a skops schema, itself first."""
    if isinstance(schema, dict):
        if "__loader__" in schema:
            yield schema
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from nodes_of(part)


def estimators_in(value):
    """Yield all estimators that a loaded value holds, itself first if it is one."""
    if isinstance(value, base.BaseEstimator):
        yield value
        value = vars(value)
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, np.ndarray) and value.dtype == object:
        value = value.ravel().tolist()
    if isinstance(value, list | tuple):
        for part in value:
            yield from estimators_in(part)


def check_estimator(estimator):
    """Raise ValueError if compiled code would follow an estimator's numbers astray."""
    attributes = vars(estimator)
    if "estimators_" in attributes:
        for member in estimator.estimators_:
            check_tree(member.tree_, estimator.n_features_in_)
    if "tree_" in attributes:
        check_tree(estimator.tree_, estimator.n_features_in_)
    if "support_vectors_" in attributes:
        check_machine(estimator)
    if "_fit_X" in attributes:
        check_neighbours(estimator)


def check_tree(tree, features):
    """Raise ValueError if a tree of so many features leads where it must not."""
    if tree.node_count < 1:
        raise ValueError("a tree without nodes")
    inner = np.flatnonzero(tree.children_left != LEAF)
    if not is_within(tree.feature[inner], 0, features):
        raise ValueError("a node asks for a feature that is not there")
    for children in tree.children_left[inner], tree.children_right[inner]:
        if not is_within(children, inner + 1, tree.node_count):
            raise ValueError("a node leads out of its tree, or back")


def check_neighbours(classifier):
    """Raise ValueError if what neighbours are labelled is none of the classes."""
    labels = classifier._y
    if labels.shape != (len(classifier._fit_X),):
        raise ValueError("not a label for each neighbour")
    if not is_within(labels, 0, len(classifier.classes_)):
        raise ValueError("a label that is not there")


def check_machine(machine):
    """Raise ValueError if a support vector machine is no such as svm.py learns.

    Or if its arrays don't fit each other.
    """
    count, classes = len(machine.support_vectors_), len(machine.classes_)
    is_sound = (
        (machine._impl, machine.kernel, machine._sparse) == ("c_svc", "rbf", False)
        and machine._probA.size == machine._probB.size == 0
        and machine.support_.shape == (count,)
        and machine._n_support.shape == (classes,)
        and machine._n_support.sum() == count
        and (machine._n_support >= 0).all()
        and machine._dual_coef_.shape == (classes - 1, count)
        and machine._intercept_.shape == (classes * (classes - 1) // 2,)
    )
    if not is_sound:
        raise ValueError("no support vector machine of svm.py")


def is_within(values, low, high):
    """Tell whether all integers (N,) are from low, a number or (N,), to below high."""
    return bool(((low <= values) & (values < high)).all())
