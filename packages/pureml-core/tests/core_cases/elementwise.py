import numpy as np

from .case import BROADCASTS, Error, case, draws

n, pos, c = draws(1)
MASK = np.random.default_rng(7).random((3, 4)) < 0.5

CASES = [
    *[case(op, n(*a), pos(*b)) for op in ("add", "subtract", "multiply", "divide") for a, b in BROADCASTS],
    *[case(op, c(3), c(2, 3)) for op in ("add", "subtract", "multiply", "divide")],
    *[case(op, n(3), c(2, 3)) for op in ("add", "subtract", "multiply", "divide")],
    *[case("power", pos(*a), n(*b)) for a, b in BROADCASTS],
    *[case(op, n(*a), n(*b)) for op in ("maximum", "minimum") for a, b in BROADCASTS],
    *[case("power", n(3), k) for k in (0, 1, 2, 3, -1)],
    *[case("power", pos(3), k) for k in (0.5, 1.5)],
    case("power", 2.0, n(3)),
    case("multiply", n(3), 2),
    *[case(op, n(3, 4)) for op in ("negative", "positive", "exp", "square", "tanh", "sigmoid", "abs", "alias")],
    *[case(op, n()) for op in ("negative", "exp", "tanh", "sigmoid")],
    *[case(op, n(0, 2)) for op in ("exp", "sigmoid")],
    *[case(op, pos(3, 4)) for op in ("log", "log1p", "log2", "sqrt")],
    *[case(op, c(3, 4)) for op in ("exp", "real", "imag", "conjugate")],
    *[case(op, n(3, 4)) for op in ("real", "imag", "conjugate")],
    case("where", MASK, n(3, 4), n(3, 4)),
    case("where", MASK, n(4), n(3, 1)),
    case("where", MASK, n(3, 4), 0.0),
    case("astype", n(3), dtype=np.float64),
]

ERRORS = [
    Error("add", (n(2, 3), n(4)), {}, ValueError, r"add: given \(2, 3\), \(4,\)"),
    Error("exp", (np.array(["a"]),), {}, TypeError, "exp"),
]
