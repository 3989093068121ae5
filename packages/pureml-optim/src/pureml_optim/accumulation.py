"""Gradient accumulation: the step of a large batch from several small ones that fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from pureml_core import RowSparse, Saved, State, Tensor
from pureml_core.state import StateMismatch, kind_of

from .gradients import gradient, gradients, tensors
from .optimizer import Optimizer
from .restoring import read_slot
from .saved_literals import read_literals
from .settings import whole


class Accumulation(Saved):
    """Steps an optimizer once for several backward sweeps, with the mean of their gradients.

    `backward()` adds gradients up, so all there is to do is to count, to divide, and not to zero in between. With
    losses that are means over batches of one size, the step is that of one batch `every` times as large; not so for
    layers that see a batch as a whole (BatchNorm).

        for x, y in loader:
            loss(y, model(x)).backward()
            accumulation.step()                      # no zero_grad(): it is done with the step
        accumulation.flush()

    Args:
        optim: the optimizer.
        every: sweeps to a step, >= 1.
        before_step: called with no arguments once the gradients are divided: the place for clipping and noise.

    Attributes:
        count: sweeps since the last step.

    The state holds `count` and the gradients gathered so far, so that a run can be resumed between any two sweeps.

    >>> from pureml_core import Parameter
    >>> from pureml_optim import SGD, clip_by_global_norm
    >>> w = Parameter([1.0])
    >>> optim = SGD([w], lr=0.5, beta=0.0)
    >>> accumulation = Accumulation(optim, every=2, before_step=lambda: clip_by_global_norm(optim, 10.0))
    >>> for x in (1.0, 3.0, 1.0):
    ...     (w * x).sum().backward()
    ...     print(accumulation.step(), w.data)
    False [1.]
    True [0.]
    False [0.]
    >>> accumulation.flush(), w.data                 # the mean of one
    (True, array([-0.5], dtype=float32))
    """

    def __init__(self, optim: Optimizer, every: int, *, before_step: Callable[[], object] | None = None) -> None:
        if not isinstance(optim, Optimizer):
            raise TypeError(f"Accumulation: given {type(optim).__name__}, needed an Optimizer")
        if before_step is not None and not callable(before_step):
            raise TypeError(f"Accumulation: before_step: given {before_step!r:.60}, needed a function or None")
        self.optim, self.before_step = optim, before_step
        self.every = whole(1)("Accumulation: every", every)
        self.count = 0

    def step(self) -> bool:
        """Count a sweep; at the last of a group step with the mean of its gradients, then zero. True if it stepped."""
        self.count += 1
        for t in self._tensors().values():
            gradient(t)  # adds repeated rows up now: then the state holds the gradient as it is
        return self.count >= self.every and self.flush()

    def flush(self) -> bool:
        """Step with the mean of an incomplete group, as at the end of an epoch. False if there is nothing to step with.

        Whatever `before_step` or the step raises, the group is over; its gradients, divided, are left to be looked at.
        """
        n, self.count = self.count, 0
        if n == 0:
            return False
        for g in gradients(self.optim, "Accumulation").values():
            g /= n
        if self.before_step is not None:
            self.before_step()
        self.optim.step()
        self.optim.zero_grad()
        return True

    def __repr__(self) -> str:
        return f"Accumulation({self.count} of {self.every}, {self.optim!r})"

    # ---- state

    def state(self) -> State:
        """`every`, `count`, and copies of the gradients of an incomplete group; row-sparse ones as rows and values."""
        arrays: dict[str, np.ndarray] = {}
        for name, t in self._tensors().items() if self.count else ():
            if (sparse := t.sparse_grad) is not None:
                arrays |= {f"rows.{name}": sparse.rows.copy(), f"values.{name}": sparse.values.copy()}
            elif t.grad is not None:
                arrays[f"grad.{name}"] = t.grad.copy()
        return State(kind_of(self), arrays, {"every": self.every, "count": self.count})

    def restore(self, state: State, *, strict: bool = True) -> list[str]:
        """Take count, `every` and the gradients from a snapshot, all or nothing.

        Args:
            state: over parameters of the same names and shapes.
            strict: with False, what does not fit is skipped; a parameter of which nothing fits has no gradient then.

        Returns:
            What was skipped, one line each.

        Raises:
            ValueError: another class's state; or, under `strict`, everything that does not fit.
        """
        new, problems = read_literals(self, state, {"every": whole(1), "count": whole(0)})
        every, count = new.get("every", self.every), new.get("count", 0)
        if count >= every:
            problems.append(f"'count' is {count}, needed less than every, {every}")
            count = 0
        named = self._tensors()
        gathered = named if count else {}
        known = {f"{part}.{name}" for name in gathered for part in ("grad", "rows", "values")}
        problems += [f"unexpected {name!r}" for name in state.arrays if name not in known]
        found: dict[str, Any] = {}
        for name, t in gathered.items():
            try:
                found[name] = _read(name, t, state.arrays)
            except ValueError as problem:
                problems.append(str(problem))
        if strict and problems:
            raise StateMismatch(type(self).__name__, problems)
        self.every, self.count = every, count
        for name, t in named.items():
            t.grad = found.get(name)
        return problems

    def _tensors(self) -> dict[str, Tensor]:
        return tensors(self.optim, "Accumulation")


def _read(name: str, t: Tensor, arrays: Mapping[str, np.ndarray]) -> np.ndarray | RowSparse | None:
    """The gradient of that name: an array, row-sparse, or None if there is none."""
    dense, where, values = f"grad.{name}", f"rows.{name}", f"values.{name}"
    if dense in arrays:
        return read_slot(dense, t.shape, t.dtype, arrays)
    if where not in arrays and values not in arrays:
        return None
    rows = np.asarray(arrays.get(where, ()))
    if rows.ndim != 1 or rows.dtype.kind not in "iu" or not t.shape:
        raise ValueError(f"{where!r}: missing, or not the integers of some rows of {t.shape}")
    if len(rows) and (rows[0] < 0 or rows[-1] >= t.shape[0] or (rows[1:] <= rows[:-1]).any()):
        raise ValueError(f"{where!r} must ascend, from 0 or more to less than {t.shape[0]}")
    found = read_slot(values, (len(rows), *t.shape[1:]), t.dtype, arrays)
    return RowSparse(rows.astype(np.intp), found, t.shape, unique=True)
