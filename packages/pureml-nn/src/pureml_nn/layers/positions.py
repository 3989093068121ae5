"""Where in a sequence a vector stands: attention alone does not know."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from pureml_core import Parameter, Tensor, draw_seed, generator, kernel, op

from .. import init
from ..layer import Layer


def sinusoids(length: int, dim: int, base: float = 10000.0) -> np.ndarray:
    """PE[t, 2i] = sin(t / base^(2i/dim)), PE[t, 2i+1] = cos of the same, (length, dim), float64.

    Vaswani et al. 2017, section 3.5. An odd `dim` leaves out the last cosine.
    """
    angles = _angles(length, dim, base)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(length, -1)[:, :dim]


def _angles(length: int, dim: int, base: float) -> np.ndarray:
    """t / base^(2i/dim), (length, dim / 2)"""
    return np.arange(length)[:, None] / base ** (np.arange(0, dim, 2) / dim)


class SinusoidalPositions(Layer):
    """Y = X + PE: sines and cosines of the position, from fast to slow (Vaswani et al. 2017, section 3.5).

    Args:
        dim: last axis of X.
        base: the slowest wave is 2π · base positions long.

    Raises:
        ValueError: `dim` or `base` is not positive.
    """

    def __init__(self, dim: int, *, base: float = 10000.0) -> None:
        (self.dim,) = init.positive_sizes("SinusoidalPositions", dim=dim)
        self.base = _positive("SinusoidalPositions", base)
        self._table = np.empty((0, self.dim))

    def forward(self, X: Any, *, start: int = 0) -> Any:
        """(..., T, dim) -> (..., T, dim), whose first position is number `start`."""
        end = _positions("SinusoidalPositions", X, self.dim, start)
        table = self._table
        if len(table) < end or table.dtype != X.dtype:
            self._table = table = sinusoids(max(end, len(table)), self.dim, self.base).astype(X.dtype)
        return X + table[start:end]


class LearnedPositions(Layer):
    """Y = X + W: one trained vector for each position (Gehring et al. 2017).

    Args:
        max_len: how many positions there are.
        dim: last axis of X.
        W: initial values of shape (max_len, dim); drawn with standard deviation 0.02 if not given.
        seed: of the draw; None draws one.

    Raises:
        ValueError: a size is not positive, W has another shape, or an input is longer than `max_len`.
    """

    def __init__(self, max_len: int, dim: int, *, W: Any = None, seed: int | None = None) -> None:
        self.max_len, self.dim = init.positive_sizes("LearnedPositions", max_len=max_len, dim=dim)
        self.seed = draw_seed(seed)
        shape = (self.max_len, self.dim)
        self.W = Parameter.given(W, shape, lambda: generator(self.seed).normal(0.0, 0.02, shape))

    def forward(self, X: Any, *, start: int = 0) -> Any:
        """(..., T, dim) -> (..., T, dim), whose first position is number `start`."""
        end = _positions("LearnedPositions", X, self.dim, start)
        if end > self.max_len:
            raise ValueError(
                f"LearnedPositions: given positions up to {end}, needed at most max_len={self.max_len}; shorten the "
                "input or make the layer longer"
            )
        return X + self.W[start:end]


class RotaryPositions(Layer):
    """Each pair (x₂ᵢ, x₂ᵢ₊₁) turned by the angle t · base^(-2i/dim) (Su et al. 2021, eq. 34).

    Of queries and keys that are turned so, the product depends on how far apart they stand, not on where.

    Args:
        dim: last axis of the input, even: of one head.
        base: the slowest turn takes 2π · base positions.

    Raises:
        ValueError: `dim` is not positive and even, or `base` not positive.
    """

    def __init__(self, dim: int, *, base: float = 10000.0) -> None:
        (self.dim,) = init.positive_sizes("RotaryPositions", dim=dim)
        if self.dim % 2:
            raise ValueError(f"RotaryPositions: given dim={dim}, needed an even number: pairs are turned")
        self.base = _positive("RotaryPositions", base)
        self._turns = np.empty((0, self.dim // 2), np.complex64)

    def forward(self, X: Any, *, start: int = 0) -> Any:
        """(..., T, dim) -> (..., T, dim), whose first position is number `start`."""
        end = _positions("RotaryPositions", X, self.dim, start)
        turns, dtype = self._turns, np.result_type(X.dtype, np.complex64)
        if len(turns) < end or turns.dtype != dtype:
            angles = _angles(max(end, len(turns)), self.dim, self.base)
            self._turns = turns = np.exp(1j * angles).astype(dtype)
        return turned(X, turns[start:end])


@op(linear=True)
def turned(x: Any, /, turns: Any) -> Any:
    """Pairs of the last axis times complex numbers e^(iθ): (x₀ + i x₁) e^(iθ) = x₀ cos θ - x₁ sin θ + i (...)."""
    return _turned(x, turns), lambda g: turned(g, np.conj(turns))  # turned back


@kernel
def _turned(x: Any, turns: Any) -> Any:
    z = np.ascontiguousarray(x, _real(turns)).view(turns.dtype)
    return (z * turns).view(_real(turns)).astype(x.dtype, copy=False)


def _real(z: Any) -> Any:
    return z.real.dtype


def _positions(layer: str, X: Any, dim: int, start: int) -> int:
    """The end of the positions start, start + 1, ... of X."""
    if not isinstance(X, Tensor) or X.dtype.kind != "f":
        kind = f"dtype {X.dtype}" if isinstance(X, Tensor) else f"type {type(X).__name__}"
        raise TypeError(f"{layer}: given X of {kind}, needed a floating Tensor or array")
    if X.ndim < 2 or X.shape[-1] != dim:
        raise ValueError(f"{layer}: given X of shape {X.shape}, needed (..., positions, {dim})")
    if operator.index(start) < 0:
        raise ValueError(f"{layer}: given start={start}, needed 0 or more")
    return start + X.shape[-2]


def _positive(layer: str, base: Any) -> float:
    if not isinstance(base, int | float | np.number) or not 0 < base < float("inf"):
        raise ValueError(f"{layer}: given base={base!r}, needed a positive number")
    return float(base)
