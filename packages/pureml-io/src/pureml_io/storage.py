"""ArrayStorage: named blocks of equally shaped arrays, one zarr v3 array each, on disk, in a zip or behind a URL.

    zarr.json              group; its attributes are those of the storage
    weights/zarr.json      a block: an array of shape (N, *shape), one row for each array that was written
    weights/c/0/0          a chunk of `arrays_per_chunk` rows: little-endian, packed by Blosc (zstd), with a crc32c

Any zarr v3 reader opens it. Text and dates, which zarr has no finished specification for, are kept as the integers
that NumPy holds them in, along a further axis, and a block's attribute says their dtype. A block that was written here
has all its chunks, so that one that is missing is damage, not zeros.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from pureml_core.state import decode, encode

from .block import Block, is_block, positive, row
from .layout import checked_level
from .storage_names import can_be_looked_for, checked_url, is_zip, local_path, zip_for
from .storage_opening import root_of, served, sound, store_at
from .storage_writing import append, block_for, plain
from .storage_zip import write_zip

Mode: TypeAlias = Literal["r", "r+", "a", "w", "w-", "x"]


class ArrayStorage:
    """Arrays appended to named blocks, read back by number; a zarr v3 group compressed by Blosc.

    A write appends all its arrays or none: also when the process is killed in the middle, the block is as it was.
    One storage may be read from many places at once, but written to from one only.

    Args:
        pth: a folder, to which `.zarr` is appended unless it ends so; a `.zip` file, as `compress` writes it; or a URL
            (`s3://`, `gs://`, `http://`, `https://`) of either, which needs `pip install pureml-io[remote]`.
        mode: "r" reads what exists; "r+" and "a" read and write, and create what is missing; "w" creates, in place of
            what exists; "w-" and "x" create what must not exist. A `.zip` and an HTTP server can only be read.
        storage_options: for a URL, further arguments of `obstore.store.from_url`, such as `skip_signature=True` for a
            public bucket; without them its environment variables count (`AWS_ACCESS_KEY_ID`, ...).

    Attributes:
        store: the zarr store.
        store_path: its resolved path, or its URL.
        root: the zarr group.
        mode: as given.

    Raises:
        FileNotFoundError: mode "r", and nothing is there.
        FileExistsError: "w-" or "x", and something is there; "w", and it is a folder of other things.
        ValueError: `pth` is no path, the mode is none of these, or cannot be used with this kind of path.
        TypeError: there is an array in place of a group.
        ArchiveError: (a ValueError) what is there is damaged.
        OSError: a server fails, or cannot be reached.
        ImportError: the package that opens URLs is not installed.

    >>> folder = tempfile.mkdtemp()
    >>> with ArrayStorage(Path(folder) / "run", "w") as storage:
    ...     storage.write([np.zeros(3), np.ones(3)], "weights", arrays_per_chunk=100)
    ...     storage.add_attr("epochs", 2)
    ...     archive = storage.compress(compression_level=9)
    >>> storage = ArrayStorage(archive, "r")
    >>> storage.read("weights", -1), storage.get_attr("epochs")
    (array([1., 1., 1.]), 2)
    """

    def __init__(
        self, pth: str | os.PathLike[str], mode: Mode, *, storage_options: Mapping[str, Any] | None = None
    ) -> None:
        if not isinstance(pth, str | os.PathLike):
            raise ValueError(f"ArrayStorage: given the path {pth!r}, needed a string or a pathlib.Path")
        if mode not in ("r", "r+", "a", "w", "w-", "x"):
            raise ValueError(f"ArrayStorage: given the mode {mode!r}, needed 'r', 'r+', 'a', 'w', 'w-' or 'x'")
        url = isinstance(pth, str) and "://" in pth
        if storage_options is not None and not url:
            raise ValueError(f"ArrayStorage: storage_options are for URLs, given the path {str(pth)!r}")
        self.mode = mode
        self.store_path: Path | str = checked_url(str(pth)) if url else local_path(Path(pth))
        self._closing = contextlib.ExitStack()
        try:
            self.store = store_at(self.store_path, mode, storage_options or {}, self._closing)
            self._closing.callback(self.store.close)
            self.root = root_of(self.store, self.store_path, mode)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the store; reading and writing raise a ValueError from now on."""
        self._closing.close()
        self.__dict__.pop("root", None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        if name == "root":
            raise ValueError(f"{self.__dict__.get('store_path')}: this ArrayStorage is closed")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    # ---- blocks

    def write(self, these_arrays: Iterable[Any], to_block_named: str, *, arrays_per_chunk: int | None = None) -> None:
        """Append arrays to a block, all or none of them.

        An iterator is consumed as it is written, so that a block may be larger than memory.

        Args:
            these_arrays: of one shape and dtype: booleans, numbers, text or dates. None at all change nothing.
                The dtype of text is its width too: where lengths differ, give `np.array(texts, "U80")`.
            to_block_named: slashes make groups of blocks.
            arrays_per_chunk: how many are compressed together, and read together whichever of them is asked for. It
                is fixed by the first write; 10, with a RuntimeWarning, if that does not say.

        Raises:
            RuntimeError: the storage is read-only, or the block's arrays are of another shape or dtype, or another
                `arrays_per_chunk`.
            ValueError: the arrays differ in shape or dtype, or the name, `arrays_per_chunk` or the size of a chunk is
                impossible.
            TypeError: an array holds something else.
            ArchiveError: (a ValueError) the block is damaged.
            OSError: the disk or the server fails.
        """
        self._writable("write")
        arrays: Any = these_arrays
        if isinstance(arrays, str | bytes | Mapping | Set) or not np.iterable(arrays):
            raise TypeError(
                f"write: given a {type(arrays).__name__}, needed arrays in an order, such as a list of them"
            )
        if isinstance(arrays, np.ndarray) and arrays.ndim:
            head = row(arrays[:1])
        else:
            arrays = iter(arrays)
            head = np.asarray([row(a) for a in itertools.islice(arrays, 1)])
        if not len(head):
            return
        first = head[0, ...]
        with served(self.store_path):
            block = block_for(self.root, to_block_named, first, arrays_per_chunk, self._sound(to_block_named))
            if block.rows % block.per_chunk:
                self._rows(block, block.rows - 1)  # which zarr completes: it would take a missing chunk for zeros
            append(self.root, block, first, arrays)

    def read(self, from_block_named: str, ids: Any = None) -> np.ndarray:
        """Arrays of a block, copied into memory.

        Args:
            ids: a number, negative ones count from the end, for one array of its shape; a slice, a list, a tuple or
                an array of numbers for a table of them, in that order; None for all.

        Raises:
            KeyError: there is no such block.
            IndexError: a number is out of range.
            TypeError: `ids` is something else.
            ArchiveError: (a ValueError) the block is damaged.
        """
        block = self._block(from_block_named)
        if ids is None:
            ids = slice(None)
        if isinstance(ids, slice):
            numbers = range(block.rows)[ids]
            if numbers.step > 0:
                return self._rows(block, slice(numbers.start, max(numbers.start, numbers.stop), numbers.step))
            if not numbers:
                return self._rows(block, slice(0, 0))
            return self._rows(block, slice(numbers[-1], numbers[0] + 1, -numbers.step))[::-1].copy()
        if isinstance(ids, list | tuple | np.ndarray) and np.ndim(ids) == 1:
            return self._rows(block, np.array([block.number(i) for i in ids], dtype=np.intp))
        return self._rows(block, block.number(ids))

    def block_iter(self, from_block_named: str, *, step: int = 1) -> Iterator[np.ndarray]:
        """The arrays of a block in their order, tables of up to `step` of them; each chunk is read once.

        Raises:
            KeyError: there is no such block.
            ValueError: `step` is below 1.
        """
        step = positive("block_iter", "step", step)
        block = self._block(from_block_named)
        size = block.per_chunk * math.ceil(step / block.per_chunk)  # whole chunks
        rest = np.empty(0)
        for start in range(0, block.rows, size):
            stop = min(start + size, block.rows)
            table, at = self._rows(block, slice(start, stop)), 0
            if len(rest):
                at = step - len(rest)
                yield np.concatenate([rest, table[:at]])
            end = len(table) if stop == block.rows else len(table) - (len(table) - at) % step
            for i in range(at, end, step):
                yield table[i : i + step]
            rest = table[end:].copy()

    def block_names(self) -> list[str]:
        """The names of all blocks, sorted.

        Raises:
            ValueError: the storage is on an HTTP server, which does not list what it has.
        """
        if str(self.store_path).startswith(("http://", "https://")) and not is_zip(self.store_path):
            raise ValueError(f"{self.store_path}: an HTTP server does not list its files; blocks can be read by name")
        with self._sound():
            return sorted(name for name, node in self.root.members(max_depth=None) if is_block(node))

    def delete_block(self, named: str) -> None:
        """Remove a block and its arrays.

        Raises:
            RuntimeError: the storage is read-only.
            KeyError: there is no such block.
        """
        self._writable("delete_block")
        block = self._block(named)
        with served(self.store_path):
            block.seen_as(0).resize((0, *block.array.shape[1:]))  # first of all nobody sees it
            del self.root[named]

    # ---- attributes

    def add_attr(self, key: str, val: Any) -> None:
        """Keep a value under a name, in place of any before.

        Args:
            val: None, bool, number, text, date, and lists, tuples, sets and dicts with string keys of these, and
                arrays. `get_attr` gives tuples, sets and arrays as lists, and dates as text.

        Raises:
            RuntimeError: the storage is read-only.
            TypeError: `key` is not a string, or there is something else in `val`; nothing is changed.
        """
        self._writable("add_attr")
        if not isinstance(key, str):
            raise TypeError(f"add_attr: given the key {key!r}, needed a string")
        try:
            value = encode(plain(val))
        except (TypeError, RecursionError) as error:
            raise TypeError(f"add_attr: {key!r} cannot be kept as JSON: {error}") from error
        root = self.root
        with served(self.store_path):
            root.attrs[key] = value

    def get_attr(self, key: str) -> Any:
        """The value that was kept under a name.

        Raises:
            KeyError: there is none.
        """
        attributes = self.root.attrs
        if key not in attributes:
            raise KeyError(f"{self.store_path}: there is no attribute {key!r}")
        return decode(attributes[key])

    # ---- archives

    def compress(self, into: str | os.PathLike[str] | None = None, *, compression_level: int) -> str:
        """Write all blocks and attributes into one read-only zip, whole or not at all.

        Args:
            into: a file that ends in `.zip`, or a folder for a file of the storage's name; beside the storage if None.
                Missing folders are made.
            compression_level: 0 (none) to 9 (smallest).

        Returns:
            The path of the zip. A storage that is a zip already is left as it is.

        Raises:
            ValueError: the level is not one, or there is no folder beside a URL.
            OSError: the file cannot be written. Whatever is raised, a previous file stays as it was.
        """
        level = checked_level("compress", compression_level)
        if is_zip(self.store_path):
            return str(self.store_path)
        target = zip_for(self.store_path, into)
        blocks = {name: self._block(name) for name in self.block_names()}
        write_zip(target, self.root.attrs.asdict(), blocks, self._rows, level)
        return str(target)

    @classmethod
    @contextlib.contextmanager
    def compress_and_cleanup(cls, output_pth: str | os.PathLike[str], compression_level: int) -> Iterator[Self]:
        """A temporary storage to write into, which becomes a zip when the block ends; arguments as for `compress`.

        In a folder, the zip is named after the folder.
        If the block raises, nothing is written. The temporary folder (see `tempfile.gettempdir`) goes in any case.
        What cannot be a zip is refused before the block begins.

        >>> with ArrayStorage.compress_and_cleanup(Path(tempfile.mkdtemp()) / "run.zip", 3) as storage:
        ...     storage.write([np.zeros(3)], "weights", arrays_per_chunk=100)
        """
        level = checked_level("compress_and_cleanup", compression_level)
        if not isinstance(output_pth, str | os.PathLike):
            raise TypeError(f"compress_and_cleanup: given output_pth {output_pth!r}, needed a string or a pathlib.Path")
        target = Path(output_pth)
        if not is_zip(target):
            target = target / f"{target.resolve().name}.zip"
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "is a folder, needed a file name", str(output_pth))
        with tempfile.TemporaryDirectory(suffix=".zarr") as folder, cls(folder, "w") as storage:
            yield storage
            storage.compress(target, compression_level=level)

    # ---- inside

    def _writable(self, method: str) -> None:
        if self.mode == "r":
            raise RuntimeError(f"{method}: {self.store_path} was opened read-only")

    def _sound(self, block: str | None = None) -> contextlib.AbstractContextManager[None]:
        _ = self.root  # which a closed storage has not
        return sound(self.store_path, block)

    def _block(self, name: str) -> Block:
        """A block that exists."""
        with self._sound(name):
            node = self.root.get(name) if can_be_looked_for(name) else None
            if is_block(node):
                return Block(node)
        raise KeyError(f"{self.store_path}: there is no block {name!r}")

    def _rows(self, block: Block, ids: Any) -> np.ndarray:
        with self._sound(block.array.path):
            return block.rows_at(ids)
