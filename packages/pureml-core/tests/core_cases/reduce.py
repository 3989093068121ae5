import numpy as np

from .case import Case, Error, case, draws

n, pos, c = draws(2)

AXES = (None, 0, -1, (0, 1), (-1, 0))
zeros = np.array([[2.0, 0.0, -1.5, 0.5], [1.0, 2.0, 3.0, -0.5], [0.0, 0.0, 4.0, 1.0]])

CASES = [
    *[
        case(op, x, axis=axis, keepdims=keepdims)
        for op in ("sum", "mean", "max", "min", "prod", "var", "std", "ptp")
        for x in (n(3, 3), n(2, 3, 4))
        for axis in AXES
        for keepdims in (False, True)
    ],
    *[case(op, n()) for op in ("sum", "mean", "max", "min", "prod", "ptp")],
    *[case(op, n(), axis=-1) for op in ("sum", "max", "min", "prod")],
    *[case(op, n(3, 1), axis=axis) for op in ("sum", "mean", "max", "min", "prod") for axis in (0, 1)],
    *[case(op, n(0, 2)) for op in ("sum", "prod")],
    *[case(op, n(0, 2), axis=0) for op in ("sum", "prod")],
    *[case(op, n(0, 2), axis=1) for op in ("sum", "mean", "max", "min", "prod", "var", "std", "ptp")],
    *[
        case(op, c(3, 2), axis=axis)
        for op in ("sum", "mean", "max", "min", "prod", "ptp", "var", "std")
        for axis in (None, 1)
    ],
    *[Case("max", (n(3, 4),), {"axis": axis}, numpy=np.amax) for axis in (None, 1)],
    *[Case("min", (n(3, 4),), {"axis": axis}, numpy=np.amin) for axis in (None, 1)],
    *[case(op, n(3, 4), axis=axis, ddof=1) for op in ("var", "std") for axis in (None, 0, (0, 1))],
    *[case(op, n(3, 4), axis=1, correction=correction) for op in ("var", "std") for correction in (0, 1.5)],
    case("var", n(3, 1), axis=1),
    case("var", c(3, 4), axis=0, ddof=1),
    # products with zeros: one, none and two in a row
    *[case("prod", zeros, axis=axis, keepdims=True) for axis in (None, 0, 1, (0, 1))],
    case("prod", np.stack([zeros, zeros + 1]), axis=(0, 2)),
    case("prod", zeros * (1 + 0.5j), axis=1),
]

ERRORS: list[Error] = [
    Error("max", (n(0, 2),), {}, ValueError, r"max: given \(0, 2\): zero-size array"),
    Error("min", (n(2, 0),), {"axis": 1}, ValueError, r"min: given \(2, 0\): zero-size array"),
    Error("sum", (n(2, 3),), {"axis": 2}, ValueError, r"sum: given \(2, 3\): axis 2 is out of bounds"),
    Error("std", (n(2, 3),), {"ddof": 1, "correction": 1}, ValueError, "std: given"),
]
