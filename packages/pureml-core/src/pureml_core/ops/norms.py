"""Norms of vectors and matrices, and the condition number."""

import numpy as np

from ..op import op
from ..registry import composed
from .decomposition import svdvals
from .elementwise import abs as abs_
from .elementwise import divide, multiply
from .elementwise import where as where_
from .inverse import inv
from .linalg import conj
from .reduce import max as max_
from .reduce import min as min_
from .reduce import sum as sum_
from .shape import expand_dims, moveaxis

__all__ = ["cond", "matrix_norm", "norm", "vector_norm"]


@op(numpy=np.linalg.vector_norm)
def vector_norm(x, /, axis=None, keepdims=False, ord=2):
    """The p-norm y = (Σ |xᵢ|ᵖ)^(1/p) over `axis`, one or several, for p = `ord`; over all entries when None.

    inf: the largest |xᵢ|, -inf: the smallest (equal ones share the gradient evenly), 0: how many are not zero (no
    gradient). Where x or the norm is 0, the gradient is 0.
    """
    y = np.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=ord)

    def widened(v):  # with the reduced axes back
        return v if keepdims or axis is None else np.expand_dims(v, axis)

    def vjp(g):  # with d|xᵢ| = Re(x̄ᵢ dxᵢ) / |xᵢ|
        g, norm = widened(g), widened(y)
        if ord == 2:  # dL/dx = g x̄ / y
            return conj(x) * np.where(norm == 0, 0, g / np.where(norm == 0, 1, norm))
        if ord == 0:
            return np.zeros_like(x)
        size = np.abs(x)
        zero = size == 0
        safe = np.where(zero, 1, size)
        direction = conj(x) / safe
        if ord == 1:  # dL/dx = g x̄ / |x|
            return g * direction
        if ord in (np.inf, -np.inf):
            best = size == norm
            ties = np.count_nonzero(best, axis=axis, keepdims=True)
            return np.where(best, g / np.asarray(ties).astype(size.dtype) * direction, 0)
        blocked = zero | (norm == 0)  # dL/dx = g x̄/|x| (|x| / y)ᵖ⁻¹
        return np.where(blocked, 0, g * direction * (safe / np.where(norm == 0, 1, norm)) ** (ord - 1))

    return y, vjp


@composed(np.linalg.matrix_norm)
def matrix_norm(x, keepdims=False, ord="fro"):
    """Norm of the matrices in the last two axes, of their singular values σ or of their rows and columns.

    'fro': √Σ σ² (all entries as one vector), 'nuc': Σ σ, 2 and -2: the largest and smallest σ, 1 and -1: the largest
    and smallest sum of |entries| of a column, inf and -inf: of a row.
    """
    if ord == "fro":
        return vector_norm(x, (-2, -1), keepdims)
    if ord in ("nuc", 2, -2):
        y = (sum_ if ord == "nuc" else max_ if ord == 2 else min_)(svdvals(x), axis=-1)
    elif ord in (1, -1, np.inf, -np.inf):
        y = (max_ if ord > 0 else min_)(sum_(abs_(x), axis=-2 if ord in (1, -1) else -1), axis=-1)
    else:
        raise ValueError(f"norm: given ord={ord!r} for matrices; needed 'fro', 'nuc', 1, -1, 2, -2, inf or -inf")
    return expand_dims(y, (-2, -1)) if keepdims else y


@composed(np.linalg.norm)
def norm(x, ord=None, axis=None, keepdims=False):
    """Norm of vectors (along an integer `axis`) or of matrices (in a pair of axes); see `vector_norm`, `matrix_norm`.

    Without `axis`: that of the vector or matrix x. Without `ord`: the square root of the sum of all |entries|².
    """
    ndim = np.ndim(x)
    if axis is None and (ord is None or (ord in ("f", "fro") and ndim == 2)):
        return vector_norm(x, None, keepdims)
    axes = tuple(range(ndim)) if axis is None else (axis,) if hasattr(axis, "__index__") else tuple(axis)
    if len(axes) not in (1, 2):
        raise ValueError(f"norm: given axis={axis} for shape {np.shape(x)}; needed one axis or two; see vector_norm")
    if len(axes) == 1:
        if isinstance(ord, str):
            raise ValueError(f"norm: given ord={ord!r} for vectors; needed a number")
        return vector_norm(x, axes, keepdims, 2 if ord is None else ord)
    y = matrix_norm(moveaxis(x, axes, (-2, -1)), ord="fro" if ord in (None, "f", "fro") else ord)
    return expand_dims(y, tuple(i % ndim for i in axes)) if keepdims else y


@composed(np.linalg.cond)
def cond(x, p=None):
    """Condition number ‖x‖ ‖x⁻¹‖ in the norm p (see `matrix_norm`); for 2 or None the ratio σ₁ / σₙ. Singular: inf."""
    if p in (None, 2, -2):
        s = svdvals(x)
        with np.errstate(divide="ignore"):
            return divide(s[..., -1], s[..., 0]) if p == -2 else divide(s[..., 0], s[..., -1])
    singular = np.linalg.slogdet(np.asarray(getattr(x, "_ndarray", x)))[0] == 0
    x = where_(np.expand_dims(singular, (-2, -1)), np.eye(np.shape(x)[-1], dtype=x.dtype), x)
    return where_(singular, np.inf, multiply(matrix_norm(x, ord=p), matrix_norm(inv(x), ord=p)))
