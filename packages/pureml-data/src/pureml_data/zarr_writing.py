"""Writing what `ZarrDataset` reads, from any iterable."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .checks import as_array, flag, whole

NOTE = "pureml_data"  # attribute of what write_zarr wrote: {"fields": [...]}, of an array {}
NUMBERS = "biufc"  # kinds of dtypes


def write_zarr(
    path: str | os.PathLike[str],
    samples: Iterable[Any],
    *,
    batched: bool = False,
    chunk: int | None = None,
    compression_level: int = 5,
    storage_options: Mapping[str, Any] | None = None,
) -> int:
    """Write samples from any iterable, also one that never fits in memory, as a zarr folder that `ZarrDataset` reads.

    A sample is an array, Tensor or number; a tuple of these, for fields "0", "1", ...; or a mapping of names to these.
    All must be alike: fields, shapes, dtypes. A chunk of them is held in memory. The folder appears under its name
    when it is complete and on disk, or not at all. Behind a URL, where nothing can be renamed, what was written is
    removed if writing fails; a program that is killed leaves what it had written.

    Args:
        path: the folder to be, or its URL (`s3://`, `gs://`, ...; extra `remote`); nothing may be there yet.
        samples: the samples, or with `batched` batches of them, of any sizes, along a first axis.
        batched: as above. The batches of a DataLoader are such.
        chunk: samples in a chunk; None: as many as fit into 4 MiB.
        compression_level: of Zstandard, 0 (none) to 9.
        storage_options: settings of a URL's store, as for `ZarrDataset`.

    Returns:
        The number of samples.

    Raises:
        FileExistsError: there is something at `path`.
        ValueError: no samples, samples that are not alike, names that no array can have, or a setting out of range.
        TypeError: a sample does not hold numbers, `samples` cannot be iterated, or a setting is of another type.
        OSError: the disk or the server fails.
        ImportError: `path` is a URL and obstore is not installed.

    >>> import tempfile
    >>> from pureml_data import ZarrDataset
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     n = write_zarr(f"{folder}/squares.zarr", ({"x": i, "y": i * i} for i in range(1000)), chunk=100)
    ...     with ZarrDataset(f"{folder}/squares.zarr") as dataset:
    ...         x, y = dataset[[3, 999]]
    >>> n, y
    (1000, Tensor([     9, 998001]))
    """
    if chunk is not None:
        chunk = whole("write_zarr: chunk", chunk, 1)
    if whole("write_zarr: compression_level", compression_level, 0) > 9:
        raise ValueError(f"write_zarr: compression_level must be 0 to 9, given {compression_level}")
    flag("write_zarr: batched", batched)
    if isinstance(samples, Mapping) or not isinstance(samples, Iterable):
        raise TypeError(
            f"write_zarr: given samples as {type(samples).__name__}, needed an iterable of samples; columns become one "
            "by zip"
        )
    url = isinstance(path, str) and "://" in path
    if storage_options is not None and not url:
        raise ValueError(f"write_zarr: storage_options are for a URL, given {str(path)!r}")
    with _at_url(str(path), storage_options or {}) if url else _folder(Path(path)) as store:
        writer = _Writer(store, chunk, compression_level)
        for sample in samples:
            writer.put(sample, batched)
        return writer.finish()


@contextlib.contextmanager
def _folder(target: Path) -> Iterator[Path]:
    """A folder beside the target to write into, which gets its name and is on disk when the block ends."""
    if os.path.lexists(target):
        raise FileExistsError(f"{target}: exists; remove it or take another name")
    if not target.absolute().parent.is_dir():
        raise FileNotFoundError(f"{target.absolute().parent}: no such folder to write into")
    partial = target.with_name(f".{target.name[:40]}~{secrets.token_hex(8)}.tmp")
    try:
        yield partial
        for file in [*partial.rglob("*"), partial]:
            _flush(file)
        os.rename(partial, target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    _flush(target.absolute().parent)


@contextlib.contextmanager
def _at_url(url: str, options: Mapping[str, Any]) -> Iterator[Any]:
    """A store behind a URL to write into, which is empty again if the block raises."""
    from .zarr_stores import remote

    if url.startswith(("http://", "https://")):
        raise ValueError(f"{url}: an HTTP server is not written to; write a folder and put it there")
    store = remote(url, options, read_only=False)
    if store.holds_something():
        raise FileExistsError(f"{url}: exists; remove it or take another name")
    try:
        with store.failing():
            yield store
    except BaseException:
        with contextlib.suppress(OSError):  # the server that has failed
            store.remove_all()
        raise


class _Writer:
    """Collects samples until they fill a chunk of every field, which it then writes."""

    def __init__(self, store: Any, chunk: int | None, level: int) -> None:
        self.store, self.chunk, self.level = store, chunk, level
        self.n = 0
        self.buffers: dict[str, np.ndarray] = {}
        self.arrays: dict[str, Any] = {}

    def put(self, sample: Any, batched: bool) -> None:
        values = sample if isinstance(sample, Mapping) else dict(_numbered(sample))
        parts = {str(name): _array(value) for name, value in values.items()}
        if len(parts) < len(values) or (isinstance(sample, Mapping) and not {"", "zarr.json"}.isdisjoint(parts)):
            raise ValueError(f"write_zarr: names of fields must differ and not be '' or 'zarr.json', given {[*values]}")
        if not batched:
            parts = {name: part[None] for name, part in parts.items()}
        shapes = {name: part.shape for name, part in parts.items()}
        if len({shape[:1] for shape in shapes.values()}) != 1 or () in shapes.values():
            raise ValueError(
                f"write_zarr: after {self.n} samples, given fields of shapes {shapes}; needed at least one, all "
                "equally long along a first axis"
            )
        if not self.arrays:
            self._begin(parts)
        found, needed = ({k: (str(a.dtype), a.shape[1:]) for k, a in x.items()} for x in (parts, self.buffers))
        if found != needed:
            raise ValueError(f"write_zarr: sample {self.n} has the fields {found}, those before it {needed}")
        done, size = 0, len(next(iter(parts.values())))
        chunk = len(next(iter(self.buffers.values())))
        while done < size:
            at = self.n % chunk
            step = min(size - done, chunk - at)
            for name, part in parts.items():
                self.buffers[name][at : at + step] = part[done : done + step]
            done += step
            self.n += step
            if self.n % chunk == 0:
                self._write(self.n - chunk)

    def finish(self) -> int:
        if not self.n:
            raise ValueError("write_zarr: given no samples, needed at least one to know shapes and dtypes")
        rest = self.n % len(next(iter(self.buffers.values())))
        if rest:
            self._write(self.n - rest)
        for array in self.arrays.values():
            array.resize((self.n, *array.shape[1:]))
            array.update_attributes({NOTE: {}})
        if "" not in self.arrays:
            self.root.update_attributes({NOTE: {"fields": [*self.arrays]}})
        return self.n

    def _begin(self, parts: Mapping[str, np.ndarray]) -> None:
        import zarr
        from zarr.codecs import BloscCodec, Crc32cCodec

        size = sum(part[:1].nbytes for part in parts.values()) or max(part.dtype.itemsize for part in parts.values())
        chunk = self.chunk or max((4 << 20) // size, 1)
        if "" not in parts:
            self.root = zarr.create_group(self.store)
        for name, part in parts.items():
            shape, dtype = (chunk, *part.shape[1:]), np.dtype(part.dtype.str)  # zarr takes one of C's equal integers
            blosc = BloscCodec(
                cname="zstd",
                clevel=self.level,
                shuffle="shuffle" if dtype.itemsize > 1 else "noshuffle",
                typesize=dtype.itemsize,
            )
            checksum = Crc32cCodec()  # Blosc reads past the end of a chunk that was cut off
            self.arrays[name] = zarr.create_array(
                self.store,
                name=name or None,
                shape=shape,
                chunks=tuple(max(length, 1) for length in shape),
                dtype=dtype,
                compressors=[blosc, checksum] if self.level else [checksum],
                config={"write_empty_chunks": True},
            )
            self.buffers[name] = np.empty(shape, dtype)
        if "" in parts:
            self.root = self.arrays[""]

    def _write(self, start: int) -> None:
        size = self.n - start
        for name, array in self.arrays.items():
            if array.shape[0] < self.n:
                array.resize((2 * self.n, *array.shape[1:]))  # resizing walks over all chunks: not for every one
            array[start : self.n] = self.buffers[name][:size]


def _numbered(sample: Any) -> Iterator[tuple[str, Any]]:
    return ((str(i), value) for i, value in enumerate(sample)) if isinstance(sample, tuple) else iter([("", sample)])


def _array(value: Any) -> np.ndarray:
    array = as_array("write_zarr", value)
    if array.dtype.kind not in NUMBERS:
        raise TypeError(f"write_zarr: given {array.dtype}, needed numbers or booleans: {value!r:.100}")
    return array


def _flush(path: Path) -> None:
    """Put a file, or the names in a folder, on disk."""
    with contextlib.suppress(PermissionError):  # Windows opens no folders
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
