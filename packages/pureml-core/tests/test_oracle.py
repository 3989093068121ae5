"""PyTorch as a second opinion: values and gradients of every operation that it also has, to 1e-10.

Run by `hatch run oracle:test`. The rows of the table of operations (see `core_cases`) are compared, then larger
random inputs, then the special points of elementwise functions.
"""

import functools

import numpy as np
import pureml_core as pm
import pytest
from pureml_core import Tensor

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch's

from core_cases import CASES, Case, decomposition, elementwise  # noqa: E402
from core_cases.case import case, draws  # noqa: E402
from core_cases.checks import is_floating, values  # noqa: E402
from core_cases.in_torch import IN_TORCH, NOT_IN_TORCH, Incomparable  # noqa: E402

# ---- what is determined, of values that are not: signs, phases


def symmetric(op, a, **settings):
    """Of functions that read one triangle."""
    return op((a + a.swapaxes(-1, -2).conj()) / 2, **settings)


def vectors_by_phase(op, a, **settings):
    """Of eigenvectors v: v vᴴ, which does not change with their signs or phases."""
    w, V = op(a, **settings)
    return w, V[..., None, :] * V[..., None, :, :].conj()


def eigenvectors(op, a, **settings):
    return symmetric(lambda a: vectors_by_phase(op, a, **settings), a)


def singular_vectors(op, a, compute_uv=True, **settings):
    """Of singular vectors: σ, uᵢ vᵢᴴ and uᵢ uᵢᴴ, which do not change with the sign or phase of a pair."""
    if settings.get("hermitian"):
        a = (a + a.swapaxes(-1, -2).conj()) / 2
    if not compute_uv:
        return op(a, compute_uv=False, **settings)
    U, s, Vh = op(a, **settings)
    k = s.shape[-1]
    u, vh = U[..., :k].swapaxes(-1, -2)[..., None], Vh[..., :k, :]
    return s, u * vh[..., None, :], u * u.swapaxes(-1, -2).conj()


THROUGH = {
    **dict.fromkeys(("cholesky", "eigvalsh", "pinv"), symmetric),
    "eig": vectors_by_phase,
    "eigh": eigenvectors,
    "svd": singular_vectors,
}


def through_of(row):
    """How both libraries are called: as the row has it, or by a way that PyTorch can go too."""
    if row.through is None and row.name not in ("eig", "eigh", "svd"):
        return None
    if row.through is elementwise.single:  # back in the precision of the input, which is double here
        return None
    return THROUGH.get(row.name, row.through)


def both(ours, theirs, inputs, settings):
    """(what, in ours, in PyTorch) of every value, and of the gradients that the same random incoming ones give."""
    rng = np.random.default_rng(0)
    xs = [Tensor(x.copy(), True) if is_floating(x) else x for x in inputs]
    ts = [torch.tensor(x, requires_grad=is_floating(x)) if isinstance(x, np.ndarray) else x for x in inputs]
    ys, us = values(ours(*xs, **settings)), values(theirs(*ts, **settings))
    for i, (y, u) in enumerate(zip(ys, us, strict=True)):
        yield f"value {i}", y.detach().numpy(), u.numpy(force=True)
        g = np.asarray(rng.standard_normal(u.shape))
        g = g + 1j * rng.standard_normal(u.shape) if u.is_complex() else g
        if y.requires_grad:
            y.backward(g, keep_graph=True)
        if u.requires_grad:
            u.backward(torch.as_tensor(g), retain_graph=True)
    for i, (x, t) in enumerate(zip(xs, ts, strict=True)):
        if isinstance(x, Tensor):
            zero = np.zeros_like(x.data)
            dx = zero if x.grad is None else np.asarray(x.grad)
            yield f"gradient {i}", dx, zero if t.grad is None else t.grad.numpy(force=True)


def agree(a, b):
    with np.errstate(invalid="ignore"):
        return (a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= 1e-10 * np.maximum(1, np.abs(b)))


def compare(ours, theirs, inputs, settings):
    with np.errstate(all="ignore"):
        for what, a, b in both(ours, theirs, inputs, settings):
            assert a.shape == b.shape, f"{what}: {a.shape}, in PyTorch {b.shape}"
            assert agree(a, b).all(), f"{what}:\n{a}\nin PyTorch:\n{b}"


def compare_row(row):
    ours, theirs, through = row.op, IN_TORCH[row.name], through_of(row)
    if through is not None:
        ours, theirs = functools.partial(through, ours), functools.partial(through, theirs)
    try:
        compare(ours, theirs, row.inputs, row.settings)
    except Incomparable as reason:
        pytest.skip(str(reason))


def test_every_operation_is_compared_or_has_a_reason():
    records = [*pm.OPS.values(), *pm.COMPOSED.values()]
    ours = {record.name for record in records if record.key.startswith("pureml_core.")}
    assert ours == IN_TORCH.keys() | NOT_IN_TORCH.keys()
    assert not IN_TORCH.keys() & NOT_IN_TORCH.keys()


@pytest.mark.parametrize("row", [row for row in CASES if row.name in IN_TORCH], ids=str)
def test_rows(row):
    compare_row(row)


# ---- larger random inputs

n, pos, c = draws(31)
rng = np.random.default_rng(31)

LARGE = n(6, 7, 9)
SPARSE = np.where(rng.random((6, 7, 8)) < 0.15, 0.0, n(6, 7, 8))
TABLE = n(40, 6)
ROWS = rng.integers(-40, 40, 150)
REGULAR = [decomposition.regular(f, 3, 20, 20) for f in (n, c)]
MASK = rng.random((6, 7, 9)) < 0.4

PRODUCTS = [
    *[
        case("matmul", f(*a), f(*b))
        for f in (n, c)
        for a, b in [
            ((8, 40, 30), (30, 20)),
            ((5, 1, 20, 30), (6, 30, 10)),
            ((70,), (4, 70, 9)),
            ((4, 9, 70), (70,)),
            ((128, 65), (65, 127)),
        ]
    ],
    case("einsum", "bhqd,bhkd->bhqk", n(2, 4, 16, 8), n(2, 4, 12, 8)),
    case("einsum", "nchw,ock,kw->no", n(3, 4, 5, 6), n(7, 4, 8), n(8, 6)),
    case("einsum", "...ii,ij->...j", c(3, 5, 9, 9), c(9, 4)),
    case("tensordot", n(6, 7, 8), n(8, 9, 6), axes=((0, 2), (2, 0))),
    case("kron", n(7, 5), n(6, 8)),
    case("multi_dot", n(20, 3), n(3, 40), n(40, 5), n(5, 30)),
    case("cross", n(30, 3), n(5, 30, 3)),
    case("vdot", c(50), c(50)),
]

REDUCED = [
    *[
        case(op, LARGE, axis=axis, keepdims=True)
        for op in ("sum", "mean", "max", "min", "prod", "var", "std", "median", "logsumexp", "ptp")
        for axis in (None, 1, (0, -1))
    ],
    *[case(op, n(20, 30), axis=axis, ddof=1) for op in ("var", "std") for axis in (None, 0, 1)],
    *[case(op, SPARSE, axis=axis) for op in ("prod", "cumprod") for axis in (None, 0, 1, 2)],
    *[case(op, LARGE, axis=axis) for op in ("cumsum", "logcumsumexp", "sort", "trapezoid") for axis in (0, -1)],
    *[
        case(op, 30 * n(40, 50), axis=axis)
        for op in ("softmax", "log_softmax", "logsumexp")
        for axis in (0, -1, None, (0, 1))
    ],
    *[case("topk", n(20, 31), k=k, axis=axis, largest=up) for k in (1, 7) for axis in (0, 1) for up in (True, False)],
    case("quantile", n(20, 31), q=[0.01, 0.2, 0.5, 0.77], axis=1),
    *[case("vector_norm", f(20, 30), axis=1, ord=p) for f in (n, c) for p in (0, 0.5, 1, 2, 3, -1, np.inf, -np.inf)],
    *[case("matrix_norm", n(3, 9, 12), ord=p) for p in ("fro", "nuc", 2, -2, 1, -1, np.inf, -np.inf)],
    case("cov", n(6, 40)),
    case("corrcoef", n(6, 40)),
    case("gradient", n(20, 30)),
]

SOLVED = [
    *[case(op, a) for a in REGULAR for op in ("inv", "det", "slogdet", "eig", "eigvals", "pinv")],
    *[case("solve", a, f(*b)) for a, f in zip(REGULAR, (n, c), strict=True) for b in [(20,), (3, 20, 4), (20, 6)]],
    *[case("eigh", a) for a in REGULAR],
    *[case("eigvalsh", a, UPLO=uplo) for a in REGULAR for uplo in "LU"],  # whatever the other triangle holds
    *[case("cholesky", decomposition.definite(n, 3, 20, 20), upper=upper) for upper in (False, True)],
    *[
        Case("cholesky", (decomposition.definite(c, 3, 20, 20),), {"upper": k}, through=symmetric)
        for k in (False, True)
    ],
    *[case(op, f(*s)) for f in (n, c) for op in ("svd", "svdvals", "qr", "pinv") for s in [(3, 15, 9), (2, 6, 17)]],
    case("lstsq", n(30, 8), n(30, 3)),
    case("pinv", decomposition.of_rank(3, n, 8, 6)),
    case("matrix_power", REGULAR[0] / 20, n=5),
]

MOVED = [
    *[case("pad", n(9, 12), pad_width=((3, 5), (8, 2)), mode=mode) for mode in ("constant", "edge", "reflect", "wrap")],
    case("roll", LARGE, shift=(4, -5), axis=(0, 2)),
    case("flip", LARGE, axis=(0, 2)),
    case("rot90", LARGE, k=3, axes=(2, 0)),
    case("repeat", LARGE, repeats=rng.integers(0, 4, 7), axis=1),
    case("tile", LARGE, reps=(2, 1, 3)),
    case("getitem", LARGE, index=MASK),
    case("getitem", LARGE, index=(slice(1, None, 2), rng.integers(-7, 7, (5, 4)), rng.integers(-9, 9, (5, 1)))),
    case("getitem", LARGE, index=(rng.integers(-6, 6, 8), slice(None), rng.integers(-9, 9, 8))),
    case("getitem", TABLE, index=ROWS),
    case("take", TABLE, indices=ROWS.reshape(15, 10), axis=0),
    case("take_along_axis", LARGE, indices=rng.integers(0, 7, (6, 12, 9)), axis=1),
    case("scatter_add", n(150, 6), index=ROWS, shape=(40, 6)),
    *[case(f"index_{how}", TABLE, n(150, 6), index=ROWS) for how in ("set", "add", "multiply", "max", "min")],
    case("select", [MASK, LARGE > 0], n(2, 6, 7, 9)),
    case("where", MASK, LARGE, n(9)),
]

SIGNALS = [
    *[
        case(op, f(4, k), norm=norm)
        for op in ("fft", "ifft")
        for f in (n, c)
        for k in (97, 128)
        for norm in (None, "ortho")
    ],
    *[case("rfft", n(4, k), n=m) for k in (97, 128) for m in (None, 60, 150)],
    *[case("irfft", c(4, 50), n=m) for m in (None, 60, 97, 150)],
    *[case(op, c(3, 12, 15), s=(10, 20), axes=(0, 2)) for op in ("fftn", "ifftn", "irfftn")],
    *[case(op, n(60), n(17), mode=mode) for op in ("convolve", "correlate") for mode in ("full", "same", "valid")],
    *[
        case("unfold", n(2, 3, 20, 21), size=(3, 4), stride=stride, dilation=dilation)
        for stride in (1, 2, (3, 5))
        for dilation in (1, 2, (3, 1))
    ],
    *[
        case("interpolate", n(2, 3, 17, 23), **resized, mode=mode, align_corners=align)
        for resized in (
            {"size": (40, 11)},
            {"size": (17, 50)},
            {"scale": (1.7, 0.6)},
            {"scale": 2},
            {"scale": (3, 0.5)},
        )
        for mode, align in (("nearest", False), ("linear", False), ("linear", True))
    ],
]

WIDE = 8 * n(300)
ELEMENTWISE = [
    *[
        case(op, WIDE)
        for op in (
            *("abs", "sign", "exp", "expm1", "exp2", "sigmoid", "erf", "erfc", "tanh", "sinh", "cosh", "sin", "cos"),
            *("tan", "arctan", "arcsinh", "sinc", "square", "reciprocal", "cbrt"),
        )
    ],
    *[case(op, np.exp(WIDE)) for op in ("log", "log1p", "log2", "log10", "sqrt", "cbrt")],
    *[case(op, np.tanh(WIDE / 8)) for op in ("arcsin", "arccos", "arctanh")],
    case("arccosh", 1 + np.exp(WIDE / 8)),
    *[
        case(op, WIDE, n(300))
        for op in (
            *("arctan2", "hypot", "logaddexp", "logaddexp2", "maximum", "minimum", "fmax", "fmin", "divide"),
            *("remainder", "fmod", "floor_divide"),
        )
    ],
    case("power", np.exp(WIDE / 8), n(300)),
    case("clip", WIDE, n(300) - 2, n(300) + 2),
]


@pytest.mark.parametrize("row", [*PRODUCTS, *REDUCED, *SOLVED, *MOVED, *SIGNALS, *ELEMENTWISE], ids=str)
def test_larger(row):
    compare_row(row)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dilation", [1, 2])
def test_convolution_is_windows_times_weights(stride, dilation):
    def ours(x, w):
        return np.einsum("nchwij,ocij->nohw", pm.unfold(x, w.shape[2:], stride, dilation), w)

    def theirs(x, w):
        return torch.nn.functional.conv2d(x, w, stride=stride, dilation=dilation)

    compare(ours, theirs, (n(2, 3, 11, 12), n(4, 3, 3, 2)), {})


# ---- edges: ties, zeros, infinities

EDGE = np.array(
    [
        [0, -np.inf, 1],
        [-np.inf, -np.inf, -np.inf],
        [np.inf, 0, 1],
        [np.inf, np.inf, 0],
        [np.nan, 0, 1],
        [1e3, -1e3, 1e3],
    ]
)
TIES = np.array([[1.0, 1.0, 0.0, 2.0], [2.0, -1.0, 2.0, 2.0], [0.0, 0.0, 0.0, 0.0]])
PLACES = [0, 1, 1, 3]

EDGES = [
    *[
        case(op, TIES, axis=axis)
        for op in ("max", "min", "ptp", "nanmax", "nanmin", "sort", "prod", "cumprod", "var", "std", "logsumexp")
        for axis in (0, 1)
    ],
    *[case("vector_norm", x, ord=p, axis=1) for x in (TIES, 0 * TIES) for p in (0, 1, 1.5, 2, 3, np.inf, -np.inf)],
    *[
        case("matrix_norm", x, ord=p)
        for x in (TIES, 0 * TIES, np.eye(3))
        for p in ("fro", "nuc", 2, -2, 1, -1, np.inf, -np.inf)
    ],
    *[case(op, np.zeros((3, 3))) for op in ("norm", "std", "var", "prod", "cumprod", "svdvals", "eigvalsh")],
    *[case(op, EDGE, axis=1) for op in ("softmax", "log_softmax", "logsumexp", "logcumsumexp", "sum", "mean", "prod")],
    *[case(op, EDGE, axis=1) for op in ("cumsum", "sort", "std", "var", "nansum", "nanmean", "nanmax", "nanmin")],
    *[case(op, EDGE[:4], axis=1) for op in ("max", "min")],
    *[
        case(f"index_{how}", x, v, index=PLACES)
        for how in ("set", "add", "multiply", "max", "min")
        for x, v in [
            (np.array([1.0, 2, 3, 2]), np.array([2.0, 2, 1, 1])),
            (np.zeros(4), np.zeros(4)),
            (np.arange(4.0), np.array([2.0, 0, 1, 0])),
        ]
    ],
    case("clip", np.array([0.5, -0.5, 0, 1, np.inf, -np.inf]), -0.5, 0.5),
    case("where", TIES > 0, EDGE[:3, [0, 1, 2, 0]], np.nan * TIES),
    case("slogdet", -np.eye(3)),
]


@pytest.mark.parametrize("row", EDGES, ids=str)
def test_edges(row):
    compare_row(row)


POINTS = np.array([0, -0.0, 1, -1, 0.5, -0.5, 2, 3, -3, 1e-3, 1e3, -1e3, 1e-200, 1e200, np.inf, -np.inf, np.nan])
PAIRS = tuple(x.ravel() for x in np.meshgrid(POINTS, POINTS))
ONE = (
    *("abs", "fabs", "negative", "positive", "reciprocal", "sign", "sqrt", "square", "cbrt", "exp", "exp2", "expm1"),
    *("log", "log10", "log1p", "log2", "sigmoid", "erf", "erfc", "arccos", "arccosh", "arcsin", "arcsinh", "arctan"),
    *("arctanh", "cos", "cosh", "deg2rad", "rad2deg", "sin", "sinh", "tan", "tanh", "ceil", "floor", "trunc", "rint"),
    *("round", "modf", "nan_to_num"),
)
TWO = (
    *("add", "subtract", "multiply", "divide", "power", "float_power", "copysign", "hypot", "arctan2", "logaddexp"),
    *("logaddexp2", "maximum", "minimum", "fmax", "fmin", "remainder", "fmod", "floor_divide"),
)

# Where values or gradients are not PyTorch's, and why.
DIFFERENT = {
    "abs": (np.isnan, "nan has no sign: its slope is nan; PyTorch says 0"),
    "fabs": (np.isnan, "as abs"),
    "sign": (np.isnan, "NumPy's sign of nan is nan; PyTorch says 0"),
    "cbrt": (lambda x: x == 0, "an infinite slope; PyTorch, which has powers only, finds 0 · inf"),
    "arccosh": (lambda x: x <= -1, "undefined there, and so is its slope; PyTorch gives the formula's"),
    "modf": (np.isinf, "NumPy's fraction of inf is 0; PyTorch's is nan"),
    "copysign": (lambda a, b: np.isinf(a), "the slope is ±1; PyTorch computes inf / inf"),
    "hypot": (lambda a, b: (a == 0) & (b == 0), "0, as of any norm; PyTorch computes 0 / 0"),
    "arctan2": (lambda a, b: np.hypot(a, b) < 1e-160, "PyTorch squares small numbers to 0"),
    "logaddexp": (lambda a, b: np.isinf(a) & (a == b), "equal ones share the gradient; PyTorch computes inf - inf"),
    "logaddexp2": (lambda a, b: np.isinf(a) & (a == b), "as logaddexp"),
    "fmax": (lambda a, b: (a == b) | (np.isnan(a) & np.isnan(b)), "equal ones share the gradient; PyTorch: the first"),
    "fmin": (lambda a, b: (a == b) | (np.isnan(a) & np.isnan(b)), "as fmax"),
    "remainder": (lambda a, b: (a == 1e200) & (b == 1e-200), "NumPy's value; PyTorch's is nan"),
    "fmod": (lambda a, b: (a == 1e200) & (b == 1e-200), "as remainder"),
}


@pytest.mark.parametrize(("name", "inputs"), [*((f, (POINTS,)) for f in ONE), *((f, PAIRS) for f in TWO)])
def test_special_points(name, inputs):
    excused = DIFFERENT[name][0](*inputs) if name in DIFFERENT else np.zeros(inputs[0].shape, bool)
    needed = False
    with np.errstate(all="ignore"):
        for what, a, b in both(getattr(pm, name), IN_TORCH[name], inputs, {}):
            differ = ~agree(a, b)
            needed |= differ.any()
            bad = differ & ~excused
            assert not bad.any(), f"{what} at {[x[bad] for x in inputs]}: {a[bad]}, in PyTorch {b[bad]}"
    assert needed == (name in DIFFERENT), "PyTorch agrees now: take it out of DIFFERENT"


# The same for functions of whole arrays: rows that PyTorch's function does not agree with, and why.
DELIBERATE = [
    (
        case("max", EDGE[4:5], axis=1),
        IN_TORCH["max"],
        "the gradient goes to nan, the maximum; PyTorch gives nan to all",
    ),
    (case("min", EDGE[4:5], axis=1), IN_TORCH["min"], "as max"),
    (case("median", EDGE[1:2], axis=1), IN_TORCH["median"], "between -inf and -inf lies -inf; PyTorch: inf - inf"),
    (case("cumprod", EDGE[2:3], axis=1), IN_TORCH["cumprod"], "products alone; PyTorch divides inf by inf"),
    (case("clip", np.zeros(1), np.ones(1), np.ones(1)), IN_TORCH["clip"], "equal limits; PyTorch drops the gradient"),
    (case("clip", np.full(1, np.nan), 0.0, 1.0), IN_TORCH["clip"], "nan passes its gradient on, as in maximum"),
    (
        case("cholesky", decomposition.definite(c, 3, 3)),
        torch.linalg.cholesky,
        "the diagonal is real: an imaginary gradient of it is nothing; PyTorch's leads out of Hermitian matrices",
    ),
    (
        case("arccosh", 1 + 1e-9 * pos(3)),
        torch.arccosh,
        "√(x - 1) √(x + 1); PyTorch's √(x² - 1) loses half of the digits near 1",
    ),
    (case("det", np.diag([1.0, 2.0, 0.0])), torch.linalg.det, "cofactors; PyTorch moves a singular matrix a little"),
    (case("slogdet", np.zeros((3, 3))), lambda a: tuple(torch.linalg.slogdet(a)), "-inf has no slope, 0; PyTorch: nan"),
    (
        case("index_set", np.zeros(3), n(2), index=[1, 1]),
        lambda x, v, index: x.index_put((torch.tensor(index),), v),
        "what is overwritten has no gradient; PyTorch gives it one",
    ),
    (case("sinc", np.array([1e-9])), torch.sinc, "-π²x/3; PyTorch subtracts like numbers"),
    (
        case("ldexp", n(3), np.array([-1, 0, 1])),
        torch.ldexp,
        "g 2ⁿ; PyTorch computes 2ⁿ in whole numbers, 0 for negative n",
    ),
]


@pytest.mark.parametrize(("row", "theirs"), [pair[:2] for pair in DELIBERATE], ids=str)
def test_deliberate_differences(row, theirs):
    with pytest.raises(AssertionError, match="in PyTorch"):
        compare(row.op, theirs, row.inputs, row.settings)
