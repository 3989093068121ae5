"""DataLoader: a dataset in batches, epoch after epoch."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from pureml_core import Tensor
from pureml_core.random import draw_seed, generator

from .dataset import BatchDataset, Dataset


class DataLoader:
    """The samples of a dataset in batches; each `for` loop over it is one epoch.

    Every epoch visits every sample once, in the dataset's order or, with `shuffle`, in a new random one. A batch owns
    its memory: writing into it never reaches the dataset.

    Args:
        dataset: anything with a length and samples by number. A `BatchDataset` is asked for whole batches, any other
            for one sample after another, which `combine_samples` then stacks.
        batch_size: samples in a batch, at least 1. The last batch has what is left.
        shuffle: a new order for every epoch.
        drop_last: leave out a last batch that is smaller than the others.
        combine_samples_fn: makes a batch from a list of samples; when given, it makes every batch.
        seed: two loaders with one seed shuffle alike. Drawn from the global stream when None; kept as `.seed`.

    Raises:
        TypeError: `dataset` lacks `__len__` or `__getitem__`, `batch_size` or `seed` is not an integer, `shuffle` or
            `drop_last` not a bool, `combine_samples_fn` not callable.
        ValueError: `batch_size` is below 1, or `seed` is negative.

    >>> from pureml_data import TensorDataset
    >>> [x.tolist() for (x,) in DataLoader(TensorDataset(np.arange(5)), batch_size=2)]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int = 32,
        *,
        shuffle: bool = False,
        drop_last: bool = False,
        combine_samples_fn: Callable[[list[Any]], Any] | None = None,
        seed: int | None = None,
    ) -> None:
        if not isinstance(dataset, Dataset):
            raise TypeError(f"DataLoader: a dataset needs __len__ and __getitem__, given {type(dataset).__name__}")
        if combine_samples_fn is not None and not callable(combine_samples_fn):
            raise TypeError(f"DataLoader: combine_samples_fn must be callable or None, given {combine_samples_fn!r}")
        self.dataset = dataset
        self.batch_size = _positive_integer("batch_size", batch_size)
        self.shuffle = _flag("shuffle", shuffle)
        self.drop_last = _flag("drop_last", drop_last)
        self.combine_samples_fn = combine_samples_fn
        self.seed = draw_seed(seed)
        self._rng = generator(self.seed)

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        dataset, size = self.dataset, self.batch_size
        n = len(dataset)
        order = self._rng.permutation(n) if self.shuffle else np.arange(n)
        if self.drop_last:
            order = order[: n - n % size]
        if not isinstance(dataset, BatchDataset):
            samples: Iterator[Any] = (dataset[i] for i in order.tolist())
        elif self.combine_samples_fn is not None:
            samples = dataset.read_in_order(order.tolist())
        else:
            yield from dataset.read_in_order(order[a : a + size] for a in range(0, len(order), size))
            return
        combine = self.combine_samples_fn or combine_samples
        while batch := list(islice(samples, size)):
            yield combine(batch)


def combine_samples(samples: Sequence[Any]) -> Any:
    """A batch from samples: their fields stacked along a new first axis.

    Tuples give a tuple of stacked fields; Tensors an untracked Tensor; arrays and numbers an array; anything else
    stays a list, and no samples give []. The result shares no memory with Tensors and arrays in the samples.

    Raises:
        ValueError: tuples of unequal length, or Tensors or arrays of unequal shape.

    >>> combine_samples([(np.array([1, 2]), 0, "a"), (np.array([3, 4]), 1, "b")])
    (array([[1, 2],
           [3, 4]]), array([0, 1]), ['a', 'b'])
    """
    if not samples:
        return []
    if _all(samples, tuple):
        if len(lengths := {len(sample) for sample in samples}) > 1:
            raise ValueError(f"combine_samples: given samples of {sorted(lengths)} fields; all need the same number")
        return tuple([combine_samples(field) for field in zip(*samples, strict=True)])
    if _all(samples, Tensor):
        return Tensor(_stacked([sample.data for sample in samples]))
    if _all(samples, np.ndarray):
        return _stacked(samples)
    if _all(samples, bool | int | float | complex | np.number | np.bool_):
        return np.array(samples)
    return list(samples)


def _all(samples: Sequence[Any], kind: Any) -> bool:
    return all(isinstance(sample, kind) for sample in samples)


def _stacked(arrays: Sequence[np.ndarray]) -> np.ndarray:
    if len(shapes := {a.shape for a in arrays}) > 1:
        raise ValueError(
            f"combine_samples: given samples of shapes {sorted(shapes)}; only equal shapes can be stacked, "
            "give combine_samples_fn to pad or collect them"
        )
    return np.stack(arrays)


def _positive_integer(name: str, value: Any) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"DataLoader: {name} must be an integer, given {value!r}") from None
    if number < 1:
        raise ValueError(f"DataLoader: {name} must be at least 1, given {number}")
    return number


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"DataLoader: {name} must be True or False, given {value!r}")
    return bool(value)
