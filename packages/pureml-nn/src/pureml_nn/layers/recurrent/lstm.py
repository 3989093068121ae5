"""The long short-term memory (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000)."""

from __future__ import annotations

from typing import Any

import numpy as np
from pureml_core import op, sigmoid

from .layer import Cell, Recurrent
from .sequence import Order, backwards, blocks, flat, once, unrolled


def lstm_step(x: Any, h: Any, c: Any, W: Any, U: Any, b: Any = None) -> tuple[Any, Any]:
    """One step: (..., C), (..., H), (..., H) -> the new h and c.

    i, f, g, o = σ, σ, tanh, σ of the quarters of x W + h U + b;  c' = f c + i g;  h' = o tanh(c')
    """
    z = x @ W + h @ U
    i, f, g, o = np.split(z if b is None else z + b, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def _lstm(
    X: Any, h: Any, c: Any, W: Any, U: Any, b: Any = None, lengths: Any = None, /, reverse: bool = False
) -> tuple[Any, ...]:
    zeros = np.zeros((X.shape[0], U.shape[0]), X.dtype)
    state = (zeros if h is None else h, zeros if c is None else c)
    return unrolled(lambda x, h, c: lstm_step(x, h, c, W, U, b), X, state, lengths, reverse)


@op(definition=_lstm)
def lstm(X: Any, h: Any, c: Any, W: Any, U: Any, b: Any = None, lengths: Any = None, /, reverse: bool = False) -> Any:
    """(Y, h, c): `lstm_step` along the sequences X (B, T, C) of `lengths` (B,), T when None, in one node.

    h and c (B, H) are the state before the first step, zeros when None, and in the result that after the last.
    W (C, 4H), U (H, 4H) and b (4H,) hold the gates i, f, g, o side by side.
    """
    B, T, C = X.shape
    order = Order(B, T, lengths, reverse)
    gates, hs, cs = _forward(order.read(X), h, c, W, U, b)
    last = order.last(hs), order.last(cs)
    Y = order.written(hs[1:])
    dz = once(lambda gY, gh, gc: _backward(order.read(gY), gh, gc, gates, cs, U, order.ends()))

    def vjp_X(*g: Any) -> Any:  # dX = dz Wᵀ
        return order.written(np.reshape(flat(dz(*g)[0]) @ W.T, (T, B, C)))

    return (
        (Y, *last),
        vjp_X,
        lambda *g: dz(*g)[1],
        lambda *g: dz(*g)[2],
        lambda *g: flat(order.read(X)).T @ flat(dz(*g)[0]),  # dW = Σ xᵀ dz, over all steps in one product
        lambda *g: flat(hs[:-1]).T @ flat(dz(*g)[0]),  # dU = Σ hᵀ dz, with the h before each step
        lambda *g: np.ones(T * B, hs.dtype) @ flat(dz(*g)[0]),  # db = Σ dz
        None,
    )


def _forward(x: Any, h: Any, c: Any, W: Any, U: Any, b: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gates i, f, o, g of all steps (T, 4, B, H), and h and c before and after every step (T + 1, B, H).

    As σ(z) = ½ + ½ tanh(z/2), one tanh makes all four, of z whose first three quarters are halved with the weights.
    The products with the inputs, which wait for no state, are taken for many steps at a time.
    """
    T, B, H = x.shape[0], x.shape[1], U.shape[0]
    dtype = np.result_type(x, W, U)
    W, U, b = _halved(W, H), _halved(U, H), 0 if b is None else _halved(b, H)
    gates, hs, cs = np.empty((T, 4, B, H), dtype), np.empty((T + 1, B, H), dtype), np.empty((T + 1, B, H), dtype)
    hs[0], cs[0] = 0 if h is None else h, 0 if c is None else c
    z, ig = np.empty((B, 4 * H), dtype), np.empty((B, H), dtype)
    quarters = np.swapaxes(np.reshape(z, (B, 4, H)), 0, 1)
    for steps in blocks(T, B):
        xW = np.matmul(flat(x[steps]), W, dtype=dtype)
        xW += b
        xW = np.reshape(xW, (len(x[steps]), B, 4 * H))
        states = hs[steps], cs[steps], hs[1:][steps], cs[1:][steps]  # before and after
        for xW_t, gate, h, c, h_new, c_new in zip(xW, gates[steps], *states, strict=True):
            np.matmul(h, U, out=z)
            z += xW_t
            np.tanh(quarters, out=gate)
            ifo = gate[:3]
            ifo *= 0.5
            ifo += 0.5
            i, f, o, g = gate
            np.multiply(f, c, out=c_new)
            np.multiply(i, g, out=ig)
            c_new += ig  # c' = f c + i g
            np.tanh(c_new, out=ig)
            np.multiply(o, ig, out=h_new)  # h' = o tanh(c')
    return gates, hs, cs


def _halved(W: Any, H: int) -> Any:
    """Columns i, f, g, o as i/2, f/2, o/2, g."""
    ordered = np.concatenate([W[..., : 2 * H], W[..., 3 * H :], W[..., 2 * H : 3 * H]], axis=-1)
    ordered[..., : 3 * H] *= 0.5
    return ordered


def _backward(
    gY: Any, gh: Any, gc: Any, gates: Any, cs: Any, U: Any, ends: dict[int, Any]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """dz (T, B, 4H) in the order i, f, g, o, and the gradients of the first h and c.

    dh comes from the output, the next step and the end of the sequence. With it and the new c of each step:
    dc += dh o (1 - tanh²c),  do = dh tanh(c),  di = dc g,  df = dc c_before,  dg = dc i,  dc_before = dc f;
    for dz each of i, f, g, o times the derivative of its σ or tanh, s(1 - s) or 1 - g².
    """
    T, B, H = gY.shape
    dz = np.empty((T, B, 4, H), cs.dtype)
    U_T = np.ascontiguousarray(U.T)
    dh, dc, part = np.zeros((B, H), cs.dtype), np.zeros((B, H), cs.dtype), np.empty((B, H), cs.dtype)
    for steps in reversed(blocks(T, B)):
        dc_dh = _slopes(gates[steps], cs[steps], cs[1:][steps], dz[steps])
        for t, dy, d, slope, f in backwards(steps, gY[steps], dz[steps], dc_dh, gates[steps, 1]):
            if t in ends:
                dh[ends[t]] += gh[ends[t]]
                dc[ends[t]] += gc[ends[t]]
            dh += dy
            np.multiply(dh, slope, out=part)
            dc += part
            d[:, :3] *= dc[:, None]
            d[:, 3] *= dh
            dc *= f
            np.matmul(np.reshape(d, (B, 4 * H)), U_T, out=dh)
    if -1 in ends:
        dh[ends[-1]] += gh[ends[-1]]
        dc[ends[-1]] += gc[ends[-1]]
    return np.reshape(dz, (T, B, 4 * H)), dh, dc


def _slopes(gates: Any, c: Any, c_new: Any, dz: Any) -> Any:
    """What dc is to be multiplied by for i, f, g, and dh for o, written to dz (T, B, 4, H); and dc by dh, returned."""
    i, o, g = gates[:, 0], gates[:, 2], gates[:, 3]
    slopes = 1 - gates[:, :3]
    slopes *= gates[:, :3]  # s(1 - s)
    tanh_c = np.tanh(c_new)
    np.multiply(slopes[:, 0], g, out=dz[:, :, 0])
    np.multiply(slopes[:, 1], c, out=dz[:, :, 1])
    np.multiply(slopes[:, 2], tanh_c, out=dz[:, :, 3])
    square = g * g
    np.subtract(1, square, out=square)
    np.multiply(square, i, out=dz[:, :, 2])
    np.multiply(tanh_c, tanh_c, out=square)
    np.subtract(1, square, out=square)
    square *= o
    return square


class LSTMCell(Cell):
    """One step of an LSTM; see `LSTM` for formula, arguments and weights.

    Called with X (..., input_size) and the state (h, c), each (..., H), zeros when None; returns (h', c').
    """

    gates = 4
    states = ("h", "c")
    opened = (1, 1.0)

    def step(self, x: Any, *state: Any) -> tuple[Any, ...]:
        h, c = state
        return lstm_step(x, h, c, self.W_ih, self.W_hh, self.bias())

    def sequence(self, X: Any, state: tuple[Any, ...], lengths: Any, reverse: bool) -> tuple[Any, ...]:
        h, c = state
        return lstm(X, h, c, self.W_ih, self.W_hh, self.bias(), lengths, reverse)  # type: ignore[no-any-return]


class LSTM(Recurrent):
    """Long short-term memory along sequences: (B, T, C) -> Y (B, T, D H) and (h, c), each (layers D, B, H).

    i, f, g, o = σ, σ, tanh, σ of x W_ih + b_ih + h W_hh + b_hh;  c' = f c + i g;  h' = o tanh(c')
    (Hochreiter & Schmidhuber 1997; the forget gate f is Gers et al. 2000).

    Args:
        input_size, hidden_size: C and H.
        num_layers: each layer reads the outputs of the one before.
        bias: whether there are b_ih and b_hh.
        bidirectional: a second cell in each layer reads from the end; Y holds both h side by side (D = 2).
        dropout: probability of a zero in what one layer hands to the next, while training.
        method: "uniform" draws all weights and biases within ±1/√H. "orthogonal" draws W_ih by `glorot_uniform` and
            W_hh by `orthogonal`, gate by gate, with zero biases but for the forget gate's b_ih, 1 (Jozefowicz et al.
            2015): at first a cell remembers.
        seed: of the draws; None draws one.

    The gates stand in PyTorch's order i, f, g, o, side by side: `cells[k][0].W_ih` (C, 4H) is `weight_ih_l{k}`
    transposed, W_hh (H, 4H) is `weight_hh_l{k}` transposed, b_ih and b_hh are `bias_ih_l{k}` and `bias_hh_l{k}`;
    `cells[k][1]` are those ending in `_reverse`.

    Raises:
        ValueError: a size is not positive, `dropout` is outside [0, 1], `method` is unknown; when called with X, a
            state or lengths of another shape, or lengths outside 0 to T.

    >>> Y, (h, c) = LSTM(3, 5, seed=0)(np.ones((2, 7, 3)))
    >>> Y.shape, h.shape, c.shape
    ((2, 7, 5), (1, 2, 5), (1, 2, 5))
    """

    cell = LSTMCell
