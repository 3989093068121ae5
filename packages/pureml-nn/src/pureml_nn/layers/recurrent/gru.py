"""The gated recurrent unit (Cho et al. 2014)."""

from __future__ import annotations

from typing import Any

import numpy as np
from pureml_core import op, sigmoid

from .layer import Cell, Recurrent
from .sequence import Order, backwards, blocks, flat, once, unrolled


def gru_step(x: Any, h: Any, W: Any, U: Any, b: Any = None, d: Any = None) -> tuple[Any]:
    """One step, (..., C) and (..., H) -> the new h.

    With p = x W + b and q = h U + d in thirds: r = σ(p₁ + q₁), z = σ(p₂ + q₂), n = tanh(p₃ + r q₃);
    h' = (1 - z) n + z h
    """
    p, q = x @ W, h @ U
    p1, p2, p3 = np.split(p if b is None else p + b, 3, axis=-1)
    q1, q2, q3 = np.split(q if d is None else q + d, 3, axis=-1)
    r, z = sigmoid(p1 + q1), sigmoid(p2 + q2)
    n = np.tanh(p3 + r * q3)
    return (n + z * (h - n),)


def _gru(
    X: Any, h: Any, W: Any, U: Any, b: Any = None, d: Any = None, lengths: Any = None, /, reverse: bool = False
) -> tuple[Any, ...]:
    h = np.zeros((X.shape[0], U.shape[0]), X.dtype) if h is None else h
    return unrolled(lambda x, h: gru_step(x, h, W, U, b, d), X, (h,), lengths, reverse)


@op(definition=_gru)
def gru(
    X: Any, h: Any, W: Any, U: Any, b: Any = None, d: Any = None, lengths: Any = None, /, reverse: bool = False
) -> Any:
    """(Y, h): `gru_step` along the sequences X (B, T, C) of `lengths` (B,), T when None, in one node.

    h (B, H) is the state before the first step, zeros when None, and in the result that after the last.
    W (C, 3H), U (H, 3H), b and d (3H,) hold what belongs to r, z, n side by side.
    """
    B, T, C = X.shape
    H = U.shape[0]
    order = Order(B, T, lengths, reverse)
    gates, q3, hs = _forward(order.read(X), h, W, U, b, d)
    last = order.last(hs)
    Y = order.written(hs[1:])
    swept = once(lambda gY, gh: _backward(order.read(gY), gh, gates, q3, hs, U, order.ends()))

    def dp(*g: Any) -> Any:  # of n, r, z
        return flat(swept(*g)[0][..., : 3 * H])

    def dq(*g: Any) -> Any:  # of r, z, n
        return flat(swept(*g)[0][..., H:])

    def vjp_X(*g: Any) -> Any:  # dX = dp Wᵀ
        return order.written(np.reshape(dp(*g) @ np.roll(W, H, axis=1).T, (T, B, C)))

    return (
        (Y, last),
        vjp_X,
        lambda *g: swept(*g)[1],
        lambda *g: np.roll(flat(order.read(X)).T @ dp(*g), -H, axis=1),  # dW = Σ xᵀ dp, over all steps in one product
        lambda *g: flat(hs[:-1]).T @ dq(*g),  # dU = Σ hᵀ dq, with the h before each step
        lambda *g: np.roll(np.ones(T * B, hs.dtype) @ dp(*g), -H),  # db = Σ dp
        lambda *g: np.ones(T * B, hs.dtype) @ dq(*g),  # dd = Σ dq
        None,
    )


def _forward(x: Any, h: Any, W: Any, U: Any, b: Any, d: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """r, z, n of all steps (T, 3, B, H), q₃ (T, B, H), and h before and after every step (T + 1, B, H).

    σ(p) = ½ + ½ tanh(p/2): the weights of r and z are halved. The products with the inputs, which wait for no state,
    are taken for many steps at a time.
    """
    T, B, H = x.shape[0], x.shape[1], U.shape[0]
    dtype = np.result_type(x, W, U)
    W, U = _halved(W, H), _halved(U, H)
    b, d = 0 if b is None else _halved(b, H), np.zeros(3 * H, dtype) if d is None else _halved(d, H)
    gates, q3, hs = np.empty((T, 3, B, H), dtype), np.empty((T, B, H), dtype), np.empty((T + 1, B, H), dtype)
    hs[0] = 0 if h is None else h
    q, part = np.empty((B, 3 * H), dtype), np.empty((B, H), dtype)
    q_rz = np.swapaxes(np.reshape(q, (B, 3, H)), 0, 1)[:2]
    for steps in blocks(T, B):
        p = np.matmul(flat(x[steps]), W, dtype=dtype)
        p += b
        thirds = np.swapaxes(np.reshape(p, (len(x[steps]), B, 3, H)), 1, 2)
        for p_t, gate, m, h, h_new in zip(thirds, gates[steps], q3[steps], hs[steps], hs[1:][steps], strict=True):
            np.matmul(h, U, out=q)
            q += d
            r, z, n = gate
            rz = gate[:2]
            np.add(p_t[:2], q_rz, out=rz)
            np.tanh(rz, out=rz)
            rz *= 0.5
            rz += 0.5
            m[...] = q[:, 2 * H :]
            np.multiply(r, m, out=n)
            n += p_t[2]
            np.tanh(n, out=n)  # n = tanh(p₃ + r q₃)
            np.subtract(h, n, out=part)
            part *= z
            np.add(n, part, out=h_new)  # h' = n + z (h - n)
    return gates, q3, hs


def _halved(W: Any, H: int) -> Any:
    """A copy of which the columns of r and z are halved."""
    W = np.array(W, order="C")
    W[..., : 2 * H] *= 0.5
    return W


def _backward(
    gY: Any, gh: Any, gates: Any, q3: Any, hs: Any, U: Any, ends: dict[int, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Gradients of n, r, z, r q₃ side by side, (T, B, 4H), and that of the first h.

    The first three are dp, the last three dq. With the dh of each new h:
    dn = dh (1 - z)(1 - n²),  dz = dh (h - n) z (1 - z),  dr = dn q₃ r (1 - r),  dq₃ = dn r,  dh_before = dh z + dq Uᵀ.
    """
    T, B, H = q3.shape
    grads = np.empty((T, B, 4, H), hs.dtype)
    U_T = np.ascontiguousarray(U.T)
    dh, part = np.zeros((B, H), hs.dtype), np.empty((B, H), hs.dtype)
    for steps in reversed(blocks(T, B)):
        _slopes(gates[steps], q3[steps], hs[steps], grads[steps])
        for t, dy, d, z in backwards(steps, gY[steps], grads[steps], gates[steps, 1]):
            if t in ends:
                dh[ends[t]] += gh[ends[t]]
            dh += dy
            d *= dh[:, None]
            np.multiply(dh, z, out=part)
            np.matmul(np.reshape(d, (B, 4 * H))[:, H:], U_T, out=dh)
            dh += part
    if -1 in ends:
        dh[ends[-1]] += gh[ends[-1]]
    return np.reshape(grads, (T, B, 4 * H)), dh


def _slopes(gates: Any, q3: Any, h: Any, grads: Any) -> None:
    """What dh is to be multiplied by for n, r, z and r q₃, written to grads (T, B, 4, H)."""
    r, z, n = np.swapaxes(gates, 0, 1)
    rest = 1 - z
    dn = n * n
    np.subtract(1, dn, out=dn)
    dn *= rest  # (1 - z)(1 - n²)
    grads[:, :, 0] = dn
    rest *= z
    np.multiply(rest, h - n, out=grads[:, :, 2])
    dn *= r
    grads[:, :, 3] = dn
    np.subtract(1, r, out=rest)
    rest *= dn
    np.multiply(rest, q3, out=grads[:, :, 1])


class GRUCell(Cell):
    """One step of a GRU; see `GRU` for formula, arguments and weights.

    Called with X (..., input_size) and h (..., H), zeros when None; returns h'.
    """

    gates = 3

    def step(self, x: Any, *state: Any) -> tuple[Any, ...]:
        return gru_step(x, state[0], self.W_ih, self.W_hh, self.b_ih, self.b_hh)

    def sequence(self, X: Any, state: tuple[Any, ...], lengths: Any, reverse: bool) -> tuple[Any, ...]:
        return gru(X, state[0], self.W_ih, self.W_hh, self.b_ih, self.b_hh, lengths, reverse)  # type: ignore[no-any-return]


class GRU(Recurrent):
    """Gated recurrent unit along sequences: (B, T, C) -> Y (B, T, D H) and h (layers D, B, H).

    With p = x W_ih + b_ih and q = h W_hh + b_hh in thirds:
    r = σ(p₁ + q₁), z = σ(p₂ + q₂), n = tanh(p₃ + r q₃);  h' = (1 - z) n + z h
    (Cho et al. 2014, with r applied after the product as in Chung et al. 2014's implementations and PyTorch; z and
    1 - z have changed places).

    Args:
        input_size, hidden_size: C and H.
        num_layers: each layer reads the outputs of the one before.
        bias: whether there are b_ih and b_hh.
        bidirectional: a second cell in each layer reads from the end; Y holds both h side by side (D = 2).
        dropout: probability of a zero in what one layer hands to the next, while training.
        method: "uniform" draws all weights and biases within ±1/√H. "orthogonal" draws W_ih by `glorot_uniform` and
            W_hh by `orthogonal`, gate by gate, with zero biases.
        seed: of the draws; None draws one.

    The gates stand in PyTorch's order r, z, n, side by side: `cells[k][0].W_ih` (C, 3H) is `weight_ih_l{k}`
    transposed, W_hh (H, 3H) is `weight_hh_l{k}` transposed, b_ih and b_hh are `bias_ih_l{k}` and `bias_hh_l{k}`;
    `cells[k][1]` are those ending in `_reverse`.

    Raises:
        ValueError: a size is not positive, `dropout` is outside [0, 1], `method` is unknown; when called with X, a
            state or lengths of another shape, or lengths outside 0 to T.

    >>> Y, h = GRU(3, 5, num_layers=2, seed=0)(np.ones((2, 7, 3)))
    >>> Y.shape, h.shape, bool((Y[:, -1].data == h[1].data).all())
    ((2, 7, 5), (2, 2, 5), True)
    """

    cell = GRUCell
