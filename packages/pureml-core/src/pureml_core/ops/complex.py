"""Parts of complex numbers, and conversion from one dtype to another.

The gradient g of a complex x = u + iv is ∂L/∂u - i ∂L/∂v inside the engine, so that dL = Re(Σ g dx).
"""

import numpy as np

from ..op import op
from ..registry import composed
from .untracked import untracked

__all__ = ["angle", "astype", "conj", "conjugate", "imag", "real", "real_if_close"]


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
    return np.conjugate(x), lambda g: np.conjugate(g)  # Re(g dx̄) = Re(ḡ dx)


conj = conjugate


@op(numpy=np.angle)
def angle(z, /, deg=False):
    """Argument of complex numbers, elementwise: y = Im ln z, in (-π, π], or in degrees.

    The gradient at 0 is 0, as it is for real numbers, whose argument is 0 or π.
    """

    def vjp(g):  # dy = Im(dz / z) = Re(-i dz / z)
        if np.isrealobj(z):
            return np.zeros_like(g)
        dz = np.where(z == 0, 0, -1j * g / np.where(z == 0, 1, z))
        return dz * (180 / np.pi) if deg else dz

    return np.angle(z, deg), vjp


@composed(np.real_if_close)
def real_if_close(a, tol=100):
    """The real part, if all imaginary parts are within `tol` machine epsilons of 0 (an absolute number if ≤ 1)."""
    return astype(a, np.result_type(a)) if np.iscomplexobj(untracked(np.real_if_close)(a, tol)) else real(a)


@op(
    numpy=np.astype if hasattr(np, "astype") else None,
    bind=lambda x, dtype, *, copy=True, device=None: ((x,), {"dtype": dtype}),
    linear=True,
)
def astype(x, /, dtype):
    """x converted to another dtype. The engine converts the gradient back; nothing flows through integers."""
    y = np.asarray(x).astype(dtype)
    return y, (lambda g: g) if y.dtype.kind in "fc" else None
