"""What transforms have in common: arrays in, arrays out, Tensors in, untracked Tensors out; and their state."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
from pureml_core import Tensor

from ..checks import refuse_masks
from ..drawing import Drawing


class Transform(Drawing):
    """A function of an array that can be saved: a subclass defines `__call__`.

    Its state is that of the generators, Parameters and Buffers in its attributes: restored, it draws the same numbers.
    Plain arrays and settings are not part of it: what a subclass learns from data it keeps in a Buffer, or adds in
    `state` and `restore` of its own. Inside a DataLoader the loader seeds the generators anew for every batch.
    """

    def __call__(self, x: Any, /) -> Any:
        """The transformed array; `x` stays as it is."""
        raise NotImplementedError(f"{type(self).__name__} needs __call__(self, x)")


def array_of(x: Any) -> np.ndarray:
    """The values of an array-like or of an untracked Tensor; of a tracked one, NumPy's protocol raises.

    Raises:
        TypeError: a masked array.
    """
    refuse_masks("a transform", x)
    return x.data if isinstance(x, Tensor) and not x.requires_grad else np.asarray(x)


def like(x: Any, y: np.ndarray) -> Any:
    """`y` as a Tensor if `x` is one."""
    return Tensor(y) if isinstance(x, Tensor) else y


def number(name: str, value: Any, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite number in [low, high], as a Python float: np.float64 would promote float32 arrays."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, given {value!r}")
    if not (math.isfinite(value) and low <= value <= high):
        raise ValueError(f"{name} must be a finite number from {low:g} to {high:g}, given {value!r}")
    return float(value)


def pair(name: str, value: Any) -> tuple[Any, Any]:
    """Two values of a tuple or list."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise ValueError(f"{name} must be a pair, given {value!r}")
    return value[0], value[1]
