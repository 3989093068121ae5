"""PyTorch as a second opinion on rates: every schedule that it also has, over 60 steps, to 1e-12.

Run by `hatch run oracle:test`. PyTorch sets the rate of step 0 at construction, we at the first `step()`.
"""

from math import exp

import numpy as np
import pureml_optim as ours
import pytest
from pureml_core import Parameter

torch = pytest.importorskip("torch")
theirs = torch.optim.lr_scheduler
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch's

STEPS = 60

# T_max is at least STEPS - 1: beyond it PyTorch's cosine rises again, ours stays, as in the paper's library.
SETTINGS = {
    "StepLR": [{"step_size": 1, "gamma": 0.9}, {"step_size": 7}, {"step_size": 13, "gamma": 1.5}],
    "MultiStepLR": [{"milestones": [3, 10, 10, 41], "gamma": 0.3}, {"milestones": [0, 20]}],
    "ExponentialLR": [{"gamma": 0.9}, {"gamma": 1.05}],
    "ConstantLR": [{}, {"factor": 0.5, "total_iters": 20}, {"factor": 0.1, "total_iters": 1}],
    "LinearLR": [{}, {"start_factor": 0.1, "end_factor": 0.7, "total_iters": 40}, {"start_factor": 1, "end_factor": 0}],
    "PolynomialLR": [{}, {"total_iters": 50, "power": 0.9}, {"total_iters": 59, "power": 2.0}],
    "CosineAnnealingLR": [{"T_max": 60}, {"T_max": 59, "eta_min": 0.01}, {"T_max": 100, "eta_min": 0.7}],
    "CosineAnnealingWarmRestarts": [
        {"T_0": 7},
        {"T_0": 1},
        {"T_0": 5, "T_mult": 2, "eta_min": 0.02},
        {"T_0": 3, "T_mult": 3},
    ],
    "LambdaLR": [{"lr_lambda": lambda step: exp(-step / 9)}, {"lr_lambda": lambda step: min(1.0, (step + 1) / 30)}],
    "OneCycleLR": [
        {"max_lr": 2.0, "total_steps": 60},
        {"max_lr": 0.1, "total_steps": 60, "pct_start": 0.1, "anneal_strategy": "linear"},
        {"max_lr": 0.1, "total_steps": 61, "pct_start": 0.45, "three_phase": True, "div_factor": 7.0},
        {"max_lr": 3.0, "total_steps": 77, "three_phase": True, "anneal_strategy": "linear", "final_div_factor": 9.0},
        {"max_lr": 3.0, "total_steps": 60, "pct_start": 0.01},
        {"max_lr": 3.0, "total_steps": 60, "base_momentum": 0.6, "max_momentum": 0.99},
    ],
}


def optimizers(lr):
    ps = [Parameter([1.0]), torch.nn.Parameter(torch.ones(1))]
    return ours.SGD([ps[0]], lr, beta=0.9, momentum="classical"), torch.optim.SGD([ps[1]], lr, momentum=0.9)


def torch_rates(optim, schedule):
    for _ in range(STEPS):
        yield optim.param_groups[0]["lr"], optim.param_groups[0]["momentum"]
        optim.step()
        if schedule.last_epoch < STEPS - 1:
            schedule.step()


@pytest.mark.parametrize(
    ("name", "settings"),
    [pytest.param(name, s, id=f"{name}-{i}") for name, rows in SETTINGS.items() for i, s in enumerate(rows)],
)
def test_rates(name, settings):
    mine, other = optimizers(0.3)
    cycle = {"cycle_momentum": True} if name == "OneCycleLR" else {}
    schedule = getattr(ours, name)(mine, **settings, **cycle)
    for lr, momentum in torch_rates(other, getattr(theirs, name)(other, **settings)):
        assert schedule.step() == pytest.approx(lr, rel=1e-12, abs=1e-14)
        if cycle:
            assert mine.groups[0].settings["beta"] == pytest.approx(momentum, rel=1e-12)


def test_every_schedule_that_pytorch_has_is_compared():
    public = {x for x in ours.__all__ if hasattr(theirs, x)} - {"LRScheduler", "Optimizer"}
    assert public == SETTINGS.keys() | {"SequentialLR", "ReduceLROnPlateau"}


@pytest.mark.parametrize("milestones", [[10, 30], [1, 2], [25, 25]])
def test_a_sequence(milestones):
    mine, other = optimizers(0.3)

    def parts(kind, optim):
        return [
            kind.LinearLR(optim, start_factor=0.1, total_iters=milestones[0]),
            kind.CosineAnnealingLR(optim, T_max=59),
            kind.ExponentialLR(optim, gamma=0.95),
        ]

    schedule = ours.SequentialLR(mine, parts(ours, mine), milestones=milestones)
    second = theirs.SequentialLR(other, parts(theirs, other), milestones=milestones)
    for lr, _ in torch_rates(other, second):
        assert schedule.step() == pytest.approx(lr, rel=1e-12)


@pytest.mark.parametrize("n", [1, 8])
def test_a_warm_up_is_a_line_and_then_the_other(n):
    mine, other = optimizers(0.3)
    schedule = ours.WarmupLR(mine, ours.PolynomialLR(mine, total_iters=45, power=2.0), steps=n)
    parts = [
        theirs.LinearLR(other, start_factor=1 / (n + 1), total_iters=n),
        theirs.PolynomialLR(other, total_iters=45, power=2.0),
    ]
    for lr, _ in torch_rates(other, theirs.SequentialLR(other, parts, milestones=[n])):
        assert schedule.step() == pytest.approx(lr, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"patience": 0, "factor": 0.7},
        {"mode": "max", "patience": 2, "factor": 0.5, "cooldown": 3},
        {"patience": 1, "threshold": 0.05, "threshold_mode": "abs", "min_lr": 1e-3},
        {"patience": 1, "threshold": 0.2, "threshold_mode": "rel", "eps": 1e-3},
        {"mode": "max", "patience": 1, "threshold": 0.2, "cooldown": 1, "factor": 0.9},
        {"mode": "max", "patience": 1, "threshold": 0.3, "threshold_mode": "abs", "factor": 0.9},
    ],
)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_plateaus(settings, seed):
    mine, other = optimizers(0.3)
    schedule, second = ours.ReduceLROnPlateau(mine, **settings), theirs.ReduceLROnPlateau(other, **settings)
    rng = np.random.default_rng(seed)
    metrics = np.exp(rng.normal(0, 0.2, STEPS) + np.linspace(1, 0.5, STEPS) * (-1 if "mode" in settings else 1))
    metrics[rng.integers(0, STEPS, 3)] = np.nan
    for metric in metrics:
        second.step(metric)
        assert schedule.step(metric) == pytest.approx(other.param_groups[0]["lr"], rel=1e-12)
        assert (schedule.bad_steps, schedule.cooldown_left) == (second.num_bad_epochs, second.cooldown_counter)
    assert schedule.reductions > 0
