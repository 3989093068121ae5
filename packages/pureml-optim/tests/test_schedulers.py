"""Schedules: sequences of rates, and the same sequence after stopping."""

import copy
import json
import pickle
import sys
from math import cos, pi
from typing import ClassVar, NamedTuple

import numpy as np
import pureml_optim
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pureml_core import Parameter, State
from pureml_optim import (
    SGD,
    Adam,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    NoamLR,
    OneCycleLR,
    Optimizer,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
    WarmupLR,
    between,
)


class Hyperbola(LRScheduler):
    settings: ClassVar = {"halving": between(1)}

    def compute_lr(self, step):
        return self.base_lr / (1 + step / self.halving)


def hyperbola(step):
    return 1 / (1 + step)


class Row(NamedTuple):
    make: object  # (optimizer, **last_step) -> the schedule
    other: object  # the same with other settings
    rate: object  # what it should give at a step, with a base rate of 1


STEPS = 14
METRICS = [3.0, 2.0, 2.0, 2.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5]
PLATEAU = [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.125, 0.125, 0.0625, 0.0625]  # with patience 1


def cosine(x):
    return (1 + cos(pi * x)) / 2


SCHEDULES = {
    "step": Row(
        lambda o, **k: StepLR(o, 2, gamma=0.5, **k), lambda o: StepLR(o, 9, gamma=0.9), lambda s: 0.5 ** (s // 2)
    ),
    "step by default a tenth": Row(
        lambda o, **k: StepLR(o, 3, **k), lambda o: StepLR(o, 1, gamma=1), lambda s: 0.1 ** (s // 3)
    ),
    "step to zero": Row(lambda o, **k: StepLR(o, 2, gamma=0, **k), lambda o: StepLR(o, 3), lambda s: 1 if s < 2 else 0),
    "multi-step": Row(
        lambda o, **k: MultiStepLR(o, [2, 5, 5, 11], gamma=0.5, **k),
        lambda o: MultiStepLR(o, [1]),
        lambda s: 0.5 ** ((s >= 2) + 2 * (s >= 5) + (s >= 11)),
    ),
    "multi-step without any": Row(
        lambda o, **k: MultiStepLR(o, (), **k), lambda o: MultiStepLR(o, [1, 2]), lambda s: 1
    ),
    "exponential": Row(
        lambda o, **k: ExponentialLR(o, gamma=0.8, **k), lambda o: ExponentialLR(o, gamma=2), lambda s: 0.8**s
    ),
    "constant": Row(
        lambda o, **k: ConstantLR(o, factor=0.25, total_iters=3, **k),
        lambda o: ConstantLR(o),
        lambda s: 0.25 if s < 3 else 1,
    ),
    "linear": Row(
        lambda o, **k: LinearLR(o, start_factor=0.2, end_factor=0.7, total_iters=5, **k),
        lambda o: LinearLR(o),
        lambda s: 0.2 + 0.1 * min(s, 5),
    ),
    "polynomial": Row(
        lambda o, **k: PolynomialLR(o, total_iters=8, power=2, eta_min=0.1, **k),
        lambda o: PolynomialLR(o),
        lambda s: 0.1 + 0.9 * max(1 - s / 8, 0) ** 2,
    ),
    "cosine": Row(
        lambda o, **k: CosineAnnealingLR(o, T_max=10, eta_min=0.2, **k),
        lambda o: CosineAnnealingLR(o, T_max=3),
        lambda s: 0.2 + 0.8 * cosine(min(s, 10) / 10),
    ),
    "restarts": Row(
        lambda o, **k: CosineAnnealingWarmRestarts(o, 3, eta_min=0.1, **k),
        lambda o: CosineAnnealingWarmRestarts(o, 5, T_mult=4),
        lambda s: 0.1 + 0.9 * cosine(s % 3 / 3),
    ),
    "restarts ever further apart": Row(
        lambda o, **k: CosineAnnealingWarmRestarts(o, 2, T_mult=2, **k),
        lambda o: CosineAnnealingWarmRestarts(o, 5),
        lambda s: cosine(s / 2 if s < 2 else (s - 2) / 4 if s < 6 else (s - 6) / 8),
    ),
    "one cycle in lines": Row(
        lambda o, **k: OneCycleLR(
            o, 3.0, total_steps=11, pct_start=5 / 11, anneal_strategy="linear", div_factor=3, final_div_factor=10, **k
        ),
        lambda o: OneCycleLR(o, 1.0, total_steps=5),
        lambda s: 1 + s / 2 if s < 4 else 3 - 2.9 * min((s - 4) / 6, 1),
    ),
    "one cycle": Row(
        lambda o, **k: OneCycleLR(o, 3.0, total_steps=10, pct_start=0.4, div_factor=3, final_div_factor=10, **k),
        lambda o: OneCycleLR(o, 1.0, total_steps=5, three_phase=True),
        lambda s: 3 - 2 * cosine(s / 3) if s < 3 else 0.1 + 2.9 * cosine(min((s - 3) / 6, 1)),
    ),
    "one cycle in three phases": Row(
        lambda o, **k: OneCycleLR(
            o,
            3.0,
            total_steps=12,
            pct_start=1 / 3,
            anneal_strategy="linear",
            three_phase=True,
            div_factor=3,
            final_div_factor=10,
            **k,
        ),
        lambda o: OneCycleLR(o, 1.0, total_steps=5),
        lambda s: 1 + s * 2 / 3 if s < 3 else 3 - (s - 3) * 2 / 3 if s < 6 else 1 - 0.9 * min((s - 6) / 5, 1),
    ),
    "Noam": Row(
        lambda o, **k: NoamLR(o, 64, warmup_steps=4, **k),
        lambda o: NoamLR(o, 512),
        lambda s: 64**-0.5 * min((s + 1) ** -0.5, (s + 1) * 4**-1.5),
    ),
    "lambda": Row(lambda o, **k: LambdaLR(o, hyperbola, **k), lambda o: LambdaLR(o, hyperbola), hyperbola),
    "plateau": Row(
        lambda o, **k: ReduceLROnPlateau(o, factor=0.5, patience=1, **k),
        lambda o: ReduceLROnPlateau(o, mode="max", cooldown=3),
        PLATEAU.__getitem__,
    ),
    "sequential": Row(
        lambda o, **k: SequentialLR(
            o,
            [LinearLR(o, start_factor=0.5, total_iters=4), StepLR(o, 2, gamma=0.5), ExponentialLR(o, gamma=0.9)],
            milestones=[4, 9],
            **k,
        ),
        lambda o: SequentialLR(
            o, [LinearLR(o), StepLR(o, 1, gamma=0.2), ExponentialLR(o, gamma=0.1)], milestones=[1, 2]
        ),
        lambda s: 0.5 + s / 8 if s < 4 else 0.5 ** ((s - 4) // 2) if s < 9 else 0.9 ** (s - 9),
    ),
    "warm-up": Row(
        lambda o, **k: WarmupLR(o, CosineAnnealingLR(o, T_max=8), steps=4, **k),
        lambda o: WarmupLR(o, CosineAnnealingLR(o, T_max=2, eta_min=0.5), steps=0),
        lambda s: (s + 1) / 5 if s < 4 else cosine(min((s - 4) / 8, 1)),
    ),
    "warm-up of a sequence": Row(
        lambda o, **k: WarmupLR(
            o, SequentialLR(o, [ConstantLR(o), StepLR(o, 2, gamma=0.5)], milestones=[3]), steps=2, **k
        ),
        lambda o: WarmupLR(o, SequentialLR(o, [ConstantLR(o, factor=0.5), StepLR(o, 3)], milestones=[1]), steps=7),
        lambda s: (s + 1) / 9 if s < 2 else 1 / 3 if s < 5 else 0.5 ** ((s - 5) // 2),
    ),
    "warm-up of a plateau": Row(
        lambda o, **k: WarmupLR(o, ReduceLROnPlateau(o, factor=0.5, patience=1), steps=2, **k),
        lambda o: WarmupLR(o, ReduceLROnPlateau(o, mode="max"), steps=7),
        lambda s: PLATEAU[s] * min((s + 1) / 3, 1),
    ),
    "one's own": Row(
        lambda o, **k: Hyperbola(o, halving=2.0, **k), lambda o: Hyperbola(o, halving=9), lambda s: 1 / (1 + s / 2)
    ),
}
OF_METRICS = ["plateau", "warm-up of a plateau"]
OF_STEPS = [name for name in SCHEDULES if name not in OF_METRICS]


def optimizer(lr=1.0):
    return SGD([Parameter([1.0])], lr)


def go(schedule):
    """One step, with its metric told to whoever wants it."""
    metric = METRICS[schedule.last_step + 1]
    if isinstance(schedule, ReduceLROnPlateau):
        return schedule.step(metric)
    for inside in schedule.schedules:
        if isinstance(inside, ReduceLROnPlateau):
            inside.observe(metric)
    return schedule.step()


def test_every_schedule_has_a_row():
    public = {x for x in vars(pureml_optim).values() if isinstance(x, type) and issubclass(x, LRScheduler)}
    assert public - {type(row.make(optimizer())) for row in SCHEDULES.values()} == {LRScheduler}


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_first_step_gives_the_rate_of_step_0_and_so_on(name):
    row, optim = SCHEDULES[name], optimizer()
    schedule = row.make(optim)
    assert optim.lr == 1
    assert optim.initial_lr is None
    for i in range(STEPS):
        assert go(schedule) == optim.lr == pytest.approx(row.rate(i), rel=1e-12)
        assert schedule.compute_lr(i) == optim.lr
        assert schedule.last_step == i
    assert optim.initial_lr == 1


@pytest.mark.parametrize("name", OF_STEPS)
def test_rates_can_be_asked_for_in_any_order_and_asking_changes_nothing(name):
    row, optim = SCHEDULES[name], optimizer()
    schedule = row.make(optim)
    before = schedule.state()
    for i in [*reversed(range(STEPS)), 5, 0]:
        assert schedule.compute_lr(i) == pytest.approx(row.rate(i), rel=1e-12)
    assert schedule.compute_lr(np.int64(3)) == schedule.compute_lr(3)
    assert schedule.state() == before
    assert optim.lr == 1


@pytest.mark.parametrize("name", OF_STEPS)
def test_several_steps_at_once(name):
    row = SCHEDULES[name]
    schedule = row.make(optimizer())
    assert schedule.step(4) == pytest.approx(row.rate(3))
    assert schedule.step(0) == pytest.approx(row.rate(3))
    assert schedule.step(8) == pytest.approx(row.rate(11))


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("at", [0, 1, 5, 12])
@pytest.mark.parametrize("how", ["state", "state as JSON", "dict", "pickle", "deepcopy"])
def test_resuming_gives_the_same_rates(name, at, how):
    row, optim = SCHEDULES[name], optimizer()
    schedule = row.make(optim)
    for _ in range(at):
        go(schedule)
    other = row.other(optimizer(7.0))
    if how == "pickle":
        other = pickle.loads(pickle.dumps(schedule))
    elif how == "deepcopy":
        other = copy.deepcopy(schedule)
    elif how == "dict":
        assert other.load_state_dict(json.loads(json.dumps(schedule.state_dict()))) is other
    else:
        state = schedule.state()
        literals = json.loads(json.dumps(state.literals, allow_nan=False)) if how == "state as JSON" else state.literals
        assert literals == state.literals
        assert other.restore(State(state.kind, {}, literals)) == []
    assert other.optim is not optim
    assert (other.optim.lr, other.optim.initial_lr) == (optim.lr, 1.0 if at else other.optim.initial_lr)
    assert other.state() == schedule.state()
    rest = [go(other) for _ in range(at, STEPS)]
    assert optim.lr == (pytest.approx(row.rate(at - 1)) if at else 1)
    assert rest == [go(schedule) for _ in range(at, STEPS)]  # to the last bit


@pytest.mark.parametrize("name", OF_STEPS)
@pytest.mark.parametrize("at", [0, 1, 5, 12])
@pytest.mark.parametrize("restored", [False, True])
def test_resuming_by_the_last_step(name, at, restored):
    row, optim = SCHEDULES[name], optimizer()
    schedule = row.make(optim)
    for _ in range(at):
        go(schedule)
    new = optimizer(7.0 if restored else 1.0)
    if restored:  # then the rate that was reached is the optimizer's, and those inside are made with it
        new.restore(optim.state())
    resumed = row.make(new, last_step=at - 1)
    assert new.lr == (optim.lr if restored else 1)
    assert [go(resumed) for _ in range(at, STEPS)] == [go(schedule) for _ in range(at, STEPS)]
    assert new.initial_lr == 1


@pytest.mark.parametrize("name", SCHEDULES)
def test_groups_keep_their_proportion(name):
    row = SCHEDULES[name]
    optim = SGD([{"params": [Parameter([1.0])]}, {"params": [Parameter([1.0])], "lr": 0.1}], 1.0)
    schedule = row.make(optim)
    for i in range(STEPS):
        go(schedule)
        assert [g.settings["lr"] for g in optim.groups] == pytest.approx([row.rate(i), 0.1 * row.rate(i)])


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_snapshot_does_not_change_afterwards(name):
    schedule = SCHEDULES[name].make(optimizer())
    state = schedule.state()
    before = copy.deepcopy(state)
    go(schedule)
    for value in state.literals.values():
        if isinstance(value, list):
            value.append(99)
    go(schedule)
    assert schedule.restore(before) == []
    assert schedule.state() == before


def test_a_schedule_remembers_its_own_settings():
    schedule = StepLR(optimizer(), 2, gamma=0.5)
    schedule.step(3)
    assert schedule.state_dict() == {"last_step": 2, "base_lr": 1.0, "step_size": 2, "gamma": 0.5, "class": "StepLR"}
    assert schedule.state() == State(
        "pureml_optim.StepLR/1", {}, {"last_step": 2, "base_lr": 1.0, "step_size": 2, "gamma": 0.5}
    )


def test_a_schedule_remembers_those_inside():
    optim = optimizer()
    schedule = WarmupLR(optim, SequentialLR(optim, [NoamLR(optim, 8), StepLR(optim, 2)], milestones=[3]), steps=5)
    assert schedule.state().literals == {
        "last_step": -1,
        "base_lr": 1.0,
        "steps": 5,
        "schedules.0.class": "SequentialLR",
        "schedules.0.milestones": [3],
        "schedules.0.schedules.0.class": "NoamLR",
        "schedules.0.schedules.0.d_model": 8,
        "schedules.0.schedules.0.warmup_steps": 4000,
        "schedules.0.schedules.1.class": "StepLR",
        "schedules.0.schedules.1.step_size": 2,
        "schedules.0.schedules.1.gamma": 0.1,
    }
    assert repr(schedule) == (
        "WarmupLR(SequentialLR(NoamLR(d_model=8, warmup_steps=4000), StepLR(step_size=2, gamma=0.1), milestones=[3]), "
        "steps=5)"
    )


def test_a_dict_without_the_settings_keeps_those_here():
    schedule = StepLR(optimizer(), 2, gamma=0.5)
    schedule.load_state_dict({"last_step": 3, "base_lr": 8.0, "class": "StepLR"})
    assert schedule.optim.lr == 4.0
    assert schedule.step() == 2.0


def test_those_inside_start_from_the_base_rate_however_late_they_are_made():
    optim = optimizer()
    first = ExponentialLR(optim, gamma=0.5)
    first.step(4)
    late = [ConstantLR(optim, factor=0.5, total_iters=9), ExponentialLR(optim, gamma=0.9)]
    assert (optim.lr, optim.initial_lr) == (0.125, 1.0)
    schedule = SequentialLR(optim, late, milestones=[2], last_step=1)
    assert schedule.step() == 1.0
    assert [s.base_lr for s in late] == [1.0, 1.0]
    schedule.load_state_dict({"base_lr": 8.0, "last_step": 0})
    assert schedule.optim.lr == 4.0
    assert [s.base_lr for s in late] == [8.0, 8.0]
    fresh = WarmupLR(optim, StepLR(optim, 1), steps=1)  # a new schedule starts from the rate that it finds
    assert fresh.schedules[0].base_lr == fresh.base_lr == 4.0


# ---- momentum


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda p, **k: SGD(p, 0.1, beta=0.9, momentum="nesterov", **k), "beta"),
        (lambda p, **k: Adam(p, 0.1, **k), "beta1"),
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_one_cycle_can_cycle_the_momentum(make, name, inside):
    a, b = Parameter([1.0]), Parameter([1.0])

    def started():
        optim = make([{"params": [a]}, {"params": [b], "lr": 0.01}])
        schedule = OneCycleLR(
            optim, 1.0, total_steps=10, pct_start=0.5, anneal_strategy="linear", cycle_momentum=True, last_step=-1
        )
        return SequentialLR(optim, [schedule], milestones=[]) if inside else schedule

    schedule = started()
    optim = schedule.optim
    assert optim.groups[0].settings[name] == 0.9
    found = []
    for _ in range(10):
        schedule.step()
        for p in (a, b):
            p.grad = np.ones(1)
        optim.step()
        found.append(optim.groups[1].settings[name])
        assert optim.groups[0].settings[name] == found[-1]
    expected = [0.95 - 0.1 * s / 4 if s < 4 else 0.85 + 0.1 * (s - 4) / 5 for s in range(10)]
    assert found == pytest.approx(expected)
    resumed = started()
    schedule.restore(schedule.state())
    resumed.load_state_dict(schedule.state_dict() | {"last_step": 3})
    assert resumed.optim.groups[0].settings[name] == found[3]
    resumed.step()
    assert resumed.optim.groups[0].settings[name] == found[4]


class Squares(Optimizer):
    settings: ClassVar = {"beta": between(0, 1)}


class Mixed(Squares):
    settings: ClassVar = {"beta": between(0, 1), "momentum": between(0, 1)}


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda p: Squares(p, 1.0, beta=0.9), "Squares: has no momentum"),
        (lambda p: Mixed(p, 1.0, beta=0.9, momentum=0.0), "Mixed: has momentum=0"),
        (lambda p: SGD(p, 1.0), "SGD: has beta=0"),
        (lambda p: SGD([{"params": p}, {"params": [Parameter([1.0])], "beta": 0.0}], 1.0, beta=0.9), "SGD: has beta=0"),
    ],
)
def test_only_a_momentum_in_use_can_be_cycled(make, found):
    with pytest.raises(ValueError, match=f"{found}, needed a momentum > 0"):
        OneCycleLR(make([Parameter([1.0])]), 1.0, total_steps=9, cycle_momentum=True)


def test_a_memory_of_squares_is_no_momentum():
    optim = Mixed([Parameter([1.0])], 1.0, beta=0.5, momentum=0.5)
    OneCycleLR(optim, 1.0, total_steps=9, cycle_momentum=True).step()
    assert (optim.groups[0].settings["beta"], optim.groups[0].settings["momentum"]) == (0.5, 0.95)


def test_a_warm_up_passes_the_momentum_on():
    optim = SGD([Parameter([1.0])], 1.0, beta=0.5)
    cycle = OneCycleLR(optim, 1.0, total_steps=10, pct_start=0.5, cycle_momentum=True)
    schedule = WarmupLR(optim, cycle, steps=3)
    found = []
    for _ in range(8):
        schedule.step()
        found.append(optim.groups[0].settings["beta"])
    assert found == [0.95] * 3 + [cycle.compute_momentum(i) for i in range(5)]


def test_without_being_asked_one_cycle_leaves_the_momentum():
    optim = SGD([Parameter([1.0])], 1.0, beta=0.5)
    OneCycleLR(optim, 1.0, total_steps=10).step(5)
    assert optim.groups[0].settings["beta"] == 0.5


# ---- plateau


@pytest.mark.parametrize(
    ("settings", "metrics", "rates"),
    [
        ({"patience": 0}, [3, 2, 2, 1, 1], [1, 1, 0.5, 0.5, 0.25]),
        ({"patience": 0, "mode": "max"}, [1, 2, 2, 3, 1], [1, 1, 0.5, 0.5, 0.25]),
        ({"patience": 2}, [1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 0.5, 0.5, 0.5, 0.25]),
        ({"patience": 1, "cooldown": 2}, [1] * 9, [1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]),
        ({"patience": 0, "threshold": 0.1}, [1, 0.95, 0.8, 0.7], [1, 0.5, 0.5, 0.5]),
        ({"patience": 0, "threshold": 0.1, "mode": "max"}, [1, 1.05, 1.2, 1.4], [1, 0.5, 0.5, 0.5]),
        ({"patience": 0, "threshold": 0.1}, [-1, -1.05, -1.2, -1.4], [1, 0.5, 0.5, 0.5]),
        ({"patience": 0, "threshold": 0.1, "mode": "max"}, [-1, -0.95, -0.8, -0.7], [1, 0.5, 0.5, 0.5]),
        ({"patience": 0, "threshold": 0.2, "threshold_mode": "abs"}, [9, 8.9, 8.5, 8.2], [1, 0.5, 0.5, 0.5]),
        ({"patience": 0, "min_lr": 0.3}, [1] * 5, [1, 0.5, 0.3, 0.3, 0.3]),
        ({"patience": 0, "min_lr": 2.0}, [1] * 3, [1, 1, 1]),
        ({"patience": 0, "eps": 0.2}, [1] * 5, [1, 0.5, 0.25, 0.25, 0.25]),
        ({"patience": 0, "factor": 0}, [1] * 3, [1, 0, 0]),
        (
            {"patience": 0},
            [np.nan, 1, np.inf, 0.5, -np.inf, 0.4],
            [0.5, 0.5, 0.25, 0.25, 0.125, 0.125],
        ),
        ({"patience": 0}, [np.float32(2), np.array(1.0), Parameter(1.5), Parameter([0.5])], [1, 1, 0.5, 0.5]),
    ],
)
def test_a_plateau_reduces_the_rate(settings, metrics, rates):
    schedule = ReduceLROnPlateau(optimizer(), **{"factor": 0.5} | settings)
    assert [schedule.step(metric) for metric in metrics] == pytest.approx(rates, rel=1e-12)
    assert type(schedule.best) is float


@pytest.mark.parametrize("metric", ["1", None, True, [1.0], np.ones(2), 1j])
def test_a_metric_that_is_no_number_changes_nothing(metric):
    schedule = ReduceLROnPlateau(optimizer(), patience=0)
    schedule.step(1.0)
    before = schedule.state()
    with pytest.raises(TypeError, match="ReduceLROnPlateau: metric: given"):
        schedule.step(metric)
    assert schedule.state() == before


# ---- whatever the settings


@given(st.integers(1, 300), st.floats(0, 0.49), st.booleans(), st.sampled_from(["cos", "linear"]))
def test_one_cycle_goes_up_then_down_and_ends_at_the_last_rate(total, pct, three, strategy):
    schedule = OneCycleLR(
        optimizer(), 2.0, total_steps=total, pct_start=pct, three_phase=three, anneal_strategy=strategy
    )
    rates = [schedule.compute_lr(i) for i in range(total + 2)]
    top = int(np.argmax(rates))
    assert all(0 < rate <= 2 for rate in rates)
    assert np.all(np.diff(rates[: top + 1]) >= -1e-12)
    assert np.all(np.diff(rates[top:]) <= 1e-12)
    assert rates[total - 1] == rates[total] == rates[total + 1] == 2.0 / 25 / 1e4


@given(st.integers(1, 20), st.integers(1, 4), st.integers(0, 10**9))
def test_restarts_are_found_at_any_step(T_0, T_mult, step):
    schedule = CosineAnnealingWarmRestarts(optimizer(), T_0, T_mult=T_mult)
    start, length = 0, T_0
    if T_mult == 1:
        start = step // T_0 * T_0
    while start + length <= step:
        start, length = start + length, length * T_mult
    assert schedule.compute_lr(step) == pytest.approx(cosine((step - start) / length), abs=1e-12)
    assert schedule.compute_lr(start) == 1


# ---- pictures


def test_a_sparkline_shows_the_rates():
    optim = optimizer()
    assert LinearLR(optim, start_factor=0, total_iters=7).sparkline(8) == "▁▂▃▄▅▆▇█ 0 to 1"
    assert ConstantLR(optim, factor=1).sparkline(3) == "▁▁▁ 1 to 1"
    line = CosineAnnealingLR(optim, T_max=999).sparkline(1000, width=20)
    assert line.endswith("▁ 0 to 1")
    assert len(line.split()[0]) == 20
    assert StepLR(optim, 1, gamma=0.5).sparkline(5, width=1) == "█ 0.0625 to 1"
    assert optim.lr == 1


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_can_be_drawn(name):
    pytest.importorskip("matplotlib").use("agg")
    from matplotlib import pyplot

    row = SCHEDULES[name]
    schedule = row.make(optimizer())
    ax = schedule.plot(STEPS)
    x, y = ax.lines[0].get_data()
    assert list(x) == list(range(STEPS))
    assert list(y) == [schedule.compute_lr(i) for i in range(STEPS)]
    assert schedule.plot(5, ax) is ax
    assert (len(ax.lines), ax.get_xlabel(), ax.get_ylabel()) == (2, "step", "learning rate")
    pyplot.close(ax.figure)
    assert schedule.last_step == -1


def test_drawing_without_matplotlib_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install pureml-optim\[plot\]"):
        StepLR(optimizer(), 1).plot(5)


# ---- wrong use


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda o: StepLR(o, 0), ValueError, "StepLR: step_size: given 0, needed an integer >= 1"),
        (lambda o: StepLR(o, -3), ValueError, "step_size"),
        (lambda o: StepLR(o, 2.5), TypeError, "step_size: given 2.5"),
        (lambda o: StepLR(o, True), TypeError, "step_size"),
        (lambda o: StepLR(o, 2, gamma=-0.5), ValueError, "gamma"),
        (lambda o: StepLR(o, 2, gamma=float("nan")), ValueError, "gamma"),
        (lambda o: StepLR(o, 2, last_step=-2), ValueError, "last_step"),
        (lambda o: Hyperbola(o), TypeError, "missing the setting halving"),
        (lambda o: Hyperbola(o, halving=2, gamma=1), ValueError, "unknown setting 'gamma'"),
        (lambda o: StepLR("optim", 2), TypeError, "given str, needed an Optimizer"),
        (lambda o: StepLR(o, 2).step(-1), ValueError, "step: n: given -1"),
        (lambda o: StepLR(o, 2).step(1.5), TypeError, "step: n: given 1.5"),
        (lambda o: LRScheduler(o).step(), NotImplementedError, r"no compute_lr\(\)"),
        (lambda o: MultiStepLR(o, 3), TypeError, "milestones: given 3, needed a list of steps"),
        (lambda o: MultiStepLR(o, "34"), TypeError, "milestones: given '34'"),
        (lambda o: MultiStepLR(o, [3, 2]), ValueError, "needed steps in rising order"),
        (lambda o: MultiStepLR(o, [3, 4.5]), TypeError, r"milestones\[1\]: given 4.5"),
        (lambda o: MultiStepLR(o, [-1]), ValueError, r"milestones\[0\]: given -1"),
        (lambda o: ExponentialLR(o), TypeError, "gamma"),
        (lambda o: ExponentialLR(o, gamma=-1), ValueError, "gamma"),
        (lambda o: ExponentialLR(o, gamma=1e300).step(9), OverflowError, "out of range"),
        (lambda o: ConstantLR(o, factor=-1), ValueError, "factor"),
        (lambda o: ConstantLR(o, total_iters=-1), ValueError, "total_iters"),
        (lambda o: LinearLR(o, start_factor=-0.1), ValueError, "start_factor"),
        (lambda o: LinearLR(o, end_factor=float("inf")), ValueError, "end_factor"),
        (lambda o: LinearLR(o, total_iters=0), ValueError, "total_iters"),
        (lambda o: PolynomialLR(o, power=-1), ValueError, "power"),
        (lambda o: PolynomialLR(o, eta_min=-1), ValueError, "eta_min"),
        (lambda o: CosineAnnealingLR(o, T_max=0), ValueError, "CosineAnnealingLR: T_max: given 0"),
        (lambda o: CosineAnnealingLR(o, T_max=3, eta_min=-0.1), ValueError, "eta_min"),
        (lambda o: CosineAnnealingWarmRestarts(o, 0), ValueError, "T_0"),
        (lambda o: CosineAnnealingWarmRestarts(o, 2, T_mult=1.5), TypeError, "T_mult"),
        (lambda o: OneCycleLR(o, 0, total_steps=9), ValueError, "max_lr: given 0, needed a number > 0"),
        (lambda o: OneCycleLR(o, 1, total_steps=0), ValueError, "total_steps"),
        (lambda o: OneCycleLR(o, 1, total_steps=9, pct_start=1), ValueError, "pct_start"),
        (lambda o: OneCycleLR(o, 1, total_steps=9, pct_start=0.6, three_phase=True), ValueError, "needed <= 0.5"),
        (lambda o: OneCycleLR(o, 1, total_steps=9, anneal_strategy="exp"), ValueError, "one of 'cos', 'linear'"),
        (lambda o: OneCycleLR(o, 1, total_steps=9, three_phase=1), TypeError, "three_phase"),
        (lambda o: OneCycleLR(o, 1, total_steps=9, div_factor=0), ValueError, "div_factor"),
        (lambda o: OneCycleLR(o, 1, total_steps=9, max_momentum=1), ValueError, "max_momentum"),
        (lambda o: OneCycleLR(o, 1, total_steps=9, base_momentum=0), ValueError, "base_momentum"),
        (lambda o: NoamLR(o, 0), ValueError, "d_model"),
        (lambda o: NoamLR(o, 8, warmup_steps=0), ValueError, "warmup_steps"),
        (lambda o: LambdaLR(o, 0.5), TypeError, "lr_lambda: given 0.5, needed a function"),
        (lambda o: LambdaLR(o, lambda step: -1.0).step(), ValueError, "SGD: lr: given -1.0"),
        (lambda o: LambdaLR(o, lambda step: float("nan")).step(), ValueError, "SGD: lr"),
        (lambda o: ReduceLROnPlateau(o, mode="down"), ValueError, "one of 'min', 'max'"),
        (lambda o: ReduceLROnPlateau(o, factor=1), ValueError, "factor"),
        (lambda o: ReduceLROnPlateau(o, patience=-1), ValueError, "patience"),
        (lambda o: ReduceLROnPlateau(o, threshold_mode="both"), ValueError, "threshold_mode"),
        (lambda o: ReduceLROnPlateau(o, cooldown=1.5), TypeError, "cooldown"),
        (lambda o: ReduceLROnPlateau(o, min_lr=-1), ValueError, "min_lr"),
        (lambda o: ReduceLROnPlateau(o).step(), TypeError, "metric"),
        (lambda o: SequentialLR(o, [], milestones=[]), ValueError, "given 0 schedules and 0 milestones"),
        (lambda o: SequentialLR(o, [StepLR(o, 1)], milestones=[1]), ValueError, "given 1 schedules and 1 milestones"),
        (lambda o: SequentialLR(o, [StepLR(o, 1), "no"], milestones=[1]), TypeError, "schedule 1 is str"),
        (lambda o: WarmupLR(o, StepLR(optimizer(), 1), steps=1), ValueError, r"StepLR\(.*\), has another optimizer"),
        (lambda o: WarmupLR(o, o, steps=1), TypeError, "schedule 0 is SGD, needed an LRScheduler"),
        (lambda o: WarmupLR(o, StepLR(o, 1), steps=-1), ValueError, "steps"),
        (lambda o: StepLR(o, 1).sparkline(0), ValueError, "steps: given 0"),
        (lambda o: StepLR(o, 1).sparkline(5, width=0), ValueError, "width: given 0"),
    ],
)
def test_wrong_use_is_refused(make, error, message):
    optim = optimizer()
    with pytest.raises(error, match=message):
        make(optim)
    assert (optim.lr, optim.initial_lr) == (1, None)


GOOD = {"last_step": 3, "base_lr": 2.0, "step_size": 2, "gamma": 0.5}


@pytest.mark.parametrize(
    ("kind", "literals", "message"),
    [
        ("pureml_optim.ExponentialLR/1", GOOD, "given a state of 'pureml_optim.ExponentialLR/1'"),
        ("pureml_optim.StepLR/1", GOOD | {"step_size": 0}, "step_size"),
        ("pureml_optim.StepLR/1", GOOD | {"gamma": "half"}, "gamma"),
        ("pureml_optim.StepLR/1", GOOD | {"T_max": 3}, "unexpected 'T_max'"),
        ("pureml_optim.StepLR/1", {"last_step": 3}, "missing 'base_lr'"),
        ("pureml_optim.StepLR/1", GOOD | {"gamma": 1e300, "last_step": 9}, "gives no rate"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(kind, literals, message):
    optim = optimizer()
    schedule = StepLR(optim, 5, gamma=0.1)
    schedule.step(7)
    before, lr = schedule.state(), optim.lr
    with pytest.raises(ValueError, match=message):
        schedule.restore(State(kind, {}, literals))
    assert schedule.state() == before
    assert optim.lr == lr
    with pytest.raises(ValueError, match=r"given the state of a CosineAnnealingLR"):
        schedule.load_state_dict(GOOD | {"class": "CosineAnnealingLR"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schedules.0.class": "LinearLR"}, r"schedules\.0\.class: given 'LinearLR', needed one of 'ConstantLR'"),
        ({"schedules.1.gamma": -1}, r"schedules\.1\.gamma: given -1"),
        ({"schedules.2.gamma": 1}, r"unexpected 'schedules\.2\.gamma'"),
        ({"milestones": [1, 2]}, "given 2 schedules and 2 milestones"),
        ({"milestones": {"a": 1}}, "milestones"),
        ({"schedules.1.gamma": 1e300, "last_step": 9}, "gives no rate"),
    ],
)
def test_a_state_that_does_not_fit_those_inside_changes_nothing(changes, message):
    optim = optimizer()
    schedule = SequentialLR(optim, [ConstantLR(optim), ExponentialLR(optim, gamma=0.5)], milestones=[2])
    schedule.step(4)
    before, lr = schedule.state(), optim.lr
    with pytest.raises(ValueError, match=message):
        schedule.restore(State(before.kind, {}, before.literals | {"base_lr": 5.0} | changes))
    assert schedule.state() == before
    assert [s.base_lr for s in schedule.schedules] == [1.0, 1.0]
    assert (optim.lr, optim.initial_lr) == (lr, 1.0)


def test_what_is_missing_is_skipped_when_asked():
    schedule = StepLR(optimizer(), 5, gamma=0.1)
    state = State("pureml_optim.StepLR/1", {}, {"last_step": 3, "base_lr": 2.0, "step_size": 2, "T_max": 1})
    assert schedule.restore(state, strict=False) == ["missing 'gamma'", "unexpected 'T_max'"]
    assert schedule.optim.lr == pytest.approx(0.2)
