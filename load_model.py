"""Read handwritten digits in any picture: photograph, scan or drawing, one or many.

    python3 load_model.py photo.jpg
    python3 load_model.py photo.jpg scans/ --json
    python3 load_model.py page.jpg --save_image reading.png --show

Prints a line for each picture or page: its name, its rows of digits separated by a
space, and the confidence of the least certain digit; or "no digit".
"""

import contextlib
import functools
import itertools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2

from digits import UsageError, UserError
from digits.model import model_file, onnx_file
from digits.reading import annotate, decode, formats, parts, pipeline
from digits.terminal import cli, files
from digits.terminal.lazy import LazyModule
from digits.terminal.progress import Progress
from digits.terminal.quiet import native_stderr_silenced

# Their imports take 20 ms; only MANY pictures need them.
appended = LazyModule("digits.reading.appended")
cluster = LazyModule("digits.terminal.cluster")
many = LazyModule("digits.reading.many")

MANY = 500  # pictures: from so many on, several processes are faster
HOST, PORT = "127.0.0.1", 8000  # where --browser serves its page
OF_BROWSER = {"browser", "host", "port", "weights", "export", "images"}  # its flags
BAR_FROM = 100  # pictures: from so many on, a progress bar is shown
INSTALLED = "read-digits"  # the name under which `pip install .` installs this script
WRITABLE = (".bmp", ".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp")


def writer(args):
    """Return a function from a Reading to the lines to print of it."""
    if args.format == "json":
        return functools.partial(formats.as_json, top=args.top)
    as_lines = formats.as_csv if args.format == "csv" else formats.as_text
    return functools.partial(as_lines, signs=args.signs)


def annotated_paths(target, pictures):
    """Return where the annotated copy of each of `pictures` goes, None for a folder.

    `target` is a file for one picture, or a folder, in which each gets its own name
    with the ending .png. Raises UsageError when a picture itself would be replaced.
    """
    drawn = [picture for picture in pictures if not os.path.isdir(picture)]
    if decode.ending_of(target) and not os.path.isdir(target):
        if len(drawn) > 1:
            raise UsageError(f"{target}: --save_image: many pictures need a folder")
        paths = [Path(target)] * len(drawn)
    else:
        paths = [Path(target, f"{name}.png") for name in unique_names(drawn)]
    read = set(map(files.real_path, drawn))
    for path in paths:
        if files.real_path(path) in read:
            raise UsageError(f"{path}: --save_image would replace it; name another")
    remaining = iter(paths)
    return [None if os.path.isdir(p) else next(remaining) for p in pictures]


def unique_names(paths):
    """Yield each path's name without its ending, numbered if another had it before."""
    used = set()
    for stem in (Path(path).stem for path in paths):
        name, count = stem, 1
        while name.lower() in used:  # a disk may not tell a from A
            count += 1
            name = f"{stem}-{count}"
        used.add(name.lower())
        yield name


def page_path(path, result):
    """Return the path of the annotated copy of a Reading: out[2].png of a second page.

    path: that of the whole file, or None.
    """
    if not (path and result.of_many):
        return path
    return path.with_stem(f"{path.stem}[{result.page}]")


def answer(result, args, target, taken):
    """Print a Reading, draw it to the path `target`, if any; return if both worked.

    taken: as save_image has it.
    """
    error = result.error
    for line in writer(args)(result):
        print(line)
    if target and not error:
        try:
            save_image(result, target, taken)
            if args.show:
                show(target)
                print(f"{result.name}: drawn in {target}", file=sys.stderr)
        except UserError as failure:
            error = failure
    if error:
        print(f"{result.name}: {error}", file=sys.stderr)
    return not error


def save_image(result, path, taken):
    """Write the annotated picture of a Reading in the format of the path's ending.

    taken: a set of the files that stay, pictures and copies; this one is added. Raises
    UserError when it is one of them, as out[2].png may be, and when it cannot be
    written.
    """
    if (real := files.real_path(path)) in taken:
        raise UserError(
            f"{path}: not drawn: a picture or another copy has this name; give "
            "--save_image another"
        )
    taken.add(real)
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


def serve(args):
    """Serve the page of --browser; raise UserError if its packages are missing."""
    try:
        from digits.browser import app
    except ModuleNotFoundError as error:
        raise UserError("--browser: pip install fastapi uvicorn") from error
    host = HOST if args.host is None else args.host
    port = PORT if args.port is None else args.port
    app.serve(pipeline.load_networks(args.weights), host, port)


def parts_of(args):
    """Return the parts of each picture that are to be read."""
    if args.fields is not None:
        return parts.fields(args.fields)
    return [args.crop] if args.crop else parts.WHOLE


def parse_args(argv=None):
    """Return the parsed command line."""
    parser = cli.parser(__doc__)
    if parser.prog == INSTALLED:
        parser.description = (__doc__ or "").replace("python3 load_model.py", INSTALLED)
    add_reading_flags(parser)
    add_output_flags(parser)
    add_service_flags(parser)
    args = parser.parse_args(argv)
    check_flags(parser, args)
    if args.show and not args.save_image:
        args.save_image = tempfile.mkdtemp(prefix="reading-")
    return args


def add_reading_flags(parser):
    """Add what is read, and how."""
    add = parser.add_argument
    add(
        "images",
        nargs="*",
        metavar="IMAGE",
        help="a picture, a folder of pictures (without its subfolders), or - for a "
        "picture on standard input",
    )
    add(
        "-w",
        "--weights",
        metavar="FILE",
        default=model_file.SHIPPED,
        help="the model file",
    )
    add(
        "--threshold",
        type=cli.number(float, 0, 1),
        metavar="P",
        default=pipeline.THRESHOLD,
        help="leave out digits and signs with a confidence below P (not with --single)",
    )
    add(
        "--single",
        action="store_true",
        help="each picture holds exactly one digit: read the likeliest",
    )
    add(
        "--files_from",
        metavar="FILE",
        help="read the pictures or folders that FILE names, one a line, however many; "
        "- is standard input",
    )
    cli.add_dask_flag(parser, "read")
    part = parser.add_mutually_exclusive_group()
    part.add_argument(
        "--crop",
        type=parts.crop,
        metavar="X,Y,W,H",
        help="read this part only, in pixels of the upright picture",
    )
    part.add_argument(
        "--fields",
        metavar="FILE",
        help="read the fields of forms: a CSV file with the columns name,x,y,w,h, in "
        "shares of the page's width and height",
    )


def add_output_flags(parser):
    """Add what is printed, written and shown of readings."""
    add = parser.add_argument
    add("--signs", action="store_true", help="print signs too: 22/11/2026, -3.14")
    add(
        "--format",
        choices=("text", "json", "csv"),
        default="text",
        help="a line of text or a JSON object per page, or a CSV row per number",
    )
    add(
        "--json",
        action="store_const",
        const="json",
        dest="format",
        help="the same as --format json",
    )
    add(
        "--top",
        type=cli.number(int, 1, 10),
        metavar="K",
        default=3,
        help="number of guesses that --json lists for each digit",
    )
    add(
        "--append",
        metavar="FILE",
        help="with --json: write to FILE; if it exists, continue where it ends",
    )
    add(
        "--save_image",
        metavar="PATH",
        help="save a copy with the reading drawn on it: to a file, or to a folder if "
        "PATH has no ending (needed for several pictures)",
    )
    add(
        "--show",
        action="store_true",
        help="open that copy in the desktop's viewer; without --save_image it is in a "
        "temporary folder",
    )


def add_service_flags(parser):
    """Add what serves the networks to people and programs."""
    add = parser.add_argument
    add(
        "--browser",
        action="store_true",
        help="open a web page to draw on and load pictures into; also a REST interface",
    )
    add(
        "--host",
        metavar="NAME",
        help=f"the name or address at which --browser serves the page ({HOST})",
    )
    add(
        "--port",
        type=cli.number(int, 0, 65535),
        metavar="N",
        help=f"the port of that page; 0: any free one ({PORT})",
    )
    add(
        "--export",
        metavar="FILE",
        help="write the digit networks as an ONNX file, for other programs",
    )


def check_flags(parser, args):
    """End with a message about flags that do not go together, or name no pictures."""
    has_stdin = decode.STDIN in args.images
    has_pictures = args.images or args.files_from is not None
    if not (has_pictures or args.export is not None or args.browser):
        parser.error("name a picture")
    if args.files_from is not None and (args.images or args.save_image or args.show):
        parser.error("--files_from: no pictures, --save_image or --show beside it")
    if args.dask is not None and (args.save_image or args.show or has_stdin):
        parser.error("--dask: no --save_image, --show or - beside it")
    if args.append is not None and args.format != "json":
        parser.error("--append needs --json: there each picture has a line")
    if not args.browser and (args.host is not None or args.port is not None):
        parser.error("--host and --port say where --browser serves its page: add it")
    if args.host == "":
        parser.error("--host needs a name or an address")
    if args.browser and has_pictures:
        parser.error("--browser takes pictures on its page: name none here")
    for name, value in vars(args).items() if args.browser else ():
        if name not in OF_BROWSER and value != parser.get_default(name):
            parser.error(f"--browser: no --{name} beside it")
    ending = decode.ending_of(args.save_image or "")
    if ending and ending not in WRITABLE and not os.path.isdir(args.save_image):
        parser.error(f"--save_image: a picture ends in {', '.join(WRITABLE)}")
    if args.export is not None and decode.ending_of(args.export) != ".onnx":
        parser.error(f"--export: {args.export}: an ONNX file ends in .onnx")
    if args.fields is not None and (args.save_image or args.show):
        parser.error("--save_image and --show draw whole pictures: not with --fields")


@cli.report_errors
def main(argv=None):
    """Read the pictures that the command line names; return the exit status."""
    args = parse_args(argv)
    if args.export is not None:
        onnx_file.export(args.weights, args.export)
        print(f"saved {args.export}", file=sys.stderr)
    if args.browser:
        serve(args)
        return 0
    read_parts = parts_of(args)
    if args.append is None:
        return read(args, read_parts)
    with contextlib.ExitStack() as stack:
        names = [part.name for part in read_parts]
        file, answered = stack.enter_context(appended.opened(args.append, names))
        stack.enter_context(contextlib.redirect_stdout(file))
        return read(args, read_parts, answered)


def read(args, read_parts, answered=None):
    """Read pictures and print answers; return the exit status.

    read_parts: of each picture; answered: the appended.Answered that --append has.
    """
    pictures, targets, total = pictures_of(args)
    may_be_turned = args.crop is None and args.fields is None  # these say what is up
    options = args.threshold, args.single, read_parts, may_be_turned
    # This tells of a damaged file before processes start.
    networks = pipeline.load_networks(args.weights)
    unread = appended.skipped(pictures, answered, args.append) if answered else pictures
    results = readings(args, unread, total, options, networks)
    begins, done = first_parts(read_parts), answered.count if answered else 0
    remaining, target = itertools.islice(targets, done, None), None
    taken = set(map(files.real_path, pictures)) if targets else set()
    is_all_read = not (answered and answered.has_errors)
    if args.format == "csv":
        print(formats.csv_header())
    with Progress("Reading", total if total and total >= BAR_FROM else 0) as bar:
        bar.update(done)
        for result in results:
            is_first = result.page == 1 and result.part in begins
            target = next(remaining, None) if is_first else target
            bar.clear()
            path = page_path(target, result)
            is_all_read &= answer(result, args, path, taken)
            bar.update(is_first)
    return 0 if is_all_read else 1


def readings(args, pictures, total, options, networks):
    """Yield the Readings of pictures, by this process, several, or a cluster's workers.

    total: how many there are, or None; options: the arguments of
    pipeline.read_pictures behind its networks.
    """
    # Standard input, and what is drawn, belong to this process.
    is_alone = args.save_image or decode.STDIN in args.images
    if args.dask is not None:
        with cluster.connected(args.dask) as client:
            workers = cluster.Cluster(client)
            yield from many.read_pictures(pictures, args.weights, *options, workers)
    elif total is None or (total >= MANY and not is_alone):
        yield from many.read_pictures(pictures, args.weights, *options)
    else:
        yield from pipeline.read_pictures(pictures, networks, *options)


def pictures_of(args):
    """Return the paths to read, where annotated copies go, and how many there are.

    Of --files_from, paths are an iterator, and their number is None.
    """
    if args.files_from is not None:
        return listed(args.files_from), [], None
    pictures = pipeline.list_pictures(args.images)
    targets = annotated_paths(args.save_image, pictures) if args.save_image else []
    return pictures, targets, len(pictures)


def listed(path):
    """Yield the pictures that a file names, one or a folder of them a line.

    path: "-" is standard input. Raises UserError when it cannot be read.
    """
    if path == decode.STDIN and sys.stdin is None:
        raise UserError("standard input cannot be read: it is closed")
    try:
        source = sys.stdin.fileno() if path == decode.STDIN else path
        # A name need not be valid text.
        with open(source, encoding="utf-8-sig", errors="surrogateescape") as lines:
            for line in lines:
                if name := line.rstrip("\r\n"):
                    yield from pipeline.list_pictures([name])
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error


def first_parts(read_parts):
    """Return the names of parts with which the answers of a picture begin."""
    return "", read_parts[0].name  # a file that cannot be read has no parts


if __name__ == "__main__":
    sys.exit(main())
