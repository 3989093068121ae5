import numpy as np

from .case import Error, case, draws

n, pos, c = draws(22)


def holes(x):
    """Every fourth entry made nan. Finite differences do not see these entries, so that their gradients must be 0."""
    x = x.copy()
    x.reshape(-1)[1::4] = np.nan
    return x


CASES = [
    *[
        case(op, x, axis=axis, keepdims=keepdims)
        for op in ("nansum", "nanmean", "nanmax", "nanmin", "nanprod", "nanvar", "nanstd", "nanmedian")
        for x in (holes(n(3, 3)), holes(n(2, 3, 5)), n(2, 3))
        for axis in (None, 0, -1, (0, 1))
        for keepdims in (False, True)
    ],
    *[case(op, n()) for op in ("nansum", "nanmean", "nanmax", "nanmin", "nanprod", "nanmedian")],
    *[case(op, n(0, 2), axis=0) for op in ("nansum", "nanprod")],
    *[case(op, holes(c(3, 2)), axis=axis) for op in ("nansum", "nanmean", "nanprod", "nanvar") for axis in (None, 0)],
    *[case(op, holes(n(4, 5)), axis=axis, ddof=1) for op in ("nanvar", "nanstd") for axis in (None, 0)],
    *[case(op, holes(n(3, 4)), axis=axis) for op in ("nancumsum", "nancumprod") for axis in (None, 0, -1)],
    *[
        case("nanquantile", holes(n(3, 5)), q=q, axis=axis, method=method)
        for q in (0.3, [0.1, 0.8])
        for axis in (None, 0, 1)
        for method in ("linear", "lower", "nearest")
    ],
    *[case("nanpercentile", holes(n(2, 3, 5)), q=[30, 70.0], axis=axis, keepdims=True) for axis in (1, (0, 2))],
]

ERRORS = [Error("nanmax", (n(0, 2),), {}, ValueError, r"nanmax: given \(0, 2\)")]
