"""Elementwise operations where it matters: at zeros, ties, infinities and nan, and in single precision."""

import inspect
import math

import numpy as np
import pureml_core as pm
import pytest
from core_cases.elementwise import CASES
from hypothesis import given, settings
from hypothesis import strategies as st
from pureml_core import Tensor, gradients
from pureml_core.op import Op

INF, NAN = math.inf, math.nan


def grads(f, *inputs, dtype=np.float64):
    """The gradients of Σ f, one list for each input."""
    xs = [Tensor(np.array(x, dtype), True) for x in inputs]
    f(*xs).backward()
    return [x.grad.tolist() for x in xs]


# name: inputs, and their gradients. No warning is raised on the way back.
POINTS = {
    "sqrt": ([[0.0, 4.0, INF]], [[INF, 0.25, 0.0]]),
    "cbrt": ([[0.0, -8.0]], [[INF, 1 / 12]]),
    "square": ([[0.0, -3.0]], [[0.0, -6.0]]),
    "abs": ([[0.0, -INF, 2.0]], [[0.0, -1.0, 1.0]]),
    "sign": ([[0.0, -INF, 2.0]], [[0.0, 0.0, 0.0]]),
    "exp": ([[-INF, 0.0, -1e3]], [[0.0, 1.0, 0.0]]),
    "expm1": ([[-INF, 0.0, -1e3]], [[0.0, 1.0, 0.0]]),
    "log": ([[INF, 1e3]], [[0.0, 1e-3]]),
    "log1p": ([[INF, 0.0]], [[0.0, 1.0]]),
    "tanh": ([[INF, -1e3, 0.0]], [[0.0, 0.0, 1.0]]),
    "sigmoid": ([[INF, -INF, -1e3, 0.0]], [[0.0, 0.0, 0.0, 0.25]]),
    "erf": ([[INF, 1e3, 0.0]], [[0.0, 0.0, 2 / math.sqrt(math.pi)]]),
    "erfc": ([[INF, 1e3, 0.0]], [[0.0, 0.0, -2 / math.sqrt(math.pi)]]),
    "arcsin": ([[1.0, -1.0, 0.0]], [[INF, INF, 1.0]]),
    "arccos": ([[1.0, -1.0, 0.0]], [[-INF, -INF, -1.0]]),
    "arctan": ([[INF, 1e30, 0.0]], [[0.0, 0.0, 1.0]]),
    "arcsinh": ([[INF, 1e30, 0.0]], [[0.0, 0.0, 1.0]]),
    "arccosh": ([[1.0, INF]], [[INF, 0.0]]),
    "hypot": ([[0.0, 3.0], [0.0, 4.0]], [[0.0, 0.6], [0.0, 0.8]]),
    "arctan2": ([[0.0, 0.0], [0.0, -2.0]], [[0.0, -0.5], [0.0, 0.0]]),
    "logaddexp": ([[-INF, -INF, INF, INF], [-INF, 0.0, 0.0, INF]], [[0.5, 0.0, 1.0, 0.5], [0.5, 1.0, 0.0, 0.5]]),
    "logaddexp2": ([[-INF, -INF, 1e3], [-INF, 0.0, -1e3]], [[0.5, 0.0, 1.0], [0.5, 1.0, 0.0]]),
    "copysign": ([[0.0, -1.0, 2.0], [-1.0, -0.0, 3.0]], [[0.0, 1.0, 1.0], [0.0, 0.0, 0.0]]),
    "remainder": ([[5.0, -5.0, 4.0], [3.0, 3.0, 2.0]], [[1.0, 1.0, 1.0], [-1.0, 2.0, -2.0]]),
    "fmod": ([[5.0, -5.0, 4.0], [3.0, 3.0, 2.0]], [[1.0, 1.0, 1.0], [-1.0, 1.0, -2.0]]),
    "heaviside": ([[-1.0, 0.0, 2.0], [0.5, 0.5, 0.5]], [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
    "nan_to_num": ([[NAN, INF, -INF, 1.0]], [[0.0, 0.0, 0.0, 1.0]]),
    "sinc": ([[0.0, 1.0]], [[0.0, -1.0]]),
    "maximum": ([[1.0, 2.0, 0.0, INF], [1.0, 0.0, 2.0, INF]], [[0.5, 1.0, 0.0, 0.5], [0.5, 0.0, 1.0, 0.5]]),
    "minimum": ([[1.0, 2.0, 0.0, -INF], [1.0, 0.0, 2.0, -INF]], [[0.5, 0.0, 1.0, 0.5], [0.5, 1.0, 0.0, 0.5]]),
    "fmax": ([[1.0, NAN, 0.0, NAN], [1.0, 0.0, NAN, NAN]], [[0.5, 0.0, 1.0, 0.5], [0.5, 1.0, 0.0, 0.5]]),
    "fmin": ([[1.0, NAN, 0.0, 3.0], [1.0, 0.0, NAN, 2.0]], [[0.5, 0.0, 1.0, 0.0], [0.5, 1.0, 0.0, 1.0]]),
    "power": ([[0, 0, 0, 2, 0], [2, 0, 0.5, 3, 1]], [[0, 0, INF, 12, 1], [0, 0, 0, 8 * math.log(2), 0]]),
    "clip": ([[-1.0, 0.0, 0.5, 1.0, 2.0], [0.0] * 5, [1.0] * 5], [[0, 1, 1, 1, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 1]]),
}  # fmt: skip


@pytest.mark.parametrize("name", POINTS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_gradients_at_special_points(name, dtype):
    inputs, expected = POINTS[name]
    for found, wanted in zip(grads(getattr(pm, name), *inputs, dtype=dtype), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-14 if dtype is np.float64 else 1e-6, atol=1e-25)


def test_a_limit_below_the_other_is_numpys():
    x, low, high = [-1.0, 0.5, 3.0], [1.0] * 3, [0.0] * 3
    assert np.clip(Tensor(x), low, high).tolist() == np.clip(x, low, high).tolist()
    assert grads(pm.clip, x, low, high) == [[0.0] * 3, [0.0] * 3, [1.0] * 3]


def test_clip_takes_its_limits_by_every_name():
    x = Tensor([-1.0, 0.5, 3.0], requires_grad=True)
    for y in (
        np.clip(x, 0, 1),
        np.clip(x, a_min=0, a_max=1),
        np.clip(x, min=0, max=1) if "min" in inspect.signature(np.clip).parameters else np.clip(x, 0, 1),  # NumPy 2.1
        pm.clip(x, 0, 1),
        pm.clip(x, min=0, max=1),
        pm.clip(x, a_min=0, a_max=1),
    ):
        assert y.tolist() == [0.0, 0.5, 1.0] and y.requires_grad
    assert pm.clip(x, 0).tolist() == [0.0, 0.5, 3.0] and pm.clip(x, max=0).tolist() == [-1.0, 0.0, 0.0]


def test_what_is_not_chosen_has_no_say_even_if_its_gradient_is_infinite():
    x = [-1.0, 4.0]
    with np.errstate(divide="ignore"):
        assert grads(lambda x: np.log(np.maximum(x, 0.0)), x) == [[0.0, 0.25]]
        assert grads(lambda x: np.log(np.clip(x, 0.0, None)), x) == [[0.0, 0.25]]
        assert grads(lambda x: np.log(np.where(np.greater(x, 0), x, 0.0)), x) == [[0.0, 0.25]]
    assert not np.signbit(grads(lambda x: -np.maximum(x, 0.0), x)[0][0]), "0, not -0"


def test_the_larger_of_nan_is_nan_and_passes_its_gradient_on():
    a, b = grads(np.maximum, [NAN, 1.0], [1.0, NAN])
    assert a[0] == 1.0 and b[1] == 1.0


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(["maximum", "minimum", "fmax", "fmin"]),
    st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2)), min_size=1, max_size=6),
)
def test_two_candidates_share_the_whole_gradient(name, pairs):
    a, b = grads(getattr(np, name), *zip(*pairs, strict=True))
    for x, y, dx, dy in zip(*zip(*pairs, strict=True), a, b, strict=True):
        assert dx + dy == 1.0 and (dx == 0.5) == (x == y)


# Powers


@pytest.mark.parametrize("k", [-3, -2, -1, 0, 1, 2, 3, 4, 5, 0.5, 3.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.int64])
def test_whole_powers_are_numpys_to_the_last_digits(k, dtype):
    x = np.linspace(0.3, 40, 500).astype(dtype)
    if dtype is np.int64:
        if k in (-3, -2, -1):
            return
        assert np.array_equal((Tensor(x) ** k).data, x**k) and (Tensor(x) ** k).dtype == (x**k).dtype
        return
    y = Tensor(x) ** k
    assert y.dtype == (x**k).dtype
    exact = x.astype(np.complex128 if dtype is np.complex64 else np.float64) ** k
    np.testing.assert_allclose(y.data, exact, rtol=4 * np.finfo(dtype).eps)


def test_powers_at_zero_have_higher_derivatives():
    def derivatives(b):
        x = Tensor([0.0], requires_grad=True)
        y, found = x**b, []
        while y.requires_grad:
            found.append(y.item())
            y = gradients(y, [x], create_graph=True)[0]
        return [*found, y.item()]

    assert derivatives(0) == [1.0, 0.0]
    assert derivatives(1) == [0.0, 1.0]
    assert derivatives(2) == [0.0, 0.0, 2.0]
    assert derivatives(3) == [0.0, 0.0, 0.0, 6.0]


def test_the_mixed_derivative_of_a_power_is_right_at_exponent_zero():
    a, b = Tensor([2.0], requires_grad=True), Tensor([0.0], requires_grad=True)
    da = gradients(a**b, [a], create_graph=True)[0]
    assert gradients(da, [b])[0].tolist() == [0.5]  # d/db b aᵇ⁻¹ = 1/a


def test_unsigned_exponents():
    x = Tensor([0.0, 2.0], requires_grad=True)
    (x ** np.array([0, 3], np.uint8)).backward()
    assert x.grad.tolist() == [0.0, 12.0]


def test_a_negative_base_warns_of_nothing_unless_its_exponent_needs_a_gradient():
    assert grads(lambda x: x ** np.array([3.0, 2.0]), [-2.0, -1.0]) == [[12.0, -2.0]]


# Approximations


@pytest.mark.parametrize("name", ["erf", "erfc"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_error_function_to_the_last_digits(name, dtype):
    x = np.concatenate([np.linspace(-7, 8, 4001), [0.46875, -0.46875, 4.0, 1e-30, -0.0]]).astype(dtype)
    y = getattr(pm, name)(Tensor(x))
    exact = [getattr(math, name)(v) for v in x.tolist()]
    assert y.dtype == dtype
    np.testing.assert_allclose(y.data, exact, rtol=6 * np.finfo(dtype).eps, atol=0)


def test_the_error_function_of_anything():
    assert pm.erf(Tensor([-INF, INF, -0.0, 30.0])).tolist() == [-1.0, 1.0, 0.0, 1.0]
    assert pm.erfc(Tensor([-INF, INF, 0.0, 30.0])).tolist() == [2.0, 0.0, 1.0, 0.0]
    assert np.isnan(pm.erf(NAN).item()) and np.isnan(pm.erfc(NAN).item())
    assert pm.erf(1).item() == pytest.approx(math.erf(1), rel=1e-15) and pm.erf(np.zeros((2, 0))).shape == (2, 0)
    assert pm.erf(np.float16(1)).dtype == np.float16
    large = np.random.default_rng(0).standard_normal((3, 20_000))
    assert pm.erf(large).data[2, 19_999] == pytest.approx(math.erf(large[2, 19_999]), rel=1e-15)


def test_sinc_has_its_derivatives_at_zero():
    x = Tensor(0.0, requires_grad=True)
    y, found = np.sinc(x), []
    for _ in range(4):
        y = gradients(y, [x], create_graph=True)[0]
        found.append(y.item())
    np.testing.assert_allclose(found, [0.0, -(math.pi**2) / 3, 0.0, math.pi**4 / 5], rtol=1e-12, atol=1e-12)


def test_sinc_has_an_exact_slope_near_zero():
    x = np.array([1e-9, 1e-5, 0.01])
    np.testing.assert_allclose(grads(np.sinc, x)[0], -(math.pi**2) * x / 3 + math.pi**4 * x**3 / 30, rtol=1e-7)


# Complex numbers


def test_complex_numbers_at_zero():
    z = Tensor(np.array([0j, 3 + 4j]), requires_grad=True)
    for f, expected in [
        (np.abs, [0, 0.6 + 0.8j]),
        (np.angle, [0, (-4 + 3j) / 25]),
        (lambda z: np.real(np.sign(z)), [0, (16 - 12j) / 125]),
    ]:
        z.zero_grad()
        f(z).backward()
        np.testing.assert_allclose(z.grad, expected, rtol=1e-14)


def test_nan_to_num_replaces_parts_of_complex_numbers():
    z = Tensor(np.array([complex(NAN, 1.0), complex(2.0, INF)]), requires_grad=True)
    y = np.nan_to_num(z)
    (np.real(y) + np.imag(y)).backward()
    assert z.grad.tolist() == [1j, 1 + 0j]


# Precision


@pytest.mark.parametrize("case", CASES, ids=str)
def test_vjps_compute_in_single_precision(case):
    op = getattr(case.op, "op", None)
    if not isinstance(op, Op) or case.name in ("astype", "bincount"):
        return
    single = {"f": np.float32, "c": np.complex64}
    xs = [x.astype(single[x.dtype.kind]) if getattr(x, "dtype", np.dtype(int)).kind in "fc" else x for x in case.inputs]
    y, *vjps = op.body(*xs, **case.settings)
    incoming = [np.ones(np.shape(v), np.asarray(v).dtype) for v in (y if isinstance(y, tuple) else (y,))]
    for x, vjp in zip(xs, vjps, strict=False):  # trailing data may be left out
        if vjp is not None and getattr(x, "dtype", None) in (np.float32, np.complex64):
            assert vjp(*incoming).dtype in (np.float32, np.complex64)


# What has no gradient

X = np.array([[1.0, NAN, -2.0], [0.0, INF, 4.0]])
N = np.array([[1, 2, 3], [4, 5, 6]])
INPUTS = [  # for the names
    ((X,), "isnan isinf isfinite isposinf isneginf signbit iscomplex isreal iscomplexobj isrealobj logical_not"),
    ((X,), "nonzero flatnonzero argwhere count_nonzero argsort argmax argmin nanargmax nanargmin unique"),
    ((X,), "zeros_like ones_like"),
    ((X, 1.0), "equal not_equal less less_equal greater greater_equal"),
    ((X, X[0]), "logical_and logical_or logical_xor isclose array_equal array_equiv allclose"),
    ((N,), "all any invert lexsort histogram histogram_bin_edges histogramdd"),
    ((N, N[0]), "isin union1d intersect1d setdiff1d setxor1d"),
    ((N, 2), "bitwise_and bitwise_or bitwise_xor left_shift right_shift gcd lcm argpartition"),
    ((N[0], 2.5), "searchsorted"),
    ((X, N[0]), "digitize"),
    ((N[0], N[1]), "histogram2d"),
    ((N > 2,), "packbits"),
    ((N.astype(np.uint8),), "unpackbits"),
]
UNTRACKED = {name: inputs for inputs, names in INPUTS for name in names.split()}


@pytest.mark.parametrize("name", UNTRACKED)
def test_functions_without_a_gradient_take_tracked_tensors(name):
    def tensor(x):
        return Tensor(x, getattr(x, "dtype", np.dtype(int)).kind == "f") if isinstance(x, np.ndarray) else x

    numpy, inputs = getattr(np, name), UNTRACKED[name]
    expected = numpy(*inputs)
    for f in (numpy, getattr(pm, name)):
        compared(f(*map(tensor, inputs)), expected)


def compared(found, expected):
    if isinstance(expected, tuple | list):
        assert type(found) is type(expected) and len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            compared(a, b)
    elif isinstance(expected, np.ndarray | np.generic):
        assert isinstance(found, Tensor) and not found.requires_grad and found.dtype == expected.dtype
        np.testing.assert_array_equal(found.data, expected)
    else:
        assert found == expected


def test_they_take_numpys_keywords():
    x = Tensor(X, requires_grad=True)
    assert np.argmax(x, axis=1, keepdims=True).tolist() == np.argmax(X, axis=1, keepdims=True).tolist()
    assert pm.any(x > 0, axis=0, keepdims=True).shape == (1, 3)
    assert pm.all(x > 0, where=[True, False, False]).item() is False
    assert np.argsort(x, axis=0, stable=True).tolist() == np.argsort(X, axis=0, stable=True).tolist()
    assert sorted(np.unique_values(Tensor(N)).tolist()) == [1, 2, 3, 4, 5, 6]
    assert np.unique_counts(Tensor(N)).counts.tolist() == [1] * 6
    out = Tensor(np.zeros(2, bool))
    assert np.any(Tensor(X), axis=1, out=out) is out and out.tolist() == [True, True]


def test_arrays_like_a_tracked_tensor_are_untracked():
    x = Tensor(np.ones((2, 3), np.float32), requires_grad=True)
    for y in (np.zeros_like(x), np.ones_like(x), np.empty_like(x), np.full_like(x, 2), pm.zeros_like(x, dtype=int)):
        assert isinstance(y, Tensor) and not y.requires_grad and y.shape == (2, 3)
    assert np.full_like(x, 2).dtype == np.float32


def test_the_weights_of_a_histogram_are_not_cut_off_in_silence():
    w = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(TypeError, match="detach"):
        np.histogram([0.0, 1.0], bins=2, weights=w)
    np.bincount(np.array([1, 1]), w).backward(np.array([5.0, 7.0]))
    assert w.grad.tolist() == [7.0, 7.0]


# NumPy's calls


def test_numpys_other_names_lead_to_the_same_operation():
    x = Tensor([0.3, 0.6], requires_grad=True)
    for name in (
        *(
            "abs",
            "absolute",
            "fabs",
            "around",
            "fix",
            "radians",
            "degrees",
            "conj",
            "mod",
            "true_divide",
            "float_power",
        ),
        *("acos", "asin", "atan", "acosh", "asinh", "atanh", "atan2", "pow", "divmod", "modf", "frexp", "ldexp"),
    ):
        f = getattr(np, name, None)
        if f is not None:
            two = name in ("mod", "true_divide", "float_power", "atan2", "pow", "divmod", "ldexp")
            y = f(x + 1, 2) if two else f(x + 1 if name == "acosh" else x)
            first = y[0] if isinstance(y, tuple) else y
            assert first.requires_grad and hasattr(pm, name), name


def test_numpys_astype_and_where():
    x = Tensor([0.0, 2.0], requires_grad=True)
    if hasattr(np, "astype"):
        y = np.astype(x, np.float32)
        assert y.dtype == np.float32 and y.requires_grad
    assert [i.tolist() for i in np.where(x)] == [[1]]


def test_interpolation_flows_into_all_that_it_is_given():
    xp, fp = [0.0, 1.0, 3.0], [0.0, 2.0, 0.0]
    x, dxp, dfp = grads(np.interp, [0.25, 2.0, -1.0, 9.0], xp, fp)
    assert x == [2.0, -1.0, 0.0, 0.0]
    assert dfp == [0.75 + 1.0, 0.25 + 0.5, 0.5 + 1.0]
    np.testing.assert_allclose(dxp, [-2.0 * 0.75, -2.0 * 0.25 + 1.0 * 0.5, 0.5], rtol=1e-14)
