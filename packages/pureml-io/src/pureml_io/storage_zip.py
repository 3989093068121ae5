"""A storage as one zip file."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .atomic import replacing
from .block import Block, create


def write_zip(
    target: Path,
    attributes: dict[str, Any],
    blocks: Mapping[str, Block],
    rows: Callable[[Block, slice], np.ndarray],
    level: int,
) -> None:
    """Write attributes and blocks into a zip, whole or not at all; missing folders are made.

    No more than a slab of rows is in memory.

    Args:
        rows: reads rows of a block.
        level: of compression, 0 to 9.
    """
    import zarr
    from zarr.storage import MemoryStore

    files: dict[str, Any] = {}  # what has been coded and is not yet in the zip
    copy = zarr.create_group(MemoryStore(files), attributes=attributes, zarr_format=3)
    arrays = {
        name: create(copy, name, block.dtype, block.shape, block.per_chunk, rows=block.rows, level=level)
        for name, block in blocks.items()
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as file, zipfile.ZipFile(file, "w") as archive:
        _move(files, archive)
        for name, block in blocks.items():
            for start in range(0, block.rows, block.per_slab):
                part = slice(start, min(start + block.per_slab, block.rows))
                arrays[name][part] = Block(arrays[name]).stored(rows(block, part))
                _move(files, archive)


def _move(files: dict[str, Any], archive: zipfile.ZipFile) -> None:
    """Put files into a zip, dated 1980 so that equal storages make equal zips, and forget them."""
    for name in sorted(files):
        entry = zipfile.ZipInfo(name)
        entry.external_attr = 0o644 << 16
        archive.writestr(entry, files.pop(name).to_bytes())
