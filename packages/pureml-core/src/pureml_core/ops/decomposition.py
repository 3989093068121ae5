"""Decompositions of matrices, which lie in the last two axes: Cholesky, eigenvalues, singular values, QR.

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

from collections import namedtuple

import numpy as np

from ..op import op
from .linalg import T, conj, through

__all__ = ["cholesky", "eig", "eigh", "eigvals", "eigvalsh", "qr", "svd", "svdvals"]


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


# ---- NumPy's functions give their values names: np.linalg.eigh(t).eigenvalues. The operations give plain tuples.

EigResult = namedtuple("EigResult", ["eigenvalues", "eigenvectors"])
EighResult = namedtuple("EighResult", ["eigenvalues", "eigenvectors"])
SVDResult = namedtuple("SVDResult", ["U", "S", "Vh"])
QRResult = namedtuple("QRResult", ["Q", "R"])


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
