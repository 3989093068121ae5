"""Sums and products of everything up to each entry, along one axis or the flattened array (None)."""

import numpy as np

from ..op import kernel, op
from ..registry import composed
from .joining import concatenate
from .reduce import before, cut, divides
from .shape import reshape

__all__ = ["cumprod", "cumsum", "cumulative_prod", "cumulative_sum", "logcumsumexp"]


@op(numpy=np.cumsum, linear=True)
def cumsum(x, /, axis=None):
    """Cumulative sum along `axis`: yᵢ = Σⱼ xⱼ, j ≤ i."""
    shape = np.shape(x)

    def vjp(g):  # dL/dxⱼ = Σᵢ gᵢ, i ≥ j: the cumulative sum from the end
        return np.reshape(_sum_from_the_end(g, axis or 0), shape)

    return np.cumsum(x, axis=axis), vjp


def _sum_from_the_end(g, axis):
    return np.flip(np.cumsum(np.flip(g, axis), axis=axis), axis)


@op(numpy=np.cumprod)
def cumprod(x, /, axis=None):
    """Cumulative product along `axis`: yᵢ = Πⱼ xⱼ, j ≤ i."""
    y = np.cumprod(x, axis=axis)

    def vjp(g):
        factors, along = np.reshape(x, y.shape), (axis or 0) % y.ndim
        if divides(y):  # dL/dxⱼ = Σᵢ gᵢ yᵢ / xⱼ, i ≥ j
            dx = _sum_from_the_end(g * y, along) / factors
        else:  # dL/dxⱼ = (x₀ ... xⱼ₋₁) sⱼ with sⱼ = gⱼ + xⱼ₊₁ sⱼ₊₁
            dx = before(factors, along) * _recurrence_from_the_end(factors, g, along)
        return np.reshape(dx, np.shape(x))

    return y, vjp


@op
def logcumsumexp(x, /, axis=None):
    """Logarithm of the cumulative sum of exponentials along `axis`: yᵢ = ln Σⱼ e^xⱼ, j ≤ i, without overflow."""
    y = _logcumsumexp(x, axis)

    def vjp(g):  # dL/dxⱼ = Σᵢ gᵢ e^(xⱼ - yᵢ), i ≥ j. That is e^(xⱼ - yⱼ) sⱼ with sⱼ = gⱼ + e^(yⱼ - yⱼ₊₁) sⱼ₊₁
        along = (axis or 0) % y.ndim
        earlier = np.concatenate([cut(y, along, 0, 1), cut(y, along, None, -1)], axis=along)
        with np.errstate(invalid="ignore"):  # inf - inf
            a = np.where(earlier == y, 1, np.exp(earlier - y))
            dx = np.exp(np.reshape(x, y.shape) - y) * _recurrence_from_the_end(a, g, along)
        return np.reshape(dx, np.shape(x))

    return y, vjp


@kernel
def _logcumsumexp(x, axis):
    return np.logaddexp.accumulate(np.ravel(x) if axis is None else x, axis=axis or 0)


@op
def linear_recurrence(a, b, /):
    """Along the first axis yₜ = aₜ yₜ₋₁ + bₜ, from y₋₁ = 0. a and b have the same shape; a₀ does not matter."""
    y = _linear_recurrence(a, b)
    return (
        y,
        lambda g: _recurrence_from_the_end(a, g, 0) * np.concatenate([np.zeros_like(y[:1]), y[:-1]]),  # sₜ yₜ₋₁
        lambda g: _recurrence_from_the_end(a, g, 0),  # dL/dbₜ = sₜ = gₜ + aₜ₊₁ sₜ₊₁
    )


@kernel
def _linear_recurrence(a, b):
    y = np.array(b, np.result_type(a, b))
    for t in range(1, len(y)):
        y[t] += a[t] * y[t - 1]
    return y


def _recurrence_from_the_end(a, b, axis):
    """sₜ = aₜ₊₁ sₜ₊₁ + bₜ along `axis`."""
    a, b = np.moveaxis(a, axis, 0), np.moveaxis(b, axis, 0)
    s = linear_recurrence(np.concatenate([a[:1], a[:0:-1]]), np.flip(b, 0))
    return np.moveaxis(np.flip(s, 0), 0, axis)


# ---- the names of the Array API standard


@composed(*([np.cumulative_sum] if hasattr(np, "cumulative_sum") else []))
def cumulative_sum(x, /, *, axis=None, include_initial=False):
    """Cumulative sum along `axis`, which may be None for one axis only; starting with 0 if `include_initial`."""
    return _cumulative(cumsum, 0, "cumulative_sum", x, axis, include_initial)


@composed(*([np.cumulative_prod] if hasattr(np, "cumulative_prod") else []))
def cumulative_prod(x, /, *, axis=None, include_initial=False):
    """Cumulative product along `axis`, which may be None for one axis only; starting with 1 if `include_initial`."""
    return _cumulative(cumprod, 1, "cumulative_prod", x, axis, include_initial)


def _cumulative(f, initial, name, x, axis, include_initial):
    shape = np.shape(x) or (1,)
    if axis is None:
        if len(shape) != 1:
            raise ValueError(f"{name}: given {len(shape)} axes and axis=None; needed an axis when there are several")
        axis = 0
    y = f(reshape(x, shape), axis=axis)
    if not include_initial:
        return y
    axis %= len(shape)
    start = np.full((*shape[:axis], 1, *shape[axis + 1 :]), initial, y.dtype)
    return concatenate(start, y, axis=axis)
