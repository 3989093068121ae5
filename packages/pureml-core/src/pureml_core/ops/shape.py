"""Operations that move values and compute nothing. All are linear: their VJPs move the gradient back."""

import math

import numpy as np

from ..op import op
from ..registry import composed

__all__ = [
    "ascontiguousarray",
    "asfortranarray",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "broadcast_arrays",
    "broadcast_to",
    "copy",
    "expand_dims",
    "flatten",
    "flip",
    "fliplr",
    "flipud",
    "meshgrid",
    "moveaxis",
    "permute_dims",
    "ravel",
    "reshape",
    "roll",
    "rollaxis",
    "rot90",
    "squeeze",
    "swapaxes",
    "transpose",
]


# ---- the same values in another shape


def _bind_reshape(a, /, shape=None, order="C", *, newshape=None):
    return (a,), {"shape": newshape if shape is None else shape, "order": order}  # `newshape` until NumPy 2.1


@op(numpy=np.reshape, bind=_bind_reshape, linear=True)
def reshape(x, /, shape, order="C"):
    """The same values in another shape; -1 stands for what is left. Order "F": the first index runs fastest."""
    old = np.shape(x)
    _check_order("reshape", order)
    return np.reshape(x, shape, order=order), lambda g: np.reshape(g, old, order=order)


@op(numpy=np.ravel, linear=True)
def ravel(x, /, order="C"):
    """All values along one axis. Order "F": the first index runs fastest."""
    old = np.shape(x)
    _check_order("ravel", order)
    return np.reshape(x, -1, order=order), lambda g: np.reshape(g, old, order=order)


def _check_order(name, order):
    if order not in ("C", "F"):
        raise ValueError(f'{name}: order={order!r}; give "C" or "F": others depend on how memory is laid out')


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


@composed(np.atleast_1d)
def atleast_1d(*xs):
    """0-d arrays as arrays of one entry; others as they are. A tuple for several."""
    return _one_or_all(reshape(x, np.shape(x) or (1,)) for x in xs)


@composed(np.atleast_2d)
def atleast_2d(*xs):
    """Axes of size 1 in front, up to two axes: () -> (1, 1), (n,) -> (1, n). A tuple for several."""
    return _one_or_all(reshape(x, (1,) * (2 - np.ndim(x)) + np.shape(x)) for x in xs)


@composed(np.atleast_3d)
def atleast_3d(*xs):
    """Axes of size 1 up to three axes: () -> (1, 1, 1), (n,) -> (1, n, 1), (n, m) -> (n, m, 1). A tuple for several."""

    def new(shape):
        return (1,) * (2 - len(shape)) + shape + (1,) * (len(shape) < 3)

    return _one_or_all(reshape(x, new(np.shape(x))) for x in xs)


def _one_or_all(values):
    values = tuple(values)
    return values[0] if len(values) == 1 else values


# ---- axes in another order


@op(numpy=np.transpose, linear=True)
def transpose(x, /, axes=None):
    """The axes in another order, reversed when None."""
    ndim = np.ndim(x)
    axes = (axes,) if isinstance(axes, int) else axes
    order = None if axes is None else [axis % ndim if -ndim <= axis < ndim else axis for axis in axes]
    y = np.transpose(x, order)
    return y, lambda g: np.transpose(g, None if order is None else np.argsort(order).tolist())


permute_dims = transpose


@op(numpy=np.swapaxes, linear=True)
def swapaxes(x, /, axis1, axis2):
    """Two axes exchanged."""
    return np.swapaxes(x, axis1, axis2), lambda g: np.swapaxes(g, axis1, axis2)


@op(numpy=np.moveaxis, linear=True)
def moveaxis(x, /, source, destination):
    """Axes moved to other positions, one or several; the rest keep their order."""
    return np.moveaxis(x, source, destination), lambda g: np.moveaxis(g, destination, source)


@composed(np.rollaxis)
def rollaxis(x, axis, start=0):
    """One axis moved to stand before the axis `start`; `moveaxis` is easier to read."""
    ndim = np.ndim(x)
    if not (-ndim <= axis < ndim and -ndim <= start <= ndim):
        raise np.exceptions.AxisError(f"rollaxis: axis={axis}, start={start} for {ndim} axes")
    axis, start = axis % ndim, start + ndim if start < 0 else start
    return moveaxis(x, axis, start - 1 if axis < start else start)


# ---- values in other places


@op(numpy=np.flip, linear=True)
def flip(x, /, axis=None):
    """The order of entries reversed along `axis`: one, several, or all when None."""
    return np.flip(x, axis), lambda g: np.flip(g, axis)


@composed(np.flipud)
def flipud(x):
    """The order of rows reversed: the first axis."""
    return flip(x, 0)


@composed(np.fliplr)
def fliplr(x):
    """The order of columns reversed: the second axis."""
    if np.ndim(x) < 2:
        raise ValueError(f"fliplr: given {np.shape(x)}, needed at least two axes; use flip")
    return flip(x, 1)


@op(numpy=np.roll, linear=True)
def roll(x, /, shift, axis=None):
    """Entries shifted along `axis`, those pushed out coming back at the other end; flattened for None.

    Several shifts for several axes, as tuples.
    """
    return np.roll(x, shift, axis), lambda g: np.roll(g, np.negative(shift), axis)


@op(numpy=np.rot90, linear=True)
def rot90(x, /, k=1, axes=(0, 1)):
    """Rotated k times by 90 degrees, from the first of two axes towards the second."""
    return np.rot90(x, k, axes), lambda g: np.rot90(g, -k, axes)


# ---- the same values more than once, or somewhere else in memory


@op(numpy=np.broadcast_to, linear=True)
def broadcast_to(x, /, shape):
    """Repeated without copying up to `shape`. The engine sums the gradient back."""
    return np.broadcast_to(x, shape), lambda g: g


@composed(np.broadcast_arrays)
def broadcast_arrays(*xs):
    """Arrays broadcast against each other: a tuple of one shape."""
    shape = np.broadcast_shapes(*map(np.shape, xs))
    return tuple(broadcast_to(x, shape) for x in xs)


@composed(np.meshgrid)
def meshgrid(*xs, copy=True, sparse=False, indexing="xy"):
    """Coordinates of a grid from its axes: vectors of n₁, n₂, ... entries give a tuple of arrays (n₁, n₂, ...).

    Args:
        copy: false: views that repeat without copying.
        sparse: axes of size 1 where a coordinate does not change.
        indexing: "xy", the first two axes exchanged: (n₂, n₁, ...), or "ij".

    Raises:
        ValueError: another `indexing`.
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f'meshgrid: indexing={indexing!r}; give "xy" or "ij"')
    grid = [reshape(x, (1,) * i + (-1,) + (1,) * (len(xs) - i - 1)) for i, x in enumerate(xs)]
    if indexing == "xy" and len(grid) > 1:
        grid = [swapaxes(x, 0, 1) for x in grid]
    if not sparse:
        grid = broadcast_arrays(*grid)
    return tuple(np.copy(x) for x in grid) if copy else tuple(grid)


@op(numpy=np.copy, linear=True)
def copy(x, /, order="K"):
    """The same values in memory of their own."""
    return np.copy(x, order=order), lambda g: g


@op(linear=True)
def ascontiguousarray(x, /):
    """The same values, at least one axis, the last index running fastest in memory; x itself if it is so already."""
    return np.ascontiguousarray(x), _reshape_back(x)


@op(linear=True)
def asfortranarray(x, /):
    """The same values, at least one axis, the first index running fastest in memory; x itself if it is so already."""
    return np.asfortranarray(x), _reshape_back(x)


def _reshape_back(x):
    old = np.shape(x)
    return lambda g: np.reshape(g, old)
