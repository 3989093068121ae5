import numpy as np

from .case import Case, Error, case, draws

n, pos, c = draws(21)

zeros = np.array([[2.0, 0.0, -1.5, 0.5], [1.0, 2.0, 3.0, -0.5], [0.0, 0.0, 4.0, 1.0]])
masked = np.where(np.eye(3, 4) == 1, -np.inf, 0.3)

CASES = [
    *[
        case(op, x, axis=axis)
        for op in ("cumsum", "cumprod")
        for x in (n(3, 3), n(2, 3, 4), c(2, 3))
        for axis in (None, 0, -1)
    ],
    *[case(op, n()) for op in ("cumsum", "cumprod", "logcumsumexp")],
    *[case(op, n(0, 2), axis=axis) for op in ("cumsum", "cumprod") for axis in (None, 0, 1)],
    *[case(op, n(2, 1), axis=axis) for op in ("cumsum", "cumprod") for axis in (0, 1)],
    *[case("cumprod", zeros, axis=axis) for axis in (None, 0, 1)],
    case("cumprod", zeros * (1 + 0.5j), axis=1),
    *[
        case(op, n(3, 4), axis=axis, include_initial=initial)
        for op in ("cumulative_sum", "cumulative_prod")
        for axis in (0, -1)
        for initial in (False, True)
    ],
    *[case(op, n(3)) for op in ("cumulative_sum", "cumulative_prod")],
    *[
        Case("logcumsumexp", (x,), {"axis": axis}, numpy=lambda x, axis: np.log(np.cumsum(np.exp(x), axis)))
        for x in (n(3, 3), n(2, 3, 4))
        for axis in (None, 0, -1)
    ],
    case("linear_recurrence", n(4), n(4)),
    case("linear_recurrence", n(3, 2), n(3, 2)),
    case("linear_recurrence", c(3), c(3)),
    case("linear_recurrence", n(1, 2), n(1, 2)),
    case("linear_recurrence", n(0, 2), n(0, 2)),
]

ERRORS = [
    Error("cumulative_sum", (n(2, 3),), {}, ValueError, "cumulative_sum: given 2 axes"),
    Error("cumsum", (n(2, 3),), {"axis": 2}, ValueError, r"cumsum: given \(2, 3\): axis 2"),
]
