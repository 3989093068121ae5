"""Rows for the operations of pureml-nn: see `core_cases`."""

import numpy as np
from core_cases.case import Case, case, draws

n, pos, c = draws(20)
MASK = np.array([0, 2, 0, 2], np.int8)  # integers: no gradient, and no effect on the precision

CASES: list[Case] = [
    *[case("relu", n(*s)) for s in ((3, 4), (0, 4), ())],
    *[case("affine", n(*x), n(3, 3), b) for x in [(3,), (3, 3), (1, 3), (2, 3, 3), (0, 3)] for b in (None, n(3))],
    case("dropped", n(3, 4), MASK),
    case("binary_cross_entropy", n(3, 4), pos(3, 4)),
    case("cross_entropy", n(3, 4), pos(3, 4)),
    case("cross_entropy", n(2, 3, 4), pos(2, 3, 4)),
    case("clipped", pos(3), low=0.0, high=9.0),
]
