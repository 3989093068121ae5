"""Blocks: how parameters of any size and layout become the flat, cache-sized arrays that a rule sees.

An update is a dozen passes over a few arrays. On whole arrays each pass goes through main memory; on a block of up to
65,536 elements all passes but the first stay in the processor's cache. The other end is a model of many
small tensors, where a dozen calls for each cost more than the arithmetic: those are copied side by side into one block,
updated together, and copied back. Of a table with a row-sparse gradient only the touched rows are copied. And a large
model's blocks are shared out to threads: no two of them overlap.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import accumulate
from operator import is_
from typing import Any, TypeAlias

import numpy as np
from pureml_core import RowSparse, Tensor, parallel

BLOCK = 65_536  # elements in a block, at most; four float32 arrays of it are a megabyte
SMALL = BLOCK // 8  # up to here copying into a common block is cheaper than calls of one's own
THREADED = 1 << 20  # elements that are worth a second thread: starting its work takes 0.1 ms

Update: TypeAlias = Callable[..., None]  # (w, g, *slots), in place


@dataclass(eq=False)
class Group:
    """Parameters by name, and the settings that they share.

    Attributes:
        params: the tensors by name.
        settings: plain Python values by name.
        rate: the group's learning rate as a multiple of the optimizer's `lr`.
    """

    params: dict[str, Tensor]
    settings: dict[str, Any]
    rate: float


@dataclass(eq=False, slots=True)
class Entry:
    """What an optimizer remembers of one parameter: `t` steps taken so far, and slots once it has taken one.

    `g` is the gradient during a step, an array or row-sparse; it may be the tensor's own and is not written to.
    """

    name: str
    tensor: Tensor
    group: Group
    t: int = 0
    slots: dict[str, np.ndarray] = field(default_factory=dict)
    g: Any = None


class Batch:
    """Parameters that are updated together, here one in its own shape; subclasses cut it into blocks."""

    def __init__(self, entries: list[Entry], slots: Iterable[str]) -> None:
        self.entries, self.group = entries, entries[0].group
        self.w = entries[0].tensor.data
        self.slots: list[Any] = [entries[0].slots.get(name) for name in slots]

    def pieces(self) -> list[tuple[int, Any]]:
        """What can be updated independently: (number of elements, what `apply` needs to know)."""
        return [(self.w.size, None)] if self.w.size else []

    def apply(self, update: Update, piece: Any) -> None:
        w, g = np.asarray(self.w, order="C"), np.asarray(self.entries[0].g, order="C")  # sums depend on the layout
        update(w, g, *self.slots)
        if w is not self.w:
            self.w[...] = w


class Contiguous(Batch):
    """One parameter whose memory is in order: blocks are views."""

    def __init__(self, entries: list[Entry], slots: Iterable[str]) -> None:
        super().__init__(entries, slots)
        self.w = self.w.reshape(-1)
        self.slots = [a.reshape(-1) for a in self.slots]
        self.cuts = [(here.stop - here.start, here) for here in blocks(self.w.size)]

    def pieces(self) -> list[tuple[int, Any]]:
        return self.cuts

    def apply(self, update: Update, piece: slice) -> None:
        g = self.entries[0].g.reshape(-1)
        update(self.w[piece], g[piece], *[a[piece] for a in self.slots])


class Gathered(Batch):
    """Small parameters with the same settings, dtype and step count, or one whose memory is not in order.

    Their slots lie side by side in one array for each slot, of which every entry has its view, so that only values and
    gradients are copied at each step.
    """

    def __init__(self, entries: list[Entry], slots: Iterable[str]) -> None:
        self.entries, self.group = entries, entries[0].group
        self.data = [e.tensor.data for e in entries]
        self.w = np.empty(sum(a.size for a in self.data), self.data[0].dtype)
        self.views = self._split(self.w)
        self.slots = [self._side_by_side(name) for name in slots]

    def _split(self, joined: np.ndarray) -> list[np.ndarray]:
        ends = accumulate(a.size for a in self.data)
        return [joined[end - a.size : end].reshape(a.shape) for a, end in zip(self.data, ends, strict=True)]

    def _side_by_side(self, name: str) -> np.ndarray:
        joined = np.concatenate([e.slots[name] for e in self.entries], axis=None)
        for entry, view in zip(self.entries, self._split(joined), strict=True):
            entry.slots[name] = view
        return joined

    def apply(self, update: Update, piece: Any) -> None:
        np.concatenate(self.data, axis=None, out=self.w)
        g = np.concatenate([e.g for e in self.entries], axis=None)
        for here in blocks(self.w.size):
            update(self.w[here], g[here], *[a[here] for a in self.slots])
        for data, view in zip(self.data, self.views, strict=True):
            data[...] = view


class Rows(Batch):
    """One parameter with a row-sparse gradient: its touched rows, and those of its slots, as if they were all."""

    def pieces(self) -> list[tuple[int, Any]]:
        g: RowSparse = self.entries[0].g
        size = max(1, self.w[:1].size)
        return [((here.stop - here.start) * size, here) for here in blocks(len(g.rows), max(1, BLOCK // size))]

    def apply(self, update: Update, piece: slice) -> None:
        g: RowSparse = self.entries[0].g
        rows, whole = g.rows[piece], [self.w, *self.slots]
        w, *slots = [_picked(a, rows) for a in whole]
        update(w.reshape(-1), g.values[piece].reshape(-1), *[a.reshape(-1) for a in slots])
        for a, part in zip(whole, [w, *slots], strict=True):
            a[rows] = part


def _picked(a: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """A copy of a[rows] in C order. `take` is faster than an index, but would first copy all of a table in another."""
    return a.take(rows, axis=0) if a.flags.c_contiguous else np.asarray(a[rows], order="C")


class Plan:
    """Which parameters are updated together.

    It holds until other ones have gradients, an array is replaced, or changed settings need other slots.
    """

    def __init__(self, entries: list[Entry], slots_of: Callable[[Entry], dict[str, Any]], flat: bool) -> None:
        self.entries, self.flat = entries, flat
        self.batches: list[Batch] = []
        filling: dict[Any, list[Entry]] = {}

        def gather(mates: list[Entry]) -> None:
            self.batches.append(Gathered(mates, slots_of(mates[0])))

        for e in entries:
            kind = Batch if not flat else Rows if isinstance(e.g, RowSparse) else Contiguous
            if kind is Contiguous and e.tensor.size <= SMALL:
                mates = filling.setdefault((id(e.group), e.tensor.dtype, e.t), [])
                if mates and sum(mate.tensor.size for mate in mates) + e.tensor.size > BLOCK:
                    gather(mates.copy())
                    mates.clear()
                mates.append(e)
            elif kind is Contiguous and not e.tensor.data.flags.c_contiguous:
                gather([e])
            else:
                self.batches.append(kind([e], slots_of(e)))
        for mates in filling.values():
            gather(mates)
        self.padded = [e for e in entries if getattr(e.tensor, "padding_idx", None) is not None]
        self.data = [e.tensor.data for e in entries]
        self.kinds = [type(e.g) for e in entries]
        self.slots = [slots_of(batch.entries[0]) for batch in self.batches]

    def has(self, slots_of: Callable[[Entry], dict[str, Any]]) -> bool:
        """Whether its slots, names and shapes, are those that the settings need now."""
        return self.slots == [slots_of(batch.entries[0]) for batch in self.batches]

    def holds(self, entries: list[Entry]) -> bool:
        """Whether the plan fits these entries, whose arrays must be those that it was made for."""
        return (
            entries == self.entries
            and all(map(is_, [e.tensor.data for e in entries], self.data))
            and [type(e.g) for e in entries] == self.kinds
        )

    def padding_rows(self) -> list[tuple[np.ndarray, Any, Any]]:
        """Padding rows that decay, or what it has left in the slots, would move: (table, index, a copy of the row)."""
        return [
            (e.tensor.data, i, e.tensor.data[i].copy())
            for e in self.padded
            # a row-sparse gradient leaves it alone anyway
            if isinstance(e.g, np.ndarray) and not e.g[i := e.tensor.padding_idx].any()
        ]

    def apply(self, update_of: Callable[[Batch], Update]) -> None:
        """Update everything, block by block, on several threads if that pays; the numbers are the same.

        Those of matrix products, which only rules on whole arrays have, are the same up to rounding.
        """
        work = [(size, batch, piece, update) for batch in self.batches for update in [update_of(batch)]
                for size, piece in batch.pieces()]  # fmt: skip
        parts = shares([size for size, *_ in work], os.cpu_count() or 1)

        def run(part: slice) -> None:
            for _, batch, piece, update in work[part]:
                batch.apply(update, piece)

        parallel(run, parts, products=not self.flat)


def blocks(length: int, at_most: int = BLOCK) -> list[slice]:
    """Cuts of equal length rather than a short last one.

    >>> blocks(10, 4)
    [slice(0, 4, None), slice(4, 8, None), slice(8, 10, None)]
    """
    step = -(-length // max(1, -(-length // at_most)))
    return [slice(at, min(at + step, length)) for at in range(0, length, max(1, step))]


def shares(sizes: list[int], workers: int) -> list[slice]:
    """Consecutive pieces for one thread each, of about equal weight; one share if there is too little for two.

    >>> shares([1 << 20, 1 << 19, 1 << 19], workers=2)
    [slice(0, 1, None), slice(1, 3, None)]
    >>> shares([1 << 18, 1 << 18], workers=2)
    [slice(0, 2, None)]
    """
    total = sum(sizes)
    count = max(1, min(workers, total // (THREADED // 2))) if total >= THREADED else 1
    cuts, done = [0], 0
    for i, size in enumerate(sizes, 1):
        done += size
        if len(cuts) < count and done * count >= total * len(cuts):
            cuts.append(i)
    return [slice(a, b) for a, b in zip(cuts, [*cuts[1:], len(sizes)], strict=True)]
