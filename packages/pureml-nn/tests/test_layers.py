"""Every layer, from one table: shapes, gradients, precision, state."""

import numpy as np
import pureml_nn
import pytest
from nn_cases import ERRORS, LAYERS, checks
from nn_cases.case import outputs
from pureml_core import Parameter, Tensor, detect_anomaly, no_grad
from pureml_nn import Affine, Dropout, Layer, Linear, Sequential


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


TABLE = pytest.mark.parametrize("case", LAYERS, ids=str)


@TABLE
def test_shapes_and_precision(case):
    checks.check_shapes_and_precision(case)


@TABLE
def test_arrays_are_taken_and_left_alone(case):
    checks.check_inputs_left_alone(case)


@TABLE
def test_gradients(case):
    checks.check_gradients(case)


@TABLE
def test_state_round_trip_continues_bit_for_bit(case):
    checks.check_state(case)


@TABLE
def test_copies_are_equal_and_apart(case):
    checks.check_copies(case)


@TABLE
def test_evaluation_repeats_itself_and_differs_from_training(case):
    checks.check_modes(case)


@pytest.mark.parametrize("error", ERRORS, ids=str)
def test_bad_input_of_the_table(error):
    with pytest.raises(error.kind, match=error.message):
        error.call()


def test_every_layer_has_a_row():
    def inside(item):
        if isinstance(item, Layer):
            yield type(item)
            for value in vars(item).values():
                yield from inside(value)
        elif isinstance(item, list | tuple):
            for value in item:
                yield from inside(value)

    tried = {kind for case in LAYERS for kind in inside(case.make())}
    public = {x for x in vars(pureml_nn).values() if isinstance(x, type) and issubclass(x, Layer)}
    assert public - tried - {Layer, pureml_nn.NN} == set()


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
    (lambda: Affine(4, 3, "xavier"), ValueError, r"'xavier'.*kaiming-normal.*xavier-glorot-normal"),
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


@TABLE
def test_the_anomaly_mode_finds_no_nan_and_no_write_into_what_a_gradient_needs(case):
    layer = case.make()
    xs = [Tensor(x, requires_grad=True) if checks.is_floating(x) else x for x in case.arrays()]
    with detect_anomaly(inf=False):  # maxima start from -inf
        for y in outputs(layer(*xs, **case.settings)):
            if y.requires_grad:
                y.backward(keep_graph=True)
                y.backward()
                break
