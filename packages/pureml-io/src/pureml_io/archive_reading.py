"""Reading a state archive, which trusts nothing: what it says of itself is checked before anything is allocated.

Everything but the chunks' contents follows from the manifest; `checked` compares the file with what `save` would have
written, `fill` reads the chunks, each of which has a checksum.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np

from .container import ArchiveError, Reader
from .layout import DTYPES, MAX_CHUNK, OVERHEAD, Layout, Part, array_path
from .threads import threaded

SUFFIX = ".pureml.zip"
FORMAT, VERSION = "pureml-state", 1

MAX_JSON = 16 << 20  # bytes of the group's zarr.json: a hundred thousand arrays, or a large vocabulary in a literal
MAX_ARRAY_JSON = 1 << 14
MAX_DEPTH = 200  # of lists and objects in literals: `encode` makes up to 100 of its 50 levels
UNASKED, RATIO = 1 << 30, 200  # what may be unpacked unasked: 1 GiB, or 200 times the size of the file

Source: TypeAlias = "str | PathLike[str] | IO[bytes]"


class MissingArrayError(ArchiveError, KeyError):
    """An archive lacks an array that its manifest names."""

    __str__ = ValueError.__str__  # KeyError would show the message in quotes


@dataclass(frozen=True)
class Contents:
    """What an archive holds, by its own account, which fits the file: see `validate`."""

    kind: str
    literals: dict[str, Any]
    layouts: dict[str, Layout]  # by the arrays' names
    compression_level: int
    version: int


def archive_path(path: str | PathLike[str]) -> Path:
    """The path of an archive: `.pureml.zip` appended, once, and no other dot of the name touched."""
    if "://" in os.fspath(path):
        raise ValueError(f"given the URL {path!r}: state archives are files; fetch it, and load the open binary file")
    given = Path(path)
    if given.name in ("", ".."):
        raise ValueError(f"given the path {str(path)!r}, needed one that ends in a file name")
    return given if given.name.endswith(SUFFIX) else given.with_name(given.name + SUFFIX)


@contextlib.contextmanager
def opened(path: Source) -> Iterator[Reader]:
    """The zip at a path (or in an open binary file); every ArchiveError names it."""
    with contextlib.ExitStack() as stack:
        if isinstance(path, str | PathLike):
            path = archive_path(path)
            file: IO[bytes] = stack.enter_context(open(path, "rb"))
        else:
            file, path = path, getattr(path, "name", "the archive")
            if not hasattr(file, "readinto"):
                raise TypeError(f"given a {type(file).__name__}, needed a path or an open binary file")
        try:
            yield Reader(file)
        except ArchiveError as error:
            raise type(error)(f"{path}: {error}") from error


def checked(archive: Reader, max_bytes: float | None) -> Contents:
    """What an archive holds, once all but its chunks has been compared with the manifest."""
    attributes = _attributes(archive)
    layouts = _manifest(attributes["manifest"], len(archive.entries))
    check_size(sum(math.prod(at.grid) * at.chunk_nbytes for at in layouts.values()), archive.size, max_bytes)
    level = attributes["compression_level"]
    expected = {"zarr.json"}
    for name, layout in layouts.items():
        entry = f"{layout.path}/zarr.json"
        expected.add(entry)
        if entry not in archive.entries:
            raise MissingArrayError(f"array {name!r} is missing: there is no entry {entry!r}")
        if _json(archive, entry, MAX_ARRAY_JSON) != layout.metadata(level):
            raise ArchiveError(f"array {name!r}: {entry!r} contradicts the manifest")
        for chunk, _ in layout.pieces():
            expected.add(chunk)
            if chunk not in archive.entries:
                raise ArchiveError(f"array {name!r}: the chunk {chunk!r} is missing")
            if archive.entries[chunk].size > layout.chunk_nbytes + OVERHEAD:
                raise ArchiveError(f"array {name!r}: the chunk {chunk!r} is larger than what it holds")
    if unexpected := archive.entries.keys() - expected:
        raise ArchiveError(f"the entry {min(unexpected)!r} does not belong to any array")
    return Contents(attributes["kind"], attributes["literals"], layouts, level, VERSION)


def fill(archive: Reader, layouts: dict[str, Layout], arrays: dict[str, np.ndarray]) -> None:
    """Read the chunks of these layouts into the arrays of the same names.

    Raises:
        ArchiveError: naming the chunk that is damaged.
    """

    def decode(task: tuple[str, str, Part]) -> None:
        name, entry, part = task
        try:
            layouts[name].decode(archive, entry, arrays[name], part)
        except ArchiveError as error:
            raise ArchiveError(f"array {name!r}, chunk {entry!r}: {error}") from error

    for _ in threaded(decode, ((name, *piece) for name, layout in layouts.items() for piece in layout.pieces())):
        pass


def _attributes(archive: Reader) -> dict[str, Any]:
    if "zarr.json" not in archive.entries:
        raise ArchiveError("not a PureML state archive")
    group = _json(archive, "zarr.json", MAX_JSON)
    attributes = group.get("attributes") if isinstance(group, dict) else None
    if not isinstance(attributes, dict) or attributes.get("format") != FORMAT:
        raise ArchiveError("not a PureML state archive")
    if type(attributes.get("version")) is not int or attributes["version"] != VERSION:
        raise ArchiveError(
            f"its format is version {attributes.get('version')!r:.80}, this pureml-io reads {VERSION}; "
            "upgrade pureml-io, or save again with the version that reads both"
        )
    types = {"kind": str, "literals": dict, "manifest": dict, "compression_level": int}
    for key, kind in types.items():
        if type(attributes.get(key)) is not kind:
            raise ArchiveError(f"the attribute {key!r} is {attributes.get(key)!r:.80}, needed a JSON {kind.__name__}")
    if not 0 <= attributes["compression_level"] <= 9:
        raise ArchiveError(f"the compression level is {attributes['compression_level']!r:.80}, needed 0 to 9")
    known = {"zarr_format": 3, "node_type": "group", "attributes": {"format", "version", *types}}
    if {**group, "attributes": attributes.keys()} != known:
        raise ArchiveError("'zarr.json' is not that of a zarr v3 group with the attributes of a state archive alone")
    try:
        check_depth(attributes["literals"])
    except ValueError as error:
        raise ArchiveError(f"the attribute 'literals': {error}") from error
    return attributes


def _manifest(manifest: dict[str, Any], n_entries: int) -> dict[str, Layout]:
    """The layouts that a manifest describes, of no more chunks than there are entries."""
    layouts = {}
    n_chunks = 0
    for i, (name, given) in enumerate(manifest.items()):
        what = f"the manifest gives array {name!r:.300}"
        if not isinstance(given, dict) or given.keys() != {"path", "dtype", "shape", "chunks"}:
            raise ArchiveError(f"{what} as {given!r:.80}, needed its path, dtype, shape and chunks")
        if given["path"] != array_path(i, name):
            raise ArchiveError(f"{what} the path {given['path']!r:.80}, needed {array_path(i, name)!r}")
        if given["dtype"] not in list(DTYPES):
            raise ArchiveError(f"{what} the dtype {given['dtype']!r:.80}, needed one of {', '.join(DTYPES)}")
        shape, chunks = _sizes(given["shape"], 0), _sizes(given["chunks"], 1)
        if shape is None or chunks is None or len(shape) != len(chunks) or any(map(_longer, chunks, shape)):
            raise ArchiveError(f"{what} the shape {given['shape']!r:.80} in chunks of {given['chunks']!r:.80}")
        layout = Layout(given["path"], given["dtype"], shape, chunks)
        if layout.chunk_nbytes > MAX_CHUNK:
            raise ArchiveError(f"{what} chunks of {layout.chunk_nbytes} bytes, more than {MAX_CHUNK}")
        count = math.prod(layout.grid)
        n_chunks += count
        if n_chunks > n_entries:
            raise ArchiveError(
                f"{what} {count} chunks, but the file has {n_entries} entries in all: chunks are missing"
            )
        layouts[name] = layout
    return layouts


def _sizes(given: Any, least: int) -> tuple[int, ...] | None:
    """A shape, if it is one that NumPy can make: even an empty array must not have too long axes."""
    if not isinstance(given, list) or len(given) > 64 or any(type(n) is not int or n < least for n in given):
        return None
    return tuple(given) if math.prod(max(n, 1) for n in given) < 1 << 58 else None


def _longer(chunk: int, axis: int) -> bool:
    return chunk > max(axis, 1)


def check_size(needed: int, size: int, max_bytes: float | None) -> None:
    """Whether a file of `size` bytes may be unpacked to `needed`: the check against bombs.

    Raises:
        ArchiveError: it is more than `max_bytes`, or than what is unpacked unasked.
    """
    allowed = max(UNASKED, RATIO * size) if max_bytes is None else max_bytes
    if not needed <= allowed:  # nor if it is nan
        raise ArchiveError(
            f"the arrays in its {size} bytes would unpack to {needed}, more than the {allowed} allowed; "
            f"if you trust it, give max_bytes={needed} to the function of pureml_io that reads it"
        )


def check_depth(tree: Any) -> None:
    """Whether lists and objects are nested no deeper than MAX_DEPTH.

    Raises:
        ValueError: they are.
    """
    level = [tree]
    for _ in range(MAX_DEPTH):
        inside = [x for node in level for x in (node.values() if isinstance(node, dict) else node)]
        level = [x for x in inside if isinstance(x, dict | list)]
        if not level:
            return
    raise ValueError(f"nested deeper than {MAX_DEPTH}")


def _json(archive: Reader, entry: str, limit: int) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(found := dict(pairs)) != len(pairs):
            raise ArchiveError(f"{entry!r} has the same key twice")
        return found

    def finite(constant: str) -> Any:
        raise ArchiveError(f"{entry!r} holds {constant:.80}, needed finite numbers")

    def number(text: str) -> float:
        return value if math.isfinite(value := float(text)) else finite(text)

    if archive.entries[entry].size > limit:
        raise ArchiveError(f"{entry!r} has {archive.entries[entry].size} bytes, more than {limit}")
    try:
        return json.loads(archive.read(entry), object_pairs_hook=once, parse_float=number, parse_constant=finite)
    except ArchiveError:
        raise
    except (ValueError, RecursionError) as error:
        raise ArchiveError(f"{entry!r} is not JSON: {error}") from error
