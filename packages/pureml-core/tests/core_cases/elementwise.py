import numpy as np

from .case import BROADCASTS, Case, Error, case, draws

n, pos, c = draws(1)
MASK = np.random.default_rng(7).random((3, 4)) < 0.5
WHOLE = np.array([0, 3, -2, 1], np.int16)  # keeps single precision single


def inside(*shape):
    """Between -0.9 and 0.9."""
    return (pos(*shape) - 1.25) * 1.2


def between(*shape):
    """Away from the whole numbers, where rounding jumps."""
    return np.asarray(np.floor(n(*shape) * 3) + 0.4 * pos(*shape) - 0.1)


def large(*shape):
    return np.asarray(9 * n(*shape))


def single(op, *inputs):
    """An op that always computes in double precision: back in that of its last input."""
    return op(*inputs).astype(inputs[-1].dtype)


ARITHMETIC = [
    *[case(op, n(*a), pos(*b)) for op in ("add", "subtract", "multiply", "divide") for a, b in BROADCASTS],
    *[case(op, c(3), c(2, 3)) for op in ("add", "subtract", "multiply", "divide")],
    *[case(op, n(3), c(2, 3)) for op in ("add", "subtract", "multiply", "divide")],
    *[case("power", pos(*a), n(*b)) for a, b in BROADCASTS],
    *[case("power", n(3), k) for k in (0, 1, 2, 3, 4, 5, -1, -2, -3, 3.0)],
    *[case("power", c(3), k) for k in (0, 1, 2, 3, 4, -1, -2, -3, 0.5, 1 + 2j)],
    *[case("power", pos(3), k) for k in (0.5, 1.5, -0.5)],
    case("power", n(3, 4), WHOLE),
    case("power", c(3), c(2, 3)),
    case("power", pos(3), c(3)),
    case("power", 2.0, n(3)),
    case("power", 2, c(3)),
    Case("float_power", (pos(3), n(2, 3)), through=single),
    case("multiply", n(3), 2),
    *[
        case(op, n(*s))
        for op in ("negative", "positive", "square", "cbrt", "abs", "fabs", "sign")
        for s in [(3, 4), ()]
    ],
    *[case(op, pos(3, 4)) for op in ("sqrt", "reciprocal")],
    *[case(op, c(3, 4)) for op in ("negative", "positive", "square", "abs", "sign", "sqrt", "reciprocal")],
    *[case("copysign", n(*a), n(*b)) for a, b in BROADCASTS],
    case("alias", n(3, 4)),
]

EXPONENTIAL = [
    *[case(op, n(*s)) for op in ("exp", "exp2", "expm1", "sigmoid", "erf", "erfc") for s in [(3, 4), (), (0, 2)]],
    *[case(op, pos(*s)) for op in ("log", "log1p", "log2", "log10") for s in [(3, 4), (), (0, 2)]],
    *[case(op, c(3, 4)) for op in ("exp", "exp2", "expm1", "log", "log1p", "log2", "log10", "sigmoid")],
    *[case(op, n(*a), n(*b)) for op in ("logaddexp", "logaddexp2") for a, b in BROADCASTS],
]

CIRCULAR = ("sin", "cos", "tan", "sinh", "cosh", "tanh", "arctan", "arcsinh")
INVERSE = ("arcsin", "arccos", "arctanh")
TRIGONOMETRIC = [
    *[case(op, n(*s)) for op in (*CIRCULAR, "deg2rad", "rad2deg", "sinc") for s in [(3, 4), (), (0, 2)]],
    *[case(op, inside(3, 4)) for op in INVERSE],
    case("arccosh", pos(3, 4) + 1),
    *[case(op, c(3, 4)) for op in (*CIRCULAR, *INVERSE, "arccosh", "sinc")],
    *[case(op, n(*a), n(*b)) for op in ("arctan2", "hypot") for a, b in BROADCASTS],
    *[case(op, 1.0, n(3)) for op in ("arctan2", "hypot", "logaddexp", "copysign")],
    case("sinc", np.array([0.0, 1e-9, 1e-3, -0.3, 0.5, 2.0])),
    case("unwrap", 5 * n(2, 6)),
    case("unwrap", 5 * n(6, 2), axis=0, period=4.0, discont=2.5),
]

ROUNDING = [
    *[
        case(op, between(*s))
        for op in ("floor", "ceil", "trunc", "rint", "modf", "frexp")
        for s in [(3, 4), (), (0, 2)]
    ],
    *[case("round", between(3, 4), decimals=d) for d in (0, 1, -1)],
    *[case(op, large(*a), pos(*b)) for op in ("floor_divide", "remainder", "fmod", "divmod") for a, b in BROADCASTS],
    *[case(op, large(4), -pos(3, 1)) for op in ("floor_divide", "remainder", "fmod", "divmod")],
    *[case(op, n(4), 2) for op in ("floor_divide", "remainder", "fmod", "divmod")],
    case("ldexp", n(3, 4), WHOLE),
]

XP, FP = np.array([-1.0, 0.0, 0.3, 2.0]), n(4)
SELECTION = [
    *[case(op, n(*a), n(*b)) for op in ("maximum", "minimum", "fmax", "fmin") for a, b in BROADCASTS],
    *[case(op, n(3, 4), 0.0) for op in ("maximum", "minimum", "fmax", "fmin")],
    *[
        case(op, n(3, 4), low, high)
        for op in ("clip", "clamped")
        for low, high in [(-0.5, 0.5), (0.1, None), (None, 0)]
    ],
    *[case(op, n(3, 4), n(4) - 1, n(3, 1) + 1) for op in ("clip", "clamped")],
    *[Case(op, (n(3, 4), None, None), numpy=lambda x, low, high: +x) for op in ("clip", "clamped")],
    case("clip", n(3, 4), n(4), None),
    case("clip", n(3, 4), None, n(3, 1)),
    case("clip", n(3, 4), n(3, 1), n(4)),  # in some places the lower limit is the higher one
    case("where", MASK, n(3, 4), n(3, 4)),
    case("where", MASK, n(4), n(3, 1)),
    case("where", MASK, n(3, 4), 0.0),
    case("where", MASK, c(3, 4), n(4)),
    case("where", MASK[0], n(3, 4), n(3, 1)),
    case("where", WHOLE, n(3, 4), 1.0),
    case("where", MASK),
    Case("masked", (n(3, 4), MASK), numpy=lambda x, mask: np.where(mask, x, 0)),
    Case("masked", (n(4), MASK), numpy=lambda x, mask: np.where(mask, x, 0)),
    Case("masked", (c(3, 4), MASK), numpy=lambda x, mask: np.where(mask, x, 0)),
    *[case("heaviside", n(*a), n(*b)) for a, b in BROADCASTS],
    case("heaviside", n(2, 3), 0.5),
    case("nan_to_num", n(3, 4)),
    case("nan_to_num", c(3, 4), nan=1.0, posinf=2.0, neginf=-2.0),
    case("full_like", n(3, 4), n(3, 1)),
    case("full_like", n(3, 4), n(), dtype=np.float64),
    Case("full_like", (n(3), n(2)), {"shape": (3, 2)}),
    case("interp", inside(3, 4), XP, FP),
    case("interp", 3 * n(3, 4), XP, FP),
    case("interp", 3 * n(5), XP, FP, left=0.5, right=-1.0),
    case("interp", 3 * n(5), XP[::-1].copy(), FP, period=5.0),
    case("interp", n(), XP, c(4)),
    case("interp", n(3), XP[:1], FP[:1]),
]

COMPLEX = [
    *[case(op, x) for op in ("real", "imag", "conjugate", "angle", "real_if_close") for x in (c(3, 4), n(3, 4), c())],
    case("angle", c(3), deg=True),
    case("real_if_close", n(3) + 1e-16j),
    Case("astype", (n(3),), {"dtype": np.float64}, numpy=lambda x, dtype: x.astype(dtype)),
]

COUNTING = [
    case("bincount", np.array([0, 3, 3, 1])),
    Case("bincount", (np.array([0, 3, 3, 1]), n(4)), through=single),
    Case(
        "bincount",
        (np.array([0, 3, 3, 1]), n(4)),
        {"minlength": 7},
        through=lambda op, *x, **k: single(lambda *x: op(*x, **k), *x),
    ),
]

CASES = [*ARITHMETIC, *EXPONENTIAL, *TRIGONOMETRIC, *ROUNDING, *SELECTION, *COMPLEX, *COUNTING]

ERRORS = [
    Error("add", (n(2, 3), n(4)), {}, ValueError, r"add: given \(2, 3\), \(4,\)"),
    Error("exp", (np.array(["a"]),), {}, TypeError, "exp"),
    Error("power", (np.array([2, 3]), -1), {}, ValueError, "power: .*negative integer powers"),
    *[Error(op, (c(3),), {}, TypeError, f"{op}: given complex128; needed real") for op in ("erf", "erfc")],
    *[Error(op, (c(3),), {}, TypeError, op) for op in ("cbrt", "fabs", "floor", "deg2rad")],
    *[Error(op, (c(3), c(3)), {}, TypeError, op) for op in ("arctan2", "hypot", "logaddexp", "remainder", "copysign")],
    Error("clip", (n(3), 0.0), {"min": 0.0}, ValueError, "clip: given a limit twice"),
    Error("where", (MASK, n(3, 4)), {}, ValueError, "where: given one of two"),
    Error("nan_to_num", (n(3),), {"copy": False}, ValueError, "nan_to_num: given copy=False"),
    Error("interp", (n(3), n(3), n(4)), {}, ValueError, r"interp: given xp \(3,\) and fp \(4,\)"),
    Error("interp", (n(3), n(0), n(0)), {}, ValueError, "interp: given xp"),
    Error("interp", (n(3), n(3), n(3)), {"period": 0}, ValueError, "interp: given period=0"),
    Error("bincount", (np.array([0, 1]), n(3)), {}, ValueError, "bincount"),
]
