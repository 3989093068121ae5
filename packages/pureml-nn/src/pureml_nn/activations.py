"""Activations: the functions between layers. They take Tensors or arrays of any shape and keep shape and dtype."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from pureml_core import erf, is_grad_enabled, log_softmax, op, sigmoid, softmax, tanh

__all__ = ["gelu", "log_softmax", "relu", "sigmoid", "softmax", "tanh"]


@op
def relu(x: Any, /) -> Any:
    """Rectifier, elementwise: y = max(x, 0). The gradient at 0 is 0."""
    y = np.maximum(x, 0)
    return y, lambda g: g * (y > 0)  # dL/dx = g where x > 0


# ---- smooth ones, computed in blocks together with their derivatives

BLOCK = 32768  # entries whose intermediate values stay in the processor's cache


def _with_slope(f: Callable[[Any], tuple[Any, Callable[[], Any]]], x: Any) -> tuple[Any, Any]:
    """(y, dy/dx) of an elementwise f(x) -> (y, function for dy/dx), block by block: half the time of whole arrays.

    The derivative shares the expensive parts with the value. Where nothing is recorded it is None.
    """
    x = np.asarray(x)
    if x.dtype.kind == "c":
        raise TypeError(f"{f.__name__.strip('_')}: given {x.dtype}, needed real numbers")
    x = x if x.dtype.kind == "f" else x.astype(np.float64)
    y = np.empty(x.shape, x.dtype)
    dy = np.empty(x.shape, x.dtype) if is_grad_enabled() else None
    flat_x, flat_y = np.ravel(x), y.reshape(-1)
    for i in range(0, x.size, BLOCK):
        block = slice(i, i + BLOCK)
        flat_y[block], slope = f(flat_x[block])
        if dy is not None:
            dy.reshape(-1)[block] = slope()
    return y, dy


def _gelu(x: Any) -> Any:
    t = np.clip(x, -40, 40)  # no 0 · ∞
    half = erf(t * math.sqrt(0.5)).data  # type: ignore[no-untyped-call]
    half *= 0.5
    half += 0.5
    return np.maximum(x, -40) * half, lambda: half + t * np.exp(-0.5 * t * t) * (1 / math.sqrt(2 * math.pi))


def _gelu_tanh(x: Any) -> Any:
    t = np.clip(x, -40, 40)
    s = t * t
    half = np.tanh(t * (s * (A * B) + A))
    half *= 0.5
    half += 0.5
    # d½ tanh(u)/du = 2 half (1 - half), du/dx = A + 3AB x²
    return np.maximum(x, -40) * half, lambda: half + t * (2 * half * (1 - half)) * (s * (3 * A * B) + A)


A, B = math.sqrt(2 / math.pi), 0.044715


def _gelu_definition(x: Any, /, approximate: str = "none") -> Any:
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(A * (x + B * x * x * x)))
    return 0.5 * x * (1 + erf(x * math.sqrt(0.5)))  # type: ignore[no-untyped-call]


@op(definition=_gelu_definition)
def gelu(x: Any, /, approximate: str = "none") -> Any:
    """Gaussian error linear unit: y = x Φ(x), with the normal distribution function Φ (Hendrycks & Gimpel 2016).

    Args:
        approximate: "none", or "tanh" for Φ(x) ≈ ½ + ½ tanh(√(2/π) (x + 0.044715 x³)), as in GPT-2: faster, and off
            by up to 5e-4.
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: given approximate={approximate!r}, needed 'none' or 'tanh'")
    y, slope = _with_slope(_gelu_tanh if approximate == "tanh" else _gelu, x)
    return y, lambda g: g * slope  # dL/dx = g (Φ(x) + x Φ'(x))
