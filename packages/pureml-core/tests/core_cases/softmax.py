import numpy as np

from .case import Error, case, draws

n, pos, c = draws(6)

NAMES = ("softmax", "log_softmax", "logsumexp")

CASES = [
    *[
        case(op, n(*s), axis=axis)
        for op in NAMES
        for s, axis in [
            ((3, 4), -1),
            ((3, 3), 0),
            ((2, 3, 4), 1),
            ((2, 1), -1),
            ((2, 40), 1),
            ((2, 3, 4), (0, 2)),
            ((3, 4), None),
            ((), -1),
            ((5,), -1),
            ((0, 3), -1),
        ]
    ],
    *[case(op, n(3, 0), axis=-1) for op in ("softmax", "log_softmax")],
    *[case(op, c(2, 3), axis=-1) for op in NAMES],
    *[case("logsumexp", n(2, 3, 4), axis=axis, keepdims=True) for axis in (1, (-1, 0), None)],
    *[case(op, np.array([[1e3, -1e3, 999.0], [0.0, 1e3, -1e3]])) for op in NAMES],
]

ERRORS = [Error(op, (n(2, 3),), {"axis": 2}, ValueError, rf"{op}: given \(2, 3\): axis 2") for op in NAMES]
