"""Reductions and cumulations that leave nan out. Its entries have gradient 0."""

import numpy as np

from ..op import op
from ..registry import composed
from .cumulative import cumprod, cumsum
from .elementwise import where
from .reduce import prod, share, sum, widen

__all__ = ["nancumprod", "nancumsum", "nanmax", "nanmean", "nanmin", "nanprod", "nanstd", "nansum", "nanvar"]


@composed(np.nansum)
def nansum(x, axis=None, *, keepdims=False):
    """Sum over `axis` with 0 for nan."""
    return sum(where(np.isnan(x), 0, x), axis=axis, keepdims=keepdims)


@composed(np.nanprod)
def nanprod(x, axis=None, *, keepdims=False):
    """Product over `axis` with 1 for nan."""
    return prod(where(np.isnan(x), 1, x), axis=axis, keepdims=keepdims)


@composed(np.nancumsum)
def nancumsum(x, axis=None):
    """Cumulative sum along `axis`, or of the flattened x, with 0 for nan."""
    return cumsum(where(np.isnan(x), 0, x), axis=axis)


@composed(np.nancumprod)
def nancumprod(x, axis=None):
    """Cumulative product along `axis`, or of the flattened x, with 1 for nan."""
    return cumprod(where(np.isnan(x), 1, x), axis=axis)


@op(numpy=np.nanmean)
def nanmean(x, /, axis=None, *, keepdims=False):
    """Arithmetic mean over `axis` of the n entries that are not nan: y = Σᵢ xᵢ / n."""
    y = np.nanmean(x, axis=axis, keepdims=keepdims)
    return y, lambda g: share(g, ~np.isnan(x), axis, keepdims)  # dL/dxᵢ = g / n


@op(numpy=np.nanmax)
def nanmax(x, /, axis=None, *, keepdims=False):
    """Largest value over `axis` that is not nan. Equal ones share the gradient evenly."""
    y = np.nanmax(x, axis=axis, keepdims=keepdims)
    return y, lambda g: share(g, x == widen(y, axis, keepdims), axis, keepdims)


@op(numpy=np.nanmin)
def nanmin(x, /, axis=None, *, keepdims=False):
    """Smallest value over `axis` that is not nan. Equal ones share the gradient evenly."""
    y = np.nanmin(x, axis=axis, keepdims=keepdims)
    return y, lambda g: share(g, x == widen(y, axis, keepdims), axis, keepdims)


@op(numpy=np.nanvar)
def nanvar(x, /, axis=None, *, ddof=0, keepdims=False):
    """Variance over `axis` of the n entries that are not nan: y = Σᵢ |xᵢ - μ|² / (n - ddof)."""
    y = np.nanvar(x, axis=axis, ddof=ddof, keepdims=keepdims)
    return y, lambda g: _from_deviation(
        2 * widen(g, axis, keepdims), x, axis, ddof
    )  # dL/dxᵢ = g 2 (xᵢ - μ)* / (n - ddof)


@op(numpy=np.nanstd)
def nanstd(x, /, axis=None, *, ddof=0, keepdims=False):
    """Standard deviation over `axis` of the entries that are not nan. Where it is 0, its gradient is 0."""
    y = np.nanstd(x, axis=axis, ddof=ddof, keepdims=keepdims)

    def vjp(g):  # dL/dxᵢ = g (xᵢ - μ)* / (y (n - ddof))
        return _from_deviation(widen(g / np.where(y == 0, np.inf, y), axis, keepdims), x, axis, ddof)

    return y, vjp


def _from_deviation(g, x, axis, ddof):
    """g (xᵢ - μ)* / (n - ddof); nan where no degree of freedom is left, as in the value."""
    given = ~np.isnan(x)
    x = np.where(given, x, 0)
    n = np.asarray(np.count_nonzero(given, axis=axis, keepdims=True))
    d = x - np.sum(x, axis=axis, keepdims=True) / np.maximum(n, 1).astype(g.dtype)
    if d.dtype.kind == "c":
        d = np.conjugate(d)
    return np.where(given, g / np.where(n > ddof, n - ddof, np.nan).astype(g.dtype) * d, 0)
