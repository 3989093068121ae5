"""MnistDataset: the handwritten digits as samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from pureml_core import Tensor

from ...dataset import BatchDataset, as_index
from ...encoding import one_hot
from .archive import Archive, ChunkReader

ARCHIVE = Path(__file__).with_name("mnist.zarr.zip")

WINDOW = 20_000  # images that a shuffled epoch decodes ahead, 16 MB: three passes over the archive
_SCALE = np.float32(1 / 255)  # 255 * _SCALE is exactly 1
_ONE_HOT = one_hot(10, np.arange(10))


class MnistDataset(BatchDataset):
    """The 28 × 28 images of handwritten digits of LeCun, Cortes & Burges (1998): 60,000 to train, 10,000 to test.

    `dataset[i]` is (image, label), two Tensors; `dataset[a:b]` and `dataset[index_array]` are batches of B:

    - image: float32, (28, 28) or (B, 28, 28), from 0 (paper) to 1 (ink).
    - label: in "train" one-hot, float64, (10,) or (B, 10); in "test" the digit, uint8, () or (B,).

    The images stay in the package's compressed archive and are decoded as they are asked for: samples in order keep
    one chunk of the archive in memory, a shuffled `DataLoader` decodes 16 MB of images ahead. Single images in random
    order, without a loader, each decode a whole chunk. `in_memory=True` decodes everything at once and holds it.

    Args:
        mode: "train" or "test".
        in_memory: hold the images, as uint8: 47 MB, or 8 MB for "test".

    Attributes:
        mode: as given.
        N: the number of samples.
        X: the images, uint8 (N, 28, 28): a zarr array, or with `in_memory` a NumPy one.
        y: the digits, uint8 (N,).
        store: the open zarr store.

    Raises:
        ValueError: another mode; a damaged archive; any use after `close()`.
        FileNotFoundError: the archive is missing.
    """

    def __init__(self, mode: Literal["train", "test"] = "train", *, in_memory: bool = False) -> None:
        self._archive: Archive | None = None
        if mode not in ("train", "test"):
            raise ValueError(f"MnistDataset: mode must be 'train' or 'test', given {mode!r}")
        self.mode = mode
        self._archive = Archive(ARCHIVE, mode)
        self.N = len(self._archive.labels)
        self._images = self._archive.read(0, self.N) if in_memory else None
        self._reader = ChunkReader(self._archive)

    @property
    def X(self) -> Any:
        archive = self._open()
        return archive.images if self._images is None else self._images

    @property
    def y(self) -> np.ndarray:
        return self._open().labels

    @property
    def store(self) -> Any:
        return self._open().store

    def __len__(self) -> int:
        self._open()
        return self.N

    def __getitem__(self, index: Any, /) -> tuple[Tensor, Tensor]:
        labels = self._open().labels
        index = as_index(index, self.N)
        index = _in_bounds(np.arange(self.N)[index] if isinstance(index, slice) else np.asarray(index), self.N)
        if self._images is not None:
            images = self._images[index]
        elif index.ndim == 0:
            images = self._reader.image(int(index))
        else:
            rows, where = self._reader.gather(index)
            images = rows[where]
        return self._sample(images, np.take(labels, index))

    def read_in_order(self, indices: Iterable[Any]) -> Iterator[tuple[Tensor, Tensor]]:
        """`self[i]` for each of `indices`, ints or index arrays, with the archive decoded a window ahead."""
        reader = ChunkReader(self._open())  # its own: another reader's chunks do not displace this one's
        for window in _windows(indices, WINDOW):
            flat = _joined(window)
            # In ascending order there is nothing to gain by decoding ahead: the reader keeps the current chunk.
            one_by_one = self._images is None and bool(np.all(flat[1:] >= flat[:-1]))
            for items in [[item] for item in window] if one_by_one else [window]:
                yield from self._read(items, reader)

    def _read(self, items: list[Any], reader: ChunkReader) -> Iterator[tuple[Tensor, Tensor]]:
        self._open()
        flat = _in_bounds(_joined(items), self.N)
        rows, where = reader.gather(flat) if self._images is None else (self._images, flat)
        start = 0
        for item in items:
            labels = self._open().labels
            stop = start + np.size(item)
            span = slice(start, stop) if np.ndim(item) else start
            start = stop
            yield self._sample(np.take(rows, where[span], axis=0, mode="clip"), np.take(labels, flat[span]))

    def _sample(self, images: np.ndarray, labels: Any) -> tuple[Tensor, Tensor]:
        return Tensor(images * _SCALE), Tensor(np.take(_ONE_HOT, labels, axis=0) if self.mode == "train" else labels)

    def close(self) -> None:
        """Close the archive and let the images go; any later use is a ValueError, but for closing again."""
        if self._archive is not None:
            self._archive.store.close()
            del self._reader
            self._archive = self._images = None

    def _open(self) -> Archive:
        if self._archive is None:
            raise ValueError("this MnistDataset is closed; make a new one")
        return self._archive

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _windows(indices: Iterable[Any], rows: int) -> Iterator[list[Any]]:
    """Consecutive items, together at least `rows` samples; the last list has what is left."""
    window, count = [], 0
    for item in indices:
        window.append(item)
        count += np.size(item)
        if count >= rows:
            yield window
            window, count = [], 0
    if window:
        yield window


def _joined(items: list[Any]) -> np.ndarray:
    """Ints and index arrays as one index array."""
    return np.concatenate([np.atleast_1d(item) for item in items])


def _in_bounds(indices: np.ndarray, n: int) -> np.ndarray:
    """Index array with negative numbers counted from the end, all in 0 ... n - 1."""
    low, high = indices.min(initial=0), indices.max(initial=0)
    if low < -n or high >= n:
        raise IndexError(f"MnistDataset: index {high if high >= n else low} is out of range for {n} samples")
    return np.where(indices < 0, indices + n, indices) if low < 0 else indices
