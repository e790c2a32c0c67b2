"""How files of any kind are damaged, and those that are ZIP archives of arrays."""

import functools
import gzip
import io
import json
import struct
import zipfile
import zlib

ZEROS = 64 << 20  # bytes that are packed once: a bomb repeats them
HEADER_SIZE = 128  # bytes of the header that NumPy writes for a small array
NPY_HEADERS = [
    "{'descr': '|u1', 'fortran_order': False, 'shape': (1099511627776,)}",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (3, -1)}",
    "{'descr': '|u1', 'fortran_order': False, 'shape': ()}",
    "{'descr': '|u1', 'fortran_order': True, 'shape': (1 << 40,)}",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (0, 99999999999999)}",
    "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
    "{'descr': '<U100000000', 'fortran_order': False, 'shape': (5,)}",
    "{'descr': [('a', '<f8'), ('b', '|u1')], 'fortran_order': False, 'shape': (3,)}",
    "{'descr': 'é', 'fortran_order': 7, 'shape': [1.5]}",
    "__import__('os').system('true')",
    4000 * "(",
    "",
]


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


def other_array(npy, random):
    """Return a .npy file whose header is another one, or damaged."""
    header, numbers = npy[:HEADER_SIZE], npy[HEADER_SIZE:]
    if random.random() < 0.5:
        text = str(random.choice(NPY_HEADERS)).encode("latin-1")
        header = b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text
    else:
        header = mutated_bytes(header, random)
    return header + numbers


def changed_json(text, change):
    """Return JSON, as bytes, after change(objects) of those in it that have keys."""
    objects = []

    def keep(found):
        if found:
            objects.append(found)
        return found

    value = json.loads(text, object_hook=keep)
    change(objects)
    return json.dumps(value).encode()


def parts_of(archive):
    """Return {name: content} of the parts of a ZIP archive."""
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        return {name: file.read(name) for name in file.namelist()}


def archive_of(parts):
    """Return a ZIP archive with {name: content}, not compressed."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return made.getvalue()


def with_bomb(archive, name, start, gibibytes):
    """Return a ZIP archive one of whose parts is `start` and so many GiB of zeros."""
    made = io.BytesIO(
        archive_of({n: c for n, c in parts_of(archive).items() if n != name})
    )
    times = (gibibytes << 30) // ZEROS
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
    # After a full flush the next bytes need none of those before.
    packed += times * (packer.compress(bytes(ZEROS)) + packer.flush(zlib.Z_FULL_FLUSH))
    packed += packer.flush()
    check = zlib.crc32(start)
    for _ in range(times):
        check = zlib.crc32(bytes(ZEROS), check)
    with zipfile.ZipFile(made, "a") as file:
        file.writestr(name, packed)
        entry = file.getinfo(name)  # the directory is written at the end
        entry.compress_type, entry.CRC = zipfile.ZIP_DEFLATED, check
        entry.file_size = len(start) + times * ZEROS
    return made.getvalue()


@functools.cache
def bombed(archive, name, gibibytes):
    """Return a ZIP archive after whose part `name` so many GiB of zeros follow."""
    return with_bomb(archive, name, parts_of(archive)[name], gibibytes)


@functools.cache
def gzip_bomb(gibibytes):
    """Return a .gz file of so many GiB of zeros."""
    # Files that follow each other are one.
    return gzip.compress(bytes(ZEROS), 1) * ((gibibytes << 30) // ZEROS)
