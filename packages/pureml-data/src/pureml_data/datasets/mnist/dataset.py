"""MnistDataset: the handwritten digits as samples."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from pureml_core import Tensor

from ...checks import flag
from ...chunks import ChunkReader, weakly
from ...dataset import BatchDataset, as_index, rows
from ...encoding import one_hot
from .archive import Archive

ARCHIVE = Path(__file__).with_name("mnist.zarr.zip")

WINDOW = 30_000  # images that an epoch decodes ahead, 24 MB: when shuffled, two passes over the archive
_SCALE = np.float32(1 / 255)  # 255 * _SCALE is exactly 1
_ONE_HOT = one_hot(10, np.arange(10))


class MnistDataset(BatchDataset):
    """The 28 × 28 images of handwritten digits of LeCun, Cortes & Burges (1998): 60,000 to train, 10,000 to test.

    `dataset[i]` is (image, label), two Tensors; `dataset[a:b]` and `dataset[index_array]` are batches of B:

    - image: float32, (28, 28) or (B, 28, 28), from 0 (paper) to 1 (ink).
    - label: in "train" one-hot, float64, (10,) or (B, 10); in "test" the digit, uint8, () or (B,).

    The images stay in the package's compressed archive and are decoded as they are asked for: a `DataLoader` holds
    24 MB of them. Single images in random order, without a loader, each decode a chunk of 2,500. `in_memory=True`
    decodes everything at once and holds it.

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
        TypeError: `in_memory` is no bool.
        FileNotFoundError: the archive is missing.
    """

    def __init__(self, mode: Literal["train", "test"] = "train", *, in_memory: bool = False) -> None:
        self._opened: tuple[int, Archive] | None = None
        if mode not in ("train", "test"):
            raise ValueError(f"MnistDataset: mode must be 'train' or 'test', given {mode!r}")
        self.mode = mode
        in_memory = flag("MnistDataset: in_memory", in_memory)
        archive = Archive(ARCHIVE, mode)
        self._opened = os.getpid(), archive
        self.N = len(archive.labels)
        self._images = archive.read(0, self.N) if in_memory else None
        self._reader = ChunkReader(weakly(self._read), self.N, archive.images.chunks[0])

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
        if self._images is None:
            return self._sample(*self._reader.rows(index))
        return self._sample(rows(self._images, index), rows(labels, index))

    def read_in_order(self, indices: Iterable[Any]) -> Iterator[tuple[Tensor, Tensor]]:
        """`self[i]` for each of `indices`, ints or index arrays, with the archive decoded a window ahead."""
        self._open()
        if self._images is not None:
            yield from super().read_in_order(indices)
            return
        reader = ChunkReader(self._read, self.N, self._reader.chunk)  # others' chunks do not displace this one's
        for images, labels in reader.in_order(indices, WINDOW):
            self._open()
            yield self._sample(images, labels)

    def _read(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        archive = self._open()
        try:
            return archive.read(start, stop), archive.labels[start:stop]
        except ValueError:
            self._open()  # closed by now?
            raise

    def _sample(self, images: np.ndarray, labels: Any) -> tuple[Tensor, Tensor]:
        """A sample or batch that owns its memory."""
        return Tensor(images * _SCALE), Tensor(
            np.take(_ONE_HOT, labels, axis=0) if self.mode == "train" else np.array(labels)
        )

    def close(self) -> None:
        """Close the archive and let the images go; any later use is a ValueError, but for closing again."""
        if self._opened is not None:
            archive = self._opened[1]
            self._opened = self._images = None  # first: a thread may be reading
            archive.close()
            del self._reader

    def _open(self) -> Archive:
        if self._opened is None:
            raise ValueError("this MnistDataset is closed; make a new one")
        process, archive = self._opened
        if process != os.getpid():  # forked: the file's position is common to all, so that each needs its own
            archive = Archive(ARCHIVE, self.mode)
            self._opened = os.getpid(), archive
        return archive

    def __getstate__(self) -> dict[str, Any]:
        """What to open: a copy in another process reads the archive there."""
        self._open()
        return {"mode": self.mode, "in_memory": self._images is not None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
