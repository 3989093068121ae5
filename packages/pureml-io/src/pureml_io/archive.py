"""State archives: one zarr v3 group in one zip file, `.pureml.zip`; docs/format.md says what is in it byte by byte.

    zarr.json              group; its attributes hold format, version, kind, literals and the manifest
    blocks.0.W/zarr.json   an array named as in the state; awkward names become %0, %1, ... (see the manifest)
    blocks.0.W/c/0/0       its chunks

Any zarr v3 reader opens it. Nothing in it is executed, and nothing is believed: everything but the chunks' contents
follows from the manifest, so `load` compares the file with what `save` would have written, before it allocates.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from pureml_core.state import State

from .archive_reading import (
    FORMAT,
    MAX_JSON,
    VERSION,
    Contents,
    Source,
    archive_path,
    check_depth,
    checked,
    fill,
    opened,
)
from .atomic import replacing
from .container import Writer
from .layout import DTYPES, Layout, Part, array_path, checked_level, chunk_shape
from .threads import threaded

EAGER = 8 << 20  # The first bytes of a state are packed for any gain, which takes no time to speak of;
SAMPLED = 3  # up to this level the rest is packed only where it pays.


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
        TypeError: given no State, or an array or a literal that cannot be stored; or the level is no integer.
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
    level = checked_level("save", compression_level)
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
        for piece in threaded(encoded, pieces()):
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


# ---- what a state determines


def _layout(i: int, name: Any, array: Any) -> Layout:
    if not isinstance(name, str):
        raise TypeError(f"given an array named {name!r}, needed a string")
    if not isinstance(array, np.ndarray) or isinstance(array, np.ma.MaskedArray):
        raise TypeError(f"array {name!r}: given a {type(array).__name__}, needed a NumPy array")
    if array.dtype.name not in DTYPES:
        raise TypeError(f"array {name!r} has dtype {array.dtype}; an archive holds {', '.join(DTYPES)}")
    return Layout(array_path(i, name), array.dtype.name, array.shape, chunk_shape(array.shape, array.dtype.itemsize))


def _header(state: State, layouts: dict[str, Layout], level: int) -> bytes:
    """The group's `zarr.json`."""
    try:
        literals = json.dumps(state.literals, allow_nan=False)
        if not isinstance(state.kind, str) or not isinstance(state.literals, dict):
            raise TypeError(f"given {state.kind!r:.80} and {state.literals!r:.80}")
        if json.loads(literals) != state.literals:
            raise TypeError("tuples and keys other than strings would come back changed")
        check_depth(state.literals)
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
