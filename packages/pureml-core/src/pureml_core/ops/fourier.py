"""Discrete Fourier transforms, convolution, and polynomials.

A transform is linear, y = F x, with a symmetric matrix F: its VJP, Fᵀ g, is the same transform again.
"""

import numpy as np

from ..op import op
from ..registry import composed
from ..tensor import Tensor
from .padding import pad
from .shape import flip, roll

__all__ = [
    "convolve",
    "correlate",
    "fft",
    "fft2",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfft2",
    "irfftn",
    "polyval",
    "rfft",
    "rfft2",
    "rfftn",
]

# The other direction with this one's factor: what one scales by 1/n, the other does, too.
SWAPPED = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


# ---- one axis


@op(numpy=np.fft.fft, linear=True)
def fft(x, /, n=None, axis=-1, norm=None):
    """Discrete Fourier transform along an axis: yₖ = Σⱼ xⱼ e^(-2πi jk/n).

    Args:
        n: length; x is cut off or filled up with zeros to it.
        norm: scale by 1/n "forward", in the inverse ("backward", the default), or by 1/√n in both ("ortho").
    """
    y, length = np.fft.fft(x, n, axis, norm), np.shape(x)[axis]
    return y, lambda g: _fit(np.fft.fft(g, None, axis, norm), length, axis)


@op(numpy=np.fft.ifft, linear=True)
def ifft(x, /, n=None, axis=-1, norm=None):
    """Inverse of `fft`: yⱼ = 1/n Σₖ xₖ e^(2πi jk/n). Arguments as there."""
    y, length = np.fft.ifft(x, n, axis, norm), np.shape(x)[axis]
    return y, lambda g: _fit(np.fft.ifft(g, None, axis, norm), length, axis)


@op(numpy=np.fft.rfft, linear=True)
def rfft(x, /, n=None, axis=-1, norm=None):
    """`fft` of real values, the half that determines the rest: k = 0 to ⌊n/2⌋."""
    y, length = np.fft.rfft(x, n, axis, norm), np.shape(x)[axis]
    n = length if n is None else n

    def vjp(g):  # dL/dxⱼ = Re Σₖ gₖ e^(-2πi jk/n): an inverse that counts what is between the ends once, not twice
        half = 1 / _times(n, np.shape(g), axis, g.dtype)
        return _fit(np.fft.irfft(np.conjugate(g) * half, n, axis, SWAPPED[norm]), length, axis)

    return y, vjp


@op(numpy=np.fft.irfft, linear=True)
def irfft(x, /, n=None, axis=-1, norm=None):
    """Inverse of `rfft`, real: n entries from ⌊n/2⌋ + 1, by default an even number.

    Imaginary parts of the first entry and, for even n, of the last are ignored and have no gradient.
    """
    y, length = np.fft.irfft(x, n, axis, norm), np.shape(x)[axis]
    n = 2 * (length - 1) if n is None else n

    def vjp(g):  # dL/dxₖ = (1 or 2)/n Σⱼ gⱼ e^(2πi jk/n): all but the ends stand for two entries of the whole
        dx = np.conjugate(np.fft.rfft(g, n, axis, SWAPPED[norm]))
        return _fit(dx * _times(n, np.shape(dx), axis, dx.dtype), length, axis)

    return y, vjp


@composed(np.fft.hfft)
def hfft(x, n=None, axis=-1, norm=None):
    """`fft` of a signal whose other half is the conjugate of this one: real. Default length 2 (m - 1)."""
    return irfft(np.conjugate(x), n, axis, _swapped("hfft", norm))


@composed(np.fft.ihfft)
def ihfft(x, n=None, axis=-1, norm=None):
    """Inverse of `hfft`: half of the spectrum of a real signal, conjugated."""
    return np.conjugate(rfft(x, n, axis, _swapped("ihfft", norm)))


def _swapped(name, norm):
    if norm not in SWAPPED:
        raise ValueError(f'{name}: norm={norm!r}; give "backward", "ortho" or "forward"')
    return SWAPPED[norm]


def _times(n, shape, axis, dtype):
    """How often each entry of half a spectrum occurs in the whole: once at the ends, twice in between."""
    times = np.full(shape[axis], 2, np.finfo(dtype).dtype)
    times[0] = 1
    if n % 2 == 0:
        times[-1] = 1
    return times.reshape((-1,) + (1,) * (-1 - axis if axis < 0 else len(shape) - 1 - axis))


def _fit(g, length, axis):
    """Cut off, or filled up with zeros, to a length along an axis: what padding and cutting do to a gradient."""
    n = g.shape[axis]
    if n > length:
        return np.moveaxis(np.moveaxis(g, axis, 0)[:length], 0, axis)
    return g if n == length else pad(g, {axis: (0, length - n)})


# ---- several axes: one after the other


@composed(np.fft.fftn)
def fftn(x, s=None, axes=None, norm=None):
    """`fft` along several axes, all by default.

    Args:
        s: lengths; -1 leaves an axis as long as it is. Without `axes`, for the last len(s) ones.
        norm: as for `fft`.
    """
    return _each(fft, x, "fftn", s, axes, norm)


@composed(np.fft.ifftn)
def ifftn(x, s=None, axes=None, norm=None):
    """Inverse of `fftn`. Arguments as there."""
    return _each(ifft, x, "ifftn", s, axes, norm)


@composed(np.fft.rfftn)
def rfftn(x, s=None, axes=None, norm=None):
    """`fftn` of real values: `rfft` along the last of the axes, then `fft` along the others."""
    lengths, axes = _lengths(x, "rfftn", s, axes)
    return _each(fft, rfft(x, lengths[-1], axes[-1], norm), "rfftn", lengths[:-1], axes[:-1], norm)


@composed(np.fft.irfftn)
def irfftn(x, s=None, axes=None, norm=None):
    """Inverse of `rfftn`, real: `ifft` along all but the last of the axes, then `irfft`."""
    lengths, axes = _lengths(x, "irfftn", s, axes)
    return irfft(_each(ifft, x, "irfftn", lengths[:-1], axes[:-1], norm), lengths[-1], axes[-1], norm)


@composed(np.fft.fft2)
def fft2(x, s=None, axes=(-2, -1), norm=None):
    """`fftn` along the last two axes."""
    return fftn(x, s, axes, norm)


@composed(np.fft.ifft2)
def ifft2(x, s=None, axes=(-2, -1), norm=None):
    """`ifftn` along the last two axes."""
    return ifftn(x, s, axes, norm)


@composed(np.fft.rfft2)
def rfft2(x, s=None, axes=(-2, -1), norm=None):
    """`rfftn` along the last two axes."""
    return rfftn(x, s, axes, norm)


@composed(np.fft.irfft2)
def irfft2(x, s=None, axes=(-2, -1), norm=None):
    """`irfftn` along the last two axes."""
    return irfftn(x, s, axes, norm)


def _each(transform, x, name, s, axes, norm):
    for n, axis in reversed(list(zip(*_lengths(x, name, s, axes), strict=True))):
        x = transform(x, n, axis, norm)
    return x


def _lengths(x, name, s, axes):
    """(lengths, axes); a length of None: the axis as it is."""
    shape = np.shape(x)
    if axes is None:
        axes = range(-len(shape if s is None else s), 0)
    s = [None] * len(axes) if s is None else list(s)
    if len(s) != len(axes):
        raise ValueError(f"{name}: {len(s)} lengths, {list(s)}, for {len(axes)} axes, {list(axes)}")
    return [shape[axis] if n == -1 else n for n, axis in zip(s, axes, strict=True)], list(axes)


@composed(np.fft.fftshift)
def fftshift(x, axes=None):
    """The frequency 0, first in a spectrum, moved to the middle of `axes`, all by default."""
    return _shifted(x, axes, 1)


@composed(np.fft.ifftshift)
def ifftshift(x, axes=None):
    """Inverse of `fftshift`; the two differ for odd lengths."""
    return _shifted(x, axes, -1)


def _shifted(x, axes, sign):
    shape = np.shape(x)
    axes = tuple(range(len(shape))) if axes is None else tuple(np.atleast_1d(axes).tolist())
    return roll(x, tuple(sign * (shape[axis] // 2) for axis in axes), axes)


# ---- convolution


@op(numpy=np.convolve)
def convolve(a, b, /, mode="full"):
    """Convolution of two vectors: yₖ = Σᵢ aᵢ bₖ₋ᵢ.

    Args:
        mode: "full", all n + m - 1 of them; "same", max(n, m) in the middle; "valid", where the shorter lies wholly
            within the longer.

    Raises:
        ValueError: more than one axis, no entries, or another mode.
    """
    n, m = np.size(a), np.size(b)
    starts = {"full": 0, "same": (min(n, m) - 1) // 2, "valid": min(n, m) - 1}
    if mode not in starts:
        raise ValueError(f'convolve: mode={mode!r}; give "full", "same" or "valid"')
    y, before = np.convolve(a, b, mode), starts[mode]

    def full(g):  # in its place among all n + m - 1
        return np.pad(g, (before, n + m - 1 - before - g.shape[0]))

    return (
        y,
        lambda g: np.convolve(full(g), np.flip(b), "valid"),  # dL/daᵢ = Σₖ gₖ bₖ₋ᵢ
        lambda g: np.convolve(full(g), np.flip(a), "valid"),  # dL/dbⱼ = Σₖ gₖ aₖ₋ⱼ
    )


@composed(np.correlate)
def correlate(a, v, mode="valid"):
    """Correlation of two vectors: yₖ = Σᵢ aᵢ₊ₖ v̄ᵢ, with the conjugate of v. Modes as for `convolve`."""
    if np.size(v) > np.size(a):
        return np.conjugate(flip(correlate(v, a, mode)))
    return convolve(a, flip(np.conjugate(v)), mode)


# ---- polynomials


@composed(np.polyval)
def polyval(p, x):
    """The polynomial p₀ xⁿ⁻¹ + ... + pₙ₋₂ x + pₙ₋₁ at every x, by Horner's rule."""
    y = Tensor(np.zeros(np.shape(x), np.result_type(x)))
    for coefficient in p:
        y = y * x + coefficient
    return y
