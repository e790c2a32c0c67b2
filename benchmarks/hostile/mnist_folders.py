"""Damaged folders of MNIST's files, read by digits.mnist.

The files are small made-up ones, whose checksums stand for MNIST's: few damaged files
would be read at all if the true ones were.
"""

import functools
import gzip
import hashlib
import io
import os
import struct

import numpy as np

from benchmarks import mutations
from benchmarks.mutations import mutated_bytes, truncated
from benchmarks.outcomes import tallied
from digits import mnist
from digits.terminal import cli

IMAGES = 200
NPZ = "mnist.npz"
BOMB = 4  # GiB


def made_up():
    """Return {name: content} of four IDX files."""
    random = np.random.default_rng(0)
    shape = IMAGES, 28, 28
    images = struct.pack(">4i", 0x803, *shape) + random.bytes(int(np.prod(shape)))
    labels = struct.pack(">2i", 0x801, IMAGES) + bytes(range(10)) * (IMAGES // 10)
    return {name: images if "images" in name else labels for name in mnist.SHA256}


def npz_of(contents):
    """Return Keras's mnist.npz with the arrays of IDX files."""
    file = io.BytesIO()
    arrays = map(mnist.parse_idx, contents.values())
    np.savez_compressed(file, **dict(zip(mnist.NPZ_ARRAYS, arrays, strict=True)))
    return file.getvalue()


class Maker:
    """Writes damaged folders."""

    def __init__(self, random):
        self.random, self.contents = random, made_up()
        self.npz = npz_of(self.contents)
        self.kinds = [
            self.changed_header,
            self.changed_idx,
            self.changed_gzip,
            self.bomb,
            self.link,
            self.swapped,
            self.changed_npz,
            self.npz_array,
            self.npz_bomb,
            self.qmnist,
        ]

    def __call__(self, path, number):
        """Make the folder of a number at a path."""
        path.mkdir()
        self.kinds[number % len(self.kinds)](path)

    def one(self):
        """Return the name of one of the four files."""
        return str(self.random.choice(list(self.contents)))

    def write(self, folder, **others):
        """Write the four files, of which some have another content, or none."""
        for name, content in (self.contents | others).items():
            if content is not None:
                (folder / name).write_bytes(content)

    def changed_header(self, folder):
        """Let the header of an IDX file lie."""
        name = self.one()
        content = bytearray(self.contents[name])
        content[int(self.random.integers(16))] = int(self.random.integers(256))
        self.write(folder, **{name: bytes(content)})

    def changed_idx(self, folder):
        """Damage an IDX file, or cut it off."""
        name = self.one()
        change = mutated_bytes if self.random.random() < 0.5 else truncated
        self.write(folder, **{name: change(self.contents[name], self.random)})

    def changed_gzip(self, folder):
        """Damage a packed IDX file, or cut it off."""
        name = self.one()
        change = mutated_bytes if self.random.random() < 0.5 else truncated
        packed = change(gzip.compress(self.contents[name]), self.random)
        self.write(folder, **{name: None, f"{name}.gz": packed})

    def bomb(self, folder):
        """Let a packed IDX file be one of GiB."""
        name = self.one()
        self.write(folder, **{name: None, f"{name}.gz": mutations.gzip_bomb(BOMB)})

    def link(self, folder):
        """Let a file be a link: to itself, a folder, a device, or another one."""
        name = self.one()
        self.write(folder, **{name: None, "true": self.contents[name]})
        targets = name, "true", ".", "/dev/zero", "/etc/hostname", "/proc/self/mem"
        (folder / name).symlink_to(str(self.random.choice(targets)))

    def swapped(self, folder):
        """Let files be in each other's place."""
        order = self.random.permutation(len(self.contents))
        names, contents = list(self.contents), list(self.contents.values())
        self.write(
            folder, **{n: contents[o] for n, o in zip(names, order, strict=True)}
        )

    def changed_npz(self, folder):
        """Damage mnist.npz, or cut it off."""
        change = mutated_bytes if self.random.random() < 0.7 else truncated
        (folder / NPZ).write_bytes(change(self.npz, self.random))

    def npz_array(self, folder):
        """Let an array of mnist.npz be of another kind, or its header lie."""
        parts = mutations.parts_of(self.npz)
        name = str(self.random.choice(list(parts)))
        parts[name] = mutations.other_array(parts[name], self.random)
        (folder / NPZ).write_bytes(mutations.archive_of(parts))

    def npz_bomb(self, folder):
        """Let an array of mnist.npz be one of GiB."""
        (folder / NPZ).write_bytes(self.large_npz)

    @functools.cached_property
    def large_npz(self):
        """mnist.npz whose first array has GiB of zeros."""
        start = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            start, {"descr": "|u1", "fortran_order": False, "shape": (BOMB << 30,)}
        )
        return mutations.with_bomb(self.npz, "x_train.npy", start.getvalue(), BOMB)

    def qmnist(self, folder):
        """Add files that have QMNIST's names."""
        self.write(folder)
        images, labels = mnist.QMNIST_MD5
        (folder / labels).write_bytes(gzip.compress(b"labels"))
        (folder / images).write_bytes(self.random.bytes(100))
        if self.random.random() < 0.5:
            os.truncate(folder / images, BOMB << 30)  # without a block on the disk


def facts(count, random):
    """Return {outcome: how many} of damaged folders."""
    maker = Maker(random)
    digests = {
        name: hashlib.sha256(content).hexdigest()
        for name, content in maker.contents.items()
    }

    @cli.report_errors
    def read(argv):
        mnist.SHA256.update(digests)
        mnist.read_qmnist(argv[0])
        mnist.read_mnist(argv[0])
        return 0

    return tallied("mnist", count, maker, lambda path, _: read([path]))
