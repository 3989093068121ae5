"""The packaged archive: opened and checked, and its images read chunk by chunk."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

# What zipfile, zarr and its codecs raise on a file that is not what it should be.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, KeyError, ValueError, TypeError, RuntimeError)


class Archive:
    """One part of the archive, open for reading: the images as a zarr array, the labels in memory.

    Attributes:
        store: the open zarr store.
        images: zarr array, uint8 (N, 28, 28), in chunks of whole images.
        labels: uint8 (N,), 0 to 9.

    Raises:
        FileNotFoundError: there is no file at `path`.
        ValueError: the file is damaged or incomplete.
    """

    def __init__(self, path: Path, part: str) -> None:
        import zarr  # here, so that importing the package does not load zarr

        from ...zarr_stores import Zip

        if not path.is_file():
            raise FileNotFoundError(f"{path}: the MNIST archive is missing; {_REMEDY}")
        self.path = path
        with self._reading():
            self.store = Zip.opened(path)
            self.images: Any = zarr.open_array(self.store, path=f"{part}/images", mode="r")
            labels = zarr.open_array(self.store, path=f"{part}/labels", mode="r")
            for array, shape in (
                (self.images, (len(labels.shape) and labels.shape[0], 28, 28)),
                (labels, labels.shape),
            ):
                if array.shape != shape or array.dtype != np.uint8:
                    raise ValueError(f"{array.path} is {array.dtype} of shape {array.shape}")
                if array.nchunks_initialized != array.nchunks:  # zarr would read zeros in place of a missing chunk
                    raise ValueError(f"{array.path} has {array.nchunks_initialized} of its {array.nchunks} chunks")
            self.labels = np.asarray(labels[:])
            if self.labels.ndim != 1 or self.labels.max(initial=0) > 9:
                raise ValueError("the labels are not a list of digits")

    def close(self) -> None:
        self.store.close()

    def read(self, start: int, stop: int) -> np.ndarray:
        """The images from `start` to `stop`: uint8 (stop - start, 28, 28)."""
        with self._reading():
            return np.asarray(self.images[start:stop])

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except _DAMAGE as error:
            raise ValueError(f"{self.path}: the MNIST archive is damaged or unreadable ({error}); {_REMEDY}") from error


_REMEDY = "install pureml-data again, or build the archive with tools/build_mnist_archive.py"
