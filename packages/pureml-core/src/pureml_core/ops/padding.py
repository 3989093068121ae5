"""Padding, and its adjoint."""

import itertools

import numpy as np

from ..op import kernel, op

__all__ = ["pad"]

REPEATING = ("edge", "reflect", "symmetric", "wrap")


@op(numpy=np.pad, linear=True)
def pad(x, /, pad_width, mode="constant", constant_values=None):
    """x with entries added before and after it along its axes.

    Args:
        pad_width: how many: an integer, (before, after), one pair for each axis, or {axis: integer or pair}.
        mode: "constant" (`constant_values`, 0 by default, in NumPy's forms), "edge" (the outermost entry again),
            "reflect" (mirrored at the outermost entry), "symmetric" (mirrored, the outermost entry twice), or "wrap"
            (from the other end).

    Raises:
        ValueError: another mode.
    """
    if mode not in ("constant", *REPEATING):
        raise ValueError(f"pad: mode={mode!r}; give one of {', '.join(('constant', *REPEATING))}")
    shape = np.shape(x)
    width = _pairs(pad_width, len(shape))
    values = {} if constant_values is None else {"constant_values": constant_values}
    y = np.pad(x, width, mode, **values)
    width = width.tolist()
    if mode == "constant":
        inner = tuple(slice(before, before + n) for n, (before, _) in zip(shape, width, strict=True))
        return y, lambda g: g[inner]
    return y, lambda g: unpad(g, width, mode)


@op(linear=True)
def unpad(y, /, width, mode):
    """The adjoint of padding: each padded entry is added to the one that it repeats."""
    return _unpad(y, width, mode), lambda g: pad(g, width, mode)


@kernel
def _unpad(y, width, mode):
    for axis, (before, after) in enumerate(width):
        if before or after:
            y = np.moveaxis(y, axis, 0)
            n = len(y) - before - after
            origin = np.pad(np.arange(n), (before, after), mode)  # of each entry of y
            x = y[before : before + n].copy(order="K")
            _add_to_origin(x, origin[:before], y[:before])
            _add_to_origin(x, origin[before + n :], y[before + n :])
            y = np.moveaxis(x, 0, axis)
    return y


def _add_to_origin(x, origin, y):
    """x[origin[i]] += y[i], by slices: origins go up, go down or stand still for many entries at a time."""
    steps = np.diff(origin)
    cuts = (np.abs(steps) > 1) | (np.diff(steps, prepend=steps[:1]) != 0)
    starts = [0, *(np.flatnonzero(cuts) + 1).tolist(), len(origin)]
    for start, stop in itertools.pairwise(starts):
        if start == stop:
            continue
        first, last = origin[start], origin[stop - 1]
        if first == last:
            x[first] += y[start:stop].sum(axis=0)
        elif first < last:
            x[first : last + 1] += y[start:stop]
        else:
            x[last : first + 1] += y[start:stop][::-1]


def _pairs(pad_width, ndim):
    """(before, after) for each axis, from any of NumPy's forms."""
    if isinstance(pad_width, dict):
        pairs = np.zeros((ndim, 2), int)
        for axis, pair in pad_width.items():
            pairs[axis] = pair
        return pairs
    return np.broadcast_to(np.asarray(pad_width), (ndim, 2))
