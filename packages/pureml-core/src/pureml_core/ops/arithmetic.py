"""Arithmetic, elementwise: sums, products, powers, roots, sign and size.

Operands broadcast; the engine sums their gradients back to their shapes. Complex numbers go by the same formulas,
wherever NumPy takes them.
"""

import numpy as np

from ..op import kernel, op
from ..registry import composed
from .common import quiet, zero
from .complex import astype

__all__ = [
    "abs",
    "absolute",
    "add",
    "cbrt",
    "copysign",
    "divide",
    "fabs",
    "float_power",
    "multiply",
    "negative",
    "positive",
    "pow",
    "power",
    "reciprocal",
    "sign",
    "sqrt",
    "square",
    "subtract",
    "true_divide",
]


@op(numpy=np.add, linear=True)
def add(a, b, /):
    """Sum, elementwise: y = a + b."""
    return a + b, lambda g: g, lambda g: g


@op(numpy=np.subtract, linear=True)
def subtract(a, b, /):
    """Difference, elementwise: y = a - b."""
    return a - b, lambda g: g, lambda g: -g


@op(numpy=np.multiply)
def multiply(a, b, /):
    """Product, elementwise: y = a b."""
    return a * b, lambda g: g * b, lambda g: g * a  # dL/da = g b, dL/db = g a


@op(numpy=np.divide)
def divide(a, b, /):
    """Quotient, elementwise: y = a / b."""
    y = a / b
    return (
        y,
        lambda g: g / b,  # dL/da = g / b
        lambda g: -(g * y) / b,  # dL/db = -g a / b²
    )


true_divide = divide


@op(numpy=np.negative, linear=True)
def negative(x, /):
    """Negative, elementwise: y = -x."""
    return -x, lambda g: -g


@op(numpy=np.positive, linear=True)
def positive(x, /):
    """A copy of x."""
    return +x, lambda g: g


@op(numpy=np.reciprocal)
def reciprocal(x, /):
    """Reciprocal, elementwise: y = 1 / x."""
    y = np.reciprocal(x)
    return y, quiet(lambda g: -g * y * y)  # dL/dx = -g / x²


@op(numpy=np.power)
def power(a, b, /):
    """Power, elementwise: y = aᵇ. Where the base is 0 and b ≥ 0, the exponent's gradient is 0.

    Raises:
        ValueError: integers to negative integer powers; make one of them floating.
    """
    y = _power(a, b)

    def vjp_a(g):  # dL/da = g b aᵇ⁻¹, which is 0 for b = 0, also at a = 0 and at nan
        one = y.dtype.type(1) if y.dtype.kind == "f" else 1.0  # b may be integers, without a sign even
        return g * b * np.where(((a == 0) | np.isnan(a)) & (b == 0), 1, a) ** (b - one)

    def vjp_b(g):  # dL/db = g aᵇ ln a
        base = y.dtype.type(a) if isinstance(a, int | float | complex) else a
        return g * y * np.log(np.where((base == 0) & (np.real(b) >= 0), 1, base))

    return y, _scalar_power(a, b) if isinstance(b, int | float) else quiet(vjp_a), quiet(vjp_b)


def _scalar_power(a, b):
    """The VJP of aᵇ for a number b, without arrays of exponents."""
    if b == 0:
        return zero
    if b == 1:
        return lambda g: g
    return quiet(lambda g: g * (b * _product(a, b - 1)))


@kernel
def _power(a, b):
    return _product(a, b)


def _product(a, b):
    """aᵇ, by products for small whole numbers: NumPy calls a function for each entry there, 100 times slower."""
    if b.__class__ in (int, float) and b in PRODUCTS and getattr(a, "dtype", np.dtype(object)).kind in "fc":
        return PRODUCTS[b](a)
    return a**b


PRODUCTS = {
    1: lambda a: a,
    3: lambda a: a * a * a,
    4: lambda a: np.square(a * a),
    -2: lambda a: 1 / (a * a),
    -3: lambda a: 1 / (a * a * a),
}

pow = power


@composed(np.float_power)
def float_power(a, b):
    """Power, elementwise: y = aᵇ, computed in double precision at least."""
    dtype = np.result_type(a, b, np.float64)
    return power(astype(a, dtype), astype(b, dtype))


@op(numpy=np.square)
def square(x, /):
    """Square, elementwise: y = x²."""
    return np.square(x), lambda g: 2 * g * x


@op(numpy=np.sqrt)
def sqrt(x, /):
    """Square root, elementwise. The gradient at 0 is infinite."""
    y = np.sqrt(x)
    return y, quiet(lambda g: g / (2 * y))  # dL/dx = g / (2 √x)


@op(numpy=np.cbrt)
def cbrt(x, /):
    """Cube root, elementwise, of negative numbers too. The gradient at 0 is infinite."""
    y = np.cbrt(x)
    return y, quiet(lambda g: g / (3 * y * y))  # dL/dx = g / (3 x^⅔)


@op(numpy=np.absolute)
def abs(x, /):
    """Absolute value, elementwise; of complex numbers the modulus. The gradient at 0 is 0."""

    def vjp(g):  # d|x| = Re(x̄ dx) / |x|
        direction = np.sign(x)
        return g * (np.conjugate(direction) if direction.dtype.kind == "c" else direction)

    return np.absolute(x), vjp


absolute = abs


@op(numpy=np.fabs)
def fabs(x, /):
    """Absolute value of real numbers, elementwise, never an integer. The gradient at 0 is 0."""
    return np.fabs(x), lambda g: g * np.sign(x)


@op(numpy=np.sign)
def sign(x, /):
    """-1, 0 or 1, elementwise; of complex numbers the direction x / |x|. The gradient of a real x is 0."""
    y = np.sign(x)
    if y.dtype.kind != "c":
        return y, zero

    def vjp(g):  # only turning x changes y: dy = i y Im(dx / x), so dL/dx = i Im(g y) ȳ / |x|, and 0 at 0
        return 1j * np.imag(g * y) * np.conjugate(y) / np.where(x == 0, 1, np.absolute(x))

    return y, vjp


@op(numpy=np.copysign)
def copysign(a, b, /):
    """|a| with the sign of b, elementwise. Nothing flows into b; the gradient at a = 0 is 0."""
    y = np.copysign(a, b)
    return y, lambda g: g * (np.sign(a) * np.sign(y)), zero
