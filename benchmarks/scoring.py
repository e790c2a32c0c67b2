"""Score what is read in real pictures: pictures, digits by edit distance, confidences.

`score_folder` and `summarize` count, as JSON; `kind_table` and the other tables show
the counts. benchmarks/real_pictures.py measures, benchmarks/readme.py fills the docs.
"""

import collections
import itertools
from typing import NamedTuple

import numpy as np

from digits.experiment import recorded, results
from digits.model.calibration import expected_calibration_error

OURS = "load_model.py"
# What can become of a picture. Right: the reading is the label, which is empty if there
# is no digit. No digit: none was read although there are some; wrong count: too few or
# too many; wrong digit: as many as there are; false digit: some although there is none.
OUTCOMES = ("right", "no digit", "wrong count", "wrong digit", "false digit")
SURE = 0.99  # confidence from which a digit counts as sure
# Some labels of this folder are wrong: it cannot tell whether sure digits are right.
WRONG_LABELS = "amounts"


class Picture(NamedTuple):
    """A row of labels.csv.

    folder: its sub-folder; label: digits, / between rows; kind: the first word of it.
    """

    path: str
    folder: str
    label: str
    kind: str
    source: str


class Readings(NamedTuple):
    """What a method reads in a list of pictures.

    texts: digits, of load_model.py with / between rows; confidences: a list of the
    digits' confidences for each picture, () if the method gives none.
    """

    texts: list
    seconds: float
    confidences: list | tuple = ()


def flat(text):
    """Return a reading or label without its division into rows."""
    return text.replace("/", "")


def outcome(reading, label):
    """Return which of OUTCOMES a reading is; both have their rows separated by /."""
    if reading == label:
        return "right"
    if not reading:
        return "no digit"
    if not label:
        return "false digit"
    has_count = len(flat(reading)) == len(flat(label))
    return "wrong digit" if has_count else "wrong count"


def align(reading, label):
    """Return (edit distance, whether each digit of the reading is right).

    The distance counts digits made up, left out or changed (Levenshtein, 1966). Right
    is a digit that the alignment of least distance pairs with the same digit.
    """
    costs = [[*range(len(label) + 1)]]
    for i, digit in enumerate(reading):
        costs.append([i + 1])
        for j, expected in enumerate(label):
            either = 1 + min(costs[i][j + 1], costs[i + 1][j])
            costs[i + 1].append(min(either, costs[i][j] + (digit != expected)))
    is_right = [False] * len(reading)
    i, j = len(reading), len(label)
    while i and j:
        if costs[i][j] == costs[i - 1][j - 1] + (reading[i - 1] != label[j - 1]):
            i, j = i - 1, j - 1
            is_right[i] = reading[i] == label[j]
        elif costs[i][j] == costs[i - 1][j] + 1:
            i -= 1
        else:
            j -= 1
    return costs[-1][-1], is_right


def score_folder(pictures, readings):
    """Return the counts of a folder, as JSON holds them.

    pictures: list of Picture; readings: {method: Readings}, OURS among them.
    """
    ours = readings[OURS]
    return {
        "pictures": len(pictures),
        "digits": sum(len(flat(picture.label)) for picture in pictures),
        "kinds": count_kinds(pictures, readings),
        "sources": count_sources(pictures, ours.texts),
        "wrong_digits": {m: wrong_digits(pictures, r) for m, r in readings.items()},
        "seconds": {m: round(r.seconds, 3) for m, r in readings.items()},
        "calibration": calibration(graded(pictures, ours)),
    }


def count_kinds(pictures, readings):
    """Return {kind: {"outcomes": {outcome: n} of OURS, "right": {method: n}}}.

    No rows are asked of other methods: for them / in a label is ignored.
    """
    counts = {}
    for index, picture in enumerate(pictures):
        new = {"outcomes": collections.Counter(), "right": collections.Counter()}
        kind = counts.setdefault(picture.kind, new)
        for method, own in readings.items():
            label = picture.label if method == OURS else flat(picture.label)
            found = outcome(own.texts[index], label)
            kind["right"][method] += found == "right"
            if method == OURS:
                kind["outcomes"][found] += 1
    return counts


def count_sources(pictures, texts):
    """Return {source: counts of pictures, right ones, digits, wrong digits}."""
    counts = collections.defaultdict(collections.Counter)
    for picture, text in zip(pictures, texts, strict=True):
        counts[picture.source].update(
            pictures=1,
            right=int(text == picture.label),
            digits=len(flat(picture.label)),
            wrong_digits=align(flat(text), flat(picture.label))[0],
        )
    return dict(counts)


def wrong_digits(pictures, readings):
    """Return the sum of the edit distances between what is read and the labels."""
    pairs = zip(pictures, readings.texts, strict=True)
    return sum(align(flat(text), flat(picture.label))[0] for picture, text in pairs)


def graded(pictures, readings):
    """Return [(confidence, whether it is right)] of digits read where there are some.

    A digit's counterpart is found by edit distance: one that is made up is wrong.
    """
    pairs = []
    rows = zip(pictures, readings.texts, readings.confidences, strict=True)
    for picture, text, confidences in rows:
        if picture.label:
            _, is_right = align(flat(text), flat(picture.label))
            pairs += zip(confidences, is_right, strict=True)
    return pairs


def calibration(pairs):
    """Return how far confidences can be trusted, None if there are none.

    pairs: as `graded` returns them.
    """
    if not pairs:
        return None
    confidences, is_right = np.array(pairs, float).T
    sure = confidences >= SURE
    error = expected_calibration_error(confidences, is_right)
    return {
        "digits": len(pairs),
        "right": int(is_right.sum()),
        "expected_calibration_error": round(error, 4),
        "sure_digits": int(sure.sum()),
        "sure_and_right": int(is_right[sure].sum()),
    }


def false_digits(pictures, readings):
    """Return counts of the pictures without digits, and of what is read in them."""
    confidences = [
        own
        for picture, own in zip(pictures, readings.confidences, strict=True)
        if not picture.label
    ]
    read = list(itertools.chain.from_iterable(confidences))
    return {
        "pictures": len(confidences),
        "digits": len(read),
        "sure_digits": sum(confidence >= SURE for confidence in read),
    }


def summarize(folders):
    """Return all counts, as JSON holds them.

    folders: {name: (list of Picture, {method: Readings})}.
    """
    everything = [(own, readings[OURS]) for own, readings in folders.values()]
    pictures = [picture for own, _ in everything for picture in own]
    trusted = [
        (own, readings[OURS])
        for name, (own, readings) in folders.items()
        if name != WRONG_LABELS
    ]
    false = [collections.Counter(false_digits(*pair)) for pair in everything]
    seconds = sum(readings.seconds for _, readings in everything)
    return {
        "pictures": len(pictures),
        "sources": len({picture.source for picture in pictures}),
        "folders": {name: score_folder(*pair) for name, pair in folders.items()},
        "calibration": calibration([p for pair in trusted for p in graded(*pair)]),
        "without_digits": {key: sum(c[key] for c in false) for key in false[0]},
        "pictures_a_second": round(len(pictures) / seconds, 1),
        "versions": results.versions(),
        "hardware": results.hardware(),
    }


def kind_table(folders):
    """Return a Markdown table with a row for each folder and kind.

    folders: of a summary, as for the other tables. The last columns are the shares of
    pictures that each method reads right.
    """
    methods = _methods(folders)
    rows = []
    for name, folder in sorted(folders.items()):
        for kind, counts in sorted(folder["kinds"].items()):
            total = sum(counts["outcomes"].values())
            outcomes = (counts["outcomes"].get(outcome, 0) for outcome in OUTCOMES)
            shares = (_share(counts["right"][method], total) for method in methods)
            rows.append([f"{name}, {kind}", total, *outcomes, *shares])
    return _table(["pictures", "n", *OUTCOMES, *methods], rows)


def source_table(folders):
    """Return a Markdown table with a row for each folder and source."""
    rows = [
        [f"{name}, {source}", *counts.values()]
        for name, folder in sorted(folders.items())
        for source, counts in sorted(folder["sources"].items())
    ]
    return _table(["source", "n", "right", "digits", "wrong digits"], rows)


def digit_table(folders):
    """Return a Markdown table of each method's wrong digits and time a picture."""
    methods = _methods(folders)
    rows = [_digit_row(name, [own], methods) for name, own in sorted(folders.items())]
    rows.append(_digit_row("all", list(folders.values()), methods))
    wrong = (f"{method}: wrong" for method in methods)
    times = (f"{method}: time" for method in methods)
    return _table(["folder", "digits", *wrong, *times], rows)


def _digit_row(name, folders, methods):
    pictures = sum(folder["pictures"] for folder in folders)
    digits = sum(folder["digits"] for folder in folders)
    cells = [name, digits]
    for method in methods:
        wrong = sum(folder["wrong_digits"][method] for folder in folders)
        cells.append(f"{wrong} ({_share(wrong, digits)})" if digits else wrong)
    for method in methods:
        seconds = sum(folder["seconds"][method] for folder in folders)
        cells.append(f"{1000 * seconds / pictures:.1f} ms")
    return cells


def calibration_table(summary):
    """Return a Markdown table of how far the confidences can be trusted."""
    measured = {n: f["calibration"] for n, f in sorted(summary["folders"].items())}
    measured.pop(WRONG_LABELS, None)
    measured[f"all but {WRONG_LABELS}"] = summary["calibration"]
    header = ["folder", "digits read", "right", "expected calibration error"]
    header += [f"confidence ≥ {SURE}", "of these right"]
    rows = [
        [
            name,
            own["digits"],
            _share(own["right"], own["digits"]),
            f"{100 * own['expected_calibration_error']:.1f} %",
            own["sure_digits"],
            _share(own["sure_and_right"], own["sure_digits"], decimals=2),
        ]
        for name, own in measured.items()
        if own
    ]
    return _table(header, rows)


def false_digits_text(summary):
    """Return a sentence on the digits read where there are none."""
    counts = summary["without_digits"]
    return (
        f"On {counts['pictures']:,} pictures without a digit, {counts['digits']:,} "
        f"digits were read, {counts['sure_digits']:,} of them with a confidence of "
        f"{SURE} or more."
    )


def _methods(folders):
    return list(next(iter(folders.values()))["seconds"])


def _share(part, whole, decimals=1):
    return f"{100 * part / whole:.{decimals}f} %" if whole else ""


def _table(header, rows):
    return recorded.markdown_table(header, [[str(c) for c in row] for row in rows])
