"""Activations: formulas, far arguments, kinks, precision; and the layers that hold them."""

import functools
import math

import numpy as np
import pureml_nn as nn
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pureml_core import Tensor, check_vjp, gradients, no_grad
from pureml_nn import activations

RNG = np.random.default_rng(0)
ELEMENTWISE = sorted(
    set(activations.__all__) - {"glu", "swiglu", "softmax", "log_softmax", "softmin", "gumbel_softmax"}
)
Phi = np.vectorize(lambda x: 0.5 * math.erfc(-x / math.sqrt(2)))


def sigma(x):
    return 1 / (1 + np.exp(-x))


FORMULAS = {
    "celu": lambda x: np.where(x > 0, x, np.exp(x) - 1),
    "elu": lambda x: np.where(x > 0, x, np.exp(x) - 1),
    "gelu": lambda x: x * Phi(x),
    "hardsigmoid": lambda x: np.clip((x + 3) / 6, 0, 1),
    "hardswish": lambda x: x * np.clip((x + 3) / 6, 0, 1),
    "hardtanh": lambda x: np.clip(x, -1, 1),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "mish": lambda x: x * np.tanh(np.log(1 + np.exp(x))),
    "prelu": lambda x: np.where(x > 0, x, 0.25 * x),
    "relu": lambda x: np.where(x > 0, x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (np.exp(x) - 1)),
    "sigmoid": sigma,
    "silu": lambda x: x * sigma(x),
    "softplus": lambda x: np.log(1 + np.exp(x)),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "tanh": lambda x: 1 - 2 / (np.exp(2 * x) + 1),
}

LIMITS = {  # y(-inf), y'(-inf), y(inf), y'(inf)
    "celu": (-1, 0, np.inf, 1),
    "elu": (-1, 0, np.inf, 1),
    "gelu": (0, 0, np.inf, 1),
    "hardsigmoid": (0, 0, 1, 0),
    "hardswish": (0, 0, np.inf, 1),
    "hardtanh": (-1, 0, 1, 0),
    "leaky_relu": (-np.inf, 0.01, np.inf, 1),
    "mish": (0, 0, np.inf, 1),
    "prelu": (-np.inf, 0.25, np.inf, 1),
    "relu": (0, 0, np.inf, 1),
    "relu6": (0, 0, 6, 0),
    "selu": (-1.7580993408473766, 0, np.inf, 1.0507009873554805),
    "sigmoid": (0, 0, 1, 0),
    "silu": (0, 0, np.inf, 1),
    "softplus": (0, 0, np.inf, 1),
    "softsign": (-1, 0, 1, 0),
    "tanh": (-1, 0, 1, 0),
}

KINKS = [  # x, the derivative there
    (nn.relu, 0.0, 0),
    (nn.leaky_relu, 0.0, 0.01),
    (functools.partial(nn.prelu, weight=0.25), 0.0, 0.25),
    (functools.partial(nn.elu, alpha=0.5), 0.0, 0.5),
    (functools.partial(nn.celu, alpha=0.5), 0.0, 1),
    (nn.selu, 0.0, 1.0507009873554805 * 1.6732632423543772),
    (nn.hardtanh, -1.0, 0),
    (nn.hardtanh, 1.0, 0),
    (nn.relu6, 0.0, 0),
    (nn.relu6, 6.0, 0),
    (nn.hardsigmoid, -3.0, 0),
    (nn.hardsigmoid, 3.0, 0),
    (nn.hardswish, -3.0, 0),
    (nn.hardswish, 3.0, 1),
]


def activation(name):
    return functools.partial(nn.prelu, weight=0.25) if name == "prelu" else getattr(nn, name)


def test_every_activation_is_tried():
    assert FORMULAS.keys() == LIMITS.keys() == set(ELEMENTWISE)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_formula(name):
    f, x = activation(name), 3 * RNG.standard_normal((7, 5))
    np.testing.assert_allclose(f(x).data, FORMULAS[name](x), rtol=1e-10, atol=1e-15)
    check_vjp(f, x, order=2)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_blocks_leave_no_seam(name):
    f, x = activation(name), RNG.standard_normal((3, 30000))
    whole = Tensor(x, requires_grad=True)
    y = f(whole)
    g = RNG.standard_normal(x.shape)
    y.backward(g)
    part = Tensor(x[:, 10000:20000], requires_grad=True)  # a strided view
    y_part = f(part)
    y_part.backward(g[:, 10000:20000])
    np.testing.assert_allclose(y.data[:, 10000:20000], y_part.data, rtol=1e-13)
    np.testing.assert_allclose(whole.grad[:, 10000:20000], part.grad, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_far_and_infinite_arguments(name, dtype):
    f = activation(name)
    below, slope_below, above, slope_above = LIMITS[name]
    x = Tensor(np.array([-np.inf, -1e4, 1e4, np.inf, np.nan], dtype), requires_grad=True)
    y = f(x)
    y.backward()
    assert y.dtype == x.grad.dtype == dtype and y.shape == (5,)
    tolerance = {np.float16: 2e-3, np.float32: 1e-6, np.float64: 1e-12}[dtype]
    np.testing.assert_allclose(y.data[[0, 3]], [below, above], rtol=tolerance, atol=1e-30)
    np.testing.assert_allclose(x.grad[:4], [slope_below] * 2 + [slope_above] * 2, rtol=tolerance, atol=1e-3)
    assert np.isfinite(y.data[1:3]).all() and np.isnan(y.data[4])


@pytest.mark.parametrize(("f", "x", "slope"), KINKS)
def test_derivative_at_a_kink(f, x, slope):
    for create_graph in (False, True):
        t = Tensor([x], requires_grad=True)
        (g,) = gradients(f(t).sum(), [t], create_graph=create_graph)
        assert g.item() == pytest.approx(slope, abs=1e-15)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_single_precision_is_nearly_as_good(name):
    f = activation(name)
    x = np.linspace(-12, 12, 4001)
    y, y32 = f(x).data, f(x.astype(np.float32)).data
    assert np.abs(y32 - y).max() < 2e-6
    exact, single = Tensor(x, requires_grad=True), Tensor(x.astype(np.float32), requires_grad=True)
    f(exact).backward()
    f(single).backward()
    away = np.abs(np.round(x) - x) > 1e-3  # from kinks, which rounding may cross
    assert np.abs(single.grad - exact.grad)[away].max() < 2e-6


def test_gelu_keeps_the_digits_of_its_tail():
    x = np.linspace(-9, -2, 100)
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 2e-5)):
        z = x.astype(dtype)
        np.testing.assert_allclose(nn.gelu(z).data, z.astype(float) * Phi(z.astype(float)), rtol=tolerance)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_integers_lists_and_numbers_are_taken(name):
    f = activation(name)
    for x in (np.array([-2, 0, 3]), [-2, 0, 3], Tensor([-2, 0, 3])):
        np.testing.assert_allclose(f(x).data, f(np.array([-2.0, 0, 3])).data, rtol=1e-15)
    assert f(1.5).shape == ()


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_nothing_recorded_gives_the_same_value(name):
    x = Tensor(RNG.standard_normal((3, 4)), requires_grad=True)
    f = activation(name)
    with no_grad():
        y = f(x)
    assert not y.requires_grad and np.array_equal(y.data, f(x).data)


def test_gates():
    x = RNG.standard_normal((3, 4, 6))
    for axis in (-1, 1):
        a, b = np.split(x, 2, axis)
        np.testing.assert_allclose(nn.glu(x, axis).data, a * sigma(b), rtol=1e-13)
        np.testing.assert_allclose(nn.swiglu(x, axis).data, a * sigma(a) * b, rtol=1e-13)
    check_vjp(nn.glu, x, order=2)
    check_vjp(nn.swiglu, x, order=2, axis=1)
    assert nn.glu(x.astype(np.float32)).dtype == nn.swiglu(x.astype(np.float32)).dtype == np.float32
    assert nn.glu([1.0, 0.0]).tolist() == [0.5]


def test_softmin_is_the_softmax_of_minus_x():
    x = RNG.standard_normal((3, 4))
    assert np.array_equal(nn.softmin(x, 0).data, nn.softmax(-x, 0).data)
    assert np.isfinite(nn.softmin(np.float32([1e4, -1e4])).data).all()


# ---- gumbel_softmax


def test_gumbel_softmax_draws_from_the_distribution():
    p = np.array([0.5, 0.3, 0.2])
    y = nn.gumbel_softmax(np.broadcast_to(np.log(p), (20000, 3)), 0.7, hard=True, seed=0).data
    assert set(np.unique(y)) == {0, 1} and (y.sum(-1) == 1).all()
    assert np.abs(y.mean(0) - p).max() < 0.015


def test_gumbel_softmax_is_reproducible():
    x = RNG.standard_normal((4, 3)).astype(np.float32)
    a, b, c = (nn.gumbel_softmax(x, seed=s).data for s in (1, 1, 2))
    assert np.array_equal(a, b) and not np.array_equal(a, c) and a.dtype == np.float32
    rng = np.random.default_rng(1)
    assert not np.array_equal(nn.gumbel_softmax(x, seed=rng).data, nn.gumbel_softmax(x, seed=rng).data)
    np.testing.assert_allclose(nn.gumbel_softmax(x, axis=0, seed=0).data.sum(0), 1, rtol=1e-6)


def test_a_hard_draw_has_the_gradient_of_the_soft_one():
    g = RNG.standard_normal((4, 3))
    found = []
    for hard in (False, True):
        x = Tensor(np.eye(4, 3), requires_grad=True)
        y = nn.gumbel_softmax(x, 0.5, hard, seed=3)
        y.backward(g)
        found.append(x.grad)
    assert np.array_equal(*found) and np.isin(y.data, [0, 1]).all()
    check_vjp(lambda x: nn.gumbel_softmax(x, 0.5, seed=3), np.eye(4, 3), order=2)


# ---- layers


def test_prelu_learns_its_slopes():
    layer = nn.PReLU(2)
    assert layer.W.tolist() == [0.25, 0.25] and layer.W.dtype == np.float32
    layer(np.array([[-1.0, -2.0], [3.0, -4.0]], np.float32)).sum().backward()
    assert layer.W.grad.tolist() == [-1, -6]
    assert nn.PReLU(init=0.5)(np.float32([-2])).tolist() == [-1]
    assert nn.PReLU(2, W=[1, 2]).W.tolist() == [1, 2]


def test_swiglu_layer_is_its_formula():
    layer = nn.SwiGLU(3, 5, seed=0).astype(np.float64)
    x = RNG.standard_normal((2, 3))
    a = x @ layer.gate.W.data
    np.testing.assert_allclose(layer(x).data, (a * sigma(a) * (x @ layer.value.W.data)) @ layer.out.W.data, rtol=1e-13)
    assert len(layer.parameters) == 3 and len(nn.SwiGLU(3, 5, bias=True).parameters) == 6
    again = nn.SwiGLU(3, 5, seed=0)
    assert np.array_equal(again.gate.W.data, nn.SwiGLU(3, 5, seed=0).gate.W.data)
    assert not np.array_equal(again.gate.W.data, again.value.W.data)


def test_residual_reaches_the_layer_inside():
    block = nn.Residual(nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5)))
    assert len(block.parameters) == 2
    block.eval()
    assert not block.layer[1].training
    x = RNG.standard_normal((2, 3)).astype(np.float32)
    np.testing.assert_allclose(block(x).data, x + block.layer[0](x).data, rtol=1e-6)


def test_identity_and_flatten():
    x = Tensor(RNG.standard_normal((2, 3, 4)))
    assert nn.Identity()(x) is x
    assert np.array_equal(nn.Flatten()(x).data, x.data.reshape(2, 12))


def test_settings_of_activation_layers_are_saved_and_compared():
    state = nn.LeakyReLU(0.2).state()
    assert nn.LeakyReLU(0.2).restore(state) == []
    with pytest.raises(ValueError, match="negative_slope"):
        nn.LeakyReLU(0.3).restore(state)


@hypothesis_settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 4), max_size=4), st.sampled_from(ELEMENTWISE))
def test_any_shape(shape, name):
    x = Tensor(np.float32(RNG.standard_normal(shape)), requires_grad=True)
    y = activation(name)(x)
    assert y.shape == tuple(shape) and y.dtype == np.float32
    y.backward()
    assert x.grad.shape == tuple(shape) and x.grad.dtype == np.float32
