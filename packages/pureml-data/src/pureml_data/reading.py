"""Reading batches by their numbers: what a loader does itself, or has a thread or processes do."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from pureml_core import seed_everything

from .dataset import BatchDataset
from .seeding import generators, reseed


@dataclass(frozen=True)
class Reader:
    """Reads batches of one epoch; a call with some of their numbers gives these, one after another.

    Attributes:
        dataset: what is read.
        order: the epoch's sample numbers; batch k is `order[k * size : (k + 1) * size]`.
        size: samples in a batch.
        combine: makes a batch of a list of samples; None: the dataset takes index arrays and gives batches.
        seed: of the epoch. All random numbers of a batch follow from it and the batch's number.
        own_process: whether the global random streams may be seeded too; copies of them are the same in all workers.
    """

    dataset: Any
    order: np.ndarray
    size: int
    combine: Callable[[list[Any]], Any] | None
    seed: tuple[int, int]
    own_process: bool

    def __call__(self, numbers: range) -> Generator[Any, None, None]:
        rngs = generators(self.dataset, self.combine)
        batches = self._batches(numbers)
        for number in numbers:
            if self.own_process:
                seed, epoch = self.seed
                words = np.random.SeedSequence(seed, spawn_key=(epoch, number)).generate_state(1, np.uint64)
                seed_everything(int(words[0]))
            reseed(rngs, *self.seed, number)
            batch = next(batches, _END)
            if batch is _END:
                raise RuntimeError(
                    f"{type(self.dataset).__name__}.read_in_order ended before batch {number}; it must give one "
                    "sample or batch for each of the indices"
                )
            yield batch
            del batch  # the consumer's alone while the next one is read

    def _batches(self, numbers: range) -> Iterator[Any]:
        """Each read when it is asked for."""
        dataset, combine = self.dataset, self.combine
        indices = (self._indices(k) for k in numbers)
        if combine is None:
            yield from dataset.read_in_order(indices)
            return
        flat = (i for batch in indices for i in batch.tolist())
        samples = dataset.read_in_order(flat) if isinstance(dataset, BatchDataset) else (dataset[i] for i in flat)
        for k in numbers:
            size = len(self._indices(k))
            if len(batch := list(islice(samples, size))) < size:
                return
            yield combine(batch)

    def _indices(self, k: int) -> np.ndarray:
        return self.order[k * self.size : (k + 1) * self.size]


_END = object()
