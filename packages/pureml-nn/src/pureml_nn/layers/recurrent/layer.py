"""What RNN, GRU and LSTM have in common: the weights of a cell, and layers of cells in one or both directions."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from pureml_core import Parameter, Tensor, draw_seed, generator

from ... import init
from ...layer import Layer
from ..dropout import Dropout

METHODS = ("uniform", "orthogonal")


class Cell(Layer):
    """The weights of one direction of one layer, and a step with them; the subclass says which.

    W_ih (input_size, G H), W_hh (H, G H), b_ih and b_hh (G H,), with G gates side by side.
    """

    gates: ClassVar[int] = 1  # G
    states: ClassVar[tuple[str, ...]] = ("h",)
    opened: ClassVar[tuple[int, float] | None] = None  # a gate, and what "orthogonal" sets its b_ih to

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        bias: bool = True,
        method: str = "uniform",
        seed: int | None = None,
    ) -> None:
        name = type(self).__name__
        self.input_size, self.hidden_size = init.positive_sizes(name, input_size=input_size, hidden_size=hidden_size)
        self.use_bias = bool(bias)
        self.method = _checked_method(name, method)
        self.seed = draw_seed(seed)
        rng = generator(self.seed)
        self.W_ih = Parameter(self._drawn(rng, self.input_size, init.glorot_uniform))
        self.W_hh = Parameter(self._drawn(rng, self.hidden_size, init.orthogonal))
        self.b_ih = Parameter(self._drawn_bias(rng, self.opened)) if bias else None
        self.b_hh = Parameter(self._drawn_bias(rng, None)) if bias else None

    def _drawn(self, rng: np.random.Generator, rows: int, orthogonal: Any) -> np.ndarray:
        H, G = self.hidden_size, self.gates
        if self.method == "uniform":
            return rng.uniform(-1 / math.sqrt(H), 1 / math.sqrt(H), (rows, G * H))
        return np.concatenate([orthogonal(rows, H, rng) for _ in range(G)], axis=1)

    def _drawn_bias(self, rng: np.random.Generator, opened: tuple[int, float] | None) -> np.ndarray:
        H, G = self.hidden_size, self.gates
        if self.method == "uniform":
            return rng.uniform(-1 / math.sqrt(H), 1 / math.sqrt(H), G * H)
        b = np.zeros((G, H))
        if opened is not None:
            b[opened[0]] = opened[1]
        return b.reshape(G * H)

    def forward(self, X: Any, state: Any = None) -> Any:
        """One step: X (..., C), and the state of shape (..., H), zeros when None -> the new state."""
        name, H = type(self).__name__, self.hidden_size
        X = _input(name, X, self.W_ih, self.input_size)
        if X.ndim == 0 or X.shape[-1] != self.input_size:
            raise ValueError(
                f"{name}: given X of shape {X.shape}, needed (..., {self.input_size}): input_size is its last axis"
            )
        shape = (*X.shape[:-1], H)
        h = _states(name, self.states, state, shape, "(..., hidden_size)", self.W_ih.dtype)
        zeros = np.zeros(shape, self.W_ih.dtype) if state is None else None
        new = self.step(X, *(zeros if part is None else part for part in h))
        return new if len(new) > 1 else new[0]

    def step(self, x: Any, *state: Any) -> tuple[Any, ...]:
        """(x, *state) -> new state, plainly."""
        raise NotImplementedError

    def sequence(self, X: Any, state: tuple[Any, ...], lengths: Any, reverse: bool) -> tuple[Any, ...]:
        """(Y, *state) of all steps of X (B, T, C), in one node."""
        raise NotImplementedError

    def bias(self) -> Any:
        """b_ih + b_hh, or None."""
        return None if self.b_ih is None else self.b_ih + self.b_hh


class Recurrent(Layer):
    """Layers of cells over sequences; the subclass makes the cells.

    `cells[layer][direction]` are the cells, direction 1 being the reverse one.
    """

    cell: ClassVar[type[Cell]]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        bias: bool = True,
        bidirectional: bool = False,
        dropout: float = 0.0,
        method: str = "uniform",
        seed: int | None = None,
        **settings: Any,
    ) -> None:
        name = type(self).__name__
        self.input_size, self.hidden_size, self.num_layers = init.positive_sizes(
            name, input_size=input_size, hidden_size=hidden_size, num_layers=num_layers
        )
        if isinstance(dropout, bool) or not isinstance(dropout, int | float | np.number) or not 0 <= dropout <= 1:
            raise ValueError(f"{name}: given dropout={dropout!r}, needed a probability from 0 to 1")
        self.use_bias = bool(bias)
        self.bidirectional = bool(bidirectional)
        self.dropout = float(dropout)
        self.method = _checked_method(name, method)
        self.seed = draw_seed(seed)
        rng = generator(self.seed)
        D = 2 if bidirectional else 1
        self.cells = [
            [
                self.cell(
                    self.input_size if layer == 0 else D * self.hidden_size,
                    self.hidden_size,
                    bias=bias,
                    method=method,
                    seed=int(rng.integers(2**63)),
                    **settings,
                )
                for _ in range(D)
            ]
            for layer in range(self.num_layers)
        ]
        self.between = Dropout(self.dropout, seed=int(rng.integers(2**63))) if self.num_layers > 1 else None

    def forward(self, X: Any, state: Any = None, lengths: Any = None) -> tuple[Any, Any]:
        """(B, T, C) -> (Y, state): Y (B, T, D H) is the last layer's h of every step, and `state` that after the last.

        Args:
            state: before the first step, zeros when None; each part has shape (num_layers * D, B, H), the directions
                of a layer beside each other.
            lengths: how many steps of each sequence count, (B,) integers from 0 to T; all when None. Behind its end Y
                is 0, the final state is that of its last valid step, and the reverse direction starts there.
        """
        name, first = type(self).__name__, self.cells[0][0]
        X = _input(name, X, first.W_ih, self.input_size)
        if X.ndim != 3 or X.shape[2] != self.input_size:
            raise ValueError(
                f"{name}: given X of shape {X.shape}, needed (B, T, {self.input_size}): batch, steps, input_size"
                + ("; a single sequence is X[None]" if X.ndim == 2 and X.shape[1] == self.input_size else "")
            )
        B, T = X.shape[:2]
        D = len(self.cells[0])
        shape = (self.num_layers * D, B, self.hidden_size)
        wanted = "(layers * directions, B, hidden_size)"
        given = _states(name, first.states, state, shape, wanted, first.W_ih.dtype)
        steps = _lengths(name, lengths, B, T)
        after: list[tuple[Any, ...]] = []
        for layer, cells in enumerate(self.cells):
            if layer > 0 and self.between is not None:
                X = self.between(X)
            outputs = []
            for direction, cell in enumerate(cells):
                before = tuple(None if part is None else part[layer * D + direction] for part in given)
                Y, *last = cell.sequence(X, before, steps, direction == 1)
                outputs.append(Y)
                after.append(tuple(last))
            X = outputs[0] if D == 1 else np.concatenate(outputs, axis=2)
        parts = tuple(part[0][None] if len(part) == 1 else np.stack(part) for part in zip(*after, strict=True))
        return X, parts if len(parts) > 1 else parts[0]


def _checked_method(name: str, method: Any) -> str:
    if method not in METHODS:
        raise ValueError(f"{name}: given method={method!r}; there are {', '.join(map(repr, METHODS))}")
    return str(method)


def _input(name: str, X: Any, W: Tensor, size: int) -> Tensor:
    """X as real numbers of the layer's precision."""
    if not isinstance(X, Tensor):
        raise TypeError(f"{name}: given X of type {type(X).__name__}, needed a Tensor or an array")
    if X.dtype.kind not in "fiub":
        raise TypeError(f"{name}: given X of dtype {X.dtype}, needed real numbers")
    return X if X.dtype is W.dtype else X.astype(W.dtype)


def _states(
    name: str, parts: tuple[str, ...], state: Any, shape: tuple[int, ...], wanted: str, dtype: Any
) -> tuple[Any, ...]:
    """The parts of a state, each of that shape, or Nones."""
    if state is None:
        return (None,) * len(parts)
    if len(parts) > 1 and not (isinstance(state, tuple | list) and len(state) == len(parts)):
        raise TypeError(f"{name}: given a state of type {type(state).__name__}, needed a tuple ({', '.join(parts)})")
    given = tuple(state) if len(parts) > 1 else (state,)
    for part, x in zip(parts, given, strict=True):
        if not isinstance(x, Tensor | np.ndarray):
            raise TypeError(f"{name}: given {part} of type {type(x).__name__}, needed a Tensor or an array")
        if x.shape != shape:
            raise ValueError(f"{name}: given {part} of shape {x.shape}, needed {wanted} = {shape}")
        if x.dtype.kind not in "fiub":
            raise TypeError(f"{name}: given {part} of dtype {x.dtype}, needed real numbers")
    return tuple((x if isinstance(x, Tensor) else Tensor(x, ensure_writable=False)).astype(dtype) for x in given)


def _lengths(name: str, lengths: Any, B: int, T: int) -> np.ndarray | None:
    """Lengths as an array of integers of its own."""
    if lengths is None:
        return None
    n = lengths.data if isinstance(lengths, Tensor) else np.asarray(lengths)
    if n.shape != (B,):
        raise ValueError(f"{name}: given lengths of shape {n.shape}, needed one for each sequence of the batch: ({B},)")
    if n.dtype.kind not in "iu" and n.size:
        raise TypeError(f"{name}: given lengths of dtype {n.dtype}, needed integers")
    if n.size and (n.min() < 0 or n.max() > T):
        raise ValueError(f"{name}: given lengths from {n.min()} to {n.max()}, needed 0 to {T}, the steps of X")
    return n.astype(np.intp)
