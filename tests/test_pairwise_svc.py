import numpy as np
from sklearn.datasets import load_digits
from sklearn.svm import SVC

from baselines.pairwise_svc import PairwiseSVC

INPUTS, LABELS = load_digits(return_X_y=True)
INPUTS = np.float32(INPUTS / 40)


def test_decisions_are_those_of_scikit_learn():
    train, test = slice(1000), slice(1000, None)
    theirs = SVC(C=5, gamma=1.0, break_ties=True).fit(INPUTS[train], LABELS[train])
    ours = PairwiseSVC(C=5, gamma=1.0).fit(INPUTS[train], LABELS[train])
    inputs = INPUTS[test]
    np.testing.assert_array_equal(ours.predict(inputs), theirs.predict(inputs))
    difference = ours.decision_function(inputs) - theirs.decision_function(inputs)
    # Rounding may flip the vote of a pair whose margin is nearly 0.
    assert (np.abs(difference) < 0.01).mean() > 0.998
    np.testing.assert_array_equal(ours.support_, np.sort(theirs.support_))


def test_classes_need_not_be_all_digits():
    some = (LABELS > 2) & (LABELS < 6)
    svc = PairwiseSVC().fit(INPUTS[some], LABELS[some])
    assert svc.decision_function(INPUTS[:600]).shape == (600, 3)
    assert (svc.predict(INPUTS[some]) == LABELS[some]).mean() > 0.95
