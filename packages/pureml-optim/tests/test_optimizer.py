"""What all optimizers share: parameters and groups, settings, decay, and state that does not fit."""

import inspect
from typing import ClassVar

import numpy as np
import pytest
from pureml_core import Composite, Parameter, RowSparse, State, Tensor
from pureml_optim import LAMB, SGD, Adafactor, Adam, AdamW, Muon, Optimizer, RMSProp, between


class Model(Composite):
    def __init__(self):
        self.W = Parameter(np.ones((2, 3)))
        self.b = Parameter(np.zeros(3))
        self.inside = [self.W, Parameter(np.ones(4))]  # W once more: tied


def tensors():
    return [Parameter(np.ones((2, 3))), Parameter(np.zeros(3))]


def one_step(optim):
    for group in optim.groups:
        for t in group.params.values():
            t.grad = np.ones(t.shape)
    optim.step()
    return optim


# ---- parameters


@pytest.mark.parametrize(
    ("params", "names"),
    [
        (tensors, ["0", "1"]),
        (lambda: tuple(tensors()), ["0", "1"]),
        (lambda: (t for t in tensors()), ["0", "1"]),
        (lambda: dict(zip(["W", "b"], tensors(), strict=True)), ["W", "b"]),
        (Model, ["W", "b", "inside.1"]),
        (lambda: [Model(), Model()], ["0.W", "0.b", "0.inside.1", "1.W", "1.b", "1.inside.1"]),
        (
            lambda: {"encoder": Model(), "scale": Parameter([1.0])},
            ["encoder.W", "encoder.b", "encoder.inside.1", "scale"],
        ),
        (lambda: [{"params": tensors()}, {"params": tensors(), "lr": 1.0}], ["0", "1", "2", "3"]),
        (
            lambda: [{"params": {"a": Model()}}, {"params": {"b": Model()}, "lr": 1.0}],
            ["a.W", "a.b", "a.inside.1", "b.W", "b.b", "b.inside.1"],
        ),
    ],
)
def test_parameters_come_in_many_forms(params, names):
    optim = Adam(params(), 0.1)
    assert [name for group in optim.groups for name in group.params] == names
    one_step(optim)
    assert sorted(optim.state().arrays) == sorted(f"{slot}.{name}" for slot in "mv" for name in names)


shared = Parameter(np.ones(2))


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ([], ValueError, "no parameters"),
        (iter([]), ValueError, "no parameters"),
        ([shared, shared], ValueError, "'1', of shape .2,., is given twice"),
        ([{"params": [shared]}, {"params": [shared]}], ValueError, "given twice"),
        (
            [{"params": {"w": shared}}, {"params": {"w": Parameter([1.0])}}],
            ValueError,
            "two parameters have the name 'w'; name them, or the layers",
        ),
        ([{"lr": 0.1}], ValueError, "without 'params'"),
        ([{"params": [shared], "beta3": 1}], ValueError, "unknown setting 'beta3'; it has lr, .*beta1"),
        ([{"params": [shared], "lr": -1}], ValueError, "lr: given -1"),
        ([shared, np.ones(2)], TypeError, "'1' is ndarray, needed a Tensor"),
        ([shared, {"params": []}], TypeError, "'1' is dict"),
        ({"w": 3}, TypeError, "'w' is int"),
        ({0: shared}, TypeError, "names of parameters are strings"),
        (shared, TypeError, "tensors in a list"),
        (3, TypeError, "int"),
        ([shared * 2], ValueError, "was computed"),
        ([Tensor([1, 2])], ValueError, "dtype int64"),
    ],
)
def test_wrong_parameters_are_named(params, error, message):
    with pytest.raises(error, match=message):
        Adam(params, 0.1)


# ---- settings

NONSENSE = [
    ("lr", [-1, float("nan"), float("inf"), "0.1", None, True, np.ones(2), 1j]),
    ("weight_decay", [-0.1, float("nan"), float("inf"), "much"]),
    ("decoupled_wd", [1, "no", None]),
    ("beta", [-0.1, 1, 1.5, float("nan"), "high"]),
    ("momentum", [0.9, "polyak", None]),
    ("beta1", [-0.1, 1.0, float("nan")]),
    ("beta2", [-0.1, 1.0, float("nan")]),
    ("delta", [-1e-8, float("nan"), float("inf")]),
]


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in NONSENSE for value in values])
def test_bad_settings_are_refused_and_named(name, value):
    for cls in (SGD, Adam, AdamW):
        if name in inspect.signature(cls).parameters:
            with pytest.raises((ValueError, TypeError), match=f"{cls.__name__}: {name}: given"):
                cls(tensors(), **{"lr": 0.1} | {name: value})


def test_numbers_out_of_range_are_value_errors():
    for settings in (
        {"lr": -1},
        {"lr": 10**400},
        {"lr": float("nan")},
        {"lr": 1, "beta1": 1.0},
        {"lr": 1, "weight_decay": -1},
    ):
        with pytest.raises(ValueError, match="needed a finite number"):
            Adam(tensors(), **settings)


def test_unknown_and_missing_settings_are_refused():
    class Rule(Optimizer):
        settings: ClassVar = {"beta": between(0, 1)}

    with pytest.raises(ValueError, match="unknown setting 'nesterov'; it has lr, "):
        SGD(tensors(), 0.1, nesterov=True)
    with pytest.raises(ValueError, match="unknown setting 'bta'"):
        Rule(tensors(), 0.1, bta=0.5, beta=0.5)
    with pytest.raises(TypeError, match="missing the setting beta"):
        Rule(tensors(), 0.1)


def test_numpy_numbers_become_python_floats():
    optim = Adam(tensors(), np.float64(0.1), beta1=np.float32(0.5), delta=Tensor(1e-3))
    assert {type(v) for k, v in optim.groups[0].settings.items() if type(v) is not bool} == {float}


def test_the_rate_of_all_groups_is_set_in_proportion():
    optim = SGD(
        [{"params": tensors()}, {"params": tensors(), "lr": 0.02, "beta": 0.5}, {"params": tensors(), "lr": 0}], 0.2
    )
    assert [g.settings["lr"] for g in optim.groups] == [0.2, 0.02, 0]
    assert [g.settings["beta"] for g in optim.groups] == [0, 0.5, 0]
    for lr in (0.0, 1.0):  # through zero and back
        optim.lr = lr
        assert optim.lr == lr
        assert [g.settings["lr"] for g in optim.groups] == pytest.approx([lr, lr / 10, 0])
    for bad in (-1, float("nan"), "1"):
        with pytest.raises((ValueError, TypeError), match="SGD: lr: given"):
            optim.lr = bad
        assert optim.lr == 1.0
    with pytest.raises(ValueError, match="no proportion"):
        SGD([{"params": tensors(), "lr": 0.02}], 0)


def test_groups_are_updated_by_their_own_settings():
    a, b = tensors()
    optim = SGD([{"params": [a]}, {"params": [b], "lr": 0.5, "weight_decay": 0}], 0.1, weight_decay=1.0)
    one_step(optim)
    np.testing.assert_allclose(a.data, 1 - 0.1 * 1.0 - 0.1, rtol=1e-6)
    np.testing.assert_allclose(b.data, 0 - 0.5, rtol=1e-6)


# ---- decay


@pytest.mark.parametrize(
    ("decoupled", "expected"), [(True, 2 * (1 - 0.1 * 0.5) - 0.1 * 3), (False, 2 - 0.1 * (3 + 0.5 * 2))]
)
def test_decay_shrinks_the_weight_or_joins_the_gradient(decoupled, expected):
    w = Parameter([2.0], dtype=np.float64)
    w.grad = np.array([3.0])
    SGD([w], 0.1, weight_decay=0.5, decoupled_wd=decoupled).step()
    np.testing.assert_allclose(w.data, expected, rtol=1e-15)
    assert w.grad == 3


def test_adamw_is_adam_with_decay():
    one, two = tensors(), tensors()
    for _ in range(3):
        one_step(a := AdamW(one, 0.1)) and one_step(b := Adam(two, 0.1, weight_decay=1e-2))
    assert all(np.array_equal(x.data, y.data) for x, y in zip(one, two, strict=True))
    assert a.groups[0].settings == b.groups[0].settings


# ---- rules on whole arrays, with slots of other shapes


class Rows(Optimizer):
    """A rule that keeps one number for each row."""

    slots: ClassVar = {"r": lambda shape: shape[:1]}
    blocks = False

    def update(self, s, w, g, r):
        r += (g * g).mean(axis=tuple(range(1, g.ndim))) if g.ndim > 1 else g * g
        w -= s.lr * g / np.sqrt(r).reshape(-1, *[1] * (g.ndim - 1))


def test_a_rule_may_see_whole_arrays_and_keep_other_shapes():
    w = Tensor(np.ones((40_000, 2)).T, requires_grad=True)
    optim = one_step(Rows([w], 0.5))
    assert np.array_equal(w.data, np.full((2, 40_000), 0.5))
    state = optim.state()
    assert state.arrays["r.0"].shape == (2,)
    other = Rows([w], 0.1)
    other.restore(state)
    assert np.array_equal(other.state().arrays["r.0"], [1, 1])


def test_slots_of_other_shapes_need_whole_arrays():
    class Wrong(Rows):
        blocks = True

    with pytest.raises(TypeError, match="set blocks = False"):
        Wrong(tensors(), 0.1)


def test_a_rule_without_update_says_so():
    with pytest.raises(NotImplementedError, match=r"Optimizer has no update\(\)"):
        Optimizer(tensors(), 0.1).step()


def test_a_read_only_parameter_is_refused_before_anything_is_updated():
    a, b = tensors()
    b.data.flags.writeable = False
    with pytest.raises(ValueError, match="'1' is read-only"):
        one_step(SGD([a, b], 0.1))
    assert np.array_equal(a.data, np.ones((2, 3)))


# ---- state


def test_a_state_holds_copies_of_slots_steps_and_settings_only():
    optim = one_step(Adam(Model(), 0.1))
    state = optim.state()
    kept = {name: a.copy() for name, a in state.arrays.items()}
    one_step(optim)
    assert state.kind == "pureml_optim.Adam/1"
    assert set(kept) == {"m.W", "v.W", "m.b", "v.b", "m.inside.1", "v.inside.1"}
    assert all(np.array_equal(state.arrays[name], a) for name, a in kept.items())
    assert state.literals["steps"] == {"W": 1, "b": 1, "inside.1": 1}
    other = Adam(Model(), 0.1)
    other.restore(state)
    one_step(other)
    assert all(np.array_equal(state.arrays[name], a) for name, a in kept.items())


def test_a_restored_state_stays_as_it_was():
    for params in (tensors, lambda: [Parameter(np.ones(10))]):  # copied into a common block, and used as they are
        state = one_step(Adam(params(), 0.1)).state()
        kept = {name: a.copy() for name, a in state.arrays.items()}
        other = Adam(params(), 0.1)
        other.restore(state)
        one_step(other)
        assert all(np.array_equal(state.arrays[name], a) for name, a in kept.items())


@pytest.mark.parametrize("make", [lambda p: SGD(p, 0.1), lambda p: SGD(p, 0.1, beta=0.9), lambda p: Adam(p, 0.1)])
@pytest.mark.parametrize("steps", [0, 1])
def test_fresh_plain_and_unused_round_trip(make, steps):
    optim = make([*tensors(), Parameter(np.ones(5))])
    if steps:
        optim.groups[0].params["0"].grad = np.ones((2, 3))
        optim.step()
    used = one_step(make([*tensors(), Parameter(np.ones(5))]))
    assert used.restore(optim.state()) == []
    assert used.state().literals == optim.state().literals
    assert used.state().arrays.keys() == optim.state().arrays.keys()


def test_rates_of_groups_are_restored():
    def groups():
        return [{"params": tensors()}, {"params": tensors(), "lr": 0.03}]

    optim = SGD(groups(), 0.1, beta=0.5)
    optim.lr = 0.2
    other = SGD(groups(), 0.7)
    other.restore(optim.state())
    assert [g.settings for g in other.groups] == [g.settings for g in optim.groups]
    other.lr = 0.1
    assert other.groups[1].settings["lr"] == pytest.approx(0.03)


def test_restored_settings_are_those_of_later_groups_too():
    def groups():
        return [{"params": tensors()}, {"params": tensors(), "beta": 0.9}]

    optim = SGD(groups(), 0.7, beta=0.9, weight_decay=0.1)
    optim.restore(SGD(groups(), 0.1, beta=0.5).state())
    optim.add_group(tensors())
    assert [g.settings["beta"] for g in optim.groups] == [0.5, 0.9, 0.5]
    assert optim.groups[2].settings["weight_decay"] == 0 and "beta=0.5" in repr(optim)


def test_the_settings_of_one_group_are_shown_as_they_are():
    optim = SGD(tensors(), 0.1, beta=0.9)
    optim.groups[0].settings["beta"] = 0.5
    assert "lr=0.1, weight_decay=0.0" in repr(optim) and "beta=0.5" in repr(optim)


def changed(state, arrays=None, **literals):
    kept = {k: v for k, v in (state.arrays | (arrays or {})).items() if v is not None}
    return State(state.kind, kept, state.literals | literals)


def with_group(state, **new):
    return changed(state, groups=[state.literals["groups"][0] | new])


MISFITS = {
    "another class": (
        lambda s: State("pureml_optim.SGD/1", s.arrays, s.literals),
        "given a state of 'pureml_optim.SGD/1'",
    ),
    "another layout": (lambda s: State("pureml_optim.Adam/9", s.arrays, s.literals), "Adam/9"),
    "missing slot": (lambda s: changed(s, {"m.0": None}), "missing 'm.0'"),
    "unknown slot": (lambda s: changed(s, {"q.0": np.ones(3)}), "unexpected 'q.0'"),
    "shape": (lambda s: changed(s, {"m.0": np.ones((3, 2))}), r"'m.0' has shape \(3, 2\), needed \(2, 3\)"),
    "dtype": (lambda s: changed(s, {"m.0": np.ones((2, 3), complex)}), "'m.0' has dtype complex128"),
    "range": (lambda s: changed(s, {"m.0": np.full((2, 3), 1e300)}), "beyond the range of float32"),
    "text": (lambda s: changed(s, {"m.0": np.full((2, 3), "x")}), "'m.0' has dtype"),
    "steps": (lambda s: changed(s, steps={"0": -1, "1": 2}), "steps of '0': given -1"),
    "steps of another": (lambda s: changed(s, steps={"0": 1, "1": 1, "9": 1}), "unexpected parameter '9'"),
    "no steps": (lambda s: changed(s, steps="many", groups=None), "0 groups, needed 1"),
    "rate": (lambda s: changed(s, lr=float("nan")), "lr: given nan"),
    "parameter names": (lambda s: with_group(s, params={"0": [2, 3]}), "missing parameter '1'"),
    "parameter shapes": (
        lambda s: with_group(s, params={"0": [3, 2], "1": [3]}),
        r"'0' has shape \[3, 2\], needed \[2, 3\]",
    ),
    "setting": (lambda s: with_group(s, settings={"beta1": 7}), "beta1: given 7"),
    "no setting": (lambda s: with_group(s, settings={"beta1": 0.5}), "missing the setting lr"),
    "strange setting": (lambda s: with_group(s, settings={"beta3": 0.5}), "unknown setting 'beta3'"),
    "group": (lambda s: changed(s, groups=[3]), "group 0: has the parameters"),
}


@pytest.mark.parametrize("case", MISFITS)
def test_a_state_that_does_not_fit_changes_nothing(case):
    spoil, message = MISFITS[case]
    source = one_step(Adam(tensors(), 0.3))
    optim = one_step(one_step(Adam(tensors(), 0.1)))
    before = optim.state()
    with pytest.raises(ValueError, match=message):
        optim.restore(spoil(source.state()))
    after = optim.state()
    assert after.literals == before.literals
    assert all(np.array_equal(after.arrays[name], a) for name, a in before.arrays.items())


def test_what_does_not_fit_is_skipped_if_asked():
    source = one_step(Adam({"a": Parameter(np.ones(3)), "b": Parameter(np.ones(4))}, 0.3)).state()
    optim = Adam({"a": Parameter(np.ones(3)), "b": Parameter(np.ones(5)), "c": Parameter(np.ones(2))}, 0.1)
    skipped = optim.restore(source, strict=False)
    assert len(skipped) == 3 and any("'b' has shape" in line for line in skipped)
    assert optim.state().literals["steps"] == {"a": 1}
    assert sorted(optim.state().arrays) == ["m.a", "v.a"]


def test_the_list_shows_what_it_is():
    assert repr(SGD(tensors(), 0.1)).startswith("SGD(2 parameters, lr=0.1, weight_decay=0.0")


def test_moments_that_decay_to_nothing_become_zero() -> None:
    """Denormal numbers would slow every later step down."""
    w = Parameter(np.ones(3))
    optim = Adam([w], lr=1e-3, beta2=0.9)
    for step in range(1280):
        w.grad = np.array([1.0, 0.0, 0.0] if step == 0 else [0.0, 0.0, 1.0], np.float32)
        optim.step()
    for array in optim.state().arrays.values():
        assert array[0] == array[1] == 0 < array[2]


# ---- groups by pattern, direction, row-sparse gradients


def test_groups_by_name_pattern_in_one_line():
    params = {name: Parameter(np.ones(2)) for name in ("a.W", "a.b", "norm.gamma", "norm.beta", "tab")}
    optim = AdamW(params, 0.1, weight_decay=0.1, groups={("*.b", "*.gamma", "*.beta"): {"weight_decay": 0}})
    found = {name: group.settings["weight_decay"] for group in optim.groups for name in group.params}
    assert found == {"a.W": 0.1, "tab": 0.1, "a.b": 0, "norm.gamma": 0, "norm.beta": 0}
    for t in params.values():
        t.grad = np.zeros(2)
    optim.step()
    assert params["a.W"].data[0] < 1 == params["a.b"].data[0]


def test_the_first_pattern_that_fits_counts_and_all_may_be_taken():
    params = {"W": Parameter([1.0]), "b": Parameter([1.0])}
    optim = SGD(params, 0.1, groups={"b": {"lr": 0.2}, "*": {"lr": 0.3}})
    assert [(list(g.params), g.settings["lr"]) for g in optim.groups] == [(["b"], 0.2), (["W"], 0.3)]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"*.c": {"lr": 0.1}}, r"pattern '\*.c' fits none of W, b"),
        ({"b": {"rl": 0.1}}, "unknown setting 'rl'"),
        ({"b": {"lr": -1}}, "lr: given -1"),
    ],
)
def test_wrong_patterns(groups, message):
    with pytest.raises(ValueError, match=message):
        SGD({"W": Parameter([1.0]), "b": Parameter([1.0])}, 0.1, groups=groups)


def test_a_group_added_later_and_one_that_is_refused():
    a, b = Parameter([1.0]), Parameter([1.0])
    optim = SGD([a], 0.1)
    with pytest.raises(ValueError, match="given twice"):
        optim.add_group([b, a])
    assert len(optim.groups) == 1
    optim.add_group([b], lr=0.2)
    a.grad = b.grad = np.array([1.0])
    optim.step()
    np.testing.assert_allclose([a.data[0], b.data[0]], [0.9, 0.8], rtol=1e-6)


def sparse_and_dense(cls, dtype=np.float64, shape=(9, 2, 3), **settings):
    """Two equal tables after three steps: one with row-sparse gradients of rows 1 and 4, one with the same, dense."""
    rng = np.random.default_rng(0)
    values = rng.standard_normal(shape)
    sparse, dense = (Tensor(values.astype(dtype), requires_grad=True) for _ in range(2))
    optims = [cls({"t": t}, 0.1, **settings) for t in (sparse, dense)]
    for _ in range(3):
        g = RowSparse(np.array([4, 1, 4]), rng.standard_normal((3, *shape[1:])), shape)
        sparse.grad, dense.grad = g, g.dense()
        for optim in optims:
            optim.step()
    return values, sparse, dense, optims


@pytest.mark.parametrize("settings", [{}, {"weight_decay": 0.1}, {"weight_decay": 0.1, "decoupled_wd": False}])
@pytest.mark.parametrize("cls", [SGD, Adam])
def test_a_row_sparse_step_is_the_dense_one_on_the_touched_rows_alone(cls, settings):
    values, sparse, dense, (optim, _) = sparse_and_dense(cls, **settings)
    touched = [1, 4]
    np.testing.assert_allclose(sparse.data[touched], dense.data[touched], rtol=1e-12)
    others = [i for i in range(9) if i not in touched]
    np.testing.assert_array_equal(sparse.data[others], values[others])
    for slot in optim.state().arrays.values():
        assert not slot[others].any() and slot[touched].any()
    assert sparse.sparse_grad is not None, "the gradient was made dense"


def test_untouched_rows_do_not_move_by_their_old_velocity():
    table = Tensor(np.zeros((3, 1)), requires_grad=True)
    optim = SGD([table], 1.0, beta=0.5, momentum="classical")
    for row in (0, 1):
        table.grad = RowSparse(np.array([row]), np.ones((1, 1)), (3, 1))
        optim.step()
    np.testing.assert_array_equal(table.data.ravel(), [-1, -1, 0])


def test_a_table_may_change_between_sparse_and_dense_gradients():
    table = Tensor(np.zeros((3, 1)), requires_grad=True)
    optim = SGD([table], 1.0)
    for g in (RowSparse(np.array([0]), np.ones((1, 1)), (3, 1)), np.ones((3, 1)), None):
        table.grad = g
        optim.step()
    np.testing.assert_array_equal(table.data.ravel(), [-2, -1, -1])


def test_large_models_are_updated_on_threads_with_the_same_numbers(monkeypatch):
    def trained():
        rng = np.random.default_rng(0)
        params = [Parameter(rng.standard_normal(n), dtype=np.float64) for n in (100_000, 5, 70_000, 7)]
        optim = Adam(params, 0.1, weight_decay=0.1)
        for _ in range(3):
            for t in params:
                t.grad = rng.standard_normal(t.shape)
            optim.step()
        return [t.data for t in params]

    alone = trained()
    monkeypatch.setattr("pureml_optim.blocks.THREADED", 1000)
    for a, b in zip(alone, trained(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_row_sparse_step_reaches_a_table_in_any_memory_order():
    table = Tensor(np.zeros((3, 4)).T, requires_grad=True)
    table.grad = RowSparse(np.array([1, 3]), np.ones((2, 3)), (4, 3))
    SGD([table], 1.0).step()
    np.testing.assert_array_equal(table.data, [[0] * 3, [-1] * 3, [0] * 3, [-1] * 3])


def test_groups_that_are_not_settings_by_pattern():
    with pytest.raises(TypeError, match="needed settings by pattern"):
        SGD({"b": Parameter([1.0])}, 0.1, groups={"b": 0})


# ---- settings that are changed between steps


@pytest.mark.parametrize(
    ("cls", "setting", "on", "off"),
    [
        (SGD, "beta", 0.9, 0.0),
        (RMSProp, "momentum", 0.9, 0.0),
        (RMSProp, "centered", True, False),
        (Adam, "amsgrad", True, False),
        (Muon, "adamw", True, False),
    ],
)
def test_a_slot_comes_and_goes_with_the_setting_that_needs_it(cls, setting, on, off):
    """Changed after two steps it is as if the slot had been zero until then; and the state fits at any time."""
    w = Parameter([[1.0, -2.0]], dtype=np.float64)
    optim = cls([w], 0.1, **{setting: off})

    def steps(n):
        for _ in range(n):
            w.grad = np.array([[0.5, 1.0]])
            optim.step()

    steps(2)
    without = set(optim.state().arrays)
    for value in (on, off, on):
        optim.groups[0].settings[setting] = value
        twin = cls([Parameter(w.data.copy(), dtype=np.float64)], 0.1, **{setting: value})
        assert twin.restore(optim.state()) == []
        steps(2)
        t = twin.groups[0].params["0"]
        for _ in range(2):
            t.grad = np.array([[0.5, 1.0]])
            twin.step()
        np.testing.assert_array_equal(t.data, w.data)
        assert (set(optim.state().arrays) == without) is (value == off)


@pytest.mark.parametrize(("dtype", "kept"), [(np.float16, True), (np.float32, False)])
def test_slots_with_denormal_numbers_become_zero_but_in_half_precision(dtype, kept):
    """Half precision has small numbers that matter among its denormal ones, such as the squares in Adam."""
    w = Parameter([1.0, 1.0], dtype)
    optim = SGD([w], 0.1, beta=0.5)
    for _ in range(64):
        w.grad = np.array([np.finfo(dtype).tiny / 4, 1.0])
        optim.step()
    v = optim.state().arrays["v.0"]
    assert (v[0] > 0) == kept and v[1] > 0.99


@pytest.mark.parametrize("settings", [{"decoupled_wd": True}, {"decoupled_wd": False}])
@pytest.mark.parametrize("cls", [SGD, Adam, LAMB, Adafactor, Muon])
def test_a_padding_row_does_not_decay_without_a_gradient(cls, settings):
    table = Tensor(np.full((4, 3), 3.0), requires_grad=True)
    table.padding_idx = 1
    optim = cls([table], 0.1, weight_decay=0.5, **settings)
    for g in (np.array([[1.0], [0], [0], [1]]) * np.ones(3), RowSparse(np.array([0]), np.ones((1, 3)), (4, 3))):
        table.grad = g
        optim.step()
        assert np.array_equal(table.data[1], [3, 3, 3]) and (table.data[0] < 3).all()
    table.grad = np.ones((4, 3))  # of another layer that uses the table too
    optim.step()
    assert (table.data[1] < 3).all()


def test_settings_are_attributes():
    w, b = (Tensor(np.ones(2), requires_grad=True) for _ in range(2))
    optim = Adam([{"params": [w]}, {"params": [b], "weight_decay": 0.5, "beta1": 0.1}], 0.1, weight_decay=0.01)
    assert (optim.beta1, optim.beta2, optim.weight_decay, optim.decoupled_wd, optim.maximize) == (
        0.9, 0.999, 0.01, True, False,
    )  # fmt: skip
    optim.weight_decay, optim.beta1 = np.float32(0.25), 0.8
    assert [g.settings["weight_decay"] for g in optim.groups] == [0.25, 0.5]
    assert [g.settings["beta1"] for g in optim.groups] == [0.8, 0.1]
    assert type(optim.weight_decay) is float
    again = Adam([{"params": [w]}, {"params": [b], "weight_decay": 0.5, "beta1": 0.1}], 0.1)
    again.restore(optim.state())
    assert (again.weight_decay, again.beta1) == (0.25, 0.8)
    with pytest.raises(ValueError, match=r"Adam: beta1: given 1\.5"):
        optim.beta1 = 1.5
    assert optim.beta1 == 0.8


def test_a_setting_that_is_set_acts_at_the_next_step():
    w = Tensor(np.ones(2), requires_grad=True)
    w.grad = np.zeros(2)
    optim = SGD([w], 0.1)
    optim.step()
    assert w.data.tolist() == [1, 1]
    optim.weight_decay = 1
    optim.step()
    assert np.allclose(w.data, 0.9) and "weight_decay=1.0" in repr(optim)
    optim.groups[0].settings["weight_decay"] = 0.5
    assert optim.weight_decay == 0.5


def test_slips_in_a_rule_are_told():
    class Returning(Optimizer):
        def update(self, s, w, g):
            return w - s.lr * g

    w = Tensor(np.ones(2), requires_grad=True)
    w.grad = np.ones(2)
    with pytest.raises(TypeError, match=r"Returning\.update returned a ndarray, needed None: it changes w in place"):
        Returning([w], 0.1).step()
    with pytest.raises(TypeError, match=r"Valued\.settings: 'eps' is 1e-08, needed a check such as"):
        type("Valued", (Optimizer,), {"settings": {"eps": 1e-8}})


@pytest.mark.parametrize("make", [lambda w, **s: SGD(w, 0.1, beta=0.9, **s), lambda w, **s: Adam(w, 0.1, **s)])
def test_a_padding_row_stays_when_decay_ends(make):
    table = Tensor(np.ones((3, 2)), requires_grad=True)
    table.padding_idx = 1
    optim = make([table], weight_decay=0.1, decoupled_wd=False)
    for step in range(6):
        table.grad = np.array([[1.0], [0], [1]]) * np.ones(2)
        optim.weight_decay = 0.1 * (step < 3)  # what it has left in the slots goes on
        optim.step()
    assert table.data[1].tolist() == [1, 1] and (table.data[0] < 1).all()


def test_common_settings_are_what_the_groups_share():
    a, b = (Tensor(np.ones(2), requires_grad=True) for _ in range(2))
    optim = SGD([{"params": [a], "weight_decay": 0.1}], 0.1)
    assert optim.weight_decay == 0.1
    optim.add_group({"b": b}, weight_decay=0.1)
    assert optim.weight_decay == 0.1 and "weight_decay=0.1" in repr(optim)
    optim.groups[1].settings["weight_decay"] = 0.5
    assert optim.weight_decay == 0.0  # of groups that were given none of their own
