import numpy as np

from .case import Case, Error, case, draws

n, pos, c = draws(3)


def symmetric(op, a):
    """An op that reads one triangle: its gradient is that of a symmetric input."""
    return op((a + np.swapaxes(a, -1, -2)) / 2)


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
    Case("eigh", (n(3, 3) + np.diag([9.0, 0.0, -9.0]),), through=symmetric),
    Case("eigh", (n(2, 2, 2) + np.diag([9.0, -9.0]),), through=symmetric),
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
]
