"""Activations made of straight lines. At a kink the derivative is that of the left or right side, as stated."""

from __future__ import annotations

from typing import Any

import numpy as np
from pureml_core import op


@op
def relu(x: Any, /) -> Any:
    """Rectifier: y = max(x, 0). The derivative at 0 is 0."""
    y = np.maximum(x, 0)
    return y, lambda g: g * (y > 0)  # dL/dx = g where x > 0


@op
def leaky_relu(x: Any, /, negative_slope: float = 0.01) -> Any:
    """Leaky rectifier: y = max(x, 0) + s min(x, 0) with s = `negative_slope`, also the derivative at 0."""
    s = float(negative_slope)

    def vjp(g: Any) -> Any:  # dL/dx = g where x > 0, else s g
        right = g * (x > 0)
        return right + s * (g - right)

    return np.maximum(x, 0) + s * np.minimum(x, 0), vjp


def prelu(x: Any, weight: Any) -> Any:
    """Leaky rectifier with a learnt slope: y = max(x, 0) + w min(x, 0) (He et al. 2015). The derivative at 0 is w.

    Args:
        weight: w: a number, or one for each channel, axis 1 of x: (C,).

    Raises:
        ValueError: w has another shape.
    """
    shape, n = np.shape(x), np.size(weight)
    if np.ndim(weight) > 1 or (n != 1 and (len(shape) < 2 or shape[1] != n)):
        raise ValueError(
            f"prelu: given weights of shape {np.shape(weight)} and x of shape {shape}, needed one weight, or one for "
            "each channel, axis 1 of x"
        )
    if np.ndim(weight):
        weight = np.reshape(weight, () if n == 1 else (n, *[1] * (len(shape) - 2)))
    return rectified(x, weight)


@op
def rectified(x: Any, w: Any, /) -> Any:
    """max(x, 0) + w min(x, 0); see prelu."""

    def vjp_x(g: Any) -> Any:  # dL/dx = g where x > 0, else w g
        right = g * (x > 0)
        return right + w * (g - right)

    return np.maximum(x, 0) + w * np.minimum(x, 0), vjp_x, lambda g: g * np.minimum(x, 0)  # dL/dw = Σ g min(x, 0)


@op
def hardtanh(x: Any, /, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """x limited to [min_val, max_val]. The derivative at the limits is 0."""
    if not min_val < max_val:
        raise ValueError(f"hardtanh: given limits {min_val!r} and {max_val!r}, needed the lower one first")
    y = np.clip(x, min_val, max_val)
    return y, lambda g: g * np.logical_and(y > min_val, y < max_val)  # dL/dx = g between the limits


def relu6(x: Any) -> Any:
    """y = min(max(x, 0), 6). The derivative at 0 and 6 is 0."""
    return hardtanh(x, 0.0, 6.0)


@op
def hardsigmoid(x: Any, /) -> Any:
    """y = min(max(x/6 + ½, 0), 1), close to sigmoid. The derivative at -3 and 3 is 0."""
    y = np.clip(x * (1 / 6) + 0.5, 0.0, 1.0)
    return y, lambda g: g * np.logical_and(y > 0, y < 1) * (1 / 6)  # dL/dx = g/6 between the limits
