"""PyTorch as a second opinion on clipping, accumulation and averages of weights."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pureml_core import Parameter, RowSparse  # noqa: E402
from pureml_optim import (  # noqa: E402
    EMA,
    SGD,
    SWA,
    Accumulation,
    clip_by_global_norm,
    clip_by_norm,
    clip_by_value,
    global_norm,
)
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn  # noqa: E402

SHAPES = [(7, 5), (5,), (), (3, 2, 4), (1,)]


def pair(dtype=np.float64, size=3.0, seed=0):
    """The same parameters and gradients twice; the last has no gradient."""
    rng = np.random.default_rng(seed)
    ours, theirs = [], []
    for i, shape in enumerate(SHAPES):
        w, g = rng.standard_normal(shape).astype(dtype), (size * rng.standard_normal(shape)).astype(dtype)
        ours.append(Parameter(w, dtype))
        theirs.append(torch.nn.Parameter(torch.tensor(w)))
        if i < len(SHAPES) - 1:
            ours[-1].grad = g
            theirs[-1].grad = torch.tensor(g)
    return ours, theirs


def same(ours, theirs, dtype=np.float64):
    close = 1e-12 if dtype == np.float64 else 2e-6
    for a, b in zip(ours, theirs, strict=True):
        assert (a.grad is None) == (b.grad is None)
        if a.grad is not None:
            np.testing.assert_allclose(a.grad, b.grad.numpy(), rtol=close, atol=close)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("norm_type", [2.0, math.inf])
@pytest.mark.parametrize("max_norm", [0.0, 1e-3, 1.0, 20.0, 1e4])
def test_clip_by_global_norm(max_norm, norm_type, dtype):
    ours, theirs = pair(dtype)
    measured = global_norm(ours, norm_type=norm_type)
    total = clip_by_global_norm(ours, max_norm, norm_type=norm_type)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type=norm_type)
    assert total == measured == pytest.approx(float(expected), rel=1e-12 if dtype == np.float64 else 1e-6)
    same(ours, theirs, dtype)


@pytest.mark.parametrize("limit", [0.0, 0.5, 100.0])
def test_clip_by_value(limit):
    ours, theirs = pair()
    clip_by_value(ours, limit)
    torch.nn.utils.clip_grad_value_(theirs, limit)
    same(ours, theirs)


def test_clip_by_norm():
    ours, theirs = pair()
    clip_by_norm(ours, 1.5)
    for t in theirs:
        torch.nn.utils.clip_grad_norm_([t], 1.5)
    same(ours, theirs)


def test_a_row_sparse_gradient_is_clipped_as_a_dense_one():
    rows, values = np.array([3, 0, 3]), np.random.default_rng(0).standard_normal((3, 4))
    ours = Parameter(np.zeros((6, 4)), np.float64)
    ours.grad = RowSparse(rows, values, (6, 4))
    theirs = torch.nn.Parameter(torch.zeros(6, 4, dtype=torch.float64))
    theirs.grad = torch.zeros(6, 4, dtype=torch.float64).index_add_(0, torch.tensor(rows), torch.tensor(values))
    total = clip_by_global_norm([ours], 1.0)
    assert total == pytest.approx(float(torch.nn.utils.clip_grad_norm_([theirs], 1.0)), rel=1e-12)
    assert ours.sparse_grad is not None
    same([ours], [theirs])


def test_accumulation():
    ours, theirs = pair()
    accumulation = Accumulation(SGD(ours, lr=0.1, beta=0.0), every=3)
    optim = torch.optim.SGD(theirs, lr=0.1)
    accumulation.optim.zero_grad()
    optim.zero_grad()
    rng = np.random.default_rng(1)
    for i in range(9):
        c = rng.standard_normal()
        for a, b in zip(ours, theirs, strict=True):
            (a * a * c).sum().backward()
            ((b * b * c).sum() / 3).backward()
        assert accumulation.step() == (i % 3 == 2)
        if i % 3 == 2:
            optim.step()
            optim.zero_grad()
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.data, b.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "settings"),
    [
        (SWA, {}),
        (lambda p: EMA(p, 0.999), {"multi_avg_fn": get_ema_multi_avg_fn(0.999)}),
        (lambda p: EMA(p, 0.3), {"multi_avg_fn": get_ema_multi_avg_fn(0.3)}),
    ],
)
def test_averages_of_weights(make, settings):
    ours, theirs = pair()
    model = torch.nn.ParameterList(theirs)
    average, expected = make(ours), AveragedModel(model, **settings)
    rng = np.random.default_rng(2)
    for _ in range(40):
        for a, b in zip(ours, theirs, strict=True):
            w = rng.standard_normal(a.shape)
            a.data[...] = w
            b.data = torch.tensor(w)
        average.update()
        expected.update_parameters(model)
        with average.averaged():
            for a, b in zip(ours, expected.module, strict=True):
                np.testing.assert_allclose(a.data, b.detach().numpy(), rtol=1e-12, atol=1e-13)
    assert average.updates == int(expected.n_averaged)
