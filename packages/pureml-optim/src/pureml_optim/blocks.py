"""Blocks: how parameters of any size and layout become the flat, cache-sized arrays that a rule sees.

An update is a dozen passes over a few arrays. On whole arrays each pass goes through main memory; on a block of some
16,000 to 32,000 elements all passes but the first stay in the processor's cache. The other end is a model of many
small tensors, where a dozen calls for each cost more than the arithmetic: those are copied side by side into one block,
updated together, and copied back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from operator import is_
from typing import Any

import numpy as np
from pureml_core import Tensor

BLOCK = 32_768  # elements in a block, at most; four float32 arrays of it are half a megabyte
SMALL = BLOCK // 4  # up to here copying into a common block is cheaper than calls of one's own


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
    """What an optimizer remembers of one parameter: `t` steps taken so far, and slots once it has taken one."""

    name: str
    tensor: Tensor
    group: Group
    t: int = 0
    slots: dict[str, np.ndarray] = field(default_factory=dict)


class Batch:
    """Parameters that are updated together: one, or small ones with the same settings, dtype and step count.

    With `flat`, the slots of the batch lie side by side in one array for each slot, of which every entry has its view,
    so that only values and gradients are copied at each step; a single contiguous parameter needs no copy at all.
    """

    def __init__(self, entries: list[Entry], slots: Iterable[str], flat: bool) -> None:
        self.entries, self.group, self.flat = entries, entries[0].group, flat
        self.data = [e.tensor.data for e in entries]
        first = self.data[0]
        self.views: list[np.ndarray] = []  # into w, one for each entry, where values have to be copied back
        if not flat:
            self.w = first
            self.slots = [entries[0].slots[name] for name in slots]
        elif len(entries) == 1 and first.flags.c_contiguous:
            self.w = first.reshape(-1)
            self.slots = [entries[0].slots[name].reshape(-1) for name in slots]
        else:
            self.w = np.empty(sum(a.size for a in self.data), first.dtype)
            self.views = self._split(self.w)
            self.slots = [self._side_by_side(name) for name in slots]

    def _split(self, joined: np.ndarray) -> list[np.ndarray]:
        ends = np.cumsum([a.size for a in self.data])
        return [joined[end - a.size : end].reshape(a.shape) for a, end in zip(self.data, ends, strict=True)]

    def _side_by_side(self, name: str) -> np.ndarray:
        joined = np.concatenate([e.slots[name] for e in self.entries], axis=None)
        for entry, view in zip(self.entries, self._split(joined), strict=True):
            entry.slots[name] = view
        return joined

    def __iter__(self) -> Iterator[tuple[np.ndarray, ...]]:
        """The arrays (w, g, *slots), block by block; `g` may be the tensor's own gradient and is not written to."""
        grads: list[Any] = [e.tensor.grad for e in self.entries]
        if not self.flat:
            yield self.w, grads[0], *self.slots
            return
        if self.views:
            np.concatenate(self.data, axis=None, out=self.w)
            g = np.concatenate(grads, axis=None)
        else:
            g = grads[0].reshape(-1)
        size = self.w.size
        length = -(-size // max(1, -(-size // BLOCK)))  # blocks of equal length rather than a short last one
        for at in range(0, size, max(1, length)):
            here = slice(at, at + length)
            yield self.w[here], g[here], *(a[here] for a in self.slots)

    def finish(self) -> None:
        """Copy back what was updated in a copy, and count: one step, one change of each tensor."""
        for data, view in zip(self.data, self.views, strict=False):
            data[...] = view
        for entry in self.entries:
            entry.t += 1
            entry.tensor.touch()


class Plan:
    """Which parameters are updated together. It holds until other ones have gradients, or an array is replaced."""

    def __init__(self, entries: list[Entry], slots_of: Callable[[Entry], Iterable[str]], flat: bool) -> None:
        self.entries = entries
        together: list[list[Entry]] = []
        filling: dict[Any, tuple[list[Entry], int]] = {}
        for e in entries:
            if not flat or e.tensor.size > SMALL:
                together.append([e])
                continue
            key = (id(e.group), e.tensor.dtype, e.t)
            mates, size = filling.get(key, ([], 0))
            if not mates or size + e.tensor.size > BLOCK:
                mates, size = [], 0
                together.append(mates)
            mates.append(e)
            filling[key] = mates, size + e.tensor.size
        self.batches = [Batch(mates, slots_of(mates[0]), flat) for mates in together]
        self.data = [e.tensor.data for e in entries]

    def holds(self, entries: list[Entry]) -> bool:
        """Whether the plan fits these entries, whose arrays must be those that it was made for."""
        return entries == self.entries and all(map(is_, [e.tensor.data for e in entries], self.data))
