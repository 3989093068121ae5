"""NN and Sequential: whatever a model holds is found, trained, switched, saved and restored."""

import copy
import json
import pickle

import numpy as np
import pytest
from pureml_core import Buffer, Parameter, State, Tensor
from pureml_nn import NN, Affine, Dropout, Layer, Sequential, relu


class Inner(NN):
    def __init__(self, width=3):
        self.lin = Affine(3, width, seed=0)
        self.drop = Dropout(0.5, seed=1)

    def predict(self, X):
        return self.drop(self.lin(X))


class Everything(NN):
    """Parameters in every place where they may be."""

    def __init__(self):
        self.inner = Inner()
        self.listed = [Affine(3, 3, seed=2), Dropout(0.5, seed=3)]
        self.named = {"a": Affine(3, 3, seed=4), "b": {"c": (Affine(3, 3, bias=False, seed=5), Dropout(seed=6))}}
        self.scale = Tensor(np.ones(3, np.float32), requires_grad=True)
        self.shift = Parameter(np.zeros(3))
        self.seen = Buffer(np.array(0))
        self.tied = self.listed[0]
        self.steps = 0
        self.constant = Tensor([1.0])

    def predict(self, X):
        X = self.inner(X)
        for layer in [*self.listed, self.named["a"], *self.named["b"]["c"], self.tied]:
            X = layer(X)
        return X * self.scale + self.shift


NAMES = [
    *("inner.lin.W", "inner.lin.b", "listed.0.W", "listed.0.b", "named.a.W", "named.a.b", "named.b.c.0.W"),
    *("scale", "shift"),
]
X = np.random.default_rng(0).standard_normal((4, 3))


def snapshot(model):
    """All that a failed restore must leave alone."""
    state = model.state()
    return json.dumps(state.literals), {name: a.tobytes() for name, a in state.arrays.items()}


def modes(model):
    inside = [model.inner, model.inner.drop, model.listed[1], model.named["b"]["c"][1]]
    return [layer.training for layer in (model, *inside)]


# ---- finding


def test_every_parameter_once():
    model = Everything()
    assert isinstance(model.parameters, list) and isinstance(model.inner.lin.parameters, tuple)
    assert [id(p) for p in model.parameters] == [
        id(p)
        for p in (
            *(model.inner.lin.W, model.inner.lin.b, model.listed[0].W, model.listed[0].b),
            *(model.named["a"].W, model.named["a"].b, model.named["b"]["c"][0].W, model.scale, model.shift),
        )
    ]
    assert list(model.state().arrays) == [*NAMES, "seen"]


def test_all_of_them_get_gradients():
    model = Everything()
    model.eval()(X).sum().backward()
    assert all(p.grad is not None for p in model.parameters)


def test_mode_reaches_everything():
    model = Everything()
    assert modes(model) == [True] * 5
    assert model.eval() is model and modes(model) == [False] * 5
    assert model.train() is model and modes(model) == [True] * 5
    assert modes(model.train(False)) == [False] * 5
    assert np.array_equal(model(X).data, model(X).data)
    assert not np.array_equal(model.train()(X).data, model(X).data)


def test_a_cycle_ends():
    model = Everything()
    model.inner.parent = model
    assert len(model.eval().parameters) == 9 and modes(model) == [False] * 5
    assert model(X).dtype == np.float32


def test_base_classes_say_what_to_write():
    class Empty(NN):
        pass

    class Bare(Layer):
        pass

    with pytest.raises(NotImplementedError, match="Empty has no predict"):
        Empty()(X)
    with pytest.raises(NotImplementedError, match="Bare has no forward"):
        Bare()(X)
    assert Empty().training and Empty().parameters == [] and Bare().parameters == ()


def test_call_passes_settings_and_casts_them():
    class Model(NN):
        def __init__(self):
            self.w = Parameter(np.ones(3))

        def predict(self, X, *, mask=None, scale=1.0, name=""):
            assert type(scale) is float and name == "x"
            return X.dtype, mask.dtype

    assert Model()(X, mask=X, scale=2.0, name="x") == (np.float32, np.float32)
    assert Model()(Tensor(X), mask=X > 0, name="x") == (np.float32, np.bool_)


def test_a_frozen_parameter_still_sets_the_precision():
    class Scaled(NN):
        def __init__(self):
            self.w = Parameter(np.ones(3), requires_grad=False)

        def predict(self, X):
            return X * self.w

    assert Scaled()(X).dtype == np.float32


def test_astype():
    model = Everything()
    model(X).sum().backward()
    assert model.astype(np.float64) is model
    assert all(p.dtype == np.float64 == p.grad.dtype for p in model.parameters)
    assert model.seen.dtype == np.int64 and model.eval()(X.astype(np.float32)).dtype == np.float64
    assert model.astype("float32")(X).dtype == np.float32
    with pytest.raises(TypeError, match="needed a floating dtype"):
        model.astype("int32")


def test_sequential():
    first, last = Affine(3, 4), Affine(4, 2)
    model = Sequential(first, relu, last)
    assert len(model) == 3 and list(model) == [first, relu, last] and model[0] is model[-3] is first
    assert isinstance(model[:2], Sequential) and model[:2].parameters[0] is first.W
    assert model(X).shape == (4, 2) and len(model.parameters) == 4
    assert list(model.state().arrays) == ["layers.0.W", "layers.0.b", "layers.2.W", "layers.2.b"]
    same = Tensor(X)
    assert Sequential()(same) is same


# ---- state


def test_round_trip_continues_bit_for_bit():
    one, other = Everything(), Everything()
    for p in other.parameters:
        p.data = p.data * 2 + 1
    one.seen.data[...] = 7
    one(X), other(X), other(X)
    assert other.restore(one.state()) == []
    assert int(other.seen) == 7 and other.tied is other.listed[0]
    for _ in range(3):
        assert np.array_equal(one(X).data, other(X).data)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
def test_copies(copied):
    model = Everything().eval()
    twin = copied(model)
    assert twin.tied is twin.listed[0] and modes(twin) == [False] * 5 and snapshot(twin) == snapshot(model)
    assert np.array_equal(model.train()(X).data, twin.train()(X).data)
    assert not {id(p) for p in model.parameters} & {id(p) for p in twin.parameters}


def test_the_state_is_plain():
    state = Everything().state()
    assert json.loads(json.dumps(state.literals)) == state.literals
    assert state.kind == "pureml_nn.NN/1" and Affine(2, 2).state().kind == "pureml_nn.Affine/1"


def test_frozen_parameters_are_saved():
    model, other = Everything(), Everything()
    for p in model.parameters:
        p.requires_grad = False
    state = model.state()
    assert list(state.arrays) == [*NAMES, "seen"]
    other.scale.data = other.scale.data + 1
    assert other.restore(state) == [] and other.scale.data.tolist() == [1, 1, 1]
    assert all(p.requires_grad for p in other.parameters)


def altered(change):
    state = Everything().state()
    arrays, literals = dict(state.arrays), copy.deepcopy(state.literals)
    literals["settings"][""]["steps"] = 99
    arrays["scale"] = arrays["scale"] + 5
    change(arrays, literals)
    return State(state.kind, arrays, literals)


# (what is done to a state, what the error must say)
MISMATCHES = [
    (lambda a, s: a.pop("listed.0.W"), ["missing 'listed.0.W'"]),
    (lambda a, s: a.update(extra=X), ["unexpected 'extra'"]),
    (lambda a, s: a.update({"named.a.W": a["named.a.W"][:2]}), [r"'named.a.W' has shape (2, 3), needed (3, 3)"]),
    (lambda a, s: a.update(scale=np.ones(3, complex)), ["'scale' has dtype complex128"]),
    (lambda a, s: s["generators"].pop("inner.drop.rng"), ["missing generator 'inner.drop.rng'"]),
    (lambda a, s: s["settings"]["inner.drop"].update(p=0.25), ["setting 'inner.drop.p' is 0.25 there, 0.5 here"]),
    (lambda a, s: s["settings"]["inner.drop"].clear(), ["setting 'inner.drop.p' is absent there, 0.5 here"]),
    (lambda a, s: s["settings"].update(more={}), ["unexpected layer 'more'"]),
    (lambda a, s: s["settings"].pop("listed.1"), ["missing layer 'listed.1'"]),
    (
        lambda a, s: (
            a.pop("listed.0.W"),
            a.update(extra=X),
            a.update(shift=X),
            s["settings"]["inner.drop"].update(p=0.25),
        ),
        ["missing 'listed.0.W'", "unexpected 'extra'", "'shift' has shape (4, 3), needed (3,)", "inner.drop.p"],
    ),
]


@pytest.mark.parametrize(("change", "messages"), MISMATCHES)
def test_strict_restore_is_all_or_nothing_and_lists_everything(change, messages):
    model = Everything()
    before = snapshot(model)
    with pytest.raises(ValueError) as error:
        model.restore(altered(change))
    assert all(message in str(error.value) for message in messages)
    assert snapshot(model) == before


@pytest.mark.parametrize(("change", "messages"), MISMATCHES)
def test_otherwise_what_does_not_fit_is_skipped_and_told(change, messages):
    model = Everything()
    skipped = model.restore(altered(change), strict=False)
    assert len(skipped) == len(messages)
    assert all(any(message in line for line in skipped) for message in messages)
    assert model.steps == 99 and model.scale.shape == (3,) and model.inner.drop.p == 0.5
    assert ("'scale'" in str(skipped)) == (model.scale.data.tolist() == [1, 1, 1])


@pytest.mark.parametrize("strict", [True, False])
def test_the_state_of_something_else(strict):
    model = Everything()
    before = snapshot(model)
    for state in (Affine(3, 3).state(), State("pureml_optim.Adam/1")):
        with pytest.raises(ValueError, match=f"Everything: .*given a state of '{state.kind}', needed 'pureml_nn"):
            model.restore(state, strict=strict)
    with pytest.raises(ValueError, match=r"pureml_nn\.Affine/1.*needed 'pureml_nn\.Dropout/1'"):
        Dropout().restore(Affine(3, 3).state())
    assert snapshot(model) == before


@pytest.mark.parametrize(
    "literals",
    [
        {"settings": [1]},
        {"settings": {"": 3}},
        {"settings": {"": {"steps": {"__pureml__": "nonsense", "value": 1}}}},
        {"generators": "x"},
    ],
)
def test_a_state_that_was_tampered_with(literals):
    model = Everything()
    before = snapshot(model)
    state = model.state()
    with pytest.raises(ValueError):
        model.restore(State(state.kind, state.arrays, state.literals | literals))
    assert snapshot(model) == before


def test_an_affine_of_another_size_says_so():
    with pytest.raises(ValueError, match=r"'fan_out' is 5 there, 3 here.*'W' has shape \(4, 5\), needed \(4, 3\)"):
        Affine(4, 3).restore(Affine(4, 5).state())
    with pytest.raises(ValueError, match=r"use_bias.*missing 'b'"):
        Affine(4, 3).restore(Affine(4, 3, bias=False).state())


def test_how_weights_were_drawn_is_no_setting():
    one, other = Affine(4, 3, "kaiming-normal", seed=1), Affine(4, 3, seed=2)
    other.restore(one.state())
    assert np.array_equal(one.W.data, other.W.data)


def test_a_setting_that_is_nan_equals_itself():
    class Padded(Layer):
        def __init__(self):
            self.pad_with, self.window = float("nan"), (3, 3)

    Padded().restore(Padded().state())


# ---- literals


class Configured(NN):
    epoch = 0  # of the class until it is first counted

    def __init__(self, **attributes):
        self.lin = Affine(3, 3, seed=0)
        vars(self).update(attributes)


VALUES = {
    "betas": (0.9, 0.999),
    "nested": {"sizes": [1, 2, (3,)], "none": None},
    "infinite": float("-inf"),
    "seed": 2**80,
    "method": "mine",
    "rate": np.float64(0.1),
    "flag": True,
}


def test_literals_come_back_as_they_were():
    saved = Configured(**VALUES, odd=float("nan"), _private=1, array=np.ones(2), func=relu)
    fresh = Configured(**dict.fromkeys(VALUES), odd=None, _private=2, array=None, func=None)
    fresh.restore(saved.state())
    assert {key: getattr(fresh, key) for key in VALUES} == VALUES
    assert type(fresh.betas) is tuple and type(fresh.nested["sizes"][2]) is tuple and np.isnan(fresh.odd)
    assert (fresh._private, fresh.array, fresh.func) == (2, None, None)
    fresh.nested["sizes"].append(4)
    assert saved.nested["sizes"] == [1, 2, (3,)]


def test_only_attributes_that_exist_take_a_literal():
    saved = Configured(a=1, b=2, lin2=5)
    saved.epoch = 3
    fresh = Configured(a=0)
    fresh.restore(saved.state())
    assert fresh.a == 1 and fresh.epoch == 3 and not hasattr(fresh, "b")
    held = Configured(a=Dropout())
    held.restore(Configured(a=1).state(), strict=False)
    assert isinstance(held.a, Dropout)


def test_literals_can_be_left_out():
    fresh = Configured(a=0)
    fresh.restore(Configured(a=1).state(), load_literals=False)
    assert fresh.a == 0


def test_models_inside_models_take_their_literals_too():
    one, other = Sequential(Configured(a=1)), Sequential(Configured(a=2))
    assert other.restore(one.state()) == [] and other[0].a == 1


def test_the_mode_is_the_callers():
    training, evaluating = Everything(), Everything().eval()
    training.restore(evaluating.state())
    evaluating.restore(Everything().state())
    assert modes(training) == [True] * 5 and modes(evaluating) == [False] * 5
    forged = Everything().state()
    forged.literals["settings"][""]["training"] = False
    training.restore(forged)
    assert modes(training) == [True] * 5


def test_a_failed_restore_leaves_literals_alone():
    fresh = Configured(a=0)
    state = Configured(a=1).state()
    with pytest.raises(ValueError, match="unexpected 'extra'"):
        fresh.restore(State(state.kind, state.arrays | {"extra": X}, state.literals))
    assert fresh.a == 0
