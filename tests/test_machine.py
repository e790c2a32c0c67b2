import numpy as np
from sklearn.datasets import load_digits
from sklearn.svm import SVC

from baselines.machine import PairwiseSVC

INPUTS, LABELS = load_digits(return_X_y=True)
INPUTS = np.float32(INPUTS / 40)


def test_it_answers_as_scikit_learns_own():
    train, test = slice(1000), slice(1000, None)
    theirs = SVC(C=5, gamma=1.0, break_ties=True).fit(INPUTS[train], LABELS[train])
    mine = PairwiseSVC(C=5, gamma=1.0).fit(INPUTS[train], LABELS[train])
    asked = INPUTS[test]
    np.testing.assert_array_equal(mine.predict(asked), theirs.predict(asked))
    difference = mine.decision_function(asked) - theirs.decision_function(asked)
    # A pair that is a hair's breadth from undecided may vote for the other.
    assert (np.abs(difference) < 0.01).mean() > 0.998
    np.testing.assert_array_equal(mine.support_, np.sort(theirs.support_))


def test_classes_need_not_be_all_digits():
    some = LABELS < 3
    machine = PairwiseSVC().fit(INPUTS[some], LABELS[some])
    assert machine.decision_function(INPUTS[:600]).shape == (600, 3)
    assert (machine.predict(INPUTS[some]) == LABELS[some]).mean() > 0.95
