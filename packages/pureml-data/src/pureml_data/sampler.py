"""Samplers: the order in which an epoch visits the samples of a dataset."""

from __future__ import annotations

from typing import Any

import numpy as np
from pureml_core import Tensor, draw_seed, generator

from .checks import flag, whole
from .drawing import Drawing


class Sampler(Drawing):
    """Gives the order of every epoch over n samples, as an index array; the loader that uses it says what n is.

    A subclass defines `order`, and `length` where an epoch has other than n entries. Its state is that of the
    generators in its attributes; settings are not part of it, nor are counters: a subclass adds what its orders depend
    on in `state` and `restore` of its own.
    """

    def order(self, n: int) -> np.ndarray:
        """The order of the next epoch: integers (length(n),), each in 0 ... n - 1."""
        raise NotImplementedError(f"{type(self).__name__} needs order(self, n): an index array into n samples")

    def length(self, n: int) -> int:
        """The number of entries in the next epoch over n samples."""
        return n


class SequentialSampler(Sampler):
    """The order of the dataset.

    >>> SequentialSampler().order(4)
    array([0, 1, 2, 3])
    """

    def order(self, n: int) -> np.ndarray:
        return np.arange(n)


class RandomSampler(Sampler):
    """A random order, new for every epoch.

    Args:
        replacement: draw every entry from all samples, so that some come twice and others not at all.
        num_samples: entries in an epoch; None: as many as samples. Without `replacement`, at most that many.
        seed: two samplers with one seed give the same orders. Drawn from the global stream when None; kept as `.seed`.

    Raises:
        TypeError, ValueError: a setting is of another type or out of range; in `order`, there are too few samples.
    """

    def __init__(self, *, replacement: bool = False, num_samples: int | None = None, seed: int | None = None) -> None:
        self.replacement = flag("RandomSampler: replacement", replacement)
        self.num_samples = _number("RandomSampler", num_samples)
        self.seed = draw_seed(seed)
        self._rng = generator(self.seed)

    def order(self, n: int) -> np.ndarray:
        if not self.replacement:
            return self._rng.permutation(n)[: self.length(n)]
        return self._rng.integers(max(n, 1), size=self.length(n), dtype=np.int64)

    def length(self, n: int) -> int:
        if self.num_samples is None:
            return n
        if self.num_samples > (n if not self.replacement or n == 0 else self.num_samples):
            raise ValueError(
                f"RandomSampler: {self.num_samples} entries cannot be drawn from {n} samples"
                f"{'' if self.replacement else ' without replacement'}; lower num_samples"
            )
        return self.num_samples


class WeightedSampler(Sampler):
    """Samples drawn with probabilities in proportion to their weights, as for classes of unequal size.

    Args:
        weights: (n,), one for each sample: finite, none below 0, not all 0.
        num_samples: entries in an epoch; None: as many as weights.
        replacement: with False, no sample comes twice in an epoch; the weights then only say which come early.
        seed: as in `RandomSampler`.

    Raises:
        ValueError: the weights are not as above, or without `replacement` fewer than `num_samples` are above 0; in
            `order`, there are more or fewer samples than weights.

    >>> labels = np.array([0, 0, 0, 1])
    >>> sampler = WeightedSampler((1 / np.bincount(labels))[labels], seed=0)  # every class equally often
    """

    def __init__(
        self, weights: Any, num_samples: int | None = None, *, replacement: bool = True, seed: int | None = None
    ) -> None:
        array = np.array(weights.data if isinstance(weights, Tensor) else weights, dtype=np.float64)
        if array.ndim != 1 or not np.all(np.isfinite(array)) or np.any(array < 0) or not np.any(array > 0):
            raise ValueError(
                f"WeightedSampler: given weights of shape {array.shape}; needed one for each sample, all finite, "
                "none below 0 and not all 0"
            )
        self.replacement = flag("WeightedSampler: replacement", replacement)
        self.num_samples = _number("WeightedSampler", num_samples)
        self._p = array / array.max()  # first, so that the sum of huge weights is finite
        self._p /= self._p.sum()
        drawn = len(array) if self.num_samples is None else self.num_samples
        if not self.replacement and drawn > (possible := np.count_nonzero(self._p)):
            raise ValueError(
                f"WeightedSampler: {drawn} entries cannot be drawn without replacement: {possible} of {len(array)} "
                "weights are above 0; lower num_samples"
            )
        self.seed = draw_seed(seed)
        self._rng = generator(self.seed)

    def order(self, n: int) -> np.ndarray:
        return self._rng.choice(n, size=self.length(n), replace=self.replacement, p=self._p)

    def length(self, n: int) -> int:
        _same_number("WeightedSampler", "weights", len(self._p), n)
        return n if self.num_samples is None else self.num_samples


class StratifiedSampler(Sampler):
    """A random order in which every batch, of whatever size, has the classes in their proportions.

    The classes take their places in the order as parties take seats: the sample that is k-th in its class, k = 0, 1,
    ..., of n_c samples stands at (k + 1/2) / n_c of the epoch (the method of Webster and of Sainte-Laguë, 1910).
    Which sample is the k-th is random, and so is the order of classes at the same place. With C classes, a batch of B
    has B · n_c / n samples of a class, give or take at most 1 + C · n_c / n; exactly that many where this is a whole
    number for every class.

    Args:
        labels: (n,), the class of each sample: integers, text, or anything that sorts.
        seed: as in `RandomSampler`.

    Raises:
        ValueError: `labels` has another shape; in `order`, there are more or fewer samples than labels.

    >>> labels = np.array([0] * 6 + [1] * 3)
    >>> labels[StratifiedSampler(labels, seed=0).order(9)].reshape(3, 3).sum(axis=1)
    array([1, 1, 1])
    """

    def __init__(self, labels: Any, *, seed: int | None = None) -> None:
        array = labels.data if isinstance(labels, Tensor) else np.asarray(labels)
        if array.ndim != 1:
            raise ValueError(
                f"StratifiedSampler: given labels of shape {array.shape}, needed one class for each sample; for "
                "one-hot rows labels.argmax(axis=1)"
            )
        self.seed = draw_seed(seed)
        _, self._codes, self._counts = np.unique(array, return_inverse=True, return_counts=True)
        self._rng = generator(self.seed)

    def order(self, n: int) -> np.ndarray:
        order = self._rng.permutation(self.length(n))
        codes = self._codes[order]
        starts = np.cumsum(self._counts) - self._counts
        k = np.empty(n, np.int64)  # the how-maniest of its class each entry of `order` is
        k[np.argsort(codes, kind="stable")] = np.arange(n) - np.repeat(starts, self._counts)
        return order[np.argsort((k + 0.5) / self._counts[codes], kind="stable")]

    def length(self, n: int) -> int:
        _same_number("StratifiedSampler", "labels", len(self._codes), n)
        return n


class DistributedSampler(Sampler):
    """The share of one of several processes that train together: every `world_size`-th entry of one common order.

    All ranks must have the same seed and be asked for the same epochs: then the order is the same on all of them, and
    every sample is on exactly one rank. Some ranks then have one sample more than others, and perhaps one batch more;
    with `pad`, the first entries of the order come again at its end, so that all ranks have equally many. A state can
    be restored on any rank.

    Args:
        rank: this process, 0 ... world_size - 1.
        world_size: the number of processes.
        shuffle: a new common order for every epoch; False: the dataset's.
        pad: equally many samples on every rank, up to world_size - 1 of them twice.
        seed: of the order. Not drawn when left out, since all ranks need the same.

    Raises:
        TypeError, ValueError: a setting is of another type or out of range.

    >>> [DistributedSampler(rank, 2, shuffle=False).order(5).tolist() for rank in range(2)]
    [[0, 2, 4], [1, 3]]
    >>> [DistributedSampler(rank, 2, shuffle=False, pad=True).order(5).tolist() for rank in range(2)]
    [[0, 2, 4], [1, 3, 0]]
    """

    def __init__(self, rank: int, world_size: int, *, shuffle: bool = True, pad: bool = False, seed: int = 0) -> None:
        self.world_size = whole("DistributedSampler: world_size", world_size, 1)
        self.rank = whole("DistributedSampler: rank", rank, 0)
        if self.rank >= self.world_size:
            raise ValueError(f"DistributedSampler: given rank {rank} of {world_size}, needed 0 ... {world_size - 1}")
        self.shuffle = flag("DistributedSampler: shuffle", shuffle)
        self.pad = flag("DistributedSampler: pad", pad)
        self.seed = draw_seed(whole("DistributedSampler: seed", seed, 0))
        self._rng = generator(self.seed)

    def order(self, n: int) -> np.ndarray:
        common = self._rng.permutation(n) if self.shuffle else np.arange(n)
        if self.pad:
            common = np.resize(common, self.length(n) * self.world_size)  # repeats from the beginning
        return common[self.rank :: self.world_size]

    def length(self, n: int) -> int:
        return -(-n // self.world_size) if self.pad else len(range(self.rank, n, self.world_size))


def _number(where: str, num_samples: int | None) -> int | None:
    return None if num_samples is None else whole(f"{where}: num_samples", num_samples, 0)


def _same_number(where: str, what: str, given: int, n: int) -> None:
    if given != n:
        raise ValueError(f"{where}: given {given} {what} for {n} samples; every sample needs one")
