"""The fully connected layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from pureml_core import Parameter, Tensor, draw_seed, generator, kernel, op

from .. import init
from ..layer import Layer


def _product(X: Any, W: Any, b: Any = None) -> Any:
    return np.matmul(X, W) if b is None else np.matmul(X, W) + b


@op(definition=_product)
def affine(X: Any, W: Any, b: Any = None, /) -> Any:
    """Y = X W + b over the last axis: (..., n) with (n, m) and (m,) gives (..., m)."""
    return (
        _affine(X, W, b),
        lambda g: _over_rows(g, np.transpose(W)),  # dL/dX = g Wᵀ
        lambda g: np.matmul(np.transpose(_rows(X)), _rows(g)),  # dL/dW = Xᵀ g, over all rows at once
        lambda g: np.matmul(np.ones(_rows(g).shape[0], g.dtype), _rows(g)),  # dL/db = Σ rows of g
    )


@kernel
def _affine(X: Any, W: Any, b: Any) -> Any:
    Y = _over_rows(X, W)
    if b is not None:
        Y += b
    return Y


@kernel
def _over_rows(X: Any, W: Any) -> Any:
    """X W as one product: over several leading axes NumPy makes many small ones, which take longer."""
    if X.ndim <= 2:
        return np.matmul(X, W)
    Y = np.empty((*X.shape[:-1], W.shape[1]), np.result_type(X, W))
    np.matmul(_rows(X), W, out=_rows(Y))
    return Y


def _rows(x: Any) -> Any:
    """(..., n) -> (rows, n)"""
    return x if x.ndim == 2 else np.reshape(x, (x.size // x.shape[-1] if x.shape[-1] else 0, x.shape[-1]))


class Affine(Layer):
    """Y = X W + b over the last axis of X; leading axes are batch axes.

    Args:
        fan_in, fan_out: sizes of the last axis of X and of Y.
        method: how W is drawn: "xavier-glorot-normal" or "kaiming-normal". b starts at zero.
        W, b: initial values of shape (fan_in, fan_out) and (fan_out,). Arrays are copied and keep their dtype; a
            Parameter is used as it is, so that layers can share it.
        bias: whether there is a b; without one `b` is None.
        seed: of the draw; None draws one.

    Raises:
        ValueError: a size is not positive, `method` is unknown, W or b has another shape, or b is given although
            `bias` is False.
    """

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        method: str = "xavier-glorot-normal",
        W: Any = None,
        b: Any = None,
        *,
        bias: bool = True,
        seed: int | None = None,
    ) -> None:
        self.fan_in, self.fan_out = init.positive_sizes("Affine", fan_in=fan_in, fan_out=fan_out)
        if b is not None and not bias:
            raise ValueError("Affine: given b together with bias=False; leave one of them out")
        draw = init.by_name(method)
        _check_shape("W", W, fan_in=self.fan_in, fan_out=self.fan_out)
        _check_shape("b", b, fan_out=self.fan_out)
        self.method = method
        self.use_bias = bool(bias)
        self.seed = draw_seed(seed)
        rng = generator(self.seed)
        self.W = Parameter.given(W, (self.fan_in, self.fan_out), lambda: draw(self.fan_in, self.fan_out, rng))
        zeros = Parameter(np.zeros(self.fan_out), self.W.dtype)
        self.b = Parameter.given(zeros if b is None else b, (self.fan_out,), lambda: zeros) if bias else None

    def forward(self, X: Tensor) -> Tensor:
        """(..., fan_in) -> (..., fan_out)"""
        if not isinstance(X, Tensor):
            raise TypeError(f"Affine: given X of type {type(X).__name__}, needed a Tensor or an array")
        if X.ndim == 0 or X.shape[-1] != self.fan_in:
            raise ValueError(
                f"Affine: given X of shape {X.shape}, needed (..., {self.fan_in}): fan_in is its last axis"
            )
        dtype = self.W.dtype
        if X.dtype is not dtype:  # float32 stays float32 also for int64 counts
            if X.dtype.kind not in "fiub":
                raise TypeError(f"Affine: given X of dtype {X.dtype}, needed real numbers")
            X = X.astype(dtype)
        return affine(X, self.W, self.b)  # type: ignore[no-any-return]


def _check_shape(name: str, value: Any, **sizes: int) -> None:
    needed = tuple(sizes.values())
    shape = needed if value is None else np.shape(value)
    if shape != needed:
        hint = f"; it is transposed, give {name}.T" if shape == needed[::-1] else ""
        raise ValueError(f"Affine: given {name} of shape {shape}, needed ({', '.join(sizes)}) = {needed}{hint}")


Linear = Affine
