"""Activations: the functions between layers. They take Tensors or arrays of any shape and keep their dtype.

All but the softmax family, glu and swiglu work elementwise. Where an elementwise one is made of several steps, its
value and its derivative are computed together, in blocks that stay in the processor's cache (`_with_slope`); the plain
formula stands beside it as its definition. At a kink the derivative is that of the left or right side, as stated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from pureml_core import erfc, generator, is_grad_enabled, log_softmax, op, sigmoid, softmax, tanh

__all__ = [
    "celu",
    "elu",
    "gelu",
    "glu",
    "gumbel_softmax",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "log_softmax",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softsign",
    "swiglu",
    "tanh",
]


# ---- pieces of straight lines


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


# ---- smooth ones: value and slope together, block by block

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


# ---- of several entries each


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
