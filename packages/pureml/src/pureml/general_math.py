"""Statistics over tensors and arrays, with the paper's defaults: all but `mean` reduce the last axis.

`pureml_core` has the same functions with NumPy's defaults.
"""

from typing import Any

import pureml_core
from pureml_core import Tensor

__all__ = ["deviation", "euclidean_distance", "ewma", "mean", "std", "sum", "variance"]

core: Any = pureml_core  # the types of operations are not written down


def ewma(running: Any, current: Any, *, beta: float) -> Any:
    """Exponentially weighted moving average, its next value: beta · running + (1 - beta) · current."""
    return beta * running + (1 - beta) * current


def euclidean_distance(x: Any, y: Any) -> Tensor:
    """√Σ(xᵢ - yᵢ)² over all elements, a 0-d tensor. Where x equals y the gradient is 0."""
    return core.vector_norm(core.subtract(x, y))  # type: ignore[no-any-return]


def mean(X: Any, *, axis: Any = None) -> Tensor:
    """Arithmetic mean, over all elements by default."""
    return core.mean(X, axis=axis)  # type: ignore[no-any-return]


def sum(X: Any, *, axis: Any = -1) -> Tensor:
    """Sum over `axis`; over all elements for None."""
    return core.sum(X, axis=axis)  # type: ignore[no-any-return]


def variance(X: Any, *, axis: Any = -1) -> Tensor:
    """Population variance Σ(xᵢ - x̄)² / n over `axis`; over all elements for None."""
    return core.var(X, axis=axis)  # type: ignore[no-any-return]


def std(X: Any, *, axis: Any = -1) -> Tensor:
    """Population standard deviation √(Σ(xᵢ - x̄)² / n) over `axis`; over all elements for None."""
    return core.std(X, axis=axis)  # type: ignore[no-any-return]


def deviation(X: Any, *, axis: Any = -1) -> Tensor:
    """x - x̄, in X's shape: what is left without the mean over `axis`; over all elements for None."""
    return core.subtract(X, core.mean(X, axis=axis, keepdims=True))  # type: ignore[no-any-return]
