"""Solving, inverting and decomposing matrices, which lie in the last two axes.

Sources: Giles 2008, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation";
Ionescu, Vantzos & Sminchisescu 2015, "Matrix backpropagation for deep networks with structured layers"; Townsend 2016,
"Differentiating the singular value decomposition"; Seeger, Hetzel, Dai, Meissner & Lawrence 2017, "Auto-differentiating
linear algebra". They treat real matrices. The formulas here hold for complex ones as well: an incoming gradient g means
dL = Re(Σ g dy), so that matrices move across a product as their transposes T, while the adjoint H belongs to the
decompositions themselves.

A decomposition is not unique: an eigenvector may change its sign (complex: its phase), and the vectors of equal
eigenvalues may mix. A function has a gradient through it where it does not depend on such a choice. The gradients of
vectors are differences divided by gaps between values: 0/0 between equal ones, where they are nan, as nothing there
could tell the limit. Vectors that received no gradient are left out of this, and values alone always have theirs.
"""

import math
from collections import namedtuple

import numpy as np

from ..op import op
from ..registry import NUMPY, composed
from ..tensor import Tensor
from .elementwise import abs as abs_
from .elementwise import positive, square
from .elementwise import where as where_
from .linalg import T, conj, matmul, through
from .reduce import sum as sum_
from .shape import reshape, transpose
from .untracked import untracked

__all__ = [
    "cholesky",
    "det",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "inv",
    "lstsq",
    "matrix_power",
    "matrix_rank",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
]


def H(x):
    """The adjoint: transposed and conjugated."""
    return conj(T(x))


def product(*matrices):
    y = matrices[0]
    for x in matrices[1:]:
        y = np.matmul(y, x)
    return y


def columns(v):
    """(..., n) -> (..., 1, n), which scales the columns of a matrix; `rows(v)` scales its rows."""
    return np.expand_dims(v, -2)


def rows(v):
    return np.expand_dims(v, -1)


def diagonal_matrix(v):
    return rows(v) * np.eye(v.shape[-1], dtype=v.dtype)


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
    """The inverse y of a as a map between tensors: tensordot(y, x, ind) solves tensordot(a, y, ...) = x.

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
    u, v = _null_space(getattr(a, "_data", a))
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


# ---- symmetric matrices


def symmetric(g):
    """The gradient for a symmetric (complex: Hermitian) input, of which only one triangle is read."""
    return (g + H(g)) / 2


def _inverse_gaps(w, largest, used):
    """1 / (wⱼ - wᵢ), for i = j 0. Between values that are equal up to rounding nan; 0 if neither vector is used."""
    gap = columns(w) - rows(w)
    equal = np.abs(gap) <= _rounding(w, largest)
    undefined = equal & (columns(used) | rows(used)) & ~np.eye(w.shape[-1], dtype=bool)
    return np.where(undefined, np.nan, np.where(equal, 0, 1 / np.where(equal, 1, gap)))


def _rounding(w, largest):
    """How exactly values are known of which the largest is given."""
    return w.shape[-1] * np.finfo(largest.dtype).eps * rows(largest)


def _used(g):
    """Which columns received a gradient."""
    return np.any(g != 0, axis=-2)


@op(numpy=np.linalg.cholesky)
def cholesky(a, /, *, upper=False):
    """Lower triangle L with positive diagonal of a positive definite matrix a = L Lᴴ; with `upper` Lᴴ.

    The lower (`upper`: upper) triangle is read; the gradient is that of a symmetric input (Seeger et al. 2017, 3.1).
    """
    y = np.linalg.cholesky(a, upper=upper)

    def vjp(g):  # dL = L Φ(L⁻¹ da L⁻ᴴ), where Φ takes the lower triangle and half the diagonal
        L, gL = (H(y), H(g)) if upper else (y, g)
        half = np.tril(np.matmul(T(L), gL))
        half = half - half * (np.eye(L.shape[-1], dtype=L.dtype) / 2)
        return symmetric(np.linalg.solve(T(L), T(np.linalg.solve(H(L), T(half)))))  # L⁻ᵀ Φ(Lᵀ gL) L̄⁻¹

    return y, vjp


@op(numpy=np.linalg.eigh)
def eigh(a, /, UPLO="L"):
    """Eigenvalues w, ascending, and eigenvectors V (columns) of symmetric matrices: a = V diag(w) Vᴴ.

    Two gradients come in, of w and of V. The triangle `UPLO` is read, as in NumPy; the gradient is that of a symmetric
    (complex: Hermitian) input. Where eigenvalues are equal, the gradient through V is nan, as are second derivatives
    (Giles 2008, 3.1).
    """
    w, V = np.linalg.eigh(a, UPLO)

    def vjp(gw, gV):  # with m = Vᴴ da V: dwᵢ = mᵢᵢ, dV = V (m / (wⱼ - wᵢ) off the diagonal)
        largest = np.maximum(np.abs(w[..., :1]), np.abs(w[..., -1:]))
        gm = diagonal_matrix(gw) + np.matmul(T(V), gV) * _inverse_gaps(w, largest, _used(gV))
        return symmetric(product(conj(V), gm, T(V)))

    return (w, V), vjp


@op(numpy=np.linalg.eigvalsh)
def eigvalsh(a, /, UPLO="L"):
    """Eigenvalues of symmetric (complex: Hermitian) matrices, ascending; see `eigh`."""

    def vjp(g):  # dwᵢ = vᵢᴴ da vᵢ
        V = np.linalg.eigh(a, UPLO)[1]
        return np.matmul(conj(V) * columns(g), T(V))

    return np.linalg.eigvalsh(a, UPLO), vjp


# ---- general matrices


@op(numpy=np.linalg.eig)
def eig(a, /):
    """Eigenvalues w and eigenvectors V (columns, of length 1) of square matrices: a V = V diag(w).

    Complex when an eigenvalue is; a function must not depend on the phases of vectors then. Where eigenvalues are
    equal, the gradient through V is nan (Giles 2008, 3.1, here for vectors of length 1).
    """
    w, V = np.linalg.eig(a)

    def vjp(gw, gV):  # with m = V⁻¹ da V: dwᵢ = mᵢᵢ, dV = V (m / (wⱼ - wᵢ) off the diagonal), less what changes lengths
        gV = gV - conj(V) * np.real(np.sum(V * gV, axis=-2, keepdims=True))
        largest = np.linalg.vector_norm(w, axis=-1, keepdims=True)
        gm = diagonal_matrix(gw) + np.matmul(T(V), gV) * _inverse_gaps(w, largest, _used(gV))
        return np.linalg.solve(T(V), np.matmul(gm, T(V)))

    return (w, V), vjp


@op(numpy=np.linalg.eigvals)
def eigvals(a, /):
    """Eigenvalues of square matrices, complex when one of them is; see `eig`."""

    def vjp(g):  # dwᵢ = (V⁻¹ da V)ᵢᵢ
        V = np.linalg.eig(a)[1]
        return np.linalg.solve(T(V), rows(g) * T(V))

    return np.linalg.eigvals(a), vjp


@op(numpy=np.linalg.svd)
def svd(a, /, full_matrices=True, compute_uv=True, hermitian=False):
    """Singular values s, descending, and vectors: a = U diag(s) Vᴴ. The values are U, s, Vᴴ, or s alone.

    (..., m, n) -> (..., m, k), (..., k), (..., k, n) with k = min(m, n); with `full_matrices` U and Vᴴ are square. What
    that adds is arbitrary and has no gradient: one that arrives there is an error. Where singular values are equal or
    0, the gradient through their vectors is nan, as are second derivatives (Townsend 2016; Ionescu et al. 2015).

    Args:
        hermitian: a is symmetric (complex: Hermitian), and the gradient that of such an input.
    """
    if not compute_uv:
        return np.linalg.svd(a, full_matrices, False, hermitian), lambda g: _svdvals_vjp(g, a, hermitian)
    U, s, Vh = np.linalg.svd(a, full_matrices, True, hermitian)

    def vjp(gU, gs, gVh):  # with m = Uᴴ da V, dp = Uᴴ dU, dq = dVᴴ V: m = dp s + ds + s dq, and dp = -dpᴴ, dq = -dqᴴ
        u, gu, vh, gvh = _without_the_rest(U, gU, Vh, gVh, s.shape[-1])
        x, y = np.matmul(T(u), gu), np.matmul(gvh, T(vh))
        used = _used(gu) | _used(T(gvh))
        zero = s <= _rounding(s, s[..., :1])[..., 0]
        inverse = np.where(zero & used, np.nan, np.where(zero, 0, 1 / np.where(zero, 1, s)))
        total = columns(s) + rows(s)
        gaps = _inverse_gaps(s, s[..., :1], used) / np.where(total == 0, 1, total)  # 1 / (sⱼ² - sᵢ²)
        gm = diagonal_matrix(gs) + gaps * (x - H(x)) * columns(s) - rows(s) * gaps * (y - H(y))
        if np.iscomplexobj(a):  # the phases of U and V
            gm = gm + diagonal_matrix(inverse * 1j * np.imag(np.diagonal(x, 0, -2, -1)))
        # and what leaves the space of the columns of U, of the rows of Vᴴ
        gm_vh = np.matmul(gm, conj(vh)) + rows(inverse) * (gvh - np.matmul(y, conj(vh)))
        da = np.matmul(conj(u), gm_vh) + np.matmul((gu - np.matmul(conj(u), x)) * columns(inverse), conj(vh))
        return symmetric(da) if hermitian else da

    return (U, s, Vh), vjp


def _without_the_rest(U, gU, Vh, gVh, k):
    """The first k columns of U and rows of Vᴴ, and their gradients."""
    if np.any(gU[..., k:] != 0) or np.any(gVh[..., k:, :] != 0):
        raise ValueError(
            f"svd: of U and Vᴴ of shapes {U.shape} and {Vh.shape} only the first {k} columns and rows are determined; "
            "a gradient arrived for the others: use full_matrices=False, or U[..., :k] and Vh[..., :k, :]"
        )
    return U[..., :k], gU[..., :k], Vh[..., :k, :], gVh[..., :k, :]


@op(numpy=np.linalg.svdvals)
def svdvals(a, /):
    """Singular values, descending: (..., m, n) -> (..., min(m, n)); see `svd`."""
    return np.linalg.svdvals(a), lambda g: _svdvals_vjp(g, a)


def _svdvals_vjp(g, a, hermitian=False):  # dsᵢ = Re(uᵢᴴ da vᵢ)
    U, _, Vh = np.linalg.svd(a, full_matrices=False, hermitian=hermitian)
    da = np.matmul(conj(U) * columns(g), conj(Vh))
    return symmetric(da) if hermitian else da


@op(numpy=np.linalg.qr)
def qr(a, /, mode="reduced"):
    """Q with orthonormal columns and an upper triangle R: a = Q R.

    (..., m, n) -> (..., m, k), (..., k, n) with k = min(m, n). The first k columns of a must be independent (Seeger et
    al. 2017, 3.2; here also for m < n, and complex).

    Args:
        mode: "reduced"; "r" gives R alone; "complete", a square Q, where it has no arbitrary columns: m <= n.

    Raises:
        ValueError: "complete" for m > n; "raw".
    """
    m, n = a.shape[-2:]
    if mode not in ("reduced", "r", "complete") or (mode == "complete" and m > n):
        raise ValueError(
            f'qr: given mode="{mode}" for shape {a.shape}; needed "reduced" or "r" (with "complete" and m > n, the '
            "last columns of Q are arbitrary and have no gradient)"
        )
    if mode == "r":
        R = np.linalg.qr(a, mode)
        return R, lambda g: _qr_vjp(None, g, a, np.linalg.qr(a)[0], R)
    Q, R = np.linalg.qr(a, mode)
    return (Q, R), lambda gQ, gR: _qr_vjp(gQ, gR, a, Q, R)


def _qr_vjp(gQ, gR, a, Q, R):
    """With c = da R⁻¹ and n = Qᴴ c: dQ = c - Q t, dR = t R, and tᵢⱼ = nᵢⱼ + n̄ⱼᵢ for i < j, tᵢᵢ = Re nᵢᵢ."""
    k = R.shape[-2]
    rest, g_rest = R[..., k:], gR[..., k:]  # m < n: a = (a₁, a₂), R = (R₁, R₂), where R₂ = Qᴴ a₂
    R, gR = R[..., :k], gR[..., :k]
    if rest.shape[-1]:
        from_rest = conj(np.matmul(a[..., k:], T(g_rest)))
        gQ = from_rest if gQ is None else gQ + from_rest
    gt = np.matmul(gR, T(R))
    if gQ is not None:
        gt = gt - np.matmul(T(Q), gQ)
    above = np.triu(gt, 1)
    gn = above + H(above) + np.real(gt) * np.eye(k, dtype=np.real(gt).dtype)
    gc = np.matmul(conj(Q), gn)
    if gQ is not None:
        gc = gc + gQ
    da = T(np.linalg.solve(R, T(gc)))
    return np.concatenate([da, np.matmul(conj(Q), g_rest)], axis=-1) if rest.shape[-1] else da


matrix_rank = NUMPY[np.linalg.matrix_rank] = untracked(np.linalg.matrix_rank)


# ---- NumPy's functions give their values names: np.linalg.eigh(t).eigenvalues. The operations give plain tuples.

EigResult = namedtuple("EigResult", ["eigenvalues", "eigenvectors"])
EighResult = namedtuple("EighResult", ["eigenvalues", "eigenvectors"])
SVDResult = namedtuple("SVDResult", ["U", "S", "Vh"])
QRResult = namedtuple("QRResult", ["Q", "R"])
SlogdetResult = namedtuple("SlogdetResult", ["sign", "logabsdet"])


@through(np.linalg.eig, eig)
def _(a):
    return EigResult(*eig(a))


@through(np.linalg.eigh, eigh)
def _(a, UPLO="L"):
    return EighResult(*eigh(a, UPLO))


@through(np.linalg.svd, svd)
def _(a, full_matrices=True, compute_uv=True, hermitian=False):
    y = svd(a, full_matrices, compute_uv, hermitian)
    return SVDResult(*y) if compute_uv else y


@through(np.linalg.qr, qr)
def _(a, mode="reduced"):
    y = qr(a, mode)
    return QRResult(*y) if mode != "r" else y


@through(np.linalg.slogdet, slogdet)
def _(a):
    return SlogdetResult(*slogdet(a))
