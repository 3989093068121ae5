"""What the recurrent operations share: sequences in the order in which they are read, and a plain loop over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

ROWS = 256  # of a block of steps


def unrolled(
    cell: Callable[..., tuple[Any, ...]], X: Any, state: tuple[Any, ...], lengths: Any, reverse: bool
) -> tuple[Any, ...]:
    """(Y, *state) after every step of a plain loop: the meaning of the operations here.

    Args:
        cell: one step, (x, *state) -> new state; the first part of the state, h (B, H), is the output.
        X: (B, T, C)
        lengths: (B,) or None. After its end a sequence keeps its state and its outputs are 0.
        reverse: read from the end, which for a sequence is its last valid step.
    """
    B, T = X.shape[:2]
    outputs: list[Any] = [None] * T
    for t in range(T - 1, -1, -1) if reverse else range(T):
        new = cell(X[:, t], *state)
        if lengths is None:
            state, outputs[t] = new, new[0]
        else:
            alive = (t < lengths)[:, None]
            state = tuple(np.where(alive, after, before) for after, before in zip(new, state, strict=True))
            outputs[t] = np.where(alive, new[0], 0.0)
    return np.stack(outputs, axis=1) if T else np.zeros((B, 0, state[0].shape[1]), X.dtype), *state


class Order:
    """The order in which B sequences of T steps are read: time first, each from its own start, what is padded last.

    Then the loop needs no masks. Steps behind the end of a sequence are computed and not used: no gradient comes from
    them, and the state is taken, and its gradient put in, where the sequence ends.
    """

    def __init__(self, B: int, T: int, lengths: Any, reverse: bool) -> None:
        self.B, self.T, self.reverse = B, T, reverse
        self.lengths = lengths
        self.padded = None
        if lengths is not None:
            steps = np.arange(T)[:, None]  # (T, 1) against (B,)
            self.padded = steps >= lengths  # (T, B)
            self.source = np.where(self.padded, steps, lengths - 1 - steps)  # read at t: its own inverse
            self.rows = np.arange(B)

    def read(self, X: Any) -> Any:
        """(B, T, C) -> (T, B, C), 0 where padded. A view where it can be."""
        if self.lengths is None:
            x = np.swapaxes(X, 0, 1)
            return x[::-1] if self.reverse else x
        x = X[self.rows, self.source] if self.reverse else np.array(np.swapaxes(X, 0, 1), order="C")
        x[self.padded] = 0
        return x

    def written(self, x: Any) -> Any:
        """(T, B, C) -> (B, T, C): the inverse of `read`. Where padded x must be 0, or is made so."""
        if self.lengths is not None:
            x[self.padded] = 0
            if self.reverse:
                return x[self.source.T, self.rows[:, None]]
        return np.swapaxes(x[::-1] if self.reverse else x, 0, 1)

    def last(self, states: Any) -> Any:
        """(T + 1, B, H) -> (B, H): the states where sequences end, of those before and after every step."""
        return states[self.T].copy() if self.lengths is None else states[self.lengths, self.rows]

    def ends(self) -> dict[int, Any]:
        """The step after which sequences end, -1 for those without steps: {step: their rows}."""
        if self.lengths is None:
            return {self.T - 1: slice(None)}
        return {int(n) - 1: np.flatnonzero(self.lengths == n) for n in np.unique(self.lengths)}


def flat(x: Any) -> Any:
    """(T, B, C) -> (T B, C), contiguous enough for one product."""
    return np.reshape(x, (x.shape[0] * x.shape[1], x.shape[2]))


def once(f: Callable[..., Any]) -> Callable[..., Any]:
    """f, not computed again for the very same gradients: the VJPs of one node share its result."""
    last: list[Any] = []

    def call(*g: Any) -> Any:
        if not last or any(a is not b for a, b in zip(last[0], g, strict=True)):
            last[:] = g, f(*g)
        return last[1]

    return call


def blocks(T: int, B: int) -> list[slice]:
    """Steps 0 to T - 1, some at a time: enough rows for a fast product, and few enough that what one pass over them
    makes is still in the processor's cache in the next."""
    size = max(1, ROWS // max(1, B))
    return [slice(start, min(start + size, T)) for start in range(0, T, size)]


def backwards(steps: slice, *arrays: Any) -> Iterator[tuple[Any, ...]]:
    """(t, the entries of the arrays at t) from the last of the steps to the first; the arrays hold these steps."""
    return zip(range(steps.stop - 1, steps.start - 1, -1), *(a[::-1] for a in arrays), strict=True)
