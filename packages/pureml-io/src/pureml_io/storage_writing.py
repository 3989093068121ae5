"""What is written into a storage: blocks for new rows, rows behind the last one, attributes."""

from __future__ import annotations

import datetime
import itertools
import json
import warnings
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np

from .block import Block, checked_dtype, create, is_block, is_left_over, positive, tables
from .storage_names import name_parts

if TYPE_CHECKING:
    import zarr


def block_for(
    root: zarr.Group, name: str, first: np.ndarray, per_chunk: int | None, sound: AbstractContextManager[None]
) -> Block:
    """The block of that name, which takes rows like the first; made if it is not there.

    Args:
        sound: within it, what zarr finds damaged is the storage's own error.

    Raises:
        RuntimeError: the block has rows of another shape or dtype, or another number of them in a chunk.
        ValueError: no block can have this name beside those that there are.
        TypeError: no block can hold the first row.
    """
    import zarr

    dtype, shape = checked_dtype(first.dtype), first.shape
    if per_chunk is not None:
        per_chunk = positive("write", "arrays_per_chunk", per_chunk)
    parts = name_parts(name)
    with sound:
        above = ["/".join(parts[:i]) for i in range(1, len(parts))]
        inside = [of for of in above if isinstance(root.get(of), zarr.Array)]
        found = root.get(name)
        block = Block(found) if is_block(found) else None
        around = isinstance(found, zarr.Group) and any(isinstance(x, zarr.Array) for _, x in found.members(None))
    if inside:
        raise ValueError(f"write: the block {name!r} would be inside the block {inside[0]!r}; rename one")
    if around:
        raise ValueError(f"write: there are blocks named {name}/..., so that none can be named {name!r}")
    if block is None and isinstance(found, zarr.Array) and not is_left_over(found):
        raise ValueError(f"write: {name!r} is an array without rows; choose another name")
    if block is not None:
        for what, given, needed in (
            ("shape", shape, block.shape),
            ("dtype", dtype, block.dtype),
            ("arrays_per_chunk", block.per_chunk if per_chunk is None else per_chunk, block.per_chunk),
        ):
            if given != needed:
                raise RuntimeError(f"write: given {what} {given} for the block {name!r}, which has {needed}")
        return block
    if per_chunk is None:
        warnings.warn(f"write: the new block {name!r} gets arrays_per_chunk=10; say how many", RuntimeWarning, 3)
        per_chunk = 10
    return Block(create(root, name, dtype, shape, per_chunk, overwrite=True))


def append(root: zarr.Group, block: Block, first: np.ndarray, arrays: Any) -> None:
    """Write arrays behind the last row of a block, then say that they are there; or leave it as it was.

    Args:
        arrays: a table, or an iterator of those after the first.
    """
    old = end = block.rows
    inner = block.array.shape[1:]
    sizes = itertools.chain([block.per_slab - old % block.per_chunk], itertools.repeat(block.per_slab))
    try:
        for table in tables(first, arrays, block.dtype, sizes):
            start, end = end, end + len(table)
            block.seen_as(end)[start:end] = block.stored(table)  # behind the last row: nobody sees it
        block.array.resize((end, *inner))  # everybody does
    except BaseException:
        if old or not block.ours:
            block.seen_as(end).resize((old, *inner))  # and drop the chunks behind
        else:
            del root[block.array.path]
        raise


def plain(x: Any) -> Any:
    """A value with what JSON has no word for as a list or text."""
    if isinstance(x, np.ndarray | np.generic):
        return plain(x.tolist())
    if isinstance(x, tuple | list):
        return [plain(item) for item in x]
    if isinstance(x, set | frozenset):
        items = [plain(item) for item in x]
        return sorted(items, key=json.dumps if len({type(item) for item in items}) > 1 else None)
    if isinstance(x, dict):
        return {key: plain(value) for key, value in x.items()}
    if isinstance(x, datetime.date):
        return x.isoformat()
    return x
