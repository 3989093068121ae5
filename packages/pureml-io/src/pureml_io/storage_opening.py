"""Opening a storage: its zarr store and group by a mode, and errors of zarr and of servers as the storage's own."""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .container import ArchiveError
from .storage_names import is_zip

if TYPE_CHECKING:
    import zarr

# What zipfile, zarr and its codecs raise on data that are not what they should be.
_DAMAGE = (ValueError, TypeError, KeyError, RuntimeError, SystemError, EOFError, zlib.error, zipfile.BadZipFile)


def _failures_at(path: Path | str) -> tuple[type[Exception], ...]:
    """What a server raises when it fails, for a URL."""
    if not isinstance(path, str):
        return ()
    from . import remote

    return remote.failures()


@contextlib.contextmanager
def served(path: Path | str) -> Iterator[None]:
    """A context in which a failing server is an OSError."""
    try:
        yield
    except _failures_at(path) as error:
        from .remote import first_line  # which is loaded already, where there are failures of its

        raise OSError(f"{path}: {first_line(error)}") from error


@contextlib.contextmanager
def sound(path: Path | str, block: str | None = None) -> Iterator[None]:
    """A context in which damage is an ArchiveError that says where, and a failing server an OSError."""
    try:
        with served(path):
            yield
    except (ArchiveError, FileNotFoundError):
        raise
    except _DAMAGE as error:
        where = "" if block is None else f"block {block!r}: "
        raise ArchiveError(f"{path}: {where}damaged, or not what it should be: {error}") from error


def store_at(path: Path | str, mode: str, options: Mapping[str, Any], closing: contextlib.ExitStack) -> Any:
    """The zarr store of a folder, a zip or a URL; a zip behind a URL is fetched, and goes with `closing`."""
    from zarr.storage import LocalStore, ZipStore

    zipped, read_only = is_zip(path), mode == "r"
    if zipped and not read_only:
        raise ValueError(f"{path}: a zip is read-only, given the mode {mode!r}, needed 'r'")
    if isinstance(path, str):
        from . import remote

        if not zipped:
            return remote.store(path, options, read_only=read_only)
        with served(path):
            local = closing.enter_context(remote.fetched(path, options))
    else:
        local = path
    if not zipped:
        return LocalStore(local, read_only=read_only)
    with sound(path), zipfile.ZipFile(local):  # there and whole; zarr opens it when it is first asked
        return ZipStore(local, mode="r")


def root_of(store: Any, path: Path | str, mode: str) -> zarr.Group:
    """The group in a store: what exists, or a new one, as the mode says."""
    import zarr

    found = None
    with contextlib.suppress(FileNotFoundError), sound(path):
        found = zarr.open(store, mode="r", zarr_format=3)
    if found is None and mode == "r":
        raise FileNotFoundError(f"{path}: there is no zarr v3 group")
    if mode in ("w", "w-", "x"):
        strange = found is None and isinstance(path, Path) and any(path.glob("*"))
        if strange or (found is not None and mode != "w"):
            raise FileExistsError(
                f"{path} exists{' and is no zarr v3 group' if strange else ''}; "
                f"given the mode {mode!r}, which creates it"
            )
        return zarr.create_group(store, overwrite=True, zarr_format=3)
    if found is None:
        return zarr.create_group(store, zarr_format=3)
    if not isinstance(found, zarr.Group):
        raise TypeError(f"{path} is a zarr array, needed a group")
    return found if mode == "r" else zarr.open_group(store, mode="r+", zarr_format=3)
