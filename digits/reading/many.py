"""Read thousands of pictures with a process on each core.

On small pictures OpenCV itself uses one core only.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from digits.reading import pipeline
from digits.reading.decode import WHOLE, Part
from digits.reading.pipeline import Reading
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
) -> Iterator[Reading]:
    """Yield the Readings of pipeline.read_pictures, in order, but without pictures.

    paths: any number, of which few are taken ahead; weights: the model file, which each
    process opens; threshold: 0 to 1. A picture that ends its process gives a Reading
    with an error.
    """
    arguments = weights, threshold, single, parts, may_be_turned

    def killed(chunk):
        if len(chunk) == 1:
            return [Reading(str(chunk[0]), error=KILLED)]
        halves = chunk[: len(chunk) // 2], chunk[len(chunk) // 2 :]
        found = pool.in_processes(_read, halves, _open, arguments, killed)
        return list(itertools.chain.from_iterable(found))

    chunks = _chunks(paths)
    for readings in pool.in_processes(_read, chunks, _open, arguments, killed):
        yield from readings


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
