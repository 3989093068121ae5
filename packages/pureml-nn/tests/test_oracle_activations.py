"""Activations beside PyTorch's: values and gradients, at ordinary points, at kinks and far out."""

import numpy as np
import pureml_nn as nn
import pytest
from pureml_core import Tensor

torch = pytest.importorskip("torch")
F = torch.nn.functional

RNG = np.random.default_rng(0)
SETTINGS = [  # name, settings, PyTorch's settings
    ("sigmoid", {}, {}),
    ("relu", {}, {}),
    ("leaky_relu", {}, {}),
    ("leaky_relu", {"negative_slope": 0.3}, {"negative_slope": 0.3}),
    ("leaky_relu", {"negative_slope": -0.3}, {"negative_slope": -0.3}),
    ("elu", {}, {}),
    ("elu", {"alpha": 0.3}, {"alpha": 0.3}),
    ("selu", {}, {}),
    ("celu", {}, {}),
    ("celu", {"alpha": 0.5}, {"alpha": 0.5}),
    ("gelu", {}, {}),
    ("gelu", {"approximate": "tanh"}, {"approximate": "tanh"}),
    ("silu", {}, {}),
    ("mish", {}, {}),
    ("softplus", {}, {"threshold": 40}),  # beyond it they return x
    ("softplus", {"beta": 2.5}, {"beta": 2.5, "threshold": 40}),
    ("softsign", {}, {}),
    ("tanh", {}, {}),
    ("hardtanh", {}, {}),
    ("hardtanh", {"min_val": -2, "max_val": 0.5}, {"min_val": -2, "max_val": 0.5}),
    ("hardsigmoid", {}, {}),
    ("hardswish", {}, {}),
    ("relu6", {}, {}),
    ("glu", {}, {}),
    ("glu", {"axis": 1}, {"dim": 1}),
    ("softmax", {}, {"dim": -1}),
    ("softmax", {"axis": 0}, {"dim": 0}),
    ("log_softmax", {"axis": 1}, {"dim": 1}),
    ("softmin", {"axis": 0}, {"dim": 0}),
]
FAR = np.array([-1e4, -700, -88, -30, -17, -9, 9, 17, 30, 88, 700, 1e4])
KINKS = np.array([-3.0, -2, -1, -0.5, 0, 0.5, 1, 3, 6, 2])
ORDINARY = 3 * RNG.standard_normal((60, 1200))  # several blocks


def both(name, ours, theirs, x, dtype):
    x = x.astype(dtype)
    a, b = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y = getattr(nn, name)(a, **ours)
    their_y = getattr(F if hasattr(F, name) else torch, name)(b, **theirs)
    g = np.random.default_rng(1).standard_normal(y.shape).astype(dtype)
    y.backward(g)
    their_y.backward(torch.tensor(g))
    assert y.dtype == dtype and a.grad.dtype == dtype
    return (y.data, their_y.detach().numpy()), (a.grad, b.grad.numpy())


@pytest.mark.parametrize(("name", "ours", "theirs"), SETTINGS)
@pytest.mark.parametrize(
    "x", [ORDINARY, FAR.reshape(2, 6), KINKS.reshape(5, 2).repeat(2, 0)], ids=["usual", "far", "kinks"]
)
def test_values_and_gradients(name, ours, theirs, x):
    for a, b in both(name, ours, theirs, x, np.float64):
        np.testing.assert_allclose(
            a, b, rtol=1e-7 if name == "hardsigmoid" else 1e-9, atol=1e-12
        )  # their 1/6 is single
    for a, b in both(name, ours, theirs, x, np.float32):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=5e-6)  # tails that theirs round to 0


@pytest.mark.parametrize("shape", [(4,), (3, 4), (3, 4, 5), (3, 4, 2, 2)])
@pytest.mark.parametrize("n", [1, 4])
def test_prelu(shape, n):
    if n > 1 and len(shape) == 1:
        return
    x, w = RNG.standard_normal(shape), RNG.standard_normal(n)
    x.flat[0] = 0
    a, v = Tensor(x, requires_grad=True), Tensor(w, requires_grad=True)
    b, u = torch.tensor(x, requires_grad=True), torch.tensor(w, requires_grad=True)
    g = RNG.standard_normal(shape)
    y, their_y = nn.prelu(a, v), F.prelu(b, u)
    y.backward(g)
    their_y.backward(torch.tensor(g))
    for ours, theirs in ((y.data, their_y.detach()), (a.grad, b.grad), (v.grad, u.grad)):
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-12)


def test_layers_have_their_defaults():
    x = RNG.standard_normal((3, 4))
    names = ["CELU", "ELU", "GELU", "GLU", "SELU", "Flatten", "Hardsigmoid", "Hardswish", "Hardtanh", "Identity"]
    names += ["LeakyReLU", "Mish", "PReLU", "ReLU", "ReLU6", "SiLU", "Sigmoid", "Softplus", "Softsign", "Tanh"]
    for name in names:
        y, theirs = getattr(nn, name)()(x), getattr(torch.nn, name)()
        np.testing.assert_allclose(y.data, theirs.double()(torch.tensor(x)).detach(), rtol=1e-6, err_msg=name)
    for name in ("Softmax", "LogSoftmax", "Softmin"):
        np.testing.assert_allclose(
            getattr(nn, name)()(x).data, getattr(torch.nn, name)(-1)(torch.tensor(x)), rtol=1e-12
        )
