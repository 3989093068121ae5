"""Convolution and pooling: what users rely on, in plain numbers and against plain loops."""

import numpy as np
import pureml_nn as nn
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pureml_core import Parameter, Tensor, no_grad
from pureml_nn import Conv1D, Conv2D, ConvTranspose1D, ConvTranspose2D, MaxPool1D, MaxPool2D, MeanPool1D, MeanPool2D
from pureml_nn.layers import columns

RNG = np.random.default_rng(0)


def draw(*shape):
    return RNG.standard_normal(shape)


def by_loops(X, W, b, stride, padding, dilation, groups):
    """The sum of a convolution, one output at a time."""
    X = np.pad(X, ((0, 0), (0, 0), *((p, p) for p in padding)))
    B, _, H, width = X.shape
    O, of_group, kH, kW = W.shape
    out = [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip((H, width), (kH, kW), stride, dilation, strict=True)]
    Y = np.zeros((B, O, *out))
    for at, o, h, w in np.ndindex(*Y.shape):
        first = o // (O // groups) * of_group
        window = X[
            at,
            first : first + of_group,
            h * stride[0] : h * stride[0] + dilation[0] * (kH - 1) + 1 : dilation[0],
            w * stride[1] : w * stride[1] + dilation[1] * (kW - 1) + 1 : dilation[1],
        ]
        Y[at, o, h, w] = (window * W[o]).sum() + b[o]
    return Y


pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 4), st.integers(1, 2), st.integers(1, 2), st.integers(1, 2), pairs, pairs, pairs,
    st.tuples(st.integers(0, 2), st.integers(0, 2)), st.tuples(st.integers(0, 3), st.integers(0, 3)),
    st.sampled_from([1, 30, 2**18]),
)  # fmt: skip
def test_any_geometry(B, groups, of_group, outs, kernel, stride, dilation, padding, more, entries):
    """Values against loops, and gradients as those of a linear map: Σ dX X = Σ dW W = Σ g (Y - b), dB = Σ g.

    Also when the columns are made in many pieces.
    """
    C, O = groups * of_group, groups * outs
    H, width = (d * (k - 1) + 1 + n for k, d, n in zip(kernel, dilation, more, strict=True))
    old, columns.ENTRIES = columns.ENTRIES, entries
    try:
        X = Tensor(draw(B, C, H, width), requires_grad=True)
        W, b = draw(O, of_group, *kernel), draw(O)
        layer = Conv2D(C, O, kernel, stride, padding, dilation, W=W, b=b, groups=groups)
        Y = layer(X)
        g = draw(*Y.shape)
        Y.backward(g)
        np.testing.assert_allclose(Y.data, by_loops(X.data, W, b, stride, padding, dilation, groups), atol=1e-12)
        linear = (g * (Y.data - b[:, None, None])).sum()
        np.testing.assert_allclose([(X.grad * X.data).sum(), (layer.W.grad * W).sum()], linear, atol=1e-9)
        np.testing.assert_allclose(layer.b.grad, g.sum(axis=(0, 2, 3)), atol=1e-12)

        # ⟨conv(x), y⟩ = ⟨x, conv_transpose(y)⟩
        extra = [(n + 2 * p - d * (k - 1) - 1) % s for n, p, k, s, d in
                 zip((H, width), padding, kernel, stride, dilation, strict=True)]  # fmt: skip
        if all(e < max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
            back = ConvTranspose2D(
                O, C, kernel, stride, padding, tuple(extra), dilation, W=W, use_bias=False, groups=groups
            )
            np.testing.assert_allclose(back(g).data, X.grad, atol=1e-12)
    finally:
        columns.ENTRIES = old


@pytest.mark.parametrize("B", [1, 2, 3, 4, 5])
def test_the_weights_gradient_for_every_batch(B):
    layer = Conv2D(2, 3, 2, W=draw(3, 2, 2, 2), b=draw(3))
    X, g = draw(B, 2, 4, 4), draw(B, 3, 3, 3)
    layer(X).backward(g)
    windows = np.lib.stride_tricks.sliding_window_view(X, (2, 2), axis=(2, 3))
    np.testing.assert_allclose(layer.W.grad, np.einsum("bohw,bchwij->ocij", g, windows), rtol=1e-12)


def test_a_filter_in_numbers():
    X = np.arange(16.0).reshape(1, 1, 4, 4)
    layer = Conv2D(1, 1, 2, W=[[[[1.0, 2.0], [3.0, 4.0]]]], b=[10.0])
    assert layer(X).data.tolist() == [[[[44, 54, 64], [84, 94, 104], [124, 134, 144]]]]  # not turned round
    layer = Conv1D(1, 2, 2, stride=2, W=[[[1.0, -1.0]], [[0.5, 0.5]]], use_bias=False)
    assert layer(X.reshape(1, 1, 16)[..., :6]).data.tolist() == [[[-1, -1, -1], [0.5, 2.5, 4.5]]]
    layer = ConvTranspose1D(1, 1, 3, 2, W=[[[1.0, 2.0, 3.0]]], b=[0.5])
    assert layer(np.array([[[1.0, 10.0]]])).data.tolist() == [[[1.5, 2.5, 13.5, 20.5, 30.5]]]


def test_signals_are_images_of_one_row():
    X, W, b = draw(2, 3, 9), draw(4, 3, 3), draw(4)
    for options in ({}, {"stride": 2, "padding": 1}, {"dilation": 2, "padding": 2}):
        one = Conv1D(3, 4, 3, W=W, b=b, **options)(X)
        pairs = {name: (0 if name == "padding" else 1, value) for name, value in options.items()}
        two = Conv2D(3, 4, (1, 3), W=W[:, :, None], b=b, **pairs)(X[:, :, None])
        np.testing.assert_allclose(one.data, two.data[:, :, 0], rtol=1e-13)


@pytest.mark.parametrize("n", [1, 4, 5, 6, 7])
@pytest.mark.parametrize("k", [1, 2, 3, 4])
@pytest.mark.parametrize("s", [1, 2, 3])
def test_same_padding_divides_the_length_by_the_stride(n, k, s):
    X = np.ones((1, 1, n))
    assert Conv1D(1, 1, k, s, "same")(X).shape == (1, 1, -(-n // s))
    assert MaxPool1D(k, s, "same")(X).data.tolist() == [[[1] * -(-n // s)]]


def test_padding_with_another_value():
    X = np.zeros((1, 1, 2))
    layer = Conv1D(1, 1, 3, padding=1, pad_with=2.0, W=np.ones((1, 1, 3)), use_bias=False)
    assert layer(X).data.tolist() == [[[2, 2]]]
    assert MeanPool1D(2, 2, 1, pad_with=4.0)(X).data.tolist() == [[[2, 2]]]


def test_what_a_convolution_is_made_of():
    layer = Conv2D(4, 6, (2, 3), 2, "same", seed=1, groups=2, use_bias=False)
    assert layer.W.shape == (6, 2, 2, 3) and layer.b is None and layer.W.dtype == np.float32
    assert (layer.kernel_size, layer.stride, layer.dilation, layer.padding) == ((2, 3), (2, 2), (1, 1), "same")
    assert Conv1D(2, 3).W.shape == (3, 2, 1) and Conv1D(2, 3, (np.int64(2),)).kernel_size == (2,)
    assert ConvTranspose2D(4, 6, 3, groups=2).W.shape == (4, 3, 3, 3)
    shared = Parameter(draw(3, 2, 2), np.float64)
    assert Conv1D(2, 3, 2, W=shared).W is shared and Conv1D(2, 3, 2, W=shared).b.dtype == np.float64
    assert np.array_equal(Conv2D(2, 3, 2, seed=5).W.data, Conv2D(2, 3, 2, seed=5).W.data)
    assert MaxPool2D(3).stride == (3, 3) and MaxPool2D(3, 1).stride == (1, 1) and MeanPool1D((2,)).stride == (2,)


@pytest.mark.parametrize(
    ("method", "nonlinearity", "std"),
    [
        ("kaiming-normal", "relu", (2 / 180) ** 0.5),
        ("kaiming-uniform", "linear", (1 / 180) ** 0.5),
        ("kaiming-normal", "tanh", 5 / 3 / 180**0.5),
        ("xavier-glorot-normal", "relu", (2 / (180 + 360)) ** 0.5),
        ("lecun-normal", "relu", (1 / 180) ** 0.5),
    ],
)
def test_spread_of_the_weights(method, nonlinearity, std):
    layer = Conv2D(20, 40, 3, method=method, nonlinearity=nonlinearity, seed=0)
    assert abs(layer.W.data.std() / std - 1) < 0.03 and not layer.b.data.any()
    layer = Conv1D(40, 80, 9, groups=2, method=method, nonlinearity=nonlinearity, seed=0)
    assert abs(layer.W.data.std() / std - 1) < 0.03


def test_how_weights_were_drawn_is_no_setting():
    one, other = Conv2D(1, 2, 3, seed=0), Conv2D(1, 2, 3, seed=1, method="zeros", nonlinearity="tanh")
    assert other.restore(one.state()) == [] and np.array_equal(one.W.data, other.W.data)
    with pytest.raises(ValueError, match=r"setting 'padding' is \(0, 0\) there, \(1, 1\) here"):
        Conv2D(1, 2, 3, padding=1).restore(one.state())
    pool = MaxPool2D(2)
    assert MaxPool2D(2).restore(pool.state()) == []  # padded with -∞


def test_integers_and_bytes_become_numbers():
    images = np.arange(18, dtype=np.uint8).reshape(2, 1, 3, 3)
    layer = Conv2D(1, 1, 2, W=np.ones((1, 1, 2, 2), np.float32))
    assert layer(images).dtype == np.float32
    assert layer(images).data[0, 0].tolist() == [[8, 12], [20, 24]]


def test_any_layout_of_the_input():
    layer = Conv2D(3, 2, 3, seed=0)
    X = draw(2, 5, 6, 3).astype(np.float32)  # channels last
    turned = np.moveaxis(X, -1, 1)
    assert np.array_equal(layer(turned).data, layer(np.ascontiguousarray(turned)).data)


def test_only_wanted_gradients_are_computed():
    X = Tensor(draw(2, 1, 4, 4))
    layer = Conv2D(1, 2, 3)
    layer.W.requires_grad = False
    layer(X).sum().backward()
    assert layer.W.grad is None and layer.b.grad.tolist() == [8, 8] and X.grad is None
    with no_grad():
        assert not layer(X).requires_grad and not MaxPool2D(2)(X).requires_grad


# ---- pooling


def gradient(layer, X):
    X = Tensor(np.array(X, float), requires_grad=True)
    Y = layer(X)
    Y.backward(np.arange(1.0, Y.size + 1).reshape(Y.shape))
    return Y.data.tolist(), X.grad.tolist()


def test_the_first_maximum_gets_the_gradient():
    assert gradient(MaxPool2D(2), [[[[0, 5], [5, 5]]]]) == ([[[[5]]]], [[[[0, 1], [0, 0]]]])  # row by row
    assert gradient(MaxPool2D(2), [[[[0, 1], [5, 5]]]])[1] == [[[[0, 0], [1, 0]]]]
    assert gradient(MaxPool1D(3), [[[2, 2, 2, 1, 3, 3]]]) == ([[[2, 3]]], [[[1, 0, 0, 0, 2, 0]]])
    assert gradient(MaxPool1D(2, 1), [[[2, 2, 1]]]) == ([[[2, 2]]], [[[1, 2, 0]]])
    assert gradient(nn.GlobalMaxPool1D(), [[[1, 4, 4]]]) == ([[4]], [[[0, 1, 0]]])
    assert gradient(nn.AdaptiveMaxPool1D(2), [[[4, 4, 4]]]) == ([[[4, 4]]], [[[1, 2, 0]]])


def test_padding_never_wins_in_a_maximum():
    X = -np.ones((1, 1, 2, 2))
    assert MaxPool2D(2, 2, 1)(X).data.tolist() == [[[[-1, -1], [-1, -1]]]]
    assert MaxPool2D(2, 2, 1, 1, 0.0)(X).data.tolist() == [[[[0, 0], [0, 0]]]]  # unless asked for
    assert gradient(MaxPool1D(3, 2, 1), [[[-3, -2, -1]]]) == ([[[-2, -1]]], [[[0, 1, 2]]])


def test_padding_counts_in_a_mean():
    assert MeanPool2D(2, 2, 1)(np.ones((1, 1, 2, 2))).data.tolist() == [[[[0.25, 0.25], [0.25, 0.25]]]]
    assert gradient(MeanPool1D(2, 1), [[[1, 3, 5]]]) == ([[[2, 4]]], [[[0.5, 1.5, 1]]])


def test_wide_windows():
    X = draw(2, 300)[:, None]
    layer = MaxPool1D(290, 10)
    tracked = Tensor(X, requires_grad=True)
    Y = layer(tracked)
    np.testing.assert_array_equal(Y.data[..., 1], X[..., 10:].max(-1))
    Y.sum().backward()
    assert tracked.grad[0, 0, X[0, 0, :290].argmax()] >= 1 and tracked.grad.sum() == 4


def test_adaptive_and_global():
    X = np.arange(10.0).reshape(1, 2, 5)
    assert nn.AdaptiveMeanPool1D(3)(X).data.tolist() == [[[0.5, 2, 3.5], [5.5, 7, 8.5]]]
    assert nn.AdaptiveMaxPool1D(3)(X).data.tolist() == [[[1, 3, 4], [6, 8, 9]]]
    assert nn.AdaptiveMeanPool1D(5)(X).data is X or np.array_equal(nn.AdaptiveMeanPool1D(5)(X).data, X)
    assert nn.GlobalMeanPool1D()(X).data.tolist() == [[2, 7]]
    X = draw(2, 3, 5, 4)
    for adaptive, whole, f in [
        (nn.AdaptiveMeanPool2D, nn.GlobalMeanPool2D, np.mean),
        (nn.AdaptiveMaxPool2D, nn.GlobalMaxPool2D, np.max),
    ]:
        np.testing.assert_allclose(adaptive(1)(X).data[..., 0, 0], f(X, axis=(2, 3)))
        np.testing.assert_allclose(whole()(X).data, f(X, axis=(2, 3)))


def test_nan_is_the_largest():
    X = np.array([[[1, np.nan, 0, 2]]])
    assert np.array_equal(MaxPool1D(2)(X).data, [[[np.nan, 2]]], equal_nan=True)


# ---- channels dropped, columns, sizes


def test_whole_channels_are_dropped():
    for layer, X in [
        (nn.Dropout1d(0.5, seed=0), np.ones((30, 40, 3))),
        (nn.Dropout2d(0.5, seed=0), np.ones((30, 40, 3, 2))),
    ]:
        Y = layer(X).data.reshape(30, 40, -1)
        assert (Y[..., :1] == Y).all() and set(np.unique(Y)) == {0, 2} and abs(Y.mean() - 1) < 0.1


def test_columns_make_convolution_a_product():
    X, layer = draw(2, 3, 5, 6), Conv2D(3, 4, (2, 3), 2, 1, W=draw(4, 3, 2, 3), b=draw(4))
    columns_of_X = nn.unfold2d(X, (2, 3), 2, 1, 1)
    assert columns_of_X.shape == (2, 18, 9)
    Y = layer.W.data.reshape(4, 18) @ columns_of_X.data + layer.b.data[:, None]
    np.testing.assert_allclose(layer(X).data, Y.reshape(2, 4, 3, 3), rtol=1e-12)
    assert nn.unfold1d(np.arange(4.0).reshape(1, 1, 4), 2, 1, 1, 2, 9.0).data.tolist() == [[[9, 0, 1, 2], [1, 2, 3, 9]]]
    assert nn.unfold2d(X, np.int64(2), 1, 0, 1).shape == (2, 12, 20)


def test_sizes():
    assert nn.output_len_1d(10, 3) == 8 and nn.output_len_1d(10, (3,), stride=2, padding="same") == 5
    assert nn.output_len_1d(7, 3, stride=2, padding=1, dilation=3) == 2
    assert nn.output_shape_2d(28, 14, 3, stride=2, padding=1) == (14, 7)
    assert nn.output_shape_2d(5, 5, (1, 5), dilation=(4, 1)) == (5, 1)
