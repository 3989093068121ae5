import numpy as np

from .case import Case, Error, case, draws

n, pos, c = draws(11)


def adjoint(x):
    return np.conjugate(np.swapaxes(x, -1, -2))


def regular(f, *shape):
    """Square matrices that are far from singular, with distinct eigenvalues."""
    return f(*shape) + np.diag(3.0 * np.arange(1, shape[-1] + 1))


def apart(f, *shape):
    """Matrices whose eigenvalues are real and far apart."""
    return 0.3 * f(*shape) + np.diag(3.0 * np.arange(1, shape[-1] + 1))


def definite(f, *shape):
    a = f(*shape)
    return a @ adjoint(a) + np.eye(shape[-1])


def of_rank(r, f, *shape):
    return f(*shape[:-1], r) @ f(*shape[:-2], r, shape[-1])


# Ways to call an operation so that finite differences stay where it is defined, and see what is determined.


def symmetric(op, a, **settings):
    """An op that reads one triangle: its gradient is that of a symmetric (Hermitian) input."""
    return op((a + adjoint(a)) / 2, **settings)


def vectors_by_phase(op, a, **settings):
    """Of eigenvectors of Hermitian matrices, what does not depend on their phases: vᵢ vᵢᴴ."""
    w, V = symmetric(op, a, **settings)
    return w, V[..., None, :] * np.conjugate(V)[..., None, :, :]


def lengths_of_vectors(op, a):
    w, V = op(a)
    return w, V[..., None, :] * np.conjugate(V)[..., None, :, :]


def pairs_of_vectors(op, a, **settings):
    """Of singular vectors of complex matrices: uᵢ uᵢᴴ, and uᵢ vᵢᴴ, which keeps their common phase."""
    U, s, Vh = op(a, **settings)
    k = s.shape[-1]
    u, vh = U[..., :k], Vh[..., :k, :]
    u = np.swapaxes(u, -1, -2)[..., None]
    return s, u * vh[..., None, :], u * np.conjugate(np.swapaxes(u, -1, -2))


def determined(op, a, **settings):
    U, s, Vh = op(a, **settings)
    k = s.shape[-1]
    return U[..., :k], s, Vh[..., :k, :]


CASES = [
    *[case("inv", regular(f, *s)) for f in (n, c) for s in [(3, 3), (2, 3, 3), (1, 1)]],
    case("inv", n(0, 0)),
    case("inv", n(0, 2, 2)),
    *[
        case("solve", regular(f, *a), f(*b))
        for f in (n, c)
        for a, b in [
            ((3, 3), (3,)),
            ((3, 3), (3, 2)),
            ((3, 3), (3, 3)),
            ((2, 3, 3), (3,)),
            ((2, 3, 3), (2, 3, 1)),
            ((3, 3), (2, 3, 3)),
            ((2, 1, 2, 2), (3, 2, 4)),
            ((1, 1), (1,)),
        ]
    ],
    case("solve", n(0, 0), n(0)),
    *[case("pinv", f(*s)) for f in (n, c) for s in [(3, 3), (2, 3), (2, 4, 3), (1, 1)]],
    case("pinv", n(4, 3), rcond=1e-10),
    Case("pinv", (regular(n, 3, 3),), {"hermitian": True}, through=symmetric),
    Case("pinv", (regular(c, 2, 3, 3),), {"hermitian": True}, through=symmetric),
    case("lstsq", n(4, 2), n(4)),
    case("lstsq", n(4, 2), n(4, 3)),
    case("lstsq", n(2, 4), n(2, 3)),
    case("lstsq", n(3, 3), n(3), rcond=1e-10),
    case("lstsq", c(4, 2), c(4)),
    case("tensorsolve", regular(n, 6, 6).reshape(2, 3, 3, 2), n(2, 3)),
    case("tensorsolve", regular(n, 6, 6).reshape(6, 3, 2), n(6)),
    case("tensorsolve", regular(n, 6, 6).reshape(3, 2, 6).transpose(2, 0, 1), n(3, 2), axes=(0,)),
    case("tensorinv", regular(n, 6, 6).reshape(2, 3, 3, 2)),
    case("tensorinv", regular(n, 6, 6).reshape(6, 3, 2), ind=1),
    *[
        Case("matrix_power", (regular(f, *s) / 3,), {"n": k})
        for f, s in [(n, (3, 3)), (n, (2, 2, 2)), (c, (2, 2))]
        for k in (-3, -1, 0, 1, 2, 3, 5)
    ],
    *[case("det", f(*s)) for f in (n, c) for s in [(3, 3), (2, 3, 3), (1, 1), (2, 4, 4)]],
    case("det", of_rank(2, n, 2, 3, 3)),
    case("det", np.stack([np.eye(3), np.diag([1.0, 2.0, 0.0])])),
    case("det", np.diag([1.0, 2.0, 0.0, 0.0])),
    case("det", np.zeros((2, 2))),
    Case("det", (np.array([[1.0, 2j], [2.0, 4j]]),)),
    case("det", n(0, 0)),
    *[case("slogdet", f(*s)) for f in (n, c) for s in [(3, 3), (2, 3, 3), (1, 1)]],
    case("slogdet", n(0, 0)),
    *[
        Case("cholesky", (definite(f, *s),), {"upper": upper}, through=symmetric)
        for f in (n, c)
        for s in [(3, 3), (2, 3, 3), (1, 1)]
        for upper in (False, True)
    ],
    Case("cholesky", (n(0, 0),), through=symmetric),
    *[
        Case("eigh", (regular(n, *s),), {"UPLO": uplo}, through=symmetric)
        for s in [(3, 3), (2, 2, 2), (1, 1), (0, 0)]
        for uplo in "LU"
    ],
    Case("eigh", (regular(c, 3, 3),), through=vectors_by_phase),
    Case("eigh", (regular(c, 2, 2, 2),), through=vectors_by_phase),
    *[Case("eigvalsh", (regular(f, *s),), through=symmetric) for f in (n, c) for s in [(3, 3), (2, 2, 2), (1, 1)]],
    Case("eigvalsh", (regular(n, 3, 3),), {"UPLO": "U"}, through=symmetric),
    case("eig", apart(n, 3, 3)),
    case("eig", apart(n, 2, 2, 2)),
    Case("eig", (regular(c, 3, 3),), through=lengths_of_vectors),
    Case("eig", (np.array([[1.0, -2.0, 0.3], [1.5, 0.5, 0.2], [0.1, 0.4, 4.0]]),), through=lengths_of_vectors),
    case("eigvals", apart(n, 3, 3)),
    case("eigvals", np.array([[1.0, -2.0], [1.5, 0.5]])),
    case("eigvals", regular(c, 2, 3, 3)),
    *[case("svd", n(*s), full_matrices=False) for s in [(3, 3), (4, 2), (2, 4), (2, 3, 2), (1, 1), (3, 0)]],
    case("svd", n(3, 3)),
    *[Case("svd", (n(*s),), through=determined) for s in [(4, 2), (2, 4), (2, 3, 2)]],
    *[Case("svd", (c(*s),), {"full_matrices": False}, through=pairs_of_vectors) for s in [(3, 3), (4, 2), (2, 2, 4)]],
    Case("svd", (c(4, 2),), through=pairs_of_vectors),
    case("svd", n(3, 2), compute_uv=False),
    Case("svd", (regular(n, 3, 3),), {"hermitian": True}, through=symmetric),
    Case("svd", (regular(n, 3, 3),), {"hermitian": True, "compute_uv": False}, through=symmetric),
    *[case("svdvals", f(*s)) for f in (n, c) for s in [(3, 3), (4, 2), (2, 2, 4), (1, 1)]],
    *[
        case("qr", f(*s), mode=mode)
        for f in (n, c)
        for s, mode in [
            ((3, 3), "reduced"),
            ((4, 2), "reduced"),
            ((2, 4), "reduced"),
            ((2, 3, 2), "reduced"),
            ((1, 1), "reduced"),
            ((2, 3), "complete"),
            ((4, 2), "r"),
            ((2, 2, 4), "r"),
        ]
    ],
]

ERRORS = [
    Error("inv", (n(2, 3),), {}, np.linalg.LinAlgError, r"inv: given \(2, 3\): .*square"),
    Error("inv", (np.zeros((2, 2)),), {}, np.linalg.LinAlgError, "inv: given .*Singular"),
    Error("solve", (n(3, 3), n(2)), {}, ValueError, r"solve: given \(3, 3\), \(2,\)"),
    Error("cholesky", (-np.eye(2),), {}, np.linalg.LinAlgError, "cholesky: .*positive definite"),
    Error("qr", (n(3, 2),), {"mode": "complete"}, ValueError, 'qr: given mode="complete" .* needed "reduced" or "r"'),
    Error("qr", (n(3, 2),), {"mode": "raw"}, ValueError, 'qr: given mode="raw"'),
    Error("lstsq", (n(2, 3, 2), n(3)), {}, ValueError, "lstsq: .*needed a matrix"),
    Error("matrix_power", (n(2, 3),), {"n": 2}, ValueError, "needed square matrices"),
    Error("tensorinv", (n(2, 3),), {"ind": 1}, ValueError, "tensorinv: .*square"),
    Error("tensorsolve", (n(2, 3), n(2)), {}, ValueError, "tensorsolve: .*square"),
]
