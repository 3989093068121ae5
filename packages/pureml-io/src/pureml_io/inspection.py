"""What is in an archive, as text and as JSON values."""

from __future__ import annotations

import errno
import json
import math
import struct
import zipfile
from dataclasses import asdict, dataclass
from itertools import accumulate
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numcodecs.checksum32 import CRC32C  # type: ignore[import-untyped]

from .archive_reading import FORMAT, MAX_JSON, archive_path, checked, fill, opened
from .block import OURS
from .container import ArchiveError
from .exchange.tensors import UNSOUND, reading
from .layout import DTYPES
from .tables import cut, shown, table


@dataclass(frozen=True)
class ArrayEntry:
    """One array of an archive.

    Attributes:
        name, dtype, shape: of the array.
        nbytes: in memory.
        stored: bytes in the file.
        chunks: how many there are.
        check: "sound", or what is wrong with it; None if nobody looked.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    nbytes: int
    stored: int
    chunks: int
    check: str | None


@dataclass(frozen=True)
class Inspection:
    """What `inspect` found; `str` makes a table of it, `to_json` JSON values.

    Attributes:
        path: of the file.
        format: "pureml-state 1", or "zarr 3" for the archives of others.
        kind: whose state; None for those of others.
        size: of the file in bytes.
        compression: of the chunks.
        checksums: what protects the chunks.
        literals: the state's, or the attributes of another's zarr group.
        arrays: in the order of the file's manifest; another's by name.
    """

    path: str
    format: str
    kind: str | None
    size: int
    compression: str
    checksums: str
    literals: dict[str, Any]
    arrays: tuple[ArrayEntry, ...]

    @property
    def sound(self) -> bool | None:
        """Whether all arrays are; None if nobody looked."""
        checks = [array.check for array in self.arrays]
        return None if None in checks else all(check == "sound" for check in checks)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "arrays": [asdict(array) for array in self.arrays], "sound": self.sound}

    def __str__(self) -> str:
        unpacked = sum(array.nbytes for array in self.arrays)
        told = {True: "all chunks are sound", False: "DAMAGED, see below", None: "not compared"}[self.sound]
        head = [
            ("format", self.format + (f", state of {shown(self.kind)}" if self.kind is not None else "")),
            ("size", f"{self.size:,} bytes, {len(self.arrays)} arrays of {unpacked:,} bytes"),
            ("compression", self.compression),
            ("checks", f"{self.checksums}: {told}"),
            *((f"literal {shown(key)}", cut(json.dumps(value), 90)) for key, value in self.literals.items()),
        ]
        width = max(len(what) for what, _ in head)
        lines = [shown(self.path), *(f"{what:{width}}  {shown(value)}" for what, value in head)]
        columns = ["array", "dtype", "shape", "bytes", "stored", "ratio", "chunks", "check"]
        rows = [
            [a.name, a.dtype, str(a.shape), f"{a.nbytes:,}", f"{a.stored:,}",
             f"{a.stored / a.nbytes:.2f}" if a.nbytes else "", str(a.chunks), a.check or ""]
            for a in self.arrays
        ]  # fmt: skip
        return "\n".join([*lines, "", *table(columns, rows, right={3, 4, 5, 6})])


def inspect(path: str | PathLike[str], *, check: bool = True, max_bytes: int | None = None) -> Inspection:
    """What is in a state archive, in one of ym-pure-ml, or in another zip of zarr v3 arrays.

    Args:
        path: of the file, with or without `.pureml.zip`.
        check: read every chunk and compare it with its checksum; damage is told in the result, array by array.
        max_bytes: what checked arrays may unpack to, as for `load`.

    Raises:
        FileNotFoundError: there is no such file.
        ArchiveError: (a ValueError) the file is something else, or so damaged that it does not say what it holds.
    """
    path = existing(path)
    if not is_ours(path):
        return _inspect_zarr(path, check)
    with open(path, "rb") as file, opened(file) as archive:
        contents = checked(archive, max_bytes if check else math.inf)
        arrays = []
        for name, at in contents.layouts.items():
            found = None
            if check:
                try:
                    fill(archive, {name: at}, {name: np.empty(at.shape, DTYPES[at.dtype])})
                    found = "sound"
                except ArchiveError as error:
                    found = str(error)
            stored = [archive.entries[chunk].size for chunk, _ in at.pieces()]
            nbytes = math.prod(at.shape) * DTYPES[at.dtype].itemsize
            arrays.append(ArrayEntry(name, at.dtype, at.shape, nbytes, sum(stored), len(stored), found))
        level = contents.compression_level
        return Inspection(
            path=str(path),
            format=f"{FORMAT} {contents.version}",
            kind=contents.kind,
            size=archive.size,
            compression=f"Blosc, zstd level {level}, bits shuffled" if level else "none (Blosc, level 0)",
            checksums="crc32c of every chunk, CRC-32 of every header",
            literals=contents.literals,
            arrays=tuple(arrays),
        )


# ---- files


def existing(path: str | PathLike[str]) -> Path:
    """The file that is meant: of that name, or of an archive's."""
    if Path(path).is_file():
        return Path(path)
    named = archive_path(path)
    if Path(path).is_dir() and not named.exists():
        raise IsADirectoryError(errno.EISDIR, "is a folder, needed an archive", str(path))
    return named


def is_ours(path: Path) -> bool:
    """Whether a file is meant to be a state archive: anything but a zip that says that it is something else."""
    try:
        with zipfile.ZipFile(path) as archive:
            attributes = _json(archive, "zarr.json").get("attributes")
    except UNSOUND:
        return path.name == archive_path(path).name or not zipfile.is_zipfile(path)
    return isinstance(attributes, dict) and attributes.get("format") == FORMAT


def _inspect_zarr(path: Path, check: bool) -> Inspection:
    """Any zip of zarr v3 arrays, by its metadata.

    The checks are zip's CRC-32 and, where chunks end in one, zarr's crc32c. Chunks may be missing, which zarr takes for
    zeros, but not of a block of ArrayStorage.
    """
    arrays = []
    packings = set()
    with open(path, "rb") as file, reading(path, "a zip of zarr v3 arrays"), zipfile.ZipFile(file) as archive:
        entries = {info.filename: info for info in archive.infolist()}  # the last of a name counts
        attributes = _json(archive, "zarr.json").get("attributes", {})
        if not isinstance(attributes, dict):
            raise ValueError(f"its attributes are {attributes!r:.80}")
        about = {
            name.removesuffix("/zarr.json"): _json(archive, name)
            for name in sorted(entries)
            if name.endswith("/zarr.json")
        }
        chunks: dict[str, list[zipfile.ZipInfo]] = {
            name: [] for name, of in about.items() if of.get("node_type") == "array"
        }
        for entry, info in entries.items():
            parents = accumulate(entry.split("/")[:-1], "{}/{}".format)
            if (
                not entry.endswith("/zarr.json")
                and (owner := next((p for p in parents if p in chunks), None)) is not None
            ):
                chunks[owner].append(info)
        for name, of_array in chunks.items():
            checksummed = about[name]["codecs"][-1]["name"] == "crc32c"
            wrong = [info.filename for info in of_array if check and not _whole(archive, info, checksummed)]
            if (missing := _needed(about[name]) - len(of_array)) > 0:
                wrong.append(f"{missing} of its chunks, which are missing")
            found = f"damaged: {', '.join(wrong)}" if check and wrong else "sound" if check else None
            stored = sum(info.file_size for info in of_array)
            arrays.append(ArrayEntry(name, *_described(about[name]), stored, len(of_array), found))
            packings.add(", ".join(codec["name"] for codec in about[name]["codecs"]))
    return Inspection(
        path=str(path),
        format="zarr 3",
        kind=None,
        size=path.stat().st_size,
        compression="; ".join(sorted(packings)) or "none",
        checksums="zip's CRC-32, crc32c where chunks have one",
        literals=attributes,
        arrays=tuple(arrays),
    )


def _described(about: dict[str, Any]) -> tuple[str, tuple[int, ...], int]:
    """dtype, shape, and bytes of a zarr array."""
    dtype, shape = about["data_type"], about["shape"]
    if isinstance(dtype, dict):  # {"name": ..., "configuration": {"length_bytes": ...}}
        name, itemsize = dtype["name"], dict(dtype.get("configuration", {})).get("length_bytes", 0)
    else:
        name, itemsize = dtype, DTYPES[dtype].itemsize if dtype in DTYPES else 0
    if not isinstance(shape, list) or any(type(n) is not int or not 0 <= n < 1 << 63 for n in [*shape, itemsize]):
        raise ValueError(f"an array of dtype {dtype!r:.80} has the shape {shape!r:.80}")
    return str(name), tuple(shape), math.prod(shape) * itemsize


def _needed(about: dict[str, Any]) -> int:
    """How many chunks an array must have: all of a block of ArrayStorage, of any other none."""
    if OURS not in (about.get("attributes") or {}):
        return 0
    chunk = about["chunk_grid"]["configuration"]["chunk_shape"]
    if not all(type(size) is int and size > 0 for size in chunk):
        raise ValueError(f"an array has chunks of {chunk!r:.80}")
    return math.prod(-(-n // size) for n, size in zip(about["shape"], chunk, strict=True))


def _whole(archive: zipfile.ZipFile, info: zipfile.ZipInfo, checksummed: bool) -> bool:
    crc, last = 0, b""
    try:
        with archive.open(info) as entry:
            while part := entry.read(1 << 20):
                part = last + part
                crc, last = CRC32C.checksum(part[:-4], crc), part[-4:]
    except UNSOUND:
        return False
    return not checksummed or last == struct.pack("<I", crc)


def _json(archive: zipfile.ZipFile, name: str) -> dict[str, Any]:
    if archive.getinfo(name).file_size > MAX_JSON:
        raise ValueError(f"{name!r} has more than {MAX_JSON} bytes")
    try:
        found = json.loads(archive.read(name), parse_constant=str)  # NaN is not JSON, and is told as a text
    except RecursionError as error:
        raise ValueError(f"{name!r} is nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError(f"{name!r} is not a JSON object")
    return found
