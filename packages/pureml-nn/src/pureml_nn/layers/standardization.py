"""The operations behind normalisation, one node each: layer_norm, rms_norm, batch_norm and channelwise.

They work on blocks of rows or examples, whose intermediate values stay in the processor's cache, and take two passes
over each for the variance, so that a large mean costs no digits. Each names its plain formula as its definition.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from pureml_core import op

BLOCK = 65536  # entries of a block


# ---- within each example, over the last axes


def _layer_norm(x: Any, gamma: Any = None, beta: Any = None, /, axes: int = 1, eps: float = 1e-5) -> Any:
    over = tuple(range(-axes, 0))
    x = x - np.mean(x, axis=over, keepdims=True)
    return _scaled(x / np.sqrt(np.mean(x * x, axis=over, keepdims=True) + eps), gamma, beta)


@op(definition=_layer_norm)
def layer_norm(x: Any, gamma: Any = None, beta: Any = None, /, axes: int = 1, eps: float = 1e-5) -> Any:
    """y = γ (x - μ) / √(σ² + ε) + β with the mean μ and the variance σ² (divided by N) over the last `axes` axes."""
    return _over_rows(x, gamma, beta, axes, eps, centred=True)


def _rms_norm(x: Any, gamma: Any = None, /, axes: int = 1, eps: float = 1e-5) -> Any:
    return _scaled(x / np.sqrt(np.mean(x * x, axis=tuple(range(-axes, 0)), keepdims=True) + eps), gamma, None)


@op(definition=_rms_norm)
def rms_norm(x: Any, gamma: Any = None, /, axes: int = 1, eps: float = 1e-5) -> Any:
    """y = γ x / √(mean of x² + ε), the mean over the last `axes` axes."""
    return _over_rows(x, gamma, None, axes, eps, centred=False)[:3]


def _scaled(x: Any, gamma: Any, beta: Any) -> Any:
    x = x if gamma is None else x * gamma
    return x if beta is None else x + beta


def _over_rows(x: Any, gamma: Any, beta: Any, axes: int, eps: float, *, centred: bool) -> Any:
    """The value of layer_norm or rms_norm, and the VJPs of x, γ and β. They keep x̂ and 1/σ."""
    shape = np.shape(x)
    kept = shape[len(shape) - axes :]
    N = math.prod(kept)
    x = np.reshape(x, (math.prod(shape[: len(shape) - axes]), N))
    w, b = (None if v is None else np.reshape(v, N) for v in (gamma, beta))
    mean = np.full(N, 1 / max(1, N), x.dtype)  # as a product, a sum along rows is several times faster
    x_hat, r = np.empty(x.shape, x.dtype), np.empty((len(x), 1), x.dtype)
    value = np.empty(shape, x.dtype)
    y = np.reshape(value, x.shape)
    for rows in _blocks(x):
        d = np.subtract(x[rows], (x[rows] @ mean)[:, None], out=x_hat[rows]) if centred else x[rows]
        r[rows] = 1 / np.sqrt(np.vecdot(d, d) / max(1, N) + eps)[:, None]  # 1 / σ
        d = np.multiply(d, r[rows], out=x_hat[rows])
        d = np.multiply(d, 1 if w is None else w, out=y[rows])
        if b is not None:
            d += b
    handed: list[Any] = []  # g and Σ g x̂, from the VJP of x to that of γ

    def vjp_x(g: Any) -> Any:  # dx = (γg - mean(γg) - x̂ mean(γg x̂)) / σ, without mean(γg) if x is not centred
        G = np.reshape(g, x_hat.shape)
        weights = mean if w is None else mean * w
        dx, total = np.empty(shape, x_hat.dtype), np.zeros(N, x_hat.dtype)
        out = np.reshape(dx, x_hat.shape)
        for rows in _blocks(out):
            products = G[rows] * x_hat[rows]
            total += _sum_of_rows(products)
            d = np.multiply(x_hat[rows], -(products @ weights)[:, None], out=out[rows])
            d += G[rows] if w is None else np.multiply(G[rows], w, out=products)
            if centred:
                d -= (G[rows] @ weights)[:, None]
            d *= r[rows]
        handed[:] = g, total
        return dx

    def vjp_gamma(g: Any) -> Any:  # dγ = Σ g x̂
        total = handed[1] if handed and handed[0] is g else _sum_of_rows(np.reshape(g, x_hat.shape) * x_hat)
        handed.clear()
        return np.reshape(total, kept)

    return (
        value,
        vjp_x,
        vjp_gamma,
        lambda g: np.reshape(_sum_of_rows(np.reshape(g, x_hat.shape)), kept),  # dβ = Σ g
    )


def _sum_of_rows(x: Any) -> Any:
    return np.ones(len(x), x.dtype) @ x


# ---- over a batch, for each channel: axis 1 of (B, C, ...)


def _batch_norm(x: Any, gamma: Any, beta: Any, /, eps: float = 1e-5) -> Any:
    over = (0, *range(2, x.ndim))
    mean = np.mean(x, axis=over)
    d = x - _per_channel(mean, x)
    variance = np.mean(d * d, axis=over)
    return _channelwise(d, None, gamma / np.sqrt(variance + eps), beta), mean, variance


@op(definition=_batch_norm)
def batch_norm(x: Any, gamma: Any, beta: Any, /, eps: float = 1e-5) -> Any:
    """(y, μ, σ²): y = γ (x - μ) / √(σ² + ε) + β with mean μ and variance σ² (divided by n) of each channel."""
    shape = np.shape(x)
    x = _channels(x)
    n = x.size // x.shape[1]
    mean = _sum_of_channels(x) / n
    variance = _products_of_channels(x, mean, x, mean) / n
    r = 1 / np.sqrt(variance + eps)  # 1 / σ
    handed: list[Any] = []  # g and Σ g x̂, from the VJP of x to that of γ

    def vjp_x(g: Any, g_mean: Any, g_variance: Any) -> Any:
        # dx = γ/σ (g - mean(g) - x̂ mean(g x̂)), and what flows through μ and σ² as values: g_μ/n + g_σ² 2 (x - μ)/n
        products = _products_of_channels(x, mean, _channels(g), None) * r
        handed[:] = g, products
        scale = gamma * r
        slope = (2 * g_variance - scale * r * products) / n
        shift = (g_mean - scale * _sum_of_channels(_channels(g))) / n
        return _affine(x, shape, mean, slope, shift, _channels(g), scale)

    def vjp_gamma(g: Any, *_: Any) -> Any:  # dγ = Σ g x̂
        products = handed[1] if handed and handed[0] is g else _products_of_channels(x, mean, _channels(g), None) * r
        handed.clear()
        return products

    return (
        (_affine(x, shape, mean, gamma * r, beta), mean, variance),
        vjp_x,
        vjp_gamma,
        lambda g, *_: _sum_of_channels(_channels(g)),  # dβ = Σ g
    )


def _channelwise(x: Any, mean: Any, scale: Any, shift: Any, /) -> Any:
    x = x if mean is None else x - _per_channel(mean, x)
    return x * _per_channel(scale, x) + _per_channel(shift, x)


@op(definition=_channelwise)
def channelwise(x: Any, mean: Any, scale: Any, shift: Any, /) -> Any:
    """y = (x - mean) · scale + shift with a mean (or None), scale and shift for each channel, axis 1 of x."""
    shape = np.shape(x)
    x = _channels(x)
    return (
        _affine(x, shape, mean, scale, shift),
        lambda g: _affine(_channels(g), shape, None, scale, None),  # dx = g scale
        lambda g: _sum_of_channels(_channels(g)) * -scale,
        lambda g: _products_of_channels(x, mean, _channels(g), None),  # dscale = Σ g (x - mean)
        lambda g: _sum_of_channels(_channels(g)),
    )


def _per_channel(v: Any, x: Any) -> Any:
    """(C,) -> (C, 1, ...), to go with x of shape (B, C, ...)"""
    return np.reshape(v, (-1, *[1] * (x.ndim - 2)))


def _channels(x: Any) -> Any:
    """(B, C, ...) -> (B, C, L), contiguous; (B, C) stays."""
    return np.ascontiguousarray(x if x.ndim == 2 else np.reshape(x, (*x.shape[:2], math.prod(x.shape[2:]))))


def _blocks(x: Any) -> Any:
    """Slices of the batch whose intermediate values stay in the cache."""
    step = max(1, BLOCK // max(1, x[:1].size))
    return [slice(i, i + step) for i in range(0, len(x), step)]


def _affine(x: Any, shape: Any, mean: Any, scale: Any, shift: Any, g: Any = None, g_scale: Any = None) -> Any:
    """(x - mean) · scale + shift, plus g · g_scale if there is a g, in `shape`."""
    mean, scale, shift, g_scale = (None if v is None else _per_channel(v, x) for v in (mean, scale, shift, g_scale))
    y = np.empty(shape, x.dtype)
    out = np.reshape(y, x.shape)
    for block in _blocks(x):
        part = out[block]
        np.multiply(x[block] if mean is None else np.subtract(x[block], mean, out=part), scale, out=part)
        if shift is not None:
            part += shift
        if g is not None:
            part += g[block] * g_scale
    return y


def _sum_of_channels(x: Any) -> Any:
    """(B, C, L) or (B, C) -> (C,)"""
    return _sum_of_rows(x if x.ndim == 2 else x @ np.ones(x.shape[2], x.dtype))


def _products_of_channels(x: Any, mean: Any, g: Any, g_mean: Any) -> Any:
    """Σ (x - mean) (g - g_mean) of each channel: (C,)"""
    total = np.zeros(x.shape[1], x.dtype)
    if mean is not None:
        mean = _per_channel(mean, x)
    for block in _blocks(x):
        d = x[block] if mean is None else x[block] - mean
        e = g[block] if g_mean is None else d
        total += np.einsum("bc,bc->c", d, e) if x.ndim == 2 else _sum_of_rows(np.vecdot(d, e))
    return total
