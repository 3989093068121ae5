"""What ArrayStorage needs of zarr beyond its everyday use. Importing this module loads zarr."""

from __future__ import annotations

import dataclasses
from typing import Any

import zarr
from zarr.abc.store import ByteRequest, Store
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import StorePath, WrapperStore

from .blosc_guard import guarded
from .container import ArchiveError


class WithoutGaps(WrapperStore[Store]):
    """A store in which everything that is asked for must be there."""

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        value = await self._store.get(key, prototype, byte_range)
        if value is None:
            raise ArchiveError(f"{self._store}: the chunk {key!r} is missing")
        return value


def without_gaps(array: zarr.Array[Any]) -> WithoutGaps:
    """The store of an array, in which zarr would take a missing chunk for zeros."""
    return WithoutGaps(array.store_path.store)


def view(
    array: zarr.Array[Any], *, shape: tuple[int, ...] | None = None, store: Store | None = None
) -> zarr.Array[Any]:
    """An array by other metadata than those that are stored, or through another store; nothing is written.

    Its chunks are read by `blosc_guard`.
    """
    metadata: Any = guarded(dataclasses.replace(array.metadata, shape=array.shape if shape is None else shape))
    path = array.store_path if store is None else StorePath(store, array.path)
    return zarr.Array(zarr.AsyncArray(metadata, path, config={"write_empty_chunks": True}))
