"""Read thousands of pictures with a process on each core.

On small pictures OpenCV itself uses one core only.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from digits.reading import pipeline
from digits.reading.decode import WHOLE, Part
from digits.reading.pipeline import Reading
from digits.terminal import pool

WORKER = {}  # what each process keeps: the arguments of pipeline.read_pictures


def read_pictures(
    paths: Sequence[str | Path],
    weights: str | Path,
    threshold: float,
    single: bool = False,
    parts: Sequence[Part] = WHOLE,
    may_be_turned: bool = True,
) -> Iterator[Reading]:
    """Yield the Readings of pipeline.read_pictures, in order, but without pictures.

    weights: the model file, which each process opens; threshold: 0 to 1. Raises
    UserError as `pool.in_processes` does.
    """
    count = pipeline.PICTURES_AT_ONCE
    chunks = [paths[first : first + count] for first in range(0, len(paths), count)]
    arguments = weights, threshold, single, parts, may_be_turned
    for readings in pool.in_processes(_read, chunks, _open, arguments):
        yield from readings


def _open(weights, *arguments):
    # The processes share the cores: one thread each.
    networks = pipeline.load_networks(weights, threads=1)
    WORKER["arguments"] = networks, *arguments


def _read(paths):
    readings = pipeline.read_pictures(paths, *WORKER["arguments"])
    return [reading._replace(picture=None) for reading in readings]
