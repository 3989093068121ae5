"""Inverses, linear equations and determinants of matrices, which lie in the last two axes.

Sources: Giles 2008, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation";
Golub & Pereyra 1973, "The differentiation of pseudo-inverses and nonlinear least squares problems". The formulas hold
for complex matrices as well (see `backward.py`): T transposes; the adjoint H is part of a function's own definition.
"""

import math
from collections import namedtuple

import numpy as np

from ..op import op
from ..registry import NUMPY, composed
from ..tensor import Tensor
from .decomposition import H, columns, product, rows, svdvals, symmetric
from .elementwise import abs as abs_
from .elementwise import positive, square
from .elementwise import where as where_
from .linalg import T, conj, matmul, through
from .reduce import sum as sum_
from .shape import reshape, transpose
from .untracked import untracked

__all__ = [
    "det",
    "inv",
    "lstsq",
    "matrix_power",
    "matrix_rank",
    "pinv",
    "slogdet",
    "solve",
    "tensorinv",
    "tensorsolve",
]

# ---- solving and inverting


@op(numpy=np.linalg.inv)
def inv(a, /):
    """Inverse: y a = a y = 1 (Giles 2008, 2.2.3)."""
    y = np.linalg.inv(a)
    return y, lambda g: -product(T(y), g, T(y))  # dy = -y da y, so dL/da = -yᵀ g yᵀ


@op(numpy=np.linalg.solve)
def solve(a, b, /):
    """The x with a x = b; leading axes broadcast (Giles 2008, 2.3.1).

    (..., n, n), (..., n, k) -> (..., n, k). One vector b of shape (n,) gives (..., n); for several, make them columns.
    """
    x = np.linalg.solve(a, b)
    vector = b.ndim == 1

    def vjp_b(g):  # dL/db = a⁻ᵀ g
        return np.linalg.solve(T(a), rows(g))[..., 0] if vector else np.linalg.solve(T(a), g)

    def vjp_a(g):  # dL/da = -a⁻ᵀ g xᵀ
        db = vjp_b(g)
        return -rows(db) * columns(x) if vector else -np.matmul(db, T(x))

    return x, vjp_a, vjp_b


@op(numpy=np.linalg.pinv)
def pinv(a, /, rcond=None, hermitian=False, *, rtol=np._NoValue):
    """Moore-Penrose inverse (..., m, n) -> (..., n, m): of the singular values above `rcond` times the largest.

    The rank is taken to be constant nearby; where it is not, pinv is not continuous (Golub & Pereyra 1973, 4.12).

    Args:
        rcond: 1e-15 unless given. `rtol` is the same by another name; None: max(m, n) times the machine's precision.
        hermitian: a is symmetric (complex: Hermitian), and the gradient that of such an input.
    """
    y = np.linalg.pinv(a, rcond, hermitian, rtol=rtol)

    def vjp(g):  # dy = -y da y + y yᴴ daᴴ (1 - a y) + (1 - y a) daᴴ yᴴ y
        left = product(T(g), y, H(y))
        right = product(H(y), y, T(g))
        da = conj(left - product(a, y, left) + right - product(right, y, a)) - product(T(y), g, T(y))
        return symmetric(da) if hermitian else da

    return y, vjp


@composed(np.linalg.lstsq)
def lstsq(a, b, rcond=None):
    """Least squares: the shortest x that makes ‖a x - b‖ smallest. (m, n), (m,) or (m, k) -> x, residuals, rank, σ.

    As in NumPy: residuals are the sums of squares (none unless m > n = rank), σ the singular values of a; those below
    `rcond` times the largest (None: max(m, n) times the machine's precision) count as 0. The rank has no gradient.
    """
    if np.ndim(a) != 2 or np.ndim(b) not in (1, 2):
        raise ValueError(f"lstsq: given {np.shape(a)} and {np.shape(b)}, needed a matrix and a vector or a matrix")
    m, n = np.shape(a)
    y = pinv(a, rtol=rcond)
    x = matmul(y, b)
    s = svdvals(a)
    tolerance = max(m, n) * np.finfo(s.dtype).eps if rcond is None else rcond
    rank = Tensor(np.count_nonzero(s.data > tolerance * s.data[:1]), dtype=np.int32)
    if m <= n or int(rank) < n:
        return x, Tensor([], dtype=s.dtype), rank, s
    return x, reshape(sum_(square(abs_(matmul(a, x) - b)), axis=0), -1), rank, s


@composed(np.linalg.tensorsolve)
def tensorsolve(a, b, axes=None):
    """The x with tensordot(a, x, x.ndim) = b; the axes `axes` of a are moved to its end first."""
    if axes is not None:
        last = [i % np.ndim(a) for i in axes]
        a = transpose(a, [i for i in range(np.ndim(a)) if i not in last] + last)
    shape = np.shape(a)[np.ndim(b) :]
    if math.prod(np.shape(b)) != math.prod(shape):
        raise ValueError(f"tensorsolve: given {np.shape(a)} and {np.shape(b)}, needed a that becomes a square matrix")
    return reshape(solve(reshape(a, (-1, math.prod(shape))), reshape(b, -1)), shape)


@composed(np.linalg.tensorinv)
def tensorinv(a, ind=2):
    """The inverse y of a as a map between tensors: x = tensordot(y, b, ind) solves tensordot(a, x, x.ndim) = b.

    The first `ind` axes of a, taken as one, must be as large as the others together; in y they come last.
    """
    shape = np.shape(a)
    if ind <= 0 or math.prod(shape[:ind]) != math.prod(shape[ind:]):
        raise ValueError(f"tensorinv: given {shape} with ind={ind}, needed ind > 0 that makes a square matrix")
    return reshape(inv(reshape(a, (math.prod(shape[:ind]), -1))), (*shape[ind:], *shape[:ind]))


@composed(np.linalg.matrix_power)
def matrix_power(a, n):
    """a a ... a, n times, by repeated squaring; for n < 0 the power of the inverse."""
    if np.ndim(a) < 2 or np.shape(a)[-1] != np.shape(a)[-2]:
        raise ValueError(f"matrix_power: given shape {np.shape(a)}, needed square matrices")
    a, n = (inv(a), -n) if n < 0 else (positive(a), n)
    if n == 0:  # constant: a receives 0
        return where_(False, a, np.eye(a.shape[-1], dtype=a.dtype))
    y = None
    while n:
        if n & 1:
            y = a if y is None else matmul(y, a)
        n >>= 1
        if n:
            a = matmul(a, a)
    return y


matrix_rank = NUMPY[np.linalg.matrix_rank] = untracked(np.linalg.matrix_rank)


# ---- determinants


@op(numpy=np.linalg.det)
def det(a, /):
    """Determinant. Gradients of any order are right for singular matrices too."""
    y = np.linalg.det(a)
    return y, lambda g: rows(rows(g)) * cofactors(a)  # det a = Σⱼ aᵢⱼ cᵢⱼ, where cᵢⱼ does not depend on aᵢⱼ (Laplace)


def cofactors(a):
    """The cofactors cᵢⱼ = ∂det(a)/∂aᵢⱼ: c = det(a) a⁻ᵀ, which has a limit where a is singular.

    Near such a matrix, with b = a + u vᴴ that is not, det(a) = det(b) det(s) for the small s = 1 - vᴴ b⁻¹ u, and so
    c = det(b) (det(s) b⁻¹ + b⁻¹ u adj(s) vᴴ b⁻¹)ᵀ. This holds for any u and v, which are constants here.
    """
    u, v = _null_space(getattr(a, "_ndarray", a))
    if u.shape[-1] == 0:
        return rows(rows(np.linalg.det(a))) * T(np.linalg.inv(a))
    b = a + np.matmul(u, H(v))
    y = np.linalg.inv(b)
    det_s, adj_s = _small_determinant(np.eye(u.shape[-1], dtype=u.dtype) - product(H(v), y, u))
    return rows(rows(np.linalg.det(b))) * T(det_s * y + product(y, u, adj_s, H(v), y))


def _null_space(a):
    """Left (scaled to the size of a) and right singular vectors, as many as the matrices' ranks are less than n."""
    if a.size == 0 or not np.any(np.linalg.cond(a, 1) > 1e6):
        return a[..., :0], a[..., :0]
    U, s, Vh = np.linalg.svd(a)
    largest = s[..., :1]
    r = int(np.max(np.sum(s <= 1e-6 * largest, axis=-1), initial=1))
    return U[..., -r:] * rows(np.where(largest == 0, 1, largest)), H(Vh)[..., -r:]


def _small_determinant(s):
    """Determinant (with two axes of size 1) and adjugate as polynomials in s, by Faddeev and LeVerrier's recursion."""
    n = s.shape[-1]
    one = np.eye(n, dtype=s.dtype)
    m = one
    for k in range(1, n):
        sm = np.matmul(s, m)
        m = sm - one * np.sum(sm * one, axis=(-2, -1), keepdims=True) / k
    adjugate = m if n % 2 else -m
    return np.sum(np.matmul(s, adjugate) * one, axis=(-2, -1), keepdims=True) / n, adjugate


@op(numpy=np.linalg.slogdet)
def slogdet(a, /):
    """Sign and logarithm of the determinant: det(a) = sign · e^logabsdet, without overflow.

    The sign of a real determinant has gradient 0. At a singular matrix (0, -inf) the gradient is infinite.
    """
    sign, logabsdet = np.linalg.slogdet(a)

    def vjp(gsign, g):
        if np.iscomplexobj(a):  # d(log det) = t = tr(a⁻¹ da), d(sign) = i sign Im t
            g = g + 1j * np.imag(gsign * sign)
        g = rows(rows(g))
        if np.all(sign != 0):  # dL/da = g a⁻ᵀ
            return g * T(np.linalg.inv(a))
        towards = np.real(g * cofactors(a))
        return np.where(towards > 0, np.inf, np.where(towards < 0, -np.inf, 0.0))

    return (sign, logabsdet), vjp


SlogdetResult = namedtuple("SlogdetResult", ["sign", "logabsdet"])


@through(np.linalg.slogdet, slogdet)
def _(a):
    return SlogdetResult(*slogdet(a))
