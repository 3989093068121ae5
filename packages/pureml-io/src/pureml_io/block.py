"""A block of ArrayStorage: a zarr array as rows of the dtype that was written, and how rows become one."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

if TYPE_CHECKING:
    import zarr

OURS = "pureml_block"  # the attribute of blocks that were written here: {"dtype": NumPy's name of it}
CODED = {"U": np.uint32, "S": np.uint8, "M": np.int64, "m": np.int64}  # what a row of that kind is kept as
KINDS = "biufcSUMm"
HELD = "booleans, numbers up to 64 bits, text or dates"
SLAB = 8 << 20  # bytes that are packed at a time: many chunks, which zarr does in threads
MAX_CHUNK = 2**31 - 17  # bytes that Blosc takes
LEVEL = 3


class Block:
    """A zarr array as rows of the dtype that was written."""

    def __init__(self, array: zarr.Array[Any]) -> None:
        self.array = array
        if array.dtype.kind not in KINDS:
            raise ValueError(f"it holds {array.dtype}; a block holds {HELD}")
        own: Any = array.attrs.get(OURS)
        self.ours = own is not None
        self.dtype = np.dtype(own["dtype"] if self.ours else array.dtype).newbyteorder("=")
        self.coded = self.ours and self.dtype.kind in CODED
        if self.coded:  # (rows, ..., numbers of one value)
            base = np.dtype(CODED[self.dtype.kind])
            fits = array.dtype == base and array.shape[1:][-1:] == (self.dtype.itemsize // base.itemsize,)
        else:
            fits = array.dtype == self.dtype and array.ndim > 0
        if not fits:
            raise ValueError(f"its attribute says {self.dtype}, but it has the shape {array.shape} of {array.dtype}")
        self.rows: int = array.shape[0]
        self.shape: tuple[int, ...] = array.shape[1:-1] if self.coded else array.shape[1:]
        self.per_chunk: int = array.chunks[0]

    @property
    def per_slab(self) -> int:
        """How many rows to code at a time: whole chunks."""
        row = math.prod(self.shape) * self.dtype.itemsize
        return self.per_chunk * max(1, SLAB // max(1, row * self.per_chunk))

    def stored(self, rows: np.ndarray) -> np.ndarray:
        """Rows as the array holds them."""
        return np.ascontiguousarray(rows)[..., None].view(self.array.dtype) if self.coded else rows

    def number(self, i: Any) -> int:
        """A row's number, from 0."""
        from zarr.errors import BoundsCheckError

        if isinstance(i, bool | np.bool_):
            raise TypeError(f"read: given {i!r} as a number; for a mask, give np.flatnonzero of it")
        try:
            k = operator.index(i)
        except TypeError:
            raise TypeError(f"read: given {i!r}, needed a number, a slice, or a list of numbers") from None
        if not -self.rows <= k < self.rows:
            raise BoundsCheckError(f"read: given {k}, but the block {self.array.path!r} has {self.rows} arrays")
        return k % self.rows

    def rows_at(self, ids: Any) -> np.ndarray:
        """Rows by a number, a forward slice or an array of numbers, all within bounds."""
        from .stores import view, without_gaps

        array = view(self.array, store=without_gaps(self.array) if self.ours else None)
        rows = np.asarray(array.oindex[ids] if isinstance(ids, np.ndarray) else array[ids])
        if self.coded:
            return np.ascontiguousarray(rows).view(self.dtype)[..., 0]
        return rows.astype(self.dtype, copy=False)

    def seen_as(self, n: int) -> zarr.Array[Any]:
        """The array as if it had n rows; what is stored says otherwise."""
        from .stores import view

        return view(self.array, shape=(n, *self.array.shape[1:]))


def create(
    group: zarr.Group,
    name: str,
    dtype: np.dtype,
    shape: tuple[int, ...],
    per_chunk: int,
    *,
    rows: int = 0,
    level: int = LEVEL,
    overwrite: bool = False,
) -> zarr.Array[Any]:
    from zarr.codecs import BloscCodec, Crc32cCodec

    base = np.dtype(CODED.get(dtype.kind, dtype))
    inner = (*shape, dtype.itemsize // base.itemsize) if dtype.kind in CODED else shape
    chunks = (per_chunk, *(max(1, n) for n in inner))
    if (size := math.prod(chunks) * base.itemsize) > MAX_CHUNK:
        raise ValueError(
            f"write: {per_chunk} arrays of {dtype} {shape} make a chunk of {size} bytes, more than {MAX_CHUNK}; "
            "give a smaller arrays_per_chunk, or write parts of the arrays"
        )
    return group.create_array(
        name,
        shape=(rows, *inner),
        dtype=base,
        chunks=chunks,
        compressors=[
            BloscCodec(typesize=base.itemsize, cname="zstd", clevel=level, shuffle="shuffle"),
            Crc32cCodec(),
        ],
        attributes={OURS: {"dtype": dtype.str}},
        config={"write_empty_chunks": True},
        overwrite=overwrite,
    )


def is_left_over(array: zarr.Array[Any]) -> bool:
    """Whether it is what a first write leaves that was killed."""
    return array.shape[:1] == (0,) and OURS in array.attrs


def is_block(node: Any) -> TypeGuard[zarr.Array[Any]]:
    """Whether a node of a group is an array with rows, written to its end."""
    import zarr

    return isinstance(node, zarr.Array) and node.ndim > 0 and not is_left_over(node)


def tables(first: np.ndarray, arrays: Any, dtype: np.dtype, sizes: Iterator[int]) -> Iterator[np.ndarray]:
    """Tables (k, *shape) of so many arrays each, from one table, or from the first array and an iterator of the rest.

    What an iterator yields is copied at once: it may fill the same array again and again.
    """
    if isinstance(arrays, np.ndarray):
        start = 0
        while start < len(arrays):
            stop = start + next(sizes)
            yield arrays[start:stop].astype(dtype, copy=False)
            start = stop
        return
    rows = enumerate(itertools.chain([first], arrays))
    for size in sizes:
        table, k = np.empty((size, *first.shape), dtype), 0
        for i, given in itertools.islice(rows, size):
            a = row(given)
            if a.shape != first.shape or a.dtype != first.dtype:
                raise ValueError(
                    f"write: array {i} is {a.dtype} {a.shape}, but the first is {first.dtype} {first.shape}; "
                    "all must be alike"
                )
            table[k] = a
            k += 1
        if not k:
            return
        yield table[:k]


def row(given: Any) -> np.ndarray:
    """What is to be written as an array."""
    if isinstance(given, np.ma.MaskedArray):
        raise TypeError("write: given a masked array, whose mask would be lost; write given.filled(...)")
    return np.asarray(given)


def checked_dtype(dtype: np.dtype) -> np.dtype:
    if dtype.kind not in KINDS or dtype.itemsize == 0 or dtype.char in "gG":
        raise TypeError(f"write: given arrays of {dtype}; a block holds {HELD}")
    return dtype.newbyteorder("=")


def positive(method: str, what: str, given: Any) -> int:
    try:
        n = operator.index(given)
    except TypeError:
        raise TypeError(f"{method}: given {what} {given!r}, needed a positive integer") from None
    if n < 1:
        raise ValueError(f"{method}: given {what} {n}, needed at least 1")
    return n
