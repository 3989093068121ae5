"""Rows that lie in compressed chunks: read in any order, and an order that suits them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any
from weakref import WeakMethod

import numpy as np
from pureml_core import draw_seed, generator

from .checks import flag, whole
from .sampler import Sampler

Rows = tuple[np.ndarray, ...]


class ChunkReader:
    """Rows of equally long arrays that can only be decoded a chunk at a time.

    The chunk decoded last is kept, so that reading row after row decodes each chunk once.

    Args:
        read: read(start, stop) decodes the rows from start to stop of each array.
        n: the number of rows.
        chunk: rows in a chunk.
    """

    def __init__(self, read: Callable[[int, int], Rows], n: int, chunk: int) -> None:
        self._read = read
        self.n = n
        self.chunk = chunk
        self._kept: tuple[int, Rows] = (-1, ())

    def rows(self, index: Any) -> Rows:
        """The rows that an int, a slice or an index array selects, each chunk decoded once."""
        if isinstance(index, slice):
            index = np.arange(*index.indices(self.n))
        if np.ndim(index) == 0:
            number, row = divmod(int(in_bounds(np.asarray(index), self.n)), self.chunk)
            return tuple([array[row].copy() for array in self._chunk(number)])
        return next(self.in_order([index], 0))

    def in_order(self, indices: Iterable[Any], window: int) -> Iterator[Rows]:
        """The rows for each of `indices`, ints or index arrays, decoded with a look ahead of `window` rows.

        When a row is needed that is not there yet, its chunk is decoded, and with it all rows of this chunk that are
        needed within the window. So a chunk is decoded once if all that is needed of it lies within the window, and
        about once in every window otherwise. Held are the rows of a window, two items and one chunk.

        What it gives is borrowed: the next rows may overwrite it.
        """
        window = min(window, self.n)
        like = self._read(0, 0)
        slots: Rows = ()  # a ring, in which rows stand in the order of their use
        number = row = np.empty(0, np.int64)  # of each slot: the chunk to decode for it, or -1; its row in the chunk
        end = used = 0
        waiting: deque[tuple[Any, int]] = deque()  # the slots of items to come
        source = iter(indices)
        item = next(source, None)
        while waiting or item is not None:
            ahead = window + (waiting[0][1] if waiting else 0)
            while item is not None and (not waiting or (used < ahead and used + np.size(item) <= len(number))):
                size = np.size(item)
                if not waiting:
                    ahead = window + size
                    if size > len(number) or not slots:
                        slots = tuple([np.empty((ahead + size, *a.shape[1:]), a.dtype) for a in like])
                        number, row = np.full(ahead + size, -1), np.empty(ahead + size, np.int64)
                        end = 0
                at = _ring(end, size, len(number)) if np.ndim(item) else end
                number[at], row[at] = np.divmod(in_bounds(np.asarray(item), self.n), self.chunk)
                end = (end + size) % max(len(number), 1)
                used += size
                waiting.append((at, size))
                item = next(source, None)
            at, size = waiting.popleft()
            needed = number[at]
            if needed.max(initial=-1) >= 0:
                wanted = np.unique(needed[needed >= 0])
                places = np.flatnonzero(np.isin(number, wanted))
                places = places[np.argsort(number[places], kind="stable")]  # those of one chunk side by side
                starts = np.searchsorted(number[places], wanted)
                for k, there in zip(wanted.tolist(), np.split(places, starts[1:]), strict=True):
                    for to, chunk in zip(slots, self._chunk(k), strict=True):
                        to[there] = chunk[row[there]]
                number[places] = -1
            yield tuple([a[at] for a in slots])
            used -= size

    def _chunk(self, number: int) -> Rows:
        kept, rows = self._kept
        if number == kept:
            return rows
        del rows
        self._kept = (-1, ())  # let the old chunk go before the new one comes
        first = number * self.chunk
        rows = self._read(first, min(first + self.chunk, self.n))
        self._kept = (number, rows)
        return rows


def weakly(method: Callable[[int, int], Rows]) -> Callable[[int, int], Rows]:
    """A method as a function that does not keep its object alive: for a reader that the object itself keeps."""
    weak = WeakMethod(method)

    def read(start: int, stop: int) -> Rows:
        found = weak()
        assert found is not None
        return found(start, stop)

    return read


def _ring(start: int, size: int, length: int) -> Any:
    """`size` consecutive places from `start` in a ring of `length`: a slice unless they go round."""
    return slice(start, start + size) if start + size <= length else np.arange(start, start + size) % length


def in_bounds(indices: np.ndarray, n: int) -> np.ndarray:
    """Numbers of rows with negative ones counted from the end.

    Raises:
        IndexError: one is not in -n ... n - 1.
    """
    indices = indices.astype(np.intp, copy=False)  # of the small integers, none is as large as a chunk
    low, high = indices.min(initial=0), indices.max(initial=-1)
    if low < -n or high >= n:
        raise IndexError(f"index {high if high >= n else low} is out of range for {n} samples")
    return np.where(indices < 0, indices + n, indices) if low < 0 else indices


class ChunkSampler(Sampler):
    """A random order for samples that lie in chunks: the chunks in a random order, and in it the samples of every
    `window` successive chunks among themselves. (The samples of a last chunk that is shorter cannot come everywhere.)

    A reader that holds a window of samples then decodes each chunk once an epoch. The larger the window, the better
    the mixture; with one as long as the dataset it is perfect. Needs 4 bytes a sample (8 from 2³¹).

    Several processes that train together share one order of chunks, cut into equal pieces: with the same seed and
    asked for the same epochs, every sample is on exactly one rank, and no rank has two more than another. A state can
    be restored on any rank.

    Args:
        chunk: samples in a chunk.
        window: chunks whose samples are mixed.
        shuffle: False: the order of the dataset.
        rank: this process, 0 ... world_size - 1.
        world_size: the number of processes; with more than one, all must be given the same seed.
        seed: two samplers with one seed give the same orders. Drawn from the global stream when None; kept as `.seed`.

    Raises:
        TypeError, ValueError: a setting is of another type or out of range; several processes and no seed.

    >>> ChunkSampler(2, window=1, seed=0).order(6)
    array([0, 1, 5, 4, 3, 2], dtype=int32)
    >>> [ChunkSampler(2, shuffle=False, rank=rank, world_size=2, seed=0).order(5).tolist() for rank in range(2)]
    [[0, 1], [2, 3, 4]]
    """

    def __init__(
        self,
        chunk: int,
        window: int = 8,
        *,
        shuffle: bool = True,
        rank: int = 0,
        world_size: int = 1,
        seed: int | None = None,
    ) -> None:
        self.chunk = whole("ChunkSampler: chunk", chunk, 1)
        self.window = whole("ChunkSampler: window", window, 1)
        self.shuffle = flag("ChunkSampler: shuffle", shuffle)
        self.world_size = whole("ChunkSampler: world_size", world_size, 1)
        self.rank = whole("ChunkSampler: rank", rank, 0)
        if self.rank >= self.world_size:
            raise ValueError(f"ChunkSampler: given rank {rank} of {world_size}, needed 0 ... {world_size - 1}")
        if self.world_size > 1 and self.shuffle and seed is None:
            raise ValueError(f"ChunkSampler: given world_size {world_size} and no seed; all ranks need the same one")
        self.seed = draw_seed(seed)
        self._rng = generator(self.seed)

    def order(self, n: int) -> np.ndarray:
        start, stop = self._piece(n)
        order = np.empty(stop - start, np.int32 if n <= np.iinfo(np.int32).max else np.int64)
        chunks = np.arange(-(-n // self.chunk))
        if self.shuffle:
            key = int(self._rng.integers(2**63))  # one draw an epoch: all ranks' generators stay in step
            np.random.default_rng(key).shuffle(chunks)
            # (key, 0) as a seed would be the same stream as key
            rows = np.random.default_rng(np.random.SeedSequence(key, spawn_key=(self.rank,)))
        lengths = np.minimum(self.chunk, n - chunks * self.chunk)
        ends = np.cumsum(lengths)
        shift = chunks * self.chunk - (ends - lengths)  # of each chunk: samples less places
        places = np.clip(np.concatenate([[0], ends]), start, stop) - start  # where in this rank's piece
        for k in range(len(chunks)):
            a, b = places[k : k + 2]
            order[a:b] = np.arange(a, b) + (start + shift[k])
        if self.shuffle:
            here = places[np.searchsorted(places, 0, side="right") - 1 :]  # from this rank's first chunk on
            for a, b in pairwise([*here[:: self.window], len(order)]):
                rows.shuffle(order[a:b])
        return order

    def length(self, n: int) -> int:
        start, stop = self._piece(n)
        return stop - start

    def _piece(self, n: int) -> tuple[int, int]:
        """This rank's part of the common order."""
        return n * self.rank // self.world_size, n * (self.rank + 1) // self.world_size
