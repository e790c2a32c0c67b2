"""Damaged labels.csv, read as --own and benchmarks/real_pictures.py read them."""

import os

import cv2
import numpy as np

from benchmarks import real_pictures
from benchmarks.draw_images import FOLDER as SAMPLES
from benchmarks.mutations import mutated_bytes, truncated
from benchmarks.outcomes import tallied
from digits.labels import TABLE
from digits.model import model_file
from digits.terminal import cli
from digits.training import own_pictures

COLUMNS = "file,reading,kind,source"
PICTURES = 12
LARGE = 2 << 30  # bytes
# What may stand in a cell.
CELLS = [
    "",
    "\0",
    "a\0.png",
    "../file/0.png",
    "/etc/hostname",
    "/dev/zero",
    "/dev/stdin",
    ".",
    "..",
    "/",
    "folder",
    "0.png/x",
    "link",
    "loop",
    "pipe",
    "x" * 5_000,
    "9" * 2_000,
    "9" * 200_000,
    "1\n2",
    "1/2",
    "٣",
    "\ud7ff\N{GRINNING FACE}",
    "=1+1",
    '"',
    "-",
]
COLUMN_NAMES = ["", "file", "\0", "\N{BYTE ORDER MARK}", "x" * 200_000]
ENCODINGS = "utf-16", "utf-8-sig", "latin-1", "utf-32", "cp037", "utf-7"


def rows():
    """Return the rows of labels.csv, lists of cells."""
    return [[f"{number}.png", "1", "digit", "me"] for number in range(PICTURES)]


def text_of(rows, columns=COLUMNS):
    """Return labels.csv with cells that need no quotes."""
    return "\n".join([columns, *map(",".join, rows)]) + "\n"


def other_bytes(random):
    """Damage the bytes, or cut them off."""
    change = mutated_bytes if random.random() < 0.7 else truncated
    return change(text_of(rows()).encode(), random)


def other_cell(random):
    """Let a cell hold something else."""
    changed = rows()
    row, column = random.integers(PICTURES), random.integers(4)
    changed[row][column] = CELLS[random.integers(len(CELLS))]
    return text_of(changed).encode()


def other_rows(random):
    """Let a row have another length, or all be missing."""
    changed = rows()
    row = random.integers(PICTURES)
    changed[row] = [[], ["0.png"], 9 * ["1"], 100_000 * ["1"]][random.integers(4)]
    return text_of(changed if random.random() < 0.8 else []).encode()


def other_columns(random):
    """Let a column be missing, named otherwise, or there twice."""
    names = COLUMNS.split(",")
    # random.choice would take "\0" for "".
    name = COLUMN_NAMES[random.integers(len(COLUMN_NAMES))]
    names[random.integers(4)] = name
    return text_of(rows(), ",".join(names)).encode()


def other_encoding(random):
    """Let the text be encoded otherwise."""
    return text_of([*rows(), ["é.png", "1", "digit", "é"]]).encode(
        str(random.choice(ENCODINGS))
    )


def open_quote(random):
    """Let a cell be quoted that does not end, for long."""
    tail = random.choice(["", "\n" * 200_000, "x" * 10**6, '""' * 10**6])
    return f'{COLUMNS}\n0.png,"1{tail}'.encode()


def many_rows(random):
    """Let there be rows by the million."""
    row = random.choice(["\n", "a\n", "a,1,b,c\n", "a,,b,\n", ",,,\n"])
    return COLUMNS.encode() + b"\n" + (10**6 * str(row)).encode()


KINDS = [
    other_bytes,
    other_cell,
    other_rows,
    other_columns,
    other_encoding,
    open_quote,
    other_cell,
    many_rows,
    None,  # no regular file
]


def no_file(path, random):
    """Make what is no file, or one of GiB without a block on the disk."""
    kind = random.integers(5)
    if kind == 0:
        path.mkdir()
    elif kind == 1:
        path.symlink_to(path)
    elif kind == 2:
        path.symlink_to("/dev/zero")
    elif kind == 3:
        path.symlink_to("pipe")
    else:
        path.write_bytes(b"")
        os.truncate(path, LARGE)


def facts(count, random):
    """Return {outcome: how many} of damaged tables."""
    sample = cv2.resize(np.asarray(cv2.imread(str(SAMPLES / "1a.jpg"))), (64, 64))

    def make(path, number):
        (path / "folder").mkdir(parents=True)
        for row in rows():
            cv2.imwrite(str(path / row[0]), sample)
        (path / "link").symlink_to("0.png")
        (path / "loop").symlink_to("loop")
        os.mkfifo(path / "pipe")
        change = KINDS[number % len(KINDS)]
        if change:
            (path / TABLE).write_bytes(change(random))
        else:
            no_file(path / TABLE, random)

    @cli.report_errors
    def read_own(argv):
        own_pictures.matched(argv[0], own_pictures.reader_of(model_file.SHIPPED))
        return 0

    @cli.report_errors
    def read_real(argv):
        real_pictures.read_labels(argv[0])
        return 0

    def read(path, number):
        is_own = number // len(KINDS) % 2 == 0
        return (read_own if is_own else read_real)([str(path)])

    # A line for each picture that is left out, and those of a bar.
    return tallied("labels", count, make, read, lines=PICTURES + 6)
