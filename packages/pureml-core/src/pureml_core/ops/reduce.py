"""Reductions over one axis, several (a tuple), or all (None)."""

import math

import numpy as np

from ..op import op
from ..registry import composed

__all__ = ["amax", "amin", "max", "mean", "min", "prod", "ptp", "std", "sum", "var"]


def widen(g, axis, keepdims):
    """Give a reduced gradient its axes of size 1 back, so that it broadcasts against the input."""
    return g if keepdims or axis is None else np.expand_dims(g, axis)


def axes_of(shape, axis):
    """The reduced axes as a list of integers from 0. A 0-d array has none, whatever `axis` says."""
    if axis is None or not shape:
        return list(range(len(shape)))
    return [i % len(shape) for i in (axis if isinstance(axis, tuple | list) else (axis,))]


def count(shape, axis):
    """How many entries are reduced into one."""
    return math.prod(shape[i] for i in axes_of(shape, axis))


# ---- sums and means


@op(numpy=np.sum, linear=True)
def sum(x, /, axis=None, *, keepdims=False):
    """Sum over `axis`: y = Σᵢ xᵢ."""
    shape = np.shape(x)

    def vjp(g):  # every summed entry receives the same g
        return np.broadcast_to(widen(g, axis, keepdims), shape) if shape else g

    return np.sum(x, axis=axis, keepdims=keepdims), vjp


@op(numpy=np.mean, linear=True)
def mean(x, /, axis=None, *, keepdims=False):
    """Arithmetic mean over `axis`: y = Σᵢ xᵢ / n."""
    shape = np.shape(x)
    y = np.mean(x, axis=axis, keepdims=keepdims)

    def vjp(g):  # each of the n averaged entries receives g / n
        n = count(shape, axis) or 1
        return np.broadcast_to(widen(g, axis, keepdims) / n, shape)

    return y, vjp


# ---- variance: the mean squared distance from the mean


@op(numpy=np.var)
def var(x, /, axis=None, *, ddof=0, keepdims=False, correction=None):
    """Variance over `axis`: y = Σᵢ |xᵢ - μ|² / (n - ddof), where μ is the mean.

    Args:
        ddof: 1 makes the variance of a sample an unbiased estimate of the population's.
        correction: another name of `ddof`; one of the two at most is given.
    """
    y = np.var(x, axis=axis, keepdims=keepdims, **_ddof(ddof, correction))

    def vjp(g):  # dL/dxᵢ = g 2 (xᵢ - μ)* / (n - ddof); what flows through μ adds up to 0
        n = count(np.shape(x), axis) - (ddof if correction is None else correction)
        return widen(g, axis, keepdims) * (_over(2.0, n) * _deviation(x, axis))

    return y, vjp


@op(numpy=np.std)
def std(x, /, axis=None, *, ddof=0, keepdims=False, correction=None):
    """Standard deviation over `axis`, the square root of the variance; `ddof` and `correction` are those of `var`.

    Where all entries are equal, the deviation is 0 and has a corner; the gradient there is 0.
    """
    y = np.std(x, axis=axis, keepdims=keepdims, **_ddof(ddof, correction))

    def vjp(g):  # dL/dxᵢ = g (xᵢ - μ)* / (y (n - ddof))
        n = count(np.shape(x), axis) - (ddof if correction is None else correction)
        g = g / np.where(y == 0, np.inf, y)
        return widen(g, axis, keepdims) * (_over(1.0, n) * _deviation(x, axis))

    return y, vjp


def _ddof(ddof, correction):
    """The settings for NumPy, which refuses both at once."""
    return {"ddof": ddof} if correction is None else {"correction": correction, **({"ddof": ddof} if ddof else {})}


def _over(a, n):
    """a / n; nan where no degree of freedom is left, as in the value."""
    return a / n if n > 0 else math.nan


def _deviation(x, axis):
    """(x - μ)*: the conjugate, as d|z|² = 2 Re(z* dz)."""
    d = x - np.mean(x, axis=axis, keepdims=True)
    return np.conjugate(d) if d.dtype.kind == "c" else d


# ---- products


@op(numpy=np.prod)
def prod(x, /, axis=None, *, keepdims=False):
    """Product over `axis`: y = Πᵢ xᵢ."""
    y = np.prod(x, axis=axis, keepdims=keepdims)

    def vjp(g):  # dL/dxᵢ = g Πⱼ xⱼ, j ≠ i
        g, p = widen(g, axis, keepdims), widen(y, axis, keepdims)
        return g * (p / x if divides(y) else _product_of_the_others(x, axes_of(np.shape(x), axis)))

    return y, vjp


def divides(y):
    """Whether a product can be divided by its factors again: no 0, no inf, nothing too small to be precise."""
    size = np.absolute(y)
    return bool(np.all((size >= np.finfo(y.dtype).tiny) & np.isfinite(size)))


def _product_of_the_others(x, axes):
    """Πⱼ xⱼ, j ≠ i, without a division: along the first axis what is before i times what is after it, times the
    same along the other axes for the products over the first."""
    if not axes:
        return np.ones_like(x)
    first, *rest = axes
    others = before(x, first) * np.flip(before(np.flip(x, first), first), first)
    return others * _product_of_the_others(np.prod(x, axis=first, keepdims=True), rest) if rest else others


def before(x, axis):
    """The products of all entries before the i-th along `axis`: 1, x₀, x₀x₁, ..."""
    x = cut(x, axis, None, -1)
    one = np.ones((*x.shape[:axis], 1, *x.shape[axis + 1 :]), x.dtype)
    return np.concatenate([one, np.cumprod(x, axis=axis)], axis=axis)


def cut(x, axis, start, stop):
    """x[start:stop] along `axis`, counted from 0."""
    return x[(slice(None),) * axis + (slice(start, stop),)]


# ---- extremes


@op(numpy=(np.max, np.amax))
def max(x, /, axis=None, *, keepdims=False):
    """Largest value over `axis`. Equal ones share the gradient evenly; nan counts as larger than all."""
    y = np.max(x, axis=axis, keepdims=keepdims)
    return y, lambda g: share(g, _equal(x, widen(y, axis, keepdims)), axis, keepdims)


@op(numpy=(np.min, np.amin))
def min(x, /, axis=None, *, keepdims=False):
    """Smallest value over `axis`. Equal ones share the gradient evenly; nan counts as smaller than all."""
    y = np.min(x, axis=axis, keepdims=keepdims)
    return y, lambda g: share(g, _equal(x, widen(y, axis, keepdims)), axis, keepdims)


amax, amin = max, min  # NumPy's other names


def _equal(x, y):
    """x == y, also where both are nan."""
    return (x == y) | (np.isnan(x) & np.isnan(y)) if np.any(np.isnan(y)) else x == y


def share(g, chosen, axis, keepdims):
    """The gradient of a reduction, in equal parts for the chosen entries."""
    parts = np.maximum(np.count_nonzero(chosen, axis=axis, keepdims=True), 1)
    return np.where(chosen, widen(g, axis, keepdims) / np.asarray(parts).astype(g.dtype), 0)


@composed(np.ptp)
def ptp(x, axis=None, *, keepdims=False):
    """Range over `axis`, from peak to peak: the largest value minus the smallest."""
    return max(x, axis=axis, keepdims=keepdims) - min(x, axis=axis, keepdims=keepdims)
