"""Embedding: a table whose rows are looked up."""

from __future__ import annotations

from typing import Any

import numpy as np
from pureml_core import Parameter, RowSparse, Tensor, draw_seed, generator, op, scatter_add

from .. import init
from ..layer import Layer


@op(linear=True)
def embedding(W: Any, /, index: Any, padding_idx: int | None = None, sparse: bool = False) -> Any:
    """The rows of W at integers of any shape: (V, D) and (...) give (..., D).

    No gradient flows into the row `padding_idx`. With `sparse` the gradient holds the looked-up rows only.
    """
    shape = np.shape(W)

    def vjp(g: Any) -> Any:  # dW[v] = Σ of g where index = v
        at = index
        if padding_idx is not None:
            counts = at != padding_idx
            at, g = at[counts], g[counts]
        if sparse and isinstance(g, np.ndarray):
            return RowSparse.picked(at, g, shape)
        return scatter_add(g, at, shape)

    return np.take(W, index, axis=0), vjp


class Embedding(Layer):
    """Y = W[X]: each index in X is replaced by its row of W, (...) -> (..., D).

    Args:
        V, D: the size of the vocabulary and of a row.
        pad_idx: the index that stands for "nothing here", 0 to V - 1, or None. Its row is zero at first, unless W is
            given, and never receives a gradient; an optimizer's weight decay leaves it alone. It is kept as
            `padding_idx`.
        method: how W is drawn, with fan_in D and fan_out V; see `init`.
        W: initial values of shape (V, D). An array is copied; a Parameter is used as it is, so that layers can share
            it.
        training: the mode at first; it changes nothing here.
        seed: of the draw; None draws one.
        sparse: the gradient holds only the rows that were looked up (`sparse_grad`, a RowSparse), which is many times
            faster for a large V. Optimizers then update those rows alone: moments and decay of the others stand
            still until they are looked up again. A dense gradient has zeros there, and every row moves on with its
            moments. Plain gradient descent does the same with both.

    Raises:
        ValueError: a size is not positive, `pad_idx` is outside of the table, `method` is unknown, or W has another
            shape.
        IndexError: when called with an index outside of 0 to V - 1.
        TypeError: when called with something other than numbers.
    """

    def __init__(
        self,
        V: int,
        D: int,
        *,
        pad_idx: int | None = None,
        method: str = "xavier-glorot-normal",
        W: Any = None,
        training: bool = True,
        seed: int | None = None,
        sparse: bool = False,
    ) -> None:
        self.V, self.D = init.positive_sizes("Embedding", V=V, D=D)
        if pad_idx is not None and not (
            isinstance(pad_idx, int | np.integer) and not isinstance(pad_idx, bool) and 0 <= pad_idx < self.V
        ):
            raise ValueError(f"Embedding: given pad_idx={pad_idx!r}, needed 0 to {self.V - 1}, or None")
        shape = (self.V, self.D)
        if W is not None and np.shape(W) != shape:
            raise ValueError(f"Embedding: given W of shape {np.shape(W)}, needed (V, D) = {shape}")
        self.padding_idx = None if pad_idx is None else int(pad_idx)
        self.method = method
        self.sparse = bool(sparse)
        self.seed = draw_seed(seed)
        rng = generator(self.seed)
        self.W = Parameter.given(W, shape, lambda: init.draw(method, shape, self.D, self.V, rng))
        if W is None and self.padding_idx is not None:
            self.W.data[self.padding_idx] = 0
        if self.padding_idx is not None:
            self.W.padding_idx = self.padding_idx  # tells optimizers to leave the row alone
        self._training = bool(training)

    def forward(self, X: Any) -> Tensor:
        """(...) -> (..., D)"""
        return embedding(self.W, self._index(X), self.padding_idx, self.sparse)  # type: ignore[no-any-return]

    def _index(self, X: Any) -> np.ndarray:
        """X as integers of its own, which are rows of W. Floating numbers lose their fractions."""
        index = X.data if isinstance(X, Tensor) else np.asarray(X)
        if index.dtype.kind == "f":
            if self.V > 2**24:  # float32 has no integers beyond
                raise TypeError(f"Embedding: given indices of dtype {index.dtype} for {self.V} rows, needed integers")
            index = np.trunc(index)
        elif index.dtype.kind not in "iu":
            raise TypeError(f"Embedding: given indices of dtype {index.dtype}, needed integers")
        if index.size and not (index.min() >= 0 and index.max() < self.V):
            wrong = index[~((index >= 0) & (index < self.V))]
            shown = ", ".join(map(str, np.unique(wrong)[:5].tolist()))
            raise IndexError(f"Embedding: given index {shown}, needed 0 to {self.V - 1}: the table has {self.V} rows")
        index = index.astype(np.intp)  # a copy
        index.flags.writeable = False
        return index
