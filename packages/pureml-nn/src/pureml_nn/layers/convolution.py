"""Convolution over signals and images, and its transpose."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from pureml_core import Parameter, Tensor, draw_seed, generator

from .. import init
from ..layer import Layer
from .conv2d import applied, conv2d, conv_transpose2d
from .geometry import Ints, counts, margins, padded, paddings, sizes


class _Convolution(Layer):
    """What convolutions of one and two axes, and their transposes, have in common."""

    drawn_by = Layer.drawn_by | {"nonlinearity"}
    axes: int
    transposed = False

    def _set(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        dilation: Any,
        use_bias: bool,
        W: Any,
        b: Any,
        groups: int,
        method: Any,
        nonlinearity: str,
        training: bool,
        seed: int | None,
    ) -> None:
        name = type(self).__name__
        self.in_channels, self.out_channels, self.groups = init.positive_sizes(
            name, in_channels=in_channels, out_channels=out_channels, groups=groups
        )
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise ValueError(
                f"{name}: given in_channels={in_channels}, out_channels={out_channels} and groups={groups}, needed "
                "groups that divide both"
            )
        self.kernel_size = sizes(name, "kernel_size", kernel_size, self.axes)
        self.stride = sizes(name, "stride", stride, self.axes)
        self.dilation = sizes(name, "dilation", dilation, self.axes)
        if b is not None and not use_bias:
            raise ValueError(f"{name}: given b together with use_bias=False; leave one of them out")
        self.use_bias = bool(use_bias)
        self.method, self.nonlinearity = method, nonlinearity
        self.seed = draw_seed(seed)
        self._training = bool(training)

        here, there = self.in_channels // self.groups, self.out_channels // self.groups
        entries = math.prod(self.kernel_size)
        shape = (*((self.in_channels, there) if self.transposed else (self.out_channels, here)), *self.kernel_size)
        self._check_shape("W", W, shape)
        self._check_shape("b", b, (self.out_channels,))
        draw = init.by_name(method)
        gain = init.calculate_gain(nonlinearity)
        rectifiers = (init.he_normal, init.he_uniform)
        self.W = Parameter.given(
            W,
            shape,
            lambda: init.draw(
                method,
                shape,
                here * entries,
                there * entries,
                generator(self.seed),
                gain if draw in rectifiers else None,
            ),
        )
        zeros = Parameter(np.zeros(self.out_channels), self.W.dtype)
        self.b = Parameter.given(zeros if b is None else b, zeros.shape, lambda: zeros) if use_bias else None

    def _check_shape(self, what: str, value: Any, needed: Ints) -> None:
        shape = needed if value is None else np.shape(value)
        if shape != needed:
            same = math.prod(shape) == math.prod(needed) and shape[:1] == needed[:1]
            hint = f"; give {what}.reshape{needed}" if same else ""
            raise ValueError(f"{type(self).__name__}: given {what} of shape {shape}, needed {needed}{hint}")

    def _images(self, X: Tensor) -> Any:
        """X checked, in the precision of W, and as images: signals get an axis of size 1."""
        name, axes = type(self).__name__, ("L", "H, W")[self.axes - 1]
        if not isinstance(X, Tensor):
            raise TypeError(f"{name}: given X of type {type(X).__name__}, needed a Tensor or an array")
        if X.ndim != self.axes + 2 or X.shape[1] != self.in_channels:
            hint = "; X[:, None] gives it an axis of one channel" if X.ndim == self.axes + 1 else ""
            raise ValueError(
                f"{name}: given X of shape {X.shape}, needed (B, {self.in_channels}, {axes}): in_channels is the "
                f"second axis{hint}"
            )
        if X.dtype.kind not in "fiub":
            raise TypeError(f"{name}: given X of dtype {X.dtype}, needed real numbers")
        return X if X.dtype is self.W.dtype else X.astype(self.W.dtype)


class _Forward(_Convolution):
    def forward(self, X: Tensor) -> Any:
        """(B, C, L) -> (B, O, L') or (B, C, H, W) -> (B, O, H', W')"""
        X = self._images(X)
        around = margins(self.padding, X.shape[2:], self.kernel_size, self.stride, self.dilation)
        counts(type(self).__name__, X.shape[2:], around, self.kernel_size, self.stride, self.dilation)
        if self.pad_with:
            X, around = padded(X, around, self.pad_with), ((0, 0),) * self.axes
        return applied(
            conv2d, X, self.W, self.b, self.groups, stride=self.stride, padding=around, dilation=self.dilation
        )

    padding: Ints | str
    pad_with: float


class Conv1D(_Forward):
    """Y[b, o, t] = Σ X[b, c, t s + i d] W[o, c, i] + b[o]: filters that slide over signals.

    (B, C, L) -> (B, O, L'), L' = ⌊(L + 2 p - d (k - 1) - 1) / s⌋ + 1. It is a cross-correlation, as everywhere in the
    field: the filter is not turned round (LeCun et al. 1989).

    Args:
        in_channels, out_channels: C and O.
        kernel_size, stride, dilation: k, s and d, integers.
        padding: p entries on both sides, or "same" for ⌈L / s⌉ outputs, or "valid" for none.
        use_bias: whether there is a b.
        pad_with: the value of padded entries.
        W, b: initial values of shape (O, C / groups, k) and (O,). Arrays are copied and keep their dtype; a
            Parameter is used as it is.
        groups: of channels, each convolved by itself; in_channels for one filter (or several) a channel.
        method: how W is drawn, see `init`; the kaiming ones multiply by the gain of `nonlinearity`. b starts at zero.
        seed: of the draw; None draws one.

    Raises:
        ValueError: a size is out of range, `groups` does not divide the channels, W or b has another shape; X is not
            (B, C, L), or shorter than the filter.
        TypeError: a size is no integer.
    """

    axes = 1

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Ints = 1,
        stride: int | Ints = 1,
        padding: int | Ints | str = 0,
        dilation: int | Ints = 1,
        use_bias: bool = True,
        pad_with: float = 0.0,
        W: Any = None,
        b: Any = None,
        *,
        groups: int = 1,
        method: Any = "kaiming-normal",
        nonlinearity: str = "relu",
        training: bool = True,
        seed: int | None = None,
    ) -> None:
        self.padding, self.pad_with = paddings("Conv1D", padding, 1), float(pad_with)
        self._set(
            in_channels, out_channels, kernel_size, stride, dilation, use_bias, W, b, groups, method, nonlinearity,
            training, seed,
        )  # fmt: skip


class Conv2D(_Forward):
    """Y[b, o, h, w] = Σ X[b, c, h s + i d, w s + j d] W[o, c, i, j] + b[o]: filters that slide over images.

    (B, C, H, W) -> (B, O, H', W'), H' = ⌊(H + 2 p - d (k - 1) - 1) / s⌋ + 1. It is a cross-correlation, as everywhere
    in the field: the filter is not turned round (LeCun et al. 1989).

    Args:
        in_channels, out_channels: C and O.
        kernel_size, stride, dilation: k, s and d, integers or pairs.
        padding: p entries on both sides, an integer or a pair, or "same" for ⌈H / s⌉ outputs, or "valid" for none.
        use_bias: whether there is a b.
        pad_with: the value of padded entries.
        W, b: initial values of shape (O, C / groups, kH, kW) and (O,). Arrays are copied and keep their dtype; a
            Parameter is used as it is.
        groups: of channels, each convolved by itself; in_channels for one filter (or several) a channel.
        method: how W is drawn, see `init`; the kaiming ones multiply by the gain of `nonlinearity`. b starts at zero.
        seed: of the draw; None draws one.

    Raises:
        ValueError: a size is out of range, `groups` does not divide the channels, W or b has another shape; X is not
            (B, C, H, W), or smaller than the filter.
        TypeError: a size is neither an integer nor a pair.
    """

    axes = 2

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Ints,
        stride: int | Ints = 1,
        padding: int | Ints | str = 0,
        dilation: int | Ints = 1,
        use_bias: bool = True,
        pad_with: float = 0.0,
        W: Any = None,
        b: Any = None,
        *,
        groups: int = 1,
        method: Any = "kaiming-normal",
        nonlinearity: str = "relu",
        training: bool = True,
        seed: int | None = None,
    ) -> None:
        self.padding, self.pad_with = paddings("Conv2D", padding, 2), float(pad_with)
        self._set(
            in_channels, out_channels, kernel_size, stride, dilation, use_bias, W, b, groups, method, nonlinearity,
            training, seed,
        )  # fmt: skip


class _Transposed(_Convolution):
    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Ints,
        stride: int | Ints = 1,
        padding: int | Ints = 0,
        output_padding: int | Ints = 0,
        dilation: int | Ints = 1,
        use_bias: bool = True,
        W: Any = None,
        b: Any = None,
        *,
        groups: int = 1,
        method: Any = "kaiming-normal",
        nonlinearity: str = "relu",
        training: bool = True,
        seed: int | None = None,
    ) -> None:
        name = type(self).__name__
        self.padding = sizes(name, "padding", padding, self.axes, least=0)
        self.output_padding = sizes(name, "output_padding", output_padding, self.axes, least=0)
        self._set(
            in_channels, out_channels, kernel_size, stride, dilation, use_bias, W, b, groups, method, nonlinearity,
            training, seed,
        )  # fmt: skip
        for extra, s, d in zip(self.output_padding, self.stride, self.dilation, strict=True):
            if extra >= max(s, d):
                raise ValueError(
                    f"{name}: given output_padding={output_padding} with stride {s} and dilation {d}, needed less than "
                    "one of them"
                )

    def forward(self, X: Tensor) -> Any:
        """(B, C, L) -> (B, O, L') or (B, C, H, W) -> (B, O, H', W')"""
        X = self._images(X)
        around = tuple((p, p) for p in self.padding)
        for n, k, s, p, extra, d in zip(
            X.shape[2:], self.kernel_size, self.stride, self.padding, self.output_padding, self.dilation, strict=True
        ):
            if n < 1 or (n - 1) * s - 2 * p + d * (k - 1) + 1 + extra < 1:
                raise ValueError(
                    f"{type(self).__name__}: given X of shape {X.shape}, of which padding {self.padding} leaves nothing"
                )
        return applied(
            conv_transpose2d,
            X,
            self.W,
            self.b,
            self.groups,
            stride=self.stride,
            padding=around,
            output_padding=self.output_padding,
            dilation=self.dilation,
        )


class ConvTranspose1D(_Transposed):
    """Y[b, o, t s + i d] += X[b, c, t] W[c, o, i], plus b[o]: every entry writes a filter into a longer signal.

    The transpose of the linear map of `Conv1D` (Zeiler et al. 2010, "deconvolution"), which undoes what that does to
    the shape: (B, C, L) -> (B, O, L'), L' = (L - 1) s - 2 p + d (k - 1) + 1 + output_padding.

    Args:
        in_channels, out_channels: C and O.
        kernel_size, stride, dilation: k, s and d, integers.
        padding: p entries are cut off on both sides.
        output_padding: entries added at the end, fewer than s or d: strided convolutions take several lengths to one.
        use_bias: whether there is a b.
        W, b: initial values of shape (C, O / groups, k) and (O,), as for `Conv1D`.
        groups, method, nonlinearity, seed: as for `Conv1D`; the fan-in is C / groups · k.

    Raises:
        ValueError: a size is out of range, `groups` does not divide the channels, W or b has another shape; X is not
            (B, C, L), or the padding leaves nothing of it.
        TypeError: a size is no integer.
    """

    axes = 1


class ConvTranspose2D(_Transposed):
    """Y[b, o, h s + i d, w s + j d] += X[b, c, h, w] W[c, o, i, j], plus b[o]: every entry writes a filter.

    The transpose of the linear map of `Conv2D` (Zeiler et al. 2010, "deconvolution"), which undoes what that does to
    the shape: (B, C, H, W) -> (B, O, H', W'), H' = (H - 1) s - 2 p + d (k - 1) + 1 + output_padding.

    Args:
        in_channels, out_channels: C and O.
        kernel_size, stride, dilation: k, s and d, integers or pairs.
        padding: p entries are cut off on both sides, an integer or a pair.
        output_padding: entries added at the end, fewer than s or d: strided convolutions take several sizes to one.
        use_bias: whether there is a b.
        W, b: initial values of shape (C, O / groups, kH, kW) and (O,), as for `Conv2D`.
        groups, method, nonlinearity, seed: as for `Conv2D`; the fan-in is C / groups · kH · kW.

    Raises:
        ValueError: a size is out of range, `groups` does not divide the channels, W or b has another shape; X is not
            (B, C, H, W), or the padding leaves nothing of it.
        TypeError: a size is neither an integer nor a pair.
    """

    axes = 2
