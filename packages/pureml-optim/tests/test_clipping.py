"""Clipping: what is cut, what is left, and what is returned."""

import math

import numpy as np
import pytest
from pureml_core import Composite, Parameter, RowSparse, Tensor
from pureml_optim import SGD, clip_by_global_norm, clip_by_norm, clip_by_value, global_norm

CLIPS = {"value": clip_by_value, "norm": clip_by_norm, "global": clip_by_global_norm}


class Model(Composite):
    def __init__(self, dtype=np.float64):
        self.W = Parameter(np.zeros((3, 4)), dtype)
        self.inside = [self.W, Parameter(np.zeros(5), dtype)]  # W once more: tied
        self.unused = Parameter(np.zeros(2), dtype)
        self.scale = Parameter(0.0, dtype)


def with_gradients(dtype=np.float64, size=10.0):
    rng = np.random.default_rng(0)
    model = Model(dtype)
    for t in (model.W, model.inside[1], model.scale):
        t.grad = size * rng.standard_normal(t.shape)
    return model, [t.grad.astype(np.float64) for t in (model.W, model.inside[1], model.scale)]


def found(model):
    assert model.unused.grad is None
    return [model.W.grad, model.inside[1].grad, model.scale.grad]


def joint(arrays):
    return math.sqrt(sum(float(np.sum(a * a)) for a in arrays))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_values_norms_and_the_global_norm(dtype):
    close = {"rtol": {np.float16: 1e-2, np.float32: 1e-6, np.float64: 1e-14}[dtype]}

    model, g = with_gradients(dtype)
    assert clip_by_value(model, 1.5) is None
    for new, old in zip(found(model), g, strict=True):
        np.testing.assert_allclose(new, np.clip(old, -1.5, 1.5), **close)
        assert new.dtype == dtype

    model, g = with_gradients(dtype)
    assert clip_by_norm(model, 2.0) is None
    for new, old in zip(found(model), g, strict=True):
        np.testing.assert_allclose(new, old * min(1, 2 / (joint([old]) + 1e-6)), **close)
        assert new.dtype == dtype

    model, g = with_gradients(dtype)
    before = [id(a) for a in found(model)]
    assert clip_by_global_norm(model, 2.0) == pytest.approx(joint(g), rel=close["rtol"])
    for new, old in zip(found(model), g, strict=True):
        np.testing.assert_allclose(new, old * 2 / (joint(g) + 1e-6), **close)
        assert new.dtype == dtype
    assert [id(a) for a in found(model)] == before  # in place
    assert global_norm(model) == pytest.approx(2, rel=2e-3 if dtype == np.float16 else 1e-6)


@pytest.mark.parametrize("clip", CLIPS)
def test_what_is_small_stays_bit_for_bit(clip):
    model, g = with_gradients()
    CLIPS[clip](model, 1e3)
    for new, old in zip(found(model), g, strict=True):
        np.testing.assert_array_equal(new, old)


@pytest.mark.parametrize("clip", CLIPS)
def test_a_limit_of_zero_and_nothing_to_clip(clip):
    model, _ = with_gradients()
    CLIPS[clip](model, 0)
    assert not any(g.any() for g in found(model))
    CLIPS[clip](Model(), 1.0)
    empty = Parameter(np.zeros((0, 3)))
    empty.grad = np.zeros((0, 3))
    CLIPS[clip]([empty], 1.0)


def test_the_norm_of_nothing_is_zero():
    assert clip_by_global_norm(Model(), 1.0) == global_norm(Model()) == global_norm(Model(), norm_type=math.inf) == 0.0


@pytest.mark.parametrize(
    "params",
    [
        lambda m: m,
        lambda m: [m],
        lambda m: {"model": m},
        lambda m: [m.W, m.inside[1], m.unused, m.scale],
        lambda m: (t for t in (m.W, m.inside[1], m.unused, m.scale)),
        lambda m: {"W": m.W, "b": m.inside[1], "c": m.unused, "d": m.scale},
        lambda m: SGD(m, lr=0.1),
        lambda m: SGD([{"params": [m.W, m.unused]}, {"params": [m.inside[1], m.scale], "lr": 0.5}], lr=0.1),
    ],
)
def test_parameters_come_in_the_forms_that_an_optimizer_takes(params):
    model, g = with_gradients()
    assert clip_by_global_norm(params(model), 1.0) == pytest.approx(joint(g), rel=1e-15)
    assert global_norm(params(model)) == pytest.approx(1.0, abs=1e-6)


def test_the_largest_value_as_the_norm():
    model, g = with_gradients()
    largest = max(float(np.abs(a).max()) for a in g)
    assert clip_by_global_norm(model, 0.5, norm_type=math.inf) == largest
    np.testing.assert_allclose(model.W.grad, g[0] * 0.5 / (largest + 1e-6), rtol=1e-15)


@pytest.mark.parametrize("clip", CLIPS)
def test_gradients_in_any_memory_order(clip):
    a, b = Parameter(np.zeros((4, 3)), np.float64), Parameter(np.zeros((4, 3)), np.float64)
    g = np.random.default_rng(0).standard_normal((4, 3)) * 10
    a.grad, b.grad = g, np.asfortranarray(g)
    assert b.grad.flags.f_contiguous
    CLIPS[clip]([a], 1.0)
    CLIPS[clip]([b], 1.0)
    np.testing.assert_allclose(a.grad, b.grad, rtol=1e-14)
    assert np.abs(b.grad).max() <= 1


# ---- row-sparse gradients


def table(sparse, dtype=np.float64):
    t = Parameter(np.zeros((6, 2)), dtype)
    g = RowSparse(np.array([4, 1, 4]), np.array([[3.0, -9.0], [0.5, 8.0], [3.0, 1.0]]), (6, 2))
    t.grad = g if sparse else g.dense()
    return t


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("clip", CLIPS)
def test_row_sparse_gradients_stay_sparse(clip, dtype):
    sparse, dense = table(True, dtype), table(False, dtype)
    assert CLIPS[clip]([sparse], 2.0) == CLIPS[clip]([dense], 2.0)
    assert sparse.sparse_grad.rows.tolist() == [1, 4]
    assert sparse.sparse_grad.dtype == dtype
    np.testing.assert_allclose(sparse.grad, dense.grad, rtol=1e-6)


def test_rows_that_were_picked_repeatedly_count_once_with_their_sum():
    W = Parameter(np.ones((5, 2)), np.float64)
    (W[np.array([1, 1, 3])] * [3.0, 0.0]).sum().backward()
    assert W.sparse_grad is not None
    assert clip_by_global_norm([W], 1.0) == pytest.approx(math.hypot(6, 3), rel=1e-15)
    assert W.sparse_grad is not None
    assert W.grad[1, 0] == pytest.approx(6 / math.hypot(6, 3), rel=1e-6)


# ---- numbers that are not, or are large


def test_float32_norms_neither_overflow_nor_lose_digits():
    w = Parameter(np.zeros(300_001))
    w.grad = np.full(w.shape, 1e30)
    assert clip_by_global_norm([w], 1.0) == pytest.approx(float(np.float32(1e30)) * math.sqrt(300_001), rel=1e-12)
    w.grad = np.random.default_rng(0).random(w.shape, np.float32)
    exact = math.sqrt(math.fsum(w.grad.astype(np.float64) ** 2))
    assert global_norm([w]) == pytest.approx(exact, rel=1e-13)
    clip_by_value([w], 1e300)  # beyond float32


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("clip", [clip_by_norm, clip_by_global_norm])
def test_a_norm_that_is_not_finite(clip, wrong):
    model, g = with_gradients()
    model.W.grad[1, 2] = wrong
    before = [a.copy() for a in found(model)]
    with pytest.raises(ValueError, match=r"'W' \((nan|inf)\).*nothing was changed"):
        clip(model, 1.0, error_if_nonfinite=True)
    for new, old in zip(found(model), before, strict=True):
        np.testing.assert_array_equal(new, old)
    total = clip(model, 1.0)
    np.testing.assert_array_equal(model.W.grad, before[0])
    if clip is clip_by_global_norm:
        assert not math.isfinite(total)
        assert not math.isfinite(clip(model, 1.0, norm_type=math.inf))
        np.testing.assert_array_equal(model.inside[1].grad, g[1])
    else:
        assert joint([model.inside[1].grad]) == pytest.approx(1, abs=1e-6)


def test_nan_stays_where_values_are_cut():
    w = Parameter(np.zeros(3))
    w.grad = [math.nan, math.inf, -5.0]
    clip_by_value([w], 1.0)
    np.testing.assert_array_equal(w.grad, [math.nan, 1.0, -1.0])


# ---- what is refused


twice = Parameter(np.zeros(2))


@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        (lambda: Parameter([1.0]), TypeError, "needed tensors in a list"),
        (lambda: 3, TypeError, "needed tensors in a list"),
        (lambda: [np.zeros(2)], TypeError, "ndarray, needed a Tensor"),
        (lambda: [], ValueError, "no parameters"),
        (lambda: [twice, twice], ValueError, "'1', of shape .* given twice"),
        (lambda: [Tensor(np.zeros(2, complex), requires_grad=True)], ValueError, "dtype complex128"),
    ],
)
def test_parameters_that_are_refused(clip, params, error, message):
    with pytest.raises(error, match=message):
        CLIPS[clip](params(), 1.0)


@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize(
    ("limit", "error"),
    [(-1.0, ValueError), (math.nan, ValueError), (math.inf, ValueError), ("1", TypeError), (None, TypeError)],
)
def test_limits_that_are_refused(clip, limit, error):
    model, g = with_gradients()
    with pytest.raises(error, match=f"{CLIPS[clip].__name__}: .*>= 0"):
        CLIPS[clip](model, limit)
    np.testing.assert_array_equal(model.W.grad, g[0])


@pytest.mark.parametrize("norm_type", [1, 0, -math.inf, math.nan, "inf"])
def test_norms_that_are_refused(norm_type):
    with pytest.raises(ValueError, match="norm_type"):
        clip_by_global_norm(Model(), 1.0, norm_type=norm_type)


def test_a_norm_whose_squares_are_beyond_float64():
    w = Parameter(np.zeros(2), np.float64)
    w.grad = np.array([3e200, -4e200])
    assert global_norm([w]) == pytest.approx(5e200, rel=1e-15)
    clip_by_global_norm([w], 1.0, error_if_nonfinite=True)
    np.testing.assert_allclose(w.grad, [0.6, -0.8], rtol=1e-15)
