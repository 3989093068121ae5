"""Pooling to a given size: the largest entry or the mean of shares of the image, or of the whole of it.

What is taken over shares of an image is taken along one axis after the other, as over windows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from pureml_core import Tensor

from ..layer import Layer
from .geometry import Pair, sizes
from .pooling import check_input
from .windows import first_max, max_along, mean_along

# ---- a given number of shares, from ⌊i n / m⌋ to ⌈(i + 1) n / m⌉, which may differ in size and overlap by one entry


def _shares(n: int, m: int) -> list[Pair]:
    return [(i * n // m, -(-(i + 1) * n // m)) for i in range(m)]


def _max_of_shares(x: Any, axis: int, m: int) -> Any:
    n = x.shape[axis]
    if n % m == 0:
        return max_along(x, axis, n // m, n // m)
    shares = _shares(n, m)
    longest = max(stop - start for start, stop in shares)
    index = np.array([[min(start + j, stop - 1) for j in range(longest)] for start, stop in shares])
    y = first_max(np.take(np.swapaxes(x, axis, -1), index, axis=-1))
    return np.swapaxes(y, axis, -1)


def _mean_of_shares(x: Any, axis: int, m: int) -> Any:
    n = x.shape[axis]
    if n % m == 0:
        return mean_along(x, axis, n // m, n // m)
    A = np.zeros((n, m), x.dtype)  # column i takes the mean of share i
    for i, (start, stop) in enumerate(_shares(n, m)):
        A[start:stop, i] = 1 / (stop - start)
    return np.matmul(x, A) if axis == -1 else np.matmul(A.T, x)


class _AdaptivePool(Layer):
    axes: int
    along: Callable[..., Any]

    def __init__(self, output_size: int | tuple[int, ...]) -> None:
        self.output_size = sizes(type(self).__name__, "output_size", output_size, self.axes)

    def forward(self, X: Tensor) -> Tensor:
        """(B, C, L) -> (B, C, output_size) or (B, C, H, W) -> (B, C, *output_size)"""
        name = type(self).__name__
        check_input(name, X, self.axes)
        if 0 in X.shape[2:]:
            raise ValueError(f"{name}: given X of shape {X.shape}, which has no entries to pool")
        Y: Any = X
        for i in range(-1, -self.axes - 1, -1):
            if X.shape[i] != self.output_size[i]:
                Y = type(self).along(Y, i, self.output_size[i])
        return Y  # type: ignore[no-any-return]


class AdaptiveMaxPool1D(_AdaptivePool):
    """The largest entry of each of `output_size` = m shares of a signal: (B, C, L) -> (B, C, m).

    Share i goes from ⌊i L / m⌋ to ⌈(i + 1) L / m⌉: windows of L / m entries where m divides L.

    Raises:
        ValueError: m is not positive, or X is not (B, C, L) with L > 0.
        TypeError: m is no integer, or X is not floating.
    """

    axes = 1
    along = _max_of_shares


class AdaptiveMaxPool2D(_AdaptivePool):
    """The largest entry of each share of an image: (B, C, H, W) -> (B, C, *output_size), an integer or a pair.

    Share i of m goes from ⌊i H / m⌋ to ⌈(i + 1) H / m⌉: windows of H / m rows where m divides H.

    Raises:
        ValueError: `output_size` is not positive, or X is not (B, C, H, W) with entries.
        TypeError: `output_size` is neither an integer nor a pair, or X is not floating.
    """

    axes = 2
    along = _max_of_shares


class AdaptiveMeanPool1D(_AdaptivePool):
    """The mean of each of `output_size` = m shares of a signal: (B, C, L) -> (B, C, m).

    Share i goes from ⌊i L / m⌋ to ⌈(i + 1) L / m⌉: windows of L / m entries where m divides L.

    Raises:
        ValueError: m is not positive, or X is not (B, C, L) with L > 0.
        TypeError: m is no integer, or X is not floating.
    """

    axes = 1
    along = _mean_of_shares


class AdaptiveMeanPool2D(_AdaptivePool):
    """The mean of each share of an image: (B, C, H, W) -> (B, C, *output_size), an integer or a pair.

    Share i of m goes from ⌊i H / m⌋ to ⌈(i + 1) H / m⌉: windows of H / m rows where m divides H.

    Raises:
        ValueError: `output_size` is not positive, or X is not (B, C, H, W) with entries.
        TypeError: `output_size` is neither an integer nor a pair, or X is not floating.
    """

    axes = 2
    along = _mean_of_shares


# ---- the whole image


class _GlobalPool(Layer):
    axes: int
    over: Callable[..., Any]

    def forward(self, X: Tensor) -> Tensor:
        """(B, C, ...) -> (B, C)"""
        name = type(self).__name__
        check_input(name, X, self.axes)
        if 0 in X.shape[2:]:
            raise ValueError(f"{name}: given X of shape {X.shape}, which has no entries to pool")
        return type(self).over(np.reshape(X, (*X.shape[:2], math.prod(X.shape[2:]))))  # type: ignore[no-any-return]


def _mean_of_all(x: Any) -> Any:
    return np.mean(x, axis=-1)


class GlobalMaxPool1D(_GlobalPool):
    """The largest entry of every channel of a signal: (B, C, L) -> (B, C). Of several, the first gets the gradient.

    Raises:
        ValueError: X is not (B, C, L) with L > 0.
        TypeError: X is not floating.
    """

    axes = 1
    over = first_max


class GlobalMaxPool2D(_GlobalPool):
    """The largest entry of every channel of an image: (B, C, H, W) -> (B, C). Of several, the first gets the gradient.

    Raises:
        ValueError: X is not (B, C, H, W) with entries.
        TypeError: X is not floating.
    """

    axes = 2
    over = first_max


class GlobalMeanPool1D(_GlobalPool):
    """The mean of every channel of a signal: (B, C, L) -> (B, C).

    Raises:
        ValueError: X is not (B, C, L) with L > 0.
        TypeError: X is not floating.
    """

    axes = 1
    over = _mean_of_all


class GlobalMeanPool2D(_GlobalPool):
    """The mean of every channel of an image: (B, C, H, W) -> (B, C) (Lin et al. 2014, "Network in network").

    Raises:
        ValueError: X is not (B, C, H, W) with entries.
        TypeError: X is not floating.
    """

    axes = 2
    over = _mean_of_all
