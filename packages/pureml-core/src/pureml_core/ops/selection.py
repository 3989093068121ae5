"""Choosing between values, elementwise: the larger, the smaller, the one that a condition picks."""

import numpy as np

from ..op import op
from ..registry import composed
from ..tensor import Tensor
from .common import masked, zero
from .complex import astype
from .shape import broadcast_to

__all__ = [
    "clip",
    "fmax",
    "fmin",
    "full_like",
    "heaviside",
    "interp",
    "maximum",
    "minimum",
    "nan_to_num",
    "where",
]


@op(numpy=np.maximum)
def maximum(a, b, /):
    """The larger of two values, elementwise, nan if one is. Equal values share the gradient evenly."""
    return (
        np.maximum(a, b),
        lambda g: _unless(a <= b, a == b, g),
        lambda g: _unless(b <= a, a == b, g),
    )


@op(numpy=np.minimum)
def minimum(a, b, /):
    """The smaller of two values, elementwise, nan if one is. Equal values share the gradient evenly."""
    return (
        np.minimum(a, b),
        lambda g: _unless(a >= b, a == b, g),
        lambda g: _unless(b >= a, a == b, g),
    )


@op(numpy=np.fmax)
def fmax(a, b, /):
    """The larger of two values, elementwise, and the other one of nan. Equal values share the gradient evenly."""
    return (
        np.fmax(a, b),
        lambda g: _unless((a <= b) | np.isnan(a), _same(a, b), g),
        lambda g: _unless((b <= a) | np.isnan(b), _same(a, b), g),
    )


@op(numpy=np.fmin)
def fmin(a, b, /):
    """The smaller of two values, elementwise, and the other one of nan. Equal values share the gradient evenly."""
    return (
        np.fmin(a, b),
        lambda g: _unless((a >= b) | np.isnan(a), _same(a, b), g),
        lambda g: _unless((b >= a) | np.isnan(b), _same(a, b), g),
    )


def _unless(lost, tied, g):
    """The gradient of a value that did not lose, half of it where it tied."""
    dx = masked(g, np.logical_not(lost))
    return dx + masked(g / 2, tied) if np.any(tied) else dx


def _same(a, b):
    return (a == b) | (np.isnan(a) & np.isnan(b))


@composed(np.clip, bind=lambda a, a_min=None, a_max=None, **keywords: ((a, a_min, a_max), keywords))
def clip(x, a_min=None, a_max=None, *, min=None, max=None):
    """x limited to a_min ≤ y ≤ a_max, elementwise; None is no limit. `min` and `max` are the same by other names.

    Gradients flow into the limits too, if they are Tensors: where x is beyond. A value at its limit counts as within.
    """
    if (min is not None and a_min is not None) or (max is not None and a_max is not None):
        raise ValueError("clip: given a limit twice; needed a_min or min, and a_max or max")
    return clamped(x, a_min if min is None else min, a_max if max is None else max)


@op
def clamped(x, low, high, /):
    """min(max(x, low), high), elementwise; a limit may be None. See `clip`."""
    if low is None and high is None:
        return np.positive(x), lambda g: g, None, None
    return (
        np.clip(x, low, high),
        lambda g: masked(g, np.logical_not(np.logical_or(*_beyond(x, low, high)))),
        lambda g: masked(g, _beyond(x, low, high)[0]),
        lambda g: masked(g, _beyond(x, low, high)[1]),
    )


def _beyond(x, low, high):
    """Where the lower limit is the value, and where the higher one is: everywhere, if it is below the other."""
    if low is None:
        return False, x > high
    if high is None:
        return x < low, False
    crossed = low > high
    return (x < low) & np.logical_not(crossed), (x > high) | crossed


@op(numpy=np.where, bind=lambda condition, a=None, b=None: ((condition, a, b), {}))
def where(condition, a=None, b=None, /):
    """a where the condition holds, else b; nothing flows into the condition.

    Of a condition alone: the indices of the places where it holds, one array for each axis.
    """
    if a is None and b is None:
        return np.nonzero(condition), None, None, None
    if a is None or b is None:
        raise ValueError("where: given one of two values to choose from; needed both, or neither")
    return (
        np.where(condition, a, b),
        None,
        lambda g: masked(g, condition),
        lambda g: masked(g, np.logical_not(condition)),
    )


@op(numpy=np.heaviside)
def heaviside(x, h, /):
    """The unit step, elementwise: 0 where x < 0, h where x = 0, 1 where x > 0. Nothing flows into x."""
    return np.heaviside(x, h), zero, lambda g: masked(g, x == 0)


@op(numpy=np.nan_to_num)
def nan_to_num(x, /, copy=True, nan=0.0, posinf=None, neginf=None):
    """x with finite numbers in the place of nan, inf and -inf, which by default are 0 and the largest of the dtype.

    Nothing flows into what was replaced.

    Raises:
        ValueError: copy=False; an operation does not write into its inputs.
    """
    if not copy:
        raise ValueError("nan_to_num: given copy=False, which would change x in place; needed copy=True")

    def vjp(g):
        if np.isrealobj(x):
            return masked(g, np.isfinite(x))
        return masked(np.real(g), np.isfinite(np.real(x))) + 1j * masked(np.imag(g), np.isfinite(np.imag(x)))

    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf), vjp


@composed(
    np.full_like,
    bind=lambda a, fill_value, dtype=None, order="K", subok=True, shape=None, *, device=None: (
        (a, fill_value, dtype, shape),
        {},
    ),
)
def full_like(a, fill_value, dtype=None, shape=None):
    """`fill_value` in every place of an array like a, or of another shape or dtype. Nothing flows into a."""
    filled = broadcast_to(fill_value, np.shape(a) if shape is None else shape)
    return astype(filled, np.result_type(a) if dtype is None else dtype)


@composed(np.interp)
def interp(x, xp, fp, left=None, right=None, period=None):
    """The values at x of the line through the points (xp, fp), which are vectors with xp ascending.

    Before the first and after the last point: `left` and `right`, by default fp[0] and fp[-1]. With a `period`, xp may
    have any order and x is taken modulo it. Gradients flow into x, xp and fp.

    Raises:
        ValueError: xp and fp are not two vectors of one length, or are empty; the period is 0.
    """
    x, xp, fp = (v if isinstance(v, Tensor) else np.asarray(v) for v in (x, xp, fp))
    if xp.ndim != 1 or xp.shape != fp.shape or not xp.size:
        raise ValueError(f"interp: given xp {xp.shape} and fp {fp.shape}; needed two vectors of one length, at least 1")
    if period is not None:
        if period == 0:
            raise ValueError("interp: given period=0; needed another number")
        x, xp = x % abs(period), xp % abs(period)
        order = np.argsort(xp)
        xp, fp = xp[order], fp[order]
        xp = np.concatenate((xp[-1:] - abs(period), xp, xp[:1] + abs(period)))
        fp = np.concatenate((fp[-1:], fp, fp[:1]))
        left = right = None
    last = len(xp) - 1
    i = np.clip(np.searchsorted(xp, x, side="right") - 1, 0, max(last - 1, 0))
    j = np.minimum(i + 1, last)
    step = xp[j] - xp[i]
    y = fp[i] + (fp[j] - fp[i]) * ((x - xp[i]) / where(step == 0, 1, step))
    y = where(x < xp[0], fp[0] if left is None else left, y)
    return where(x > xp[-1], fp[-1] if right is None else right, y)
