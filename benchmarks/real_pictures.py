"""Read a folder of labelled real pictures, and tell how well by kind and by source.

    python3 benchmarks/real_pictures.py FOLDER
    python3 benchmarks/real_pictures.py FOLDER --only amounts fields --no_peer

FOLDER holds sub-folders of pictures and labels.csv with the columns file, reading
(digits, rows separated by /; empty if there is no digit), kind and source. One call of
load_model.py reads all pictures of a sub-folder. RapidOCR reads them too where it is
installed (pip install rapidocr), on as many threads; it takes most of the time.

Prints what became of the pictures by sub-folder and kind, and by source; wrong digits
by edit distance; the time a picture, with load_model.py's start but without RapidOCR's;
and how often digits of a given confidence are right. Writes this to --output_dir, with
a sheet of the misread pictures of each sub-folder. With --record, MNIST's test images
are read too, as files, and the counts are written to assets/results/real_pictures.json.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import peer, scoring
from benchmarks.scoring import OURS, OUTCOMES, Picture, Readings
from digits import UserError, labels, mnist
from digits.experiment import recorded
from digits.model import model_file
from digits.model.classifier import NO_DIGIT
from digits.reading.decode import decode
from digits.reading.normalise import scaled_into
from digits.terminal import cli, files

COLUMNS = "file", "reading", "kind"  # beside source
SHEET = 1800  # pixels: width of a sheet of misread pictures
TILE = 200  # pixels each way of a square picture on it; a wide one has the same area
WIDEST = 9  # times as wide as high: the widest tile, 600 pixels wide
CAPTION = 36  # pixels of height below a picture, for two lines


def read_labels(folder, only=()):
    """Return a list of Pictures: the rows of labels.csv.

    only: sub-folders, empty for all. Raises UserError if the rows cannot be used.
    """
    path = Path(folder, labels.TABLE)
    rows = labels.rows_of(path, COLUMNS)
    if not rows:
        raise UserError(f"{path}: has no rows")
    pictures = [_picture(folder, row) for row in rows]
    pictures = [p for p in pictures if not only or p.folder in only]
    if not pictures:
        raise UserError(f"{path}: names no picture in {' or '.join(only)}")
    for picture in pictures:
        if not os.path.isfile(picture.path):
            raise UserError(f"{path}: names {picture.path}, which is missing")
    return pictures


def _picture(folder, row):
    parts = Path(row["file"]).parts
    return Picture(
        path=str(Path(folder, row["file"])),
        folder=parts[0] if len(parts) > 1 else ".",
        label=row["reading"],
        kind=row["kind"].partition(" ")[0],  # 'letter' of 'letter R'
        source=row.get("source") or "unknown",
    )


def read_all(paths, weights):
    """Return the Readings of one call of load_model.py."""
    script = str(ROOT / "load_model.py")
    command = [sys.executable, script, "--json", "--weights", str(weights), *paths]
    start = time.perf_counter()
    done = subprocess.run(
        command, stdout=subprocess.PIPE, encoding="utf-8", check=False
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        raise UserError(f"{paths[0]}, …: load_model.py could not read all pictures")
    answers = {a["file"]: a for a in map(json.loads, done.stdout.splitlines())}
    # Labels have no spaces between the numbers of a row.
    texts = ["/".join(answers[p]["rows"]).replace(" ", "") for p in paths]
    confidences = [[d["confidence"] for d in answers[p]["digits"]] for p in paths]
    return Readings(texts, seconds, confidences)


def read_mnist(weights):
    """Return {outcome: count} of MNIST's test images, read as PNG files."""
    dataset = mnist.load()
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder, f"{i}.png")) for i in range(len(dataset.test_images))]
        for path, image in zip(paths, dataset.test_images, strict=True):
            cv2.imwrite(path, image)
        texts = read_all(paths, weights).texts
    pairs = zip(texts, dataset.test_labels, strict=True)
    found = [scoring.outcome(text, str(label)) for text, label in pairs]
    return {name: found.count(name) for name in OUTCOMES}


def read_folders(pictures, weights, engine):
    """Return {sub-folder: (its Pictures, {method: Readings})}.

    engine: RapidOCR's, or None.
    """
    folders = {}
    for name in sorted({picture.folder for picture in pictures}):
        own = [picture for picture in pictures if picture.folder == name]
        paths = [picture.path for picture in own]
        readings = {OURS: read_all(paths, weights)}
        for method in peer.METHODS if engine else ():
            readings[method] = peer.read_all(engine, paths, method)
        folders[name] = own, readings
    return folders


def misread_sheet(pictures, texts):
    """Return a sheet (H, W, 3) uint8 of misread pictures, each over label and reading.

    pictures: a list of Picture; texts: what is read in each. Without a misread one the
    sheet is a blank line.
    """
    misread = [
        (scaled_into(decode(picture.path)[0], 3 * TILE), picture.label, text)
        for picture, text in zip(pictures, texts, strict=True)
        if text != picture.label
    ]
    shapes = [picture.shape for picture, _, _ in misread]
    ratio = np.median([width / height for height, width, _ in shapes] or [1])
    stretch = np.sqrt(np.clip(ratio, 1, WIDEST))
    width, height = round(TILE * stretch), round(TILE / stretch)
    columns = SHEET // width
    tiles = [_tile(*each, width, height) for each in misread]
    blank = np.full((height + CAPTION, width, 3), 255, np.uint8)
    tiles += [blank] * (-len(tiles) % columns if tiles else columns)
    lines = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    return np.vstack(lines)


def _tile(picture, label, text, width, height):
    tile = np.full((height + CAPTION, width, 3), 255, np.uint8)
    scale = min(width / picture.shape[1], height / picture.shape[0])
    size = [max(1, int(scale * length)) for length in picture.shape[1::-1]]
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    tile[: small.shape[0], : small.shape[1]] = small
    for line, caption in enumerate((label or NO_DIGIT, f"> {text or NO_DIGIT}")):
        place = 2, height + 14 + 16 * line
        short = caption[: width // 7]  # a letter is about 7 pixels wide
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(tile, short, place, font, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return tile


def parse_args(argv=None):
    """Return the parsed command line."""
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("folder", metavar="FOLDER", help="where labels.csv and the pictures are")
    add(
        "-w",
        "--weights",
        metavar="FILE",
        default=model_file.SHIPPED,
        help="the model file to read with",
    )
    add(
        "--only",
        nargs="+",
        metavar="NAME",
        default=[],
        help="the sub-folders to read; without it, all",
    )
    add("--no_peer", action="store_true", help="leave RapidOCR out")
    add(
        "--output_dir",
        metavar="FOLDER",
        default="output/real_pictures",
        help="where results are written",
    )
    add(
        "--record",
        action="store_true",
        help="also read MNIST's test images, and write to assets/results/",
    )
    args = parser.parse_args(argv)
    if args.record and (args.only or args.no_peer):
        parser.error("--record is of all pictures and methods: no --only, no --no_peer")
    return args


def load_peer(is_wanted):
    """Return RapidOCR's engine, None if it is not wanted or, as is said, not there."""
    engine = peer.load() if is_wanted else None
    if is_wanted and not engine:
        print("RapidOCR is left out: pip install rapidocr", file=sys.stderr)
    return engine


@cli.report_errors
def main(argv=None):
    """Read the pictures by all methods, print and write; return the exit status."""
    args = parse_args(argv)
    pictures = read_labels(args.folder, args.only)
    files.make_folder(args.output_dir)
    folders = read_folders(pictures, args.weights, load_peer(not args.no_peer))
    summary = scoring.summarize(folders)
    if args.record:
        summary["mnist_test_images"] = read_mnist(args.weights)
    text = report(summary)
    print(text)
    write(args.output_dir, summary, text)
    for name, (own, readings) in folders.items():
        sheet = misread_sheet(own, readings[OURS].texts)
        _, png = cv2.imencode(".png", sheet)
        file_name = f"misread-{name.strip('.') or 'pictures'}.png"
        files.write_bytes(Path(args.output_dir, file_name), png.tobytes())
    if args.record:  # the counts alone: the pictures belong to other people
        files.write_json(recorded.path_of("real_pictures"), summary)
    return 0


def report(summary):
    """Return a summary's tables as text."""
    parts = [
        scoring.kind_table(summary["folders"]),
        scoring.source_table(summary["folders"]),
        scoring.digit_table(summary["folders"]),
        scoring.calibration_table(summary),
        scoring.false_digits_text(summary),
        f"{summary['pictures_a_second']} pictures a second",
    ]
    return "\n\n".join(parts)


def write(folder, summary, text):
    """Write a summary and its report to `folder`."""
    files.write_json(Path(folder, "real_pictures.json"), summary)
    files.write_text(Path(folder, "real_pictures.txt"), text + "\n")


if __name__ == "__main__":
    sys.exit(main())
