"""What reading needs of zarr beyond its everyday use. Importing this module loads zarr."""

from __future__ import annotations

import copy
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import zarr
from zarr.abc.store import ByteRequest, Store
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import FsspecStore, ObjectStore, StorePath, WrapperStore, ZipStore

from .blosc_guard import guarded


class WithoutGaps(WrapperStore[Store]):
    """A store in which everything that is asked for must be there."""

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        value = await self._store.get(key, prototype, byte_range)
        if value is None:
            raise ValueError(f"the chunk {key} is missing")
        return value


def as_read(array: zarr.Array[Any], *, gaps: bool) -> zarr.Array[Any]:
    """An array as it is read: by `blosc_guard`, and unless there may be `gaps`, a missing chunk is an error.

    Zarr gives its fill value for one.
    """
    path = array.store_path if gaps else StorePath(WithoutGaps(array.store_path.store), array.path)
    return zarr.Array(zarr.AsyncArray(guarded(array.metadata), path))


class Zip(ZipStore):
    """A zip file that stays closed; zarr's own opens itself again when it is read after `close`."""

    _closed = False

    @classmethod
    def opened(cls, path: Path | str) -> Self:
        """The zip at a path, for reading.

        Raises:
            FileNotFoundError, zipfile.BadZipFile: there is none.
        """
        store = cls(path, mode="r")
        store._sync_open()
        return store

    def close(self) -> None:
        self._closed = True
        super().close()

    def _sync_open(self) -> None:
        if self._closed:
            raise ValueError(f"{self.path} is closed")
        super()._sync_open()


def after_fork(node: Any) -> Any:
    """An array or group that was opened before a fork, for the forked process.

    Raises:
        RuntimeError: it is behind a connection.
    """
    store = node.store
    while isinstance(store, WrapperStore):
        store = store._store
    if isinstance(store, ObjectStore | FsspecStore):
        raise RuntimeError(f"{node}: {NO_FORK}")
    return copy.deepcopy(node) if isinstance(store, ZipStore) else node  # a copy opens the file anew


NO_FORK = "connections do not survive a fork; give the DataLoader start_method='spawn'"


def remote(url: str, options: Mapping[str, Any], *, read_only: bool = True) -> Any:
    """A store rooted at a URL. When its server fails, cannot be reached or does not list: OSError.

    Raises:
        ValueError: the kind of URL is unknown, or it and the options do not fit.
        ImportError: obstore is not installed.
    """
    try:
        from obstore.exceptions import BaseError
        from obstore.store import from_url
    except ModuleNotFoundError as error:
        raise ImportError(f"{url}: needs obstore; pip install pureml-data[remote]") from error

    class Remote(ObjectStore[Any]):
        @contextmanager
        def failing(self, what: str = "") -> Iterator[None]:
            """A context in which a failing server is an OSError."""
            try:
                yield
            except BaseError as error:
                raise OSError(f"{url}: {what}{_first_line(error)}") from error

        async def get(
            self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
        ) -> Buffer | None:
            with self.failing():
                return await super().get(key, prototype, byte_range)

        async def list_dir(self, prefix: str) -> AsyncGenerator[str, None]:
            with self.failing("its server does not list names, give fields: "):
                async for key in super().list_dir(prefix):
                    yield key

        def holds_something(self) -> bool:
            with self.failing():
                return any(len(found) for found in self.store.list())

        def remove_all(self) -> None:
            with self.failing():
                for found in self.store.list():
                    self.store.delete([entry["path"] for entry in found])

    plain = {"client_options": {"allow_http": True}} if url.startswith("http://") else {}
    try:
        return Remote(from_url(url, **plain | dict(options)), read_only=read_only)
    except BaseError as error:
        raise ValueError(f"{url}: cannot be opened: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    """What obstore says of a failure, without the server's page and the structures that it prints below."""
    return str(error).partition("\n")[0]
