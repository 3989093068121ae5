"""The operations behind pooling, along one axis: the largest entry and the mean of each window."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from pureml_core import is_grad_enabled, kernel, op, unfold

from .geometry import counts


def _max_along(x: Any, /, axis: int, size: int, stride: int, dilation: int = 1) -> Any:
    return _first_max(unfold(x, size, stride, dilation, axes=axis))


def _first_max(x: Any) -> Any:
    return np.take_along_axis(x, np.argmax(x, axis=-1)[..., None], axis=-1)[..., 0]


@op(definition=_first_max)
def first_max(x: Any, /) -> Any:
    """The largest entry along the last axis; where there are several, the first gets the gradient."""
    shape, at = np.shape(x), np.argmax(x, axis=-1)[..., None]

    def vjp(g: Any) -> Any:  # dL/dx = g at the winner
        dx = np.zeros(shape, g.dtype)
        np.put_along_axis(dx, at, g[..., None], axis=-1)
        return dx

    return np.take_along_axis(x, at, axis=-1)[..., 0], vjp


@op(definition=_max_along)
def max_along(x: Any, /, axis: int, size: int, stride: int, dilation: int = 1) -> Any:
    """The largest entry of each window along an axis (-1, -2); where there are several, the first gets the gradient."""
    shape = np.shape(x)
    taps = _taps(shape, axis, size, stride, dilation)
    y, winner = _max_of(x, taps)

    def vjp(g: Any) -> Any:  # dL/dx = g at the winner of every window
        masks = (True,) if size == 1 else (~winner, winner) if size == 2 else (winner == j for j in range(size))
        return _put(shape, g, masks, taps, stride > dilation * (size - 1))

    return y, vjp


@kernel
def _max_of(x: Any, taps: list[Any]) -> Any:
    """The maxima, and which entry of its window each of them is, of two as a mask; under `no_grad` nobody will ask."""
    y, winner = np.array(x[taps[0]], order="C"), None  # contiguous: compared and maximised several times as fast
    for j, tap in enumerate(taps[1:], 1):
        z = np.array(x[tap], order="C")
        if is_grad_enabled():
            larger = y < z
            if winner is None:
                winner = larger if len(taps) == 2 else larger.astype(np.min_scalar_type(len(taps)))
            else:
                np.maximum(winner, larger * winner.dtype.type(j), out=winner)
        np.maximum(y, z, out=y)
    return y, winner


def _mean_along(x: Any, /, axis: int, size: int, stride: int, dilation: int = 1) -> Any:
    return np.mean(unfold(x, size, stride, dilation, axes=axis), axis=-1)


@op(definition=_mean_along)
def mean_along(x: Any, /, axis: int, size: int, stride: int, dilation: int = 1) -> Any:
    """The mean of each window along an axis (-1, -2)."""
    shape = np.shape(x)
    taps = _taps(shape, axis, size, stride, dilation)
    y = x[taps[0]] / size
    for tap in taps[1:]:
        y += x[tap] * (1 / size)
    return y, lambda g: _put(shape, g, (1 / size for _ in taps), taps, stride > dilation * (size - 1))


def _taps(shape: tuple[int, ...], axis: int, size: int, stride: int, dilation: int) -> list[Any]:
    """For each entry of a window the index of that entry in all windows."""
    (m,) = counts("pooling", (shape[axis],), ((0, 0),), (size,), (stride,), (dilation,))
    after = (slice(None),) * (-axis - 1)
    places = [slice(j * dilation, j * dilation + (m - 1) * stride + 1, stride) for j in range(size)]
    return [(..., place, *after) for place in places]


def _put(shape: tuple[int, ...], g: Any, factors: Any, taps: list[Any], apart: bool) -> Any:
    """g times each factor, added at its places; `apart`: no two windows share an entry."""
    full = apart and g.size * len(taps) == math.prod(shape)
    dx = (np.empty if full else np.zeros)(shape, g.dtype)
    for tap, factor in zip(taps, factors, strict=True):
        if apart:
            np.multiply(g, factor, out=dx[tap])
        else:
            dx[tap] += g * factor
    return dx
