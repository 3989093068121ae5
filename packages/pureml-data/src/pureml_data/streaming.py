"""Datasets larger than memory: zarr arrays, local or behind a URL, read in chunks and written from any iterable."""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import shutil
import zipfile
import zlib
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from pureml_core import Tensor

from .checks import flag, whole
from .chunks import ChunkReader, ChunkSampler, Rows
from .dataset import BatchDataset, as_index

_NOTE = "pureml_data"  # attribute of what write_zarr wrote: {"fields": [...]}, of an array {}
_NUMBERS = "biufc"


class ZarrDataset(BatchDataset):
    """Samples along the first axis of a zarr array, or of equally long arrays in a zarr group, read as they are needed.

    `dataset[i]`, for an int, a slice or an index array, is a tuple with one untracked Tensor for each array, of the
    dtype that is stored. Chunks are decoded whole, so the order of reading decides the speed:

    - in order, or in the order of `dataset.sampler()`, every chunk is decoded once an epoch;
    - in any other order, such as that of `DataLoader(shuffle=True)`, about once for each `window * chunk` samples;
    - single samples outside a loader once for each, unless they lie in the chunk that was decoded last.

    A loader keeps up to `window` chunks of samples in memory, `prefetch` more that a thread reads ahead, and two
    chunks. The thread ends when the loop does; an error in it is raised where its batch would have come.

        dataset = ZarrDataset("images.zarr")
        loader = DataLoader(dataset, batch_size=128, sampler=dataset.sampler(seed=0))

    The loader's state holds the position in the epoch: a restored one goes on with the first batch that was not
    delivered. Several processes read shares of one dataset by `sampler(rank=..., world_size=..., seed=...)`.

    Where a chunk is missing, zarr gives its fill value; in what `write_zarr` wrote that is an error.

    Args:
        source: a folder or .zip file of zarr; a URL of a zarr folder: http(s)://, s3://, gs://, az:// and others that
            obstore knows (the extra `pureml-data[remote]`); or an open zarr array or group.
        fields: the arrays of a group, in the order of their Tensors; None: as written by `write_zarr`, otherwise all,
            by name. Groups behind http(s):// that others wrote need them, since HTTP has no folders to list.
        window: chunks whose samples are held in memory.
        prefetch: chunks whose samples a background thread reads ahead; 0: they are read when they are asked for.
        storage_options: settings of the URL's store, as obstore's `from_url` takes them: keys, region, endpoint, ...

    Attributes:
        arrays: the zarr arrays.
        fields: their names, or () for an array that is not in a group.
        chunk: samples in a chunk, of the array with the largest samples.

    Raises:
        FileNotFoundError: there is nothing at `source`.
        KeyError: the group has no such field.
        ValueError: the arrays are not equally long, one has no axes, or there are none; later, a chunk is damaged or
            missing, or the dataset is closed.
        TypeError: an array does not hold numbers, or a setting is of another type.
        OSError: a file cannot be read, or a server fails or cannot be reached.
        ImportError: `source` is a URL and obstore is not installed.
        RuntimeError: a URL's dataset is used in a forked process, such as a worker; take start_method="spawn".
    """

    def __init__(
        self,
        source: Any,
        fields: Sequence[str] | None = None,
        *,
        window: int = 8,
        prefetch: int = 1,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        self.source = os.fspath(source) if isinstance(source, os.PathLike) else source
        self.window = whole("ZarrDataset: window", window, 1)
        self.prefetch = whole("ZarrDataset: prefetch", prefetch, 0)
        self.storage_options = dict(storage_options or {})
        self._wanted = None if fields is None else (fields,) if isinstance(fields, str) else tuple(fields)
        self._opened: tuple[int, dict[str, Any], ChunkReader] | None = None
        self._open()
        self.fields = () if (*self._arrays(),) == ("",) else (*self._arrays(),)

    # ---- what is read

    @property
    def arrays(self) -> tuple[Any, ...]:
        return (*self._arrays().values(),)

    @property
    def chunk(self) -> int:
        return self._reader().chunk

    def __len__(self) -> int:
        return self._reader().n

    def __getitem__(self, index: Any, /) -> tuple[Tensor, ...]:
        reader = self._reader()
        return _tensors(reader.rows(as_index(index, reader.n)))

    def read_in_order(self, indices: Iterable[Any]) -> Iterator[tuple[Tensor, ...]]:
        """`self[i]` for each of `indices`, ints or index arrays, decoded a window ahead."""
        reader = self._reader()
        own = ChunkReader(self._read, reader.n, reader.chunk)  # another reader's chunks do not displace this one's
        source = iter(indices)
        for first in source:
            items = itertools.chain([first], source)
            rows = _copies(own.in_order(items, self.window * own.chunk))
            batches: Iterator[tuple[Tensor, ...]] = rows
            if self.prefetch:
                from .prefetch import ahead

                batches = ahead(rows, max(self.prefetch * own.chunk // max(np.size(first), 1), 1))
            for batch in batches:
                self._now()
                yield batch
                del batch

    def sampler(
        self, *, shuffle: bool = True, rank: int = 0, world_size: int = 1, seed: int | None = None
    ) -> ChunkSampler:
        """An order for a loader in which this dataset reads fast; see `ChunkSampler`."""
        return ChunkSampler(self.chunk, self.window, shuffle=shuffle, rank=rank, world_size=world_size, seed=seed)

    # ---- opening and closing

    def close(self) -> None:
        """Let the arrays and a .zip file go; any later use is a ValueError, but for closing again."""
        if self._opened is not None:
            for array in self._opened[1].values():
                if isinstance(self.source, str):  # what was given open is not ours to close
                    array.store.close()
            self._opened = None

    def __enter__(self) -> Self:
        self._reader()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        """Settings alone: a copy in another process opens the arrays anew."""
        self._reader()
        return {**vars(self), "_opened": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._open()

    def _open(self) -> None:
        arrays = _opened(self.source, self._wanted, self.storage_options)
        n, chunk = _layout(self.source, arrays)
        self._opened = os.getpid(), arrays, ChunkReader(self._read, n, chunk)

    def _now(self) -> tuple[int, dict[str, Any], ChunkReader]:
        if self._opened is None:
            raise ValueError(f"this ZarrDataset of {self.source} is closed; make a new one")
        if self._opened[0] != os.getpid():  # forked: the file of a .zip would share its position with the parent's
            if _is_url(self.source):
                raise RuntimeError(
                    f"{self.source}: connections do not survive a fork; give the DataLoader start_method='spawn'"
                )
            self._open()
        return self._opened

    def _arrays(self) -> dict[str, Any]:
        return self._now()[1]

    def _reader(self) -> ChunkReader:
        return self._now()[2]

    def _read(self, start: int, stop: int) -> Rows:
        arrays = self._arrays()
        try:
            return tuple([np.asarray(array[start:stop]) for array in arrays.values()])
        except _DAMAGE as error:
            raise ValueError(f"{self.source}: the samples {start} ... {stop - 1} cannot be read: {error}") from error


# What zarr and its codecs raise on a chunk that is not what it should be. An OSError says itself what is wrong.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, TypeError, RuntimeError)


def _tensors(rows: Rows) -> tuple[Tensor, ...]:
    return tuple([Tensor(array) for array in rows])


def _copies(borrowed: Iterator[Rows]) -> Generator[tuple[Tensor, ...], None, None]:
    for rows in borrowed:
        yield _tensors(tuple([array.copy() for array in rows]))


def _is_url(source: Any) -> bool:
    return isinstance(source, str) and "://" in source


def _opened(source: Any, wanted: tuple[str, ...] | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays by their names in their group; one that is not in a group as {"": array}."""
    import zarr  # here, so that importing the package does not load zarr

    if isinstance(source, str):
        try:
            node: Any = zarr.open(_store(source, options), mode="r")
        except FileNotFoundError:
            raise FileNotFoundError(f"{source}: there is no zarr array or group here") from None
    elif isinstance(source, zarr.Array | zarr.Group):
        node = source
    else:
        raise TypeError(f"ZarrDataset: source must be a path, a URL, a zarr array or group, given {source!r}")
    note = node.attrs.get(_NOTE)
    if isinstance(node, zarr.Array):
        if wanted is not None:
            raise ValueError(f"{source}: given fields {wanted}, but this is an array and not a group")
        arrays = {"": node}
    else:
        if wanted is None:
            wanted = tuple(note["fields"]) if note is not None else tuple(sorted(name for name, _ in node.arrays()))
        arrays = {}
        for name in wanted:
            found = node.get(name)
            if not isinstance(found, zarr.Array):
                raise KeyError(f"{source}: the group has no array {name!r}")
            arrays[name] = found
    if note is None:
        return arrays
    from .zarr_stores import without_gaps

    return {name: without_gaps(array) for name, array in arrays.items()}


def _store(source: str, options: Mapping[str, Any]) -> Any:
    from zarr.storage import LocalStore, ZipStore

    if _is_url(source):
        from .zarr_stores import remote

        return remote(source, options)
    if Path(source).is_dir():
        return LocalStore(source, read_only=True)
    try:
        store = ZipStore(source, mode="r")
        store._sync_open()
    except zipfile.BadZipFile as error:
        raise ValueError(f"{source}: neither a folder nor a zip file of zarr ({error})") from error
    return store


def _layout(source: Any, arrays: Mapping[str, Any]) -> tuple[int, int]:
    """The number of samples, and how many are in a chunk of the array with the largest samples."""
    if not arrays:
        raise ValueError(f"{source}: the group holds no arrays")
    for name, array in arrays.items():
        if array.dtype.kind not in _NUMBERS:
            raise TypeError(f"{source}: {name or 'the array'} is {array.dtype}, needed numbers or booleans")
    shapes = [array.shape for array in arrays.values()]
    if () in shapes or len({shape[0] for shape in shapes}) > 1:
        raise ValueError(f"{source}: given arrays of shapes {shapes}; their first axes must be equally long")
    largest = max(arrays.values(), key=lambda a: a.dtype.itemsize * int(np.prod(a.shape[1:], dtype=np.int64)))
    return largest.shape[0], max(largest.chunks[0], 1)


# ---- writing


def write_zarr(
    path: str | os.PathLike[str],
    samples: Iterable[Any],
    *,
    batched: bool = False,
    chunk: int | None = None,
    compression_level: int = 5,
) -> int:
    """Write samples from any iterable, also one that never fits in memory, as a zarr folder that `ZarrDataset` reads.

    A sample is an array, Tensor or number; a tuple of these, for fields "0", "1", ...; or a mapping of names to these.
    All must be alike: fields, shapes, dtypes. A chunk of them is held in memory. The folder appears under its name
    when it is complete and on disk, or not at all.

    Args:
        path: the folder to be; nothing may be there yet.
        samples: the samples, or with `batched` batches of them, of any sizes, along a first axis.
        batched: as above. The batches of a DataLoader are such.
        chunk: samples in a chunk; None: as many as fit into 4 MiB.
        compression_level: of Zstandard, 0 (none) to 9.

    Returns:
        The number of samples.

    Raises:
        FileExistsError: there is something at `path`.
        ValueError: no samples, samples that are not alike, or a setting out of range.
        TypeError: a sample does not hold numbers, or a setting is of another type.

    >>> import tempfile
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
    target = Path(path)
    if os.path.lexists(target):
        raise FileExistsError(f"{target}: exists; remove it or take another name")
    if not target.absolute().parent.is_dir():
        raise FileNotFoundError(f"{target.absolute().parent}: no such folder to write into")
    partial = target.with_name(f".{target.name[:40]}~{secrets.token_hex(8)}.tmp")
    try:
        writer = _Writer(partial, chunk, compression_level)
        for sample in samples:
            writer.put(sample, batched)
        n = writer.finish()
        for file in partial.rglob("*"):
            _flush(file)
        os.rename(partial, target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    _flush(target.absolute().parent)
    return n


class _Writer:
    """Collects samples until they fill a chunk of every field, which it then writes."""

    def __init__(self, folder: Path, chunk: int | None, level: int) -> None:
        self.folder, self.chunk, self.level = folder, chunk, level
        self.n = 0
        self.single = False
        self.buffers: dict[str, np.ndarray] = {}
        self.arrays: dict[str, Any] = {}

    def put(self, sample: Any, batched: bool) -> None:
        values = sample if isinstance(sample, Mapping) else dict(_numbered(sample))
        parts = {str(name): _array(value) for name, value in values.items()}
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
        note = {} if "" in self.arrays else {"fields": [*self.arrays]}
        for array in self.arrays.values():
            array.resize((self.n, *array.shape[1:]))
        self.root.update_attributes({_NOTE: note})
        return self.n

    def _begin(self, parts: Mapping[str, np.ndarray]) -> None:
        import zarr
        from zarr.codecs import BloscCodec, Crc32cCodec

        size = sum(part[:1].nbytes for part in parts.values()) or max(part.dtype.itemsize for part in parts.values())
        chunk = self.chunk or max((4 << 20) // size, 1)
        if "" not in parts:
            self.root = zarr.create_group(self.folder)
        for name, part in parts.items():
            shape, dtype = (chunk, *part.shape[1:]), part.dtype
            blosc = BloscCodec(
                cname="zstd",
                clevel=self.level,
                shuffle="shuffle" if dtype.itemsize > 1 else "noshuffle",
                typesize=dtype.itemsize,
            )
            checksum = Crc32cCodec()  # Blosc reads past the end of a chunk that was cut off
            self.arrays[name] = zarr.create_array(
                self.folder,
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
    array = value.data if isinstance(value, Tensor) else np.asarray(value)
    if array.dtype.kind not in _NUMBERS:
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
