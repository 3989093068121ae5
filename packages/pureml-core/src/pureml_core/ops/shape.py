"""Operations that move values and compute nothing. All are linear: their VJPs move the gradient back."""

import math

import numpy as np

from ..op import op

__all__ = [
    "broadcast_to",
    "concatenate",
    "expand_dims",
    "flatten",
    "ravel",
    "reshape",
    "split",
    "squeeze",
    "swapaxes",
    "transpose",
]


@op(numpy=np.reshape, linear=True)
def reshape(x, /, shape):
    """The same values in another shape; -1 stands for what is left."""
    old = np.shape(x)
    return np.reshape(x, shape), lambda g: np.reshape(g, old)


@op(linear=True)
def flatten(x, /, *, keep_batch=True, sample_ndim=None):
    """Merge the last `sample_ndim` axes into one (0: nothing); by default all but the first, the batch."""
    old = np.shape(x)
    if sample_ndim is None:
        kept = 1 if keep_batch and len(old) >= 2 else 0
    elif 0 <= sample_ndim <= len(old):
        kept = len(old) - sample_ndim
    else:
        raise ValueError(f"flatten: sample_ndim={sample_ndim} for {len(old)} axes; give 0 to {len(old)}")
    new = old if sample_ndim == 0 else (*old[:kept], math.prod(old[kept:]))
    return np.reshape(x, new), lambda g: np.reshape(g, old)


@op(numpy=np.ravel, linear=True)
def ravel(x, /):
    """All values along one axis."""
    old = np.shape(x)
    return np.reshape(x, -1), lambda g: np.reshape(g, old)


@op(numpy=np.transpose, linear=True)
def transpose(x, /, axes=None):
    """The axes in another order, reversed when None."""
    ndim = np.ndim(x)
    order = None if axes is None else [axis % ndim if -ndim <= axis < ndim else axis for axis in axes]
    y = np.transpose(x, order)
    return y, lambda g: np.transpose(g, None if order is None else np.argsort(order).tolist())


@op(numpy=np.swapaxes, linear=True)
def swapaxes(x, /, axis1, axis2):
    """Two axes exchanged."""
    return np.swapaxes(x, axis1, axis2), lambda g: np.swapaxes(g, axis1, axis2)


@op(numpy=np.expand_dims, linear=True)
def expand_dims(x, /, axis):
    """New axes of size 1 at the positions `axis` of the result."""
    old = np.shape(x)
    return np.expand_dims(x, axis), lambda g: np.reshape(g, old)


@op(numpy=np.squeeze, linear=True)
def squeeze(x, /, axis=None):
    """Axes of size 1 removed: those given, or all."""
    old = np.shape(x)
    return np.squeeze(x, tuple(axis) if isinstance(axis, list) else axis), lambda g: np.reshape(g, old)


@op(numpy=np.broadcast_to, linear=True)
def broadcast_to(x, /, shape):
    """Repeated without copying up to `shape`. The engine sums the gradient back."""
    return np.broadcast_to(x, shape), lambda g: g


@op(numpy=np.concatenate, bind=lambda arrays, axis=0: (arrays, {"axis": axis}), linear=True)
def concatenate(*xs, axis=0):
    """Joined along an existing axis; along the flattened one for None."""
    shapes = [np.shape(x) for x in xs]
    y = np.concatenate(xs, axis=axis)

    def part(i):  # the slice of g that x_i went to
        along = [math.prod(s) if axis is None else s[axis] for s in shapes]
        start = sum(along[:i])
        index = slice(start, start + along[i])
        if axis is None:
            return lambda g: np.reshape(g[index], shapes[i])
        return lambda g: g[(slice(None),) * (axis % len(shapes[i])) + (index,)]

    return y, *[part(i) for i in range(len(xs))]


@op(numpy=np.split, linear=True)
def split(x, /, indices_or_sections, axis=0):
    """Cut along an axis, into equal parts or at indices: a tuple of values."""
    ys = tuple(np.split(x, indices_or_sections, axis=axis))
    return ys, lambda *gs: np.concatenate(gs, axis=axis)
