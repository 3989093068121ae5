"""npz: NumPy's own zip of arrays, read without pickle."""

from __future__ import annotations

import zipfile
from os import PathLike
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from ..archive_reading import check_size
from ..atomic import replacing
from ..container import ArchiveError
from .tensors import arrays_of, numbers, reading, refuse_pickle

DEFLATE = 1032  # bytes that deflate can make of one
NAME, PIECE = 0xFFFF, 1 << 20  # bytes: of a name at most, and read at once


def save_npz(obj: Any, path: str | PathLike[str], *, compressed: bool = False) -> Path:
    """Write the arrays of a model, a State, or a mapping, under their names: whole, or not at all.

    Args:
        obj: see `arrays_of`.
        path: is taken as it is.
        compressed: with deflate: smaller, and many times slower.

    Returns:
        The path.

    Raises:
        TypeError: an array does not hold numbers.
        ValueError: a name cannot be one in a zip file.
    """
    arrays = arrays_of(obj)
    for name, x in arrays.items():
        if x.dtype.kind not in "biufc":
            raise TypeError(f"array {name!r} has dtype {x.dtype}, needed numbers")
        if "\0" in name or len(f"{name}.npy".encode()) > NAME:
            raise ValueError(
                f"given an array named {name!r:.80}: a zip file cuts names at a null character and at {NAME} bytes"
            )
    with (
        replacing(Path(path)) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as archive,
    ):
        for name, x in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                npy.write_array(entry, x, allow_pickle=False)
    return Path(path)


def load_npz(path: str | PathLike[str], *, max_bytes: int | None = None) -> dict[str, np.ndarray]:
    """The arrays of an npz file by name; `restore_arrays` takes them into a model.

    Args:
        max_bytes: what the arrays may take in memory, as for `load`.

    Raises:
        FileNotFoundError: there is no such file.
        ArchiveError: (a ValueError) the file is damaged, holds something other than arrays of numbers, or claims
            sizes that it does not have.
    """
    with open(path, "rb") as file, reading(path, "a sound npz file"):
        refuse_pickle(file.read(2), path)
        return _read(file, max_bytes)


def _read(file: IO[bytes], max_bytes: int | None) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    with zipfile.ZipFile(file) as archive:
        check_size(sum(info.file_size for info in archive.infolist()), file.seek(0, 2), max_bytes)
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            if name in arrays:
                raise ArchiveError(f"array {name!r} is there twice")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ArchiveError(f"array {name!r} is neither stored nor deflated")
            if info.file_size > DEFLATE * (info.compress_size + 1):
                raise ArchiveError(f"array {name!r} claims {info.file_size} bytes packed into {info.compress_size}")
            with archive.open(info) as entry:
                arrays[name] = _array(name, entry, info.file_size)
    return arrays


def _array(name: str, entry: IO[bytes], size: int) -> np.ndarray:
    version = npy.read_magic(entry)
    if version not in ((1, 0), (2, 0)):
        raise ArchiveError(f"array {name!r} has version {version} of the format, needed (1, 0) or (2, 0)")
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, by_columns, dtype = read(entry)
    if dtype.kind not in "biufc":
        raise ArchiveError(f"array {name!r} has dtype {dtype}, needed numbers; numpy.load reads texts")
    needed = dtype.itemsize
    for n in shape:
        needed *= n
    left = size - entry.tell()
    if any(type(n) is not int or n < 0 for n in shape) or needed != left:
        raise ArchiveError(f"array {name!r} claims the shape {shape} of {dtype}, but has {left} bytes")
    data = np.empty(left, np.uint8)
    view: Any = data.data
    if sum(entry.readinto(view[at : at + PIECE]) for at in range(0, left, PIECE)) != left:  # type: ignore[attr-defined]
        raise ArchiveError(f"array {name!r} ends early")
    return numbers(name, data, dtype, shape, "F" if by_columns else "C")
