"""Statistics of gradients, weights and updates: a look at whether every layer learns, and how fast."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from pureml_core import Tensor

from .gradients import gradient, joint, norm, tensors
from .naming import Params
from .optimizer import Optimizer


@dataclass(frozen=True)
class Row:
    """One parameter at one step.

    Attributes:
        shape: of the parameter.
        grad_norm, grad_mean, grad_max: 2-norm, mean and largest absolute value of the gradient.
        zeros: share of the gradient's entries that are exactly zero, 0 to 1.
        weight_norm: 2-norm of the parameter before the step.
        update_norm: 2-norm of its change.
    """

    shape: tuple[int, ...]
    grad_norm: float
    grad_mean: float
    grad_max: float
    zeros: float
    weight_norm: float
    update_norm: float

    @property
    def update_ratio(self) -> float:
        """‖Δw‖ / ‖w‖, some 10⁻³ in healthy training; inf for a weight that was zero, 0 if it stayed so."""
        return self.update_norm / self.weight_norm if self.weight_norm else math.inf if self.update_norm else 0.0


class Statistics(Mapping[str, Row]):
    """What `watch` saw: a Row for the name of each parameter that had a gradient. Printed, it is a table.

    Attributes:
        without_gradient: names of the parameters that had none.
    """

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}
        self.without_gradient: list[str] = []

    def __getitem__(self, name: str) -> Row:
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def grad_norm(self) -> float:
        """The joint 2-norm of all gradients."""
        return joint(row.grad_norm for row in self.values())

    def __repr__(self) -> str:
        table: list[tuple[str, ...]] = [("", "shape", "|g|", "mean g", "max |g|", "zeros", "|w|", "|dw|/|w|")]
        for name, row in self.items():
            numbers = (row.grad_norm, row.grad_mean, row.grad_max)
            shape = "×".join(map(str, row.shape)) or "1"
            table.append((name, shape, *(f"{x:.2e}" for x in numbers), f"{row.zeros:.0%}", f"{row.weight_norm:.2e}",
                          f"{row.update_ratio:.1e}"))  # fmt: skip
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in table]
        if self.without_gradient:
            lines.append(f"without a gradient: {', '.join(self.without_gradient)}")
        return "\n".join(lines)


@contextmanager
def watch(params: Params | Optimizer) -> Iterator[Statistics]:
    """A context around a step that yields its Statistics, filled in at the end.

    Gradients and weights are looked at on entry, changes at the end. Meanwhile a copy of all weights is kept; outside
    of `watch` nothing is kept or computed.

    Args:
        params: the optimizer, or tensors in an iterable or by name, or a model to walk.

    >>> from pureml_core import Parameter
    >>> from pureml_optim import SGD
    >>> W, b = Parameter([[3.0, 4.0]]), Parameter([0.0, 0.0])
    >>> optim = SGD({"W": W, "b": b, "unused": Parameter([1.0])}, lr=0.1, beta=0.0)
    >>> W.grad, b.grad = [[0.0, 2.0]], [1.0, -1.0]
    >>> with watch(optim) as stats:
    ...     optim.step()
    >>> round(stats["W"].update_ratio, 3), stats["W"].zeros, stats.without_gradient
    (0.04, 0.5, ['unused'])
    >>> stats
       shape       |g|    mean g   max |g|  zeros       |w|  |dw|/|w|
    W    1×2  2.00e+00  1.00e+00  2.00e+00    50%  5.00e+00   4.0e-02
    b      2  1.41e+00  0.00e+00  1.00e+00     0%  0.00e+00       inf
    without a gradient: unused
    """
    stats = Statistics()
    named = tensors(params, "watch")
    before = {name: (t.data.copy(), _row(t, g)) for name, t in named.items() if (g := gradient(t)) is not None}
    yield stats
    for name, (change, row) in before.items():
        with np.errstate(all="ignore"):
            np.subtract(named[name].data, change, out=change)
        stats._rows[name] = replace(row, update_norm=norm(change))
    stats.without_gradient += [name for name in named if name not in before]


def _row(t: Tensor, g: np.ndarray) -> Row:
    """What can be said before the step; `g` may be the touched rows alone."""
    size = max(t.size, 1)
    with np.errstate(all="ignore"):
        mean = float(g.sum(dtype=np.float64)) / size
    return Row(
        shape=t.shape,
        grad_norm=norm(g),
        grad_mean=mean,
        grad_max=norm(g, math.inf),
        zeros=1 - int(np.count_nonzero(g)) / size,
        weight_norm=norm(t.data),
        update_norm=0.0,
    )
