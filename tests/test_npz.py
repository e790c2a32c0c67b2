import io
import struct
import zipfile

import numpy as np
import pytest

from digits.terminal import npz

ARRAYS = {"b": np.arange(5), "a": np.ones((2, 3), np.float32), "c": np.array("text")}


def saved(save=np.savez, **arrays):
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_are_read_in_their_order(save):
    found = npz.read(memoryview(saved(save, **ARRAYS)), 10_000)
    assert list(found) == ["b", "a", "c"]
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)


def test_a_bomb_is_not_unpacked():
    content = saved(np.savez_compressed, x=np.zeros(10**6, np.uint8))
    assert len(content) < 10_000
    assert len(npz.read(content, 10**6 + 128)["x"]) == 10**6
    with pytest.raises(ValueError, match="too large"):
        npz.read(content, 10**6)


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '|u1', 'fortran_order': False, 'shape': (1099511627776,)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (1 << 40,)}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
        "(" * 4000,
    ],
)
def test_headers_that_lie(header):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        start = b"\x93NUMPY\x01\0" + struct.pack("<H", len(header))
        archive.writestr("x.npy", start + header.encode() + bytes(8))
    with pytest.raises(npz.DAMAGE):
        npz.read(file.getvalue(), 10_000)


def test_an_object_is_no_array():
    content = saved(x=np.array([{}], object))
    with pytest.raises(ValueError, match="allow_pickle"):
        npz.read(content, 10_000)


@pytest.mark.parametrize("content", [b"", b"text", saved(x=np.arange(9))[:-30]])
def test_no_archive(content):
    with pytest.raises(npz.DAMAGE):
        npz.read(content, 10_000)
