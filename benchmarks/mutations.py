"""How any file is damaged."""

import functools
import gzip
import io
import zipfile


def mutated_bytes(content, random):
    """Return a file with some other bytes, mostly at its start."""
    changed = bytearray(content)
    last = len(content) if random.random() < 0.3 else min(len(content), 4096)
    for place in random.integers(0, last, random.integers(1, 9)):
        changed[place] = random.integers(256)
    return bytes(changed)


def truncated(content, random):
    """Return the first bytes of a file."""
    return content[: random.integers(len(content))]


def with_parts(content, change, compression=zipfile.ZIP_STORED):
    """Return a ZIP archive whose parts went through change(name, part).

    A part is left out where that returns None.
    """
    made = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(made, "w", compression, compresslevel=1) as new,
    ):
        for name in old.namelist():
            part = change(name, old.read(name))
            if part is not None:
                new.writestr(name, part)
    return made.getvalue()


def with_part(content, name, part, compression=zipfile.ZIP_STORED):
    """Return a ZIP archive one of whose parts is another."""
    return with_parts(
        content, lambda own, old: part if own == name else old, compression
    )


def names_in(content):
    """Return the names of the parts of a ZIP archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.namelist()


def part_of(content, name):
    """Return a part of a ZIP archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(name)


@functools.cache
def gzip_bomb(gibibytes):
    """Return a .gz file of so many GiB of zeros."""
    member = gzip.compress(bytes(1 << 26), 1)  # files of several members may be joined
    return member * (16 * gibibytes)
