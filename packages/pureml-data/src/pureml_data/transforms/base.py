"""What transforms have in common: arrays in, arrays out, Tensors in, untracked Tensors out; and their state."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from pureml_core import Composite, Saved, State, Tensor
from pureml_core.state import StateMismatch, collect, restore_tensors


class Transform(Composite, Saved):
    """A function of an array that can be saved: a subclass defines `__call__`.

    Its state is that of the generators in its attributes: restored, it draws the same numbers. Inside a DataLoader
    the loader seeds them anew for every batch.
    """

    def __call__(self, x: Any, /) -> Any:
        """The transformed array; `x` stays as it is."""
        raise NotImplementedError(f"{type(self).__name__} needs __call__(self, x)")

    def state(self) -> State:
        """Where the random streams stand."""
        arrays, generators = collect(self)
        return State(kind_of(self), arrays, {"generators": generators})

    def restore(self, state: State, *, strict: bool = True) -> list[str]:
        """Go on from a snapshot, all or nothing.

        Returns:
            What was skipped, one line each; empty under `strict`.

        Raises:
            ValueError: the state is another class's, or under `strict` does not fit.
        """
        generators = state.literals.get("generators")
        if state.kind != kind_of(self) or not isinstance(generators, Mapping):
            raise another_kind(self, state)
        return restore_tensors(self, state.arrays, generators, strict=strict)


def kind_of(obj: Any) -> str:
    return f"{type(obj).__module__.partition('.')[0]}.{type(obj).__name__}/1"


def another_kind(obj: Any, state: State) -> StateMismatch:
    return StateMismatch(type(obj).__name__, [f"given a state of {state.kind!r}, needed {kind_of(obj)!r}"])


def array_of(x: Any) -> np.ndarray:
    """The values of an array-like or of an untracked Tensor; of a tracked one, NumPy's protocol raises."""
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
