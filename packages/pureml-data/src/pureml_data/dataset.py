"""Datasets: what has a length and gives samples by number."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np
from pureml_core import Tensor

from .checks import as_array


@runtime_checkable
class Dataset(Protocol):
    """Samples by number: `len(dataset)` of them, `dataset[i]` for i = 0 ... len - 1.

    Any object with the two methods will do; subclassing is not required. A sample is usually a tuple of Tensors,
    arrays or numbers.
    """

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} needs __len__(self): the number of samples")

    def __getitem__(self, index: Any, /) -> Any:
        raise NotImplementedError(f"{type(self).__name__} needs __getitem__(self, index): the sample of that number")


@runtime_checkable
class BatchDataset(Dataset, Protocol):
    """A dataset that also takes index arrays: `dataset[np.array([3, 1])]` is a batch of two samples.

    To declare a dataset so, subclass this (or define `read_in_order`); the loader then asks for whole batches instead
    of stacking single samples. A batch must own its memory, as what NumPy gives for an index array does.
    """

    def read_in_order(self, indices: Iterable[Any]) -> Iterator[Any]:
        """`self[i]` for each of `indices`, where every one is an int (a sample) or an index array (a batch).

        A loader calls this once an epoch. A dataset for which one read at a time is expensive, because its samples
        lie in compressed chunks, overrides it to look ahead in `indices`. Readers are independent of each other.
        """
        for index in indices:
            yield self[index]


class TensorDataset(BatchDataset):
    """Samples along the first axis of several arrays, kept in memory.

    `dataset[i]`, for an int, a slice or an index array, is a tuple with one untracked Tensor for each array. The
    arrays are not copied: ints and slices give views of them, index arrays give copies.

    Args:
        arrays: arrays or Tensors of shape (N, ...), or what np.asarray makes one of; at least one.

    Raises:
        TypeError: a masked array.
        ValueError: no arrays, one without axes, or arrays of unequal length.

    >>> TensorDataset(np.arange(6).reshape(3, 2), np.array([0, 1, 0]))[1]
    (Tensor([2, 3]), Tensor(1))
    """

    def __init__(self, *arrays: Any) -> None:
        if not arrays:
            raise ValueError("TensorDataset: given no arrays, needed at least one")
        self.arrays = tuple(as_array("TensorDataset", a) for a in arrays)
        shapes = [a.shape for a in self.arrays]
        if () in shapes:
            raise ValueError(f"TensorDataset: given shapes {shapes}; a 0-d array holds no samples, give it an axis")
        if len({shape[0] for shape in shapes}) > 1:
            raise ValueError(f"TensorDataset: given shapes {shapes}; the first axes, the samples, must be equally long")

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, index: Any, /) -> tuple[Tensor, ...]:
        index = as_index(index, len(self))
        return tuple([Tensor(rows(a, index)) for a in self.arrays])


def checked_dataset(where: str, dataset: Any) -> Dataset:
    """The dataset, or a TypeError if it is none."""
    if isinstance(dataset, type):
        raise TypeError(f"{where}: given the class {dataset.__name__}, needed a dataset made of it")
    if not isinstance(dataset, Dataset):
        raise TypeError(f"{where}: a dataset needs __len__ and __getitem__, given {type(dataset).__name__}")
    return dataset


def rows(array: np.ndarray, index: int | slice | np.ndarray) -> np.ndarray:
    """array[index], faster where rows are to be copied: `take` does so at once, indexing item by item."""
    if isinstance(index, np.ndarray) and array.flags.c_contiguous:  # of any other, `take` copies the whole array first
        return array.take(index.astype(np.intp, copy=False), axis=0)
    return array[index]


def as_index(index: Any, length: int) -> int | slice | np.ndarray:
    """What selects samples: an int, a slice, or a one-dimensional array of ints.

    Lists and Tensors become arrays, and a mask of `length` booleans the numbers of its true entries. Bounds are left
    to NumPy.

    Raises:
        TypeError: `index` is something else.
        IndexError: it is an array of another dimension, or a mask of another length.
    """
    if isinstance(index, slice):
        return index
    if isinstance(index, list | Tensor):
        index = index.data if isinstance(index, Tensor) else np.asarray(index, dtype=None if index else np.intp)
    if not isinstance(index, np.ndarray) or (index.ndim == 0 and index.dtype.kind in "iu"):
        try:
            return operator.index(index)
        except TypeError:
            raise TypeError(f"a dataset takes an int, a slice or an index array, given {index!r}") from None
    if index.dtype.kind not in "biu":
        raise TypeError(f"a dataset takes index arrays of integers or booleans, given dtype {index.dtype}")
    if index.ndim != 1:
        raise IndexError(f"a dataset takes index arrays of one dimension, given shape {index.shape}")
    if index.dtype.kind == "b":
        if len(index) != length:
            raise IndexError(f"given a mask of {len(index)} entries, needed one for each of the {length} samples")
        return np.flatnonzero(index)
    return index
