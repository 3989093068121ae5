"""The plain recurrent network (Elman 1990)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from pureml_core import op

from ...activations import relu
from .layer import Cell, Recurrent
from .sequence import Order, backwards, flat, once, unrolled

NONLINEARITIES = ("tanh", "relu")


def rnn_step(x: Any, h: Any, W: Any, U: Any, b: Any = None, nonlinearity: str = "tanh") -> tuple[Any]:
    """One step, (..., C) and (..., H) -> the new h: h' = tanh(x W + h U + b), or max(·, 0)."""
    z = x @ W + h @ U
    z = z if b is None else z + b
    return (np.tanh(z) if nonlinearity == "tanh" else relu(z),)


def _rnn(
    X: Any,
    h: Any,
    W: Any,
    U: Any,
    b: Any = None,
    lengths: Any = None,
    /,
    nonlinearity: str = "tanh",
    reverse: bool = False,
) -> tuple[Any, ...]:
    h = np.zeros((X.shape[0], U.shape[0]), X.dtype) if h is None else h
    return unrolled(lambda x, h: rnn_step(x, h, W, U, b, nonlinearity), X, (h,), lengths, reverse)


@op(definition=_rnn)
def rnn(
    X: Any,
    h: Any,
    W: Any,
    U: Any,
    b: Any = None,
    lengths: Any = None,
    /,
    nonlinearity: str = "tanh",
    reverse: bool = False,
) -> Any:
    """(Y, h): `rnn_step` along the sequences X (B, T, C) of `lengths` (B,), T when None, in one node.

    h (B, H) is the state before the first step, zeros when None, and in the result that after the last.
    W is (C, H), U (H, H) and b (H,).
    """
    B, T, C = X.shape
    H = U.shape[0]
    order = Order(B, T, lengths, reverse)
    hs = _forward(flat(order.read(X)), h, W, U, b, nonlinearity, order.padded, (T, B, H))
    last = order.last(hs)
    Y = order.written(hs[1:])
    dz = once(lambda gY, gh: _backward(order.read(gY), gh, hs, U, nonlinearity, order.ends()))

    def vjp_X(*g: Any) -> Any:  # dX = dz Wᵀ
        return order.written(np.reshape(flat(dz(*g)[0]) @ W.T, (T, B, C)))

    return (
        (Y, last),
        vjp_X,
        lambda *g: dz(*g)[1],
        lambda *g: flat(order.read(X)).T @ flat(dz(*g)[0]),  # dW = Σ xᵀ dz, over all steps in one product
        lambda *g: flat(hs[:-1]).T @ flat(dz(*g)[0]),  # dU = Σ hᵀ dz, with the h before each step
        lambda *g: np.ones(T * B, hs.dtype) @ flat(dz(*g)[0]),  # db = Σ dz
        None,
    )


def _forward(
    x: Any, h: Any, W: Any, U: Any, b: Any, nonlinearity: str, padded: Any, sizes: tuple[int, int, int]
) -> np.ndarray:
    """h before and after every step, (T + 1, B, H). The projections of the inputs lie where the new h will."""
    T, B, H = sizes
    dtype = np.result_type(x, W, U)
    hs = np.empty((T + 1, B, H), dtype)
    hs[0] = 0 if h is None else h
    z = flat(hs[1:])
    np.matmul(x, W, out=z, dtype=dtype)
    if b is not None:
        z += b
    hU = np.empty((B, H), dtype)
    for t, (h, z) in enumerate(pairwise(hs)):
        np.matmul(h, U, out=hU)
        z += hU
        if nonlinearity == "tanh":
            np.tanh(z, out=z)
        else:
            np.maximum(z, 0, out=z)
            if padded is not None:
                z[padded[t]] = 0  # what nobody needs must not grow without bound
    return hs


def _backward(
    gY: Any, gh: Any, hs: Any, U: Any, nonlinearity: str, ends: dict[int, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """dz (T, B, H) and the gradient of the first h: dz = dh (1 - h²), or dh where h > 0;  dh_before = dz Uᵀ."""
    T, B, H = gY.shape
    dz, dh = np.empty((T, B, H), hs.dtype), np.zeros((B, H), hs.dtype)
    U_T = np.ascontiguousarray(U.T)
    for t, dy, d, h in backwards(slice(0, T), gY, dz, hs[1:]):
        if t in ends:
            dh[ends[t]] += gh[ends[t]]
        dh += dy
        if nonlinearity == "tanh":
            np.multiply(h, h, out=d)
            np.subtract(1, d, out=d)
            d *= dh
        else:
            np.multiply(dh, h > 0, out=d)
        np.matmul(d, U_T, out=dh)
    if -1 in ends:
        dh[ends[-1]] += gh[ends[-1]]
    return dz, dh


class RNNCell(Cell):
    """One step of an RNN; see `RNN` for formula, arguments and weights.

    Called with X (..., input_size) and h (..., H), zeros when None; returns h'.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        nonlinearity: str = "tanh",
        bias: bool = True,
        method: str = "uniform",
        seed: int | None = None,
    ) -> None:
        self.nonlinearity = _checked(type(self).__name__, nonlinearity)
        super().__init__(input_size, hidden_size, bias=bias, method=method, seed=seed)

    def step(self, x: Any, *state: Any) -> tuple[Any, ...]:
        return rnn_step(x, state[0], self.W_ih, self.W_hh, self.bias(), self.nonlinearity)

    def sequence(self, X: Any, state: tuple[Any, ...], lengths: Any, reverse: bool) -> tuple[Any, ...]:
        return rnn(X, state[0], self.W_ih, self.W_hh, self.bias(), lengths, self.nonlinearity, reverse)  # type: ignore[no-any-return]


class RNN(Recurrent):
    """Plain recurrent network along sequences: (B, T, C) -> Y (B, T, D H) and h (layers D, B, H).

    h' = tanh(x W_ih + b_ih + h W_hh + b_hh), or max(·, 0) (Elman 1990).

    Args:
        input_size, hidden_size: C and H.
        num_layers: each layer reads the outputs of the one before.
        nonlinearity: "tanh" or "relu".
        bias: whether there are b_ih and b_hh.
        bidirectional: a second cell in each layer reads from the end; Y holds both h side by side (D = 2).
        dropout: probability of a zero in what one layer hands to the next, while training.
        method: "uniform" draws all weights and biases within ±1/√H. "orthogonal" draws W_ih by `glorot_uniform` and
            W_hh by `orthogonal`, with zero biases.
        seed: of the draws; None draws one.

    Weights beside PyTorch's: `cells[k][0].W_ih` (C, H) is `weight_ih_l{k}` transposed, W_hh (H, H) is
    `weight_hh_l{k}` transposed, b_ih and b_hh are `bias_ih_l{k}` and `bias_hh_l{k}`; `cells[k][1]` are those ending
    in `_reverse`.

    Raises:
        ValueError: a size is not positive, `dropout` is outside [0, 1], `nonlinearity` or `method` is unknown; when
            called with X, a state or lengths of another shape, or lengths outside 0 to T.

    >>> Y, h = RNN(3, 5, bidirectional=True, seed=0)(np.ones((2, 7, 3)), lengths=[7, 4])
    >>> Y.shape, h.shape, bool(Y[1, 4:].data.any())
    ((2, 7, 10), (2, 2, 5), False)
    """

    cell = RNNCell

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        nonlinearity: str = "tanh",
        bias: bool = True,
        bidirectional: bool = False,
        dropout: float = 0.0,
        method: str = "uniform",
        seed: int | None = None,
    ) -> None:
        self.nonlinearity = _checked(type(self).__name__, nonlinearity)
        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            bias=bias,
            bidirectional=bidirectional,
            dropout=dropout,
            method=method,
            seed=seed,
            nonlinearity=nonlinearity,
        )


def _checked(name: str, nonlinearity: Any) -> str:
    if nonlinearity not in NONLINEARITIES:
        raise ValueError(f"{name}: given nonlinearity={nonlinearity!r}; there are 'tanh' and 'relu'")
    return str(nonlinearity)
