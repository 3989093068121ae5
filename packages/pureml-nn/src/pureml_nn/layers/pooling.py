"""Pooling: the largest entry or the mean of every window, of shares of the image, or of the whole image.

A window's maximum is the largest of its rows' maxima, its mean the mean of its rows' means: what is taken over windows
of an image is taken along one axis after the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from pureml_core import Tensor, is_grad_enabled, kernel, op, unfold

from ..layer import Layer
from .geometry import Pair, counts, margins, padded, paddings, sizes

# ---- operations, along one axis


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


# ---- layers of windows


class _Pool(Layer):
    axes: int
    along: Callable[..., Any]

    def _set(self, kernel_size: Any, stride: Any, padding: Any, dilation: Any, pad_with: float, training: bool) -> None:
        name = type(self).__name__
        self.kernel_size = sizes(name, "kernel_size", kernel_size, self.axes)
        self.stride = self.kernel_size if stride is None else sizes(name, "stride", stride, self.axes)
        self.padding = paddings(name, padding, self.axes)
        self.dilation = sizes(name, "dilation", dilation, self.axes)
        self.pad_with = float(pad_with)
        self.training = bool(training)
        if self.pad_with == -math.inf and not isinstance(self.padding, str):
            for k, p, d in zip(self.kernel_size, self.padding, self.dilation, strict=True):
                if p > d * (k - 1):
                    raise ValueError(
                        f"{name}: given padding {p} with windows of {k} and dilation {d}, so that the first holds "
                        "nothing but padding; needed padding of at most half a window"
                    )

    def forward(self, X: Tensor) -> Tensor:
        """(B, C, L) -> (B, C, L') or (B, C, H, W) -> (B, C, H', W')"""
        name = type(self).__name__
        _check_input(name, X, self.axes)
        around = margins(self.padding, X.shape[2:], self.kernel_size, self.stride, self.dilation)
        out = counts(name, X.shape[2:], around, self.kernel_size, self.stride, self.dilation)
        if self.pad_with == -math.inf:
            for n, (before, _), m, k, s, d in zip(
                X.shape[2:], around, out, self.kernel_size, self.stride, self.dilation, strict=True
            ):
                _check_windows(name, n, before, m, k, s, d)
        Y = padded(X, around, self.pad_with)
        for i in range(-1, -self.axes - 1, -1):
            if (self.kernel_size[i], self.stride[i]) != (1, 1):
                Y = type(self).along(Y, i, self.kernel_size[i], self.stride[i], self.dilation[i])
        return Y  # type: ignore[no-any-return]


def _check_input(name: str, X: Tensor, axes: int) -> None:
    if not isinstance(X, Tensor):
        raise TypeError(f"{name}: given X of type {type(X).__name__}, needed a Tensor or an array")
    if X.ndim != axes + 2:
        raise ValueError(f"{name}: given X of shape {X.shape}, needed {('(B, C, L)', '(B, C, H, W)')[axes - 1]}")
    if X.dtype.kind != "f":
        raise TypeError(f"{name}: given X of dtype {X.dtype}, needed a floating one; use X.astype(np.float32)")


def _check_windows(name: str, n: int, before: int, m: int, k: int, stride: int, dilation: int) -> None:
    """Every window must hold an entry that is no padding."""
    if (before or m * stride > n) and k > 1:
        places = np.arange(m)[:, None] * stride + np.arange(k) * dilation - before
        if not ((places >= 0) & (places < n)).any(axis=1).all():
            raise ValueError(
                f"{name}: with padding {before}, windows of {k} with stride {stride} and dilation {dilation} over {n} "
                "entries, some hold nothing but padding; needed padding of at most half a window"
            )


class _MaxPool(_Pool):
    along = max_along

    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] | None = None,
        padding: int | tuple[int, ...] | str = 0,
        dilation: int | tuple[int, ...] = 1,
        pad_with: float = -math.inf,
        *,
        training: bool = True,
    ) -> None:
        self._set(kernel_size, stride, padding, dilation, pad_with, training)


class MaxPool1D(_MaxPool):
    """The largest entry of every window: (B, C, L) -> (B, C, L'), L' = ⌊(L + 2 p - d (k - 1) - 1) / s⌋ + 1.

    Where several entries are the largest, the first of them gets the gradient.

    Args:
        kernel_size, stride, dilation: k, s and d, integers; s is k when None.
        padding: p entries on both sides, or "same" for ⌈L / s⌉ outputs, or "valid" for none.
        pad_with: the value of padded entries; at -∞ they are never the largest.

    Raises:
        ValueError: a size is out of range; X is not (B, C, L), or shorter than a window, or a window holds nothing but
            padding of -∞.
        TypeError: a size is no integer, or X is not floating.
    """

    axes = 1


class MaxPool2D(_MaxPool):
    """The largest entry of every window: (B, C, H, W) -> (B, C, H', W'), H' = ⌊(H + 2 p - d (k - 1) - 1) / s⌋ + 1.

    Where several entries are the largest, the first of them, row by row, gets the gradient.

    Args:
        kernel_size, stride, dilation: k, s and d, integers or pairs; s is k when None.
        padding: p entries on both sides, an integer or a pair, or "same" for ⌈H / s⌉ outputs, or "valid" for none.
        pad_with: the value of padded entries; at -∞ they are never the largest.

    Raises:
        ValueError: a size is out of range; X is not (B, C, H, W), or smaller than a window, or a window holds nothing
            but padding of -∞.
        TypeError: a size is neither an integer nor a pair, or X is not floating.
    """

    axes = 2


class _MeanPool(_Pool):
    along = mean_along

    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] | None = None,
        padding: int | tuple[int, ...] | str = 0,
        dilation: int | tuple[int, ...] = 1,
        pad_with: float = 0.0,
        *,
        training: bool = True,
    ) -> None:
        self._set(kernel_size, stride, padding, dilation, pad_with, training)


class MeanPool1D(_MeanPool):
    """The mean of every window, padded entries included: (B, C, L) -> (B, C, L').

    L' = ⌊(L + 2 p - d (k - 1) - 1) / s⌋ + 1.

    Args:
        kernel_size, stride, dilation: k, s and d, integers; s is k when None.
        padding: p entries on both sides, or "same" for ⌈L / s⌉ outputs, or "valid" for none.
        pad_with: the value of padded entries, which count like others.

    Raises:
        ValueError: a size is out of range; X is not (B, C, L), or shorter than a window.
        TypeError: a size is no integer, or X is not floating.
    """

    axes = 1


class MeanPool2D(_MeanPool):
    """The mean of every window, padded entries included: (B, C, H, W) -> (B, C, H', W').

    H' = ⌊(H + 2 p - d (k - 1) - 1) / s⌋ + 1.

    Args:
        kernel_size, stride, dilation: k, s and d, integers or pairs; s is k when None.
        padding: p entries on both sides, an integer or a pair, or "same" for ⌈H / s⌉ outputs, or "valid" for none.
        pad_with: the value of padded entries, which count like others.

    Raises:
        ValueError: a size is out of range; X is not (B, C, H, W), or smaller than a window.
        TypeError: a size is neither an integer nor a pair, or X is not floating.
    """

    axes = 2


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
        _check_input(name, X, self.axes)
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
        _check_input(name, X, self.axes)
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
