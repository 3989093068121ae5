"""What is in an archive, and how two archives differ, as text and as JSON values."""

from __future__ import annotations

import errno
import json
import math
import struct
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numcodecs.checksum32 import CRC32C  # type: ignore[import-untyped]
from pureml_core.state import State

from .archive import load
from .archive_reading import FORMAT, MAX_JSON, archive_path, checked, fill, opened
from .block import OURS
from .container import ArchiveError
from .exchange import load_ym_pure_ml
from .exchange.tensors import UNSOUND, reading
from .layout import DTYPES


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
            ("format", self.format + (f", state of {_shown(self.kind)}" if self.kind is not None else "")),
            ("size", f"{self.size:,} bytes, {len(self.arrays)} arrays of {unpacked:,} bytes"),
            ("compression", self.compression),
            ("checks", f"{self.checksums}: {told}"),
            *((f"literal {_shown(key)}", _cut(json.dumps(value), 90)) for key, value in self.literals.items()),
        ]
        width = max(len(what) for what, _ in head)
        lines = [_shown(self.path), *(f"{what:{width}}  {_shown(value)}" for what, value in head)]
        columns = ["array", "dtype", "shape", "bytes", "stored", "ratio", "chunks", "check"]
        rows = [
            [a.name, a.dtype, str(a.shape), f"{a.nbytes:,}", f"{a.stored:,}",
             f"{a.stored / a.nbytes:.2f}" if a.nbytes else "", str(a.chunks), a.check or ""]
            for a in self.arrays
        ]  # fmt: skip
        return "\n".join([*lines, "", *_table(columns, rows, right={3, 4, 5, 6})])


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
    path = _existing(path)
    if not _ours(path):
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


@dataclass(frozen=True)
class Change:
    """An array or literal that two archives have differently.

    Attributes:
        name: of the array, or of the literal, which is quoted by JSON's rules.
        a, b: dtype and shape, or the literal's value; None where it is absent.
        differing: how many entries differ, if the shapes agree.
        max_abs: the largest absolute difference; nan if a number stands against nan.
    """

    name: str
    a: Any
    b: Any
    differing: int | None = None
    max_abs: float | None = None


@dataclass(frozen=True)
class Difference:
    """What `diff` found: false if the archives hold the same; `str` makes a table of it, `to_json` JSON values."""

    paths: tuple[str, str]
    kinds: tuple[str, str]
    arrays: tuple[Change, ...]
    literals: tuple[Change, ...]
    same: int  # arrays

    def __bool__(self) -> bool:
        return bool(self.arrays or self.literals or self.kinds[0] != self.kinds[1])

    def to_json(self) -> dict[str, Any]:
        found = asdict(self)
        for change in found["arrays"]:
            if change["max_abs"] is not None and not math.isfinite(change["max_abs"]):
                change["max_abs"] = str(change["max_abs"])
        return {**found, "differ": bool(self)}

    def __str__(self) -> str:
        lines = [f"a  {_shown(self.paths[0])}", f"b  {_shown(self.paths[1])}"]
        if self.kinds[0] != self.kinds[1]:
            lines.append(f"kind: {_shown(self.kinds[0])} | {_shown(self.kinds[1])}")
        lines.append(f"{self.same} arrays are the same, {len(self.arrays)} are not")
        rows = [
            [c.name, c.a or "absent", c.b or "absent",
             "" if c.differing is None else f"{c.differing:,}", "" if c.max_abs is None else f"{c.max_abs:.3g}"]
            for c in self.arrays
        ]  # fmt: skip
        if rows:
            lines += ["", *_table(["array", "a", "b", "differing", "max |a - b|"], rows, right={3, 4})]
        if self.literals:
            told = [[c.name, *("absent" if x is None else _cut(x, 50) for x in (c.a, c.b))] for c in self.literals]
            lines += ["", *_table(["literal", "a", "b"], told)]
        return "\n".join(lines)


def diff(a: str | PathLike[str], b: str | PathLike[str], *, max_bytes: int | None = None) -> Difference:
    """How two archives differ: names, shapes, dtypes, values and literals. nan is the same as nan.

    Each is a state archive or one of ym-pure-ml; errors and `max_bytes` are those of `load`.
    """
    paths = _existing(a), _existing(b)
    first, second = (_loaded(p, max_bytes) for p in paths)
    arrays = [
        _change(name, first.arrays.get(name), second.arrays.get(name)) for name in {**first.arrays, **second.arrays}
    ]
    changed = tuple(change for change in arrays if change is not None)
    return Difference(
        paths=(str(paths[0]), str(paths[1])),
        kinds=(first.kind, second.kind),
        arrays=changed,
        literals=tuple(_changed_literals(first, second)),
        same=len(arrays) - len(changed),
    )


def _loaded(path: Path, max_bytes: int | None) -> State:
    if not _ours(path):
        try:
            return load_ym_pure_ml(path, max_bytes=max_bytes)
        except ArchiveError as error:
            raise ArchiveError(f"{error}; state archives and those of ym-pure-ml can be compared") from error
    with open(path, "rb") as file:
        return load(file, max_bytes=max_bytes)


def _change(name: str, a: np.ndarray | None, b: np.ndarray | None) -> Change | None:
    there, here = (None if x is None else f"{x.dtype} {x.shape}" for x in (a, b))
    if a is None or b is None or a.shape != b.shape or "S" in (a.dtype.kind, b.dtype.kind):
        same = a is not None and b is not None and a.dtype == b.dtype and np.array_equal(a, b)
        return None if same else Change(name, there, here)
    dtype = np.result_type(a, b)
    x, y = a.astype(dtype, copy=False), b.astype(dtype, copy=False)
    differ = a != b  # exact also where int64 stands against uint64
    if dtype.kind in "fc":
        differ &= ~(np.isnan(x) & np.isnan(y))
    x, y = x[differ], y[differ]
    if not len(x):
        return None if there == here else Change(name, there, here, 0, 0.0)
    if dtype.kind in "biu":  # modulo 2⁶⁴ the difference is right even where it overflows
        apart: Any = np.maximum(x, y).astype(np.uint64) - np.minimum(x, y).astype(np.uint64)
    else:
        with np.errstate(over="ignore", invalid="ignore"):
            apart = abs(x.astype(np.result_type(dtype, np.float64)) - y)
    return Change(name, there, here, len(x), float(apart.max()))


def _changed_literals(a: State, b: State) -> Iterable[Change]:
    first, second = (dict(_leaves((), state.literals)) for state in (a, b))
    for keys in {**first, **second}:
        if first.get(keys) != second.get(keys):
            yield Change(".".join(keys), first.get(keys), second.get(keys))


def _leaves(keys: tuple[str, ...], tree: Any) -> Iterable[tuple[tuple[str, ...], str]]:
    """What stands in nested objects, by their keys, as JSON text: 1, 1.0 and true are three things."""
    if isinstance(tree, dict) and tree:
        for key, value in tree.items():
            yield from _leaves((*keys, key), value)
    elif keys:
        yield keys, json.dumps(tree, sort_keys=True)


# ---- files


def _existing(path: str | PathLike[str]) -> Path:
    if Path(path).is_file():
        return Path(path)
    named = archive_path(path)
    if Path(path).is_dir() and not named.exists():
        raise IsADirectoryError(errno.EISDIR, "is a folder, needed an archive", str(path))
    return named


def _ours(path: Path) -> bool:
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


# ---- text


def _shown(text: str) -> str:
    """A text as it may be printed: one from a stranger's file could steer the terminal."""
    return text if text.isprintable() else ascii(text)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Iterable[int] = ()) -> list[str]:
    rows = [[_shown(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    sides = [">" if i in right else "<" for i in range(len(columns))]
    lines = (zip(row, sides, widths, strict=True) for row in [columns, *rows])
    return ["  ".join(f"{cell:{side}{width}}" for cell, side, width in line).rstrip() for line in lines]
