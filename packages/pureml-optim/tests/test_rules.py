"""Every rule: against a plain transcription of its formula, for every kind of parameter, and through its state."""

import copy
import inspect
import pickle

import numpy as np
import pureml_optim
import pytest
from pureml_core import Parameter, Tensor
from pureml_optim import SGD, Adam, AdamW, LRScheduler, Optimizer

# ---- the formulas once more, on whole arrays, returning new ones: (settings, t, w, g, slots) -> (w, slots)


def sgd(s, t, w, g, slots):
    if s["beta"] == 0:
        return w - s["lr"] * g, ()
    (v,) = slots or (np.zeros_like(w),)
    if s["momentum"] == "averaged":
        v = s["beta"] * v + (1 - s["beta"]) * g
        return w - s["lr"] * v, (v,)
    v = s["beta"] * v + g
    return w - s["lr"] * (v if s["momentum"] == "classical" else g + s["beta"] * v), (v,)


def adam(s, t, w, g, slots):
    m, v = slots or (np.zeros_like(w), np.zeros_like(w))
    m = s["beta1"] * m + (1 - s["beta1"]) * g
    v = s["beta2"] * v + (1 - s["beta2"]) * g**2
    m_hat, v_hat = m / (1 - s["beta1"] ** t), v / (1 - s["beta2"] ** t)
    return w - s["lr"] * m_hat / (np.sqrt(v_hat) + s["delta"]), (m, v)


# rule, its settings, its formula, learning rate and steps that solve Rosenbrock
RULES = {
    "sgd": (SGD, {}, sgd, 2e-3, 6_000),
    "sgd-averaged": (SGD, {"beta": 0.9}, sgd, 2e-3, 6_000),
    "sgd-classical": (SGD, {"beta": 0.9, "momentum": "classical"}, sgd, 2e-4, 6_000),
    "sgd-nesterov": (SGD, {"beta": 0.9, "momentum": "nesterov"}, sgd, 2e-4, 6_000),
    "adam": (Adam, {}, adam, 2e-2, 3_000),
    "adam-settings": (Adam, {"beta1": 0.5, "beta2": 0.9, "delta": 1e-3}, adam, 2e-2, 3_000),
    "adamw": (AdamW, {"weight_decay": 0.0}, adam, 2e-2, 3_000),
}
DECAYS = [(0.0, True), (0.1, True), (0.1, False)]

PARAMETERS = {  # name -> a float64 array of that kind; several small ones so that some are gathered
    "0-d": lambda rng: np.array(rng.standard_normal()),
    "size-1": lambda rng: rng.standard_normal((1, 1)),
    "empty": lambda rng: np.zeros((3, 0)),
    "bias": lambda rng: rng.standard_normal(7),
    "square": lambda rng: rng.standard_normal((5, 5)),
    "transposed": lambda rng: rng.standard_normal((4, 6)).T,
    "every other": lambda rng: rng.standard_normal((8, 9))[::2, ::3],
    "middling": lambda rng: rng.standard_normal((100, 101)),
    "huge": lambda rng: rng.standard_normal((3, 33_333)),
    "huge transposed": lambda rng: rng.standard_normal((300, 250)).T,
}


def made(kinds=PARAMETERS, dtype=np.float64):
    """Tensors on the very arrays, layout included."""
    rng = np.random.default_rng(0)
    return {name: Tensor(kinds[name](rng).astype(dtype, order="K"), requires_grad=True) for name in kinds}


def give_gradients(params, seed):
    rng = np.random.default_rng(seed)
    for t in params.values():
        t.grad = rng.standard_normal(t.shape)


@pytest.fixture(params=RULES)
def rule(request):
    cls, settings, *_ = RULES[request.param]
    return lambda params, lr=0.01, **more: cls(params, lr, **settings | more)


def test_every_rule_has_a_row():
    public = {getattr(pureml_optim, name) for name in pureml_optim.__all__}
    rules = {c for c in public if inspect.isclass(c) and issubclass(c, Optimizer)} - {Optimizer, LRScheduler}
    assert rules == {row[0] for row in RULES.values()}


@pytest.mark.parametrize("name", RULES)
def test_finds_the_minimum_of_a_quadratic(name):
    cls, settings, *_ = RULES[name]
    w = Parameter([3.0, -2.0, 0.5], dtype=np.float64)
    optim = cls([w], 0.05, **settings)
    for _ in range(1500):
        optim.zero_grad()
        ((w - 1.0) * (w - 1.0)).sum().backward()
        optim.step()
        optim.lr *= 0.995  # at a constant rate Adam circles round the minimum
    np.testing.assert_allclose(w.data, 1, atol=1e-3)


@pytest.mark.parametrize("name", RULES)
def test_goes_down_the_valley_of_rosenbrock(name):
    cls, settings, _, lr, steps = RULES[name]
    w = Parameter([-1.2, 1.0], dtype=np.float64)
    optim = cls([w], lr, **settings)
    for _ in range(steps):
        x, y = w.data
        w.grad = np.array([-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)])
        optim.step()
    np.testing.assert_allclose(w.data, 1, atol=0.1)


@pytest.mark.parametrize(("weight_decay", "decoupled_wd"), DECAYS)
@pytest.mark.parametrize("name", RULES)
def test_equals_the_formula_on_whole_arrays(name, weight_decay, decoupled_wd):
    cls, settings, formula, *_ = RULES[name]
    settings = {"weight_decay": weight_decay, **({"decoupled_wd": decoupled_wd} if cls is not AdamW else {})} | settings
    if cls is AdamW:
        settings["weight_decay"], decoupled_wd = weight_decay, True
    params = made()
    optim = cls(params, 0.01, **settings)
    expected = {key: (t.data.copy(), ()) for key, t in params.items()}
    for t in range(1, 6):
        give_gradients(params, t)
        for key, (w, slots) in expected.items():
            g = params[key].grad.copy()
            if decoupled_wd:
                w = w - 0.01 * weight_decay * w
            else:
                g += weight_decay * w
            expected[key] = formula(optim.groups[0].settings, t, w, g, slots)
        before = {key: p.grad.copy() for key, p in params.items()}
        optim.step()
        assert all(np.array_equal(p.grad, before[key]) for key, p in params.items())
    for key, (w, slots) in expected.items():
        np.testing.assert_allclose(params[key].data, w, rtol=1e-12, atol=1e-12, err_msg=key)
        for slot, array in zip(optim.slots, slots, strict=False):
            np.testing.assert_allclose(optim.state().arrays[f"{slot}.{key}"], array, rtol=1e-12, atol=1e-12)


def test_together_and_alone_agree_bit_for_bit(rule):
    together, alone = made(), made()
    optim = rule(together, weight_decay=0.1)
    optims = [rule({name: t}, weight_decay=0.1) for name, t in alone.items()]
    for seed in range(3):
        give_gradients(together, seed)
        give_gradients(alone, seed)
        optim.step()
        for o in optims:
            o.step()
    for name in together:
        assert np.array_equal(together[name].data, alone[name].data), name


def test_writes_into_the_arrays_that_were_there(rule):
    params = made()
    arrays = {name: t.data for name, t in params.items()}
    before = {name: a.copy() for name, a in arrays.items()}
    give_gradients(params, 0)
    rule(params).step()
    for name, t in params.items():
        assert t.data is arrays[name]
        assert t.size == 0 or not np.array_equal(t.data, before[name])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_everything_stays_in_the_dtype(rule, dtype):
    params = made(dtype=dtype)
    optim = rule(params, lr=np.float64(0.01), weight_decay=np.float64(0.1))
    for seed in range(2):
        give_gradients(params, seed)
        optim.step()
    assert {t.dtype for t in params.values()} == {np.dtype(dtype)}
    assert {a.dtype for a in optim.state().arrays.values()} <= {np.dtype(dtype)}


@pytest.mark.parametrize("at", [0, 1, 3])
def test_continuing_from_a_state_equals_never_having_stopped(rule, at):
    def some(params, step):  # one parameter never takes part, one joins late, one pauses
        give_gradients(params, step)
        params["square"].grad = None
        if step < 2:
            params["bias"].grad = None
        if step % 2:
            params["transposed"].grad = None

    through, stopped = made(), made()
    whole, first = rule(through, weight_decay=0.01), rule(stopped, weight_decay=0.01)
    for step in range(6):
        if step == at:
            state = first.state()
            first = rule(stopped, lr=0.5)
            assert first.restore(state) == []
        some(through, step)
        some(stopped, step)
        whole.step()
        first.step()
    for name in through:
        assert np.array_equal(through[name].data, stopped[name].data), name
    ours, theirs = whole.state(), first.state()
    assert ours.literals == theirs.literals
    assert ours.arrays.keys() == theirs.arrays.keys()
    assert all(np.array_equal(ours.arrays[name], theirs.arrays[name]) for name in ours.arrays)


def test_a_late_parameter_starts_like_an_early_one(rule):
    early, late = made(), made()
    one, two = rule(early), rule(late)
    give_gradients(early, 0)
    one.step()
    for _ in range(5):  # five steps without "bias" first
        give_gradients(late, 7)
        late["bias"].grad = None
        two.step()
    give_gradients(late, 0)
    two.step()
    assert np.array_equal(early["bias"].data, late["bias"].data)


def test_a_parameter_without_gradient_is_left_alone(rule):
    params = made()
    optim = rule(params, weight_decay=0.5)
    give_gradients(params, 0)
    optim.step()
    give_gradients(params, 1)
    for name in ("bias", "huge"):
        params[name].grad = None
    before = {name: params[name].data.copy() for name in ("bias", "huge")}
    state = optim.state()
    optim.step()
    after = optim.state()
    for name, w in before.items():
        assert np.array_equal(params[name].data, w)
        assert after.literals["steps"][name] == 1
        assert all(np.array_equal(after.arrays[k], a) for k, a in state.arrays.items() if k.endswith(f".{name}"))
    optim.zero_grad()
    optim.step()
    assert all(t.grad is None for t in params.values())


def test_a_step_is_noticed_by_a_later_backward(rule):
    for kind in ("bias", "huge", "transposed"):
        t = made({kind: PARAMETERS[kind]})[kind]
        loss = (t * t).sum()
        t.grad = np.ones(t.shape)
        rule([t]).step()
        with pytest.raises(RuntimeError, match="changed in place"):
            loss.backward()


def test_a_gradient_that_is_not_finite_warns_nobody(rule):
    params = made(dtype=np.float32)
    optim = rule(params)
    for value in (np.nan, np.inf, 3e38):
        for t in params.values():
            t.grad = np.full(t.shape, value)
        optim.step()


def test_rewinding_to_a_snapshot_repeats_what_followed(rule):
    params = made()
    optim = rule(params)
    results = []
    for _ in range(2):  # the second time from the snapshot, in the same optimizer
        for step in range(6):
            if step == 3 and not results:
                state, values = optim.state(), {name: t.data.copy() for name, t in params.items()}
            if step >= 3 or not results:
                give_gradients(params, step)
                optim.step()
        results.append({name: t.data.copy() for name, t in params.items()})
        for name, t in params.items():
            t.data[...] = values[name]
        optim.restore(state)
    for name, w in results[0].items():
        assert np.array_equal(w, results[1][name]), name


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda optim: pickle.loads(pickle.dumps(optim))])
def test_a_copy_goes_its_own_way(copied):
    params = made()
    optim = Adam(params, 0.1)
    give_gradients(params, 0)
    optim.step()
    state = optim.state()
    other = copied(optim)
    give_gradients(other.groups[0].params, 1)
    other.step()
    assert all(np.array_equal(optim.state().arrays[name], a) for name, a in state.arrays.items())
    give_gradients(params, 1)
    optim.step()
    for name, a in optim.state().arrays.items():
        assert np.array_equal(other.state().arrays[name], a), name
    for name, t in params.items():
        assert np.array_equal(other.groups[0].params[name].data, t.data), name


def test_an_array_that_is_replaced_is_the_one_updated(rule):
    params = made()
    optim = rule(params)
    for seed in range(2):
        give_gradients(params, seed)
        optim.step()
        for t in params.values():
            t.data = t.data.copy(order="F")
    give_gradients(params, 2)
    before = params["bias"].data.copy()
    optim.step()
    assert not np.array_equal(params["bias"].data, before)
    t = params["bias"]
    t.grad = None
    t.data = np.zeros(9)
    t.grad = np.ones(9)
    if optim.state().arrays:
        with pytest.raises(ValueError, match=r"'bias' now has shape \(9,\)"):
            optim.step()
