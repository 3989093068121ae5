"""PyTorch as a second opinion on Adafactor, Muon and L-BFGS, settings included."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pureml_core import Parameter, Tensor  # noqa: E402
from pureml_optim import LBFGS, Adafactor, Muon  # noqa: E402
from torch import optim  # noqa: E402

# ours, then PyTorch's
ADAFACTOR = [
    ({}, {}),
    ({"lr": 0.3}, {"lr": 0.3}),
    ({"beta2_decay": -0.5}, {"beta2_decay": -0.5}),
    ({"eps2": 0.5}, {"eps": (None, 0.5)}),
    ({"d": 3.0}, {"d": 3.0}),
    ({"weight_decay": 0.1}, {"weight_decay": 0.1}),
    ({"maximize": True}, {"maximize": True}),
]


@pytest.mark.parametrize(("our_settings", "their_settings"), ADAFACTOR)
def test_adafactor_has_the_same_weights_after_fifty_steps(our_settings, their_settings):
    rng = np.random.default_rng(0)
    a = [Parameter(rng.standard_normal(shape), np.float64) for shape in [(7, 5), (5,), (), (3, 2, 4), (90, 100)]]
    b = [torch.nn.Parameter(torch.tensor(t.data)) for t in a]
    one, other = Adafactor(a, **our_settings), optim.Adafactor(b, **their_settings)
    for step in range(50):
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            x.grad = y.grad = None
            if i != step % 7:
                x.grad = rng.standard_normal(x.shape) * (1 + 9 * (step % 10 == 9)) + 0.1 * x.data
                y.grad = torch.tensor(x.grad)
        one.step()
        other.step()
    for x, y in zip(a, b, strict=True):
        np.testing.assert_allclose(x.data, y.detach().numpy(), rtol=1e-9, atol=1e-9)


# A matrix (fan_in, fan_out) of ours is one (fan_out, fan_in) of PyTorch's.
MUON = [
    ({"adjust_lr": "original"}, {}),
    ({}, {"adjust_lr_fn": "match_rms_adamw"}),
    ({"nesterov": False, "momentum": 0.5}, {"nesterov": False, "momentum": 0.5, "adjust_lr_fn": "match_rms_adamw"}),
    (
        {"ns_steps": 3, "ns_coefficients": (2, -1.5, 0.5), "weight_decay": 0, "adjust_lr": "original"},
        {"ns_steps": 3, "ns_coefficients": (2, -1.5, 0.5), "weight_decay": 0},
    ),
]


def muons(our_settings, their_settings, steps, dtype):
    rng = np.random.default_rng(0)
    a = [Parameter(rng.standard_normal(shape), dtype) for shape in [(7, 5), (5, 7), (6, 6), (1, 4), (40, 30)]]
    b = [torch.nn.Parameter(torch.tensor(t.data.T.copy())) for t in a]
    one, other = Muon(a, 0.02, **our_settings), optim.Muon(b, lr=0.02, **their_settings)
    for _ in range(steps):
        for x, y in zip(a, b, strict=True):
            x.grad = rng.standard_normal(x.shape)
            y.grad = torch.tensor(x.grad.T.copy())
        one.step()
        other.step()
    return [(x.data, y.detach().numpy().T) for x, y in zip(a, b, strict=True)]


@pytest.mark.parametrize(("our_settings", "their_settings"), MUON)
def test_muon_has_the_same_weights_after_fifty_steps(our_settings, their_settings, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)  # it would orthogonalize in bfloat16
    for ours, theirs in muons(our_settings, their_settings, 50, np.float64):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("our_settings", "their_settings"), MUON)
def test_a_step_of_muon_is_within_bfloat16_of_theirs(our_settings, their_settings):
    for ours, theirs in muons(our_settings, their_settings, 1, np.float32):
        np.testing.assert_allclose(ours, theirs, atol=0.02 * 0.2 * 40**0.5 * 0.1)


# loss and gradient, where from


def logistic():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 6))
    y = np.sign(X @ rng.standard_normal(6) + rng.standard_normal(40))

    def loss(w):
        z = y * (X @ w)
        return np.log1p(np.exp(-z)).mean() + 0.005 * w @ w, -(X.T @ (y / (1 + np.exp(z)))) / 40 + 0.01 * w

    return loss, np.zeros(6)


def quartic():
    a = np.arange(1, 7)

    def loss(w):
        return ((w - 1) ** 4).sum() + 0.1 * (a * w) @ w, 4 * (w - 1) ** 3 + 0.2 * a * w

    return loss, 3 * np.random.default_rng(1).standard_normal(6)


def rosenbrock():
    def loss(w):
        x, y = w
        return (1 - x) ** 2 + 100 * (y - x * x) ** 2, np.array([2 * (x - 1) - 400 * x * (y - x * x), 200 * (y - x * x)])

    return loss, np.array([-1.2, 1.0])


PROBLEMS = [(logistic, 1.0), (quartic, 0.1), (rosenbrock, 1e-3)]  # with a rate that works without a line search
LBFGS_SETTINGS = [
    {},
    {"max_iter": 1, "max_eval": 5},
    {"max_iter": 3, "max_eval": 9, "history_size": 2},
    {"tolerance_grad": 1e-3},
    {"tolerance_change": 1e-4},
    {"history_size": 1},
]


@pytest.mark.parametrize("settings", LBFGS_SETTINGS)
@pytest.mark.parametrize("line_search", ["strong_wolfe", "none"])
@pytest.mark.parametrize(("problem", "rate"), PROBLEMS)
def test_lbfgs_takes_the_same_path_for_fifty_steps(problem, rate, line_search, settings):
    loss, start = problem()
    settings = {"history_size": 10, "lr": rate if line_search == "none" else 1.0, **settings}
    a = [Tensor(part.copy(), requires_grad=True) for part in (start[:1], start[1:])]
    b = [torch.nn.Parameter(torch.tensor(t.data)) for t in a]
    one = LBFGS(a, line_search=line_search, **settings)
    other = optim.LBFGS(b, line_search_fn=None if line_search == "none" else line_search, **settings)
    calls = [0, 0]

    def ours():
        calls[0] += 1
        f, g = loss(np.concatenate([t.data for t in a]))
        a[0].grad, a[1].grad = g[:1], g[1:]
        return f

    def theirs():
        calls[1] += 1
        f, g = loss(np.concatenate([t.detach().numpy() for t in b]))
        b[0].grad, b[1].grad = torch.tensor(g[:1]), torch.tensor(g[1:])
        return torch.tensor(f)

    for _ in range(50):
        before, expected = one.step(ours), float(other.step(theirs))
        assert calls[0] == calls[1]
        assert before == pytest.approx(expected, rel=1e-9, abs=1e-9)
        for x, y in zip(a, b, strict=True):
            np.testing.assert_allclose(x.data, y.detach().numpy(), rtol=1e-9, atol=1e-9)
