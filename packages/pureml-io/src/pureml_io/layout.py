"""How one array lies in an archive: its zarr v3 metadata, its grid of chunks, and the bytes of a chunk.

A chunk is little-endian C order, then Blosc (zstd, bits shuffled), then a crc32c of all that. Chunks at the edge are
padded with zeros to full size, as zarr wants it. What hardly shrinks is only wrapped by Blosc, not packed.
"""

from __future__ import annotations

import itertools
import math
import operator
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numcodecs import blosc  # type: ignore[import-untyped]
from numcodecs.checksum32 import CRC32C  # type: ignore[import-untyped]

from .container import ArchiveError, Reader, checksum

DTYPES = {
    name: np.dtype(np.dtype(name).newbyteorder("<").str)  # as NumPy itself writes it: marked only if not native
    for name in (
        *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        *("float16", "float32", "float64", "complex64", "complex128"),
    )
}
CHUNK = 2 << 20  # bytes that a chunk is cut to: enough of them to keep two threads busy, few enough to list
MAX_CHUNK = 64 << 20  # bytes that a chunk may claim
BLOSC = struct.Struct("<4B3I")  # its header: version, version of the codec, flags, item size, and three sizes in bytes
COPIED = 4 << 5 | 2 << 3 | 2  # flags: zstd, blocks whole, not packed at all
OVERHEAD = BLOSC.size + 4  # with the crc32c: what a chunk that does not shrink grows by

SAMPLE = 1 << 14  # bytes
WORTH = 0.8  # Random float32 mantissas leave 0.83 at best, and packing them is slower than a disk.

Part = tuple[Any, ...]  # slices and an ellipsis, which makes a part of a 0-d array a view of it too


@dataclass(frozen=True)
class Layout:
    """Where and how an array is stored: `path` in the archive, a dtype of `DTYPES`, its shape and that of a chunk."""

    path: str
    dtype: str
    shape: tuple[int, ...]
    chunks: tuple[int, ...]

    @property
    def grid(self) -> tuple[int, ...]:
        """How many chunks there are along each axis."""
        return tuple(-(-n // c) for n, c in zip(self.shape, self.chunks, strict=True))

    @property
    def chunk_nbytes(self) -> int:
        return math.prod(self.chunks) * DTYPES[self.dtype].itemsize

    def metadata(self, level: int) -> dict[str, Any]:
        """The content of the array's `zarr.json`."""
        kind, itemsize = DTYPES[self.dtype].kind, DTYPES[self.dtype].itemsize
        zero: Any = {"b": False, "f": 0.0, "c": [0.0, 0.0]}.get(kind, 0)
        packing = {"typesize": itemsize, "cname": "zstd", "clevel": level, "shuffle": "bitshuffle", "blocksize": 0}
        return {
            "zarr_format": 3,
            "node_type": "array",
            "shape": list(self.shape),
            "data_type": self.dtype,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(self.chunks)}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": zero,
            "codecs": [
                {"name": "bytes", "configuration": {"endian": "little"}},
                {"name": "blosc", "configuration": packing},
                {"name": "crc32c"},
            ],
            "attributes": {},
        }

    def pieces(self) -> Iterator[tuple[str, Part]]:
        """Every chunk: its name in the archive, and which part of the array it holds."""
        if 0 in self.grid:  # however long the other axes claim to be
            return
        for index in itertools.product(*map(range, self.grid)):
            name = "/".join([self.path, "c", *map(str, index)])
            yield name, (*(slice(i * c, (i + 1) * c) for i, c in zip(index, self.chunks, strict=True)), ...)

    def encode(self, array: np.ndarray, part: Part, level: int, *, sample: bool) -> tuple[list[Any], int]:
        """The stored bytes of one part of the array, in pieces, and their CRC-32.

        With `sample`, the part is packed only if a sample of it shrinks well.
        """
        piece = array[part]
        if piece.shape != self.chunks:
            padded = np.zeros(self.chunks, DTYPES[self.dtype])
            padded[tuple(slice(n) for n in piece.shape)] = piece
            piece = padded
        raw = np.ascontiguousarray(piece, DTYPES[self.dtype]).reshape(-1)
        if raw.dtype == bool:
            raw = raw.view(np.uint8) != 0  # np.empty and views make booleans of other bytes, which NumPy takes for true
        if level and (not sample or _worth(raw)):
            pieces = [blosc.compress(raw, b"zstd", level, blosc.BITSHUFFLE, 0)]
        else:
            sizes = raw.nbytes, min(raw.nbytes, 1 << 14), BLOSC.size + raw.nbytes
            pieces = [BLOSC.pack(2, 1, COPIED, raw.itemsize, *sizes), raw.view(np.uint8)]
        pieces.append(_crc32c(pieces))
        return pieces, checksum(pieces)

    def decode(self, archive: Reader, entry: str, array: np.ndarray, part: Part) -> None:
        """Read a chunk into its part of the array.

        Raises:
            ArchiveError: its bytes are damaged, or do not unpack to exactly one chunk.
        """
        target, size = array[part], archive.entries[entry].size
        whole = target.shape == self.chunks and target.flags.c_contiguous
        chunk = target if whole else np.empty(self.chunks, DTYPES[self.dtype])
        raw = chunk.reshape(-1).view(np.uint8)
        if size < OVERHEAD:
            raise ArchiveError(f"it has {size} bytes, needed at least {OVERHEAD}")
        copied = size == raw.nbytes + OVERHEAD  # then it is read to where it belongs
        packed = np.empty(BLOSC.size if copied else size - 4, np.uint8)
        pieces, crc = [packed, raw] if copied else [packed], bytearray(4)
        archive.read_into(entry, [*pieces, crc])
        if _crc32c(pieces) != crc:
            raise ArchiveError("its checksum is wrong: the data are damaged")
        # Blosc believes its header, so the header has to be right.
        version, _, flags, itemsize, nbytes, _, packed_nbytes = BLOSC.unpack(packed[: BLOSC.size].tobytes())
        if version != 2 or flags >> 5 != COPIED >> 5 or itemsize != DTYPES[self.dtype].itemsize:
            raise ArchiveError("it was not packed by Blosc with zstd")
        if nbytes != raw.nbytes or packed_nbytes != size - 4 or copied != bool(flags & 2):
            raise ArchiveError(f"it claims {nbytes} bytes packed into {packed_nbytes}, needed {raw.nbytes} "
                               f"packed into {size - 4}")  # fmt: skip
        if not copied:
            try:
                blosc.decompress(packed, raw)
            except RuntimeError as error:
                raise ArchiveError(f"it cannot be unpacked: {error}") from error
        if chunk.dtype == bool and raw.max() > 1:
            raise ArchiveError("it holds booleans that are neither true nor false")
        if not whole:
            target[...] = chunk[tuple(slice(n) for n in target.shape)]


def _crc32c(pieces: Sequence[Any]) -> bytes:
    crc = 0
    for data in pieces:
        crc = CRC32C.checksum(data, crc)
    return struct.pack("<I", crc)


def _worth(raw: np.ndarray) -> bool:
    """Whether packing pays: does a sample from four places of a chunk shrink enough, by LZ4, which takes no time?"""
    n = SAMPLE // 4 // raw.itemsize
    if len(raw) <= 4 * n:
        return True
    sample = np.concatenate([raw[at : at + n] for at in range(0, len(raw) - n + 1, (len(raw) - n) // 3)])
    return len(blosc.compress(sample, b"lz4", 1, blosc.BITSHUFFLE, 0)) < WORTH * sample.nbytes


def chunk_shape(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Chunks of up to `CHUNK` bytes, each a contiguous run of the array: ones, then part of an axis, then whole axes.

    >>> chunk_shape((4, 1000, 2000), 4)
    (1, 250, 2000)
    """
    room = CHUNK // itemsize
    chunks: list[int] = []
    for n in reversed(shape):
        parts = -(-max(n, 1) // max(room, 1))
        chunks.append(-(-max(n, 1) // parts))  # parts of equal size leave the least padding at the edge
        room = room // chunks[-1] if parts == 1 else 1
    return tuple(reversed(chunks))


def array_path(i: int, name: str) -> str:
    """Where the i-th array lies: under its own name if that is plain, so that it cannot lead elsewhere."""
    name = str.__str__(name)  # an enum's member would be formatted as something else
    plain = re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}", name) and not name.startswith("__")
    return name if plain and name not in ("zarr.json", "c") and not name.endswith(".") else f"%{i}"


def checked_level(where: str, given: Any) -> int:
    """A level of compression, 0 to 9.

    Raises:
        TypeError, ValueError: it is none.
    """
    try:
        level = operator.index(given)
    except TypeError:
        raise TypeError(f"{where}: given compression_level {given!r}, needed 0 to 9") from None
    if not 0 <= level <= 9:
        raise ValueError(f"{where}: given compression_level {level}, needed 0 to 9")
    return level
