"""Accumulation: one step from several sweeps, also after stopping between them."""

import copy

import numpy as np
import pytest
from pureml_core import Parameter, State, Stateful
from pureml_optim import SGD, Accumulation, Adam, clip_by_global_norm

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((12, 3)), RNG.standard_normal(12)
IDS = RNG.integers(0, 5, (6, 4))


class Regression:
    def __init__(self, make=SGD, every=3, **settings):
        self.w = Parameter(np.zeros(3), np.float64)
        self.optim = make([self.w], lr=0.1)
        self.accumulation = Accumulation(self.optim, every, **settings)

    def backward(self, rows):
        error = X[rows] @ self.w - Y[rows]
        (error * error).mean().backward()


@pytest.mark.parametrize("make", [SGD, Adam])
@pytest.mark.parametrize("every", [1, 2, 3])
def test_several_small_batches_make_the_step_of_a_large_one(make, every):
    small, large = Regression(make, every), Regression(make, 1)
    for start in (0, 6):
        size = 6 // every
        stepped = []
        for i in range(every):
            small.backward(slice(start + i * size, start + (i + 1) * size))
            stepped.append(small.accumulation.step())
        assert stepped == [False] * (every - 1) + [True]
        assert small.w.grad is None
        assert small.accumulation.count == 0
        large.backward(slice(start, start + 6))
        large.optim.step()
        large.optim.zero_grad()
        np.testing.assert_allclose(small.w.data, large.w.data, rtol=1e-13)


def test_an_incomplete_group_at_the_end_is_the_mean_of_those_there_are():
    part, whole = Regression(every=4), Regression(every=4)
    assert part.accumulation.flush() is False
    for rows in (slice(0, 2), slice(2, 4)):
        part.backward(rows)
        assert part.accumulation.step() is False
    assert part.accumulation.flush() is True
    assert part.accumulation.flush() is False
    whole.backward(slice(0, 4))
    whole.optim.step()
    np.testing.assert_allclose(part.w.data, whole.w.data, rtol=1e-13)


def test_before_the_step_gradients_are_divided():
    seen = []
    r = Regression(every=2, before_step=lambda: seen.append(clip_by_global_norm(r.optim, 0.1)))
    plain = Regression(every=1)
    for rows in (slice(0, 3), slice(3, 6)):
        r.backward(rows)
        r.accumulation.step()
    plain.backward(slice(0, 6))
    assert seen == [pytest.approx(clip_by_global_norm(plain.optim, 0.1), rel=1e-13)]
    plain.optim.step()
    np.testing.assert_allclose(r.w.data, plain.w.data, rtol=1e-13)


def test_a_group_is_over_when_something_raises():
    def fail():
        raise ArithmeticError("not finite")

    r = Regression(every=1, before_step=fail)
    r.backward(slice(0, 3))
    with pytest.raises(ArithmeticError):
        r.accumulation.step()
    assert r.accumulation.count == 0
    assert r.w.grad is not None
    assert not r.w.data.any()


def tables(every=3):
    E, unused = Parameter(np.ones((5, 2))), Parameter(np.ones(2))
    return E, Accumulation(Adam({"E": E, "unused": unused, "w": Parameter(np.ones(2))}, lr=0.1), every)


def sweep(E, accumulation, ids):
    w = accumulation.optim.groups[0].params["w"]
    (E[ids] * E[ids] * w).sum().backward()
    return accumulation.step()


def test_row_sparse_gradients_stay_sparse():
    E, accumulation = tables(every=2)
    ids = np.array([1, 1, 3])
    sweep(E, accumulation, ids)
    assert E.sparse_grad.rows.tolist() == [1, 3]
    accumulation.before_step = lambda: np.testing.assert_array_equal(E.sparse_grad.values, [[4, 4], [2, 2]])
    assert sweep(E, accumulation, ids)


@pytest.mark.parametrize("at", range(7))
def test_resuming_between_any_two_sweeps(at):
    E, accumulation = tables()
    for ids in IDS[:at]:
        sweep(E, accumulation, ids)
    snapshots = accumulation.optim.state(), accumulation.state()
    new_E, resumed = tables(every=9)
    weights = {name: t.data.copy() for name, t in accumulation.optim.groups[0].params.items()}
    for name, t in resumed.optim.groups[0].params.items():
        t.data[...] = weights[name]
    resumed.optim.restore(snapshots[0])
    sweep(new_E, resumed, IDS[0])  # gathered before, and forgotten by restore
    assert resumed.restore(snapshots[1]) == []
    assert (resumed.every, resumed.count) == (3, at % 3)

    untouched_E, untouched = tables()
    for ids in IDS[:at]:
        sweep(untouched_E, untouched, ids)
    for ids in (*IDS[at:], *IDS[:4]):
        sweep(E, accumulation, ids)
        sweep(new_E, resumed, ids)
        sweep(untouched_E, untouched, ids)  # of which no state was taken
        np.testing.assert_array_equal(new_E.data, E.data)
        np.testing.assert_array_equal(untouched_E.data, E.data)


def state_in_the_middle():
    E, accumulation = tables()
    sweep(E, accumulation, IDS[0])
    return accumulation.state()


def changed(arrays=None, literals=None, drop=()):
    state = state_in_the_middle()
    arrays = {name: a for name, a in (state.arrays | (arrays or {})).items() if name not in drop}
    return State(state.kind, arrays, {k: v for k, v in (state.literals | (literals or {})).items() if k not in drop})


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (lambda: State("pureml_optim.EMA/1"), "needed 'pureml_optim.Accumulation/1'"),
        (lambda: changed(literals={"count": 3}), "'count' is 3, needed less than every, 3"),
        (lambda: changed(literals={"count": 0}), "unexpected 'rows.E'"),
        (lambda: changed(literals={"count": -1}), "count: given -1"),
        (lambda: changed(literals={"every": "3"}), "every: given '3'"),
        (lambda: changed(literals={"more": 3}), "unexpected 'more'"),
        (lambda: changed(drop=["every"]), "missing 'every'"),
        (lambda: changed(drop=["rows.E"]), "'rows.E': missing"),
        (lambda: changed(drop=["values.E"]), "missing 'values.E'"),
        (lambda: changed({"values.E": np.ones((1, 7))}), "'values.E' has shape"),
        (lambda: changed({"rows.E": np.array([0.0, 1.0])}), "'rows.E'.*not the integers"),
        (lambda: changed({"rows.E": np.array([0, 5])}), "'rows.E' must ascend"),
        (lambda: changed({"rows.E": np.array([-1, 2])}), "'rows.E' must ascend"),
        (lambda: changed({"rows.E": np.array([2, 2])}), "'rows.E' must ascend"),
        (lambda: changed({"grad.w": np.ones(3)}), "'grad.w' has shape"),
        (lambda: changed({"grad.w": np.full(2, 1e300)}), "'grad.w' has values beyond"),
        (lambda: changed({"grad.other": np.ones(3)}), "unexpected 'grad.other'"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(state, message):
    E, accumulation = tables()
    sweep(E, accumulation, IDS[1])
    before = accumulation.state()
    with pytest.raises(ValueError, match=message):
        accumulation.restore(state())
    after = accumulation.state()
    assert after.literals == before.literals
    for name, array in before.arrays.items():
        np.testing.assert_array_equal(after.arrays[name], array)


def test_what_does_not_fit_can_be_skipped():
    _, accumulation = tables()
    skipped = accumulation.restore(changed({"grad.other": np.ones(3), "grad.w": np.ones(3)}), strict=False)
    assert len(skipped) == 2
    assert accumulation.count == 1
    assert accumulation.optim.groups[0].params["w"].grad is None
    assert isinstance(accumulation, Stateful)


def test_state_is_a_copy():
    E, accumulation = tables()
    sweep(E, accumulation, IDS[0])
    state = accumulation.state()
    old = copy.deepcopy(state.arrays)
    sweep(E, accumulation, IDS[1])
    sweep(E, accumulation, IDS[2])
    for name, array in old.items():
        np.testing.assert_array_equal(state.arrays[name], array)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda o: Accumulation([Parameter([1.0])], 2), TypeError, "needed an Optimizer"),
        (lambda o: Accumulation(o, 0), ValueError, "every: given 0"),
        (lambda o: Accumulation(o, 2.0), TypeError, "every: given 2.0"),
        (lambda o: Accumulation(o, 2, before_step=3), TypeError, "before_step: given 3"),
    ],
)
def test_settings_that_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make(SGD([Parameter([1.0])], lr=0.1))


def test_repr():
    assert repr(Accumulation(SGD([Parameter([1.0])], lr=0.1), 2)).startswith("Accumulation(0 of 2, SGD(")
