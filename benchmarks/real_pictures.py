"""Read a folder of labelled real pictures, by load_model.py and by simpler methods.

    python3 benchmarks/real_pictures.py FOLDER

FOLDER holds labels.csv with the columns file, reading (digits, rows separated by /;
empty if there is no digit) and kind. One call of load_model.py reads all pictures.
Prints a table by sub-folder and kind, the number of wrong digits in pictures of several
digits, and pictures a second. Writes them to --output_dir, with a sheet of the misread
pictures. With --record, MNIST's test images are read too, as files, and the counts are
written to assets/results/real_pictures.json.
"""

import collections
import csv
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from digits import UserError, mnist
from digits.experiment import recorded, results
from digits.image import SIZE
from digits.model import model_file
from digits.model.classifier import DIGITS, NO_DIGIT
from digits.reading.decode import decode
from digits.reading.normalise import BOX, centred, scaled_into
from digits.terminal import cli, files

# What can become of a picture. Right: the reading is the label, which is empty if there
# is no digit. No digit: none was read although there are some; wrong count: too few or
# too many; wrong digit: as many as there are; false digit: some although there is none.
OUTCOMES = ("right", "no digit", "wrong count", "wrong digit", "false digit")
TILE = 160  # pixels each way of a picture on the sheet of misread ones
CAPTION = 24  # pixels of height below it
COLUMNS = 8  # pictures side by side on the sheet


def read_labels(folder):
    """Return the rows of labels.csv, dicts; raise UserError if they cannot be used."""
    path = Path(folder, "labels.csv")
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    if not rows or not {"file", "reading", "kind"} <= rows[0].keys():
        raise UserError(f"{path}: has no rows with the columns file, reading and kind")
    missing = [row["file"] for row in rows if not Path(folder, row["file"]).is_file()]
    if missing:
        raise UserError(f"{path}: names {missing[0]}, which is missing")
    return rows


def read_all(folder, rows, weights):
    """Return ({path: reading}, seconds) of one call of load_model.py.

    rows: of labels.csv. A reading has digits alone, and / between rows.
    """
    paths = [str(Path(folder, row["file"])) for row in rows]
    script = str(ROOT / "load_model.py")
    command = [sys.executable, script, "--json", "--weights", str(weights), *paths]
    start = time.perf_counter()
    done = subprocess.run(
        command, stdout=subprocess.PIPE, encoding="utf-8", check=False
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        raise UserError(f"{folder}: load_model.py could not read all pictures")
    answers = map(json.loads, done.stdout.splitlines())
    # Labels have no spaces between the numbers of a row.
    return {a["file"]: "/".join(a["rows"]).replace(" ", "") for a in answers}, seconds


def read_mnist(weights):
    """Return {outcome: count} of MNIST's test images, read as PNG files."""
    dataset = mnist.load()
    names = [f"{index}.png" for index in range(len(dataset.test_images))]
    with tempfile.TemporaryDirectory() as folder:
        for name, image in zip(names, dataset.test_images, strict=True):
            cv2.imwrite(str(Path(folder, name)), image)
        readings, _ = read_all(folder, [{"file": name} for name in names], weights)
        paths = [str(Path(folder, name)) for name in names]
    found = [
        outcome(readings[path], str(label))
        for path, label in zip(paths, dataset.test_labels, strict=True)
    ]
    return {name: found.count(name) for name in OUTCOMES}


def resize(gray):
    """Return a gray picture (H, W) uint8 scaled to 28x28."""
    return cv2.resize(gray, (SIZE, SIZE), interpolation=cv2.INTER_AREA)


def resize_light_on_dark(gray):
    """Return a gray picture (H, W) uint8 scaled to 28x28, light on dark."""
    return _light_on_dark(resize(gray))


def largest_component(gray):
    """Return the largest component above Otsu's threshold as an image like MNIST's.

    gray: (H, W) uint8; the image is (28, 28) uint8.
    """
    gray = _light_on_dark(gray)
    _, mask = cv2.threshold(gray, 0, 255, cv2.THRESH_OTSU)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    if len(stats) == 1:
        return resize(gray)
    largest = 1 + stats[1:, cv2.CC_STAT_AREA].argmax()
    x, y, width, height, _ = stats[largest]
    ink = np.where(labels == largest, gray, 0).astype(np.uint8)
    small = scaled_into(ink[y : y + height, x : x + width], BOX)
    return centred(small.astype(np.float32))


def _light_on_dark(gray):
    """Return a gray picture, inverted if its border is light."""
    border = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    return 255 - gray if np.median(border) > 127 else gray


SIMPLE = {
    "resized": resize,
    "resized, light on dark": resize_light_on_dark,
    "Otsu, largest component, centred": largest_component,
}


def read_simply(folder, rows, weights):
    """Return {method: {path: reading}} of the simple methods, by the same classifier.

    They always read one digit.
    """
    classifier = model_file.load(weights)
    images = {name: [] for name in SIMPLE}
    paths = [str(Path(folder, row["file"])) for row in rows]
    for path in paths:
        gray = cv2.cvtColor(decode(path)[0], cv2.COLOR_BGR2GRAY)
        for name, method in SIMPLE.items():
            images[name].append(method(gray))
    readings = {}
    for name, batch in images.items():
        probabilities = classifier.probabilities(np.array(batch))
        digits = probabilities[:, : len(DIGITS)].argmax(axis=1)
        readings[name] = dict(zip(paths, map(str, digits), strict=True))
    return readings


def outcome(reading, label):
    """Return which of OUTCOMES a reading is; both have their rows separated by /."""
    if reading == label:
        return "right"
    if not reading:
        return "no digit"
    if not label:
        return "false digit"
    digits, expected = reading.replace("/", ""), label.replace("/", "")
    return "wrong digit" if len(digits) == len(expected) else "wrong count"


def edit_distance(reading, label):
    """Return how many digits were made up, left out or changed (Levenshtein, 1966)."""
    distances = np.arange(len(label) + 1)
    for digit in reading:
        changed = distances[:-1] + [digit != other for other in label]
        distances[1:] = np.minimum(distances[1:] + 1, changed)
        distances[0] += 1
        # A digit left out costs one more than the distance before it.
        steps = np.arange(len(distances))
        distances = np.minimum.accumulate(distances - steps) + steps
    return int(distances[-1])


def count_outcomes(folder, rows, readings):
    """Return {kind: Counter of OUTCOMES}.

    rows: of labels.csv; readings: {path: reading}. A kind is the sub-folder and the
    first word of the row's kind: 'signs, letter' for the kind 'letter R'.
    """
    counts = collections.defaultdict(collections.Counter)
    for row in rows:
        kind = f"{Path(row['file']).parts[0]}, {row['kind'].partition(' ')[0]}"
        reading = readings[str(Path(folder, row["file"]))]
        counts[kind][outcome(reading, row["reading"])] += 1
    return counts


def digit_errors(folder, rows, readings):
    """Return (wrong digits, digits) in the pictures of several digits."""
    wrong = total = 0
    for row in rows:
        label = row["reading"].replace("/", "")
        if len(label) > 1:
            reading = readings[str(Path(folder, row["file"]))].replace("/", "")
            wrong += edit_distance(reading, label)
            total += len(label)
    return wrong, total


def table(counts, simple):
    """Return a Markdown table with a row for each kind.

    counts: {kind: {outcome: count}} of load_model.py; simple: {method: such a dict}.
    The last columns are the shares of right readings.
    """
    header = ["pictures", "n", *OUTCOMES, "load_model.py", *simple]
    lines = []
    for kind, counter in sorted(counts.items()):
        total = sum(counter.values())
        shares = [counter, *(method[kind] for method in simple.values())]
        cells = [f"{100 * share.get('right', 0) / total:.1f} %" for share in shares]
        outcomes = (counter.get(name, 0) for name in OUTCOMES)
        lines.append([kind, total, *outcomes, *cells])
    return recorded.markdown_table(header, [[str(c) for c in line] for line in lines])


def misread_sheet(folder, rows, readings):
    """Return a sheet (H, W, 3) uint8 of the misread pictures, each over its caption.

    rows: of labels.csv; readings: {path: reading}. A caption is 'label > reading'.
    """
    tiles = []
    for row in rows:
        path = Path(folder, row["file"])
        if outcome(readings[str(path)], row["reading"]) != "right":
            tiles.append(_tile(decode(path)[0], row["reading"], readings[str(path)]))
    blank = np.full((TILE + CAPTION, TILE, 3), 255, np.uint8)
    tiles += [blank] * (-len(tiles) % COLUMNS if tiles else COLUMNS)
    lines = [np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)]
    return np.vstack(lines)


def _tile(picture, label, reading):
    tile = np.full((TILE + CAPTION, TILE, 3), 255, np.uint8)
    small = scaled_into(picture, TILE)
    tile[: small.shape[0], : small.shape[1]] = small
    text = f"{label or NO_DIGIT} > {reading or NO_DIGIT}"[:26]
    font = cv2.FONT_HERSHEY_SIMPLEX
    return cv2.putText(tile, text, (2, TILE + 17), font, 0.4, (0, 0, 0), 1, cv2.LINE_AA)


def parse_args(argv=None):
    """Return the parsed command line."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "folder", metavar="FOLDER", help="where labels.csv and the pictures are"
    )
    parser.add_argument(
        "-w",
        "--weights",
        metavar="FILE",
        default=model_file.SHIPPED,
        help="the model file to read with",
    )
    parser.add_argument(
        "--output_dir",
        metavar="FOLDER",
        default="output/real_pictures",
        help="where results are written",
    )
    parser.add_argument(
        "--record",
        action="store_true",
        help="also read MNIST's test images, and write to assets/results/",
    )
    return parser.parse_args(argv)


@cli.report_errors
def main(argv=None):
    """Read the pictures by all methods, print and write; return the exit status."""
    args = parse_args(argv)
    rows = read_labels(args.folder)
    files.make_folder(args.output_dir)
    readings, seconds = read_all(args.folder, rows, args.weights)
    simply = read_simply(args.folder, rows, args.weights)
    summary = summarize(args.folder, rows, readings, simply)
    summary["pictures_a_second"] = round(len(rows) / seconds, 1)
    if args.record:
        summary["mnist_test_images"] = read_mnist(args.weights)
    text = table(summary["outcomes"], summary["outcomes_simply"])
    print(text)
    print(
        f"{summary['wrong_digits']} wrong digits of {summary['digits_of_several']} in "
        "pictures of several digits"
    )
    print(f"{summary['pictures_a_second']} pictures a second")
    write(args.output_dir, summary, text, misread_sheet(args.folder, rows, readings))
    if args.record:  # the counts alone: the pictures belong to other people
        files.write_text(recorded.path_of("real_pictures"), _json(summary))
    return 0


def summarize(folder, rows, readings, simply):
    """Return a dict of what is measured: counts of outcomes and of digits.

    rows: of labels.csv; readings: {path: reading} of load_model.py; simply: {method:
    such a dict}.
    """
    wrong, total = digit_errors(folder, rows, readings)
    return {
        "pictures": len(rows),
        "sources": len({row.get("source") for row in rows}),
        "outcomes": count_outcomes(folder, rows, readings),
        "outcomes_simply": {
            method: count_outcomes(folder, rows, r) for method, r in simply.items()
        },
        "wrong_digits": wrong,
        "digits_of_several": total,
        "versions": results.versions(),
        "hardware": results.hardware(),
    }


def write(folder, summary, text, sheet):
    """Write a summary, its table and the sheet of misread pictures to `folder`."""
    _, png = cv2.imencode(".png", sheet)
    files.write_text(Path(folder, "real_pictures.json"), _json(summary))
    files.write_text(Path(folder, "real_pictures.txt"), text + "\n")
    files.write_bytes(Path(folder, "misread.png"), png.tobytes())


def _json(summary):
    return json.dumps(summary, indent=1) + "\n"


if __name__ == "__main__":
    sys.exit(main())
