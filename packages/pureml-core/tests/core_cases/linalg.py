import numpy as np

from .case import Case, Error, case, draws

n, pos, c = draws(3)


def of_parts(f):
    """NumPy's function of a list of operands, called with them one by one."""
    return lambda *xs: f(xs)


def contracted(*xs, subscripts, optimize=False):
    return np.einsum(subscripts, *xs, optimize=optimize)


CASES = [
    *[
        case("matmul", n(*a), n(*b))
        for a, b in [
            ((3, 3), (3, 3)),
            ((2, 3), (3, 4)),
            ((3, 3, 3), (3, 4)),
            ((2, 3, 4), (4, 2)),
            ((2, 3, 4), (2, 4, 5)),
            ((3, 4), (2, 4, 3)),
            ((2, 1, 3, 4), (5, 4, 2)),
            ((4,), (4,)),
            ((4,), (4, 3)),
            ((3, 4), (4,)),
            ((2, 3, 4), (4,)),
            ((4,), (2, 4, 3)),
            ((1, 1), (1, 1)),
            ((0, 3), (3, 2)),
            ((2, 0), (0, 3)),
            ((0, 2, 3), (3, 2)),
        ]
    ],
    case("matmul", c(2, 3), c(3, 4)),
    case("matmul", c(3), c(2, 3, 4)),
    Case("matmul", (n(2, 3), n(3, 2)), numpy=np.linalg.matmul),
    *[
        case("dot", n(*a), n(*b))
        for a, b in [
            ((), ()),
            ((), (2, 3)),
            ((2, 3), ()),
            ((3,), (3,)),
            ((3, 3), (3, 3)),
            ((2, 3), (3,)),
            ((2, 3, 4), (4, 2)),
            ((2, 4), (3, 4, 2)),
            ((4,), (3, 4, 2)),
            ((2, 0), (0, 3)),
        ]
    ],
    case("dot", c(2, 3), c(3)),
    *[case("inner", n(*a), n(*b)) for a, b in [((), (3,)), ((3,), (3,)), ((3, 3), (3, 3)), ((2, 3), (4, 2, 3))]],
    case("inner", c(2, 3), c(3)),
    case("outer", n(3), n(4)),
    case("outer", n(2, 2), n()),
    case("outer", n(0), n(2)),
    Case("outer", (c(3), c(2)), numpy=np.linalg.outer),
    *[case("vdot", f(*s), h(*s)) for s in [(), (3,), (2, 3), (0,)] for f, h in [(n, n), (c, c)]],
    case("vdot", n(3), c(3)),
    *[case("vecdot", f(2, 3), f(2, 3)) for f in (n, c)],
    case("vecdot", n(3, 2), n(3, 2), axis=0),
    case("vecdot", n(3), n(2, 3)),
    case("vecdot", n(2, 1, 3), n(4, 3)),
    case("vecdot", c(3, 1), n(2, 3, 4), axis=-2),
    case("vecdot", n(2, 0), n(2, 0)),
    Case("vecdot", (n(3, 3), n(3, 3)), {"axis": -2}, numpy=np.linalg.vecdot),
    *[case("matvec", f(*a), f(*x)) for f in (n, c) for a, x in [((3, 3), (3,)), ((2, 3, 4), (4,)), ((3, 4), (2, 4))]],
    *[case("vecmat", f(*x), f(*a)) for f in (n, c) for a, x in [((3, 3), (3,)), ((2, 3, 4), (3,)), ((3, 4), (2, 3))]],
    *[
        case("tensordot", n(*a), n(*b), axes=axes)
        for a, b, axes in [
            ((2, 3), (2,), 0),
            ((3, 3), (3, 3), 1),
            ((2, 3, 4), (3, 4, 2), 2),
            ((2, 3), (2, 3), (1, 1)),
            ((2, 3, 4), (4, 3), ((1, 2), (1, 0))),
            ((2, 3, 4), (5, 4, 2), ((2, 0), (1, 2))),
            ((2, 3, 4, 5), (5, 3, 6, 2), ([-1, 0, 1], [0, -1, 1])),
            ((2, 3), (2, 3), ((0, 1), (0, 1))),
            ((2, 0), (0, 3), 1),
            ((), (), 0),
        ]
    ],
    case("tensordot", n(2, 3, 4), n(3, 4)),
    case("tensordot", c(2, 3), c(3, 2), axes=1),
    Case("tensordot", (n(2, 3), n(3, 2)), {"axes": 1}, numpy=np.linalg.tensordot),
    *[
        case("einsum", subscripts, *[f(*s) for s in shapes])
        for f in (n, c)
        for subscripts, *shapes in [
            ("ij,jk->ik", (3, 3), (3, 3)),
            ("ij , kj -> ki", (2, 3), (4, 3)),
            ("bij,bjk", (2, 3, 4), (2, 4, 2)),
            ("ii->i", (3, 3)),
            ("ii", (3, 3)),
            ("iji->ij", (3, 2, 3)),
            ("iii->i", (3, 3, 3)),
            ("iij,ij->j", (2, 2, 3), (2, 3)),
            ("ij->ji", (2, 3)),
            ("ba", (2, 3)),
            ("ij->i", (2, 3)),
            ("ij->", (2, 3)),
            ("i,j->ij", (2,), (3,)),
            ("ij,k->i", (2, 3), (4,)),
            ("i,i,i->", (3,), (3,), (3,)),
            ("ij,jk,kl->il", (2, 3), (3, 2), (2, 4)),
            ("...ij,...jk->...ik", (2, 2, 3), (3, 4)),
            ("...ij,jk", (2, 2, 3), (3, 4)),
            ("i...,i...->...", (3, 2, 1), (3, 4)),
            ("...,...", (2, 1), (3,)),
            ("...i->...", (2, 3, 4)),
            ("ij,ij->ij", (1, 3), (2, 3)),
            ("ij,jk->ik", (2, 1), (3, 2)),
            ("ij,jk->ik", (2, 0), (0, 3)),
            (",i->i", (), (3,)),
        ]
    ],
    case("einsum", n(2, 3), [0, 1], n(3, 4), [1, 2], [2, 0]),
    case("einsum", n(2, 3, 4), [Ellipsis, 30, 2], n(4), [2]),
    case("einsum", n(3, 3), [0, 0]),
    *[case("einsum", "ij,jk,kl->il", n(2, 3), n(3, 2), n(2, 4), optimize=o) for o in (True, "optimal", False)],
    case("einsum", "ij,jk,k->i", n(2, 3), n(3, 2), n(2), optimize=["einsum_path", (1, 2), (0, 1)]),
    Case("contraction", (n(2, 3), n(3)), {"subscripts": "ij,j->i"}, numpy=contracted),
    *[
        case("kron", f(*a), f(*b))
        for f in (n, c)
        for a, b in [((2, 2), (2, 2)), ((2, 3), (3, 2)), ((2,), (3,)), ((2,), (2, 3)), ((2, 1, 2), (3, 2)), ((), (2,))]
    ],
    case("kron", n(0, 2), n(2, 2)),
    case("cross", n(3), n(3)),
    case("cross", c(2, 3), c(3)),
    case("cross", n(3, 3), n(3, 3), axis=0),
    case("cross", n(3, 4), n(4, 3), axisa=0, axisb=1, axisc=0),
    case("cross", n(2, 1, 3), n(3, 4), axisb=0, axisc=1),
    case("cross", n(3, 2), n(5, 2, 3), axisa=0),
    Case("cross", (n(3, 2), n(3, 2)), {"axis": 0}, numpy=np.linalg.cross),
    Case("multi_dot", (n(2, 3), n(3, 3), n(3, 4)), numpy=of_parts(np.linalg.multi_dot)),
    Case("multi_dot", (n(3), n(3, 2), n(2, 5), n(5)), numpy=of_parts(np.linalg.multi_dot)),
    Case("multi_dot", (n(4, 1), n(1, 4), n(4, 1), n(1, 3)), numpy=of_parts(np.linalg.multi_dot)),
    Case("multi_dot", (c(2, 3), c(3)), numpy=of_parts(np.linalg.multi_dot)),
    *[
        case(name, n(*shape), **settings)
        for name in ("diagonal", "trace")
        for shape, settings in [
            ((3, 3), {}),
            ((3, 4), {"offset": 1}),
            ((4, 3), {"offset": -2}),
            ((2, 3, 4), {"offset": 1, "axis1": 1, "axis2": 2}),
            ((3, 2, 4), {"axis1": -1, "axis2": 0}),
            ((2, 2), {"offset": 5}),
            ((0, 3), {}),
        ]
    ],
    Case("diagonal", (n(3, 3),), numpy=np.linalg.diagonal),
    Case("trace", (c(3, 3),), numpy=np.linalg.trace),
    case("on_diagonal", n(2, 3), shape=(4, 2, 3), offset=-1, axis1=0, axis2=2),
    case("diag", n(3)),
    case("diag", n(3), k=-2),
    case("diag", n(3, 4), k=1),
    case("diag", c(2), k=1),
    case("diag", n(0)),
    case("diagflat", n(2, 2), k=1),
    case("diagflat", n()),
    *[
        case(name, f(*shape), k=k)
        for name in ("tril", "triu")
        for f, shape, k in [(n, (3, 3), 0), (n, (2, 3, 4), 1), (c, (4, 2), -1), (n, (3,), 0), (n, (0, 2), 0)]
    ],
    case("matrix_transpose", n(2, 3)),
    Case("matrix_transpose", (c(2, 3, 3),), numpy=np.linalg.matrix_transpose),
]

# Norms, away from zeros and ties.
CASES += [
    *[
        case("vector_norm", f(*shape), **settings)
        for f in (n, c)
        for shape, settings in [
            ((3, 3), {}),
            ((2, 3), {"axis": 0}),
            ((2, 3, 2), {"axis": (0, -1), "keepdims": True}),
            ((2, 3), {"keepdims": True}),
            ((), {}),
            ((2, 1), {"axis": 1, "ord": 3}),
            *[((3, 2), {"axis": -1, "ord": p}) for p in (0, 0.5, 1, 1.5, 2, 3, -1, -2, np.inf, -np.inf)],
            ((2, 3), {"ord": np.inf, "keepdims": True}),
        ]
    ],
    case("vector_norm", n(0)),
    *[case("matrix_norm", f(3, 3), ord=p) for f in (n, c) for p in ("fro", "nuc", 2, -2, 1, -1, np.inf, -np.inf)],
    case("matrix_norm", n(2, 3, 2), keepdims=True, ord="nuc"),
    case("matrix_norm", n(2, 3, 4)),
    *[
        case("norm", n(*shape), **settings)
        for shape, settings in [
            ((3,), {}),
            ((3,), {"ord": 3}),
            ((3, 3), {}),
            ((2, 3, 2), {}),
            ((2, 3, 2), {"keepdims": True}),
            ((2, 3), {"ord": "fro"}),
            ((2, 3), {"ord": "nuc"}),
            ((2, 3), {"ord": 1, "keepdims": True}),
            ((2, 3), {"ord": 1, "axis": 1}),
            ((2, 3), {"axis": (0,), "keepdims": True}),
            ((2, 3, 4), {"ord": np.inf, "axis": (2, 0), "keepdims": True}),
            ((2, 3, 4), {"ord": 2, "axis": (-1, 0)}),
            ((2, 3, 4), {"axis": (0, 1)}),
        ]
    ],
    case("norm", c(2, 3), axis=0),
    *[case("cond", n(3, 3), p=p) for p in (None, 2, -2, "fro", 1, -1, np.inf, "nuc")],
    case("cond", n(2, 3, 2)),
    case("cond", n(2, 2, 2), p=1),
]

ERRORS = [
    Error(
        "matmul",
        (n(64, 100), n(784, 256)),
        {},
        ValueError,
        r"matmul: \(64, 100\) @ \(784, 256\) — the last axis of the first, 100",
    ),
    Error("matmul", (n(2), n()), {}, ValueError, "at least one axis"),
    Error("tensordot", (n(2, 3), n(4, 2)), {"axes": 1}, ValueError, r"tensordot: .* sizes, \[3\] and \[4\], must be"),
    Error("tensordot", (n(2, 3), n(2)), {"axes": 2}, ValueError, "needed 0 to 1"),
    Error("tensordot", (n(2, 3), n(2)), {"axes": (2, 0)}, np.exceptions.AxisError, "do not exist"),
    Error("einsum", ("ij,jk->ik", n(2, 3), n(4, 2)), {}, ValueError, r"einsum: 'ij,jk->ik' given \(2, 3\), \(4, 2\): "),
    Error("einsum", ("ij->k", n(2, 3)), {}, ValueError, "einsum: 'ij->k'"),
    Error("cross", (n(2), n(2)), {}, ValueError, "cross: given 2 and 2 components .*needed 3; in the plane"),
    Error("vecdot", (n(2, 3), n(3)), {"axis": 1}, ValueError, "count it from the end"),
    Error("multi_dot", (n(2, 3),), {}, ValueError, "at least two"),
    Error("multi_dot", (n(2, 3), n(3), n(3, 2)), {}, ValueError, "needed matrices"),
    Error("diag", (n(2, 3, 4),), {}, ValueError, "needed a vector or a matrix"),
    Error("matrix_transpose", (n(3),), {}, ValueError, "at least two axes"),
    Error("norm", (n(2, 3, 4),), {"ord": 2}, ValueError, "needed one axis or two"),
    Error("norm", (n(3),), {"ord": "nuc"}, ValueError, "needed a number"),
    Error("norm", (n(3, 3),), {"ord": 3}, ValueError, "norm: given ord=3 for matrices"),
]
