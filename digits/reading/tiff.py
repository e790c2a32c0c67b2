"""The pages of a TIFF file, by the directory that each of them has."""

from collections.abc import Iterator
from typing import Literal

# The first bytes of TIFF and BigTIFF files: byte order; the bytes of an offset (the
# first stands behind as many), of a directory's count of entries, and of an entry.
KINDS: dict[bytes, tuple[Literal["little", "big"], int, int, int]] = {
    b"II*\0": ("little", 4, 2, 12),
    b"MM\0*": ("big", 4, 2, 12),
    b"II+\0": ("little", 8, 8, 20),
    b"MM\0+": ("big", 8, 8, 20),
}
SUBFILE_TYPE, NO_PAGE = 254, 0b101  # a tag; its bits of a thumbnail and of a mask


def is_tiff(content: bytes) -> bool:
    """Tell whether a file's content is a TIFF's."""
    return content[:4] in KINDS


def directories(content: bytes | bytearray) -> Iterator[int]:
    """Yield the offset of each page's directory in the content of a TIFF file.

    The first counts as a page in any case, others only if they are no thumbnail or
    mask of a page. The last may lie outside of a damaged file.
    """
    order, size, count_size, entry_size = KINDS[bytes(content[:4])]

    def integer(start, length):
        return int.from_bytes(content[start : start + length], order)

    offset = integer(size, size)
    yield offset
    visited = {0}  # 0 stands for the end
    while offset not in visited:
        visited.add(offset)
        entries = offset + count_size
        offset = integer(entries + integer(offset, count_size) * entry_size, size)
        first = offset + count_size  # entries are sorted by tag, and this one is least
        value = integer(first + entry_size - size, 4)
        is_page = integer(first, 2) != SUBFILE_TYPE or not value & NO_PAGE
        if is_page and offset not in visited:
            yield offset


def put_first(content: bytearray, offset: int) -> None:
    """Make the directory at an offset the first of a TIFF file's content.

    So OpenCV decodes any page alone and as it does a file of one page: its own
    functions for many pages walk through all earlier ones, and keep no metadata.
    """
    order, size, *_ = KINDS[bytes(content[:4])]
    content[size : 2 * size] = offset.to_bytes(size, order)
