"""Linear algebra."""

import numpy as np

from ..op import op

__all__ = ["eigh", "matmul"]


@op(numpy=np.matmul)
def matmul(a, b, /):
    """Matrix product over the last two axes; leading axes broadcast.

    A vector stands for a row on the left and for a column on the right: (n,) @ (n, m) -> (m,), (k, n) @ (n,) -> (k,).
    """
    _check_matmul(np.shape(a), np.shape(b))
    if a.ndim == 1 or b.ndim == 1:
        return np.matmul(a, b), *_vector_vjps(a, b)

    def vjp_a(g):  # dL/da = g bᵀ
        return np.matmul(g, np.swapaxes(b, -1, -2))

    def vjp_b(g):  # dL/db = aᵀ g, where one matrix b serves many a: over all their rows at once
        if b.ndim == 2 and a.ndim > 2:
            return np.matmul(np.swapaxes(_rows(a), 0, 1), _rows(g))
        return np.matmul(np.swapaxes(a, -1, -2), g)

    return np.matmul(a, b), vjp_a, vjp_b


def _vector_vjps(a, b):
    """The VJPs where a or b is a vector: the same products, written with the missing axis."""

    def vjp_a(g):
        if a.ndim == 1 and b.ndim == 1:  # y = Σ aᵢ bᵢ
            return g * b
        if a.ndim == 1:  # yⱼ = Σᵢ aᵢ bᵢⱼ
            return np.matmul(b, np.expand_dims(g, -1))[..., 0]
        return np.expand_dims(g, -1) * b  # yₖ = Σᵢ aₖᵢ bᵢ

    def vjp_b(g):
        if a.ndim == 1 and b.ndim == 1:
            return g * a
        if a.ndim == 1:
            return np.expand_dims(a, -1) * np.expand_dims(g, -2)
        return np.matmul(np.swapaxes(a, -1, -2), np.expand_dims(g, -1))[..., 0]

    return vjp_a, vjp_b


def _rows(x):
    """(..., n) -> (rows, n)"""
    return np.reshape(x, (-1, x.shape[-1])) if x.size else np.reshape(x, (int(np.prod(x.shape[:-1])), x.shape[-1]))


def _check_matmul(a, b):
    if not a or not b:
        raise ValueError(f"matmul: {a} @ {b} — both need at least one axis; use * to scale by a number")
    n, name = (b[0], "only") if len(b) == 1 else (b[-2], "second-to-last")
    if a[-1] != n:
        raise ValueError(
            f"matmul: {a} @ {b} — the last axis of the first, {a[-1]}, must equal the {name} axis of the second, {n}"
        )


@op(numpy=np.linalg.eigh)
def eigh(a, /):
    """Eigenvalues w, ascending, and eigenvectors V (columns) of symmetric matrices: a = V diag(w) Vᵀ.

    Two gradients come in, of w and of V. The lower triangle is read, as in NumPy; the gradient is that of a symmetric
    input, and undefined where two eigenvalues are equal (Giles 2008, 3.1).
    """
    w, V = np.linalg.eigh(a)

    def vjp(gw, gV):  # dL/da = V (diag(gw) + (Vᵀ gV) / (wⱼ - wᵢ) off the diagonal) Vᵀ
        n = w.shape[-1]
        Vt = np.swapaxes(V, -1, -2)
        gap = np.expand_dims(w, -2) - np.expand_dims(w, -1) + np.eye(n, dtype=w.dtype)
        inner = np.eye(n, dtype=w.dtype) * np.expand_dims(gw, -2)
        inner = inner + np.matmul(Vt, gV) / gap * (1 - np.eye(n, dtype=w.dtype))
        da = np.matmul(np.matmul(V, inner), Vt)
        return (da + np.swapaxes(da, -1, -2)) / 2

    return (w, V), vjp
