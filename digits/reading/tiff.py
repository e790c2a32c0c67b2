"""The pages of a TIFF file, by the directory that each of them has."""

from collections.abc import Iterator
from typing import Literal, NamedTuple


class Kind(NamedTuple):
    """A kind of TIFF files: their byte order, and the bytes of what they hold.

    offset: of an offset, the first of which stands behind as many bytes; count: of a
    directory's count of entries; entry: of an entry.
    """

    order: Literal["little", "big"]
    offset: int
    count: int
    entry: int


KINDS = {  # by the first bytes of a file: TIFF's, then BigTIFF's
    b"II*\0": Kind("little", 4, 2, 12),
    b"MM\0*": Kind("big", 4, 2, 12),
    b"II+\0": Kind("little", 8, 8, 20),
    b"MM\0+": Kind("big", 8, 8, 20),
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
    kind = KINDS[bytes(content[:4])]

    def integer(start, length):
        return int.from_bytes(content[start : start + length], kind.order)

    offset = integer(kind.offset, kind.offset)
    yield offset
    visited = {0}  # 0 stands for the end
    while offset not in visited:
        visited.add(offset)
        entries = offset + kind.count
        end = entries + integer(offset, kind.count) * kind.entry
        offset = integer(end, kind.offset)
        first = offset + kind.count  # entries are sorted by tag, and this one is least
        value = integer(first + kind.entry - kind.offset, 4)
        is_page = integer(first, 2) != SUBFILE_TYPE or not value & NO_PAGE
        if is_page and offset not in visited:
            yield offset


def put_first(content: bytearray, offset: int) -> None:
    """Make the directory at an offset the first of a TIFF file's content.

    So OpenCV decodes any page alone and as it does a file of one page: its own
    functions for many pages walk through all earlier ones, and keep no metadata.
    """
    kind = KINDS[bytes(content[:4])]
    place = slice(kind.offset, 2 * kind.offset)
    content[place] = offset.to_bytes(kind.offset, kind.order)
