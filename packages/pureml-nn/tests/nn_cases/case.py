"""One row of the table of layers, and one of the errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class LayerCase:
    """A layer with inputs, for every check of the table.

    Attributes:
        name: of the row.
        make: makes the layer, the same one every time (give it a seed).
        inputs: shapes of floating inputs, drawn from a normal distribution, or arrays to give as they are (indices,
            masks). The first floating one is differentiated by, and the others too.
        after: the shape of the output, or of each output in a tuple of tuples.
        settings: keywords of the call.
        train_differs: whether training differs from evaluation on these inputs.
        order: of the derivatives to check: 2, or 1 where the second is undefined by nature.
        rtol: of the comparison with finite differences.
    """

    name: str
    make: Callable[[], Any]
    inputs: tuple[Any, ...]
    after: Any
    settings: dict[str, Any] = field(default_factory=dict)
    train_differs: bool = False
    order: int = 2
    rtol: float = 1e-6

    def arrays(self, dtype: Any = np.float64, seed: int = 0) -> list[Any]:
        """The inputs, drawn anew for another seed."""
        rng = np.random.default_rng(seed)
        return [rng.standard_normal(x).astype(dtype) if isinstance(x, tuple) else x for x in self.inputs]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class LayerError:
    """A call that raises: the exception and a pattern of its message."""

    call: Callable[[], Any]
    kind: type[Exception]
    message: str

    def __str__(self) -> str:
        return self.message[:60]


def outputs(y: Any) -> list[Any]:
    """The Tensors in what a layer returned: one, or nested tuples of them."""
    if isinstance(y, tuple | list):
        return [t for part in y for t in outputs(part)]
    return [] if y is None else [y]
