"""Attention, transformer layers and positions: what a user relies on beyond the table."""

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pureml_core import Tensor, no_grad
from pureml_nn import (
    LearnedPositions,
    MultiHeadAttention,
    RotaryPositions,
    SinusoidalPositions,
    TransformerDecoderLayer,
    TransformerEncoderLayer,
    scaled_dot_product_attention,
)
from pureml_nn.layers.attention import LIMIT


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def by_hand(q, k, v, allowed=True, added=0.0):
    """The formula, row by row, with 0 where nothing is allowed."""
    s = q @ np.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1]) + added
    s = np.where(allowed, s, -np.inf)
    m = s.max(axis=-1, keepdims=True, initial=-1e300)
    p = np.exp(s - m)
    return p / np.maximum(p.sum(axis=-1, keepdims=True), 1e-300) @ v


# ---- the core


@given(
    st.lists(st.integers(0, 3), max_size=2),
    st.integers(0, 4),
    st.integers(0, 4),
    st.integers(1, 3),
    st.integers(0, 3),
    st.sampled_from([0.1, 1.0, 100.0]),
    st.booleans(),
    st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_it_is_the_formula_for_all_shapes_and_sizes(lead, T, S, D, E, size, causal, seed):
    rng = np.random.default_rng(seed)
    q, k, v = (rng.standard_normal((*lead, *shape)) for shape in ((T, D), (S, D), (S, E)))
    allowed = rng.random((T, S)) < 0.7
    y = scaled_dot_product_attention(size * q, k, v, mask=allowed, causal=causal)
    expected = by_hand(size * q, k, v, allowed & np.tri(T, S, dtype=bool) if causal else allowed)
    np.testing.assert_allclose(y.data, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("size", [0.1, 1.0, 300.0])
def test_rows_where_nothing_is_allowed_are_zero_and_silent(size):
    allowed = np.array([[True, True, False], [False, False, False]])
    for mask in (allowed, np.where(allowed, 0.0, -np.inf)):
        q, k, v = (Tensor(size * draw(n, 4, seed=n), requires_grad=True) for n in (2, 3, 3))
        y = scaled_dot_product_attention(q, k, v, mask=mask)
        assert (y.data[1] == 0).all() and (y.data[0] != 0).all()
        y.backward(np.ones(y.shape))
        assert (q.grad[1] == 0).all() and (k.grad[2] == 0).all() and (v.grad[2] == 0).all()
        assert all(np.isfinite(t.grad).all() for t in (q, k, v))


def test_logits_of_any_size_stay_finite():
    for dtype in (np.float32, np.float64):
        for logit in (LIMIT - 1, LIMIT + 1, 1e4, 1e30):
            q = Tensor(np.array([[logit], [-logit]], dtype), requires_grad=True)
            k, v = (Tensor(np.array(x, dtype), requires_grad=True) for x in ([[1.0], [0.0]], [[2.0], [3.0]]))
            y = scaled_dot_product_attention(q, k, v, scale=1.0)
            np.testing.assert_allclose(y.data, [[2.0], [3.0]], rtol=1e-6)
            y.backward(np.full(y.shape, 1e-12))
            assert y.dtype == dtype and all(np.isfinite(t.grad).all() for t in (q, k, v))
            np.testing.assert_allclose(v.grad, [[1e-12], [1e-12]], rtol=1e-5)


def test_values_that_no_query_may_see_do_not_matter():
    k, v = draw(3, 4, seed=1), draw(3, 4, seed=2)
    k[2] = [1e30, np.inf, np.nan, 0]
    allowed = np.array([True, True, False])
    with np.errstate(invalid="ignore", over="ignore"):
        y = scaled_dot_product_attention(draw(2, 4), k, v, mask=allowed)
    np.testing.assert_allclose(y.data, by_hand(draw(2, 4), k[:2], v[:2]))


def test_causal_does_not_see_the_future():
    layer = MultiHeadAttention(4, 2, seed=0, rotary=True)
    X = draw(1, 5, 4).astype(np.float32)
    before = layer(X, causal=True).data
    X[:, 3:] += 1
    after = layer(X, causal=True).data
    assert np.array_equal(before[:, :3], after[:, :3]) and not np.isclose(before[:, 3:], after[:, 3:]).any()


def test_padding_is_as_good_as_absence():
    layer = TransformerEncoderLayer(4, 2, seed=0).eval().astype(np.float64)
    X, short = draw(2, 5, 4), draw(2, 5, 4)[:, :3]
    padding = np.broadcast_to(np.arange(5) >= 3, (2, 5))
    np.testing.assert_allclose(layer(X, key_padding_mask=padding).data[:, :3], layer(short).data, rtol=1e-12)


def test_dropout_keeps_the_mean_and_repeats_with_its_seed():
    q, k, v = draw(2, 3), draw(4, 3, seed=1), draw(4, 3, seed=2)
    draws = [scaled_dot_product_attention(q, k, v, dropout=0.5, rng=seed).data for seed in range(2000)]
    assert np.array_equal(draws[7], scaled_dot_product_attention(q, k, v, dropout=0.5, rng=7).data)
    np.testing.assert_allclose(np.mean(draws, axis=0), by_hand(q, k, v), atol=0.1)
    assert not scaled_dot_product_attention(q, k, v, dropout=1.0).data.any()


def test_a_mask_of_each_sequence_and_of_each_head():
    layer, X = MultiHeadAttention(4, 2, seed=0).astype(np.float64), draw(3, 3, 4)
    masks = np.random.default_rng(1).random((3, 3, 3)) < 0.5
    Y = layer(X, mask=masks).data
    for i in range(3):  # batch = positions, where an axis at the wrong place would hide
        np.testing.assert_allclose(Y[i], layer(X[i], mask=masks[i]).data)
    heads = np.stack([np.tri(3, dtype=bool), np.ones((3, 3), bool)])
    _, weights = layer(X, mask=heads[None], need_weights=True)
    assert (weights.data[:, 0, 0, 1:] == 0).all() and (weights.data[:, 1] > 0).all()
    np.testing.assert_allclose(weights.data.sum(axis=-1), 1)


def test_one_input_is_three_times_the_same():
    layer, X = MultiHeadAttention(4, 2, seed=0), Tensor(draw(2, 3, 4).astype(np.float32), requires_grad=True)
    grads = []
    for inputs in ((X,), (X, X), (X, X, X), (X, X * 1)):
        X.zero_grad()
        Y = layer(*inputs)
        Y.sum().backward()
        grads.append((Y.data, X.grad.copy()))
    for Y, dX in grads[1:]:
        np.testing.assert_allclose(Y, grads[0][0], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(dX, grads[0][1], rtol=1e-5, atol=1e-5)


def test_weights_are_named_and_settings_compared():
    layer = MultiHeadAttention(4, 2)
    assert list(layer.state().arrays) == [f"{part}.{w}" for part in ("query", "key", "value", "out") for w in "Wb"]
    with pytest.raises(ValueError, match="heads"):
        layer.restore(MultiHeadAttention(4, 4).state())
    other = TransformerEncoderLayer(4, 2, activation="gelu", seed=3)
    assert len(TransformerDecoderLayer(4, 2).parameters) == 2 * 8 + 4 + 6
    with pytest.raises(ValueError, match="activation"):
        TransformerEncoderLayer(4, 2, seed=3).restore(other.state())


def test_a_seed_draws_the_same_layer():
    a, b, c = (TransformerEncoderLayer(4, 2, seed=seed) for seed in (5, 5, 6))
    X = draw(2, 3, 4)
    assert np.array_equal(a(X).data, b(X).data) and not np.allclose(a(X).data, c(X).data)
    layers = [a.attention.query, a.attention.key, a.attention.value, a.attention.out]
    assert len({layer.W.data.tobytes() for layer in layers}) == 4


def test_a_second_sweep_has_the_gradient_of_its_own_seed():
    layer = MultiHeadAttention(4, 2, seed=0).astype(np.float64)
    X = Tensor(draw(2, 3, 4), requires_grad=True)
    Y = layer(X)
    found = []
    for size in (1.0, 2.0):
        X.zero_grad()
        Y.backward(np.full(Y.shape, size), keep_graph=True)
        found.append(X.grad.copy())
    np.testing.assert_allclose(found[1], 2 * found[0])


def test_half_precision_goes_through():
    q = draw(3, 4).astype(np.float16)
    y = scaled_dot_product_attention(q, q, q, causal=True)
    assert y.dtype == np.float16
    np.testing.assert_allclose(y.data, by_hand(*[q.astype(float)] * 3, np.tri(3, dtype=bool)), atol=1e-2)


# ---- transformers


def test_a_decoder_looks_at_its_memory():
    layer = TransformerDecoderLayer(4, 2, dropout=0, seed=0)
    X, memory = draw(2, 3, 4), draw(2, 5, 4, seed=1)
    hidden = np.zeros((2, 5), bool)
    hidden[:, 4] = True
    changed = memory.copy()
    changed[:, 4] += 1
    assert not np.allclose(layer(X, memory).data, layer(X, changed).data)
    assert np.array_equal(
        layer(X, memory, memory_key_padding_mask=hidden).data, layer(X, changed, memory_key_padding_mask=hidden).data
    )


def test_order_does_not_matter_without_positions():
    layer = TransformerEncoderLayer(4, 2, dropout=0, seed=0).astype(np.float64)
    X, order = draw(1, 5, 4), np.array([3, 0, 4, 1, 2])
    np.testing.assert_allclose(layer(X[:, order]).data, layer(X).data[:, order], rtol=1e-12)
    placed = SinusoidalPositions(4)
    assert not np.allclose(layer(placed(X[:, order])).data, layer(placed(X)).data[:, order])


# ---- positions


def test_sinusoids_by_hand():
    Y = SinusoidalPositions(4)(np.zeros((2, 3, 4))).data
    expected = [[np.sin(t), np.cos(t), np.sin(t / 100), np.cos(t / 100)] for t in range(3)]
    np.testing.assert_allclose(Y, [expected, expected], atol=1e-15)
    np.testing.assert_allclose(SinusoidalPositions(4)(np.zeros((1, 4)), start=2).data, [expected[2]], atol=1e-15)


def test_positions_go_on_where_they_are_told():
    X = draw(2, 6, 4)
    for layer in (SinusoidalPositions(4), RotaryPositions(4), LearnedPositions(6, 4).astype(np.float64)):
        whole = layer(X).data
        parts = [layer(X[:, :2]).data, layer(X[:, 2:], start=2).data]
        np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
        assert copy.deepcopy(layer).state().literals == layer.state().literals


def test_rotary_turns_pairs():
    Y = RotaryPositions(4)(np.array([[1.0, 0.0, 0.0, 1.0]] * 3)).data
    expected = [[np.cos(t), np.sin(t), -np.sin(t / 100), np.cos(t / 100)] for t in range(3)]
    np.testing.assert_allclose(Y, expected, atol=1e-15)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_rotary_products_depend_on_the_distance_alone(i, j, shift):
    turn = RotaryPositions(8)
    q, k = draw(1, 8), draw(1, 8, seed=1)

    def product(i, j):
        return (turn(q, start=i).data * turn(k, start=j).data).sum()

    assert np.isclose(product(i, j), product(i + shift, j + shift), rtol=1e-9, atol=1e-9)


def test_learned_positions_train_the_rows_they_use():
    layer = LearnedPositions(5, 4, seed=0)
    layer(np.zeros((3, 2, 4)), start=1).sum().backward()
    assert layer.W.grad[:, 0].tolist() == [0, 3, 3, 0, 0]
    assert np.array_equal(LearnedPositions(5, 4, W=layer.W).W.data, layer.W.data)
    with pytest.raises(ValueError, match=r"\(5, 4\)"):
        LearnedPositions(5, 4, W=np.zeros((4, 5)))
    with no_grad():
        assert not layer(np.zeros((2, 4))).requires_grad
