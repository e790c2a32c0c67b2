"""Damaged checkpoints of a small run, which tf_cnn.py resumes.

Those with the right SHA-256 are what somebody who wants to do harm would write. A run
that makes a step, or ends, has read its checkpoint.
"""

import hashlib
import io
import json
import os
import tempfile
from pathlib import Path
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # stderr is for our lines

import numpy as np

import tf_cnn
from benchmarks import mutations
from benchmarks.mutations import mutated_bytes, truncated
from benchmarks.outcomes import apart, resident, tallied
from digits.experiment import checkpoint, figures, resume
from digits.training import device, ensemble, export

IMPORTED = figures, device, ensemble, export  # before processes are forked
SMALL = "--dataset sklearn_digits --filters 4 8 8 --batch_size 700 --epochs 1 -s 0"
DIGEST = hashlib.sha256().digest_size
HEAD = f"{checkpoint.HEAD}/000000.npy"
BOMB = 2  # GiB
NUMBERS = -1, 0, 1, 2, 7, 10**6, 10**20, 0.5, 1e300, True
VALUES = [None, "", "text", [], {}, [[0]], "/", [1, 2, 3, 4, 5, 6], {"a": 1}]


def begin(folder):
    """Leave two checkpoints of a run in a folder, in this process, which ends."""
    keep = resume.Run.keep

    def keep_two(run):
        keep(run)
        if len(checkpoint.paths(run.folder)) == 2:
            os._exit(0)

    where = ["--checkpoint_seconds", "0", "--output_dir", str(folder)]
    with mock.patch.object(resume.Run, "keep", keep_two):
        tf_cnn.main([*SMALL.split(), *where])


def signed(content):
    """Return a checkpoint of the bytes of an .npz file, with the right SHA-256."""
    return hashlib.sha256(content).digest() + content


def damaged_and_signed(content, random):
    """Damage the arrays' archive, or cut it off."""
    change = mutated_bytes if random.random() < 0.7 else truncated
    return signed(change(content[DIGEST:], random))


def other_number(content, random):
    """Let a number of the head be another one."""

    def change(places):
        numbers = [
            (holder, key)
            for holder, key in places
            if type(holder[key]) in (int, float, bool)
        ]
        holder, key = numbers[random.integers(len(numbers))]
        holder[key] = NUMBERS[random.integers(len(NUMBERS))]

    return with_head(content, change)


def other_value(content, random):
    """Let a value of the head be of another type."""

    def change(places):
        holder, key = places[random.integers(len(places))]
        holder[key] = VALUES[random.integers(len(VALUES))]

    return with_head(content, change)


def no_value(content, random):
    """Leave out a value of the head."""

    def change(places):
        holder, key = places[random.integers(len(places))]
        del holder[key]

    return with_head(content, change)


def with_head(content, change):
    """Return a checkpoint after change(places) of all values in its head.

    A place is a dictionary or list, and a key or index of it.
    """
    parts = mutations.parts_of(content[DIGEST:])
    head = json.loads(str(np.load(io.BytesIO(parts[HEAD]))))
    places, holders = [], [head]
    for holder in holders:
        keys = range(len(holder)) if type(holder) is list else list(holder)
        places += [(holder, key) for key in keys]
        holders += [holder[key] for key in keys if type(holder[key]) in (list, dict)]
    change(places)
    parts[HEAD] = npy_of(np.array(json.dumps(head)))
    return signed(mutations.archive_of(parts))


def npy_of(array):
    """Return the bytes of a .npy file."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def other_array(content, random):
    """Let an array be of another kind, be missing, or have another name."""
    parts = mutations.parts_of(content[DIGEST:])
    name = str(random.choice(list(parts)))
    part, kind = parts.pop(name), random.integers(6)
    if kind < 3:
        parts[name] = mutations.other_array(part, random)
    elif kind == 3:
        parts[name] = npy_of(np.load(io.BytesIO(part)).astype(str))
    elif kind == 4:
        parts[f"other/{name}"] = part
    return signed(mutations.archive_of(parts))


def bombed(content, random):
    """Let an array have GiB of zeros, packed."""
    parts = mutations.parts_of(content[DIGEST:])
    name = str(random.choice(list(parts)))
    return signed(mutations.with_bomb(content[DIGEST:], name, parts[name], BOMB))


KINDS = [
    mutated_bytes,
    truncated,
    damaged_and_signed,
    other_number,
    other_value,
    no_value,
    other_array,
    other_number,
    other_value,
    bombed,
]


def facts(count, random):
    """Return {outcome: how many} of damaged checkpoints."""
    with tempfile.TemporaryDirectory() as name:
        apart(lambda: begin(Path(name)))
        newest, before = checkpoint.paths(Path(name, checkpoint.FOLDER))
        contents = newest.read_bytes(), before.read_bytes()

    def make(path, number):
        folder = path / checkpoint.FOLDER
        folder.mkdir(parents=True)
        damaged = KINDS[number % len(KINDS)](contents[0], random)
        (folder / newest.name).write_bytes(damaged)
        if random.random() < 0.2:
            (folder / before.name).write_bytes(contents[1])

    def read(path, _):
        with mock.patch.object(resume.Training, "step", lambda *_: os._exit(0)):
            return tf_cnn.main(["--resume", "--output_dir", str(path)])

    # Another line says on what a run trains, or which checkpoint is damaged.
    return tallied("checkpoints", count, make, read, lines=2, imported=resident())
