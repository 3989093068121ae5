"""The operations behind convolution: conv2d and its transpose, over images; `applied` makes images of signals.

Each names its plain formula as its definition. How they are computed, and their gradients, is in `columns`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pureml_core import fold, op, unfold

from .columns import Plan, convolved, input_gradient, weight_gradient
from .geometry import Ints, Pair, counts, padded

ONE = (1, 1)
NO_PADDING = ((0, 0), (0, 0))


def _conv2d(
    x: Any,
    w: Any,
    b: Any = None,
    /,
    stride: Ints = ONE,
    padding: tuple[Pair, ...] = NO_PADDING,
    dilation: Ints = ONE,
    groups: int = 1,
) -> Any:
    x = unfold(padded(x, padding, 0), w.shape[2:], stride, dilation)
    x = np.reshape(x, (len(x), groups, x.shape[1] // groups, *x.shape[2:]))
    w = np.reshape(w, (groups, len(w) // groups, *w.shape[1:]))
    y = np.einsum("bgchwij,gocij->bgohw", x, w)
    y = np.reshape(y, (len(y), y.shape[1] * y.shape[2], *y.shape[3:]))
    return y if b is None else y + np.reshape(b, (-1, 1, 1))


@op(definition=_conv2d)
def conv2d(
    x: Any,
    w: Any,
    b: Any = None,
    /,
    stride: Ints = ONE,
    padding: tuple[Pair, ...] = NO_PADDING,
    dilation: Ints = ONE,
    groups: int = 1,
) -> Any:
    """Y[b, o, h, w] = Σ X[b, c, h s + i d, w s + j d] W[o, c, i, j] + b[o] over channels c and places i, j.

    (B, C, H, W) with (O, C/groups, kH, kW) gives (B, O, H', W'). See `columns` for how.
    """
    channels = x.shape[1]
    plan = _plan(x.shape[2:], w.shape[2:], stride, padding, dilation, groups)
    return (
        convolved(x, w, b, plan),
        lambda g: input_gradient(g, w, channels, plan),
        lambda g: weight_gradient(x, g, w.shape, plan),
        _sum_of_channels,
    )


def _conv_transpose2d(
    x: Any,
    w: Any,
    b: Any = None,
    /,
    stride: Ints = ONE,
    padding: tuple[Pair, ...] = NO_PADDING,
    output_padding: Ints = (0, 0),
    dilation: Ints = ONE,
    groups: int = 1,
) -> Any:
    x = np.reshape(x, (len(x), groups, x.shape[1] // groups, *x.shape[2:]))
    w = np.reshape(w, (groups, len(w) // groups, *w.shape[1:]))
    y = np.einsum("bgohw,gocij->bgchwij", x, w)
    y = np.reshape(y, (len(y), y.shape[1] * y.shape[2], *y.shape[3:]))
    whole = _transposed_size(x.shape[3:], w.shape[3:], stride, NO_PADDING, (0, 0), dilation)
    y = fold(y, (*y.shape[:2], *whole), w.shape[3:], stride, dilation)
    y = padded(y, ((0, output_padding[0]), (0, output_padding[1])), 0)
    (top, bottom), (left, right) = padding
    y = y[:, :, top : y.shape[2] - bottom, left : y.shape[3] - right]
    return y if b is None else y + np.reshape(b, (-1, 1, 1))


@op(definition=_conv_transpose2d)
def conv_transpose2d(
    x: Any,
    w: Any,
    b: Any = None,
    /,
    stride: Ints = ONE,
    padding: tuple[Pair, ...] = NO_PADDING,
    output_padding: Ints = (0, 0),
    dilation: Ints = ONE,
    groups: int = 1,
) -> Any:
    """Y[b, o, h s + i d, w s + j d] += X[b, c, h, w] W[c, o, i, j]; what is a convolution's gradient by its input.

    (B, C, H, W) with (C, O/groups, kH, kW) gives (B, O, H', W').
    """
    out = _transposed_size(x.shape[2:], w.shape[2:], stride, padding, output_padding, dilation)
    plan = _plan(out, w.shape[2:], stride, padding, dilation, groups, x.shape[2:])
    y = input_gradient(x, w, w.shape[1] * groups, plan)
    if b is not None:
        y += b[:, None, None]
    return (
        y,
        lambda g: convolved(g, w, None, plan),
        lambda g: weight_gradient(g, x, w.shape, plan),  # the roles of x and g are those of g and x above
        _sum_of_channels,
    )


def _plan(
    image: Ints,
    kernel: Ints,
    stride: Ints,
    padding: tuple[Pair, ...],
    dilation: Ints,
    groups: int,
    out: Ints | None = None,
) -> Plan:
    out = counts("conv2d", image, padding, kernel, stride, dilation) if out is None else out
    return Plan.of(image, kernel, stride, padding, dilation, groups, out)


def _transposed_size(
    image: Ints, kernel: Ints, stride: Ints, padding: tuple[Pair, ...], output_padding: Ints, dilation: Ints
) -> Ints:
    """(n - 1) stride - padding + dilation (k - 1) + 1 + output padding along each axis."""
    return tuple(
        (n - 1) * s - before - after + d * (k - 1) + 1 + extra
        for n, k, s, (before, after), extra, d in zip(
            image, kernel, stride, padding, output_padding, dilation, strict=True
        )
    )


def _sum_of_channels(g: Any) -> Any:
    """dL/db = Σ g of every channel: (B, O, H, W) -> (O,)"""
    places = g.shape[2] * g.shape[3]
    return np.sum(np.matmul(np.reshape(g, (*g.shape[:2], places)), np.ones(places, g.dtype)), axis=0)


def applied(f: Any, X: Any, W: Any, b: Any, groups: int, **settings: Any) -> Any:
    """A convolution of images; or of signals, which are images of width 1."""
    if X.ndim == 4:
        return f(X, W, b, **settings, groups=groups)
    neutral = {"stride": 1, "padding": (0, 0), "output_padding": 0, "dilation": 1}
    settings = {name: (*value, neutral[name]) for name, value in settings.items()}
    return f(X[..., None], W[..., None], b, **settings, groups=groups)[..., 0]
