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

# Attention and positions.

SEEN = np.array([[True, False, True], [False, False, False]])
ADDED = np.array([[0.5, -np.inf, 1.0], [-np.inf, -np.inf, -np.inf]])
DROPPED = np.array([[0, 2, 0], [2, 2, 2]], np.int8)

CASES += [
    case("attention", n(2, 4), n(3, 4), n(3, 2), None, None, scale=0.5),
    case("attention", n(2, 2, 2, 3), n(2, 2, 3, 3), n(2, 2, 3, 3), SEEN, None, scale=0.5),
    case("attention", n(2, 2, 3), n(1, 3, 3), n(3, 2), n(2, 2, 3), None, scale=0.5),
    case("attention", n(3, 3, 3), n(3, 3, 3), n(3, 3, 3), np.tri(3, dtype=bool), None, scale=1.0),
    case("attention", n(2, 2, 3), n(2, 3, 3), n(2, 3, 2), SEEN, DROPPED, scale=0.5),
    case("attention", 9 * n(2, 2, 3), 9 * n(2, 3, 3), n(2, 3, 2), SEEN, None, scale=1.0),
    case("attention", n(2, 1, 3), n(2, 0, 3), n(2, 0, 2), None, None, scale=1.0),
    case("attention", n(0, 2, 3), n(0, 3, 3), n(0, 3, 2), SEEN, None, scale=1.0),
    case("split_heads", n(2, 3, 12), parts=3, heads=2),
    case("split_heads", n(3, 4), parts=1, heads=2),
    case("turned", n(2, 3, 4), turns=np.exp(1j * n(3, 2))),
    case("turned", n(0, 3, 2), turns=np.exp(1j * n(3, 1))),
]
