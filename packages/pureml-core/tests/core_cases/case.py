"""One row of the table of operations, and one of the errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pureml_core as pm


@dataclass(frozen=True)
class Case:
    """An operation with inputs and settings, for every check of the table.

    Attributes:
        name: of the operation: `pureml_core.NAME`, or that of an internal op.
        inputs: data arguments. Floating and complex arrays are differentiated by; everything else is passed on.
        order: derivatives to check: 2, or 1 where the second is undefined by nature, or 0 where the first is.
        through: called instead of the operation, `through(op, *inputs, **settings)`: to keep finite differences among
            the inputs that it is defined on (a symmetric matrix), or to take only what is determined (no signs).
        numpy: what the values are compared with, called with inputs and settings. By default the NumPy function that
            the operation is bound to.
    """

    name: str
    inputs: tuple[Any, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    order: int = 2
    through: Callable[..., Any] | None = None
    numpy: Callable[..., Any] | None = None
    rtol: float = 1e-6

    @property
    def op(self) -> Any:
        """The operation, as users call it."""
        ours = {op.name: op.call for op in pm.OPS.values() if op.key.startswith("pureml_")}
        return getattr(pm, self.name, None) or ours.get(self.name) or _composed()[self.name]

    @property
    def f(self) -> Callable[..., Any]:
        """What is checked: the operation, or what `through` makes of it."""
        if self.through is None:
            return self.op  # type: ignore[no-any-return]

        def f(*inputs: Any, **settings: Any) -> Any:
            return self.through(self.op, *inputs, **settings)  # type: ignore[misc]

        f.__name__ = self.name
        return f

    def __str__(self) -> str:
        given = [x.shape if isinstance(x, np.ndarray) else x for x in self.inputs]
        kinds = "".join(sorted({x.dtype.kind for x in self.inputs if isinstance(x, np.ndarray)} - {"f"}))
        return f"{self.name}-{kinds}{given}-{self.settings}".replace("\n", "")


def _composed() -> dict[str, Callable[..., Any]]:
    return {record.name: record.body for record in pm.COMPOSED.values() if record.key.startswith("pureml_")}


@dataclass(frozen=True)
class Error:
    """Inputs that an operation refuses, with the exception and a pattern of its message."""

    name: str
    inputs: tuple[Any, ...]
    settings: dict[str, Any]
    kind: type[Exception]
    message: str

    def __str__(self) -> str:
        return f"{self.name}-{[np.shape(x) for x in self.inputs]}-{self.settings}"


def case(name: str, *inputs: Any, **settings: Any) -> Case:
    """A row for the usual: every keyword is a setting of the operation."""
    return Case(name, inputs, settings)


# Inputs. One generator per file of the table: `n, pos = draws(1)`.


def draws(seed: int) -> tuple[Callable[..., np.ndarray], ...]:
    """Makers of random arrays of a shape: normal, positive (0.5 to 2), and complex normal ones."""
    rng = np.random.default_rng(seed)

    def n(*shape: int) -> np.ndarray:
        return np.asarray(rng.standard_normal(shape))

    def pos(*shape: int) -> np.ndarray:
        return np.asarray(rng.uniform(0.5, 2.0, shape))

    def c(*shape: int) -> np.ndarray:
        return np.asarray(rng.standard_normal(shape) + 1j * rng.standard_normal(shape))

    return n, pos, c


BROADCASTS = [
    ((3, 3), (3,)),
    ((3,), (3, 3)),
    ((2, 3, 3), (3, 1)),
    ((4, 1), (1, 4)),
    ((2, 3), (1, 1, 3)),
    ((3, 2), ()),
    ((), (2, 2)),
    ((1,), (2, 3)),
    ((0, 3), (3,)),
    ((1, 0), (2, 1)),
    ((2, 1, 3), (4, 1)),
]
"""Pairs of shapes for operations of two operands: stretched, added, square, 0-d, empty."""
