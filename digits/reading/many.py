"""Read thousands of pictures with a process on each core, or on a cluster's workers.

On small pictures OpenCV itself uses one core only.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from digits.reading import pipeline
from digits.reading.parts import WHOLE, Part
from digits.reading.result import Reading
from digits.terminal import pool

KILLED = "reading it ended a process: out of memory, or damaged"
WORKER = {}  # what each process keeps: the arguments of pipeline.read_pictures


def read_pictures(
    paths: Iterable[str | Path],
    weights: str | Path,
    threshold: float,
    single: bool = False,
    parts: Sequence[Part] = WHOLE,
    may_be_turned: bool = True,
    workers: Any = pool,
) -> Iterator[Reading]:
    """Yield the Readings of pipeline.read_pictures, in order, but without pictures.

    paths: any number, of which few are taken ahead; weights: the model file, which each
    process opens; threshold: 0 to 1; workers: the pool, or a cluster.Cluster. A picture
    that ends its process gives a Reading with an error.
    """
    arguments = weights, threshold, single, parts, may_be_turned

    def read(chunks, killed):
        found = workers.in_processes(_read, chunks, _open, arguments, killed)
        return itertools.chain.from_iterable(found)

    def killed(chunk):
        return list(read(([picture] for picture in chunk), killed_alone))

    def killed_alone(chunk):
        return [Reading(str(chunk[0]), error=KILLED)]

    yield from read(_chunks(paths), killed)


def _chunks(paths):
    paths = iter(paths)
    while chunk := list(itertools.islice(paths, pipeline.PICTURES_AT_ONCE)):
        yield chunk


def _open(weights, *arguments):
    # The processes share the cores: one thread each.
    networks = pipeline.load_networks(weights, threads=1)
    WORKER["arguments"] = networks, *arguments


def _read(paths):
    readings = pipeline.read_pictures(paths, *WORKER["arguments"])
    return [reading._replace(picture=None) for reading in readings]
