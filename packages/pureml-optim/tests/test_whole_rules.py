"""Rules on whole arrays: what Adafactor, LAMB and Muon have and other rules have not, and L-BFGS."""

import copy
import inspect
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pureml_core import Parameter, Tensor, exp, log_softmax, maximum
from pureml_optim import LAMB, LBFGS, SGD, Adafactor, AdamW, Muon, Optimizer, StepLR
from pureml_optim.rules.lbfgs import Point, cubic_minimum, strong_wolfe
from pureml_optim.rules.muon import orthogonalized


def stepped(cls, w, gradients, lr=0.1, dtype=np.float64, **more):
    """The array after a step for each gradient, and the optimizer."""
    t = Parameter(w, dtype)
    optim = cls({"w": t}, lr, **more)
    for g in gradients:
        t.grad = np.asarray(g, dtype)
        optim.step()
    return t.data, optim


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def shapes(optim):
    return {name: a.shape for name, a in optim.state().arrays.items()}


@pytest.mark.parametrize("cls", [Adafactor, LAMB, Muon])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_layout_of_an_array_changes_no_bit(cls, dtype):
    w, gradients = normal(70, 90), [normal(70, 90, seed=seed) for seed in (1, 2, 3)]
    results = []
    for order in "CF":
        t = Tensor(np.array(w, dtype, order=order), requires_grad=True)
        optim = cls([t], 0.1)
        for g in gradients:
            t.grad = np.asarray(g, dtype, order=order)
            optim.step()
        assert t.data.flags[f"{order}_CONTIGUOUS"]
        results.append(t.data)
    assert np.array_equal(*results)


# ---- slots for some shapes


class Corners(Optimizer):
    """A rule that keeps the first entry of every matrix."""

    slots = {"a": lambda shape: () if len(shape) == 2 else None}  # noqa: RUF012
    blocks = False

    def update(self, s, w, g, a):
        if a is not None:
            a += g[0, 0]
        w -= s.lr * g


def test_a_slot_may_be_for_some_shapes_alone():
    params = {"W": Parameter(np.ones((2, 3))), "b": Parameter(np.ones(3)), "none": Parameter(np.ones((0, 3)))}
    optim = Corners(params, 0.5)
    for _ in range(64):
        for t in params.values():
            t.grad = np.ones(t.shape)
        optim.step()
    state = optim.state()
    assert {name: a.tolist() for name, a in state.arrays.items()} == {"a.W": 64, "a.none": 0}
    other = Corners(params, 0.1)
    assert other.restore(state) == []
    assert other.state().literals == state.literals
    state.arrays["a.b"] = np.zeros(())
    with pytest.raises(ValueError, match=r"unexpected 'a\.b'"):
        other.restore(state)


# ---- Adafactor


@pytest.mark.parametrize(
    ("shape", "r", "c"),
    [
        ((), (1,), (1,)),
        ((7,), (1,), (7,)),
        ((64, 32), (64,), (32,)),
        ((8, 4, 3, 5), (8, 4, 3), (8, 4, 5)),
        ((3, 0), (3,), (0,)),
    ],
)
def test_adafactor_keeps_rows_and_columns(shape, r, c):
    _, optim = stepped(Adafactor, normal(*shape), [normal(*shape, seed=1)])
    assert shapes(optim) == {"r.w": r, "c.w": c}


@pytest.mark.parametrize("shape", [(6,), (6, 7)])
def test_adafactor_steps_alike_for_gradients_of_any_size(shape):
    gradients = [normal(*shape, seed=seed) for seed in range(1, 9)]
    plain, _ = stepped(Adafactor, normal(*shape), gradients, dtype=np.float32)
    small, _ = stepped(Adafactor, normal(*shape), [1e-9 * g for g in gradients], dtype=np.float32)
    np.testing.assert_allclose(small, plain, rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(6,), (6, 7)])
def test_adafactor_survives_gradients_of_zero(shape, dtype):
    w, _ = stepped(Adafactor, normal(*shape), [np.zeros(shape)] * 130, dtype=dtype)
    assert np.array_equal(w, normal(*shape).astype(dtype))
    half = np.zeros(shape)
    half[0] = 1
    w, _ = stepped(Adafactor, np.zeros(shape), [half] * 130, dtype=dtype)
    assert np.isfinite(w).all()
    assert (w[0] < 0).all()  # from zero it starts with steps of eps2
    assert (w[1:] == 0).all()


def test_adafactor_shortens_a_step_that_is_long_for_the_moments():
    quiet, loud = [np.full(5, 1e-3)] * 20, [np.ones(5)]
    for d in (1.0, 3.0):
        before, _ = stepped(Adafactor, np.ones(5), quiet, lr=1e-2, d=d, scale_parameter=False)
        after, _ = stepped(Adafactor, np.ones(5), quiet + loud, lr=1e-2, d=d, scale_parameter=False)
        np.testing.assert_allclose(before - after, 1e-2 * min(d, 21**0.4), rtol=1e-3)


def test_adafactor_has_a_relative_rate_of_its_own_or_the_one_that_is_set():
    steps = {"relative_step": [1, 2**-0.5], "scale_parameter": [2, 2]}  # of a first and second step of ones
    for off, expected in steps.items():
        w, _ = stepped(Adafactor, [2.0], [[1.0]], lr=2.0, **{off: False, "eps2": 0.5})
        scale, rate = (1, 1) if off == "scale_parameter" else (2, 2)
        np.testing.assert_allclose(w, 2 - scale * rate, err_msg=str(expected))


# ---- LAMB


@pytest.mark.parametrize("size", [1e-6, 1, 1e6])
def test_lamb_moves_every_tensor_by_lr_of_its_length(size):
    for shape in ((), (5,), (4, 3)):
        w = 1e-3 * normal(*shape)
        after, _ = stepped(LAMB, w, [size * normal(*shape, seed=1)], lr=0.01)
        np.testing.assert_allclose(np.linalg.norm(after - w), 0.01 * np.linalg.norm(w), rtol=1e-9)


def test_lamb_counts_decay_inside_the_ratio():
    w, g = np.array([3.0, 4.0]), np.zeros(2)
    after, _ = stepped(LAMB, w, [g], lr=0.01, weight_decay=0.1)  # u = 0.1 w: as long a step as any other
    np.testing.assert_allclose(after, 0.99 * w)
    still, _ = stepped(LAMB, w, [g], lr=0.01)
    assert np.array_equal(still, w)


def test_lamb_leaves_zero_by_lr_times_the_direction():
    after, _ = stepped(LAMB, np.zeros(3), [[1.0, -2.0, 3.0]], lr=0.01)
    np.testing.assert_allclose(after, [-0.01, 0.01, -0.01], rtol=1e-5)


# ---- Muon


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 99), st.sampled_from([np.float32, np.float64]))
def test_orthogonalized_has_singular_values_near_one(rows, columns, seed, dtype):
    U, _, Vt = np.linalg.svd(normal(rows, columns, seed=seed), full_matrices=False)
    sigma = np.random.default_rng(seed).uniform(0.1, 1, min(rows, columns))
    G = ((U * sigma) @ Vt).astype(dtype)
    before = G.copy()
    O = orthogonalized(G)
    assert O.dtype == dtype
    assert np.array_equal(G, before)
    inner = U.T @ O @ Vt.T
    values = np.diag(inner)
    np.testing.assert_allclose(inner, np.diag(values), atol=1e-4)  # the singular vectors stay
    assert (values > 0.6).all()
    assert (values < 1.25).all()
    np.testing.assert_allclose(orthogonalized(G.T), O.T, rtol=1e-4, atol=1e-5)


def test_orthogonalized_zero_is_zero():
    assert np.array_equal(orthogonalized(np.zeros((3, 4), np.float32)), np.zeros((3, 4)))


@pytest.mark.parametrize("shape", [(30, 20), (20, 30), (8, 4, 3, 3)])
def test_muon_steps_are_as_large_as_those_of_adamw(shape):
    for dtype in (np.float32, np.float64):
        w = normal(*shape)
        after, _ = stepped(Muon, w, [normal(*shape, seed=1)], lr=0.01, weight_decay=0, dtype=dtype)
        step = after - w.astype(dtype)
        assert 0.15 < np.sqrt((step**2).mean()) / 0.01 < 0.25


def test_muon_scales_by_fan_out_over_fan_in_as_the_layers_have_them():
    settings = {"lr": 0.01, "weight_decay": 0, "adjust_lr": "original", "momentum": 0}
    for shape, factor in [((4, 16), 2), ((16, 4), 1), ((4, 4, 2, 2), 1), ((16, 2, 2, 1), 2)]:
        w, g = normal(*shape), normal(*shape, seed=1)
        after, _ = stepped(Muon, w, [g], **settings)
        expected = w - 0.01 * factor * orthogonalized(g.reshape(len(g), -1)).reshape(shape)
        np.testing.assert_allclose(after, expected, rtol=1e-12)


def test_muon_is_adamw_for_what_is_not_a_matrix():
    params = [{name: Parameter(normal(*shape), np.float64) for name, shape in
               {"W": (4, 3), "b": (3,), "scale": (), "head": (3, 2)}.items()} for _ in range(2)]  # fmt: skip
    optims = [
        Muon(params[0], 0.01, groups={"head": {"adamw": True}}),
        AdamW(params[1], 0.01, weight_decay=0.1),
    ]
    for seed in range(3):
        for optim, named in zip(optims, params, strict=True):
            for name, t in named.items():
                t.grad = normal(*t.shape, seed=seed) if name != "W" else np.ones((4, 3))
            optim.step()
    for name in ("b", "scale", "head"):
        assert np.array_equal(params[0][name].data, params[1][name].data), name
    assert not np.allclose(params[0]["W"].data, params[1]["W"].data)
    assert set(shapes(optims[0])) == {"m.W", "m.b", "m.scale", "m.head", "v.b", "v.scale", "v.head"}


def test_muon_fits_flat_and_steep_directions_of_a_matrix_alike():
    target, steepness = normal(6, 6), np.diag([10.0, 3, 1, 0.1, 0.01, 0.001])
    results = {}
    for cls, lr in ((Muon, 0.5), (SGD, 0.1)):
        W = Parameter(np.zeros((6, 6)), np.float64)
        optim = cls([W], lr, weight_decay=0)
        for _ in range(400):
            W.grad = steepness @ (W.data - target)
            optim.step()
            optim.lr *= 0.98 if cls is Muon else 1
        results[cls] = np.abs(W.data - target).max()
    assert results[Muon] < 0.1 < results[SGD]


# ---- L-BFGS


def rosenbrock(w):
    return (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2


def minimized(loss, params, steps, **more):
    """The optimizer, and how often the closure was called."""
    optim = LBFGS(params, **more)
    calls = 0

    def closure():
        nonlocal calls
        calls += 1
        optim.zero_grad()
        value = loss()
        value.backward()
        return value

    for _ in range(steps):
        optim.step(closure)
    return optim, calls


def test_lbfgs_solves_rosenbrock_within_a_hundred_evaluations():
    w = Parameter([-1.2, 1.0], np.float64)
    _, calls = minimized(lambda: rosenbrock(w), [w], 3, tolerance_change=1e-15)
    np.testing.assert_allclose(w.data, 1, atol=1e-6)
    assert calls < 100


@pytest.mark.parametrize("line_search", ["strong_wolfe", "none"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lbfgs_solves_a_quadratic_in_about_as_many_steps_as_dimensions(line_search, dtype):
    A = np.diag([1.0, 3.0, 10.0, 30.0]).astype(dtype)
    w, b = Parameter(np.ones((2, 2)), dtype), Parameter(np.ones(()), dtype)

    def loss():
        x = w.reshape(-1) - 2
        return 0.5 * (x @ (A @ x)) + 5 * (b + 1) ** 2

    optim, calls = minimized(loss, {"w": w, "b": b}, 1, max_iter=30, line_search=line_search)
    np.testing.assert_allclose(w.data, 2, atol=1e-3)
    np.testing.assert_allclose(b.data, -1, atol=1e-3)
    assert calls < 31
    assert {a.dtype for a in [w.data, b.data, *optim.state().arrays.values()]} == {np.dtype(dtype)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lbfgs_trains_a_network_to_tell_three_rings_apart(dtype):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 40)
    angle, radius = rng.uniform(0, 2 * np.pi, y.size), y + rng.uniform(0.6, 1, y.size)
    x = Tensor((radius * [np.cos(angle), np.sin(angle)]).T.astype(dtype))
    W1, W2 = (Parameter(rng.standard_normal((n, m)) / np.sqrt(n), dtype) for n, m in ((2, 16), (16, 3)))
    b1, b2 = Parameter(np.zeros(16), dtype), Parameter(np.zeros(3), dtype)

    def logits():
        return maximum(x @ W1 + b1, 0) @ W2 + b2

    minimized(lambda: -log_softmax(logits())[np.arange(y.size), y].mean(), [W1, b1, W2, b2], 3)
    assert (logits().data.argmax(axis=1) == y).mean() > 0.95


def problem(seed=0, dtype=np.float64):
    """Parameters of several kinds and a loss of them that is no quadratic."""
    rng = np.random.default_rng(seed)
    params = {
        "W": Tensor(rng.standard_normal((3, 4)).astype(dtype), requires_grad=True),
        "transposed": Tensor(rng.standard_normal((4, 3)).astype(dtype).T, requires_grad=True),
        "scale": Parameter(1.0, dtype),
        "empty": Parameter(np.zeros((0, 2)), dtype),
        "unused": Parameter(np.ones(2), dtype),
    }
    x, y = rng.standard_normal((20, 3)).astype(dtype), rng.standard_normal((20, 4)).astype(dtype)

    def closure_of(optim, params):
        def closure():
            optim.zero_grad()
            z = params["scale"] * (x @ (params["W"] * params["transposed"])) - y
            loss = (z**2).mean() + 0.1 * exp(params["W"]).mean()
            loss.backward()
            return loss

        return closure

    return params, closure_of


SEARCHES = [{"line_search": "strong_wolfe"}, {"line_search": "none", "lr": 0.3}]


@pytest.mark.parametrize("settings", SEARCHES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("at", [0, 1, 3, 9])
@pytest.mark.parametrize("max_iter", [1, 3])
def test_lbfgs_continues_from_a_state_as_if_it_had_never_stopped(settings, dtype, at, max_iter):
    (through, closure_of), (stopped, _) = problem(dtype=dtype), problem(dtype=dtype)
    settings = settings | {"max_iter": max_iter, "history_size": 4}
    whole, first = LBFGS(through, **settings), LBFGS(stopped, **settings)
    losses = []
    for step in range(12):
        if step == at:
            state = first.state()
            stopped = {name: Tensor(t.data.copy(order="K"), requires_grad=True) for name, t in stopped.items()}
            first = LBFGS(stopped)
            assert first.restore(state) == []
        losses.append(whole.step(closure_of(whole, through)))
        assert first.step(closure_of(first, stopped)) == losses[-1]
    assert losses[-1] < losses[0]
    for name in through:
        assert np.array_equal(through[name].data, stopped[name].data), name
    ours, theirs = whole.state(), first.state()
    assert ours.literals["steps"] == theirs.literals["steps"]
    assert all(np.array_equal(theirs.arrays[name], a) for name, a in ours.arrays.items())
    assert np.array_equal(through["unused"].data, np.ones(2))


def test_lbfgs_takes_its_state_by_name():
    params, closure_of = problem()
    optim = LBFGS(params, max_iter=3, history_size=4)
    for _ in range(6):
        optim.step(closure_of(optim, params))
    turned = {name: Tensor(params[name].data.copy(), requires_grad=True) for name in reversed(params)}
    other = LBFGS(turned)
    other.restore(optim.state())
    for _ in range(2):
        optim.step(closure_of(optim, params))
        other.step(closure_of(other, turned))
    for name, t in params.items():
        np.testing.assert_allclose(turned[name].data, t.data, rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda optim: pickle.loads(pickle.dumps(optim))])
def test_a_copy_of_lbfgs_goes_its_own_way(copied):
    params, closure_of = problem()
    optim = LBFGS(params, max_iter=4)
    optim.step(closure_of(optim, params))
    state = optim.state()
    other = copied(optim)
    theirs = other.groups[0].params
    other.step(closure_of(other, theirs))
    assert all(np.array_equal(optim.state().arrays[name], a) for name, a in state.arrays.items())
    optim.step(closure_of(optim, params))
    for name, t in params.items():
        assert np.array_equal(theirs[name].data, t.data), name


def test_lbfgs_goes_on_after_arrays_are_replaced_and_states_rewound():
    params, closure_of = problem()
    optim = LBFGS(params, max_iter=2)
    closure = closure_of(optim, params)
    optim.step(closure)
    state, values = optim.state(), {name: t.data.copy(order="K") for name, t in params.items()}
    results = []
    for _ in range(2):
        optim.step(closure)
        optim.step(closure)
        results.append({name: t.data.copy() for name, t in params.items()})
        for name, t in params.items():
            t.data = values[name].copy(order="K")
        optim.restore(state)
    for name, w in results[0].items():
        assert np.array_equal(w, results[1][name]), name


@pytest.mark.parametrize("sizes", [(2, 5), (5, 2), (3, 3)])
def test_lbfgs_keeps_the_last_pairs_when_its_history_size_is_changed(sizes):
    """Its state fits at any time, and goes on as it does; a longer history is filled from then on."""
    params, closure_of = problem()
    optim = LBFGS(params, history_size=sizes[0], max_iter=7)
    optim.step(closure_of(optim, params))
    before = {name: a for name, a in optim.state().arrays.items() if name.startswith("s.")}
    pairs = next(iter(optim.state().literals["steps"].values())) - 1
    optim.groups[0].settings["history_size"] = sizes[1]
    for name, a in before.items():
        now = optim.state().arrays[name]
        for i in range(pairs - min(sizes), pairs):
            assert np.array_equal(now[i % sizes[1]], a[i % sizes[0]])
    twins = {name: Parameter(t.data, t.dtype) for name, t in params.items()}
    other = LBFGS(twins, max_iter=7)
    assert other.restore(optim.state()) == []
    for _ in range(2):
        optim.step(closure_of(optim, params))
        other.step(closure_of(other, twins))
    assert all(np.array_equal(t.data, twins[name].data) for name, t in params.items())


def test_a_slope_beyond_the_range_of_the_dtype_is_no_warning():
    w = Parameter([1.0], np.float16)
    optim = LBFGS([w], 10.0)

    def closure():  # 100 w²
        w.grad = np.clip(200 * w.data.astype(float), -6e4, 6e4)
        return 100 * float(w.data[0]) ** 2

    with np.errstate(all="raise", under="ignore"):
        for _ in range(3):
            optim.step(closure)
    np.testing.assert_allclose(w.data, 0, atol=1e-2)


def test_lbfgs_starts_over_from_a_state_that_fits_in_part():
    params, closure_of = problem()
    optim = LBFGS(params)
    optim.step(closure_of(optim, params))
    state = optim.state()
    del state.arrays["s.W"]
    other = LBFGS(params)
    with pytest.raises(ValueError, match=r"missing 's\.W'"):
        other.restore(state)
    assert other.restore(state, strict=False) == ["missing 's.W'"]
    before = other.step(closure_of(other, params))
    assert other.step(closure_of(other, params)) <= before


def test_lbfgs_without_curvature_in_its_state_steps_down_the_gradient():
    params, closure_of = problem()
    optim = LBFGS(params, max_iter=3)
    optim.step(closure_of(optim, params))
    state = optim.state()
    for a in state.arrays.values():
        a[...] = 0
    optim.restore(state)
    before = optim.step(closure_of(optim, params))
    assert optim.step(closure_of(optim, params)) < before


def test_lbfgs_maximizes():
    w = Parameter([0.0, 3.0], np.float64)
    optim, _ = minimized(lambda: -((w - 1) ** 2).sum(), [w], 3, maximize=True)
    np.testing.assert_allclose(w.data, 1, atol=1e-6)

    def closure():
        optim.zero_grad()
        loss = 5 - ((w - 1) ** 2).sum()
        loss.backward()
        return loss

    assert optim.step(closure) == pytest.approx(5)


def test_a_step_of_lbfgs_is_noticed_by_a_later_backward():
    w = Parameter([1.0, 2.0])
    loss = (w * w).sum()
    minimized(lambda: (w * w).sum(), [w], 1)
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_lbfgs_stops_at_a_minimum_and_at_its_limits():
    w = Parameter([1.0], np.float64)
    _, calls = minimized(lambda: ((w - 1) ** 2).sum(), [w], 4)
    assert calls == 4
    for limits, most in [({"max_eval": 1}, 2), ({"max_eval": 5}, 6), ({"max_iter": 1}, 12), ({"max_iter": 2}, 12)]:
        w = Parameter([-1.2, 1.0], np.float64)
        _, calls = minimized(lambda w=w: rosenbrock(w), [w], 1, **limits)
        assert 1 < calls <= most
    w = Parameter([-1.2, 1.0], np.float64)
    assert minimized(lambda: rosenbrock(w), [w], 1, line_search="none", lr=1e-3)[1] == 20


def test_lbfgs_follows_a_schedule():
    w = Parameter([10.0], np.float64)
    optim = LBFGS([w], 0.5, line_search="none", max_iter=1)
    schedule = StepLR(optim, 1, gamma=0.5)
    moves = []
    for _ in range(3):
        schedule.step()
        before = w.item()

        def closure():
            w.grad = np.ones(1)
            return w.item()

        optim.step(closure)
        moves.append(before - w.item())
    assert moves == [0.5, 0.25, 0.125]


# ---- L-BFGS: what goes wrong


def spoilt(value, after):
    """A closure whose loss is not finite from the call `after` on, with its parameter and optimizer."""
    w = Parameter([-1.2, 1.0], np.float64)
    optim, calls = None, 0

    def closure():
        nonlocal calls
        calls += 1
        optim.zero_grad()
        loss = rosenbrock(w)
        loss.backward()
        return loss if calls <= after else value

    def made(**settings):
        nonlocal optim
        optim = LBFGS([w], **settings)
        return optim, w, closure

    return made


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("settings", SEARCHES)
def test_a_loss_that_is_not_finite_before_the_step_is_an_error(value, settings):
    optim, w, closure = spoilt(value, 0)(**settings)
    with pytest.raises(ValueError, match="not finite before the step; nothing was changed"):
        optim.step(closure)
    assert np.array_equal(w.data, [-1.2, 1.0])
    assert optim.state().literals["steps"] == {}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_step_to_a_loss_that_is_not_finite_is_taken_back(value):
    optim, w, closure = spoilt(value, 3)(line_search="none", lr=0.01)
    with pytest.raises(ValueError, match=r"after a step of 0\.01, which was taken back; lower lr, or use"):
        optim.step(closure)
    assert np.isfinite(w.data).all()
    assert not np.array_equal(w.data, [-1.2, 1.0])
    optim, v, closure = spoilt(value, 3)(line_search="none", lr=0.01, max_iter=3)
    optim.step(closure)
    assert np.isfinite(v.data).all()


def test_a_gradient_that_is_not_finite_is_an_error():
    w = Parameter([1.0, 2.0])
    optim = LBFGS([w])

    def closure():
        w.grad = np.array([1.0, np.nan])
        return 1.0

    with pytest.raises(ValueError, match="the loss or a gradient is not finite"):
        optim.step(closure)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_line_search_comes_back_from_where_the_loss_is_not_finite(dtype):
    w = Parameter([2.0], dtype)
    optim = LBFGS([w], 5.0)

    def closure():  # x − log x, nan for x < 0
        (x,) = w.data
        w.grad = np.array([1 - 1 / x])
        with np.errstate(invalid="ignore", divide="ignore"):
            return x - np.log(x)

    for _ in range(3):
        optim.step(closure)
    np.testing.assert_allclose(w.data, 1, atol=1e-3)


@pytest.mark.parametrize("settings", SEARCHES)
def test_a_closure_that_raises_leaves_the_weights_where_they_were(settings):
    params, closure_of = problem()
    optim = LBFGS(params, **settings)
    optim.step(closure_of(optim, params))
    values = {name: t.data.copy() for name, t in params.items()}
    calls = 0

    def closure():
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return closure_of(optim, params)()

    with pytest.raises(KeyboardInterrupt):
        optim.step(closure)
    for name, w in values.items():
        assert np.array_equal(params[name].data, w), name
    before = optim.step(closure)
    assert optim.step(closure) <= before


def test_what_lbfgs_cannot_do_is_refused():
    a, b = Parameter([1.0]), Parameter([1.0])
    for groups in ({"params": [a]}, {"params": [b], "lr": 0.5}), ({"params": [a]}, {"params": [b]}):
        with pytest.raises(ValueError, match="given a second group"):
            LBFGS(list(groups))
    with pytest.raises(ValueError, match="given a second group"):
        LBFGS({"a": a, "b": b}, groups={"b": {"lr": 0.5}})
    assert LBFGS([{"params": [a, b], "max_iter": 3}]).groups[0].settings["max_iter"] == 3
    for make in (lambda: LBFGS([a], weight_decay=0.1), lambda: LBFGS([{"params": [a], "weight_decay": 0.1}])):
        with pytest.raises(ValueError, match=r"weight_decay: given 0\.1, needed 0; add the penalty to the closure"):
            make()
    LBFGS([a], weight_decay=0)
    with pytest.raises(TypeError, match=r"step\(\) needs a closure"):
        LBFGS([a]).step()
    with pytest.raises(TypeError, match="the closure returned None; return the loss"):
        LBFGS([a]).step(lambda: None)
    with pytest.raises(ValueError, match=r"no parameter has a gradient; call the loss's backward\(\)"):
        LBFGS([a]).step(lambda: 1.0)
    with pytest.raises(ValueError, match="parameters of float32 and float64, needed one dtype"):
        LBFGS([a, Parameter([1.0], np.float64)]).step(lambda: 1.0)
    a.data.flags.writeable = False
    with pytest.raises(ValueError, match="'0' is read-only"):
        LBFGS([a]).step(lambda: 1.0)


NUMBER = [-1e-9, float("inf"), float("nan"), "1", None, True]
COUNT = [0, -1, 2.5, "3", True]
WRONG = {
    "lr": NUMBER,
    "history_size": [*COUNT, None],
    "max_iter": [*COUNT, None],
    "max_eval": COUNT,
    "tolerance_grad": NUMBER,
    "tolerance_change": NUMBER,
    "line_search": ["wolfe", None, True],
    "maximize": [1, None, "yes"],
}


@pytest.mark.parametrize("name", WRONG)
def test_every_setting_of_lbfgs_is_checked_and_named(name):
    own = set(inspect.signature(LBFGS).parameters) - {"model_params", "common"}
    assert own <= WRONG.keys()
    for value in WRONG[name]:
        with pytest.raises((ValueError, TypeError), match=f"^LBFGS: {name}: given"):
            LBFGS([Parameter([1.0])], **{name: value})


# ---- the line search alone


def line(f, slope):
    return lambda t: Point(t, float(f(t)), float(slope(t)), np.zeros(1))


LINES = {
    "parabola": (lambda t: (t - 3) ** 2, lambda t: 2 * (t - 3)),
    "quartic": (lambda t: (t - 3) ** 4, lambda t: 4 * (t - 3) ** 3),
    "waves": (lambda t: np.cos(t) - 0.1 * t, lambda t: -np.sin(t) - 0.1),
    "wall": (lambda t: -t if t < 2 else np.inf, lambda t: -1.0 if t < 2 else np.nan),
    "far": (lambda t: -t / (t * t + 2), lambda t: (t * t - 2) / (t * t + 2) ** 2),  # Moré & Thuente 1994, 5.1
}


@pytest.mark.parametrize("t", [1e-3, 0.1, 1.0, 10.0, 1000.0])
@pytest.mark.parametrize("name", LINES)
def test_strong_wolfe_finds_a_point_that_satisfies_both_conditions(name, t):
    along = line(*LINES[name])
    start = along(0.0)
    if name == "waves":
        start = start._replace(slope=-0.1)
    end = strong_wolfe(along, start, t, 25, 1e-9)
    assert end.f <= start.f + 1e-4 * end.t * start.slope
    if name != "wall":
        assert abs(end.slope) <= 0.9 * abs(start.slope)
    assert end.f == along(end.t).f


def test_strong_wolfe_stays_where_nothing_is_lower():
    up = line(lambda t: t, lambda t: 1.0)
    start = up(0.0)._replace(slope=-1.0)  # a slope that the loss does not have
    assert strong_wolfe(up, start, 1.0, 25, 1e-9).t == 0
    assert strong_wolfe(up, start, 1.0, 0, 1e-9).t == 0


def test_cubic_minimum_is_that_of_the_cubic():
    f, slope = lambda t: t**3 - 3 * t, lambda t: 3 * t**2 - 3  # lowest at 1
    p, q = (line(f, slope)(t) for t in (0.0, 3.0))
    assert cubic_minimum(p, q, 0, 3) == cubic_minimum(q, p, 0, 3) == pytest.approx(1)
    assert cubic_minimum(p, q, 1.5, 3) == 1.5
    assert cubic_minimum(p, p, 0, 3) == 1.5
    assert cubic_minimum(p, q._replace(f=np.inf), 0, 3) == 1.5
    straight = line(lambda t: -t, lambda t: -1.0)
    assert 0 <= cubic_minimum(straight(0.0), straight(1.0), 0, 2) <= 2
