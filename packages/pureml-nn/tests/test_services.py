"""What every layer and model offers beside its call: summary, repr, names, freezing, hooks, copies."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest
from nn_cases import LAYERS
from pureml_core import Buffer, Parameter, Tensor, generator, is_grad_enabled, op
from pureml_nn import (
    GRU,
    LSTM,
    NN,
    RNN,
    Affine,
    BatchNorm1d,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    Dropout,
    Embedding,
    Layer,
    MultiHeadAttention,
    Sequential,
    relu,
    summary,
)

X = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)


def small():
    return Sequential(Affine(3, 5, seed=0), relu, BatchNorm1d(5), Dropout(0.5, seed=1), Affine(5, 2, seed=2))


def snapshot(model):
    state = model.state()
    return {name: a.tobytes() for name, a in state.arrays.items()}, state.literals


class Busy(Layer):
    """Whatever a call can change, it changes, in evaluation too."""

    def __init__(self):
        self.inner = Dropout(0.5, seed=0, training=False)
        self.seen, self.mean = Buffer(np.zeros(3)), Buffer(np.zeros(3))
        self.rng = generator(0)
        self.calls = 0

    def forward(self, X):
        assert not self.training and not is_grad_enabled()
        self.calls += 1
        self.cache = X
        self.seen.data[...] += 1
        self.seen.touch()
        self.mean.data = self.mean.data + 1
        return self.inner(X) + self.rng.random()


# ---- summary


def test_summary_counts():
    model = small()
    model[4].freeze("b")
    s = model.summary((4, 3))
    rows = {row.name: row for row in s.rows}
    assert list(rows) == ["", "layers.0", "layers.2", "layers.3", "layers.4"]
    assert [row.output for row in s.rows] == [(4, 2), (4, 5), (4, 5), (4, 5), (4, 2)]
    assert [(row.trainable, row.frozen) for row in s.rows] == [(40, 2), (20, 0), (10, 0), (0, 0), (10, 2)]
    assert [row.multiply_adds for row in s.rows] == [4 * 3 * 5 + 4 * 5 * 2, 4 * 3 * 5, 0, 0, 4 * 5 * 2]
    assert rows["layers.0"].memory == 4 * 5 * 4 and rows["layers.3"].memory == 0
    assert s.total is s.rows[0] and s.parameter_bytes == 42 * 4
    assert s.total.memory >= sum(row.memory for row in s.rows[1:]) + 4 * 5 * 4  # and relu, which is no layer


@pytest.mark.parametrize(
    ("make", "shape", "products"),
    [
        (lambda: Affine(3, 4), (2, 5, 3), 2 * 5 * 3 * 4),
        (lambda: Conv2D(4, 8, 3, groups=2), (2, 4, 8, 8), 2 * 8 * 36 * (2 * 9)),
        (lambda: Conv1D(3, 4, 3), (2, 3, 10), 2 * 4 * 8 * (3 * 3)),
        (lambda: ConvTranspose2D(3, 4, 3), (2, 3, 5, 5), 2 * 3 * 25 * (4 * 9)),
        (lambda: LSTM(3, 4), (2, 5, 3), 2 * 5 * (3 + 4) * 16),
        (lambda: GRU(3, 4), (2, 5, 3), 2 * 5 * (3 + 4) * 12),
        (lambda: RNN(3, 4, bidirectional=True), (2, 5, 3), 2 * (2 * 5 * (3 + 4) * 4)),
        (lambda: MultiHeadAttention(8, 2), (2, 5, 8), 4 * (10 * 8 * 8) + 2 * (2 * 5 * 5 * 8)),
    ],
)
def test_multiply_adds(make, shape, products):
    assert summary(make(), shape).total.multiply_adds == products


@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_summary_and_repr_of_every_layer(case):
    layer = case.make()
    before = snapshot(layer)
    s = summary(layer, inputs=tuple(case.arrays(np.float32)), **case.settings)
    assert s.total.trainable == sum(p.size for p in layer.parameters) and s.total.calls == 1
    outside = s.total.output
    assert outside == case.after or outside[: len(case.after)] == tuple(case.after) or isinstance(case.after[0], tuple)
    assert all(row.kind in str(s) and row.label in s.to_html() for row in s.rows)
    assert snapshot(layer) == before and repr(layer).startswith(type(layer).__name__ + "(")


def test_summary_leaves_everything_as_it_was():
    busy = Busy()
    model = Sequential(busy, Affine(3, 2))
    before, inside = snapshot(model), dict(vars(busy))
    old = busy.mean.data
    summary(model, (4, 3))
    assert snapshot(model) == before and vars(busy) == inside and busy.mean.data is old
    assert busy.training and busy.inner.training is False and "training" not in vars(model)
    assert all(p.grad is None for p in model.parameters)


def test_a_summary_that_fails_leaves_everything_too():
    model = Sequential(Busy(), Affine(4, 2))
    before = snapshot(model)
    with pytest.raises(ValueError, match="Affine: given X of shape"):
        model.summary((4, 3))
    assert snapshot(model) == before and model.training and model[0].training and "_call_hooks" not in vars(model[0])


def test_summary_between_forward_and_backward_disturbs_no_gradient():
    model = small()
    loss = model(X).sum()
    model.summary((4, 3))
    loss.backward()
    assert all(p.grad is not None for p in model.parameters)


def test_summary_of_shared_layers_and_of_those_not_called():
    shared = Affine(3, 3)
    s = summary(Sequential(shared, relu, shared), (2, 3))
    assert len(s.rows) == 2 and s.rows[1].calls == 2 and s.total.trainable == 12 and "×2" in str(s)
    assert s.rows[1].multiply_adds == s.total.multiply_adds == 2 * 2 * 9

    class Unused(NN):
        def __init__(self):
            self.a, self.b = Affine(3, 3), Affine(3, 3)

        def predict(self, X):
            return self.a(X)

    assert "not called" in str(Unused().summary([2, 3]))


def test_summary_of_several_inputs_and_of_indices():
    class Two(NN):
        def predict(self, X, Y, *, twice=False):
            return X, (X + Y,) if not twice else Y

    assert summary(Two(), [(2, 3), (1, 3)]).total.output == ((2, 3), ((2, 3),))
    assert summary(Two(), inputs=(X, X), twice=True).total.output == ((4, 3), (4, 3))
    assert summary(Embedding(5, 3), (2, 4), dtype=int).total.output == (2, 4, 3)


def test_summary_as_text_and_html():
    s = small().summary((4, 3))
    lines = str(s).splitlines()
    assert lines[0].split() == ["layer", "kind", "output", "parameters", "multiply-adds", "memory"]
    assert lines[3].startswith("  layers.0") and repr(s) == str(s)
    assert lines[-1].startswith("42 parameters, 168 B; 100 multiply-adds; ")
    assert s._repr_html_() == s.to_html() and s.to_html().count("<tr>") == 6

    class Named(NN):
        def __init__(self):
            self.parts = {"<b>": Affine(3, 2)}

        def predict(self, X):
            return self.parts["<b>"](X)

    assert "&lt;b&gt;" in Named().summary((4, 3)).to_html() and "<b>" not in Named().summary((4, 3)).to_html()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: summary(relu, (2, 3)), "summary: given .*, needed a Layer"),
        (lambda: summary(small()), "needed one of input_shape="),
        (lambda: summary(small(), (2, 3), inputs=X), "needed one of input_shape="),
        (lambda: summary(small(), 3), r"given input_shape=3, needed a shape such as"),
        (lambda: summary(small(), (2, -3)), r"given input_shape=\(2, -3\)"),
        (lambda: summary(small(), (2, None)), r"given input_shape=\(2, None\)"),
    ],
)
def test_summary_of_nonsense(call, message):
    with pytest.raises(TypeError, match=message):
        call()


# ---- repr


def test_repr_is_a_tree():
    assert repr(Affine(784, 256)) == "Affine(784, 256)  # W (784, 256), b (256,)"
    model = Sequential(Affine(3, 5, bias=False), relu, Sequential(Dropout(0.2)))
    model[0].freeze()
    assert repr(model) == (
        "Sequential(\n  0: Affine(3, 5, bias=False)  # W (3, 5) frozen\n  1: relu\n"
        "  2: Sequential(\n    0: Dropout(p=0.2)\n  )\n)"
    )
    assert repr(Sequential()) == "Sequential()"


LIMITS = np.ones(2)


def test_repr_of_a_model():
    class Model(NN):
        def __init__(self, width, *, rate=0.1, limits=LIMITS):
            self.width, self.rate, self.limits = width, rate, [1, 2]
            self.blocks = {"a": [Affine(width, width), Dropout(rate)]}
            self.scale = Parameter(np.ones(2))
            self.seen, self.constant = Buffer(np.zeros(2)), Tensor([1.0])
            self.tied = self.blocks["a"][0]
            self.parent = self

    assert repr(Model(3, rate=0.5)) == (
        "Model(3, rate=0.5, limits=[1, 2],  # scale (2,)\n  blocks.a.0: Affine(3, 3)  # W (3, 3), b (3,)\n"
        "  blocks.a.1: Dropout()\n  tied: the same as blocks.a.0\n  parent: the same as the whole\n)"
    )


def test_repr_leaves_out_what_is_the_default():
    class Window(Layer):
        def __init__(self, size, stride=1, pad_with=float("nan"), limits=(0, 1), *args, seed=None):
            self.size, self.stride, self.pad_with, self.limits = (size, size), (stride, stride), pad_with, limits
            self.args, self.seed = args, 3

    assert repr(Window(3)) == "Window((3, 3))"
    assert repr(Window(3, 2, 0.0, (0, 2), 5)) == "Window((3, 3), stride=(2, 2), pad_with=0.0, limits=(0, 2))"


def test_a_repr_of_ones_own_is_used():
    class Own(Layer):
        def __repr__(self):
            return "Own\nwith two lines"

    assert repr(Sequential(Own())) == "Sequential(\n  0: Own\n  with two lines\n)"


# ---- names, freezing, apply


def test_named_parameters():
    model = small().freeze("layers.0.*")
    named = model.named_parameters()
    assert list(named)[:3] == ["layers.0.W", "layers.0.b", "layers.2.gamma"] and len(named) == 6
    assert all(a is b for a, b in zip(named.values(), model.parameters, strict=True))


def test_freeze_and_unfreeze():
    model = small()
    before = snapshot(model)
    assert model.freeze("*.b") is model
    assert [n for n, p in model.named_parameters().items() if not p.requires_grad] == ["layers.0.b", "layers.4.b"]
    model(X).sum().backward()
    assert model[0].b.grad is None and model[0].W.grad is not None
    assert model.freeze() is model and not model(X).requires_grad
    assert list(model.state().arrays) == list(before[0])
    assert model.unfreeze("layers.4.*").unfreeze() is model and all(p.requires_grad for p in model.parameters)
    with pytest.raises(ValueError, match=r"Sequential: given the pattern 'layers\.9\.\*', which no .*layers\.0\.W"):
        model.freeze("layers.9.*")
    assert Dropout().freeze().parameters == ()


def test_a_leaf_that_was_frozen_can_be_trained_again():
    class Scaled(NN):
        def __init__(self):
            self.scale = Tensor(np.ones(3), requires_grad=True)

    model = Scaled().freeze()
    assert list(model.named_parameters()) == ["scale"] and model.unfreeze().scale.requires_grad


def test_zero_grad():
    model = small()
    model(X).sum().backward()
    model.zero_grad()
    assert all(p.grad is None or not p.grad.any() for p in model.parameters)


def test_apply_is_depth_first_and_once_each():
    inner, tied = Sequential(Dropout()), Affine(3, 3)
    model = Sequential(inner, tied, {"a": tied}.get("a"))
    model.parent = model
    seen = []
    assert model.apply(seen.append) is model
    assert seen == [inner[0], inner, tied, model]


# ---- hooks


def test_forward_hooks_see_and_replace():
    layer, seen = Affine(3, 2), []
    handle = layer.register_forward_hook(lambda *args: seen.append(args))
    Y = layer(X.astype(np.float64))
    ((who, (given,), output),) = seen
    assert who is layer and output is Y and given.dtype == np.float32
    layer.register_forward_hook(lambda layer, inputs, output: output * 0)
    last = layer.register_forward_hook(lambda layer, inputs, output: output + 1)
    assert (layer(X).data == 1).all() and len(seen) == 2
    handle.remove()
    handle.remove()
    last.remove()
    assert (layer(X).data == 0).all() and len(seen) == 2


def test_pre_hooks_replace_the_inputs():
    layer = Affine(3, 2)
    plain = layer(X).data
    with layer.register_forward_pre_hook(lambda layer, inputs: (inputs[0] * 2,)):
        assert np.allclose(layer(X).data, 2 * plain - layer.b.data)
    with layer.register_forward_pre_hook(lambda layer, inputs: X.astype(np.float64)):  # cast like any input
        assert np.array_equal(layer(X * 0).data, plain) and layer(X).dtype == np.float32
    with layer.register_forward_pre_hook(lambda layer, inputs: None):
        assert np.array_equal(layer(X).data, plain)
    assert np.array_equal(layer(X).data, plain) and "_call_hooks" not in vars(layer)


def test_hooks_carry_gradients():
    model = Sequential(Affine(3, 2), Affine(2, 1))
    model[0].register_forward_hook(lambda layer, inputs, output: output * 0)
    model(X).sum().backward()
    assert not model[0].W.grad.any() and (model[1].b.grad == 4).all()


def test_hooks_are_no_state_and_are_not_copied():
    model = small().eval()
    before, text = snapshot(model), repr(model)
    seen = []
    probe = Affine(3, 3)  # a layer as a hook is no part of the model
    model[0].register_forward_pre_hook(lambda layer, inputs: seen.append(inputs))
    model[0].register_forward_pre_hook(lambda layer, inputs: probe(*inputs))
    model.handle = model[0].register_forward_hook(lambda layer, inputs, output: None)
    assert snapshot(model) == before and repr(model) == text and len(model.parameters) == 6
    for copied in (copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))):
        twin = copied(model)
        twin(X)
        assert not seen and snapshot(twin) == before
        twin.handle.remove()
        twin[0].register_forward_hook(lambda layer, inputs, output: output * 0)
    model(X)
    assert len(seen) == 1
    assert model.summary((4, 3)).total.calls == 1 and len(seen) == 2  # a summary calls the model as it is
    model(X)
    assert len(seen) == 3


def test_a_hook_may_remove_itself():
    layer, calls = Affine(3, 2), []

    def once(layer, inputs, output):
        calls.append(1)
        handle.remove()

    handle = layer.register_forward_hook(once)
    layer(X), layer(X)
    assert calls == [1]


def test_a_removed_hook_is_forgotten():
    class Probe:
        def __call__(self, *args):
            pass

    layer, probe = Affine(3, 2), Probe()
    gone = weakref.ref(probe)
    handle = layer.register_forward_hook(probe)
    del probe
    assert gone() is not None
    handle.remove()
    gc.collect()
    assert gone() is None


def test_a_hook_must_be_a_function():
    with pytest.raises(TypeError, match=r"Affine: given the hook 3, needed a function f\(layer, inputs, output\)"):
        Affine(3, 2).register_forward_hook(3)
    with pytest.raises(TypeError, match=r"needed a function f\(layer, inputs\)$"):
        Affine(3, 2).register_forward_pre_hook(None)


# ---- the user's own names


def test_attributes_of_these_names_are_the_users():
    names = ["summary", "freeze", "unfreeze", "apply", "named_parameters", "zero_grad", "register_forward_hook"]

    class Mine(NN):
        def __init__(self, **values):
            self.lin = Affine(3, 2, seed=0)
            vars(self).update(values)

        def predict(self, X):
            return self.lin(X)

    model = Mine(**dict.fromkeys(names, 1), _hooks=[1], label="x")
    other = Mine(**dict.fromkeys(names, 2), _hooks=[], label="y")
    assert other.restore(model.state()) == [] and other.summary == other.apply == 1 and other.label == "x"
    assert summary(model, (4, 3)).total.output == (4, 2) and model.summary == 1
    assert Sequential(model).freeze().unfreeze().eval().train().summary((4, 3)).total.trainable == 8
    assert repr(model) == "Mine(\n  lin: Affine(3, 2)  # W (3, 2), b (2,)\n)"
    assert copy.deepcopy(model)(X).shape == pickle.loads(pickle.dumps(Affine(3, 2)))(X).shape


def test_matrix_products_of_a_model_count():
    class Products(NN):
        def predict(self, X):
            A = Tensor(np.ones((2, 3, 5), np.float32))
            return X @ A, np.tensordot(X, A, axes=((1,), (1,))), np.dot(X, A[0]), np.inner(X, X), np.vecdot(X, X)

    rows = summary(Products(), (4, 3)).rows
    assert rows[0].multiply_adds == 2 * 4 * 3 * 5 + 4 * 3 * 10 + 4 * 3 * 5 + 4 * 3 * 4 + 4 * 3


def test_a_users_operation_of_a_known_name_is_not_taken_for_it():
    @op
    def affine(x, /):
        return x * 2, lambda g: g * 2

    class Twice(Layer):
        def forward(self, X):
            return affine(X)

    assert summary(Twice(), (4, 3)).total.multiply_adds == 0


def test_an_error_that_a_model_catches_costs_no_row():
    class Trying(NN):
        def __init__(self):
            self.wrong, self.right = Affine(4, 3), Affine(3, 2)

        def predict(self, X):
            try:
                return self.wrong(X)
            except ValueError:
                return self.right(X)

    assert [row.calls for row in summary(Trying(), (4, 3)).rows] == [1, 0, 1]


def test_the_mode_is_an_attribute_that_tells_of_its_changes():
    class Noisy(Layer):
        def __init__(self, **mode):
            super().__init__(**mode)
            self.told = []

        def on_mode_change(self, training):
            self.told.append(training)

    class Plain(Layer):
        def __init__(self):
            self.inner = Noisy(training=False)

    model = Plain()
    assert model.training and not model.inner.training and model.inner.told == []
    model.eval()
    model.train().train()
    model.inner.training = 0
    assert model.training and model.inner.training is False and model.inner.told == [True, False]
    assert "training" not in Noisy().state().literals["settings"][""]


def test_no_change_of_mode_is_told_of_while_a_layer_is_made():
    class Told(Dropout):
        def __init__(self):
            super().__init__(0.5, training=False)
            self.count = 0

        def on_mode_change(self, training):
            self.count += 1

    layer = Told()
    assert not layer.training and layer.train().count == 1


def test_a_layer_takes_no_other_settings_than_its_mode():
    with pytest.raises(TypeError, match="unexpected keyword argument 'size'"):
        Layer(size=3)
