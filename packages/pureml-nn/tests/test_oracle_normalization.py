"""Normalisation and Embedding beside PyTorch's: same weights, same inputs; values, gradients, running statistics."""

import numpy as np
import pytest
from pureml_core import Tensor
from pureml_nn import BatchNorm1d, BatchNorm2d, Embedding, GroupNorm, InstanceNorm, LayerNorm, LayerNorm1d, RMSNorm

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
F = torch.nn


def draw(*shape):
    return RNG.standard_normal(shape)


def same(a, b, **tolerance):
    np.testing.assert_allclose(a, b.detach().numpy(), **{"rtol": 1e-10, "atol": 1e-11} | tolerance)


def assert_same(ours, theirs, X, weights):
    """Values, and gradients of the input and of the weights ((our name, their name), ...), which are copied first."""
    theirs.double()
    with torch.no_grad():
        for name, other in weights:
            value = draw(*getattr(ours, name).shape)
            getattr(ours, name).data = value
            getattr(theirs, other).copy_(torch.tensor(value))
    x, their_x = Tensor(X, requires_grad=True), torch.tensor(X, requires_grad=True)
    y, their_y = ours(x), theirs(their_x)
    same(y.data, their_y)
    g = draw(*y.shape)
    y.backward(g)
    their_y.backward(torch.tensor(g))
    same(x.grad, their_x.grad)
    for name, other in weights:
        same(getattr(ours, name).grad, getattr(theirs, other).grad)
        getattr(ours, name).zero_grad()
    theirs.zero_grad()


BOTH = [("gamma", "weight"), ("beta", "bias")]
BATCHES = [
    (BatchNorm1d, F.BatchNorm1d, (6, 4)),
    (BatchNorm1d, F.BatchNorm1d, (4, 4)),
    (BatchNorm1d, F.BatchNorm1d, (3, 4, 5)),
    (BatchNorm1d, F.BatchNorm1d, (1, 4, 5)),
    (BatchNorm2d, F.BatchNorm2d, (3, 4, 5, 2)),
    (BatchNorm2d, F.BatchNorm2d, (1, 4, 2, 2)),
    (BatchNorm2d, F.BatchNorm2d, (40, 4, 30, 31)),  # several blocks
]


@pytest.mark.parametrize(("ours", "theirs", "shape"), BATCHES, ids=str)
@pytest.mark.parametrize(("eps", "momentum"), [(1e-5, 0.1), (0.1, 0.7)])
def test_batch_norm_over_several_steps(ours, theirs, shape, eps, momentum):
    ours, theirs = ours(4, eps=eps, momentum=momentum).astype(np.float64), theirs(4, eps=eps, momentum=momentum)
    for _ in range(3):
        assert_same(ours, theirs, 3 * draw(*shape) + 2, BOTH)
        same(ours.running_mean.data, theirs.running_mean)
        same(ours.running_variance.data, theirs.running_var)
    ours.eval()
    theirs.eval()
    before = ours.running_mean.data.copy()
    assert_same(ours, theirs, draw(*shape), BOTH)
    assert np.array_equal(ours.running_mean.data, before)


@pytest.mark.parametrize("shape", [(4,), (5, 4), (4, 4), (2, 3, 4), (300, 5, 4)])
@pytest.mark.parametrize("bias", [True, False])
def test_layer_norm(shape, bias):
    for kind in (LayerNorm, LayerNorm1d):
        ours, theirs = kind(4, bias=bias).astype(np.float64), F.LayerNorm(4, bias=bias)
        assert_same(ours, theirs, 3 * draw(*shape) + 2, BOTH[: 1 + bias])


def test_layer_norm_over_several_axes():
    assert_same(LayerNorm((3, 4), eps=0.1).astype(np.float64), F.LayerNorm((3, 4), eps=0.1), draw(2, 3, 4), BOTH)


@pytest.mark.parametrize(("axes", "shape"), [(4, (4,)), (4, (5, 4)), (4, (2, 3, 4)), ((3, 4), (2, 3, 4))])
def test_rms_norm(axes, shape):
    assert_same(RMSNorm(axes, eps=0.01).astype(np.float64), F.RMSNorm(axes, eps=0.01), draw(*shape), BOTH[:1])


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 5), (4, 4, 4), (2, 4, 3, 2), (50, 4, 30, 31)])
@pytest.mark.parametrize("groups", [1, 2])
def test_group_norm(shape, groups):
    assert_same(GroupNorm(groups, 4).astype(np.float64), F.GroupNorm(groups, 4), draw(*shape), BOTH)


@pytest.mark.parametrize(("theirs", "shape"), [(F.InstanceNorm1d, (3, 4, 5)), (F.InstanceNorm2d, (2, 4, 3, 5))])
def test_instance_norm(theirs, shape):
    assert_same(InstanceNorm(4, affine=True).astype(np.float64), theirs(4, affine=True), draw(*shape), BOTH)
    assert_same(InstanceNorm(4), theirs(4), draw(*shape), [])


@pytest.mark.parametrize("padding", [None, 2])
@pytest.mark.parametrize("sparse", [False, True])
def test_embedding(padding, sparse):
    W, X, g = draw(5, 3), RNG.integers(0, 5, (4, 6)), draw(4, 6, 3)
    ours = Embedding(5, 3, W=W, pad_idx=padding, sparse=sparse)
    theirs = F.Embedding(5, 3, _weight=torch.tensor(W), padding_idx=padding, sparse=sparse)
    for _ in range(2):
        y, their_y = ours(X), theirs(torch.tensor(X))
        same(y.data, their_y)
        y.backward(g)
        their_y.backward(torch.tensor(g))
    grad = theirs.weight.grad
    same(ours.W.grad, grad.to_dense() if sparse else grad)


def test_single_precision_is_as_good_as_theirs():
    X = (100 + draw(64, 256)).astype(np.float32)
    exact = LayerNorm(256).astype(np.float64)(X.astype(np.float64)).data
    theirs = np.abs(F.LayerNorm(256)(torch.tensor(X)).detach().numpy() - exact).max()
    assert np.abs(LayerNorm(256)(X).data - exact).max() < max(2 * theirs, 1e-4)
