import numpy as np

from .case import Error, case, draws

n, pos, c = draws(5)

CASES = [
    *[
        case("getitem", n(3, 4), index=index)
        for index in (
            1,
            -1,
            slice(None, None, -2),
            (slice(1, None), 2),
            (Ellipsis, None, 0),
            np.array([0, 2, 0]),
            (np.array([0, 2, 0]), np.array([1, 1, 1])),
            ([0, 0], slice(1, 3)),
            np.random.default_rng(8).random((3, 4)) < 0.5,
            (np.int64(1), np.array([True, False, True, True])),
            np.zeros((0,), int),
            True,
        )
    ],
    case("scatter_add", n(3, 2), index=np.array([0, 4, 0]), shape=(5, 2)),
    case("scatter_add", n(2, 2), index=slice(1, 3), shape=(5, 2)),
]

ERRORS = [Error("getitem", (n(2, 3),), {"index": 5}, IndexError, r"getitem: given \(2, 3\)")]
