"""Read a folder of labelled real pictures, beside three simple ways to do it.

    python3 benchmarks/real_pictures.py FOLDER

FOLDER holds labels.csv with the columns file, reading (rows separated by /), kind and
source. Every picture goes through load_model.py's command line. Prints a table by kind,
the share of wrong digits on pictures of several digits, and pictures a second; writes
them to --output_dir, with a sheet of the pictures that were misread. With --record
MNIST's test images are read too, as files, and all is written to assets/results/.
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

from digits import UserError, cli, files, mnist, network, recorded, results
from digits.decode import decode
from digits.normalise import BOX, SIZE, centred, scaled_into

OUTCOMES = ("right", "no digit", "wrong count", "wrong digit")
TILE = 160  # pixels of a picture on the sheet of misread ones
COLUMNS = 8


def read_labels(folder):
    """Return labels.csv as a list of dicts; raise UserError if it is none."""
    path = Path(folder, "labels.csv")
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    if not rows or not {"file", "reading", "kind"} <= rows[0].keys():
        raise UserError(f"{path}: lacks rows of file, reading and kind")
    missing = [row["file"] for row in rows if not Path(folder, row["file"]).is_file()]
    if missing:
        raise UserError(f"{path}: names {missing[0]}, which is not there")
    return rows


def read_all(folder, rows, weights):
    """Return ({file: reading}, seconds) of load_model.py's command line."""
    paths = [str(Path(folder, row["file"])) for row in rows]
    script = str(ROOT / "load_model.py")
    command = [sys.executable, script, "--json", "--weights", str(weights), *paths]
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise UserError(f"{folder}: load_model.py could not read all of it")
    answers = map(json.loads, done.stdout.splitlines())
    return {a["file"]: "/".join(a.get("rows", [])) for a in answers}, seconds


def read_mnist(weights):
    """Return {outcome: count} of MNIST's test images, each read as a PNG file."""
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
    """Return a gray picture as 28x28, as it is."""
    return cv2.resize(gray, (SIZE, SIZE), interpolation=cv2.INTER_AREA)


def resize_light_on_dark(gray):
    """Return a gray picture as 28x28, inverted if its border is light."""
    image = resize(gray)
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    return 255 - image if np.median(border) > 127 else image


def largest_component(gray):
    """Return the largest piece that Otsu's threshold parts, centred as MNIST's are."""
    border = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    gray = 255 - gray if np.median(border) > 127 else gray
    _, mask = cv2.threshold(gray, 0, 255, cv2.THRESH_OTSU)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    if len(stats) == 1:
        return resize(gray)
    largest = 1 + stats[1:, cv2.CC_STAT_AREA].argmax()
    x, y, width, height, _ = stats[largest]
    ink = np.where(labels == largest, gray, 0).astype(np.uint8)
    return centred(np.float32(scaled_into(ink[y : y + height, x : x + width], BOX)))


SIMPLE = {
    "resized": resize,
    "resized, light on dark": resize_light_on_dark,
    "Otsu, largest piece, centred": largest_component,
}


def read_simply(folder, rows, weights):
    """Return {method: {file: reading}} of the simple ways, on the same network."""
    classifier = network.load(weights)
    images = {name: [] for name in SIMPLE}
    paths = [str(Path(folder, row["file"])) for row in rows]
    for path in paths:
        gray = cv2.cvtColor(decode(path)[0], cv2.COLOR_BGR2GRAY)
        for name, method in SIMPLE.items():
            images[name].append(method(gray))
    readings = {}
    for name, batch in images.items():
        digits = classifier.probabilities(np.array(batch))[:, :10].argmax(axis=1)
        readings[name] = dict(zip(paths, map(str, digits), strict=True))
    return readings


def outcome(reading, label):
    """Return which of OUTCOMES a reading is; both with rows separated by /."""
    if reading == label:
        return "right"
    if not reading:
        return "no digit"
    digits, expected = reading.replace("/", ""), label.replace("/", "")
    return "wrong digit" if len(digits) == len(expected) else "wrong count"


def edit_distance(reading, label):
    """Return how many digits were added, left out or changed (Levenshtein, 1966)."""
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
    """Return {kind: Counter of OUTCOMES}; a kind is a sub-folder and labels.csv's."""
    counts = collections.defaultdict(collections.Counter)
    for row in rows:
        kind = f"{Path(row['file']).parts[0]}, {row['kind']}"
        reading = readings[str(Path(folder, row["file"]))]
        counts[kind][outcome(reading, row["reading"])] += 1
    return counts


def digit_errors(folder, rows, readings):
    """Return (wrong digits, digits) of the pictures that hold several."""
    wrong = total = 0
    for row in rows:
        label = row["reading"].replace("/", "")
        if len(label) > 1:
            reading = readings[str(Path(folder, row["file"]))].replace("/", "")
            wrong += edit_distance(reading, label)
            total += len(label)
    return wrong, total


def table(counts, simple):
    """Return the Markdown table: a row a kind, the share of right readings last.

    counts and the values of `simple`: {kind: {outcome: count}}.
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
    """Return a (H, W, 3) sheet of the misread pictures, each over `true > read`."""
    tiles = []
    for row in rows:
        path = Path(folder, row["file"])
        if outcome(readings[str(path)], row["reading"]) != "right":
            tiles.append(_tile(decode(path)[0], row["reading"], readings[str(path)]))
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % COLUMNS) if tiles else []
    rows = [np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)]
    return np.vstack(rows) if rows else np.full((TILE, TILE, 3), 255, np.uint8)


def _tile(picture, label, reading):
    tile = np.full((TILE + 24, TILE, 3), 255, np.uint8)
    small = scaled_into(picture, TILE)
    tile[: small.shape[0], : small.shape[1]] = small
    text, font = f"{label} > {reading or '-'}"[:26], cv2.FONT_HERSHEY_SIMPLEX
    return cv2.putText(tile, text, (2, TILE + 17), font, 0.4, (0, 0, 0), 1, cv2.LINE_AA)


def parse_args(argv=None):
    """Return the parsed command line."""
    parser = cli.parser(__doc__)
    parser.add_argument("folder", metavar="FOLDER", help="holds labels.csv")
    parser.add_argument(
        "-w", "--weights", metavar="FILE", default=network.SHIPPED, help="model file"
    )
    parser.add_argument(
        "--output_dir", metavar="FOLDER", default="output/real_pictures", help="results"
    )
    parser.add_argument(
        "--record",
        action="store_true",
        help="read MNIST's test images too, and write to assets/results/",
    )
    return parser.parse_args(argv)


@cli.report_errors
def main(argv=None):
    """Read the pictures in all ways, print and write the table; return the status."""
    args = parse_args(argv)
    rows = read_labels(args.folder)
    files.make_folder(args.output_dir)
    readings, seconds = read_all(args.folder, rows, args.weights)
    simply = read_simply(args.folder, rows, args.weights)
    counts = count_outcomes(args.folder, rows, readings)
    simple = {n: count_outcomes(args.folder, rows, r) for n, r in simply.items()}
    wrong, total = digit_errors(args.folder, rows, readings)
    summary = {
        "pictures": len(rows),
        "outcomes": counts,
        "outcomes_simply": simple,
        "wrong_digits": wrong,
        "digits_of_several": total,
        "pictures_a_second": round(len(rows) / seconds, 1),
        "versions": results.versions(),
        "hardware": results.hardware(),
    }
    if args.record:
        summary["mnist_test_images"] = read_mnist(args.weights)
    text = table(counts, simple)
    print(text)
    print(f"wrong digits on pictures of several: {wrong} of {total}")
    print(f"{summary['pictures_a_second']} pictures a second")
    folder = Path(args.output_dir)
    numbers = json.dumps(summary, indent=1) + "\n"
    files.write_text(folder / "real_pictures.json", numbers)
    if args.record:  # counts only: the pictures are other people's
        files.write_text(recorded.path_of("real_pictures"), numbers)
    files.write_text(folder / "real_pictures.txt", text + "\n")
    _, content = cv2.imencode(".png", misread_sheet(args.folder, rows, readings))
    files.write_bytes(folder / "misread.png", content.tobytes())
    return 0


if __name__ == "__main__":
    sys.exit(main())
