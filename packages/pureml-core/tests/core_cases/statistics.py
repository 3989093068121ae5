import numpy as np

from .case import Case, Error, case, draws

n, pos, c = draws(24)

METHODS = (
    *("linear", "lower", "higher", "midpoint", "nearest"),
    *("hazen", "weibull", "median_unbiased", "normal_unbiased", "interpolated_inverted_cdf"),
)


CASES = [
    *[
        case("median", x, axis=axis, keepdims=keepdims)
        for x in (n(3, 3), n(2, 3, 4), n(4, 1))
        for axis in (None, 0, -1, (0, 1))
        for keepdims in (False, True)
    ],
    case("median", n()),
    case("median", n(0, 3), axis=1),
    *[
        case("quantile", n(3, 5), q=q, axis=axis)
        for q in (0, 0.3, 1.0, [0.1, 0.9], [[0.2], [0.5]], [])
        for axis in (None, 0, 1)
    ],
    *[case("quantile", n(2, 3, 4), q=[0.2, 0.7], axis=axis, keepdims=True) for axis in (None, 1, (2, 0))],
    *[case("quantile", n(6), q=[0.0, 0.33, 0.5, 0.8, 1.0], method=method) for method in METHODS],
    *[case("percentile", n(3, 4), q=q, axis=axis) for q in (35, [10.0, 90.0]) for axis in (None, -1)],
    *[
        case("average", n(3, 4), axis=axis, keepdims=keepdims)
        for axis in (None, 0, (0, 1))
        for keepdims in (False, True)
    ],
    *[
        case("average", x, axis, weights, returned, keepdims=keepdims)
        for x, axis, weights in [
            (n(3, 4), None, pos(3, 4)),
            (n(3, 3), 0, pos(3)),
            (n(3, 3), 1, pos(3)),
            (n(2, 3, 4), (2, 0), pos(4, 2)),
            (n(2, 3, 4), (0, -1), pos(2, 3, 4)),
            (c(3), None, pos(3)),
            (n(3, 4), 1, None),
        ]
        for returned in (False, True)
        for keepdims in (False, True)
    ],
    *[case("cov", n(3, 5), **s) for s in ({}, {"rowvar": False}, {"bias": True}, {"ddof": 0})],
    case("cov", n(5)),
    case("cov", c(2, 4)),
    case("cov", n(3, 4), fweights=[1, 2, 1, 3], aweights=[0.5, 1.0, 2.0, 0.1]),
    case("cov", n(3, 4), aweights=[0.5, 1.0, 2.0, 0.1], ddof=0),
    Case("cov", (n(2, 5), n(5)), {}),
    Case("cov", (n(5, 2), n(5, 3)), {"rowvar": False}),
    case("corrcoef", n(3, 5)),
    case("corrcoef", n(5, 2), rowvar=False),
    case("corrcoef", c(2, 4)),
    Case("corrcoef", (n(6), n(6)), {}),
]

ERRORS = [
    Error("quantile", (n(3),), {"q": 1.5}, ValueError, r"quantile: given \(3,\): Quantiles must be"),
    Error(
        "quantile",
        (n(3),),
        {"q": 0.5, "method": "middle"},
        ValueError,
        "quantile: given method='middle'; needed one of",
    ),
    Error("quantile", (c(3),), {"q": 0.5}, TypeError, "quantile: given"),
    Error("average", (n(2, 3),), {"weights": pos(3)}, TypeError, "average: given weights of shape"),
    Error("average", (n(2, 3),), {"weights": pos(2), "axis": 1}, ValueError, "average: given weights of shape"),
    Error("average", (n(2),), {"weights": np.zeros(2)}, ZeroDivisionError, "average: given weights that sum to 0"),
    Error("cov", (n(2, 3, 4),), {}, ValueError, "cov: given"),
]
