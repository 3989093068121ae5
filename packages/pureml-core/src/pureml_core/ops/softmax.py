"""Softmax, its logarithm and its normaliser, shifted by the maximum so that nothing overflows."""

import numpy as np

from ..op import kernel, op

__all__ = ["log_softmax", "logsumexp", "softmax"]


@op
def softmax(x, /, axis=-1):
    """yᵢ = e^xᵢ / Σⱼ e^xⱼ along `axis`."""
    y = _softmax(x, axis)
    return y, lambda g: y * (g - np.sum(g * y, axis=axis, keepdims=True))  # dL/dxᵢ = yᵢ (gᵢ - Σⱼ gⱼ yⱼ)


@kernel
def _softmax(x, axis):
    y = np.exp(x - _peak(x, axis))
    y /= np.sum(y, axis=axis, keepdims=True)
    return y


@op
def logsumexp(x, /, axis=-1, keepdims=False):
    """y = ln Σⱼ e^xⱼ along `axis`."""
    y = _logsumexp(x, axis, keepdims)

    def vjp(g):  # dL/dxᵢ = g e^(xᵢ - y)
        if keepdims:
            return g * np.exp(x - y)
        return np.expand_dims(g, axis) * np.exp(x - np.expand_dims(y, axis))

    return y, vjp


@op(definition=lambda x, axis=-1: x - logsumexp(x, axis=axis, keepdims=True))
def log_softmax(x, /, axis=-1):
    """yᵢ = xᵢ - ln Σⱼ e^xⱼ along `axis`."""
    y = x - _logsumexp(x, axis, True)
    return y, lambda g: g - np.exp(y) * np.sum(g, axis=axis, keepdims=True)  # dL/dxᵢ = gᵢ - e^yᵢ Σⱼ gⱼ


@kernel
def _logsumexp(x, axis, keepdims):
    m = _peak(x, axis)
    y = m + np.log(np.sum(np.exp(x - m), axis=axis, keepdims=True))
    return y if keepdims else np.squeeze(y, axis)


def _peak(x, axis):
    """The maximum along `axis`, 0 where it is infinite: subtracting it must not give ∞ - ∞."""
    m = np.max(x, axis=axis, keepdims=True)
    return m if np.isfinite(m).all() else np.where(np.isfinite(m), m, 0.0).astype(m.dtype)
