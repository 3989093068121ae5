"""Weighted means, quantiles, covariance."""

import math
import warnings

import numpy as np

from ..op import kernel, op
from ..registry import composed
from .elementwise import conjugate, divide, multiply, real, sqrt
from .index import scatter_add
from .joining import concatenate
from .linalg import diagonal, matmul
from .reduce import axes_of, count, mean, sum
from .shape import broadcast_to, reshape, squeeze, transpose

__all__ = [
    "average",
    "corrcoef",
    "cov",
    "median",
    "nanmedian",
    "nanpercentile",
    "nanquantile",
    "percentile",
    "quantile",
]


@composed(np.average)
def average(x, axis=None, weights=None, returned=False, *, keepdims=False):
    """Weighted mean over `axis`: y = Σᵢ wᵢ xᵢ / Σᵢ wᵢ. The weights have a gradient too.

    Args:
        weights: of the shape of x, or of the axes in `axis`, in that order. The plain mean when None.
        returned: give the sum of weights as well: (y, Σᵢ wᵢ).

    Raises:
        TypeError, ValueError: the shape of the weights.
        ZeroDivisionError: weights that sum to 0.
    """
    shape = np.shape(x)
    if weights is None:
        y = mean(x, axis=axis, keepdims=keepdims)
        return (y, multiply(np.ones_like(y), count(shape, axis))) if returned else y
    w = _weights_for(weights, shape, axis)
    total = sum(w, axis=axis, keepdims=keepdims)
    if np.any(total == 0):
        raise ZeroDivisionError("average: given weights that sum to 0; needed another sum")
    y = divide(sum(multiply(x, w), axis=axis, keepdims=keepdims), total)
    return (y, multiply(np.ones_like(y), total)) if returned else y


def _weights_for(weights, shape, axis):
    """Weights of all entries, or one for each along some axes, in a shape that broadcasts."""
    given = np.shape(weights)
    if given == shape:
        return reshape(weights, shape)
    if axis is None:
        raise TypeError(f"average: given weights of shape {given} for {shape}; needed the axis that they are for")
    axes = axes_of(shape, axis)
    if given != tuple(shape[i] for i in axes):
        raise ValueError(f"average: given weights of shape {given} for axis {axis} of {shape}")
    w = transpose(weights, np.argsort(axes).tolist())
    return broadcast_to(reshape(w, [n if i in axes else 1 for i, n in enumerate(shape)]), shape)


# ---- quantiles: one entry by its rank, or two and a weighted mean of them


@op(numpy=np.median)
def median(x, /, axis=None, *, keepdims=False):
    """The middle entry by rank over `axis`, or the mean of the two middle ones."""
    return np.median(x, axis=axis, keepdims=keepdims), lambda g: _to_ranks(g, x, axis, _middle)


@op(numpy=np.nanmedian)
def nanmedian(x, /, axis=None, *, keepdims=False):
    """The median over `axis` of the entries that are not nan."""
    return np.nanmedian(x, axis=axis, keepdims=keepdims), lambda g: _to_ranks(g, x, axis, _middle, without_nan=True)


@op(numpy=np.quantile)
def quantile(x, /, q, axis=None, *, method="linear", keepdims=False):
    """The value of rank q (n - 1) over `axis`, in ascending order and counted from 0: a share q of the n is smaller.

    The gradient goes to the two entries next to that rank, by their weights, or to the one that `method` picks.

    Args:
        q: from 0 to 1; of any shape, which then comes first in the result's.
        method: what to make of a rank between two entries: "linear", "lower", "higher", "midpoint", "nearest"; or
            another definition of the rank: "hazen", "weibull", "median_unbiased", "normal_unbiased",
            "interpolated_inverted_cdf" (Hyndman and Fan, 1996: 5, 6, 8, 9, 4).
    """
    q = _checked(q, method, "quantile")
    y = _quantile(np.quantile, x, q, axis, method, keepdims)
    return y, lambda g: _to_ranks(g, x, axis, _rank(q, method))


@op(numpy=np.nanquantile)
def nanquantile(x, /, q, axis=None, *, method="linear", keepdims=False):
    """The quantile over `axis` of the entries that are not nan; see quantile."""
    q = _checked(q, method, "nanquantile")
    y = _quantile(np.nanquantile, x, q, axis, method, keepdims)
    return y, lambda g: _to_ranks(g, x, axis, _rank(q, method), without_nan=True)


@composed(np.percentile)
def percentile(x, q, axis=None, *, method="linear", keepdims=False):
    """The quantile of q / 100; see quantile."""
    return quantile(x, np.true_divide(q, 100), axis=axis, method=method, keepdims=keepdims)


@composed(np.nanpercentile)
def nanpercentile(x, q, axis=None, *, method="linear", keepdims=False):
    """The quantile of q / 100 of the entries that are not nan; see quantile."""
    return nanquantile(x, np.true_divide(q, 100), axis=axis, method=method, keepdims=keepdims)


# A rank is n q + α + q (1 - α - β) - 1; for all methods that are not listed α = β = 1.
ALPHA_BETA = {
    "hazen": (1 / 2, 1 / 2),
    "weibull": (0.0, 0.0),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
    "interpolated_inverted_cdf": (0.0, 1.0),
}
PICKING = {"lower": np.floor, "higher": np.ceil, "nearest": np.round}
METHODS = ("linear", "midpoint", *PICKING, *ALPHA_BETA)


def _checked(q, method, name):
    if method not in METHODS:
        raise ValueError(f"{name}: given method={method!r}; needed one of {', '.join(METHODS)}")
    return np.array(q, np.float64)


@kernel
def _quantile(f, x, q, axis, method, keepdims):
    x = np.asarray(x)
    y = f(x, q, axis=axis, method=method, keepdims=keepdims)
    return np.asarray(y).astype(x.dtype) if x.dtype.kind == "f" else y


def _rank(q, method):
    """A function from the number of entries to the ranks of quantiles q, one row for each."""
    q = q.reshape(-1, 1)

    def rank(n):
        if method in ALPHA_BETA:
            α, β = ALPHA_BETA[method]
            return n * q + (α + q * (1 - α - β)) - 1
        r = (n - 1) * q
        if method == "midpoint":
            return (np.floor(r) + np.ceil(r)) / 2
        return PICKING[method](r) if method in PICKING else r

    return rank


def _middle(n):
    return (n[None] - 1) / 2


def _to_ranks(g, x, axis, rank, without_nan=False):
    """The gradient of interpolation between ranks: 1 - w goes to the entry below, w to the one above.

    Args:
        g: (..., rest), or with the reduced axes kept.
        rank: from the numbers of entries (m,) to ranks (k, m), for k quantiles.
    """
    if not math.prod(np.shape(x)):
        return np.zeros_like(x)
    shape, reduced = np.shape(x), axes_of(np.shape(x), axis)
    order = [i for i in range(len(shape)) if i not in reduced] + reduced
    moved = [shape[i] for i in order]
    size = count(shape, axis)
    x = np.reshape(np.transpose(x, order), (-1, size))  # (m, size): one row for each result
    m = np.arange(x.shape[0])
    n = np.asarray(np.count_nonzero(~np.isnan(x), axis=1)) if without_nan else np.full(len(m), size)

    r = np.clip(rank(n), 0, np.maximum(n - 1, 0))
    low, high = np.floor(r).astype(int), np.ceil(r).astype(int)  # (k, m)
    w = (r - low).astype(g.dtype)
    given = (n > 0).astype(g.dtype)
    ranks = np.concatenate([low, high])
    place = np.asarray(np.argpartition(x, np.unique(ranks), axis=1))[m, ranks]
    g = np.reshape(g, (-1, len(m)))
    dx = scatter_add(np.concatenate([g * ((1 - w) * given), g * (w * given)]), (m, place), (len(m), size))
    return np.transpose(np.reshape(dx, moved), np.argsort(order).tolist())


# ---- covariance


@composed(np.cov)
def cov(m, y=None, rowvar=True, bias=False, ddof=None, fweights=None, aweights=None):
    """Covariance of variables, each a row of observations: C = (X - μ) W (X - μ)ᴴ / (n - ddof).

    Args:
        m: (variables, observations), or one variable.
        y: more variables.
        rowvar: False: variables are columns.
        bias: divide by n instead of n - 1, when `ddof` is None.
        fweights: how often each observation occurred.
        aweights: how much each observation weighs. Both are constants, without a gradient.

    Raises:
        ValueError: more than two axes.
    """
    if np.ndim(m) > 2 or np.ndim(y) > 2:
        raise ValueError(f"cov: given {np.shape(m)} and {np.shape(y)}; needed at most two axes")
    x = _variables(m, rowvar)
    if y is not None:
        x = concatenate(x, _variables(y, rowvar or np.shape(y)[:1] == (1,)), axis=0)
    ddof = (0 if bias else 1) if ddof is None else ddof
    n = np.shape(x)[1]
    w = np.ones(n) if fweights is None else np.asarray(fweights, float)
    w = w if aweights is None else w * np.asarray(aweights, float)
    if w.shape != (n,):
        raise ValueError(f"cov: given weights of shape {w.shape}; needed one for each of {n} observations")
    total = w.sum()
    freedom = total - (ddof if aweights is None or not ddof else ddof * (w * aweights).sum() / total)
    if freedom <= 0:
        warnings.warn("cov: no degrees of freedom left", RuntimeWarning, stacklevel=2)
        freedom = 0.0
    w = w.astype(x.dtype if x.dtype.kind in "fc" else float)
    d = x - divide(sum(multiply(x, w), axis=1, keepdims=True), float(total))
    c = matmul(d, conjugate(transpose(multiply(d, w))))
    return squeeze(divide(c, float(freedom)))


def _variables(x, rowvar):
    if np.ndim(x) < 2:
        return reshape(x, (1, -1))
    return reshape(x, np.shape(x)) if rowvar else transpose(x)


@composed(np.corrcoef)
def corrcoef(x, y=None, rowvar=True):
    """Correlation of variables, their covariance over their standard deviations: rᵢⱼ = Cᵢⱼ / √(Cᵢᵢ Cⱼⱼ); see cov."""
    c = cov(x, y, rowvar)
    if c.ndim == 0:
        return c / c
    s = sqrt(real(diagonal(c)))
    return c / reshape(s, (-1, 1)) / s
