"""Differences of neighbours, and what is made of them: slopes and integrals."""

import numpy as np

from ..op import op
from ..registry import composed
from .elementwise import divide, multiply, positive
from .joining import concatenate
from .reduce import sum
from .shape import broadcast_to, moveaxis, reshape

__all__ = ["diff", "ediff1d", "gradient", "trapezoid"]


@op(linear=True)
def difference(x, /, axis=-1):
    """Differences of neighbours along `axis`: yᵢ = xᵢ₊₁ - xᵢ."""
    shape = np.shape(x)

    def vjp(g):  # dL/dxᵢ = gᵢ₋₁ - gᵢ, with 0 beyond the ends
        if 0 in shape:
            return np.zeros(shape, g.dtype)
        zero = np.zeros([1 if i == axis % g.ndim else n for i, n in enumerate(g.shape)], g.dtype)
        return -np.diff(np.concatenate([zero, g, zero], axis=axis), axis=axis)

    return np.diff(x, axis=axis), vjp


@composed(np.diff)
def diff(x, n=1, axis=-1, prepend=None, append=None):
    """Differences of neighbours along `axis`, n times.

    Args:
        prepend, append: values to put before and after x along `axis` at first; they have gradients too.

    Raises:
        ValueError: n is negative, or x has no axis.
    """
    if n < 0 or np.ndim(x) == 0:
        raise ValueError(f"diff: given n={n} for shape {np.shape(x)}; needed n >= 0 and at least one axis")
    if n == 0:
        return positive(x)
    ends = [None if end is None else _slice_of(x, end, axis) for end in (prepend, append)]
    parts = [part for part in (ends[0], x, ends[1]) if part is not None]
    y = concatenate(*parts, axis=axis) if len(parts) > 1 else x
    for _ in range(n):
        y = difference(y, axis=axis)
    return y


def _slice_of(x, end, axis):
    """A number made a slice along `axis`, of x's precision; arrays as they are."""
    if np.ndim(end):
        return end
    if isinstance(end, int | float | complex):
        end = np.asarray(end, np.result_type(np.zeros_like(x, shape=()).dtype, end))
    shape = np.shape(x)
    return broadcast_to(end, [1 if i == axis % len(shape) else n for i, n in enumerate(shape)])


@composed(np.ediff1d)
def ediff1d(x, to_end=None, to_begin=None):
    """Differences of neighbours of the flattened x, between `to_begin` and `to_end`."""
    y = difference(reshape(x, -1))
    parts = [to_begin, y, to_end]
    return concatenate(*[part if part is y else reshape(part, -1) for part in parts if part is not None])


@composed(np.trapezoid)
def trapezoid(y, x=None, dx=1.0, axis=-1):
    """Integral of sampled values along `axis` by the trapezoidal rule: Σᵢ (xᵢ₊₁ - xᵢ) (yᵢ + yᵢ₊₁) / 2.

    Args:
        x: where the samples are: along the axis, or of the shape of y. Equal steps `dx` when None.
    """
    if x is not None:
        dx = difference(x, axis=-1 if np.ndim(x) == 1 else axis)
        if np.ndim(x) == 1 and np.ndim(y) > 1:
            dx = reshape(dx, [-1, *[1] * (np.ndim(y) - 1 - axis % np.ndim(y))])
    y = moveaxis(y, axis, 0)
    steps = multiply(moveaxis(y[1:] + y[:-1], 0, axis), 0.5)
    return sum(multiply(steps, dx), axis=axis)


@composed(np.gradient)
def gradient(f, *varargs, axis=None, edge_order=1):
    """Slopes of sampled values along each axis by central differences: an estimate; see gradients for derivatives.

    Inside, (fᵢ₊₁ - fᵢ₋₁) / 2h, or its form for unequal steps, of second order; at the ends, of `edge_order`.

    Args:
        f: samples.
        varargs: the steps: one number for all axes, or for each a number, or the positions along it.
        axis: an axis, or several; all when None.
        edge_order: 1 or 2.

    Returns:
        The slopes along the axis, of f's shape; a tuple of them for several axes.

    Raises:
        ValueError: fewer than edge_order + 1 samples along an axis, or positions of another number.
        TypeError: another number of steps than of axes.
    """
    shape = np.shape(f)
    axes = range(len(shape)) if axis is None else [i % len(shape) for i in np.atleast_1d(axis).tolist()]
    if not shape or edge_order not in (1, 2):
        raise ValueError(
            f"gradient: given shape {shape} and edge_order={edge_order}; needed samples along an axis and 1 or 2. "
            "Derivatives of a computation are what gradients() gives"
        )
    steps = varargs or (1.0,)
    if len(steps) == 1 and np.ndim(steps[0]) == 0:
        steps *= len(axes)
    if len(steps) != len(axes):
        raise TypeError(f"gradient: given {len(steps)} steps for {len(axes)} axes; needed one, or one for each")
    slopes = tuple(_slopes(f, h, i, edge_order) for i, h in zip(axes, steps, strict=True))
    return slopes[0] if len(slopes) == 1 else slopes


def _slopes(f, h, axis, edge_order):
    f = moveaxis(f, axis, 0)
    n = f.shape[0]
    if n < edge_order + 1 or (np.ndim(h) and np.shape(h) != (n,)):
        raise ValueError(
            f"gradient: given {n} samples along axis {axis} and steps of shape {np.shape(h)}; "
            f"needed at least {edge_order + 1} samples, and a step or {n} positions"
        )
    if np.ndim(h):
        h = reshape(difference(h), (n - 1, *[1] * (f.ndim - 1)))
        a, b = h[:-1], h[1:]
        inside = f[2:] * (a / (b * (a + b))) + f[1:-1] * ((b - a) / (a * b)) - f[:-2] * (b / (a * (a + b)))
        first, second, last, last_but_one = h[0], h[1 % len(h)], h[-1], h[len(h) - 2]
    else:
        inside = divide(f[2:] - f[:-2], 2 * h)
        first = second = last = last_but_one = h
    if edge_order == 1:
        start, end = (f[1] - f[0]) / first, (f[-1] - f[-2]) / last
    else:
        start, end = _edge(f[0], f[1], f[2], first, second), -_edge(f[-1], f[-2], f[-3], last, last_but_one)
    return moveaxis(concatenate(start[None], inside, end[None], axis=0), 0, axis)


def _edge(f0, f1, f2, a, b):
    """The slope at the first of three samples of a parabola, with steps a and b."""
    return f1 * ((a + b) / (a * b)) - f0 * ((2 * a + b) / (a * (a + b))) - f2 * (a / (b * (a + b)))
