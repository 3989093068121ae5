"""IDX files, the format of MNIST and its relatives."""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from pathlib import Path
from typing import IO, cast

import numpy as np

_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP = b"\x1f\x8b"
_DEFLATE = 1032  # the most bytes that gzip makes of one
_PART = 1 << 24


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """The array in an IDX file (LeCun, Cortes & Burges 1998), which may be compressed by gzip, in native byte order.

    A header of 0, 0, the dtype, the number of axes and their lengths, and then the values, all big-endian. The header
    is not trusted: memory grows only as values are found to be there.

    Raises:
        ValueError: the file is not of this format, shorter or longer than its header says, or damaged.
    """
    path = Path(path)
    size = path.stat().st_size
    with open(path, "rb") as file:
        packed = file.read(2) == _GZIP
        file.seek(0)
        if not packed:
            return _read(path, file, size)
        try:
            with gzip.open(file) as content:
                return _read(path, cast(IO[bytes], content), size * _DEFLATE)
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise ValueError(f"{path}: damaged gzip file ({error})") from error


def _read(path: Path, file: IO[bytes], most: int) -> np.ndarray:
    """The array in a file of `most` bytes or fewer."""
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in _DTYPES:
        raise ValueError(f"{path}: not an IDX file: it begins with {start!r}, needed two zero bytes and a known dtype")
    ndim = start[3]
    lengths = file.read(4 * ndim)
    if len(lengths) < 4 * ndim:
        raise ValueError(f"{path}: ends within its header, which is to name {ndim} axes")
    shape = struct.unpack(f">{ndim}I", lengths)
    dtype = np.dtype(_DTYPES[start[2]])
    needed = dtype.itemsize
    for length in shape:
        needed *= length
    values = bytearray()
    if 4 + 4 * ndim + needed <= most:
        while part := file.read(min(needed + 1 - len(values), _PART)):
            values += part
    if len(values) != needed:
        found = "more" if len(values) > needed else f"{len(values):,}" if values or not needed else "fewer"
        raise ValueError(f"{path}: {dtype} of shape {shape} takes {needed:,} bytes, the file holds {found}")
    try:
        return np.frombuffer(values, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)
    except ValueError as error:  # more axes, or in an empty array longer ones, than NumPy has
        raise ValueError(f"{path}: {dtype} of shape {shape} is not possible in NumPy: {error}") from None
