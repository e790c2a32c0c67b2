"""What the place of a mark tells of it: no row of digits begins with a slash.

Long slanted 1s look like slashes and closing brackets. Those stand behind a digit.
"""

import numpy as np

from digits.model.reader import MARKS
from digits.reading import layout
from digits.reading.marks import LIKELY, Marks

BEHIND_DIGITS = [MARKS.index(sign) for sign in "/)"]
FIRST = 0.02  # share of the usual probability of those where a row begins


def in_context(marks: Marks) -> Marks:
    """Return Marks with the probabilities that their places in a row make likely."""
    likely = np.flatnonzero(marks.confidences >= LIKELY)
    labels, are_digits = marks.labels[likely], marks.are_digits[likely]
    if not np.isin(labels, BEHIND_DIGITS).any():  # rows take long on a full page
        return marks
    probabilities = marks.probabilities.copy()
    for row in layout.rows_of(marks.boxes[likely].tolist(), list(~are_digits)):
        first, *others = row.indices
        if labels[first] in BEHIND_DIGITS and others and are_digits[others[0]]:
            own = probabilities[likely[first]]  # a view of that row
            own[BEHIND_DIGITS] *= FIRST
            own /= own.sum()
    return marks._replace(probabilities=probabilities)
