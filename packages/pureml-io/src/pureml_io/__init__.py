"""States in one zarr archive: never half-written, never trusted unread."""

from importlib.metadata import version as _version

from .archive import ArchiveError, MissingArrayError, archive_path, load, save

__version__ = _version("pureml-io")

__all__ = ["ArchiveError", "MissingArrayError", "archive_path", "load", "save"]
