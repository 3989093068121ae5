"""Products of vectors, matrices and tensors, and the parts of a matrix: diagonals, triangles, its transpose.

Every formula holds for complex numbers as it stands (see `backward.py`): no gradient here needs a conjugate, except
where the function itself takes one.
"""

import math
import operator

import numpy as np

from ..op import kernel, op
from ..registry import NUMPY, composed
from .elementwise import conjugate, multiply
from .reduce import sum as sum_
from .shape import ravel, reshape, swapaxes

__all__ = [
    "cross",
    "diag",
    "diagflat",
    "diagonal",
    "dot",
    "inner",
    "kron",
    "matmul",
    "matrix_transpose",
    "matvec",
    "multi_dot",
    "outer",
    "tensordot",
    "trace",
    "tril",
    "triu",
    "vdot",
    "vecdot",
    "vecmat",
]


def T(x):
    """The last two axes exchanged: (..., n, m) -> (..., m, n)."""
    return np.swapaxes(x, -1, -2)


def conj(x):
    """The complex conjugate; real arrays as they are, without a copy."""
    return np.conjugate(x) if x.dtype.kind == "c" else x


def through(f, op):
    """Lead NumPy's function f here where its call or its result differs from those of our `op`."""

    def enter(call):
        call.op = op.op
        NUMPY[f] = call
        return call

    return enter


# ---- products


@op(numpy=(np.matmul, np.linalg.matmul))
def matmul(a, b, /):
    """Matrix product over the last two axes; leading axes broadcast.

    A vector stands for a row on the left and for a column on the right: (n,) @ (n, m) -> (m,), (k, n) @ (n,) -> (k,).
    """
    _check_matmul(np.shape(a), np.shape(b))
    if a.ndim == 1 or b.ndim == 1:
        return np.matmul(a, b), *_vector_vjps(a, b)

    def vjp_a(g):  # dL/da = g bᵀ
        return np.matmul(g, T(b))

    def vjp_b(g):  # dL/db = aᵀ g, where one matrix b serves many a: over all their rows at once
        if b.ndim == 2 and a.ndim > 2:
            return np.matmul(T(_rows(a)), _rows(g))
        return np.matmul(T(a), g)

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
        return np.matmul(T(a), np.expand_dims(g, -1))[..., 0]

    return vjp_a, vjp_b


def _rows(x):
    """(..., n) -> (rows, n)"""
    return np.reshape(x, (-1, x.shape[-1])) if x.size else np.reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))


def _check_matmul(a, b):
    if not a or not b:
        raise ValueError(f"matmul: {a} @ {b} — both need at least one axis; use * to scale by a number")
    n, name = (b[0], "only") if len(b) == 1 else (b[-2], "second-to-last")
    if a[-1] != n:
        raise ValueError(
            f"matmul: {a} @ {b} — the last axis of the first, {a[-1]}, must equal the {name} axis of the second, {n}"
        )


@op(numpy=(np.tensordot, np.linalg.tensordot))
def tensordot(a, b, /, axes=2):
    """Sum of products over pairs of axes: the last `axes` of a with the first of b, or `(axes of a, axes of b)`.

    The result has the other axes of a, then those of b.
    """
    of_a, of_b = _paired(np.shape(a), np.shape(b), axes)
    rest_a = [i for i in range(np.ndim(a)) if i not in of_a]
    rest_b = [i for i in range(np.ndim(b)) if i not in of_b]
    split = len(rest_a)  # g has the axes rest_a, rest_b

    def vjp_a(g):  # sum over what b brought; left are rest_a and the partners of b's axes, in the order of b
        da = np.tensordot(g, b, (list(range(split, g.ndim)), rest_b))
        return np.transpose(da, _inverse(rest_a + [of_a[k] for k in _order(of_b)]))

    def vjp_b(g):
        db = np.tensordot(a, g, (rest_a, list(range(split))))
        return np.transpose(db, _inverse([of_b[k] for k in _order(of_a)] + rest_b))

    return np.tensordot(a, b, (of_a, of_b)), vjp_a, vjp_b


def _order(axes):
    return sorted(range(len(axes)), key=axes.__getitem__)


_inverse = _order  # of a permutation


def _paired(a, b, axes):
    """The axes that are summed over, as two lists of axes >= 0, for operands of shapes a and b."""
    if hasattr(axes, "__index__"):
        n = operator.index(axes)
        if not 0 <= n <= min(len(a), len(b)):
            raise ValueError(f"tensordot: given axes={n} for {a} and {b}; needed 0 to {min(len(a), len(b))}")
        of_a, of_b = list(range(len(a) - n, len(a))), list(range(n))
    else:
        of_a, of_b = ([i] if hasattr(i, "__index__") else list(i) for i in axes)
    if any(not -len(s) <= i < len(s) for s, of in ((a, of_a), (b, of_b)) for i in of):
        raise np.exceptions.AxisError(f"tensordot: given axes {of_a} of {a} and {of_b} of {b}, which do not exist")
    if [a[i] for i in of_a] != [b[i] for i in of_b]:
        raise ValueError(
            f"tensordot: {a} and {b} over axes {of_a} and {of_b} — their sizes, {[a[i] for i in of_a]} and "
            f"{[b[i] for i in of_b]}, must be equal"
        )
    return [i % len(a) for i in of_a], [i % len(b) for i in of_b]


@composed(np.dot)
def dot(a, b):
    """Sum of products over the last axis of a and the second-to-last of b (its only one, if it is a vector).

    For vectors and matrices the same as `matmul`; a number scales.
    """
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return multiply(a, b)
    return matmul(a, b) if np.ndim(b) <= 2 else tensordot(a, b, (-1, -2))


@composed(np.inner)
def inner(a, b):
    """Sum of products over the last axis of both; a number scales. Nothing is conjugated."""
    return multiply(a, b) if np.ndim(a) == 0 or np.ndim(b) == 0 else tensordot(a, b, (-1, -1))


@composed(np.outer)
def outer(a, b):
    """Every product of an entry of a and an entry of b: yᵢⱼ = aᵢ bⱼ, both flattened."""
    return multiply(reshape(a, (-1, 1)), reshape(b, (1, -1)))


@through(np.linalg.outer, outer)
def _(x1, x2, /):
    if np.ndim(x1) != 1 or np.ndim(x2) != 1:
        raise ValueError(f"outer: given {np.shape(x1)} and {np.shape(x2)}, needed vectors; np.outer flattens")
    return outer(x1, x2)


@composed(np.vdot)
def vdot(a, b):
    """Inner product of all entries, the first conjugated: y = Σ āᵢ bᵢ."""
    return matmul(conjugate(ravel(a)) if np.iscomplexobj(a) else ravel(a), ravel(b))


@op(numpy=(np.vecdot, np.linalg.vecdot))
def vecdot(a, b, /, axis=-1):
    """Inner products along `axis`, the first operand conjugated: y = Σ āᵢ bᵢ; the other axes broadcast."""
    if axis >= 0:
        if a.ndim != b.ndim:
            raise ValueError(
                f"vecdot: given axis={axis} for shapes {a.shape} and {b.shape}; count it from the end, as in axis=-1, "
                "where the operands have different numbers of axes"
            )
        axis -= a.ndim

    def vjp_a(g):  # Re(g dā b) = Re(conj(g b) da)
        return conj(np.expand_dims(g, axis) * b)

    def vjp_b(g):
        return np.expand_dims(g, axis) * conj(a)

    return np.vecdot(a, b, axis=axis), vjp_a, vjp_b


@composed(*([np.matvec] if hasattr(np, "matvec") else []))
def matvec(a, x):
    """Matrices by vectors, both in the last axes: (..., n, m), (..., m) -> (..., n)."""
    return matmul(a, reshape(x, (*np.shape(x), 1)))[..., 0]


@composed(*([np.vecmat] if hasattr(np, "vecmat") else []))
def vecmat(x, a):
    """Vectors, conjugated, by matrices: (..., n), (..., n, m) -> (..., m)."""
    x = reshape(x, (*np.shape(x)[:-1], 1, *np.shape(x)[-1:]))
    return matmul(conj(x), a)[..., 0, :]


@composed(np.kron)
def kron(a, b):
    """Kronecker product: b in blocks, each scaled by an entry of a. The size of an axis is the product of both."""
    ndim = max(np.ndim(a), np.ndim(b))
    p, q = ((1,) * (ndim - np.ndim(x)) + np.shape(x) for x in (a, b))
    rows = reshape(a, [n for size in p for n in (size, 1)])  # (p₀, 1, p₁, 1, ...) times (1, q₀, 1, q₁, ...)
    columns = reshape(b, [n for size in q for n in (1, size)])
    return reshape(multiply(rows, columns), [n * m for n, m in zip(p, q, strict=True)])


@op(numpy=(np.cross, np.linalg.cross))
def cross(a, b, /, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """Vector product of vectors with three components, which lie along `axisa`, `axisb` and, in the result, `axisc`.

    `axis` stands for all three. The other axes broadcast.
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    if a.shape[axisa] != 3 or b.shape[axisb] != 3:
        raise ValueError(
            f"cross: given {a.shape[axisa]} and {b.shape[axisb]} components in {a.shape} and {b.shape}, needed 3; "
            "in the plane write a[0] * b[1] - a[1] * b[0]"
        )
    y = np.cross(a, b, axisa, axisb, axisc)
    # Counted from the end, an axis stays where it is when broadcasting adds others.
    i, j, k = (n - x.ndim if n >= 0 else n for n, x in ((axisa, a), (axisb, b), (axisc, y)))
    return (
        y,
        lambda g: np.cross(b, g, j, k, i),  # g · (da × b) = da · (b × g)
        lambda g: np.cross(g, a, k, i, j),  # g · (a × db) = db · (g × a)
    )


@composed(np.linalg.multi_dot)
def multi_dot(*arrays):
    """Product of two or more matrices in the cheapest order; the first and the last may be vectors."""
    if len(arrays) == 1 and isinstance(arrays[0], tuple | list):
        arrays = arrays[0]
    if len(arrays) < 2:
        raise ValueError(f"multi_dot: given {len(arrays)} matrices, needed at least two")
    shapes = [np.shape(x) for x in arrays]
    if any(len(s) != 2 for s in shapes[1:-1]) or not all(1 <= len(s) <= 2 for s in shapes):
        raise ValueError(f"multi_dot: given {shapes}, needed matrices (the first and the last may be vectors)")
    rows = [1 if len(s) == 1 else s[0] for s in shapes[:1]] + [s[0] for s in shapes[1:]]
    cut = _cheapest([*rows, 1 if len(shapes[-1]) == 1 else shapes[-1][1]])
    return _product(arrays, cut, 0, len(arrays) - 1)


def _cheapest(n):
    """Where to cut the chain i..j of matrices n[i] × n[i + 1] in two, for all i < j (dynamic programming)."""
    cost, cut = {(i, i): 0 for i in range(len(n) - 1)}, {}
    for length in range(1, len(n) - 1):
        for i in range(len(n) - 1 - length):
            j = i + length
            cost[i, j], cut[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + n[i] * n[k + 1] * n[j + 1], k) for k in range(i, j)
            )
    return cut


def _product(arrays, cut, i, j):
    if i == j:
        return arrays[i]
    k = cut[i, j]
    return matmul(_product(arrays, cut, i, k), _product(arrays, cut, k + 1, j))


# ---- parts of a matrix


@op(numpy=np.diagonal, linear=True)
def diagonal(x, /, offset=0, axis1=0, axis2=1):
    """The entries xᵢ,ᵢ₊ₖ for k = `offset` of the matrices in `axis1` and `axis2`; they become the last axis."""
    shape = np.shape(x)
    return np.diagonal(x, offset, axis1, axis2), lambda g: on_diagonal(g, shape, offset, axis1, axis2)


@through(np.linalg.diagonal, diagonal)
def _(x, /, *, offset=0):
    return diagonal(x, offset, -2, -1)


@op(linear=True)
def on_diagonal(values, /, shape, offset=0, axis1=0, axis2=1):
    """Zeros of `shape` with `values` on a diagonal: the adjoint of `diagonal`."""
    return _on_diagonal(values, shape, offset, axis1, axis2), lambda g: np.diagonal(g, offset, axis1, axis2)


@kernel
def _on_diagonal(values, shape, offset, axis1, axis2):
    y = np.zeros(shape, values.dtype)
    i = np.arange(values.shape[-1])
    np.moveaxis(y, (axis1, axis2), (-2, -1))[..., i + max(-offset, 0), i + max(offset, 0)] = values
    return y


@composed(np.trace)
def trace(x, offset=0, axis1=0, axis2=1):
    """Sum along a diagonal of the matrices in `axis1` and `axis2`."""
    return sum_(diagonal(x, offset, axis1, axis2), axis=-1)


@through(np.linalg.trace, trace)
def _(x, /, *, offset=0):
    return trace(x, offset, -2, -1)


@composed(np.diag)
def diag(v, k=0):
    """The k-th diagonal of a matrix, or the matrix with a given vector on it."""
    if np.ndim(v) == 2:
        return diagonal(v, k)
    if np.ndim(v) != 1:
        raise ValueError(f"diag: given shape {np.shape(v)}, needed a vector or a matrix; diagonal() takes any")
    n = np.shape(v)[0] + abs(k)
    return on_diagonal(v, (n, n), k)


@composed(np.diagflat)
def diagflat(v, k=0):
    """The matrix with all entries of v on its k-th diagonal."""
    return diag(ravel(v), k)


@op(numpy=np.tril, linear=True)
def tril(x, /, k=0):
    """Lower triangle of the last two axes: zero above the k-th diagonal."""
    return np.tril(x, k), lambda g: np.tril(g, k)


@op(numpy=np.triu, linear=True)
def triu(x, /, k=0):
    """Upper triangle of the last two axes: zero below the k-th diagonal."""
    return np.triu(x, k), lambda g: np.triu(g, k)


@composed(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x):
    """The last two axes exchanged: (..., n, m) -> (..., m, n)."""
    if np.ndim(x) < 2:
        raise ValueError(f"matrix_transpose: given shape {np.shape(x)}, needed at least two axes")
    return swapaxes(x, -1, -2)
