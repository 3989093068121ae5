"""Splitting: one dataset into parts that share no sample, at random, or with the classes in their proportions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from pureml_core import Tensor, generator

from .checks import whole
from .dataset import Dataset, TensorDataset
from .derived import ConcatDataset, Subset


def random_split(
    dataset: Dataset, sizes: Sequence[float], *, seed: int | np.random.Generator | None = None
) -> list[Subset]:
    """Random parts of a dataset, of given sizes, that together are all of it; each in the dataset's order.

    Args:
        dataset: anything with a length and samples by number.
        sizes: whole numbers that add up to the number of samples n, or fractions (floats) that add up to 1: then the
            parts have n · fraction samples, rounded so that they add up (the largest remainders are rounded up).
        seed: the same seed gives the same parts on every platform. None: drawn from the global stream.

    Raises:
        TypeError: sizes that are neither all integers nor all floats.
        ValueError: one is negative, or they do not add up.

    >>> train, test = random_split(TensorDataset(np.arange(10)), [0.8, 0.2], seed=0)
    >>> len(train), test[:]
    (8, (Tensor([1, 8]),))
    """
    counts = _counts("random_split", sizes, len(dataset))
    order = generator(seed).permutation(len(dataset))
    return _parts(dataset, order, np.repeat(np.arange(len(counts)), counts), len(counts))


def stratified_split(
    dataset: Dataset,
    sizes: Sequence[float],
    labels: Any = None,
    *,
    seed: int | np.random.Generator | None = None,
) -> list[Subset]:
    """`random_split` in which every part has the classes in the proportions of the whole.

    Of two parts, each has n_class · size / n samples of a class, rounded up or down; of more parts, give or take half
    their number. A class with fewer samples than parts is missing in some of them.

    Args:
        dataset, sizes, seed: as in `random_split`.
        labels: (n,) classes, numbers or text; or (n, K) one-hot or other rows, where equal rows are a class. None: the
            last field of a TensorDataset, or of Subsets and ConcatDatasets of such.

    Raises:
        TypeError: as in `random_split`, or the dataset's labels are not known and none are given.
        ValueError: as in `random_split`, or there are more or fewer labels than samples.

    >>> data = TensorDataset(np.arange(9), np.array([0, 0, 0, 0, 0, 0, 1, 1, 1]))
    >>> [part[:][1].tolist() for part in stratified_split(data, [6, 3], seed=0)]
    [[0, 0, 0, 0, 1, 1], [0, 0, 1]]
    """
    return _stratified("stratified_split", dataset, _counts("stratified_split", sizes, len(dataset)), labels, seed)


def k_folds(
    dataset: Dataset, k: int = 5, *, seed: int | np.random.Generator | None = None
) -> list[tuple[Subset, Subset]]:
    """k pairs (training part, validation part): every sample is in exactly one validation part.

    Args:
        dataset: anything with a length and samples by number.
        k: from 2 to the number of samples. Validation parts differ by at most one sample in size.
        seed: as in `random_split`.

    Raises:
        TypeError, ValueError: `k` is not such a number.

    >>> [validation[:][0].tolist() for _, validation in k_folds(TensorDataset(np.arange(7)), 3, seed=0)]
    [[2, 3, 4], [5, 6], [0, 1]]
    """
    return _folds(random_split(dataset, _fold_sizes("k_folds", dataset, k), seed=seed))


def stratified_k_folds(
    dataset: Dataset, k: int = 5, labels: Any = None, *, seed: int | np.random.Generator | None = None
) -> list[tuple[Subset, Subset]]:
    """`k_folds` in which every validation part has n_class / k samples of a class, rounded up or down.

    Args:
        dataset, k, seed: as in `k_folds`.
        labels: as in `stratified_split`.

    Raises:
        TypeError, ValueError: as in `k_folds` and `stratified_split`.
    """
    sizes = _fold_sizes("stratified_k_folds", dataset, k)
    return _folds(_stratified("stratified_k_folds", dataset, sizes, labels, seed))


def _stratified(where: str, dataset: Dataset, counts: list[int], labels: Any, seed: Any) -> list[Subset]:
    """Samples sorted by class are dealt out like cards, to each part as evenly as its size allows."""
    classes = _classes(where, dataset, labels)
    rng = generator(seed)
    order = rng.permutation(len(dataset))
    rank = rng.permutation(int(classes.max(initial=-1)) + 1)  # of classes: none is always dealt first
    order = order[np.argsort(rank[classes[order]], kind="stable")]
    # the j-th card of a part of size n comes at (j + 1/2) / n of the deck
    times = np.concatenate([np.zeros(0), *[(np.arange(n) + 0.5) / n for n in counts if n]])
    dealt = np.repeat(np.arange(len(counts)), counts)[np.argsort(times, kind="stable")]
    return _parts(dataset, order, dealt, len(counts))


def _parts(dataset: Dataset, order: np.ndarray, part: np.ndarray, parts: int) -> list[Subset]:
    return [Subset(dataset, np.sort(order[part == p])) for p in range(parts)]


def _folds(parts: list[Subset]) -> list[tuple[Subset, Subset]]:
    def others(k: int) -> np.ndarray:
        return np.sort(np.concatenate([part.indices for j, part in enumerate(parts) if j != k]))

    return [(Subset(part.dataset, others(k)), part) for k, part in enumerate(parts)]


def _fold_sizes(where: str, dataset: Dataset, k: int) -> list[int]:
    n, k = len(dataset), whole(f"{where}: k", k, 2)
    if k > n:
        raise ValueError(f"{where}: given k={k} for {n} samples; every fold needs one")
    return [n // k + (fold < n % k) for fold in range(k)]


def _counts(where: str, sizes: Sequence[float], n: int) -> list[int]:
    if not isinstance(sizes, Iterable):
        raise TypeError(f"{where}: sizes must be a sequence, one for each part; given {sizes!r}")
    sizes = list(sizes)
    counted = all(isinstance(size, Integral) and not isinstance(size, bool) for size in sizes)
    if not sizes or not (counted or all(isinstance(size, Real) and not isinstance(size, Integral) for size in sizes)):
        raise TypeError(f"{where}: sizes must be integers, or else floats (fractions), at least one; given {sizes}")
    if not all(size >= 0 for size in sizes):
        raise ValueError(f"{where}: sizes must not be negative, given {sizes}")
    total = math.fsum(sizes)
    if counted:
        if total != n:
            raise ValueError(f"{where}: given sizes {sizes}, which add up to {total:.0f}, for {n} samples")
        return [int(size) for size in sizes]
    if not math.isclose(total, 1, abs_tol=1e-6):
        raise ValueError(f"{where}: given fractions {sizes}, which add up to {total:.6g}, needed 1")
    shares = np.array([n * float(size) / total for size in sizes])
    counts = np.floor(shares).astype(np.int64)
    up = np.argsort(np.round(counts - shares, 6), kind="stable")[: n - int(counts.sum())]
    counts[up] += 1
    return [int(count) for count in counts]


def _classes(where: str, dataset: Dataset, labels: Any) -> np.ndarray:
    """(n,) class numbers from 0, by the sorted order of labels."""
    labels = _labels(where, dataset) if labels is None else labels
    array = labels.data if isinstance(labels, Tensor) else np.asarray(labels)
    if array.ndim not in (1, 2) or len(array) != len(dataset):
        raise ValueError(f"{where}: given labels of shape {array.shape} for {len(dataset)} samples; needed one each")
    _, classes = np.unique(array, axis=0 if array.ndim == 2 else None, return_inverse=True)
    return classes.reshape(-1)


def _labels(where: str, dataset: Dataset) -> np.ndarray:
    """The last field of all samples, where it can be had without reading them."""
    if isinstance(dataset, TensorDataset):
        return dataset.arrays[-1]
    if isinstance(dataset, Subset):
        labels: np.ndarray = _labels(where, dataset.dataset)[dataset.indices]
        return labels
    if isinstance(dataset, ConcatDataset):
        return np.concatenate([_labels(where, part) for part in dataset.datasets])
    raise TypeError(f"{where}: the labels of a {type(dataset).__name__} are not known without reading it; give labels=")
