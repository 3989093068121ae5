"""npz: NumPy's own zip of arrays, read without pickle."""

from __future__ import annotations

import zipfile
from os import PathLike
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from ..archive import ArchiveError
from ..atomic import replacing
from .tensors import arrays_of, refuse_pickle

DEFLATE = 1032  # bytes that deflate can make of one


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
        if "\0" in name:
            raise ValueError(f"given an array named {name!r}: a zip file cuts names at a null character")
    with (
        replacing(Path(path)) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as archive,
    ):
        for name, x in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                npy.write_array(entry, x, allow_pickle=False)
    return Path(path)


def load_npz(path: str | PathLike[str]) -> dict[str, np.ndarray]:
    """The arrays of an npz file by name; `restore_arrays` takes them into a model.

    Raises:
        FileNotFoundError: there is no such file.
        ArchiveError: (a ValueError) the file is damaged, holds something other than arrays of numbers, or claims
            sizes that it does not have.
    """
    with open(path, "rb") as file:
        refuse_pickle(path, file.read(2))
        file.seek(0)
        try:
            return _read(file)
        except (ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile, EOFError, OSError) as error:
            raise ArchiveError(f"{path}: not a sound npz file: {error}") from error


def _read(file: IO[bytes]) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            if name in arrays:
                raise ArchiveError(f"array {name!r} is there twice")
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
    if min(shape, default=0) < 0 or needed != size - entry.tell():
        raise ArchiveError(f"array {name!r} claims the shape {shape} of {dtype}, but has {size - entry.tell()} bytes")
    array = np.frombuffer(bytearray(entry.read()), dtype).reshape(shape, order="F" if by_columns else "C")
    return array.astype(dtype.newbyteorder("="), copy=False)
