"""Recurrent layers: what the formulas say, what lengths mean, and what carries over from one call to the next."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pureml_core import Tensor, default_dtype, no_grad, set_default_dtype
from pureml_nn import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell

KINDS = [RNN, GRU, LSTM]
kinds = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(autouse=True)
def float64():
    before = default_dtype()
    set_default_dtype(np.float64)
    yield
    set_default_dtype(before)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def parts(state):
    return state if isinstance(state, tuple) else (state,)


def close(a, b):
    np.testing.assert_allclose(getattr(a, "data", a), getattr(b, "data", b), rtol=1e-12, atol=1e-14)


# ---- by hand


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def with_weights(cell, W_ih, W_hh, b_ih, b_hh):
    for name, value in {"W_ih": [W_ih], "W_hh": [W_hh], "b_ih": b_ih, "b_hh": b_hh}.items():
        getattr(cell, name).data = np.array(value, float)
    return cell


def test_lstm_by_hand():
    cell = with_weights(LSTMCell(1, 1), [0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8], [1, 2, 3, 4], [0.1, 0.2, 0.3, 0.4])
    x, h, c = 2.0, 3.0, 0.5
    i, f, o = sigmoid(0.2 + 1.5 + 1.1), sigmoid(0.4 + 1.8 + 2.2), sigmoid(0.8 + 2.4 + 4.4)
    c_new = f * c + i * math.tanh(0.6 + 2.1 + 3.3)
    found = cell(np.array([x]), (np.array([h]), np.array([c])))
    close(found[0], [o * math.tanh(c_new)])
    close(found[1], [c_new])


def test_gru_by_hand():
    cell = with_weights(GRUCell(1, 1), [0.1, 0.2, 0.3], [0.5, 0.6, 0.7], [1, 2, 3], [0.1, 0.2, 0.3])
    x, h = 2.0, 3.0
    r, z = sigmoid(0.2 + 1.5 + 1.1), sigmoid(0.4 + 1.8 + 2.2)
    n = math.tanh(0.6 + 3 + r * (2.1 + 0.3))
    close(cell(np.array([x]), np.array([h])), [(1 - z) * n + z * h])


@pytest.mark.parametrize(("nonlinearity", "f"), [("tanh", math.tanh), ("relu", lambda x: max(x, 0.0))])
def test_rnn_by_hand(nonlinearity, f):
    cell = with_weights(RNNCell(1, 1, nonlinearity=nonlinearity), [-0.7], [0.5], [0.1], [-0.4])
    for x, h in ((2.0, 3.0), (-1.0, 1.5)):
        close(cell(np.array([x]), np.array([h])), [f(-0.7 * x + 0.1 + 0.5 * h - 0.4)])


# ---- sequences


@kinds
def test_a_sequence_is_a_loop_of_cells(kind):
    layer, X = kind(3, 4, seed=0), draw(2, 5, 3)
    cell, state, outputs = layer.cells[0][0], None, []
    for t in range(5):
        state = cell(X[:, t], state)
        outputs.append(parts(state)[0].data)
    Y, last = layer(X)
    close(Y, np.stack(outputs, axis=1))
    for found, wanted in zip(parts(last), parts(state), strict=True):
        close(found, wanted.data[None])


@kinds
def test_a_state_carries_over(kind):
    layer, X = kind(3, 4, 2, seed=0), draw(2, 7, 3)
    whole, end = layer(X)
    first, state = layer(X[:, :3])
    second, last = layer(X[:, 3:], state)
    close(np.concatenate([first.data, second.data], axis=1), whole)
    for a, b in zip(parts(last), parts(end), strict=True):
        close(a, b)


@kinds
def test_both_directions(kind):
    layer, X = kind(3, 4, bidirectional=True, seed=0), draw(2, 5, 3)
    Y, state = layer(X)
    one, other = kind(3, 4), kind(3, 4)
    one.cells[0][0], other.cells[0][0] = layer.cells[0]
    forth, h = one(X)
    back, g = other(X[:, ::-1])
    close(Y[:, :, :4], forth)
    close(Y[:, :, 4:], back[:, ::-1])
    close(parts(state)[0], np.concatenate([parts(h)[0].data, parts(g)[0].data]))


@kinds
@given(lengths=st.lists(st.integers(0, 4), min_size=1, max_size=4), layers=st.integers(1, 2), both=st.booleans())
@settings(deadline=None, max_examples=25)
def test_lengths_are_those_of_the_sequences_alone(kind, lengths, layers, both):
    layer = kind(2, 3, layers, bidirectional=both, seed=0)
    X = draw(len(lengths), 4, 2)
    for b, n in enumerate(lengths):
        X[b, n:] = np.nan
    x = Tensor(X, requires_grad=True)
    Y, state = layer(x, lengths=lengths)
    gs = [draw(*y.shape, seed=k) for k, y in enumerate((Y, *parts(state)))]
    sum((y * g).sum() for y, g in zip((Y, *parts(state)), gs, strict=True)).backward()
    grads = [p.grad for p in layer.parameters]
    for p in layer.parameters:
        p.grad = None
    for b, n in enumerate(lengths):
        alone = Tensor(X[b : b + 1, :n], requires_grad=True)
        y, last = layer(alone)
        assert not Y.data[b, n:].any()
        close(Y[b, :n], y[0])
        for all_, one in zip(parts(state), parts(last), strict=True):
            close(all_[:, b], one[:, 0])
        found = zip((y, *parts(last)), [gs[0][b : b + 1, :n], *(g[:, b : b + 1] for g in gs[1:])], strict=True)
        sum((v * g).sum() for v, g in found).backward()
        assert not x.grad[b, n:].any()
        np.testing.assert_allclose(x.grad[b : b + 1, :n], 0 if alone.grad is None else alone.grad, atol=1e-12)
    for p, g in zip(layer.parameters, grads, strict=True):
        np.testing.assert_allclose(0 if p.grad is None else p.grad, 0 if g is None else g, rtol=1e-9, atol=1e-12)


def test_lengths_come_as_any_integers():
    layer, X = GRU(2, 3, seed=0), draw(2, 4, 2)
    wanted = layer(X, lengths=[3, 4])[0]
    for lengths in ((3, 4), np.array([3, 4], np.uint8), Tensor(np.array([3, 4]))):
        close(layer(X, lengths=lengths)[0], wanted)
    close(layer(X, lengths=[4, 4])[0], layer(X)[0])


def test_what_is_padded_does_not_grow():
    layer = RNN(1, 2, nonlinearity="relu", seed=0)
    layer.cells[0][0].W_hh.data = np.full((2, 2), 9.0)
    x = Tensor(np.ones((2, 400, 1)), requires_grad=True)
    Y, h = layer(x, lengths=[1, 2])
    (Y.sum() + h.sum()).backward()
    assert np.isfinite(Y.data).all() and np.isfinite(x.grad).all()


@kinds
def test_large_inputs_saturate(kind):
    X = Tensor(1e4 * draw(2, 3, 2), requires_grad=True)
    Y, _ = kind(2, 3, seed=0)(X)
    Y.sum().backward()
    assert (abs(Y.data) <= 1).all() and np.isfinite(X.grad).all()


# ---- gradients


@kinds
def test_gradients_only_where_needed(kind):
    layer, X = kind(2, 3, seed=0), Tensor(draw(2, 4, 2))
    cell = layer.cells[0][0]
    cell.W_ih.requires_grad = cell.b_hh.requires_grad = False
    layer(X)[0].sum().backward()
    assert X.grad is None and cell.W_ih.grad is None and cell.b_hh.grad is None
    assert cell.W_hh.grad.any() and cell.b_ih.grad.any()
    with no_grad():
        assert not layer(X)[0].requires_grad


@kinds
def test_two_sweeps_add_up(kind):
    layer, X = kind(2, 3, seed=0), draw(2, 4, 2)
    Y, state = layer(X)
    Y.sum().backward(keep_graph=True)
    once = [p.grad.copy() for p in layer.parameters]
    Y.sum().backward(keep_graph=True)
    for p, g in zip(layer.parameters, once, strict=True):
        close(p.grad, 2 * g)
    parts(state)[-1].sum().backward()
    assert any((p.grad != 2 * g).any() for p, g in zip(layer.parameters, once, strict=True))


def test_truncated_gradients():
    """A state that is detached carries its values on, and no gradient back."""
    layer, X = LSTM(2, 3, seed=0), Tensor(draw(1, 4, 2), requires_grad=True)
    _, (h, c) = layer(X[:, :2])
    layer(X[:, 2:], (h.detach(), c.detach()))[0].sum().backward()
    assert not X.grad[:, :2].any() and X.grad[:, 2:].any()


# ---- weights and settings


@kinds
def test_weights_are_drawn_as_documented(kind):
    layer = kind(30, 64, seed=0)
    assert all(0.9 / 8 < abs(p.data).max() <= 1 / 8 for p in layer.parameters)
    cell = kind(30, 64, method="orthogonal", seed=0).cells[0][0]
    for k in range(cell.gates):
        W = cell.W_hh.data[:, 64 * k : 64 * (k + 1)]
        close(W.T @ W, np.eye(64))
    assert abs(cell.W_ih.data).max() <= math.sqrt(6 / 94)
    assert not cell.b_hh.data.any()
    open_gates = cell.b_ih.data.reshape(cell.gates, 64).mean(axis=1).tolist()
    assert open_gates == ([0, 1, 0, 0] if kind is LSTM else [0] * cell.gates)


@kinds
def test_seeds(kind):
    def weights(**options):
        return np.concatenate([p.data.ravel() for p in kind(2, 3, 2, bidirectional=True, **options).parameters])

    assert np.array_equal(weights(seed=3), weights(seed=3))
    assert not np.array_equal(weights(seed=3), weights(seed=4)) and len(set(weights(seed=3))) == len(weights())


def test_dropout_is_between_layers_only():
    X = draw(2, 4, 3)
    one = LSTM(3, 4, dropout=0.9, seed=0)
    close(one(X)[0], one.eval()(X)[0])
    two = LSTM(3, 4, 2, dropout=0.5, seed=0)
    Y, (h, _) = two(X)
    Z, (g, _) = two.eval()(X)
    close(h[0], g[0])
    assert (Y.data != Z.data).any() and Y.data.all()
    assert list(two.state().literals["generators"]) == ["between.rng"]


def test_integers_and_single_precision():
    set_default_dtype(np.float32)
    for kind in KINDS:
        layer = kind(2, 3, 2, bidirectional=True)
        for X in (np.ones((2, 4, 2), int), np.ones((2, 4, 2)), np.ones((2, 4, 2), np.float16)):
            Y, state = layer(X, lengths=[4, 2])
            assert all(y.dtype == np.float32 for y in (Y, *parts(state)))
        given = tuple(np.ones((4, 2, 3)) for _ in parts(state))
        Y, _ = layer(X, given if len(given) > 1 else given[0])
        assert Y.dtype == np.float32


@kinds
def test_names_of_the_state(kind):
    names = list(kind(2, 3, 2, bidirectional=True).state().arrays)
    assert len(names) == 16 and names[:5] == [
        *(f"cells.0.0.{w}" for w in ("W_ih", "W_hh", "b_ih", "b_hh")),
        "cells.0.1.W_ih",
    ]
    assert kind(2, 3, bias=False).cells[0][0].b_ih is None
    with pytest.raises(ValueError, match="setting 'bidirectional' is True there, False here"):
        kind(2, 3).restore(kind(2, 3, bidirectional=True).state())
