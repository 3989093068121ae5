"""Every rule: against a plain transcription of its formula, for every kind of parameter, and through its state."""

import copy
import inspect
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pureml_optim
import pytest
from pureml_core import Parameter, RowSparse, Tensor, log_softmax, maximum
from pureml_optim import (
    LAMB,
    LBFGS,
    SGD,
    AdaDelta,
    Adafactor,
    AdaGrad,
    Adam,
    Adamax,
    AdamW,
    Lion,
    LRScheduler,
    Muon,
    NAdam,
    Optimizer,
    RAdam,
    RMSProp,
)

# ---- the formulas once more, on whole arrays, returning new ones: (s, t, w, g, *slots) -> (w, *slots)


def sgd(s, t, w, g, v=None):
    if s.beta == 0:
        return (w - s.lr * g,)
    v = s.beta * v + ((1 - s.beta) * g if s.momentum == "averaged" else g)
    return w - s.lr * (g + s.beta * v if s.momentum == "nesterov" else v), v


def adagrad(s, t, w, g, r):
    r = r + g**2
    return w - s.lr / (1 + (t - 1) * s.lr_decay) * g / (np.sqrt(s.initial_accumulator_value + r) + s.delta), r


def rmsprop(s, t, w, g, r, *m_v):
    m_v = list(m_v)
    r = s.beta * r + (1 - s.beta) * g**2
    variance = r
    if s.centered:
        m_v[0] = s.beta * m_v[0] + (1 - s.beta) * g
        variance = np.maximum(r - m_v[0] ** 2, 0)  # 0 after the first step for β = 0
    step = g / (np.sqrt(variance) + s.delta)
    if s.momentum:
        step = m_v[-1] = s.momentum * m_v[-1] + step
    return w - s.lr * step, r, *m_v


def moments(s, g, m, v):
    return s.beta1 * m + (1 - s.beta1) * g, s.beta2 * v + (1 - s.beta2) * g**2


def adam(s, t, w, g, m, v, v_max=None):
    m, v = moments(s, g, m, v)
    largest = v if v_max is None else np.maximum(v_max, v)
    m_hat, v_hat = m / (1 - s.beta1**t), largest / (1 - s.beta2**t)
    w = w - s.lr * m_hat / (np.sqrt(v_hat) + s.delta)
    return (w, m, v) if v_max is None else (w, m, v, largest)


def nadam(s, t, w, g, m, v):
    m, v = moments(s, g, m, v)
    mu = [s.beta1 * (1 - 0.5 * 0.96 ** (i * s.momentum_decay)) for i in range(1, t + 2)]
    m_hat = mu[t] * m / (1 - np.prod(mu)) + (1 - mu[t - 1]) * g / (1 - np.prod(mu[:t]))
    return w - s.lr * m_hat / (np.sqrt(v / (1 - s.beta2**t)) + s.delta), m, v


def radam(s, t, w, g, m, v):
    m, v = moments(s, g, m, v)
    m_hat = m / (1 - s.beta1**t)
    rho_inf = 2 / (1 - s.beta2) - 1
    rho = rho_inf - 2 * t * s.beta2**t / (1 - s.beta2**t)
    if rho <= 5:
        return w - s.lr * m_hat, m, v
    r = np.sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
    return w - s.lr * m_hat * r * np.sqrt(1 - s.beta2**t) / (np.sqrt(v) + s.delta), m, v


def adamax(s, t, w, g, m, u):
    m = s.beta1 * m + (1 - s.beta1) * g
    u = np.maximum(s.beta2 * u, np.abs(g) + s.delta)
    return w - s.lr / (1 - s.beta1**t) * m / u, m, u


def adadelta(s, t, w, g, r, a):
    r = s.beta * r + (1 - s.beta) * g**2
    step = np.sqrt(a + s.delta) / np.sqrt(r + s.delta) * g
    return w - s.lr * step, r, s.beta * a + (1 - s.beta) * step**2


def lion(s, t, w, g, m):
    return w - s.lr * np.sign(s.beta1 * m + (1 - s.beta1) * g), s.beta2 * m + (1 - s.beta2) * g


def rms(x):
    return np.sqrt((x**2).mean())


def adafactor(s, t, w, g, r, c):
    if w.size == 0:
        return w, r, c
    alpha = (max(s.eps2, rms(w)) if s.scale_parameter else 1) * (min(s.lr, t**-0.5) if s.relative_step else s.lr)
    w, beta2 = w - s.lr * s.weight_decay * s.decoupled_wd * w, 1 - t**s.beta2_decay
    G = g if g.ndim > 1 else g.reshape(1, -1)
    r = beta2 * r + (1 - beta2) * (G**2 + s.eps1).mean(-1)
    c = beta2 * c + (1 - beta2) * (G**2 + s.eps1).mean(-2)
    V = r[..., :, None] * c[..., None, :] / r.mean(-1)[..., None, None]
    U = (G / np.sqrt(V)).reshape(w.shape)
    return w - alpha * U / max(1, rms(U) / s.d), r, c


def lamb(s, t, w, g, m, v):
    m, v = moments(s, g, m, v)
    u = m / (1 - s.beta1**t) / (np.sqrt(v / (1 - s.beta2**t)) + s.delta) + s.weight_decay * s.decoupled_wd * w
    of_w, of_u = np.sqrt((w**2).sum()), np.sqrt((u**2).sum())
    return w - s.lr * (of_w / of_u if of_w > 0 and of_u > 0 else 1) * u, m, v


def muon(s, t, w, g, m, *of_adam):
    if w.ndim < 2 or s.adamw:
        return adam(s, t, w, g, m, *of_adam)
    if w.size == 0:
        return w, m, *of_adam
    m = s.momentum * m + (1 - s.momentum) * g
    X = ((1 - s.momentum) * g + s.momentum * m if s.nesterov else m).reshape(len(w), -1)
    (rows, columns), (a, b, c) = X.shape, s.ns_coefficients
    X = X / np.linalg.norm(X)
    for _ in range(s.ns_steps):
        X = a * X + b * X @ X.T @ X + c * X @ X.T @ X @ X.T @ X
    original = max(1, columns / rows if w.ndim == 2 else rows / columns) ** 0.5
    adjusted = original if s.adjust_lr == "original" else 0.2 * max(rows, columns) ** 0.5
    return w - s.lr * adjusted * X.reshape(w.shape), m, *of_adam


@dataclass(frozen=True)
class Row:
    """A rule with its formula and settings, and (rate, steps) that solve a quadratic, Rosenbrock and three classes."""

    rule: type[Optimizer]
    formula: Callable
    settings: dict = field(default_factory=dict)
    quadratic: tuple[float, int] = (0.1, 600)
    rosenbrock: tuple[float, int] = (1e-2, 1_000)
    classes: tuple[float, int] = (0.1, 100)

    def __call__(self, params, lr=0.01, **more):
        return self.rule(params, lr, **self.settings | more)


RULES = {
    "sgd": Row(SGD, sgd, {}, rosenbrock=(2e-3, 4_000), classes=(1, 100)),
    "sgd-averaged": Row(SGD, sgd, {"beta": 0.9}, rosenbrock=(1e-2, 1_000), classes=(1, 100)),
    "sgd-classical": Row(SGD, sgd, {"beta": 0.9, "momentum": "classical"}, rosenbrock=(1e-3, 1_000)),
    "sgd-nesterov": Row(SGD, sgd, {"beta": 0.9, "momentum": "nesterov"}, rosenbrock=(1e-3, 1_000)),
    "adagrad": Row(AdaGrad, adagrad, {}, (1, 600), (0.5, 4_000), (0.5, 100)),
    "adagrad-settings": Row(
        AdaGrad,
        adagrad,
        {"initial_accumulator_value": 0.1, "lr_decay": 1e-4, "delta": 1e-3},
        (1, 600),
        (1, 4_000),
        (0.5, 100),
    ),
    "rmsprop": Row(RMSProp, rmsprop, {}, rosenbrock=(5e-3, 3_000)),
    "rmsprop-centered": Row(
        RMSProp, rmsprop, {"centered": True, "beta": 0.95, "delta": 1e-3}, rosenbrock=(2e-3, 2_000)
    ),
    "rmsprop-momentum": Row(RMSProp, rmsprop, {"momentum": 0.9}, rosenbrock=(5e-3, 1_000), classes=(0.05, 100)),
    "rmsprop-both": Row(RMSProp, rmsprop, {"centered": True, "momentum": 0.5, "delta": 1e-2}, rosenbrock=(2e-3, 1_000)),
    "adam": Row(Adam, adam, rosenbrock=(0.5, 1_000)),
    "adam-settings": Row(Adam, adam, {"beta1": 0.5, "beta2": 0.9, "delta": 1e-3}),
    "adam-amsgrad": Row(Adam, adam, {"amsgrad": True, "beta2": 0.9}, (0.5, 600), (0.5, 2_000)),
    "adamw": Row(AdamW, adam, {"weight_decay": 0.0}, rosenbrock=(0.5, 1_000)),
    "nadam": Row(NAdam, nadam, rosenbrock=(2e-2, 3_000)),
    "nadam-settings": Row(NAdam, nadam, {"beta1": 0.8, "beta2": 0.9, "delta": 1e-3, "momentum_decay": 0.5}),
    "radam": Row(RAdam, radam, {}, (0.5, 600), (3e-3, 12_000), (0.5, 100)),
    "radam-settings": Row(RAdam, radam, {"beta1": 0.8, "beta2": 0.8, "delta": 1e-3}, rosenbrock=(5e-3, 1_000)),
    "adamax": Row(Adamax, adamax, {}, (0.5, 600), (0.5, 2_000)),
    "adamax-settings": Row(Adamax, adamax, {"beta1": 0.5, "beta2": 0.9, "delta": 1e-3}),
    "adadelta": Row(AdaDelta, adadelta, {}, (50, 600), (0.1, 6_000), (20, 100)),
    "adadelta-settings": Row(AdaDelta, adadelta, {"beta": 0.95, "delta": 1e-5}, (10, 600), (0.02, 6_000), (5, 100)),
    "lion": Row(Lion, lion, rosenbrock=(2e-3, 3_000)),
    "lion-settings": Row(Lion, lion, {"beta1": 0.95, "beta2": 0.98}, rosenbrock=(5e-3, 2_000)),
    "adafactor": Row(Adafactor, adafactor, {}, (1, 1_000), (0.2, 4_000), (1, 200)),
    "adafactor-settings": Row(
        Adafactor,
        adafactor,
        {"beta2_decay": -0.5, "eps1": 1e-3, "eps2": 0.1, "d": 2.0, "scale_parameter": False, "relative_step": False},
        rosenbrock=(5e-3, 4_000),
        classes=(0.05, 100),
    ),
    "lamb": Row(LAMB, lamb, {}, (2e-2, 1_000), (5e-3, 6_000)),
    "lamb-settings": Row(
        LAMB, lamb, {"beta1": 0.8, "beta2": 0.9, "delta": 1e-3}, (2e-2, 1_000), (1e-2, 6_000), (5e-2, 200)
    ),
    "muon": Row(Muon, muon, {"weight_decay": 0.0}, rosenbrock=(0.1, 1_000)),
    "muon-settings": Row(
        Muon,
        muon,
        {
            **{
                "weight_decay": 0.0,
                "momentum": 0.8,
                "nesterov": False,
                "ns_steps": 3,
                "ns_coefficients": (2, -1.5, 0.5),
            },
            **{"ns_coefficients": (2, -1.5, 0.5), "adjust_lr": "original"},
            **{"beta1": 0.8, "beta2": 0.9, "delta": 1e-3, "amsgrad": True},
        },
        (0.2, 1_000),
        (0.5, 2_000),
        (0.05, 100),
    ),
    "muon-adamw": Row(Muon, muon, {"weight_decay": 0.0, "adamw": True}, rosenbrock=(0.1, 1_000)),
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
    "huge": lambda rng: rng.standard_normal((3, 13_333)),
    "huge transposed": lambda rng: rng.standard_normal((210, 160)).T,
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
    return RULES[request.param]


def test_every_rule_has_a_row():
    public = {getattr(pureml_optim, name) for name in pureml_optim.__all__}
    rules = {c for c in public if inspect.isclass(c) and issubclass(c, Optimizer)}
    rules -= {Optimizer, LRScheduler, LBFGS}  # L-BFGS steps with a closure and has tests of its own
    assert rules == {row.rule for row in RULES.values()}


# ---- what they are for


def test_finds_the_minimum_of_a_quadratic(rule):
    lr, steps = rule.quadratic
    w = Parameter([3.0, -2.0, 0.5], dtype=np.float64)
    optim = rule([w], lr)
    for _ in range(steps):
        optim.zero_grad()
        ((w - 1.0) * (w - 1.0)).sum().backward()
        optim.step()
        optim.lr *= 0.99  # at a constant rate most rules circle round the minimum
    np.testing.assert_allclose(w.data, 1, atol=1e-3)


def test_goes_down_the_valley_of_rosenbrock(rule):
    lr, steps = rule.rosenbrock
    w = Parameter([-1.2, 1.0], dtype=np.float64)
    optim = rule([w], lr)
    for _ in range(steps):
        x, y = w.data
        w.grad = np.array([-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)])
        optim.step()
    np.testing.assert_allclose(w.data, 1, atol=0.1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_trains_a_network_to_tell_three_rings_apart(rule, dtype):
    lr, steps = rule.classes
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 40)
    angle, radius = rng.uniform(0, 2 * np.pi, y.size), y + rng.uniform(0.6, 1, y.size)
    x = Tensor((radius * [np.cos(angle), np.sin(angle)]).T.astype(dtype))
    W1, W2 = (Parameter(rng.standard_normal((n, m)) / np.sqrt(n), dtype) for n, m in ((2, 16), (16, 3)))
    b1, b2 = Parameter(np.zeros(16), dtype), Parameter(np.zeros(3), dtype)
    optim = rule([W1, b1, W2, b2], lr)
    for _ in range(steps):
        logits = maximum(x @ W1 + b1, 0) @ W2 + b2
        optim.zero_grad()
        (-log_softmax(logits)[np.arange(y.size), y].mean()).backward()
        optim.step()
    assert (logits.data.argmax(axis=1) == y).mean() > 0.95


# ---- what they compute


@pytest.mark.parametrize(("weight_decay", "decoupled_wd"), DECAYS)
def test_equals_the_formula_on_whole_arrays(rule, weight_decay, decoupled_wd):
    if rule.rule is AdamW:
        settings = {"weight_decay": weight_decay}
        decoupled_wd = True
    else:
        settings = {"weight_decay": weight_decay, "decoupled_wd": decoupled_wd}
    params = made()
    optim = rule(params, **settings)
    s = SimpleNamespace(**optim.groups[0].settings)
    slots = optim.slots_for(vars(s))
    shapes = {key: [shape(t.shape) for shape in slots.values()] for key, t in params.items()}
    expected = {
        key: (t.data.copy(), *[None if shape is None else np.zeros(shape) for shape in shapes[key]])
        for key, t in params.items()
    }
    for t in range(1, 8):
        give_gradients(params, t)
        for key, (w, *arrays) in expected.items():
            g = params[key].grad.copy()
            if not decoupled_wd:
                g += weight_decay * w
            elif not optim.own_decay:
                w = w - s.lr * weight_decay * w
            expected[key] = rule.formula(s, t, w, g, *arrays)
        before = {key: p.grad.copy() for key, p in params.items()}
        optim.step()
        assert all(np.array_equal(p.grad, before[key]) for key, p in params.items())
    state = optim.state().arrays
    assert len(state) == sum(shape is not None for of_one in shapes.values() for shape in of_one)
    for key, (w, *arrays) in expected.items():
        np.testing.assert_allclose(params[key].data, w, rtol=1e-12, atol=1e-12, err_msg=key)
        for slot, array in zip(slots, arrays, strict=True):
            if array is None:
                continue
            np.testing.assert_allclose(state[f"{slot}.{key}"], array, rtol=1e-12, atol=1e-12, err_msg=key)


def test_maximizing_is_minimizing_along_the_opposite_gradient(rule):
    up, down = made(), made()
    one, other = rule(up, maximize=True), rule(down)
    for seed in range(3):
        give_gradients(up, seed)
        for name, t in down.items():
            t.grad = -up[name].grad
        one.step()
        other.step()
    for name in up:
        assert np.array_equal(up[name].data, down[name].data), name


def test_a_row_sparse_step_touches_its_rows_alone(rule):
    rng = np.random.default_rng(0)
    before = rng.standard_normal((9, 2, 3))
    sparse, dense = (Tensor(before.copy(), requires_grad=True) for _ in range(2))
    optim, other = rule({"t": sparse}, weight_decay=0.1), rule({"t": dense}, weight_decay=0.1)
    for _ in range(7):
        g = RowSparse(np.array([4, 1, 4]), rng.standard_normal((3, 2, 3)), (9, 2, 3))
        sparse.grad, dense.grad = g, g.dense()
        optim.step()
        other.step()
    state = optim.state().arrays
    if not optim.blocks:  # as if it were dense
        np.testing.assert_array_equal(sparse.data, dense.data)
        return
    touched, others = [1, 4], [0, 2, 3, 5, 6, 7, 8]
    np.testing.assert_allclose(sparse.data[touched], dense.data[touched], rtol=1e-12)
    np.testing.assert_array_equal(sparse.data[others], before[others])
    for name, slot in other.state().arrays.items():
        np.testing.assert_allclose(state[name][touched], slot[touched], rtol=1e-12)
        assert not state[name][others].any()


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
def test_a_copy_goes_its_own_way(rule, copied):
    params = made()
    optim = rule(params)
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


# ---- settings

# what none of them may be, by name; a setting that is not here fails
NO_NUMBER = [None, "0.1", np.ones(2), 1j, float("nan")]
NO_FLAG = [None, 1, "no"]
WRONG = {
    "lr": [-1, float("inf"), *NO_NUMBER],
    "weight_decay": [-0.1, float("inf"), *NO_NUMBER],
    "decoupled_wd": NO_FLAG,
    "maximize": NO_FLAG,
    "delta": [-1e-8, float("inf"), *NO_NUMBER],
    "amsgrad": NO_FLAG,
    "centered": NO_FLAG,
    "momentum": [-0.1, 1, "polyak", None],
    "momentum_decay": [-1e-3, float("inf"), *NO_NUMBER],
    "lr_decay": [-1e-3, float("inf"), *NO_NUMBER],
    "initial_accumulator_value": [-0.1, float("inf"), *NO_NUMBER],
    "beta2_decay": [0, float("nan"), *NO_NUMBER],
    **{name: [-1e-9, float("inf"), *NO_NUMBER] for name in ("eps", "eps1", "eps2")},
    "d": [0.9, float("inf"), *NO_NUMBER],
    "ns_steps": [0, 2.5, *NO_NUMBER],
    "ns_coefficients": [(1, 2), "abc", (1, 2, float("nan")), (1, 2, None), 3],
    "adjust_lr": ["match", True, None],
    **dict.fromkeys(("relative_step", "scale_parameter", "nesterov", "adamw"), NO_FLAG),
    **{name: [-0.1, 1, 1.5, *NO_NUMBER] for name in ("beta", "beta1", "beta2")},
}


@pytest.mark.parametrize("cls", sorted({row.rule for row in RULES.values()}, key=lambda cls: cls.__name__))
def test_every_setting_is_checked_and_named(cls):
    w = Parameter([1.0])
    optim = cls([w], 0.1)
    own = set(inspect.signature(cls).parameters) - {"model_params", "common", "settings", "groups"}
    assert own <= set(optim.groups[0].settings), "a keyword is not a setting"
    for name in optim.groups[0].settings:
        if cls is AdamW and name == "decoupled_wd":
            continue
        for value in WRONG[name]:
            with pytest.raises((ValueError, TypeError), match=f"^{cls.__name__}: {name}: given"):
                cls([w], **{"lr": 0.1} | {name: value})
            with pytest.raises((ValueError, TypeError), match=f"^{cls.__name__}: {name}: given"):
                optim.add_group([Parameter([1.0])], **{name: value})
    assert len(optim.groups) == 1


# ---- what one rule has and others have not


def trained_on(optim, w, gradients):
    for g in gradients:
        w.grad = np.broadcast_to(np.asarray(g, w.dtype), w.shape)
        optim.step()
    return w.data


def test_a_slot_is_kept_only_where_it_is_needed():
    for settings, needed in [
        ({}, "r"),
        ({"centered": True}, "rm"),
        ({"momentum": 0.5}, "rv"),
        ({"momentum": 0.5, "centered": True}, "rmv"),
    ]:
        w = Parameter([1.0])
        optim = RMSProp([w], 0.1, **settings)
        trained_on(optim, w, [1.0])
        assert list(optim.state().arrays) == [f"{slot}.0" for slot in needed]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_centred_rmsprop_takes_the_root_of_no_negative_variance(dtype):
    w = Parameter(np.zeros(100), dtype)
    g = np.random.default_rng(0).standard_normal(100)
    assert np.isfinite(trained_on(RMSProp([w], 1e-3, centered=True), w, [g] * 300)).all()


@pytest.mark.parametrize("decay", [0.0, 4e-3, 0.5, 20.0])
def test_the_running_product_of_nadam_for_many_steps(decay):
    w, rng = Parameter([0.0], np.float64), np.random.default_rng(0)
    optim = NAdam([w], 0.01, beta1=0.999, momentum_decay=decay)
    s = SimpleNamespace(**optim.groups[0].settings)
    expected, m, v, product = 0.0, 0.0, 0.0, 1.0
    for t in range(1, 1_500):
        w.grad = rng.standard_normal(1)
        m, v = moments(s, float(w.grad[0]), m, v)
        mu, ahead = (s.beta1 * (1 - 0.5 * 0.96 ** (i * decay)) for i in (t, t + 1))
        product *= mu
        m_hat = ahead * m / (1 - product * ahead) + (1 - mu) * w.grad[0] / (1 - product)
        expected -= s.lr * m_hat / (np.sqrt(v / (1 - s.beta2**t)) + s.delta)
        optim.step()
    np.testing.assert_allclose(w.data, expected, rtol=1e-10)


def test_adadelta_needs_no_rate():
    w = Parameter([1.0], np.float64)
    optim = AdaDelta([w])
    assert optim.lr == 1
    step = np.sqrt(1e-6) / np.sqrt(0.1 * 3**2 + 1e-6) * 3
    np.testing.assert_allclose(trained_on(optim, w, [3.0]), 1 - step, rtol=1e-12)


def test_lion_moves_every_weight_as_far_or_not_at_all():
    w = Parameter([1.0, 1.0, 1.0], np.float64)
    np.testing.assert_allclose(trained_on(Lion([w], 0.1), w, [[1e-9, -1e9, 0.0]]), [0.9, 1.1, 1.0], rtol=1e-15)


@pytest.mark.parametrize("cls", [Adam, AdamW, NAdam, RAdam, Adamax, AdaGrad, RMSProp, AdaDelta])
def test_a_weight_whose_gradients_were_all_zero_stays(cls):
    w = Parameter([1.0, 2.0], np.float32)
    np.testing.assert_array_equal(trained_on(cls([w], 0.1, weight_decay=0.0), w, [0.0] * 7), [1, 2])
