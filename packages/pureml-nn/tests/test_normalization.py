"""Normalisation: formulas, running statistics, precision, what is kept."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pureml_core import Buffer, Parameter, Tensor, check_vjp, named_tensors, no_grad
from pureml_nn import BatchNorm1d, BatchNorm2d, GroupNorm, InstanceNorm, LayerNorm, LayerNorm1d, RMSNorm
from pureml_nn.layers.standardization import batch_norm, layer_norm

RNG = np.random.default_rng(0)


def draw(*shape):
    return RNG.standard_normal(shape)


def standardized(x, axes, eps=1e-5):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def test_formulas():
    x = 3 * draw(5, 6, 4, 2) + 1
    x32 = x.astype(np.float32)
    rows = x.reshape(5, 3, -1)
    for layer, expected in [
        (BatchNorm2d(6), standardized(x, (0, 2, 3))),
        (LayerNorm(2), standardized(x, -1)),
        (LayerNorm((4, 2)), standardized(x, (2, 3))),
        (LayerNorm([6, 4, 2]), standardized(x, (1, 2, 3))),
        (LayerNorm1d(2), standardized(x, -1)),
        (RMSNorm(2), x / np.sqrt(np.mean(x * x, -1, keepdims=True) + 1e-5)),
        (GroupNorm(3, 6), standardized(rows, -1).reshape(x.shape)),
        (GroupNorm(1, 6), standardized(x, (1, 2, 3))),
        (InstanceNorm(6), standardized(x, (2, 3))),
    ]:
        np.testing.assert_allclose(layer(x32).data, expected, rtol=1e-4, atol=1e-5, err_msg=repr(layer))
        assert layer(x32).dtype == np.float32
        assert layer.eval()(x32).shape == x.shape


def test_scale_and_shift():
    x, gamma, beta = draw(5, 3, 4), draw(3), draw(3)
    per_channel = standardized(x, (0, 2)) * gamma[:, None] + beta[:, None]
    np.testing.assert_allclose(BatchNorm1d(3, gamma=gamma, beta=beta)(x).data, per_channel, rtol=1e-10)
    np.testing.assert_allclose(
        InstanceNorm(3, gamma=gamma, beta=beta)(x).data,
        standardized(x, 2) * gamma[:, None] + beta[:, None],
        rtol=1e-10,
    )
    gamma, beta = draw(4), draw(4)
    y = standardized(x, -1) * gamma
    np.testing.assert_allclose(LayerNorm(4, gamma=gamma, beta=beta)(x).data, y + beta, rtol=1e-10)
    np.testing.assert_allclose(LayerNorm(4, gamma=gamma, bias=False)(x).data, y, rtol=1e-10)


# ---- running statistics


@pytest.mark.parametrize("recorded", [True, False])
def test_running_statistics_follow_the_batch(recorded):
    layer = BatchNorm1d(3, momentum=0.25)
    x = 2 * draw(8, 3) + 1
    mean, variance = np.zeros(3), np.ones(3)
    for _ in range(3):
        if recorded:
            layer(x)
        else:
            with no_grad():
                layer(x)
        mean = 0.75 * mean + 0.25 * x.mean(0)
        variance = 0.75 * variance + 0.25 * x.var(0, ddof=1)
        np.testing.assert_allclose(layer.running_mean.data, mean, rtol=1e-5)
        np.testing.assert_allclose(layer.running_variance.data, variance, rtol=1e-5)
    assert layer.running_mean.dtype == layer.running_variance.dtype == np.float32


def test_evaluation_is_an_affine_map_of_each_example():
    mean, variance, gamma, beta = draw(3), RNG.uniform(0.5, 2, 3), draw(3), draw(3)
    layer = BatchNorm1d(3, gamma=gamma, beta=beta, running_mean=mean, running_variance=variance, training=False)
    for x in (draw(4, 3), draw(1, 3), draw(0, 3), draw(3, 3)):
        expected = gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta
        np.testing.assert_allclose(layer(x).data, expected, rtol=1e-6)
    image = BatchNorm2d(3).eval()
    assert image(np.ones((1, 3, 1, 1))).shape == (1, 3, 1, 1) and image(np.ones((0, 3, 2, 2))).shape == (0, 3, 2, 2)
    assert np.array_equal(layer.running_mean.data, mean)


def test_momentum_can_be_set_and_extremes_work():
    x = draw(4, 3)
    layer = BatchNorm1d(3)
    layer.momentum = 1
    layer(x)
    np.testing.assert_allclose(layer.running_mean.data, x.mean(0), rtol=1e-5, atol=1e-7)
    layer.momentum = 0
    before = layer.running_mean.data.copy()
    layer(x + 5)
    assert np.array_equal(layer.running_mean.data, before)


def test_a_refused_batch_leaves_the_statistics_alone():
    layer = BatchNorm1d(3)
    for x in (np.ones((1, 3)), np.full((2, 4), 7.0)):
        with pytest.raises(ValueError):
            layer(x)
    assert layer.running_mean.tolist() == [0, 0, 0] and layer.running_variance.tolist() == [1, 1, 1]


def test_a_forward_in_between_does_not_spoil_a_gradient():
    layer = BatchNorm1d(3)
    x = Tensor(draw(4, 3), requires_grad=True)
    y = layer(x)
    layer(draw(4, 3) + 5)  # moves the statistics, which the first did not use
    y.sum().backward()
    assert x.grad is not None


def test_statistics_are_buffers_and_saved():
    layer = BatchNorm1d(3)
    layer(draw(4, 3))
    kinds = {name: type(t) for name, t in named_tensors(layer)}
    assert kinds == {"gamma": Parameter, "beta": Parameter, "running_mean": Buffer, "running_variance": Buffer}
    assert len(layer.parameters) == 2
    other = BatchNorm1d(3)
    other.restore(layer.state())
    x = draw(2, 3)
    assert np.array_equal(layer.eval()(x).data, other.eval()(x).data)
    twin = copy.deepcopy(layer).train()
    twin(x)
    assert not np.array_equal(twin.running_mean.data, layer.running_mean.data)


# ---- values that users give


def test_given_values_keep_their_dtype_and_are_copied_or_shared():
    gamma = draw(3)
    layer = LayerNorm(3, gamma=gamma)
    assert layer.gamma.dtype == layer.beta.dtype == np.float64 == layer(draw(2, 3).astype(np.float32)).dtype
    gamma[...] = 0
    assert layer.gamma.data.any()
    shared = Parameter(np.ones(3))
    assert LayerNorm(3, gamma=shared).gamma is shared is RMSNorm(3, gamma=shared).gamma
    assert BatchNorm1d(3, gamma=draw(3)).running_mean.dtype == np.float64
    assert isinstance(LayerNorm(3, eps=np.float64(1e-3)).eps, float)


def test_layers_without_weights():
    assert GroupNorm(2, 4, affine=False).parameters == InstanceNorm(4).parameters == ()
    assert len(InstanceNorm(4, affine=True).parameters) == 2 == len(LayerNorm(3).parameters)
    assert len(LayerNorm(3, bias=False).parameters) == 1 and LayerNorm(3, bias=False).beta is None
    x = draw(2, 4, 3)
    for dtype in (np.float32, np.float64):
        assert InstanceNorm(4)(x.astype(dtype)).dtype == dtype


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.bool_])
def test_integers_in_single_precision(dtype):
    x = np.arange(12).reshape(3, 4).astype(dtype)
    for layer in (BatchNorm1d(4), LayerNorm(4), RMSNorm(4), GroupNorm(2, 4), GroupNorm(2, 4, affine=False)):
        assert layer(x).dtype == np.float32


# ---- precision


@pytest.mark.parametrize("offset", [0, 100])
def test_single_precision_beside_double(offset):
    x32 = (offset + draw(64, 8, 30, 30)).astype(np.float32)
    x = x32.astype(np.float64)
    g = draw(*x.shape)
    for make in (lambda: BatchNorm2d(8), lambda: LayerNorm((8, 30, 30)), lambda: LayerNorm(30), lambda: RMSNorm(30)):
        found = []
        for layer, inputs in ((make(), x32), (make().astype(np.float64), x)):
            t = Tensor(inputs, requires_grad=True)
            y = layer(t)
            y.backward(g.astype(inputs.dtype))
            found.append((y.data, t.grad))
        for single, double in zip(*found, strict=True):
            assert np.abs(single - double).max() < 2e-6 * (10 + offset)


def test_large_means_cost_no_variance():
    x = (1000 + draw(4096, 3)).astype(np.float32)
    _, mean, variance = batch_norm(x, np.ones(3, np.float32), np.zeros(3, np.float32))
    np.testing.assert_allclose(mean.data, x.mean(0, dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(variance.data, x.var(0, dtype=np.float64), rtol=1e-4)


def test_constant_examples_become_beta():
    for x in (np.zeros((3, 4)), np.full((3, 4), 0.1), np.full((3, 4), -1e4)):
        np.testing.assert_allclose(LayerNorm(4, beta=[1, 2, 3, 4])(x).data, [[1, 2, 3, 4]] * 3, atol=1e-3)
        np.testing.assert_allclose(BatchNorm1d(4, beta=[1, 2, 3, 4])(x).data, [[1, 2, 3, 4]] * 3, atol=1e-3)


def test_half_precision_does_not_overflow():
    x = (100 * draw(2, 3, 500)).astype(np.float16)
    y = InstanceNorm(3)(x)
    assert y.dtype == np.float16
    np.testing.assert_allclose(y.data, standardized(x.astype(float), 2), atol=3e-3)


def test_no_entries():
    assert GroupNorm(2, 4)(np.ones((3, 4, 0))).shape == (3, 4, 0)
    assert LayerNorm(4)(np.ones((3, 0, 4))).shape == (3, 0, 4)


# ---- gradients


def test_statistics_carry_gradients_as_values():
    gamma, beta = draw(3), draw(3)
    check_vjp(lambda x: batch_norm(x, gamma, beta)[1], draw(4, 3), order=2)
    check_vjp(lambda x: batch_norm(x, gamma, beta)[2], draw(4, 3, 2), order=2)
    check_vjp(lambda x, gamma, beta: batch_norm(x, gamma, beta), draw(3, 3), gamma, beta, order=2)


def test_gradients_only_where_needed():
    x = Tensor(draw(4, 3), requires_grad=True)
    for layer in (BatchNorm1d(3), LayerNorm(3), RMSNorm(3), GroupNorm(1, 3)):
        frozen = copy.deepcopy(layer)
        for p in frozen.parameters:
            p.requires_grad = False
        frozen(x).backward(np.ones((4, 3)))
        assert all(p.grad is None for p in frozen.parameters) and x.grad is not None
        layer(draw(4, 3)).backward(np.ones((4, 3)))
        assert all(p.grad is not None for p in layer.parameters)


def test_a_second_sweep_with_another_incoming_gradient():
    for f in (lambda x, w: layer_norm(x, w), lambda x, w: batch_norm(x, w, np.zeros(3))[0]):
        x, w = Tensor(draw(4, 3), requires_grad=True), Tensor(draw(3), requires_grad=True)
        y = f(x, w)
        g = draw(4, 3)
        y.backward(g, keep_graph=True)
        once = x.grad.copy(), w.grad.copy()
        x.zero_grad()
        w.zero_grad()
        g *= 2
        y.backward(g)
        np.testing.assert_allclose(x.grad, 2 * once[0], rtol=1e-12)
        np.testing.assert_allclose(w.grad, 2 * once[1], rtol=1e-12)


@hypothesis_settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.data())
def test_layer_norm_of_any_shape(shape, data):
    axes = data.draw(st.integers(1, len(shape)))
    x = draw(*shape)
    layer = LayerNorm(tuple(shape[-axes:])).astype(np.float64)
    np.testing.assert_allclose(layer(x).data, standardized(x, tuple(range(-axes, 0))), rtol=1e-9, atol=1e-9)
    check_vjp(layer, x)


@hypothesis_settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 4))
def test_batch_norm_of_any_shape(B, C, L):
    x = draw(B, C, L)
    if B * L < 2:
        return
    np.testing.assert_allclose(BatchNorm1d(C, gamma=np.ones(C))(x).data, standardized(x, (0, 2)), rtol=1e-8, atol=1e-9)
    check_vjp(lambda x: BatchNorm1d(C, gamma=np.ones(C), eps=0.1)(x), x)
