"""Every layer, from one table: shapes, gradients, precision, state."""

import copy
import pickle

import numpy as np
import pytest
from pureml_core import Parameter, Tensor, check_vjp, no_grad
from pureml_core.registry import OPS
from pureml_nn import Affine, Dropout, Linear, Sequential, activations, relu
from pureml_nn.layers.affine import affine
from pureml_nn.layers.dropout import dropped


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


# (name, constructor, input shape, output shape)
LAYERS = [
    ("Affine 1-D", lambda: Affine(4, 3, seed=0), (4,), (3,)),
    ("Affine 2-D", lambda: Affine(4, 3, seed=0), (5, 4), (5, 3)),
    ("Affine 3-D", lambda: Affine(4, 3, seed=0), (2, 5, 4), (2, 5, 3)),
    ("Affine 4-D", lambda: Affine(2, 3, seed=0), (2, 1, 3, 2), (2, 1, 3, 3)),
    ("Affine batch of one", lambda: Affine(4, 3, seed=0), (1, 4), (1, 3)),
    ("Affine batch = fan_in", lambda: Affine(4, 3, seed=0), (4, 4), (4, 3)),
    ("Affine batch = fan_out", lambda: Affine(4, 3, seed=0), (3, 4), (3, 3)),
    ("Affine square", lambda: Affine(3, 3, seed=0), (3, 3), (3, 3)),
    ("Affine cube", lambda: Affine(3, 3, seed=0), (3, 3, 3), (3, 3, 3)),
    ("Affine one to one", lambda: Affine(1, 1, seed=0), (2, 1), (2, 1)),
    ("Affine empty batch", lambda: Affine(4, 3, seed=0), (0, 4), (0, 3)),
    ("Affine empty 3-D", lambda: Affine(4, 3, seed=0), (2, 0, 4), (2, 0, 3)),
    ("Affine without bias", lambda: Affine(4, 3, "kaiming-normal", bias=False, seed=0), (5, 4), (5, 3)),
    ("Dropout 0-d", lambda: Dropout(0.5, seed=0), (), ()),
    ("Dropout 2-D", lambda: Dropout(0.25, seed=0), (5, 4), (5, 4)),
    ("Dropout 4-D", lambda: Dropout(0.75, seed=0), (2, 3, 2, 2), (2, 3, 2, 2)),
    ("Dropout empty batch", lambda: Dropout(0.5, seed=0), (0, 4), (0, 4)),
    ("Dropout of nothing", lambda: Dropout(0, seed=0), (5, 4), (5, 4)),
    ("Dropout of everything", lambda: Dropout(1, seed=0), (5, 4), (5, 4)),
    (
        "Sequential",
        lambda: Sequential(Affine(4, 6, seed=0), relu, Dropout(0.5, seed=1), Affine(6, 3, seed=2)),
        (5, 4),
        (5, 3),
    ),
]
TABLE = pytest.mark.parametrize(
    ("make", "before", "after"), [row[1:] for row in LAYERS], ids=[row[0] for row in LAYERS]
)


@TABLE
def test_shapes_and_precision(make, before, after):
    for given in (np.float64, np.float32, np.float16):
        layer = make()
        X = Tensor(draw(*before).astype(given), requires_grad=True)
        Y = layer(X)
        assert Y.shape == after
        assert Y.dtype == (np.float32 if layer.parameters else X.dtype)
        Y.backward(np.ones(after))
        assert X.grad.shape == before and X.grad.dtype == X.dtype
        for p in layer.parameters:
            assert p.grad.dtype == p.dtype == np.float32 and p.grad.shape == p.shape


@TABLE
def test_arrays_are_taken_and_left_alone(make, before, after):
    X = draw(*before)
    old = X.copy()
    X.flags.writeable = False
    assert make()(X).shape == after
    assert np.array_equal(X, old)


@TABLE
def test_gradients(make, before, after):
    layer = make().astype(np.float64)
    check_vjp(lambda X: make().astype(np.float64)(X), draw(*before), order=2)  # made anew each time: the same masks
    for name, array in layer.state().arrays.items():
        *path, attribute = name.split(".")

        def f(w, path=path, attribute=attribute):
            new = make().astype(np.float64)
            setattr(new[int(path[1])] if path else new, attribute, w)
            return new(draw(*before))

        check_vjp(f, array, order=2)


@TABLE
def test_state_round_trip_continues_bit_for_bit(make, before, after):
    X = draw(*before)
    one, other = make(), make()
    for p in other.parameters:
        p.data = p.data + 1
    one(X), other(X), other(X)
    assert other.restore(one.state()) == []
    for _ in range(3):
        assert np.array_equal(one(X).data, other(X).data)


@TABLE
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"])
def test_copies_are_equal_and_apart(make, before, after, copied):
    layer = make().eval()
    twin = copied(layer)
    X = draw(*before)
    assert twin.training is False
    layer.train(), twin.train()
    for _ in range(2):
        assert np.array_equal(layer(X).data, twin(X).data)
    for p in twin.parameters:
        p.data[...] += 1
    assert all((p.data != q.data).all() for p, q in zip(layer.parameters, twin.parameters, strict=True))


@TABLE
def test_a_state_is_a_copy(make, before, after):
    layer = make()
    state = layer.state()
    old = {name: a.copy() for name, a in state.arrays.items()}
    for p in layer.parameters:
        p.data[...] += 1
    assert all(np.array_equal(state.arrays[name], a) for name, a in old.items())


@TABLE
def test_evaluation_repeats_itself(make, before, after):
    layer, X = make().eval(), draw(*before)
    assert np.array_equal(layer(X).data, layer(X).data)


# ---- the operations of this package, each in its case

OP_CASES = {
    "pureml_nn.activations.relu": [(relu, draw(3, 4)), (relu, draw(0, 4)), (relu, np.array(0.5))],
    "pureml_nn.layers.affine.affine": [
        (affine, draw(*x), draw(3, 3, seed=1), b)
        for x in [(3,), (3, 3), (1, 3), (2, 3, 3), (0, 3)]
        for b in (None, draw(3, seed=2))
    ],
    "pureml_nn.layers.dropout.dropped": [(dropped, draw(3, 4), Tensor(np.array([0.0, 2.0, 0.0, 2.0])))],
}


def test_every_operation_has_a_case():
    elsewhere = {f"pureml_nn.losses.{name}" for name in ("binary_cross_entropy", "cross_entropy", "clipped")}
    assert {key for key in OPS if key.startswith("pureml_nn.")} == OP_CASES.keys() | elsewhere


@pytest.mark.parametrize("case", [case for cases in OP_CASES.values() for case in cases])
def test_operations(case):
    f, *inputs = case
    if f is dropped:  # no gradient for a mask
        check_vjp(lambda x: dropped(x, inputs[1].data), inputs[0], order=2)
    else:
        check_vjp(f, *inputs, order=2)
    if f.op.definition is not None:
        assert np.allclose(f(*inputs).data, f.op.definition(*inputs), rtol=1e-14, atol=1e-14)


# ---- activations


@pytest.mark.parametrize("name", activations.__all__)
def test_activations_keep_shape_and_dtype(name):
    f = getattr(activations, name)
    for dtype in (np.float32, np.float64):
        for shape in [(3,), (2, 3), (2, 2, 3)]:
            x = draw(*shape).astype(dtype)
            for given in (x, Tensor(x)):
                y = f(given)
                assert isinstance(y, Tensor) and y.shape == shape and y.dtype == dtype
    assert np.isfinite(f(np.array([1e4, -1e4, 0.0], np.float32)).data).all()
    check_vjp(f, draw(2, 3), order=2)


def test_relu_at_zero_and_nan():
    x = Tensor([-1.0, -0.0, 0.0, 2.0], requires_grad=True)
    relu(x).backward()
    assert x.grad.tolist() == [0, 0, 0, 1]
    assert np.isnan(relu(np.array([np.nan])).data).all()


# ---- Affine


def test_affine_is_what_it_says():
    W, b, X = draw(4, 3), draw(3, seed=1), draw(5, 4, seed=2)
    layer = Affine(4, 3, W=W, b=b)
    assert np.allclose(layer(X).data, X @ W + b, rtol=1e-14)
    assert layer.W.data is not W and Linear is Affine
    W[...] = 0
    assert layer.W.data.any()


def test_affine_given_weights_keep_their_dtype():
    wide = Affine(4, 3, W=draw(4, 3))
    assert wide.W.dtype == wide.b.dtype == np.float64 == wide(draw(2, 4).astype(np.float32)).dtype
    narrow = Affine(4, 3, W=draw(4, 3).astype(np.float32), b=np.zeros(3, np.float32))
    assert narrow(draw(2, 4)).dtype == np.float32
    assert Affine(2, 2, W=[[1, 2], [3, 4]]).W.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.bool_])
def test_affine_takes_integers_in_its_precision(dtype):
    Y = Affine(4, 3)(np.ones((2, 4), dtype))
    assert Y.dtype == np.float32


def test_affine_shares_a_parameter():
    W = Parameter(draw(3, 3))
    one, two = Affine(3, 3, W=W), Affine(3, 3, W=W)
    both = Sequential(one, two)
    assert one.W is two.W is W and len(both.parameters) == 3
    both(draw(2, 3)).sum().backward()
    leaf = Tensor(draw(3, 3), requires_grad=True)
    assert Affine(3, 3, W=leaf).W is leaf


def test_a_frozen_layer_stays_in_its_precision():
    layer = Affine(4, 3)
    for p in layer.parameters:
        p.requires_grad = False
    Y = layer(draw(2, 4))
    assert Y.dtype == np.float32 and not Y.requires_grad
    assert [p.shape for p in layer.parameters] == [(4, 3), (3,)]
    assert list(layer.state().arrays) == ["W", "b"]


def test_inputs_that_are_parameters_or_computed_get_their_gradient():
    for X in (Parameter(draw(2, 4), np.float64), Tensor(draw(2, 4), requires_grad=True)):
        Affine(4, 3)(X).sum().backward()
        assert X.grad.dtype == np.float64 and X.grad.any()
        X.zero_grad()
        Affine(4, 3)(X * 2).sum().backward()
        assert X.grad.any()


def test_affine_gradients_only_where_needed():
    layer, X = Affine(4, 3), Tensor(draw(2, 4))
    layer.W.requires_grad = False
    layer(X).sum().backward()
    assert X.grad is None and layer.W.grad is None and layer.b.grad.tolist() == [2, 2, 2]
    with no_grad():
        assert not layer(X).requires_grad


AFFINE_ERRORS = [
    (lambda: Affine(0, 3), ValueError, r"fan_in=0.*positive integer"),
    (lambda: Affine(4, -1), ValueError, r"fan_out=-1.*positive integer"),
    (lambda: Affine(4.0, 3), ValueError, r"fan_in=4\.0"),
    (lambda: Affine(True, 3), ValueError, r"fan_in=True"),
    (lambda: Affine("4", 3), ValueError, r"fan_in='4'"),
    (lambda: Affine(4, 3, "xavier"), ValueError, r"'xavier'.*kaiming-normal, xavier-glorot-normal"),
    (lambda: Affine(4, 3, method=None), ValueError, r"None.*kaiming-normal"),
    (lambda: Affine(4, 3, W=draw(3, 4)), ValueError, r"Affine: given W of shape \(3, 4\).*\(4, 3\).*give W\.T"),
    (lambda: Affine(4, 3, W=draw(4, 4)), ValueError, r"given W of shape \(4, 4\), needed .* \(4, 3\)$"),
    (lambda: Affine(4, 3, b=draw(4)), ValueError, r"given b of shape \(4,\), needed .* \(3,\)$"),
    (lambda: Affine(4, 3, b=draw(3), bias=False), ValueError, r"b together with bias=False"),
    (lambda: Affine(4, 3, W=Parameter(draw(4, 3)) * 2), ValueError, r"must be a leaf"),
    (lambda: Affine(4, 3, seed=1.5), TypeError, r"seed 1\.5"),
    (lambda: Affine(4, 3, seed=-1), ValueError, r"seed -1"),
    (lambda: Affine(4, 3)(draw(2, 5)), ValueError, r"Affine: given X of shape \(2, 5\), needed \(\.\.\., 4\)"),
    (lambda: Affine(4, 3)(draw()), ValueError, r"given X of shape \(\)"),
    (lambda: Affine(4, 3)([1.0, 2.0, 3.0, 4.0]), TypeError, r"given X of type list, needed a Tensor"),
    (lambda: Affine(4, 3)(np.array(["a"] * 4)), TypeError, r"dtype <U1, needed real numbers"),
    (lambda: Affine(4, 3)(draw(2, 4) * 1j), TypeError, r"dtype complex128, needed real numbers"),
    (lambda: Affine(4, 3).astype(int), TypeError, r"int64, needed a floating dtype"),
    (lambda: Dropout(1.5), ValueError, r"p=1\.5.*0 to 1"),
    (lambda: Dropout(-0.1), ValueError, r"p=-0\.1"),
    (lambda: Dropout(float("nan")), ValueError, r"p=nan"),
    (lambda: Dropout("0.5"), ValueError, r"p='0\.5'"),
    (lambda: Dropout()([1.0]), TypeError, r"type list, needed a Tensor"),
    (lambda: Dropout()(np.arange(3)), TypeError, r"dtype int64, needed a floating one"),
    (lambda: Dropout().eval()(np.arange(3)), TypeError, r"dtype int64"),
    (lambda: Sequential(Affine(4, 3), 5), TypeError, r"item 1 is 5"),
]


@pytest.mark.parametrize(("make", "error", "message"), AFFINE_ERRORS)
def test_bad_input_is_one_clear_error(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_numpy_integers_and_seeds_are_welcome():
    a, b = Affine(np.int64(4), np.uint8(3), seed=np.int64(7)), Affine(4, 3, seed=7)
    assert np.array_equal(a.W.data, b.W.data) and type(a.fan_in) is type(a.seed) is int


# ---- Dropout


def test_dropout_rate_and_scale():
    layer = Dropout(0.25, seed=0)
    Y = layer(np.ones((400, 500), np.float32)).data
    assert set(np.unique(Y)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((Y == 0).mean() - 0.25) < 0.005 and abs(Y.mean() - 1) < 0.01
    assert not np.array_equal(Y, layer(np.ones((400, 500), np.float32)).data)


def test_dropout_modes():
    X = Tensor(draw(3, 4), requires_grad=True)
    layer = Dropout(0.5)
    assert layer.eval()(X) is X and Dropout(0.0)(X) is X and Dropout(training=False)(X) is X
    assert layer.train()(X) is not X
    assert not Dropout(1)(X).data.any()


def test_dropout_gradient_uses_the_mask():
    X = Tensor(np.ones((50, 4)), requires_grad=True)
    Y = Dropout(0.5, seed=3)(X)
    Y.sum().backward()
    assert np.array_equal(X.grad, Y.data)


def test_evaluation_draws_nothing():
    layer = Dropout(0.5, seed=0)
    before = layer.state().literals
    layer.eval()(draw(3))
    assert layer.state().literals == before
