"""Circular and hyperbolic functions and their inverses, elementwise; angles in radians.

Complex numbers go by the same formulas, wherever NumPy takes them.
"""

import numpy as np

from ..op import op
from .common import quiet

__all__ = [
    "acos",
    "acosh",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cos",
    "cosh",
    "deg2rad",
    "degrees",
    "hypot",
    "rad2deg",
    "radians",
    "sin",
    "sinh",
    "tan",
    "tanh",
    "unwrap",
]


@op(numpy=np.sin)
def sin(x, /):
    """Sine, elementwise."""
    return np.sin(x), lambda g: g * np.cos(x)


@op(numpy=np.cos)
def cos(x, /):
    """Cosine, elementwise."""
    return np.cos(x), lambda g: -g * np.sin(x)


@op(numpy=np.tan)
def tan(x, /):
    """Tangent, elementwise."""
    y = np.tan(x)
    return y, lambda g: g * (1 + y * y)  # dL/dx = g / cos² x = g (1 + tan² x)


@op(numpy=np.arcsin)
def arcsin(x, /):
    """Inverse sine, elementwise, in [-π/2, π/2]. The gradient at ±1 is infinite."""
    return np.arcsin(x), quiet(lambda g: g / np.sqrt((1 - x) * (1 + x)))  # dL/dx = g / √(1 - x²)


@op(numpy=np.arccos)
def arccos(x, /):
    """Inverse cosine, elementwise, in [0, π]. The gradient at ±1 is infinite."""
    return np.arccos(x), quiet(lambda g: -g / np.sqrt((1 - x) * (1 + x)))  # dL/dx = -g / √(1 - x²)


@op(numpy=np.arctan)
def arctan(x, /):
    """Inverse tangent, elementwise, in [-π/2, π/2]."""
    return np.arctan(x), quiet(lambda g: g / (1 + x * x))


@op(numpy=np.arctan2)
def arctan2(a, b, /):
    """Angle of the point (b, a) in the plane, elementwise, in [-π, π]: a = r sin y, b = r cos y.

    The gradient at the origin is 0.
    """
    y = np.arctan2(a, b)

    def vjp_a(g):  # dL/da = g b / r²
        r = _radius(a, b)
        return g * (b / r) / r

    def vjp_b(g):  # dL/db = -g a / r²
        r = _radius(a, b)
        return -g * (a / r) / r

    return y, quiet(vjp_a), quiet(vjp_b)


@op(numpy=np.hypot)
def hypot(a, b, /):
    """Length of the hypotenuse, elementwise: y = √(a² + b²), without overflow. The gradient at 0, 0 is 0."""
    y = np.hypot(a, b)
    return (
        y,
        quiet(lambda g: g * a / np.where(y == 0, 1, y)),  # dL/da = g a / y
        quiet(lambda g: g * b / np.where(y == 0, 1, y)),
    )


def _radius(a, b):
    """√(a² + b²), and 1 at the origin, where a / r shall be 0."""
    r = np.hypot(a, b)
    return np.where(r == 0, 1, r)


@op(numpy=np.sinh)
def sinh(x, /):
    """Hyperbolic sine, elementwise: y = (eˣ - e⁻ˣ) / 2."""
    return np.sinh(x), quiet(lambda g: g * np.cosh(x))


@op(numpy=np.cosh)
def cosh(x, /):
    """Hyperbolic cosine, elementwise: y = (eˣ + e⁻ˣ) / 2."""
    return np.cosh(x), quiet(lambda g: g * np.sinh(x))


@op(numpy=np.tanh)
def tanh(x, /):
    """Hyperbolic tangent, elementwise."""
    y = np.tanh(x)
    return y, lambda g: g * (1 - y * y)  # dL/dx = g (1 - tanh² x)


@op(numpy=np.arcsinh)
def arcsinh(x, /):
    """Inverse hyperbolic sine, elementwise."""
    return np.arcsinh(x), quiet(lambda g: g / np.sqrt(1 + x * x))


@op(numpy=np.arccosh)
def arccosh(x, /):
    """Inverse hyperbolic cosine, elementwise, of x ≥ 1. The gradient at 1 is infinite."""
    return np.arccosh(x), quiet(lambda g: g / (np.sqrt(x - 1) * np.sqrt(x + 1)))  # dL/dx = g / √(x² - 1)


@op(numpy=np.arctanh)
def arctanh(x, /):
    """Inverse hyperbolic tangent, elementwise, of |x| ≤ 1. The gradient at ±1 is infinite."""
    return np.arctanh(x), quiet(lambda g: g / ((1 - x) * (1 + x)))  # dL/dx = g / (1 - x²)


asin, acos, atan, atan2 = arcsin, arccos, arctan, arctan2
asinh, acosh, atanh = arcsinh, arccosh, arctanh


@op(numpy=(np.deg2rad, np.radians), linear=True)
def deg2rad(x, /):
    """Degrees as radians, elementwise: y = x π / 180."""
    return np.deg2rad(x), lambda g: np.deg2rad(g)


@op(numpy=(np.rad2deg, np.degrees), linear=True)
def rad2deg(x, /):
    """Radians as degrees, elementwise: y = x 180 / π."""
    return np.rad2deg(x), lambda g: np.rad2deg(g)


radians, degrees = deg2rad, rad2deg


@op(numpy=np.unwrap, linear=True)
def unwrap(p, /, discont=None, axis=-1, *, period=2 * np.pi):
    """Angles along `axis` without jumps: multiples of the period are added where neighbours differ by more than half.

    `discont` is a larger jump to allow. What is added is constant: the gradient passes through.
    """
    return np.unwrap(p, discont=discont, axis=axis, period=period), lambda g: g
