"""State archives: one zarr v3 group in one zip file, `.pureml.zip`.

    zarr.json              group; its attributes hold format, version, kind, literals and the manifest
    blocks.0.W/zarr.json   an array named as in the state; awkward names become %0, %1, ... (see the manifest)
    blocks.0.W/c/0/0       its chunks

Any zarr v3 reader opens it. Nothing in it is executed, and nothing is believed: everything but the chunks' contents
follows from the manifest, so `load` compares the file with what `save` would have written, before it allocates.
"""

from __future__ import annotations

import json
import operator
import re
import struct
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from os import PathLike
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from pureml_core.state import State

from .atomic import replacing
from .layout import DTYPES, MAX_CHUNK, Layout, Part, chunk_shape

SUFFIX = ".pureml.zip"
FORMAT, VERSION = "pureml-state", 1
THREADS = 2

T = TypeVar("T")
R = TypeVar("R")


class ArchiveError(ValueError):
    """A file is not a sound archive; the message says which file, what is wrong and where."""


class MissingArrayError(ArchiveError, KeyError):
    """An archive lacks an array that its manifest names."""

    __str__ = ValueError.__str__  # KeyError would show the message in quotes


def save(state: State, path: str | PathLike[str], *, compression_level: int = 3) -> Path:
    """Write a state to a file, whole or not at all; an existing file is replaced.

    Args:
        state: its arrays must be boolean, integer, float or complex, its literals JSON values.
        path: `.pureml.zip` is appended unless it ends so.
        compression_level: 0 (none) to 9 (smallest).

    Returns:
        The path written, with its suffix.

    Raises:
        TypeError: an array or a literal that cannot be stored.
        ValueError: the compression level is not one.
        OSError: the file cannot be written. Whatever is raised, a previous file stays as it was.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> save(State("demo/1", {"W": np.eye(2)}, {"lr": 0.1}), folder / "run.v1").name
    'run.v1.pureml.zip'
    >>> load(folder / "run.v1").literals
    {'lr': 0.1}
    """
    target = archive_path(path)
    level = operator.index(compression_level)
    if not 0 <= level <= 9:
        raise ValueError(f"given compression_level {compression_level!r}, needed 0 to 9")
    layouts = {name: _layout(i, name, array) for i, (name, array) in enumerate(state.arrays.items())}
    header = _header(state, layouts, level)
    pieces = (
        (layouts[name], array, *piece) for name, array in state.arrays.items() for piece in layouts[name].pieces()
    )

    def encoded(task: tuple[Layout, np.ndarray, str, Part]) -> tuple[str, bytes]:
        layout, array, entry, part = task
        return entry, layout.encode(array, part, level)

    with replacing(target) as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr(_entry("zarr.json"), header)
        for layout in layouts.values():
            archive.writestr(_entry(f"{layout.path}/zarr.json"), json.dumps(layout.metadata(level)))
        for entry, data in _threaded(encoded, pieces):
            archive.writestr(_entry(entry), data)
    return target


def load(path: str | PathLike[str]) -> State:
    """Read the state that `save` wrote under the same path.

    Raises:
        FileNotFoundError: there is no such file.
        ArchiveError: (a ValueError) the file is damaged, was tampered with, or is not a state archive. If an array is
            missing, the error is also a KeyError.
    """
    target = archive_path(path)
    with open(target, "rb") as file:
        try:
            return _read(file)
        except (ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile, EOFError, struct.error) as error:
            kind = type(error) if isinstance(error, ArchiveError) else ArchiveError
            raise kind(f"{target}: {error}") from error


def archive_path(path: str | PathLike[str]) -> Path:
    """The path of an archive: `.pureml.zip` appended, once, and no other dot of the name touched."""
    given = Path(path)
    if not given.name:
        raise ValueError(f"given the path {str(path)!r}, needed one that ends in a file name")
    return given if given.name.endswith(SUFFIX) else given.with_name(given.name + SUFFIX)


# ---- what a state determines


def _layout(i: int, name: Any, array: Any) -> Layout:
    if not isinstance(name, str):
        raise TypeError(f"given an array named {name!r}, needed a string")
    if not isinstance(array, np.ndarray):
        raise TypeError(f"array {name!r}: given a {type(array).__name__}, needed a NumPy array")
    if array.dtype.name not in DTYPES:
        raise TypeError(f"array {name!r} has dtype {array.dtype}; an archive holds {', '.join(DTYPES)}")
    return Layout(_path(i, name), array.dtype.name, array.shape, chunk_shape(array.shape, array.dtype.itemsize))


def _path(i: int, name: str) -> str:
    """Where the i-th array lies: under its own name if that is fit for a file name on every system."""
    plain = re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}", name) and not name.startswith("__")
    return name if plain and name not in ("zarr.json", "c") and not name.endswith(".") else f"%{i}"


def _header(state: State, layouts: dict[str, Layout], level: int) -> str:
    """The group's `zarr.json`."""
    try:
        literals = json.dumps(state.literals, allow_nan=False)
        if not isinstance(state.kind, str) or json.loads(literals) != state.literals:
            raise TypeError("tuples and keys other than strings would come back changed")
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(
            f"state of {state.kind!r}: kind must be a string and literals JSON values, see pureml_core.state.encode; "
            f"{error}"
        ) from error
    manifest = {
        name: {"path": at.path, "dtype": at.dtype, "shape": at.shape, "chunks": at.chunks}
        for name, at in layouts.items()
    }
    attributes = {
        "format": FORMAT,
        "version": VERSION,
        "kind": state.kind,
        "compression_level": level,
        "literals": state.literals,
        "manifest": manifest,
    }
    return json.dumps({"zarr_format": 3, "node_type": "group", "attributes": attributes})


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)  # dated 1980: equal states make equal files
    entry.external_attr = 0o644 << 16
    return entry


def _threaded(work: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
    """`work(task)` for each task, in order, computed a few ahead in threads."""
    with ThreadPoolExecutor(THREADS) as pool:
        ahead: deque[Future[R]] = deque()
        for task in tasks:
            ahead.append(pool.submit(work, task))
            if len(ahead) > 2 * THREADS:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


# ---- reading, which trusts nothing


def _read(file: IO[bytes]) -> State:
    with zipfile.ZipFile(file) as archive:
        if "zarr.json" not in archive.namelist():
            raise ArchiveError("not a PureML state archive")
        entries = _checked_entries(archive)
        attributes = _checked_attributes(archive)
        layouts = _checked_manifest(attributes["manifest"], len(entries))
        _check_contents(archive, entries, layouts, attributes["compression_level"])

        arrays = {name: np.empty(layout.shape, DTYPES[layout.dtype]) for name, layout in layouts.items()}
        pieces = ((name, *piece) for name, layout in layouts.items() for piece in layout.pieces())

        def decode(task: tuple[str, str, Part]) -> None:
            name, entry, part = task
            try:
                layouts[name].decode(archive.read(entry), arrays[name], part)
            except ValueError as error:
                raise ArchiveError(f"array {name!r}, chunk {entry!r}: {error}") from error

        for _ in _threaded(decode, pieces):
            pass
    arrays = {name: array.astype(array.dtype.newbyteorder("="), copy=False) for name, array in arrays.items()}
    return State(attributes["kind"], arrays, attributes["literals"])


def _checked_entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The zip's entries by name: each once, stored as they are, none inside another."""
    entries: dict[str, zipfile.ZipInfo] = {}
    end, last = 0, ""
    for info in sorted(archive.infolist(), key=lambda info: info.header_offset):
        name = info.filename
        if name in entries:
            raise ArchiveError(f"the entry {name!r} is there twice")
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size or info.flag_bits & 1:
            raise ArchiveError(f"the entry {name!r} is compressed or encrypted by zip; an archive's entries are not")
        if info.header_offset < end:
            raise ArchiveError(f"the entries {last!r} and {name!r} overlap")
        entries[name] = info
        end, last = info.header_offset + 30 + len(name.encode()) + info.file_size, name
    return entries


def _checked_attributes(archive: zipfile.ZipFile) -> dict[str, Any]:
    group = _json(archive, "zarr.json")
    attributes = group.get("attributes") if isinstance(group, dict) else None
    if not isinstance(attributes, dict) or attributes.get("format") != FORMAT:
        raise ArchiveError("not a PureML state archive")
    if attributes.get("version") != VERSION:
        raise ArchiveError(
            f"its format is version {attributes.get('version')!r}, this pureml-io reads {VERSION}; "
            "upgrade pureml-io, or save again with the version that reads both"
        )
    types = {"kind": str, "literals": dict, "manifest": dict, "compression_level": int}
    for key, kind in types.items():
        if type(attributes.get(key)) is not kind:
            raise ArchiveError(f"the attribute {key!r} is {attributes.get(key)!r:.80}, needed a JSON {kind.__name__}")
    return attributes


def _checked_manifest(manifest: dict[str, Any], n_entries: int) -> dict[str, Layout]:
    """The layouts that a manifest describes, none of them larger than so many entries can fill."""
    layouts = {}
    n_chunks = 0
    for i, (name, given) in enumerate(manifest.items()):
        what = f"the manifest gives array {name!r}"
        if not isinstance(given, dict) or given.keys() != {"path", "dtype", "shape", "chunks"}:
            raise ArchiveError(f"{what} as {given!r:.80}, needed its path, dtype, shape and chunks")
        if given["path"] != _path(i, name):
            raise ArchiveError(f"{what} the path {given['path']!r:.80}, needed {_path(i, name)!r}")
        if given["dtype"] not in list(DTYPES):
            raise ArchiveError(f"{what} the dtype {given['dtype']!r:.80}, needed one of {', '.join(DTYPES)}")
        shape, chunks = _sizes(given["shape"], 0), _sizes(given["chunks"], 1)
        if shape is None or chunks is None or len(shape) != len(chunks):
            raise ArchiveError(f"{what} the shape {given['shape']!r:.80} in chunks of {given['chunks']!r:.80}")
        layout = Layout(given["path"], given["dtype"], shape, chunks)
        if layout.chunk_nbytes > MAX_CHUNK:
            raise ArchiveError(f"{what} chunks of {layout.chunk_nbytes} bytes, more than {MAX_CHUNK}")
        count = 1
        for n in layout.grid:
            count *= n
        n_chunks += count
        if n_chunks > n_entries:
            raise ArchiveError(
                f"{what} {count} chunks, but the file has {n_entries} entries in all: chunks are missing"
            )
        layouts[name] = layout
    return layouts


def _sizes(given: Any, least: int) -> tuple[int, ...] | None:
    if not isinstance(given, list) or len(given) > 32 or any(type(n) is not int or n < least for n in given):
        return None
    return tuple(given)


def _check_contents(
    archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], layouts: dict[str, Layout], level: int
) -> None:
    """Is every entry there that the manifest implies, of a possible size, and no other?"""
    expected = {"zarr.json"}
    for name, layout in layouts.items():
        entry = f"{layout.path}/zarr.json"
        expected.add(entry)
        if entry not in entries:
            raise MissingArrayError(f"array {name!r} is missing: there is no entry {entry!r}")
        if _json(archive, entry) != layout.metadata(level):
            raise ArchiveError(f"array {name!r}: {entry!r} contradicts the manifest")
        for chunk, _ in layout.pieces():
            expected.add(chunk)
            if chunk not in entries:
                raise ArchiveError(f"array {name!r}: the chunk {chunk!r} is missing")
            if entries[chunk].file_size > layout.chunk_nbytes + 20:  # the headers of Blosc and crc32c
                raise ArchiveError(f"array {name!r}: the chunk {chunk!r} is larger than what it holds")
    if unexpected := entries.keys() - expected:
        raise ArchiveError(f"the entry {min(unexpected)!r} does not belong to any array")


def _json(archive: zipfile.ZipFile, entry: str) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(found := dict(pairs)) != len(pairs):
            raise ArchiveError(f"{entry!r} has the same key twice")
        return found

    def finite(constant: str) -> Any:
        raise ArchiveError(f"{entry!r} holds {constant}, which is not JSON")

    return json.loads(archive.read(entry), object_pairs_hook=once, parse_constant=finite)
