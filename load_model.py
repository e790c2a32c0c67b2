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

from digits import (
    UsageError,
    UserError,
    annotate,
    cli,
    decode,
    files,
    network,
    reading,
)
from digits.lazy import LazyModule
from digits.progress import Progress
from digits.quiet import native_stderr_silenced

# It costs a cold start 20 ms that one picture does not need.
parallel = LazyModule("digits.parallel")

MANY = 500  # pictures: from here on more processes are worth their start
BAR_FROM = 100  # pictures: fewer are read before a progress bar would help
WRITABLE = (".bmp", ".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp")


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
            "top": [[guess, round(p, 4)] for guess, p in digit.guesses(top)],
        }
        for digit in result.digits
    ]
    return json.dumps({"file": result.file, "rows": result.rows, "digits": found})


def image_paths(target, pictures):
    """Return where the annotated picture of each of `pictures` goes.

    `target` is a file for one picture, or a folder, in which each gets its own name
    with the ending .png. Raises UsageError when a picture itself would be replaced.
    """
    if decode.ending_of(target) and not os.path.isdir(target):
        if len(pictures) > 1:
            raise UsageError(f"{target}: --save_image: many pictures need a folder")
        paths = [Path(target)]
    else:
        paths = [Path(target, f"{name}.png") for name in unique_names(pictures)]
    read = {os.path.realpath(picture) for picture in pictures}
    for path in paths:
        if os.path.realpath(path) in read:
            raise UsageError(f"{path}: --save_image would replace it; name another")
    return paths


def unique_names(paths):
    """Yield each path's name without its ending, numbered where it was there before."""
    used = set()
    for stem in (Path(path).stem for path in paths):
        name, count = stem, 1
        while name.lower() in used:  # a disk may not tell a from A
            count += 1
            name = f"{stem}-{count}"
        used.add(name.lower())
        yield name


def answer(result, args, target=None):
    """Print a Reading, and draw it to `target` if that is a path; return if it went."""
    error = result.error
    if args.json:
        print(as_json(result, args.top))
    elif not error:
        print(result.as_line())
    if target and not error:
        try:
            save_image(result, target)
            if args.show:
                show(target)
        except UserError as failure:
            error = failure
    if error:
        print(f"{result.file}: {error}", file=sys.stderr)
    return not error


def save_image(result, path):
    """Write the annotated picture of a Reading in the format of the path's ending.

    Raises UserError when it cannot be written.
    """
    picture = annotate.annotate(result)
    try:
        with native_stderr_silenced():
            is_encoded, content = cv2.imencode(path.suffix, picture)
    except cv2.error:
        is_encoded = False
    if not is_encoded:
        raise UserError(f"{path}: too large for this format; name a .png")
    files.write_bytes(path, content.tobytes())


def show(path):
    """Open a picture in the desktop's own viewer; raise UserError if there is none."""
    opener = {"darwin": "open", "win32": "explorer"}.get(sys.platform, "xdg-open")
    nowhere = subprocess.DEVNULL
    try:
        subprocess.Popen([opener, path], stdout=nowhere, stderr=nowhere)
    except OSError as error:
        raise UserError(f"--show: there is no {opener} here; open {path}") from error


def parse_args(argv=None):
    """Return the parsed command line."""
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("images", nargs="+", metavar="IMAGE", help="a picture, or a folder of pictures")
    add(
        "-w",
        "--weights",
        metavar="FILE",
        default=network.SHIPPED,
        help="the model file",
    )
    add("--json", action="store_true", help="print a JSON object a picture")
    add(
        "--top",
        type=cli.number(int, 1, 10),
        metavar="K",
        default=3,
        help="guesses of each digit in --json",
    )
    add(
        "--threshold",
        type=cli.number(float, 0, 1),
        metavar="P",
        default=reading.THRESHOLD,
        help="probability below which a digit is left out",
    )
    add("--single", action="store_true", help="each picture holds exactly one digit")
    add(
        "--save_image", metavar="PATH", help="draw what was read: to a file or a folder"
    )
    add("--show", action="store_true", help="open that in the desktop's viewer")
    args = parser.parse_args(argv)
    ending = decode.ending_of(args.save_image or "")
    if ending and ending not in WRITABLE and not os.path.isdir(args.save_image):
        parser.error(f"--save_image: a picture ends in {', '.join(WRITABLE)}")
    if args.show and not args.save_image:
        args.save_image = tempfile.mkdtemp(prefix="reading-")
    return args


@cli.report_errors
def main(argv=None):
    """Read the pictures that the command line names; return the exit status."""
    args = parse_args(argv)
    pictures, failed = reading.list_pictures(args.images)
    targets = image_paths(args.save_image, pictures) if args.save_image else []
    classifier = network.load(args.weights)
    went = [answer(result, args) for result in failed]
    how = args.threshold, args.single
    if len(pictures) >= MANY and not targets:
        results = parallel.read_pictures(pictures, args.weights, *how)
    else:
        results = reading.read_pictures(pictures, classifier, *how)
    total = len(pictures) if len(pictures) >= BAR_FROM else 0
    with Progress("Reading", total) as bar:
        for result, target in itertools.zip_longest(results, targets):
            bar.clear()
            went.append(answer(result, args, target))
            bar.update()
    return 0 if all(went) else 1


if __name__ == "__main__":
    sys.exit(main())
