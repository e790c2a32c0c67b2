"""The file of a fitted classifier: scikit-learn objects, stored by skops.

skops stores data, where pickle stores calls: of what a file names it constructs only
scikit-learn's estimators and the types that it is told to trust. It does not check
their numbers, which compiled code follows out of bounds; that is done here, so that a
damaged or hostile file is refused or reads images wrongly, and does nothing worse.
"""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from digits import UserError
from digits.terminal import files, npz
from digits.terminal.lazy import LazyModule

base = LazyModule("sklearn.base")
skops = LazyModule("skops.io")
sklearn_tree = LazyModule("sklearn.tree._tree")

SCHEMA = "schema.json"
LARGEST = 2 << 30  # bytes of a file; our forests are the largest
# Our own types, and the one that skops does not trust because of its unchecked numbers.
TRUSTED = [
    "baselines.pairwise_svc.PairwiseSVC",
    "baselines.virtual_svc.VirtualSVC",
    "baselines.whitening.LocalWhitening",
    "baselines.whitening.RivalDirections",
    "sklearn.tree._tree.Tree",
]
# skops has more loaders that need no trust, among them those of functions and of sparse
# matrices, which are zip files of any size unpacked.
LOADERS = {
    "DictNode",
    "JsonNode",
    "ListNode",
    "NdArrayNode",
    "ObjectNode",
    "TreeNode",
    "TupleNode",
    "TypeNode",
}
# skops trusts all of scikit-learn's estimators; check_estimator covers these.
ESTIMATORS = {
    "DecisionTreeClassifier",
    "ExtraTreeClassifier",
    "ExtraTreesClassifier",
    "FeatureUnion",
    "KNeighborsClassifier",
    "LinearDiscriminantAnalysis",
    "LocalWhitening",
    "PCA",
    "PairwiseSVC",
    "Pipeline",
    "RandomForestClassifier",
    "RivalDirections",
    "SVC",
    "VirtualSVC",
}
PLAIN = bool, int, float, str, type(None), np.generic, np.ndarray
LEAF = -1  # the child of a node that has none


def to_bytes(classifier: Any, summary: dict[str, Any]) -> bytes:
    """Return the content of a file.

    classifier: fitted, of ESTIMATORS; summary: what JSON can hold.
    """
    return skops.dumps({"classifier": classifier, "summary": json.dumps(summary)})


def load(path: str | Path, script: str) -> tuple[Any, dict[str, Any]]:
    """Return (classifier, summary) of the file at `path` that `script` saved.

    Raises UserError when it is missing, damaged, or another program's.
    """
    try:
        content = files.read_bytes(path, LARGEST)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file; save one with --save_model") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        check_archive(content)
        stored = skops.loads(content, trusted=TRUSTED)
        classifier, summary = stored["classifier"], json.loads(stored["summary"])
        if summary["script"] != script:
            raise UserError(f"{path}: made by {summary['script']}, not {script}")
        for estimator in estimators_in(classifier):
            check_estimator(estimator)
    except npz.DAMAGE as error:
        raise UserError(
            f"{path}: no model file of {script}, or a damaged or outdated one; save "
            "one with --save_model"
        ) from error
    return classifier, summary


def check_archive(content: bytes) -> None:
    """Raise ValueError if a skops file is packed or needs a loader not listed."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        npz.check_size(archive, len(content))  # ours are not compressed
        # The hook sees every object of the schema.
        json.loads(archive.read(SCHEMA), object_hook=_check_loader)


def _check_loader(node):
    if "__loader__" in node and node["__loader__"] not in LOADERS:
        raise ValueError(f"no baseline has a {node['__loader__']}")
    return node


def estimators_in(value: Any) -> Iterator[Any]:
    """Yield the estimators in a loaded value, from the outermost inwards.

    Raises ValueError if it holds anything but those of ESTIMATORS, trees, containers,
    arrays, numbers and text. A type, for one, could stand in for a method, and so for
    scikit-learn's own checks.
    """
    if isinstance(value, base.BaseEstimator):
        if type(value).__name__ not in ESTIMATORS:
            raise ValueError(f"no baseline has a {type(value).__name__}")
        yield value
        value = vars(value)
    if isinstance(value, np.ndarray) and value.dtype == object:
        value = value.ravel().tolist()
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            yield from estimators_in(part)
    elif not isinstance(value, (*PLAIN, sklearn_tree.Tree)):
        raise ValueError(f"no baseline has a {type(value).__name__}")


def check_estimator(estimator: Any) -> None:
    """Raise ValueError if compiled code would follow an estimator's numbers astray."""
    attributes = vars(estimator)
    if "estimators_" in attributes:
        for member in estimator.estimators_:
            check_tree(member.tree_, estimator.n_features_in_)
    if "tree_" in attributes:
        check_tree(estimator.tree_, estimator.n_features_in_)
    if "support_vectors_" in attributes:
        check_svc(estimator)
    if "_fit_X" in attributes:
        check_neighbours(estimator)


def check_tree(tree: Any, features: int) -> None:
    """Raise ValueError if a node of a tree of `features` features leads out of bounds.

    A child must come after its parent, so that no path is endless.
    """
    if tree.node_count < 1:
        raise ValueError("a tree without nodes")
    inner = np.flatnonzero(tree.children_left != LEAF)
    if not _is_within(tree.feature[inner], 0, features):
        raise ValueError("a node tests a feature that does not exist")
    for children in tree.children_left[inner], tree.children_right[inner]:
        if not _is_within(children, inner + 1, tree.node_count):
            raise ValueError("a node's child does not come after it")


def check_neighbours(classifier: Any) -> None:
    """Raise ValueError if the arrays of a KNeighborsClassifier do not fit each other.

    Or if it is not one that knn.py fits: brute force with Euclidean distances.
    """
    count = len(classifier._fit_X)
    is_sound = (
        (classifier._fit_method, classifier.metric, classifier.p)
        == ("brute", "minkowski", 2)
        and classifier.metric_params is None
        and classifier.effective_metric_ == "euclidean"
        and classifier.effective_metric_params_ == {}
        and classifier._fit_X.shape == (count, classifier.n_features_in_)
        and classifier._y.shape == (count,)
        and _is_within(classifier._y, 0, len(classifier.classes_))
        and 1 <= classifier.n_neighbors <= count
    )
    if not is_sound:
        raise ValueError("not neighbours of knn.py")


def check_svc(svc: Any) -> None:
    """Raise ValueError if the arrays of an SVC do not fit each other.

    Or if it is not one that svm.py fits: with a Gaussian kernel, without probabilities.
    """
    count, classes = len(svc.support_vectors_), len(svc.classes_)
    is_sound = (
        (svc._impl, svc.kernel, svc._sparse) == ("c_svc", "rbf", False)
        and svc._probA.size == svc._probB.size == 0
        and svc.support_.shape == (count,)
        and svc._n_support.shape == (classes,)
        and svc._n_support.sum() == count
        and (svc._n_support >= 0).all()
        and svc._dual_coef_.shape == (classes - 1, count)
        and svc._intercept_.shape == (classes * (classes - 1) // 2,)
    )
    if not is_sound:
        raise ValueError("not a support vector machine of svm.py")


def _is_within(values, low, high):
    """Tell whether all integers (N,) are at least low, a number or (N,), and < high."""
    return bool(((low <= values) & (values < high)).all())
