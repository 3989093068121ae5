"""Datasets larger than memory: zarr arrays, local or behind a URL, read in chunks."""

from __future__ import annotations

import itertools
import math
import os
import zipfile
import zlib
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
from pureml_core import Tensor

from .checks import whole
from .chunks import ChunkReader, ChunkSampler, Rows, weakly
from .dataset import BatchDataset, as_index
from .zarr_writing import NOTE, NUMBERS


class ZarrDataset(BatchDataset):
    """Samples along the first axis of a zarr array, or of equally long arrays in a zarr group, read as they are needed.

    `dataset[i]`, for an int, a slice or an index array, is a tuple with one untracked Tensor for each array, of the
    dtype that is stored. Chunks are decoded whole, so the order of reading decides the speed:

    - in order, or in the order of `dataset.sampler()`, every chunk is decoded once an epoch, but for longer chunks of
      arrays with smaller samples: these once for every chunk of `dataset.chunk` samples;
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
        storage_options: settings of a URL's store, as obstore's `from_url` takes them: keys, region, endpoint, ...

    Attributes:
        arrays: the zarr arrays.
        fields: their names, or () for an array that is not in a group.
        chunk: samples in a chunk, of the array with the largest samples.

    Raises:
        FileNotFoundError: there is nothing at `source`.
        KeyError: the group has no such field.
        ValueError: the arrays are not equally long, one has no axes, or there are none; their metadata is damaged;
            `fields` repeats a name; there are `storage_options` and no URL; later, a chunk is damaged or missing, or
            the dataset is closed.
        TypeError: an array does not hold numbers, or a setting is of another type.
        OSError: a file cannot be read, or a server fails or cannot be reached.
        ImportError: `source` is a URL and obstore is not installed.
        RuntimeError: a dataset behind a URL is used in a forked process, such as a worker; take start_method="spawn".
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
        if self.storage_options and not _is_url(self.source):
            raise ValueError(f"ZarrDataset: storage_options are for a URL, given {self.source!r}")
        self._wanted = None if fields is None else (fields,) if isinstance(fields, str) else _names(fields)
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
            arrays = self._opened[1]
            self._opened = None  # first: a thread may be reading
            if isinstance(self.source, str):  # what was given open is not ours to close
                for array in arrays.values():
                    array.store.close()

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
        with _store(self.source, self.storage_options) as store:
            arrays = _opened(self.source, store, self._wanted)
            n, chunk = _layout(self.source, arrays)
        self._opened = os.getpid(), arrays, ChunkReader(weakly(self._read), n, chunk)

    def _now(self) -> tuple[int, dict[str, Any], ChunkReader]:
        if self._opened is None:
            raise ValueError(f"this ZarrDataset of {self.source} is closed; make a new one")
        if self._opened[0] != os.getpid():  # forked: the file of a .zip would share its position with the parent's
            from .zarr_stores import NO_FORK, after_fork

            if _is_url(self.source):
                raise RuntimeError(f"{self.source}: {NO_FORK}")
            if not isinstance(self.source, str):
                self.source = after_fork(self.source)
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
            self._now()  # closed by now?
            raise ValueError(f"{self.source}: the samples {start} ... {stop - 1} cannot be read: {error}") from error


# What zarr and its codecs raise on metadata or a chunk that is not what it should be. An OSError says itself what is
# wrong.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    SystemError,  # numcodecs
)


def _tensors(rows: Rows) -> tuple[Tensor, ...]:
    return tuple([Tensor(array) for array in rows])


def _copies(borrowed: Iterator[Rows]) -> Generator[tuple[Tensor, ...], None, None]:
    for rows in borrowed:
        yield _tensors(tuple([array.copy() for array in rows]))


def _is_url(source: Any) -> bool:
    return isinstance(source, str) and "://" in source


def _names(fields: Iterable[Any]) -> tuple[str, ...]:
    names = tuple(fields)
    if wrong := [name for name in names if not isinstance(name, str)]:
        raise TypeError(f"ZarrDataset: fields must be names of arrays, given {wrong[0]!r}")
    if len(set(names)) < len(names):
        raise ValueError(f"ZarrDataset: fields must differ, given {names}")
    return names


@contextmanager
def _store(source: Any, options: Mapping[str, Any]) -> Iterator[Any]:
    """The store at a path or URL, or `source` itself; closed again when the body of the `with` fails."""
    if not isinstance(source, str):
        yield source
        return
    from zarr.storage import LocalStore

    from .zarr_stores import Zip, remote

    if _is_url(source):
        if source.lower().endswith(".zip"):
            raise ValueError(f"{source}: a zip behind a URL is not read; fetch it, or put what is in it there")
        store: Any = remote(source, options)
    elif Path(source).is_dir():
        store = LocalStore(source, read_only=True)
    else:
        try:
            store = Zip.opened(source)
        except FileNotFoundError:
            raise FileNotFoundError(f"{source}: {_NOTHING}") from None
        except zipfile.BadZipFile as error:
            raise ValueError(f"{source}: neither a folder nor a zip file of zarr ({error})") from error
    try:
        yield store
    except BaseException:
        store.close()
        raise


_NOTHING = "there is no zarr array or group here"


def _opened(source: Any, store: Any, wanted: tuple[str, ...] | None) -> dict[str, Any]:
    """The arrays by their names in their group; one that is not in a group as {"": array}."""
    import zarr  # here, so that importing the package does not load zarr

    if isinstance(source, str):
        try:
            with _metadata(source):
                node: Any = zarr.open(store, mode="r")
        except FileNotFoundError:
            raise FileNotFoundError(f"{source}: {_NOTHING}") from None
    elif isinstance(source, zarr.Array | zarr.Group):
        node = source
    else:
        raise TypeError(f"ZarrDataset: source must be a path, a URL, a zarr array or group, given {source!r}")
    with _metadata(source):
        note = node.attrs.get(NOTE)
    if isinstance(node, zarr.Array):
        if wanted is not None:
            raise ValueError(f"{source}: given fields {wanted}, but this is an array and not a group")
        arrays = {"": node}
    else:
        if wanted is None:
            with _metadata(source):
                wanted = _names(note["fields"] if note is not None else sorted(name for name, _ in node.arrays()))
        arrays = {}
        for name in wanted:
            with _metadata(source):
                found = node.get(name)
            if not isinstance(found, zarr.Array):
                raise KeyError(f"{source}: the group has no array {name!r}")
            arrays[name] = found
    from .zarr_stores import as_read

    return {name: as_read(array, gaps=note is None) for name, array in arrays.items()}


@contextmanager
def _metadata(source: Any) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except _DAMAGE as error:
        raise ValueError(f"{source}: the zarr metadata cannot be read: {type(error).__name__}: {error}") from error


def _layout(source: Any, arrays: Mapping[str, Any]) -> tuple[int, int]:
    """The number of samples, and how many are in a chunk of the array with the largest samples."""
    if not arrays:
        raise ValueError(f"{source}: the group holds no arrays")
    for name, array in arrays.items():
        if array.dtype.kind not in NUMBERS:
            raise TypeError(f"{source}: {name or 'the array'} is {array.dtype}, needed numbers or booleans")
    shapes = [array.shape for array in arrays.values()]
    if () in shapes or len({shape[0] for shape in shapes}) > 1:
        raise ValueError(f"{source}: given arrays of shapes {shapes}; their first axes must be equally long")
    largest = max(arrays.values(), key=lambda a: a.dtype.itemsize * math.prod(a.shape[1:]))
    return largest.shape[0], max(largest.chunks[0], 1)
