"""Pooling: the largest entry or the mean of every window.

A window's maximum is the largest of its rows' maxima, its mean the mean of its rows' means: what is taken over windows
of an image is taken along one axis after the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from pureml_core import Tensor

from ..layer import Layer
from .geometry import counts, margins, padded, paddings, sizes
from .windows import max_along, mean_along


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
        self._training = bool(training)
        if self.pad_with == -math.inf and not isinstance(self.padding, str):
            for k, p, d in zip(self.kernel_size, self.padding, self.dilation, strict=True):
                if p > d * (k - 1):
                    raise ValueError(
                        f"{name}: given padding {p} with windows of {k} and dilation {d}, so that the first holds "
                        f"nothing but padding; needed padding of at most {d * (k - 1)}"
                    )

    def forward(self, X: Tensor) -> Tensor:
        """(B, C, L) -> (B, C, L') or (B, C, H, W) -> (B, C, H', W')"""
        name = type(self).__name__
        check_input(name, X, self.axes)
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


def check_input(name: str, X: Tensor, axes: int) -> None:
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
                "entries, some hold nothing but padding; needed less padding"
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
