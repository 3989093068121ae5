"""Stores behind URLs, through obstore (the extra `pureml-io[remote]`). Importing this module loads zarr."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from zarr.abc.store import Store
from zarr.storage import ObjectStore


def failures() -> tuple[type[Exception], ...]:
    """What obstore raises when a server fails, or cannot be reached."""
    try:
        from obstore.exceptions import BaseError
    except ModuleNotFoundError:
        return ()
    return (BaseError,)


def store(url: str, options: Mapping[str, Any], *, read_only: bool) -> Store:
    """A zarr store rooted at a URL.

    Raises:
        ValueError: its kind is unknown, or it is of an HTTP server and not to be read only.
        ImportError: obstore is not installed.
    """
    if url.startswith(("http://", "https://")) and not read_only:
        raise ValueError(f"{url}: what an HTTP server has can only be read, needed the mode 'r'")
    return ObjectStore(_opened(url, options), read_only=read_only)


@contextlib.contextmanager
def fetched(url: str, options: Mapping[str, Any]) -> Iterator[Path]:
    """A file behind a URL as a temporary file, which goes when the block ends.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the kind of URL is unknown.
        ImportError: obstore is not installed.
    """
    folder, _, name = url.rpartition("/")
    source, name = _opened(folder, options), unquote(name)  # obstore does so with the rest of a URL
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "fetched.zip"
        with open(path, "wb") as file:
            try:
                found = source.get(name)
            except FileNotFoundError as error:
                raise FileNotFoundError(f"{url}: there is no such file") from error
            for part in found.stream():
                file.write(part)
        yield path


def _opened(url: str, options: Mapping[str, Any]) -> Any:
    try:
        from obstore.exceptions import BaseError
        from obstore.store import from_url
    except ModuleNotFoundError as error:
        raise ImportError(f"{url}: needs obstore; pip install pureml-io[remote]") from error

    plain = {"client_options": {"allow_http": True}} if url.startswith("http://") else {}
    try:
        return from_url(url, **plain | dict(options))
    except BaseError as error:
        raise ValueError(f"{url}: cannot be opened: {first_line(error)}") from error


def first_line(error: Exception) -> str:
    """What obstore says of a failure, without the server's page and the structures that it prints below."""
    return str(error).partition("\n")[0]
