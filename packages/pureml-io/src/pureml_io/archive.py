"""State archives: one zarr v3 group in one zip file, `.pureml.zip`; docs/format.md says what is in it byte by byte.

    zarr.json              group; its attributes hold format, version, kind, literals and the manifest
    blocks.0.W/zarr.json   an array named as in the state; awkward names become %0, %1, ... (see the manifest)
    blocks.0.W/c/0/0       its chunks

Any zarr v3 reader opens it. Nothing in it is executed, and nothing is believed: everything but the chunks' contents
follows from the manifest, so `load` compares the file with what `save` would have written, before it allocates.
"""

from __future__ import annotations

import contextlib
import json
import math
import operator
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import IO, Any, TypeAlias, TypeVar

import numpy as np
from pureml_core.state import State

from .atomic import replacing
from .container import ArchiveError as ArchiveError
from .container import Reader, Writer
from .layout import DTYPES, MAX_CHUNK, OVERHEAD, Layout, Part, chunk_shape

SUFFIX = ".pureml.zip"
FORMAT, VERSION = "pureml-state", 1
THREADS = 2
EAGER = 8 << 20  # The first bytes of a state are packed for any gain, which takes no time to speak of;
SAMPLED = 3  # up to this level the rest is packed only where it pays.

MAX_JSON = 16 << 20  # bytes of the group's zarr.json: a hundred thousand arrays, or a large vocabulary in a literal
MAX_ARRAY_JSON = 1 << 14
MAX_DEPTH = 200  # of lists and objects in literals: `encode` makes up to 100 of its 50 levels
UNASKED, RATIO = 1 << 30, 200  # what may be unpacked unasked: 1 GiB, or 200 times the size of the file

Source: TypeAlias = "str | PathLike[str] | IO[bytes]"
T = TypeVar("T")
R = TypeVar("R")


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


def save(state: State, path: str | PathLike[str], *, compression_level: int = 3) -> Path:
    """Write a state to a file, whole or not at all; an existing file is replaced.

    Args:
        state: its arrays must be boolean, integer, float or complex, its literals JSON values.
        path: `.pureml.zip` is appended unless it ends so.
        compression_level: 0 (none) to 9 (smallest). Up to 3, all but the first 8 MiB is stored as it is where it would
            hardly shrink, as random floats do.

    Returns:
        The path written, with its suffix.

    Raises:
        TypeError: given no State, or an array or a literal that cannot be stored.
        ValueError: the compression level is not one, or the literals and names take more than 16 MiB.
        OSError: the file cannot be written. Whatever is raised, a previous file stays as it was.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> save(State("demo/1", {"W": np.eye(2)}, {"lr": 0.1}), folder / "run.v1").name
    'run.v1.pureml.zip'
    >>> load(folder / "run.v1").literals
    {'lr': 0.1}
    """
    if not isinstance(state, State):
        raise TypeError(
            f"save: given a {type(state).__name__}, needed a State, such as the state() of what is to be saved"
        )
    target = archive_path(path)
    level = operator.index(compression_level)
    if not 0 <= level <= 9:
        raise ValueError(f"given compression_level {compression_level!r}, needed 0 to 9")
    layouts = {name: _layout(i, name, array) for i, (name, array) in enumerate(state.arrays.items())}
    header = _header(state, layouts, level)

    def pieces() -> Iterator[tuple[str, str, Part, bool]]:
        begun = 0
        for name, layout in layouts.items():
            for entry, part in layout.pieces():
                yield name, entry, part, level <= SAMPLED and begun >= EAGER
                begun += layout.chunk_nbytes

    def encoded(task: tuple[str, str, Part, bool]) -> tuple[str, list[Any], int]:
        name, entry, part, sample = task
        return entry, *layouts[name].encode(state.arrays[name], part, level, sample=sample)

    with replacing(target) as file:
        archive = Writer(file)
        archive.write("zarr.json", [header])
        for layout in layouts.values():
            archive.write(f"{layout.path}/zarr.json", [json.dumps(layout.metadata(level)).encode()])
        for piece in _threaded(encoded, pieces()):
            archive.write(*piece)
        archive.close()
    return target


def load(path: Source, *, max_bytes: int | None = None) -> State:
    """Read the state that `save` wrote under the same path.

    Args:
        path: of the file, as given to `save`; or an open binary file.
        max_bytes: what the arrays may take in memory. By default 1 GiB, or 200 times the size of the file if that is
            more: no file of ordinary numbers shrinks so far, but one that should fill the memory does.

    Raises:
        FileNotFoundError: there is no such file.
        ArchiveError: (a ValueError) the file is damaged, was tampered with, or is not a state archive. If an array is
            missing, the error is also a KeyError.
        TypeError: given neither a path nor an open binary file.
    """
    with opened(path) as archive:
        contents = checked(archive, max_bytes)
        arrays = {name: np.empty(at.shape, DTYPES[at.dtype]) for name, at in contents.layouts.items()}
        fill(archive, contents.layouts, arrays)
    arrays = {name: array.astype(array.dtype.newbyteorder("="), copy=False) for name, array in arrays.items()}
    return State(contents.kind, arrays, contents.literals)


def validate(path: Source, *, max_bytes: int | None = None) -> Contents:
    """Everything that `load` checks before it allocates: all but what is in the chunks.

    Args and errors are those of `load`.
    """
    with opened(path) as archive:
        return checked(archive, max_bytes)


def archive_path(path: str | PathLike[str]) -> Path:
    """The path of an archive: `.pureml.zip` appended, once, and no other dot of the name touched."""
    given = Path(path)
    if given.name in ("", ".."):
        raise ValueError(f"given the path {str(path)!r}, needed one that ends in a file name")
    return given if given.name.endswith(SUFFIX) else given.with_name(given.name + SUFFIX)


# ---- what a state determines


def _layout(i: int, name: Any, array: Any) -> Layout:
    if not isinstance(name, str):
        raise TypeError(f"given an array named {name!r}, needed a string")
    if not isinstance(array, np.ndarray) or isinstance(array, np.ma.MaskedArray):
        raise TypeError(f"array {name!r}: given a {type(array).__name__}, needed a NumPy array")
    if array.dtype.name not in DTYPES:
        raise TypeError(f"array {name!r} has dtype {array.dtype}; an archive holds {', '.join(DTYPES)}")
    return Layout(_path(i, name), array.dtype.name, array.shape, chunk_shape(array.shape, array.dtype.itemsize))


def _path(i: int, name: str) -> str:
    """Where the i-th array lies: under its own name if that is plain, so that it cannot lead elsewhere."""
    name = str.__str__(name)  # an enum's member would be formatted as something else
    plain = re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}", name) and not name.startswith("__")
    return name if plain and name not in ("zarr.json", "c") and not name.endswith(".") else f"%{i}"


def _header(state: State, layouts: dict[str, Layout], level: int) -> bytes:
    """The group's `zarr.json`."""
    try:
        literals = json.dumps(state.literals, allow_nan=False)
        if not isinstance(state.kind, str) or not isinstance(state.literals, dict):
            raise TypeError(f"given {state.kind!r:.80} and {state.literals!r:.80}")
        if json.loads(literals) != state.literals:
            raise TypeError("tuples and keys other than strings would come back changed")
        _check_depth(state.literals)
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(
            f"state of {state.kind!r}: kind must be a string and literals a dict of JSON values, see "
            f"pureml_core.state.encode; {error}"
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
    header = json.dumps({"zarr_format": 3, "node_type": "group", "attributes": attributes}).encode()
    if len(header) > MAX_JSON:
        raise ValueError(
            f"state of {state.kind!r}: names and literals take {len(header)} bytes, more than {MAX_JSON}; "
            "what is large belongs into arrays"
        )
    return header


def _threaded(work: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
    """`work(task)` for each task, in order, computed a few ahead in threads; without threads where none can start."""
    with ThreadPoolExecutor(THREADS) as pool:
        ahead: deque[Future[R]] = deque()
        for task in tasks:
            ahead.append(_begun(pool, work, task))
            if len(ahead) > 2 * THREADS:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _begun(pool: ThreadPoolExecutor, work: Callable[[T], R], task: T) -> Future[R]:
    try:
        return pool.submit(work, task)
    except RuntimeError:  # No new thread can start: the interpreter ends, and this is the last save of a program.
        done: Future[R] = Future()
    done.set_result(work(task))
    return done


# ---- reading, which trusts nothing


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

    for _ in _threaded(decode, ((name, *piece) for name, layout in layouts.items() for piece in layout.pieces())):
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
        _check_depth(attributes["literals"])
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
        if given["path"] != _path(i, name):
            raise ArchiveError(f"{what} the path {given['path']!r:.80}, needed {_path(i, name)!r}")
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
    allowed = max(UNASKED, RATIO * size) if max_bytes is None else max_bytes
    if not needed <= allowed:  # nor if it is nan
        raise ArchiveError(
            f"the arrays in its {size} bytes would unpack to {needed}, more than the {allowed} allowed; "
            f"if you trust it, give max_bytes={needed} to the function of pureml_io that reads it"
        )


def _check_depth(tree: Any) -> None:
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
