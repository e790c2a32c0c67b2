"""Read handwritten digits in any picture: photograph, scan or drawing, one or many.

    python3 load_model.py assets/images/1a.jpg
    python3 load_model.py photo.jpg scans/ --json
    python3 load_model.py page.jpg --save_image reading.png --show

Prints a line a picture: its name, the digits (rows separated by a space) and the least
certain digit's probability. Needs numpy, h5py and opencv-python-headless alone.
"""

import itertools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2

from digits import UserError, annotate, cli, files, network, reading
from digits.decode import SUFFIXES
from digits.progress import Progress

WEIGHTS = Path(__file__).resolve().parent / "assets" / "weights" / "digits.hdf5"
BAR_FROM = 100  # pictures: fewer are read before a progress bar would help
WRITABLE = (".bmp", ".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp")
THRESHOLD = 0.5  # below it another digit, or none, is as likely


def list_pictures(names):
    """Return the pictures that `names` (files and folders) stand for, and what failed.

    A folder stands for the pictures in it, by name; folders within it are not entered.
    What failed is a list of Readings with an error.
    """
    pictures, failed = [], []
    for name in names:
        if not os.path.isdir(name):
            pictures.append(name)
            continue
        found = sorted(
            os.path.join(name, file)
            for file in os.listdir(name)
            if os.path.splitext(file)[1].lower() in SUFFIXES
        )
        pictures += found
        if not found:
            failed.append(reading.Reading(name, [], error="a folder without pictures"))
    return pictures, failed


def as_line(result):
    """Return a Reading as a line of text."""
    if not result.digits:
        return f"{result.file}: no digit"
    surest = min(digit.confidence for digit in result.digits)
    return f"{result.file}: {' '.join(result.rows)} ({100 * surest:.1f} %)"


def as_json(result, top):
    """Return a Reading as a line of JSON, with the `top` guesses of each digit."""
    if result.error:
        return json.dumps({"file": result.file, "error": result.error})
    found = [
        {
            "digit": digit.digit,
            "confidence": round(digit.confidence, 4),
            "box": digit.box,
            "row": digit.row,
            "top": best_guesses(digit, top),
        }
        for digit in result.digits
    ]
    return json.dumps({"file": result.file, "rows": result.rows, "digits": found})


def best_guesses(digit, top):
    """Return [[digit, probability], …] of the `top` likeliest, best first."""
    order = (-digit.probabilities).argsort()[:top]
    return [
        [int(guess), round(float(digit.probabilities[guess]), 4)] for guess in order
    ]


def image_paths(target, pictures):
    """Return where the annotated picture of each of `pictures` goes.

    `target` is a file for one picture, or a folder, in which each gets its own name
    with the ending .png. Raises UserError when a picture itself would be replaced.
    """
    if os.path.splitext(target)[1] and not os.path.isdir(target):
        if len(pictures) > 1:
            raise UserError(f"{target}: name a folder, there are many pictures")
        paths = [Path(target)]
    else:
        paths = []
        for stem in (Path(picture).stem for picture in pictures):
            names = itertools.chain([stem], (f"{stem}-{k}" for k in itertools.count(2)))
            candidates = (Path(target, f"{name}.png") for name in names)
            paths.append(next(path for path in candidates if path not in paths))
    if clash := {path.resolve() for path in paths} & {
        Path(p).resolve() for p in pictures
    }:
        raise UserError(f"{clash.pop()}: --save_image would replace it; name another")
    return paths


def answer(result, args, target=None):
    """Print a Reading, and draw it to the path `target` if there is one."""
    if result.error:
        print(f"{result.file}: {result.error}", file=sys.stderr)
    if args.json:
        print(as_json(result, args.top))
    elif not result.error:
        print(as_line(result))
    if target and not result.error:
        save_image(result, target)
        if args.show:
            show(target)


def save_image(result, path):
    """Write the annotated picture of a Reading in the format of the path's ending."""
    _, content = cv2.imencode(path.suffix, annotate.annotate(result))
    files.write_bytes(path, content.tobytes())


def show(path):
    """Open a picture in the desktop's own viewer."""
    opener = {"darwin": "open", "win32": "explorer"}.get(sys.platform, "xdg-open")
    try:
        subprocess.Popen([opener, path], stderr=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise UserError(f"--show: there is no {opener} here; open {path}") from error


def parse_args(argv=None):
    """Return the parsed command line."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "images", nargs="+", metavar="IMAGE", help="a picture, or a folder of pictures"
    )
    parser.add_argument(
        "-w", "--weights", metavar="FILE", default=WEIGHTS, help="the model file"
    )
    parser.add_argument(
        "--json", action="store_true", help="print a JSON object a picture"
    )
    parser.add_argument(
        "--top",
        type=cli.number(int, 1, 10),
        metavar="K",
        default=3,
        help="guesses of each digit in --json",
    )
    parser.add_argument(
        "--threshold",
        type=cli.number(float, 0, 1),
        metavar="P",
        default=THRESHOLD,
        help="probability below which a digit is left out",
    )
    parser.add_argument(
        "--single", action="store_true", help="each picture holds exactly one digit"
    )
    parser.add_argument(
        "--save_image",
        metavar="PATH",
        help="draw what was read: a file, or a folder where there are many pictures",
    )
    parser.add_argument(
        "--show", action="store_true", help="open that picture in the desktop's viewer"
    )
    args = parser.parse_args(argv)
    ending = os.path.splitext(args.save_image or "")[1].lower()
    if ending and ending not in WRITABLE and not os.path.isdir(args.save_image):
        parser.error(f"--save_image: a picture ends in {', '.join(WRITABLE)}")
    if args.show and not args.save_image:
        args.save_image = os.path.join(tempfile.gettempdir(), "reading.png")
    return args


@cli.report_errors
def main(argv=None):
    """Read the pictures that the command line names; return the exit status."""
    args = parse_args(argv)
    pictures, failed = list_pictures(args.images)
    targets = image_paths(args.save_image, pictures) if args.save_image else []
    onnx, _ = network.read(args.weights)
    classifier = network.Network(onnx, args.weights)
    for result in failed:
        answer(result, args)
    bar = Progress("Reading", len(pictures)) if len(pictures) >= BAR_FROM else None
    results = reading.read_pictures(pictures, classifier, args.threshold, args.single)
    for result, target in itertools.zip_longest(results, targets):
        answer(result, args, target)
        failed += [result] if result.error else []
        if bar:
            bar.update()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
