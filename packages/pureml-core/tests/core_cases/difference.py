import numpy as np

from .case import Case, Error, case, draws

n, pos, c = draws(25)

places = np.array([0.0, 0.5, 1.75, 2.0, 3.5])


CASES = [
    *[case("difference", x, axis=axis) for x in (n(3, 3), n(2, 3, 4), n(1, 0), n(2, 1)) for axis in (0, -1)],
    *[case("diff", n(3, 5), n=k, axis=axis) for k in (0, 1, 2, 4) for axis in (0, -1)],
    *[case("diff", n(3, 4), axis=axis, prepend=0, append=2.5) for axis in (0, 1)],
    case("diff", n(3, 4), 2, -1, n(3, 1), n(3, 2)),
    case("diff", c(4)),
    case("ediff1d", n(2, 3)),
    case("ediff1d", n(4), n(2), n(1)),
    *[case("trapezoid", x, axis=axis) for x in (n(3, 3), n(2, 3, 4), c(2, 3)) for axis in (0, -1)],
    case("trapezoid", n(3, 4), dx=0.25),
    *[Case("trapezoid", (n(*s), n(s[axis])), {"axis": axis}) for s in ((4,), (3, 4, 2)) for axis in (0, -1)],
    Case("trapezoid", (n(3, 4), n(3, 4)), {"axis": 0}),
    *[case("gradient", n(*s), edge_order=order) for s in ((5,), (4, 3), (3, 3, 3)) for order in (1, 2)],
    *[case("gradient", n(3, 4), axis=axis) for axis in (0, -1, (1, 0))],
    *[Case("gradient", (n(5), places + 0.1), {"edge_order": order}) for order in (1, 2)],
    *[Case("gradient", (n(3, 5), 0.5, places), {"edge_order": order}) for order in (1, 2)],
    Case("gradient", (n(5, 2), places), {"axis": 0}),
    case("gradient", c(4)),
]

ERRORS = [
    Error("diff", (n(2),), {"n": -1}, ValueError, "diff: given n=-1"),
    Error("diff", (n(),), {}, ValueError, "diff: given n=1 for shape"),
    Error("gradient", (n(),), {}, ValueError, r"gradient: given shape \(\).*gradients"),
    Error("gradient", (n(2, 1),), {}, ValueError, "gradient: given 1 samples along axis 1"),
    Error("gradient", (n(3), 1.0, 2.0), {}, TypeError, "gradient: given 2 steps for 1 axes"),
    Error(
        "gradient", (n(3), n(4)), {}, ValueError, r"gradient: given 3 samples along axis 0 and steps of shape \(4,\)"
    ),
]
