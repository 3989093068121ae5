"""The error function and sinc, elementwise."""

import math

import numpy as np

from ..op import kernel, op

__all__ = ["erf", "erfc", "sinc"]


@op
def erf(x, /):
    """Error function, elementwise: y = 2/√π ∫₀ˣ e^(-t²) dt.

    Accurate to the last digits of the dtype, by the rational approximations of Cody (1969), "Rational Chebyshev
    approximations for the error function", Mathematics of Computation 23.

    Raises:
        TypeError: x is complex.
    """
    return _erf(x), lambda g: g * (2 / math.sqrt(math.pi) * np.exp(-x * x))  # dL/dx = g 2/√π e^(-x²)


@op
def erfc(x, /):
    """Complementary error function, elementwise: y = 1 - erf(x), accurate also where that is tiny. See `erf`."""
    return _erfc(x), lambda g: g * (-2 / math.sqrt(math.pi) * np.exp(-x * x))


@op(numpy=np.sinc)
def sinc(x, /):
    """sin(πx) / (πx), elementwise, and 1 at 0."""

    def vjp(g):  # dy/dx = (cos πx - y) / x; near 0, where that cancels, the derivative of Σ (-1)ᵏ (πx)²ᵏ / (2k + 1)!
        near = np.absolute(x) < 0.5
        t, far = np.where(near, x, 0), np.where(near, 1, x)
        series = 0
        for c in SINC_SLOPE:
            series = series * (t * t) + c
        return g * np.where(near, series * t, (np.cos(np.pi * far) - np.sinc(far)) / far)

    return np.sinc(x), vjp


SINC_SLOPE = [(-1) ** k * 2 * k * math.pi ** (2 * k) / math.factorial(2 * k + 1) for k in range(16, 0, -1)]


# Cody's coefficients, highest power first.
NEAR = (
    (1.85777706184603153e-1, 3.16112374387056560e00, 1.13864154151050156e02, 3.77485237685302021e02,
     3.20937758913846947e03),
    (1.0, 2.36012909523441209e01, 2.44024637934444173e02, 1.28261652607737228e03, 2.84423683343917062e03),
)  # fmt: skip
MIDDLE = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e00, 6.61191906371416295e01,
     2.98635138197400131e02, 8.81952221241769090e02, 1.71204761263407058e03, 2.05107837782607147e03,
     1.23033935479799725e03),
    (1.0, 1.57449261107098347e01, 1.17693950891312499e02, 5.37181101862009858e02, 1.62138957456669019e03,
     3.29079923573345963e03, 4.36261909014324716e03, 3.43936767414372164e03, 1.23033935480374942e03),
)  # fmt: skip
FAR = (
    (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
     1.60837851487422766e-2, 6.58749161529837803e-4),
    (1.0, 2.56852019228982242e00, 1.87295284992346725e00, 5.27905102951428412e-1, 6.05183413124413191e-2,
     2.33520497626869185e-3),
)  # fmt: skip

BLOCK = 16384  # entries whose intermediate values stay in the processor's cache


@kernel
def _erf(x):
    return _in_blocks(_erf_block, x, "erf")


@kernel
def _erfc(x):
    return _in_blocks(_erfc_block, x, "erfc")


def _in_blocks(f, x, name):
    x = np.asarray(x)
    if x.dtype.kind == "c":
        raise TypeError(f"{name}: given {x.dtype}; needed real numbers: take np.real(x) first")
    dtype = np.result_type(x, np.float16) if x.dtype.kind == "f" else np.float64
    y = np.empty(x.shape, dtype)
    values, flat = np.ravel(x), y.reshape(-1)
    working = np.promote_types(dtype, np.float32)  # half precision could not hold the coefficients
    for i in range(0, flat.size, BLOCK):
        flat[i : i + BLOCK] = f(values[i : i + BLOCK].astype(working))
    return y


def _erf_block(x):
    r = np.minimum(np.abs(x), 6)  # erf(6) is 1 in double precision
    y = np.copysign(1 - np.exp(-r * r) * _rational(MIDDLE, r), x)
    near = np.flatnonzero(r < 0.46875)
    y[near] = _erf_near(x[near])
    return y


def _erfc_block(x):
    y = _tail(np.minimum(np.abs(x), 28))  # erfc(28) is 0 in double precision
    negative = np.flatnonzero(x < 0)
    y[negative] = 2 - y[negative]
    near = np.flatnonzero(np.abs(x) < 0.46875)
    y[near] = 1 - _erf_near(x[near])
    return y


def _erf_near(x):
    """erf of |x| ≤ 0.46875."""
    return x * _rational(NEAR, x * x)


def _tail(r):
    """erfc of r ≥ 0.46875."""
    y = _rational(MIDDLE, r)
    far = np.flatnonzero(r > 4)
    if far.size:
        t = r[far]
        s = 1 / (t * t)
        y[far] = (1 / math.sqrt(math.pi) - s * _rational(FAR, s)) / t
    s = np.trunc(16 * r) / 16  # e^(-r²) from an s whose square is exact: rounding r² would cost digits
    y *= np.exp(-s * s)
    y *= np.exp((s - r) * (s + r))
    return y


def _rational(coefficients, t):
    """P(t) / Q(t)."""
    p, q = (np.full_like(t, c[0]) for c in coefficients)
    for a, b in zip(coefficients[0][1:], coefficients[1][1:], strict=True):
        p *= t
        p += a
        q *= t
        q += b
    p /= q
    return p
