"""Rounding, division with remainder, and numbers taken apart, elementwise.

Rounded values are constant between jumps: their gradient is 0 everywhere.
"""

import numpy as np

from ..op import op
from ..registry import composed
from .common import quiet, zero
from .untracked import untracked

__all__ = [
    "around",
    "ceil",
    "divmod",
    "fix",
    "floor",
    "floor_divide",
    "fmod",
    "frexp",
    "ldexp",
    "mod",
    "modf",
    "remainder",
    "rint",
    "round",
    "trunc",
]


@op(numpy=np.floor, linear=True)
def floor(x, /):
    """The largest whole number ≤ x, elementwise."""
    return np.floor(x), zero


@op(numpy=np.ceil, linear=True)
def ceil(x, /):
    """The smallest whole number ≥ x, elementwise."""
    return np.ceil(x), zero


@op(numpy=(np.trunc, np.fix) if hasattr(np, "fix") else np.trunc, linear=True)
def trunc(x, /):
    """The next whole number towards 0, elementwise."""
    return np.trunc(x), zero


fix = trunc


@op(numpy=np.rint, linear=True)
def rint(x, /):
    """The nearest whole number, elementwise; halves go to the even one."""
    return np.rint(x), zero


@op(numpy=(np.round, np.around), linear=True)
def round(a, /, decimals=0):
    """The nearest multiple of 10⁻ᵈ for d `decimals`, which may be negative; halves go to the even digit."""
    return np.round(a, decimals), zero


around = round


@op(numpy=np.floor_divide, linear=True)
def floor_divide(a, b, /):
    """⌊a / b⌋, elementwise. See `remainder` for what is left."""
    return np.floor_divide(a, b), zero, zero


@op(numpy=np.remainder)
def remainder(a, b, /):
    """What ⌊a / b⌋ leaves, elementwise, with the sign of b: y = a - b ⌊a / b⌋."""
    return np.remainder(a, b), lambda g: g, quiet(lambda g: -g * np.floor_divide(a, b))


mod = remainder


@op(numpy=np.fmod)
def fmod(a, b, /):
    """What division towards 0 leaves, elementwise, with the sign of a: y = a - b trunc(a / b)."""
    return np.fmod(a, b), lambda g: g, quiet(lambda g: -g * np.trunc(a / b))


@op(numpy=np.divmod)
def divmod(a, b, /):
    """Quotient ⌊a / b⌋ and remainder, elementwise: two values. All of the gradient comes from the remainder."""
    q, r = np.divmod(a, b)
    return (q, r), lambda gq, gr: gr, quiet(lambda gq, gr: -gr * q)


@op(numpy=np.modf, linear=True)
def modf(x, /):
    """Fraction and whole part, elementwise, with the sign of x: two values. The gradient comes from the fraction."""
    return np.modf(x), lambda gf, gi: gf


@op(numpy=np.ldexp)
def ldexp(x, n, /):
    """x · 2ⁿ for whole n, elementwise. Nothing flows into n."""
    return np.ldexp(x, n), lambda g: np.ldexp(g, n), None


@composed(np.frexp)
def frexp(x):
    """m and n of x = m · 2ⁿ, elementwise, 0.5 ≤ |m| < 1 and n whole: two values. The second is untracked."""
    n = untracked(np.frexp)(x)[1]
    return ldexp(x, np.negative(n)), n
