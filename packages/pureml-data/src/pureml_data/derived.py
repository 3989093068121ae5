"""Datasets made of others: mapped, joined, a part of one, and samples made when they are asked for.

All of them take ints, slices and index arrays. An int gives a sample; a slice or an index array a batch, which is read
as one where the dataset behind takes index arrays, and otherwise stacked from samples by `combine_samples`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from pureml_core import Tensor

from .checks import flag, whole
from .dataset import BatchDataset, Dataset, as_index, checked_dataset
from .loader import combine_samples


class DerivedDataset(BatchDataset):
    """Sorts indices: a subclass defines `__len__`, `sample(i)` for 0 <= i < len, and `batch(indices)` where it can."""

    def sample(self, i: int) -> Any:
        """The sample of that number."""
        raise NotImplementedError(f"{type(self).__name__} needs sample(self, i): the sample of that number")

    def batch(self, indices: np.ndarray) -> Any:
        """The samples of those numbers (B,) as a batch."""
        return combine_samples([self.sample(i) for i in indices.tolist()])

    def __getitem__(self, index: Any, /) -> Any:
        index = _within(as_index(index, len(self)), len(self), type(self).__name__)
        return self.batch(index) if isinstance(index, np.ndarray) else self.sample(index)


class MappedDataset(DerivedDataset):
    """A dataset seen through a function, which is called again each time that a sample is read.

    Args:
        dataset: any dataset.
        f: of a sample; or of a whole batch, its samples along the first axis, with `batched`, which is how vectorised
            transforms keep a loader fast. Reading one sample then makes a batch of one.
        batched: as above.
        field: the field of a tuple that `f` is given and whose place its result takes; the others stay. None: `f` is
            given the sample or batch as it is.

    Raises:
        TypeError: `dataset` lacks `__len__` or `__getitem__`, `f` is not callable, or, in reading, there is a `field`
            and samples are not tuples.
        IndexError: in reading, a tuple has no such field.

    >>> from pureml_data import TensorDataset
    >>> squares = MappedDataset(TensorDataset(np.arange(4), np.ones(4)), np.square, batched=True, field=0)
    >>> squares[2], squares[1:3]
    ((Tensor(4), Tensor(1.)), (Tensor([1, 4]), Tensor([1., 1.])))
    """

    def __init__(
        self, dataset: Dataset, f: Callable[[Any], Any], *, batched: bool = False, field: int | None = None
    ) -> None:
        self.dataset = checked_dataset("MappedDataset", dataset)
        if not callable(f):
            raise TypeError(f"MappedDataset: f must be callable, given {f!r}")
        self.f = f
        self.batched = flag("MappedDataset: batched", batched)
        self.field = None if field is None else whole("MappedDataset: field", field, 0)

    def __len__(self) -> int:
        return len(self.dataset)

    def sample(self, i: int) -> Any:
        return next(self.read_in_order([i]))

    def batch(self, indices: np.ndarray) -> Any:
        return next(self.read_in_order([indices]))

    def read_in_order(self, indices: Iterable[Any]) -> Iterator[Any]:
        asked: deque[Any] = deque()  # the dataset may look ahead: what it was asked for and has not given yet

        def noted() -> Iterator[Any]:
            for index in indices:
                index = _within(as_index(index, len(self)), len(self), type(self).__name__)
                asked.append(index)
                yield index

        if self.batched:
            arrays = (i if isinstance(i, np.ndarray) else np.array([i]) for i in noted())
            for batch in _read(self.dataset, arrays):
                index, mapped = asked.popleft(), self._mapped(batch)
                yield mapped if isinstance(index, np.ndarray) else _selected([mapped], 0)
            return
        # single samples, whose shapes may differ before `f` is applied
        numbers = (i for index in noted() for i in np.atleast_1d(index).tolist())
        samples = (self._mapped(sample) for sample in _read(self.dataset, numbers))

        def empty() -> Iterator[Any]:
            while asked and np.size(asked[0]) == 0:
                asked.popleft()
                yield combine_samples([])

        for sample in samples:
            yield from empty()
            index = asked.popleft()
            if isinstance(index, np.ndarray):
                batch = [sample, *islice(samples, len(index) - 1)]
                if len(batch) < len(index):  # the dataset has ended too early, which is for the reader to say
                    return
                yield combine_samples(batch)
            else:
                yield sample
        yield from empty()

    def _mapped(self, value: Any) -> Any:
        if self.field is None:
            return self.f(value)
        if not isinstance(value, tuple):
            raise TypeError(f"MappedDataset: field={self.field} needs samples that are tuples, given {value!r:.100}")
        if self.field >= len(value):
            raise IndexError(f"MappedDataset: field={self.field} of samples with {len(value)} fields")
        return (*value[: self.field], self.f(value[self.field]), *value[self.field + 1 :])


class Subset(DerivedDataset):
    """Some samples of a dataset, in the order given.

    Args:
        dataset: any dataset.
        indices: (n,) integers below `len(dataset)`, negative ones from its end, or a mask of booleans.

    Raises:
        TypeError, IndexError: `dataset` or `indices` are not as above.

    >>> from pureml_data import TensorDataset
    >>> Subset(TensorDataset(np.arange(10)), [7, 3, 5])[1:]
    (Tensor([3, 5]),)
    """

    def __init__(self, dataset: Dataset, indices: Any) -> None:
        self.dataset = checked_dataset("Subset", dataset)
        if isinstance(indices, Iterable) and not isinstance(indices, np.ndarray | Tensor):
            indices = list(indices)
        picked = _within(as_index(indices, len(dataset)), len(dataset), "Subset")
        if not isinstance(picked, np.ndarray):
            raise TypeError(f"Subset: needs indices (n,), given {indices!r}")
        self.indices = picked.copy()  # the caller may shuffle theirs again

    def __len__(self) -> int:
        return len(self.indices)

    def sample(self, i: int) -> Any:
        return self.dataset[int(self.indices[i])]

    def batch(self, indices: np.ndarray) -> Any:
        return next(_read(self.dataset, [self.indices[indices]]))

    def read_in_order(self, indices: Iterable[Any]) -> Iterator[Any]:
        def behind() -> Iterator[Any]:
            for index in indices:
                index = _within(as_index(index, len(self)), len(self), type(self).__name__)
                yield self.indices[index] if isinstance(index, np.ndarray) else int(self.indices[index])

        return _read(self.dataset, behind())


class ConcatDataset(DerivedDataset):
    """Several datasets, one after another.

    A batch that meets more than one of them is put together from a batch of each: tuples and dicts field by field,
    Tensors, arrays and lists along their first axis. A loader reads each of them in its own order, so that those in
    compressed chunks look ahead as they do alone.

    Args:
        datasets: at least one, with samples of one kind. Their lengths are asked for once: what one grows by later is
            not seen.

    Raises:
        TypeError: one of them lacks `__len__` or `__getitem__`; in reading, their batches are of unequal kinds.
        ValueError: there are none; in reading, their shapes, numbers of fields or keys differ.

    >>> from pureml_data import TensorDataset
    >>> both = ConcatDataset([TensorDataset(np.arange(3)), TensorDataset(np.arange(10, 12))])
    >>> both[[4, 0, 3]]
    (Tensor([11,  0, 10]),)
    """

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        self.datasets = [checked_dataset("ConcatDataset", dataset) for dataset in datasets]
        if not self.datasets:
            raise ValueError("ConcatDataset: given no datasets, needed at least one")
        lengths = [len(dataset) for dataset in self.datasets]
        self._ends = np.cumsum(lengths)
        self._starts = self._ends - lengths

    def __len__(self) -> int:
        return int(self._ends[-1])

    def sample(self, i: int) -> Any:
        part = int(np.searchsorted(self._ends, i, side="right"))
        return self.datasets[part][i - int(self._starts[part])]

    def batch(self, indices: np.ndarray) -> Any:
        return next(self.read_in_order([indices]))

    def read_in_order(self, indices: Iterable[Any]) -> Iterator[Any]:
        source = iter(indices)
        waiting: deque[Any] = deque()  # of each index that was looked at and not yet read: the part of every sample
        asked: list[deque[Any]] = [deque() for _ in self.datasets]  # the numbers that each part was not yet given

        def look() -> bool:
            for index in source:
                index = _within(as_index(index, len(self)), len(self), "ConcatDataset")
                parts = np.searchsorted(self._ends, index, side="right")
                for p in np.unique(parts).tolist() or [0]:
                    local = index - self._starts[p]
                    asked[p].append(local[parts == p] if isinstance(index, np.ndarray) else int(local))
                waiting.append(parts)
                return True
            return False

        def numbers(part: int) -> Iterator[Any]:  # a part may look ahead, past what others are asked for
            while asked[part] or look():
                if asked[part]:
                    yield asked[part].popleft()

        readers = [_read(dataset, numbers(part)) for part, dataset in enumerate(self.datasets)]
        while waiting or look():
            parts = waiting.popleft()
            batches = [next(readers[p]) for p in np.unique(parts).tolist() or [0]]
            if len(batches) == 1:
                yield batches[0]
            else:
                yield _selected(batches, np.argsort(np.argsort(parts, kind="stable")))
            del batches


class LazyDataset(DerivedDataset):
    """Samples made by a function of their number, when they are asked for.

    Args:
        f: of an int, 0 <= i < length.
        length: the number of samples.
        cache: keep every sample that was made; all of them must fit in memory, and what is read is then not a copy.
            A copy in another process begins with an empty cache.

    Raises:
        TypeError, ValueError: `f` is not callable, `length` not an integer that is at least 0, `cache` not a bool.

    >>> LazyDataset(lambda i: (i, i**2), 5)[1:4]
    (array([1, 2, 3]), array([1, 4, 9]))
    """

    def __init__(self, f: Callable[[int], Any], length: int, *, cache: bool = False) -> None:
        if not callable(f):
            raise TypeError(f"LazyDataset: f must be callable, given {f!r}")
        self.f = f
        self.length = whole("LazyDataset: length", length, 0)
        self.cache = flag("LazyDataset: cache", cache)
        self._made: dict[int, Any] = {}

    def __len__(self) -> int:
        return self.length

    def sample(self, i: int) -> Any:
        if not self.cache:
            return self.f(i)
        if i not in self._made:
            self._made[i] = self.f(i)
        return self._made[i]

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_made": {}}


def _within(index: int | slice | np.ndarray, length: int, where: str) -> int | np.ndarray:
    """What `as_index` gives, counted from the beginning: an int or an index array, in 0 ... length - 1."""
    if isinstance(index, slice):
        return np.arange(*index.indices(length))
    if isinstance(index, int):
        if not -length <= index < length:
            raise IndexError(f"{where}: index {index} is out of bounds for {length} samples")
        return index % length
    if len(index) == 0:
        return index.astype(np.intp)
    low, high = int(index.min()), int(index.max())
    if low < -length or high >= length:
        raise IndexError(f"{where}: index {low if low < -length else high} is out of bounds for {length} samples")
    return index.astype(np.intp, copy=False) if low >= 0 else np.where(index < 0, index + length, index)


def _read(dataset: Dataset, indices: Iterable[Any]) -> Iterator[Any]:
    """`read_in_order` of any dataset."""
    if isinstance(dataset, BatchDataset):
        return dataset.read_in_order(indices)
    return (
        combine_samples([dataset[i] for i in index.tolist()]) if isinstance(index, np.ndarray) else dataset[index]
        for index in indices
    )


def _selected(batches: Sequence[Any], where: Any) -> Any:
    """What stands at `where`, an int or an index array, in batches that are joined along their first axis."""
    first = batches[0]
    if len(kinds := {type(batch) for batch in batches}) > 1:
        raise TypeError(f"cannot join batches of {', '.join(sorted(kind.__name__ for kind in kinds))}")
    if isinstance(first, tuple):
        if len({len(batch) for batch in batches}) > 1:
            raise ValueError(f"cannot join batches of {', '.join(str(len(batch)) for batch in batches)} fields")
        return tuple([_selected(fields, where) for fields in zip(*batches, strict=True)])
    if isinstance(first, dict):
        if any(batch.keys() != first.keys() for batch in batches):
            raise ValueError(f"cannot join batches of the keys {', '.join(str(list(batch)) for batch in batches)}")
        return {key: _selected([batch[key] for batch in batches], where) for key in first}
    if isinstance(first, Tensor):
        return Tensor(_selected([batch.data for batch in batches], where))
    if isinstance(first, np.ndarray):
        return (first if len(batches) == 1 else np.concatenate(batches))[where]
    if isinstance(first, list):
        rows = [row for batch in batches for row in batch]
        return rows[where] if isinstance(where, int) else [rows[i] for i in where.tolist()]
    raise TypeError(f"cannot tell the samples of a batch apart: given a {type(first).__name__}, needed a tuple, dict, "
                    "Tensor, array or list")  # fmt: skip
