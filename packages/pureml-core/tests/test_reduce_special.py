"""Reductions, sorting, cumulative operations at special points: ties, zeros, nan, infinities, nothing at all."""

import numpy as np
import pureml_core as pm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from pureml_core import Tensor, check_vjp, gradients

inf, nan = np.inf, np.nan


def slope(f, x, **kwargs):
    """The gradient of the sum of f(x)."""
    x = Tensor(x, requires_grad=True)
    f(x, **kwargs).backward()
    return x.grad


def second(f, x):
    """The gradient of the sum of the gradient's squares."""
    x = Tensor(x, requires_grad=True)
    (dx,) = gradients(f(x).sum(), [x], create_graph=True)
    return gradients((dx * dx).sum(), x).data


# ---- extremes


@pytest.mark.parametrize("f", [pm.max, pm.nanmax, lambda x, **s: -pm.min(-x, **s), lambda x, **s: -pm.nanmin(-x, **s)])
def test_equal_extremes_share_evenly(f):
    assert_array_equal(slope(f, [[3.0, 1.0, 3.0], [0.0, 3.0, 2.0]]), [[1 / 3, 0, 1 / 3], [0, 1 / 3, 0]])
    assert_array_equal(slope(f, [[3.0, 1.0, 3.0], [0.0, 3.0, 2.0]], axis=1), [[0.5, 0, 0.5], [0, 1, 0]])
    assert_array_equal(slope(f, [-inf, -inf]), [0.5, 0.5])
    assert_array_equal(slope(f, [inf, 1.0]), [1.0, 0.0])


def test_a_range_of_equal_values_has_gradient_zero():
    assert_array_equal(slope(pm.ptp, [2.0, 2.0]), [0.0, 0.0])
    assert_array_equal(slope(pm.ptp, [2.0, 5.0, 3.0]), [-1.0, 1.0, 0.0])


def test_nan_is_what_an_extreme_picks():
    assert_array_equal(slope(pm.max, [[1.0, nan, nan], [1.0, 2.0, 0.0]], axis=1), [[0, 0.5, 0.5], [0, 1, 0]])
    assert_array_equal(slope(pm.min, [1.0, nan]), [0.0, 1.0])


# ---- nan left out


@pytest.mark.parametrize("name", ["nansum", "nanmean", "nanmax", "nanmin", "nanprod", "nanvar", "nanstd", "nanmedian"])
def test_nan_entries_have_gradient_zero(name):
    f = getattr(pm, name)
    dx = slope(f, [[1.0, nan, 3.0], [nan, 2.0, 5.0]], axis=1)
    assert dx[0, 1] == dx[1, 0] == 0
    assert np.isfinite(dx).all()


@pytest.mark.filterwarnings("ignore:.*(slice|NaN).*:RuntimeWarning")
@pytest.mark.parametrize("name", ["nansum", "nanmean", "nanmax", "nanmin", "nanprod", "nanvar", "nanstd", "nanmedian"])
def test_nothing_but_nan_has_gradient_zero(name):
    f = getattr(pm, name)
    x = Tensor([[nan, nan], [1.0, 3.0]], requires_grad=True)
    y = f(x, axis=1)
    assert_array_equal(y.numpy(), getattr(np, name)(x.numpy(), axis=1))
    y.backward()
    assert_array_equal(x.grad[0], [0.0, 0.0])
    assert np.isfinite(x.grad[1]).all()


@pytest.mark.filterwarnings("ignore:All-NaN slice:RuntimeWarning")
def test_quantiles_of_what_is_not_nan():
    x = [[1.0, nan, 3.0, 2.0], [nan, nan, nan, nan]]
    assert_array_equal(slope(pm.nanquantile, x, q=0.25, axis=1), [[0.5, 0, 0, 0.5], [0, 0, 0, 0]])
    assert_array_equal(slope(pm.nanpercentile, x, q=100, axis=1), [[0, 0, 1, 0], [0, 0, 0, 0]])


# ---- variance


def test_second_derivatives_of_the_variance():
    x = Tensor([1.0, 4.0, -2.0], requires_grad=True)
    (dx,) = gradients(pm.var(x, ddof=1), [x], create_graph=True)
    assert_allclose(dx.numpy(), [0.0, 3.0, -3.0], atol=1e-15)
    hessian = [gradients(dx[i], x, keep_graph=True).numpy() for i in range(3)]
    assert_allclose(hessian, np.eye(3) - 1 / 3, atol=1e-15)  # 2 / (n - 1) (I - 1/n)


@pytest.mark.parametrize("f", [pm.std, pm.nanstd])
def test_the_standard_deviation_is_exact_and_has_gradient_zero_where_it_is_zero(f):
    assert f(Tensor([3.0, 3.0])).item() == 0.0
    assert f(Tensor([0.0, 2e-9])).item() == pytest.approx(1e-9, rel=1e-12)
    assert_array_equal(slope(f, [[2.0, 2.0], [1.0, 3.0]], axis=1), [[0.0, 0.0], [-0.5, 0.5]])
    assert_array_equal(second(f, [2.0, 2.0]), [0.0, 0.0])


@pytest.mark.filterwarnings("ignore:Degrees of freedom:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("f", [pm.var, pm.std, pm.nanvar, pm.nanstd])
def test_no_degrees_of_freedom_give_nan(f):
    assert np.isnan(slope(f, [2.0], ddof=1)).all()


# ---- products


@pytest.mark.parametrize("f", [pm.prod, lambda x: pm.cumprod(x)[-1]])
def test_products_with_zeros_and_beyond_the_range_of_numbers(f):
    assert_array_equal(slope(f, [2.0, 0.0, 3.0]), [0.0, 6.0, 0.0])
    assert_array_equal(slope(f, [0.0, 0.0, 3.0]), [0.0, 0.0, 0.0])
    assert_array_equal(slope(f, [1e-200, 1e-200, 3.0]), [3e-200, 3e-200, 0.0])
    assert_array_equal(slope(f, [2.0, inf]), [inf, 2.0])
    assert_array_equal(second(f, [2.0, 0.0, 3.0]), [36.0, 0.0, 24.0])


def test_cumulative_products_with_zeros():
    assert_array_equal(slope(pm.cumprod, [2.0, 0.0, 3.0, 0.0]), [1.0, 2 + 6.0, 0.0, 0.0])
    check_vjp(pm.cumprod, np.array([0.0, 2.0, 0.0, -1.0]), order=2)


@pytest.mark.parametrize("f", [pm.prod, lambda x: pm.cumprod(x)[-1]])
def test_third_derivatives_of_products_of_zeros(f):
    x = Tensor([0.0, 0.0, 0.0, 5.0], requires_grad=True)
    y = f(x)
    for i in range(3):  # d³ (a b c d) / da db dc = d
        y = gradients(y, x, create_graph=True)[i]
    assert y.item() == 5.0
    assert_array_equal(gradients(y, x).numpy(), [0.0, 0.0, 0.0, 1.0])


# ---- softmax and relatives


def test_masked_entries_have_no_probability_and_no_gradient():
    x = [[0.0, -inf, 0.0], [-inf, -inf, 1e3]]
    assert_array_equal(pm.softmax(Tensor(x)).numpy(), [[0.5, 0, 0.5], [0, 0, 1]])
    assert_array_equal(pm.log_softmax(Tensor(x)).numpy(), [[-np.log(2), -inf, -np.log(2)], [-inf, -inf, 0]])
    assert_array_equal(pm.logsumexp(Tensor(x)).numpy(), [np.log(2), 1e3])
    assert_array_equal(slope(pm.logsumexp, x), [[0.5, 0, 0.5], [0, 0, 1]])
    assert_array_equal(slope(lambda x: pm.log_softmax(x)[:, 2], x), [[-0.5, 0, 0.5], [0, 0, 0]])
    assert_array_equal(slope(lambda x: pm.softmax(x)[:, 2], x), [[-0.25, 0, 0.25], [0, 0, 0]])
    assert np.isfinite(second(pm.logsumexp, x)).all()


def test_large_numbers_do_not_overflow():
    x = np.array([1e3, 1e3, -1e3])
    assert_array_equal(pm.softmax(Tensor(x)).numpy(), [0.5, 0.5, 0.0])
    assert pm.logsumexp(Tensor(x)).item() == 1e3 + np.log(2)
    assert_array_equal(pm.log_softmax(Tensor(x)).numpy(), [-np.log(2), -np.log(2), -2e3 - np.log(2)])
    assert_array_equal(pm.softmax(Tensor([100, 100, 0], dtype=np.uint8)).numpy().round(9), [0.5, 0.5, 0.0])


def test_without_a_finite_maximum():
    assert pm.logsumexp(Tensor([-inf, -inf])).item() == -inf
    assert pm.logsumexp(Tensor([inf, 1e3])).item() == inf
    assert_array_equal(slope(pm.logsumexp, [inf, 0.0]), [nan, 0.0])
    assert np.isnan(slope(pm.logsumexp, [-inf, -inf])).all()
    with np.errstate(invalid="ignore"):
        assert np.isnan(pm.softmax(Tensor([-inf, -inf])).numpy()).all()
        assert np.isnan(pm.log_softmax(Tensor([inf, 0.0])).numpy()).all()


def test_cumulative_logsumexp_of_all_sizes():
    assert_array_equal(pm.logcumsumexp(Tensor([-inf, 0.0, 1e3])).numpy(), [-inf, 0.0, 1e3])
    assert_allclose(slope(pm.logcumsumexp, [1e3, -1e3, 1e3]), [2.5, 0.0, 0.5])
    assert_array_equal(slope(pm.logcumsumexp, [0.0, inf, 1.0]), [1.0, nan, 0.0])
    assert_array_equal(slope(pm.logcumsumexp, [-inf, 0.0]), [nan, 1.0])


# ---- nothing to reduce


def test_reductions_of_nothing():
    for f, value in ((pm.sum, 0.0), (pm.prod, 1.0), (pm.logsumexp, -inf)):
        x = Tensor(np.zeros((2, 0)), requires_grad=True)
        y = f(x, axis=-1)
        assert_array_equal(y.numpy(), [value, value])
        y.backward()
        assert x.grad.shape == (2, 0)
    for f in (pm.mean, pm.median):
        x = Tensor(np.zeros((2, 0)), requires_grad=True)
        with pytest.warns(RuntimeWarning, match="empty slice|invalid value"):
            y = f(x, axis=1)
        y.backward()
        assert x.grad.shape == (2, 0)


# ---- ranks


def test_quantiles_send_gradients_to_the_entries_they_pick():
    x = [4.0, 1.0, 3.0, 2.0]
    assert_array_equal(slope(pm.median, x), [0, 0, 0.5, 0.5])
    assert_array_equal(slope(pm.median, [4.0, 1.0, 3.0]), [0, 0, 1])
    assert_array_equal(slope(pm.quantile, x, q=0.25), [0, 0.25, 0, 0.75])
    assert_array_equal(slope(pm.quantile, x, q=0.4, method="lower"), [0, 0, 0, 1])
    assert_array_equal(slope(pm.quantile, x, q=0.4, method="higher"), [0, 0, 1, 0])
    assert_array_equal(slope(pm.quantile, x, q=0.4, method="midpoint"), [0, 0, 0.5, 0.5])
    assert_array_equal(slope(pm.quantile, x, q=0.5, method="nearest"), [0, 0, 1, 0])
    assert_array_equal(slope(pm.quantile, x, q=[0.0, 0.0, 1.0]), [1, 2, 0, 0])


def test_single_precision_stays_with_an_array_of_quantiles():
    x = Tensor(np.float32([1, 2, 4]), requires_grad=True)
    assert np.quantile(x, [0.25, 0.5]).dtype == np.float32
    assert np.percentile(x, np.array(25)).dtype == np.float32


def test_sorting_equal_values_stably_keeps_their_order():
    x = Tensor([2.0, 1.0, 2.0, 1.0], requires_grad=True)
    np.sort(x, stable=True).backward(np.array([1.0, 2.0, 3.0, 4.0]))
    assert_array_equal(x.grad, [3.0, 1.0, 4.0, 2.0])
    y = np.sort(Tensor([nan, 1.0, -inf, inf], requires_grad=True))
    assert_array_equal(y.numpy(), [-inf, 1.0, inf, nan])


def test_topk_is_ordered_and_its_indices_find_the_values():
    x = Tensor([[1.0, 5.0, 3.0, 4.0], [0.0, -1.0, 9.0, 2.0]], requires_grad=True)
    values, indices = pm.topk(x, 2)
    assert_array_equal(values.numpy(), [[5, 4], [9, 2]])
    assert_array_equal(indices.numpy(), [[1, 3], [2, 3]])
    assert not indices.requires_grad
    (values * Tensor([1.0, 10.0])).sum().backward()
    assert_array_equal(x.grad, [[0, 1, 0, 10], [0, 0, 1, 10]])
    values, indices = pm.topk(x, 3, largest=False)
    assert_array_equal(values.numpy(), [[1, 3, 4], [-1, 0, 2]])
    assert_array_equal(np.take_along_axis(x, indices, -1).numpy(), values.numpy())


# ---- any shape, any axes


@st.composite
def shapes_and_axes(draw):
    shape = tuple(draw(st.lists(st.integers(1, 3), min_size=1, max_size=4)))
    axes = draw(st.lists(st.integers(0, len(shape) - 1), unique=True, min_size=1))
    signed = tuple(i - len(shape) if draw(st.booleans()) else i for i in axes)
    return shape, draw(st.sampled_from([None, signed[0], signed]))


REDUCTIONS = (
    "sum",
    "mean",
    "max",
    "min",
    "prod",
    "var",
    "std",
    "ptp",
    "median",
    "nansum",
    "nanmean",
    "nanmax",
    "nanvar",
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(REDUCTIONS), shapes_and_axes(), st.booleans(), st.integers(0, 1000))
def test_reductions_over_any_axes(name, shape_and_axis, keepdims, seed):
    shape, axis = shape_and_axis
    x = np.random.default_rng(seed).permutation(np.linspace(-2.0, 2.5, int(np.prod(shape)))).reshape(shape)
    assert_allclose(
        getattr(np, name)(Tensor(x), axis=axis, keepdims=keepdims).numpy(),
        getattr(np, name)(x, axis=axis, keepdims=keepdims),
        rtol=1e-12,
        atol=1e-12,
    )
    if name != "std" or getattr(np, name)(x, axis=axis).all():
        check_vjp(getattr(pm, name), x, axis=axis, keepdims=keepdims)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["softmax", "log_softmax", "logsumexp"]), shapes_and_axes(), st.integers(0, 1000))
def test_softmax_over_any_axes(name, shape_and_axis, seed):
    shape, axis = shape_and_axis
    x = np.random.default_rng(seed).normal(0, 3, shape)
    e = np.exp(x)
    total = e.sum(axis=axis, keepdims=True)
    expected = {"softmax": e / total, "log_softmax": np.log(e / total), "logsumexp": np.log(e.sum(axis=axis))}[name]
    assert_allclose(getattr(pm, name)(Tensor(x), axis=axis).numpy(), expected, rtol=1e-10, atol=1e-12)
    check_vjp(getattr(pm, name), x, axis=axis)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([0.0, 1.0, -2.0, 0.5]), min_size=1, max_size=6), st.sampled_from(["prod", "cumprod"]))
def test_products_of_anything(factors, name):
    check_vjp(getattr(pm, name), np.array(factors), order=2)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-5, 5), min_size=1, max_size=8, unique=True),
    st.floats(0, 1),
    st.sampled_from(["linear", "lower", "higher", "midpoint", "nearest", "hazen", "weibull", "median_unbiased"]),
)
def test_the_gradient_of_a_quantile_recovers_it(values, q, method):
    x = np.array(values)
    dx = slope(pm.quantile, x, q=q, method=method)
    assert dx.sum() == pytest.approx(1.0)
    assert (dx * x).sum() == pytest.approx(np.quantile(x, q, method=method), abs=1e-9)  # a weighted mean of entries
