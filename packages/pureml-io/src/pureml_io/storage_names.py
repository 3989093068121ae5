"""What a storage, a block and a zip may be called, and where they are."""

from __future__ import annotations

import operator
import os
from pathlib import Path
from typing import Any


def local_path(path: Path) -> Path:
    if not path.name:
        raise ValueError(f"ArrayStorage: given the path {str(path)!r}, needed one that ends in a name")
    return (path if path.suffix in (".zarr", ".zip") else path.with_name(f"{path.name}.zarr")).resolve()


def checked_url(url: str) -> str:
    if "?" in url or "#" in url:
        raise ValueError(f"ArrayStorage: given the URL {url!r}, needed one without a query")
    url = url.rstrip("/")
    return url if url.endswith((".zarr", ".zip")) else f"{url}.zarr"


def zip_for(store_path: Path | str, into: str | os.PathLike[str] | None) -> Path:
    """The zip for a storage."""
    if into is None and isinstance(store_path, str):
        raise ValueError(f"compress: there is no folder beside {store_path}; say into which file or folder")
    name = f"{Path(store_path).name.removesuffix('.zarr')}.zip"
    if into is None:
        return Path(store_path).with_name(name)
    return (Path(into) if Path(into).suffix.lower() == ".zip" else Path(into) / name).resolve()


def name_parts(name: Any) -> list[str]:
    if not isinstance(name, str):
        raise TypeError(f"write: given a block named {name!r}, needed a string")
    parts = name.split("/")
    if "\\" in name or "\0" in name or any(p in ("", ".", "..", "zarr.json") or p.startswith("__") for p in parts):
        raise ValueError(f"write: given a block named {name!r}; needed is a name that can be a path inside the storage")
    return parts


def checked_level(given: Any) -> int:
    try:
        level = operator.index(given)
    except TypeError:
        raise TypeError(f"given compression_level {given!r}, needed 0 to 9") from None
    if not 0 <= level <= 9:
        raise ValueError(f"given compression_level {level}, needed 0 to 9")
    return level
