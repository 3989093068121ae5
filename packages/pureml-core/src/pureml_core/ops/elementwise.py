"""Elementwise operations. Operands broadcast; the engine sums their gradients back to their shapes."""

import numpy as np

from ..op import kernel, op
from ..registry import NUMPY

__all__ = [
    "abs",
    "add",
    "astype",
    "conjugate",
    "divide",
    "exp",
    "imag",
    "log",
    "log1p",
    "log2",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "positive",
    "power",
    "real",
    "sigmoid",
    "sqrt",
    "square",
    "subtract",
    "tanh",
    "where",
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


@op(numpy=np.power)
def power(a, b, /):
    """Power, elementwise: y = aᵇ. The exponent's gradient is 0 where the base is 0."""
    y = a**b

    def vjp_a(g):  # dL/da = g b aᵇ⁻¹, and 0 for b = 0, also at a = 0
        return g * np.where(b == 0, 0.0, b * np.where(b == 0, 1.0, a) ** (b - 1))

    def vjp_b(g):  # dL/db = g aᵇ ln a
        return g * np.where(a == 0, 0.0, y) * np.log(np.where(a == 0, 1.0, a))

    return y, _scalar_power(a, b) if isinstance(b, int | float) else vjp_a, vjp_b


def _scalar_power(a, b):
    """The VJP of aᵇ for a number b, without arrays of exponents."""
    return lambda g: g * (0.0 if b == 0 else b if b == 1 else b * a ** (b - 1))


@op(numpy=np.negative, linear=True)
def negative(x, /):
    """Negative, elementwise: y = -x."""
    return -x, lambda g: -g


@op(numpy=np.positive, linear=True)
def positive(x, /):
    """A copy of x."""
    return +x, lambda g: g


@op(numpy=np.absolute)
def abs(x, /):
    """Absolute value, elementwise. The gradient at 0 is 0."""
    return np.absolute(x), lambda g: g * np.sign(x)


@op(numpy=np.exp)
def exp(x, /):
    """Exponential, elementwise: y = eˣ."""
    y = np.exp(x)
    return y, lambda g: g * y  # dL/dx = g eˣ


@op(numpy=np.log)
def log(x, /):
    """Natural logarithm, elementwise."""
    return np.log(x), lambda g: g / x


@op(numpy=np.log2)
def log2(x, /):
    """Logarithm to base 2, elementwise."""
    return np.log2(x), lambda g: g / (x * 0.6931471805599453)  # ln 2


@op(numpy=np.log1p)
def log1p(x, /):
    """ln(1 + x), elementwise, precise for small x."""
    return np.log1p(x), lambda g: g / (1 + x)


@op(numpy=np.sqrt)
def sqrt(x, /):
    """Square root, elementwise."""
    y = np.sqrt(x)
    return y, lambda g: g / (2 * y)  # dL/dx = g / (2 √x)


@op(numpy=np.square)
def square(x, /):
    """Square, elementwise: y = x²."""
    return np.square(x), lambda g: 2 * g * x


@op(numpy=np.tanh)
def tanh(x, /):
    """Hyperbolic tangent, elementwise."""
    y = np.tanh(x)
    return y, lambda g: g * (1 - y * y)  # dL/dx = g (1 - tanh² x)


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


@op(numpy=np.maximum)
def maximum(a, b, /):
    """The larger of two values, elementwise. Equal values share the gradient evenly."""
    return (
        np.maximum(a, b),
        lambda g: g * _share(a > b, a == b),
        lambda g: g * _share(b > a, a == b),
    )


@op(numpy=np.minimum)
def minimum(a, b, /):
    """The smaller of two values, elementwise. Equal values share the gradient evenly."""
    return (
        np.minimum(a, b),
        lambda g: g * _share(a < b, a == b),
        lambda g: g * _share(b < a, a == b),
    )


def _share(won, tied):
    return np.where(won, 1.0, np.where(tied, 0.5, 0.0))


@op(numpy=np.where)
def where(condition, a, b, /):
    """a where the condition holds, else b; nothing flows into the condition."""
    return (
        np.where(condition, a, b),
        None,
        lambda g: np.where(condition, g, 0.0),
        lambda g: np.where(condition, 0.0, g),
    )


def _where(condition, *branches):
    """np.where as NumPy has it: with one argument, the places where the condition holds."""
    return where(condition, *branches) if branches else np.nonzero(condition)


NUMPY[np.where] = _where


@op(numpy=np.real, linear=True)
def real(x, /):
    """Real part of complex numbers, elementwise; real numbers are their own."""
    return np.real(x), lambda g: g  # the gradient of a complex x is real, too


@op(numpy=np.imag, linear=True)
def imag(x, /):
    """Imaginary part of complex numbers, elementwise; 0 for real ones."""
    is_complex = np.iscomplexobj(x)
    return np.imag(x), lambda g: g * -1j if is_complex else np.zeros_like(g)  # y = Re(-i x)


@op(numpy=np.conjugate, linear=True)
def conjugate(x, /):
    """Complex conjugate, elementwise."""
    return np.conjugate(x), lambda g: np.conjugate(g)


@op(linear=True)
def astype(x, /, dtype):
    """x converted to another dtype. The engine converts the gradient back; nothing flows through integers."""
    y = np.asarray(x).astype(dtype)
    return y, (lambda g: g) if y.dtype.kind in "fc" else None
