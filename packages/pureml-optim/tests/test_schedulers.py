"""Schedules: sequences of rates, and the same sequence after stopping."""

from typing import ClassVar

import pytest
from pureml_core import Parameter, State
from pureml_optim import SGD, LRScheduler, StepLR, between


class Hyperbola(LRScheduler):
    settings: ClassVar = {"halving": between(1)}

    def compute_lr(self, step):
        return self.base_lr / (1 + step / self.halving)


SCHEDULES = {
    "step": (lambda o, **k: StepLR(o, 2, gamma=0.5, **k), [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]),
    "step by default a tenth": (lambda o, **k: StepLR(o, 3, **k), [1, 1, 1, 0.1, 0.1, 0.1, 0.01]),
    "step to zero": (lambda o, **k: StepLR(o, 2, gamma=0, **k), [1, 1, 0, 0, 0, 0, 0]),
    "one's own": (lambda o, **k: Hyperbola(o, halving=2.0, **k), [1, 2 / 3, 1 / 2, 2 / 5, 1 / 3, 2 / 7, 1 / 4]),
}


def optimizer(lr=1.0):
    return SGD([Parameter([1.0])], lr)


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_first_step_gives_the_base_rate_and_so_on(name):
    make, rates = SCHEDULES[name]
    optim = optimizer()
    schedule = make(optim)
    assert optim.lr == 1
    for i, rate in enumerate(rates):
        assert schedule.compute_lr(i) == pytest.approx(rate)
        assert schedule.step() == optim.lr == pytest.approx(rate)
        assert schedule.last_step == i


@pytest.mark.parametrize("name", SCHEDULES)
def test_several_steps_at_once(name):
    make, rates = SCHEDULES[name]
    schedule = make(optimizer())
    assert schedule.step(4) == pytest.approx(rates[3])
    assert schedule.step(0) == pytest.approx(rates[3])
    assert schedule.step(2) == pytest.approx(rates[5])


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("at", [0, 1, 3])
@pytest.mark.parametrize("how", ["state", "dict", "last_step", "last_step and the optimizer's state"])
def test_resuming_gives_the_same_rates(name, at, how):
    make, rates = SCHEDULES[name]
    optim = optimizer()
    schedule = make(optim)
    for _ in range(at):
        schedule.step()
    new = optimizer(1.0 if how == "last_step" else 7.0)
    if how == "last_step and the optimizer's state":
        new.restore(optim.state())
    if how == "state":
        resumed = make(new)
        assert resumed.restore(schedule.state()) == []
    elif how == "dict":
        resumed = make(new).load_state_dict(schedule.state_dict())
    else:
        resumed = make(new, last_step=at - 1)
    if how in ("state", "dict"):
        assert new.lr == optim.lr  # at once
    assert [resumed.step() for _ in rates[at:]] == pytest.approx(rates[at:])


def test_a_schedule_remembers_its_own_settings():
    schedule = StepLR(optimizer(), 2, gamma=0.5)
    schedule.step(3)
    other = StepLR(optimizer(5.0), 10, gamma=0.9)
    other.restore(schedule.state())
    assert (other.step_size, other.gamma, other.base_lr, other.last_step) == (2, 0.5, 1.0, 2)
    assert schedule.state_dict() == {"last_step": 2, "base_lr": 1.0, "step_size": 2, "gamma": 0.5, "class": "StepLR"}
    assert schedule.state() == State(
        "pureml_optim.StepLR/1", {}, {"last_step": 2, "base_lr": 1.0, "step_size": 2, "gamma": 0.5}
    )


def test_a_dict_without_the_settings_keeps_those_here():
    schedule = StepLR(optimizer(), 2, gamma=0.5)
    schedule.load_state_dict({"last_step": 3, "base_lr": 8.0, "class": "StepLR"})
    assert schedule.optim.lr == 4.0
    assert schedule.step() == 2.0


def test_groups_keep_their_proportion():
    optim = SGD([{"params": [Parameter([1.0])]}, {"params": [Parameter([1.0])], "lr": 0.1}], 1.0)
    schedule = StepLR(optim, 1, gamma=0.5)
    schedule.step(3)
    assert [g.settings["lr"] for g in optim.groups] == pytest.approx([0.25, 0.025])


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
    ],
)
def test_wrong_use_is_refused(make, error, message):
    optim = optimizer()
    with pytest.raises(error, match=message):
        make(optim)
    assert optim.lr == 1


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
