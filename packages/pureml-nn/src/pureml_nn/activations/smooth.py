"""Smooth activations, and hardswish, which is made of several steps like them.

Value and derivative are computed together, in blocks that stay in the processor's cache (`_with_slope`); the plain
formula stands beside each as its definition. At a kink the derivative is that of the left or right side, as stated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from pureml_core import erfc, is_grad_enabled, op, sigmoid

from .piecewise_linear import hardsigmoid

BLOCK = 65536  # entries whose intermediate values stay in the processor's cache
FAR = 800.0  # beyond ±FAR an exponential is 0 or inf in double precision too


def _with_slope(f: Callable[..., tuple[Any, Callable[[], Any]]], x: Any, *settings: Any) -> tuple[Any, Any]:
    """(y, dy/dx) of an elementwise f(x, near, *settings) -> (y, function for dy/dx).

    `near` is x limited to ±FAR, for terms that would make nan of infinities; where all of x is, it is x itself.
    The slope shares the expensive parts of the value and is all that a VJP keeps. Where nothing is recorded it is None.
    """
    x = np.asarray(x)
    if x.dtype.kind == "c":
        raise TypeError(f"{f.__name__.strip('_')}: given {x.dtype}, needed real numbers")
    x = x if x.dtype.kind == "f" else x.astype(np.float64)
    working = np.promote_types(x.dtype, np.float32)  # half precision could not hold the intermediate values
    y = np.empty(x.shape, x.dtype)
    dy = np.empty(x.shape, x.dtype) if is_grad_enabled() else None
    xs, ys, dys = np.ravel(x), y.reshape(-1), None if dy is None else dy.reshape(-1)
    with np.errstate(over="ignore", under="ignore"):
        for i in range(0, x.size, BLOCK):
            block = slice(i, i + BLOCK)
            part = xs[block].astype(working, copy=False)
            near = part if part @ part < FAR * FAR else np.clip(part, -FAR, FAR)
            ys[block], slope = f(part, near, *settings)
            if dys is not None:
                dys[block] = slope()
    return y, dy


def _times(x: Any, near: Any, s: Any) -> Any:
    """x s, for an s that vanishes on the left: x = -∞ gives 0."""
    return (x if x is near else np.maximum(x, -FAR)) * s


def _left(x: Any) -> Any:
    """min(x, 0), whose gradient at 0 is not shared."""
    return np.where(x > 0, 0, x)


@op(definition=lambda x, /, alpha=1.0: np.where(x > 0, x, alpha * np.expm1(_left(x))))
def elu(x: Any, /, alpha: float = 1.0) -> Any:
    """Exponential linear unit: y = x for x > 0, else α (eˣ - 1) (Clevert et al. 2016). The derivative at 0 is α."""
    y, slope = _with_slope(_elu, x, float(alpha))
    return y, lambda g: g * slope  # dL/dx = g for x > 0, else g α eˣ


def _elu(x: Any, _: Any, alpha: float, rate: float = 1.0) -> Any:
    left = np.expm1(np.minimum(x, 0) * rate)  # 0 for x > 0

    def slope() -> Any:  # α rate e^(rate x), and 1 for x > 0
        d = (left + 1) * (alpha * rate)
        if alpha * rate != 1:
            d += (x > 0) * (1 - alpha * rate)
        return d

    return np.maximum(x, 0) + alpha * left, slope


@op(definition=lambda x, /, alpha=1.0: np.where(x > 0, x, alpha * np.expm1(_left(x) / alpha)))
def celu(x: Any, /, alpha: float = 1.0) -> Any:
    """y = x for x > 0, else α (e^(x/α) - 1), smooth at 0 for every α (Barron 2017)."""
    if alpha == 0:
        raise ValueError("celu: given alpha=0, needed another number")
    y, slope = _with_slope(_elu, x, float(alpha), 1 / float(alpha))
    return y, lambda g: g * slope  # dL/dx = g for x > 0, else g e^(x/α)


SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


@op(
    definition=lambda x, /: np.where(x > 0, SELU_SCALE * x, SELU_SCALE * SELU_ALPHA * np.expm1(_left(x))),
)
def selu(x: Any, /) -> Any:
    """y = λ elu(x, α), with the λ ≈ 1.0507 and α ≈ 1.6733 that keep mean 0 and variance 1 (Klambauer et al. 2017)."""
    y, slope = _with_slope(_elu, x, SELU_ALPHA)
    y *= SELU_SCALE
    return y, lambda g: g * slope * SELU_SCALE  # dL/dx = g λ for x > 0, else g λ α eˣ


def _gelu_definition(x: Any, /, approximate: str = "none") -> Any:
    if approximate == "tanh":
        return x * sigmoid(2 * GELU_A * x + 2 * GELU_A * GELU_B * (x * x * x))
    return 0.5 * x * erfc(x * -math.sqrt(0.5))


@op(definition=_gelu_definition)
def gelu(x: Any, /, approximate: str = "none") -> Any:
    """Gaussian error linear unit: y = x Φ(x), with the normal distribution function Φ (Hendrycks & Gimpel 2016).

    Args:
        approximate: "none", or "tanh" for Φ(x) ≈ ½ + ½ tanh(√(2/π) (x + 0.044715 x³)), off by up to 5e-4: GPT-2's.
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: given approximate={approximate!r}, needed 'none' or 'tanh'")
    y, slope = _with_slope(_gelu_tanh if approximate == "tanh" else _gelu, x)
    return y, lambda g: g * slope  # dL/dx = g (Φ(x) + x Φ'(x))


def _gelu(x: Any, near: Any) -> Any:
    a = np.abs(near)
    bell = a * a
    bell *= -0.5
    np.exp(bell, out=bell)
    if x.dtype == np.float32:  # Φ(-a) = e^(-a²/2) t P(t) to 1e-7 of its value, for t = 1 / (1 + 0.305 a)
        t = a * 0.305
        t += 1
        np.reciprocal(t, out=t)
        tail = t * PHI[0]
        for c in PHI[1:]:
            tail += c
            tail *= t
        tail *= bell
    else:
        tail = 0.5 * erfc.op.body(a * math.sqrt(0.5))[0]  # type: ignore[attr-defined]
    y = np.maximum(x, 0)
    y -= a * tail  # = x Φ(x) on either side

    def slope() -> Any:  # Φ(x) + x φ(x) = ½ ± (½ - Φ(-a) + a φ(a))
        d = a * bell
        d *= 1 / math.sqrt(2 * math.pi)
        d += 0.5
        d -= tail
        np.copysign(d, x, out=d)
        d += 0.5
        return d

    return y, slope


PHI = [0.036698951777655725, -0.1529873509406502, 0.18571530041279705, -0.037975400922159105, 0.1210209471360287,
       0.10342108111726321, 0.12246678359344018, 0.12163973476595148]  # fmt: skip
"""Coefficients of P, highest power first: a least-squares fit, reweighted towards the smallest largest error."""


def _gelu_tanh(x: Any, near: Any) -> Any:
    s = near * near
    p = s * (-2 * GELU_A * GELU_B)
    p -= 2 * GELU_A
    p *= near
    np.exp(p, out=p)
    p += 1
    np.reciprocal(p, out=p)  # σ(2u) = ½ + ½ tanh(u), which loses no digits on the left

    def slope() -> Any:  # dp/dx = p (1 - p) 2 du/dx
        d = s * (6 * GELU_A * GELU_B)
        d += 2 * GELU_A
        d *= near
        d *= p
        d *= 1 - p
        d += p
        return d

    return _times(x, near, p), slope


GELU_A, GELU_B = math.sqrt(2 / math.pi), 0.044715


@op(definition=lambda x, /: x * sigmoid(x))
def silu(x: Any, /) -> Any:
    """Sigmoid-weighted linear unit, or swish: y = x σ(x) (Elfwing et al. 2018)."""
    y, slope = _with_slope(_silu, x)
    return y, lambda g: g * slope  # dL/dx = g σ(x) (1 + x (1 - σ(x)))


def _silu(x: Any, near: Any) -> Any:
    s = _sigmoid(near)

    def slope() -> Any:
        d = 1 - s
        d *= near
        d += 1
        d *= s
        return d

    return _times(x, near, s), slope


def _sigmoid(x: Any) -> Any:
    y = np.exp(-x)
    y += 1
    return np.reciprocal(y, out=y)


@op(definition=lambda x, /: x * np.tanh(np.logaddexp(x, 0.0)))
def mish(x: Any, /) -> Any:
    """y = x tanh(softplus(x)), softplus(x) = ln(1 + eˣ) (Misra 2020)."""
    y, slope = _with_slope(_mish, x)
    return y, lambda g: g * slope  # dL/dx = g (t + x (1 - t²) σ(x)) with t = tanh(softplus(x))


def _mish(x: Any, near: Any) -> Any:
    e = np.exp(np.minimum(near, 20))  # tanh(softplus(20)) is 1 in double precision
    n = e * (e + 2)
    t = n / (n + 2)  # tanh(ln(1 + e))
    return _times(x, near, t), lambda: t + near * (1 - t * t) * (e / (e + 1))


@op(definition=lambda x, /, beta=1.0: np.logaddexp(beta * x, 0.0) / beta)
def softplus(x: Any, /, beta: float = 1.0) -> Any:
    """Smooth rectifier: y = ln(1 + e^(βx)) / β, without overflow for any x."""
    if not beta > 0:
        raise ValueError(f"softplus: given beta={beta!r}, needed a positive number")
    y, slope = _with_slope(_softplus, x, float(beta))
    return y, lambda g: g * slope  # dL/dx = g σ(βx)


def _softplus(x: Any, _: Any, beta: float) -> Any:
    y = np.abs(x)
    y *= -beta
    np.exp(y, out=y)
    np.log1p(y, out=y)
    y /= beta
    y += np.maximum(x, 0)  # ln(1 + eᵃ) = max(a, 0) + ln(1 + e^-|a|)
    return y, lambda: _sigmoid(x * beta)


@op(definition=lambda x, /: x / (1 + np.abs(x)))
def softsign(x: Any, /) -> Any:
    """y = x / (1 + |x|)."""
    y, slope = _with_slope(_softsign, x)
    return y, lambda g: g * slope  # dL/dx = g / (1 + |x|)²


def _softsign(x: Any, near: Any) -> Any:
    if x is not near:
        x = np.clip(x, np.finfo(x.dtype).min, np.finfo(x.dtype).max)  # no ∞ / ∞
    d = 1 / (1 + np.abs(x))
    return x * d, lambda: d * d


@op(definition=lambda x, /: x * hardsigmoid(x))
def hardswish(x: Any, /) -> Any:
    """y = x min(max(x/6 + ½, 0), 1), close to silu (Howard et al. 2019). The derivative is 0 at -3 and 1 at 3."""
    y, slope = _with_slope(_hardswish, x)
    return y, lambda g: g * slope  # dL/dx = g (x/3 + ½) between -3 and 3


def _hardswish(x: Any, near: Any) -> Any:
    h = x * (1 / 6)
    h += 0.5
    np.clip(h, 0, 1, out=h)

    def slope() -> Any:
        d = x * (1 / 3)
        d += 0.5
        d[x <= -3] = 0
        d[x >= 3] = 1
        return d

    return _times(x, near, h), slope
