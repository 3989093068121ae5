"""Softmax, its logarithm and its normaliser, shifted by the maximum so that nothing overflows.

`axis` is one axis, several (a tuple), or all (None). Entries of -inf have probability 0. Where no entry is finite, or
one is +inf, there is no such distribution: the result is nan, of logsumexp its gradient.
"""

import numpy as np

from ..op import kernel, op
from .reduce import widen

__all__ = ["log_softmax", "logsumexp", "softmax"]


@op
def softmax(x, /, axis=-1):
    """Softmax, the distribution that is proportional to e^x along `axis`: yᵢ = e^xᵢ / Σⱼ e^xⱼ."""
    y = _softmax(x, axis)
    return y, lambda g: y * (g - _sum(g * y, axis))  # dL/dxᵢ = yᵢ (gᵢ - Σⱼ gⱼ yⱼ)


@kernel
def _softmax(x, axis):
    y = _shifted(x, axis)
    np.exp(y, out=y)
    y /= _sum(y, axis)
    return y


@op
def logsumexp(x, /, axis=-1, *, keepdims=False):
    """Logarithm of the sum of exponentials, a smooth maximum: y = ln Σⱼ e^xⱼ along `axis`; -inf for no entries."""
    y = _logsumexp(x, axis, keepdims)

    def vjp(g):  # dL/dxᵢ = g e^(xᵢ - y)
        with np.errstate(invalid="ignore"):  # ∞ - ∞
            return widen(g, axis, keepdims) * np.exp(x - widen(y, axis, keepdims))

    return y, vjp


@op(definition=lambda x, axis=-1: x - logsumexp(x, axis=axis, keepdims=True))
def log_softmax(x, /, axis=-1):
    """Logarithm of softmax, precise where softmax itself is nearly 0: yᵢ = xᵢ - ln Σⱼ e^xⱼ along `axis`."""
    y = _shifted(x, axis)
    with np.errstate(divide="ignore"):  # ln 0 for no entries
        y -= np.log(_sum(np.exp(y), axis))

    def vjp(g):  # dL/dxᵢ = gᵢ - e^yᵢ Σⱼ gⱼ
        dx = np.exp(y)
        dx *= -_sum(g, axis)
        dx += g
        return dx

    return y, vjp


@kernel
def _logsumexp(x, axis, keepdims):
    m = _maximum(_floating(x), axis)
    m = np.where(np.isfinite(m), m, 0)  # no ∞ - ∞
    y = np.asarray(x - m)
    with np.errstate(over="ignore", divide="ignore"):  # e^∞ beside others, ln 0 = -∞
        y = m + np.log(_sum(np.exp(y, out=y), axis))
    return y if keepdims else np.squeeze(y, axis)


def _shifted(x, axis):
    """x minus its maximum, as an array of its own."""
    x = _floating(x)
    return np.asarray(x - _maximum(x, axis))


def _floating(x):
    x = np.asarray(x)
    return x if x.dtype.kind in "fc" else x.astype(np.float64)


# NumPy reduces short last axes entry by entry. For up to about this length other ways are several times faster.
SHORT = 32


def _maximum(x, axis):
    """The largest value along `axis`, which is kept with size 1; -inf for no values."""
    if _is_short(x, axis):
        return np.max(np.ascontiguousarray(np.moveaxis(x, -1, 0)), axis=0)[..., None]
    return np.max(x, axis=axis, keepdims=True, initial=-np.inf)


def _sum(x, axis):
    """The sum along `axis`, which is kept with size 1."""
    if _is_short(x, axis):
        return np.einsum("...i->...", x)[..., None]
    return np.sum(x, axis=axis, keepdims=True)


def _is_short(x, axis):
    return x.ndim > 1 and axis in (-1, x.ndim - 1) and 0 < x.shape[-1] <= SHORT
