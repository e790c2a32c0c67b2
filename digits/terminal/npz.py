"""NumPy's archives of arrays, .npz, which may be damaged or made to do harm."""

import io
import lzma
import tokenize
import zipfile
import zlib

import numpy as np

# What zipfile, NumPy, skops and scikit-learn raise on damaged content.
DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    lzma.LZMAError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


def read(content: bytes | memoryview, largest: int) -> dict[str, np.ndarray]:
    """Return {name: array} of the bytes of an .npz file, in the order of the file.

    largest: bytes that all may have. Raises one of DAMAGE where they have more, and
    where the file is damaged.
    """
    file = io.BytesIO(content)
    with zipfile.ZipFile(file) as archive:
        check_size(archive, largest)
    with np.load(file, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def check_size(archive: zipfile.ZipFile, largest: int) -> None:
    """Raise ValueError where an archive would be larger than so many bytes, unpacked.

    zipfile unpacks no more of a part than the directory says.
    """
    if sum(entry.file_size for entry in archive.infolist()) > largest:
        raise ValueError("unpacked it is too large")
