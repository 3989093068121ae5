"""Convolution and pooling beside PyTorch's: same weights, same inputs; values and all gradients."""

import itertools

import numpy as np
import pureml_nn as nn
import pytest
from pureml_core import Tensor
from pureml_nn.layers import columns

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
F = torch.nn


def draw(*shape):
    return RNG.standard_normal(shape)


def assert_same(ours, theirs, X):
    """Values, and gradients of the input and of the weights, which are copied first."""
    theirs.double()
    weights = [(getattr(ours, name, None), their) for name, their in (("W", "weight"), ("b", "bias"))]
    weights = [(w, getattr(theirs, their)) for w, their in weights if w is not None]
    with torch.no_grad():
        for w, their in weights:
            assert w.shape == tuple(their.shape)
            w.data = draw(*w.shape)
            their.copy_(torch.tensor(w.data))
    x, their_x = Tensor(X, requires_grad=True), torch.tensor(X, requires_grad=True)
    y, their_y = ours(x), theirs(their_x)
    g = draw(*y.shape)
    y.backward(g)
    their_y.backward(torch.tensor(g).reshape(their_y.shape))
    pairs = [(y.data, their_y.detach().reshape(y.shape)), (x.grad, their_x.grad)]
    pairs += [(w.grad, their.grad) for w, their in weights]
    for a, b in pairs:
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-10, atol=1e-11)


GEOMETRIES = list(itertools.product([1, 4], [1, 2], [0, 1], [1, 2], [1, 2]))  # batch (4 = out), stride, padding, ...


@pytest.mark.parametrize(("B", "stride", "padding", "dilation", "groups"), GEOMETRIES)
def test_convolution(B, stride, padding, dilation, groups):
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    for size, ours, theirs, X in [
        (3, nn.Conv1D, F.Conv1d, draw(B, 2, 8)),
        (1, nn.Conv1D, F.Conv1d, draw(B, 2, 5)),
        ((3, 2), nn.Conv2D, F.Conv2d, draw(B, 2, 7, 6)),
        (1, nn.Conv2D, F.Conv2d, draw(B, 2, 4, 3)),
    ]:
        for bias in (True, False):
            layer = ours(2, 4, size, use_bias=bias, **options).astype(np.float64)
            assert_same(layer, theirs(2, 4, size, bias=bias, **options), X)


@pytest.mark.parametrize(("B", "stride", "padding", "dilation", "groups"), GEOMETRIES)
def test_transposed_convolution(B, stride, padding, dilation, groups):
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    for extra in range(max(stride, dilation)):
        for size, ours, theirs, X in [
            (3, nn.ConvTranspose1D, F.ConvTranspose1d, draw(B, 2, 5)),
            ((2, 3), nn.ConvTranspose2D, F.ConvTranspose2d, draw(B, 2, 3, 4)),
        ]:
            layer = ours(2, 4, size, output_padding=extra, **options).astype(np.float64)
            assert_same(layer, theirs(2, 4, size, output_padding=extra, **options), X)


def test_by_channel():
    assert_same(nn.Conv2D(3, 6, 3, groups=3).astype(float), F.Conv2d(3, 6, 3, groups=3), draw(2, 3, 5, 5))
    assert_same(nn.Conv1D(3, 3, 2, groups=3).astype(float), F.Conv1d(3, 3, 2, groups=3), draw(3, 3, 5))


@pytest.mark.parametrize("size", [1, 2, 3, (3, 2), (2, 4)])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
def test_padding_by_name(size, padding):
    ours = nn.Conv2D(2, 3, size, padding=padding, dilation=2).astype(np.float64)
    assert_same(ours, F.Conv2d(2, 3, size, padding=padding, dilation=2), draw(3, 2, 8, 7))


@pytest.mark.parametrize("entries", [1, 300, 5000])
@pytest.mark.parametrize("stride", [1, 2])
def test_in_pieces(entries, stride, monkeypatch):
    monkeypatch.setattr(columns, "ENTRIES", entries)
    options = {"stride": stride, "padding": 1}
    assert_same(nn.Conv2D(2, 3, 3, **options).astype(float), F.Conv2d(2, 3, 3, **options), draw(5, 2, 9, 8))
    assert_same(nn.Conv1D(2, 3, 3, **options).astype(float), F.Conv1d(2, 3, 3, **options), draw(5, 2, 50))
    theirs = F.ConvTranspose2d(2, 3, 3, **options)
    assert_same(nn.ConvTranspose2D(2, 3, 3, **options).astype(float), theirs, draw(5, 2, 6, 7))


POOLS = [(2, None, 0, 1), (3, 1, 1, 1), (3, 2, 1, 1), (2, 3, 0, 1), (1, 2, 0, 1), (2, 1, 1, 2), (3, 2, 1, 2)]


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("size", "stride", "padding", "dilation"), POOLS)
def test_max_pooling(size, stride, padding, dilation, ties):
    for ours, theirs, shape in [(nn.MaxPool1D, F.MaxPool1d, (3, 2, 9)), (nn.MaxPool2D, F.MaxPool2d, (2, 3, 7, 8))]:
        X = RNG.integers(-2, 2, shape).astype(float) if ties else draw(*shape)
        assert_same(ours(size, stride, padding, dilation), theirs(size, stride, padding, dilation), X)


@pytest.mark.parametrize(("size", "stride", "padding"), [p[:3] for p in POOLS if p[3] == 1])
def test_mean_pooling(size, stride, padding):
    assert_same(nn.MeanPool1D(size, stride, padding), F.AvgPool1d(size, stride, padding), draw(3, 2, 9))
    assert_same(nn.MeanPool2D(size, stride, padding), F.AvgPool2d(size, stride, padding), draw(2, 3, 7, 8))


def test_windows_of_two_sizes():
    X = draw(2, 3, 8, 9)
    assert_same(nn.MaxPool2D((2, 3), (1, 2), (1, 0)), F.MaxPool2d((2, 3), (1, 2), (1, 0)), X)
    assert_same(nn.MeanPool2D((2, 3), (1, 2), (1, 0)), F.AvgPool2d((2, 3), (1, 2), (1, 0)), X)


@pytest.mark.parametrize("m", [1, 2, 3, 4, 6, 8])
@pytest.mark.parametrize("ties", [False, True])
def test_adaptive_and_global_pooling(m, ties):
    X, Y = draw(3, 2, 6), draw(2, 3, 6, 5)
    if ties:
        X, Y = np.round(X), np.round(Y)
    assert_same(nn.AdaptiveMaxPool1D(m), F.AdaptiveMaxPool1d(m), X)
    assert_same(nn.AdaptiveMeanPool1D(m), F.AdaptiveAvgPool1d(m), X)
    assert_same(nn.AdaptiveMaxPool2D((m, 2)), F.AdaptiveMaxPool2d((m, 2)), Y)
    assert_same(nn.AdaptiveMeanPool2D((m, 2)), F.AdaptiveAvgPool2d((m, 2)), Y)
    assert_same(nn.GlobalMaxPool1D(), F.AdaptiveMaxPool1d(1), X)
    assert_same(nn.GlobalMaxPool2D(), F.AdaptiveMaxPool2d(1), Y)
    assert_same(nn.GlobalMeanPool2D(), F.AdaptiveAvgPool2d(1), Y)


def test_columns():
    X = draw(2, 3, 6, 7)
    theirs = F.Unfold((2, 3), dilation=(1, 2), padding=(1, 0), stride=(2, 1))(torch.tensor(X))
    np.testing.assert_array_equal(nn.unfold2d(X, (2, 3), (2, 1), (1, 0), (1, 2)).data, theirs)


def test_a_whole_network_trains_alike():
    """Convolution, pooling and dense layers: the same losses, step by step."""
    ours = nn.Sequential(
        nn.Conv2D(1, 4, 3, padding=1), nn.relu, nn.Conv2D(4, 6, 3, stride=2), nn.relu, nn.MaxPool2D(2), nn.Flatten(),
        nn.Affine(54, 3),
    ).astype(np.float64)  # fmt: skip
    theirs = F.Sequential(
        F.Conv2d(1, 4, 3, padding=1), F.ReLU(), F.Conv2d(4, 6, 3, stride=2), F.ReLU(), F.MaxPool2d(2), F.Flatten(),
        F.Linear(54, 3),
    ).double()  # fmt: skip
    with torch.no_grad():
        for p, q in zip(ours.parameters, theirs.parameters(), strict=True):
            p.data = q.numpy().T.copy() if q.ndim == 2 else q.numpy().copy()
    X, Y = draw(4, 1, 14, 14), np.array([0, 2, 1, 2])
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1)
    for _ in range(5):
        loss = nn.CCE(Y, ours(X), from_logits=True)
        loss.backward()
        for p in ours.parameters:
            p.data = p.data - 0.1 * p.grad
            p.zero_grad()
        other = F.functional.cross_entropy(theirs(torch.tensor(X)), torch.tensor(Y))
        optimizer.zero_grad()
        other.backward()
        optimizer.step()
        assert abs(float(loss) - other.item()) < 1e-10
