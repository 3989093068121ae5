"""Activations that take the entries along an axis together: gates, softmin, and draws from a softmax."""

from __future__ import annotations

from typing import Any

import numpy as np
from pureml_core import generator, op, sigmoid, softmax

from .smooth import silu


def softmin(x: Any, axis: Any = -1) -> Any:
    """The distribution that is proportional to e^-x along `axis`: the softmax of -x."""
    return softmax(np.negative(x), axis)


def glu(x: Any, axis: int = -1) -> Any:
    """Gated linear unit: y = a σ(b), with a and b the halves of x along `axis` (Dauphin et al. 2017).

    Raises:
        ValueError: that axis has an odd size.
    """
    a, b = _halves("glu", x, axis)
    return a * sigmoid(b)


def swiglu(x: Any, axis: int = -1) -> Any:
    """y = silu(a) b, with a and b the halves of x along `axis` (Shazeer 2020).

    Raises:
        ValueError: that axis has an odd size.
    """
    a, b = _halves("swiglu", x, axis)
    return silu(a) * b


def _halves(name: str, x: Any, axis: int) -> Any:
    shape = np.shape(x)
    if not -len(shape) <= axis < len(shape) or shape[axis] % 2:
        raise ValueError(f"{name}: given x of shape {shape}, needed an even size of axis {axis}")
    n, before = shape[axis] // 2, (slice(None),) * (axis % len(shape))
    x = x if hasattr(x, "shape") else np.asarray(x)
    return x[(*before, slice(n))], x[(*before, slice(n, None))]


def gumbel_softmax(
    x: Any,
    tau: float = 1.0,
    hard: bool = False,
    axis: int = -1,
    *,
    seed: int | np.random.Generator | None = None,
) -> Any:
    """A random draw from the categorical distribution softmax(x), relaxed so that gradients pass: softmax((x + G) / τ).

    G are independent Gumbel variables. For τ → 0 the draw becomes one-hot (Jang et al. 2017; Maddison et al. 2017).

    Args:
        x: logits.
        tau: τ > 0.
        hard: the value is the one-hot vector of the largest entry; the gradient stays that of the relaxed draw.
        seed: of the draw; a Generator is used as it is, so that one of a layer's own makes the draws repeatable.

    Raises:
        ValueError: τ is not positive.
    """
    if not tau > 0:
        raise ValueError(f"gumbel_softmax: given tau={tau!r}, needed a positive number")
    x = x if hasattr(x, "requires_grad") else np.asarray(x)
    x = x if x.dtype.kind == "f" else x.astype(np.float64)
    G = -np.log(generator(seed).standard_exponential(x.shape))
    soft = softmax((x + G.astype(x.dtype)) / float(tau), axis)
    if not hard:
        return soft
    one_hot = np.zeros(x.shape, x.dtype)
    np.put_along_axis(one_hot, np.argmax(soft.data, axis=axis, keepdims=True), 1, axis)
    return straight_through(soft, one_hot)


@op(linear=True)
def straight_through(x: Any, value: Any, /) -> Any:
    """The value in place of x; the gradient passes to x as if it were x (Bengio et al. 2013)."""
    return value, lambda g: g, None
