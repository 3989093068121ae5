"""What a storage, a block and a zip may be called, and where they are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def is_zip(path: Path | str) -> bool:
    """Whether a storage of that path, or URL, is a zip."""
    return os.path.splitext(path)[1].lower() == ".zip"


def local_path(path: Path) -> Path:
    """Where a storage of that path is: `.zarr` appended unless it ends so, or in `.zip`.

    Raises:
        ValueError: it ends in no name.
    """
    if path.name in ("", ".."):
        raise ValueError(f"ArrayStorage: given the path {str(path)!r}, needed one that ends in a name")
    return (path if path.suffix == ".zarr" or is_zip(path) else path.with_name(f"{path.name}.zarr")).resolve()


def checked_url(url: str) -> str:
    """Where a storage of that URL is, with `.zarr` as for a path.

    Raises:
        ValueError: it has a query, or is that of a whole server or bucket.
    """
    if "?" in url or "#" in url:
        raise ValueError(f"ArrayStorage: given the URL {url!r}, needed one without a query")
    if not url.partition("://")[2].strip("/").partition("/")[2]:
        raise ValueError(f"ArrayStorage: given the URL {url!r}, needed one of something on a server or in a bucket")
    url = url.rstrip("/")
    return url if url.endswith(".zarr") or is_zip(url) else f"{url}.zarr"


def zip_for(store_path: Path | str, into: str | os.PathLike[str] | None) -> Path:
    """The zip for a storage."""
    if into is None and isinstance(store_path, str):
        raise ValueError(f"compress: there is no folder beside {store_path}; say into which file or folder")
    name = f"{Path(store_path).name.removesuffix('.zarr')}.zip"
    if into is None:
        return Path(store_path).with_name(name)
    return (Path(into) if is_zip(Path(into)) else Path(into) / name).resolve()


def can_be_looked_for(name: Any) -> bool:
    """Whether zarr takes it for a name: groups of others may have some that `write` refuses."""
    parts = set(name.split("/")) if isinstance(name, str) and "\0" not in name else {""}
    return parts != {""} and not parts & {".", ".."}


def name_parts(name: Any) -> list[str]:
    """The groups of a block that is to be written, and its own name in the last of them.

    Raises:
        TypeError: the name is no string.
        ValueError: it cannot be a path inside the storage.
    """
    if not isinstance(name, str):
        raise TypeError(f"write: given a block named {name!r}, needed a string")
    parts = name.split("/")
    if "\\" in name or "\0" in name or any(p in ("", ".", "..", "zarr.json") or p.startswith("__") for p in parts):
        raise ValueError(f"write: given a block named {name!r}; needed is a name that can be a path inside the storage")
    return parts
