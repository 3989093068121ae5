"""Exponentials and logarithms, elementwise, and the logistic function. Complex numbers go by the same formulas."""

import math

import numpy as np

from ..op import kernel, op
from .common import quiet

__all__ = [
    "exp",
    "exp2",
    "expm1",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logaddexp2",
    "sigmoid",
]

LN2, LN10 = math.log(2), math.log(10)


@op(numpy=np.exp)
def exp(x, /):
    """Exponential, elementwise: y = eˣ."""
    y = np.exp(x)
    return y, lambda g: g * y  # dL/dx = g eˣ


@op(numpy=np.exp2)
def exp2(x, /):
    """Power of two, elementwise: y = 2ˣ."""
    y = np.exp2(x)
    return y, lambda g: g * y * LN2  # dL/dx = g 2ˣ ln 2


@op(numpy=np.expm1)
def expm1(x, /):
    """eˣ - 1, elementwise, precise for small x."""
    y = np.expm1(x)
    return y, lambda g: g * (y + 1)  # dL/dx = g eˣ


@op(numpy=np.log)
def log(x, /):
    """Natural logarithm, elementwise."""
    return np.log(x), quiet(lambda g: g / x)


@op(numpy=np.log2)
def log2(x, /):
    """Logarithm to base 2, elementwise."""
    return np.log2(x), quiet(lambda g: g / (x * LN2))


@op(numpy=np.log10)
def log10(x, /):
    """Logarithm to base 10, elementwise."""
    return np.log10(x), quiet(lambda g: g / (x * LN10))


@op(numpy=np.log1p)
def log1p(x, /):
    """ln(1 + x), elementwise, precise for small x."""
    return np.log1p(x), quiet(lambda g: g / (1 + x))


@op(numpy=np.logaddexp)
def logaddexp(a, b, /):
    """ln(eᵃ + eᵇ), elementwise, without overflow."""
    return (
        np.logaddexp(a, b),
        lambda g: g * sigmoid(_difference(a, b)),  # dL/da = g eᵃ / (eᵃ + eᵇ) = g σ(a - b)
        lambda g: g * sigmoid(_difference(b, a)),
    )


@op(numpy=np.logaddexp2)
def logaddexp2(a, b, /):
    """log₂(2ᵃ + 2ᵇ), elementwise, without overflow."""
    return (
        np.logaddexp2(a, b),
        lambda g: g * sigmoid(LN2 * _difference(a, b)),  # dL/da = g 2ᵃ / (2ᵃ + 2ᵇ)
        lambda g: g * sigmoid(LN2 * _difference(b, a)),
    )


@quiet
def _difference(a, b):
    """a - b, and 0 for two equal infinities, which share evenly."""
    return np.where(np.isinf(a) & (a == b), 0, a - b)


@op
def sigmoid(x, /):
    """Logistic function, elementwise: y = 1 / (1 + e⁻ˣ), for every x without overflow."""
    y = _sigmoid(x)
    return y, lambda g: g * (y * (1 - y))  # dL/dx = g y (1 - y)


@kernel
def _sigmoid(x):
    with np.errstate(over="ignore"):  # e⁻ˣ = inf gives the right limit, 0
        y = np.exp(np.negative(x))
    y += 1.0
    return np.reciprocal(y, out=y) if isinstance(y, np.ndarray) else 1.0 / y
