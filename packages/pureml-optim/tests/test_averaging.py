"""Averages of weights: their values, swapping them in and out, and their state."""

import copy

import numpy as np
import pytest
from pureml_core import Buffer, Composite, Parameter, State, Stateful
from pureml_core.state import kind_of
from pureml_optim import EMA, SGD, SWA, WeightAverage

AVERAGES = {
    "ema": lambda p: EMA(p, 0.9),
    "ema with warm-up": lambda p: EMA(p, 0.9, warmup=True),
    "last": lambda p: EMA(p, 0),
    "swa": SWA,
}


def by_hand(name, weights):
    if name == "swa":
        return np.mean(weights, axis=0)
    average = weights[0]
    for n, w in enumerate(weights[1:], 1):
        d = {"ema": 0.9, "ema with warm-up": min(0.9, (1 + n) / (10 + n)), "last": 0.0}[name]
        average = d * average + (1 - d) * w
    return average


class Model(Composite):
    def __init__(self, dtype=np.float64):
        self.W = Parameter(np.zeros((3, 4)), dtype)
        self.inside = [self.W, Parameter(0.0, dtype)]  # W once more: tied
        self.mean = Buffer(np.zeros(2))


def train(model, rng):
    for t in (model.W, model.inside[1]):
        t.data[...] = rng.standard_normal(t.shape)
        t.touch()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", AVERAGES)
def test_the_average_is_that_of_the_formula(name, dtype):
    model, rng = Model(dtype), np.random.default_rng(0)
    average = AVERAGES[name](model)
    assert list(average.averages) == ["W", "inside.1"]
    np.testing.assert_array_equal(average.averages["W"].data, model.W.data)  # at construction
    weights = []
    for n in range(30):
        train(model, rng)
        average.update()
        weights.append(model.W.data.astype(np.float64))
        np.testing.assert_allclose(
            average.averages["W"].data, by_hand(name, weights), atol=2e-7 if dtype == np.float32 else 1e-15
        )
        assert average.averages["W"].dtype == average.averages["inside.1"].dtype == dtype
        assert average.updates == n + 1


@pytest.mark.parametrize("shape", [(), (0, 3), (1,), (40_000,), (181, 190)])
def test_any_shape_and_memory_order(shape):
    rng = np.random.default_rng(0)
    weights = [np.asfortranarray(rng.standard_normal(shape)) for _ in range(4)]
    t = Parameter(weights[0], np.float64)
    swa = SWA([t])
    for w in weights:
        t.data = w
        swa.update()
    np.testing.assert_allclose(swa.averages["0"].data, np.mean(weights, axis=0), atol=1e-14)
    with swa.averaged():
        np.testing.assert_array_equal(t.data, swa.averages["0"].data)
    np.testing.assert_array_equal(t.data, weights[-1])


def test_a_constant_weight_stays_bit_for_bit():
    t = Parameter(np.random.default_rng(0).standard_normal(50))
    averages = [make([t]) for make in AVERAGES.values()]
    for average in averages:
        for _ in range(20):
            average.update()
        np.testing.assert_array_equal(average.averages["0"].data, t.data)


# ---- in and out


@pytest.mark.parametrize("name", AVERAGES)
def test_averages_are_swapped_in_and_out(name):
    model, rng = Model(), np.random.default_rng(0)
    average = AVERAGES[name](SGD(model, lr=0.1))
    for _ in range(3):
        train(model, rng)
        average.update()
    trained, array = model.W.data.copy(), model.W.data
    with average.averaged():
        np.testing.assert_array_equal(model.W.data, average.averages["W"].data)
        np.testing.assert_array_equal(model.inside[1].data, average.averages["inside.1"].data)
        assert model.W.data is array  # in place
        model.W.data[...] = 7  # writes reach neither the average nor the trained weights
    np.testing.assert_array_equal(model.W.data, trained)
    assert average.averages["W"].data.max() < 7
    with pytest.raises(ZeroDivisionError), average.averaged():
        raise ZeroDivisionError
    np.testing.assert_array_equal(model.W.data, trained)
    with average.averaged():  # again
        pass


@pytest.mark.parametrize(
    "forbidden",
    [
        lambda ema: ema.averaged().__enter__(),
        lambda ema: ema.update(),
        lambda ema: ema.copy_to(),
        lambda ema: ema.restore(State(kind_of(ema))),
        lambda ema: ema.state(),  # a checkpoint of model and average would have lost the trained weights
    ],
)
def test_what_waits_until_the_trained_weights_are_back(forbidden):
    w = Parameter([1.0])
    ema = EMA([w], 0.5)
    ema.update()
    w.data[...] = 2
    with ema.averaged():
        with pytest.raises(RuntimeError, match="leave averaged"):
            forbidden(ema)
        assert w.data == 1
        assert ema.averages["0"].data == 1
    assert w.data == 2
    ema.update()
    assert (ema.averages["0"].data, ema.updates) == (1.5, 2)


def test_a_sweep_through_the_other_weights_is_refused():
    w = Parameter([1.0, 2.0])
    ema = EMA([w])
    loss = (w * w).sum()
    with ema.averaged(), pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()
    loss = (w * w).sum()
    ema.copy_to()
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_into_the_model_for_good_and_into_another_one():
    model, rng = Model(), np.random.default_rng(0)
    swa = SWA(model)
    for _ in range(3):
        train(model, rng)
        swa.update()
    other = copy.deepcopy(model)
    swa.copy_to(other)
    np.testing.assert_array_equal(other.W.data, swa.averages["W"].data)
    assert not np.array_equal(model.W.data, other.W.data)
    assert other.inside[0] is other.W
    swa.copy_to()
    np.testing.assert_array_equal(model.W.data, other.W.data)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: [Parameter(np.zeros((3, 4))), Parameter(0.0)], "missing 'W'.*unexpected '0'"),
        (
            lambda: {"W": Parameter(np.zeros((3, 4))), "inside.1": Parameter([0.0])},
            r"'inside.1' has shape \(1,\), needed",
        ),
    ],
)
def test_models_that_do_not_fit_are_left_alone(other, message):
    params = other()
    with pytest.raises(ValueError, match=f"SWA.copy_to: .*{message}"):
        SWA(Model()).copy_to(params)
    for t in params.values() if isinstance(params, dict) else params:
        assert not t.data.any()


@pytest.mark.parametrize("doing", ["update", "averaged", "copy_to"])
def test_a_parameter_of_another_shape_changes_nothing(doing):
    a, b = Parameter([1.0]), Parameter([1.0, 2.0])
    ema = EMA([a, b], 0.5)
    ema.update()
    a.data, b.data = np.full(1, 3.0, np.float32), np.zeros(3, np.float32)
    with pytest.raises(ValueError, match=rf"EMA.{doing}: .*'1' has shape \(3,\), needed \(2,\)"):
        ema.averaged().__enter__() if doing == "averaged" else getattr(ema, doing)()
    assert (a.data, ema.averages["0"].data, ema.updates) == (3, 1, 1)


def test_a_read_only_parameter_changes_nothing():
    a, b = Parameter([1.0]), Parameter([1.0])
    ema = EMA([a, b])
    a.data[...], b.data.flags.writeable = 3, False
    with pytest.raises(ValueError, match="'1' is read-only"):
        ema.copy_to()
    assert a.data == 3
    ema.update()


# ---- state


@pytest.mark.parametrize("at", [0, 1, 4])
@pytest.mark.parametrize("name", AVERAGES)
def test_resuming_gives_the_same_averages(name, at):
    model, rng = Model(np.float32), np.random.default_rng(0)
    average = AVERAGES[name](model)
    for _ in range(at):
        train(model, rng)
        average.update()
    state = average.state()
    new = copy.deepcopy(model)
    resumed = SWA(new) if name == "swa" else EMA(new, 0.1)
    assert resumed.restore(state) == []
    rng_new = copy.deepcopy(rng)
    for _ in range(3):
        train(model, rng)
        average.update()
        train(new, rng_new)
        resumed.update()
        np.testing.assert_array_equal(resumed.averages["W"].data, average.averages["W"].data)
    assert resumed.state().literals == average.state().literals
    assert isinstance(average, Stateful)


def test_state_is_a_copy():
    w = Parameter([1.0])
    ema = EMA([w], 0.5)
    ema.update()
    state = ema.state()
    w.data[...] = 2
    ema.update()
    assert state.arrays["0"] == 1
    assert state.literals == {"updates": 1, "decay": 0.5, "warmup": False}
    ema.restore(state)
    w.data[...] = 4
    ema.update()
    assert state.arrays["0"] == 1


def changed(arrays=None, drop=(), **literals):
    state = EMA(Model(), 0.9).state()
    arrays = {name: a for name, a in (state.arrays | (arrays or {})).items() if name not in drop}
    return State(state.kind, arrays, {k: v for k, v in (state.literals | literals).items() if k not in drop})


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (lambda: SWA(Model()).state(), "needed 'pureml_optim.EMA/1'"),
        (lambda: changed({"W": np.ones((4, 3))}), r"'W' has shape \(4, 3\), needed"),
        (lambda: changed({"more": np.ones(3)}), "unexpected 'more'"),
        (lambda: changed(drop=["inside.1"]), "missing 'inside.1'"),
        (lambda: changed(drop=["updates"]), "missing 'updates'"),
        (lambda: changed(updates=-1), "updates: given -1"),
        (lambda: changed(decay=1.0), "decay: given 1"),
        (lambda: changed(warmup="no"), "warmup: given 'no'"),
        (lambda: changed(other=1), "unexpected 'other'"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(state, message):
    model = Model()
    ema = EMA(model, 0.5)
    model.W.data[...] = 1
    ema.update()
    with pytest.raises(ValueError, match=f"EMA: .*{message}"):
        ema.restore(state())
    assert (ema.averages["W"].data == 1).all()
    assert ema.state().literals == {"updates": 1, "decay": 0.5, "warmup": False}
    if "needed 'pureml_optim" not in message:
        assert len(ema.restore(state(), strict=False)) == 1


# ---- what is refused, and a rule of one's own


twice = Parameter([1.0])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: EMA([twice], 1.0), ValueError, "decay: given 1.0"),
        (lambda: EMA([twice], -0.1), ValueError, "decay"),
        (lambda: EMA([twice], warmup=1), TypeError, "warmup: given 1"),
        (lambda: EMA([twice, twice]), ValueError, "given twice"),
        (lambda: SWA([]), ValueError, "SWA: given no parameters"),
        (lambda: SWA(twice), TypeError, "SWA: given Parameter, needed tensors"),
        (lambda: [a := WeightAverage([twice]), a.update(), a.update()], NotImplementedError, "has no share"),
    ],
)
def test_settings_that_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_repr():
    assert repr(EMA([twice])) == "EMA(1 parameters, 0 updates, decay=0.999, warmup=False)"
    assert repr(SWA([twice])) == "SWA(1 parameters, 0 updates)"
