"""Arrays joined, cut, repeated, and made longer or shorter. All linear."""

import functools
import itertools
import math

import numpy as np

from ..op import op
from ..registry import composed
from ..tensor import Tensor
from .index import getitem, scatter_add
from .shape import atleast_1d, atleast_2d, atleast_3d, ravel, reshape, swapaxes

__all__ = [
    "append",
    "array_split",
    "block",
    "column_stack",
    "concat",
    "concatenate",
    "delete",
    "dsplit",
    "dstack",
    "hsplit",
    "hstack",
    "insert",
    "repeat",
    "resize",
    "split",
    "stack",
    "tile",
    "trim_zeros",
    "unstack",
    "vsplit",
    "vstack",
]


def _at(axis, index):
    """The index that picks `index` along one axis, counted from the front."""
    return (slice(None),) * axis + (index,)


# ---- joined


def _one_by_one(f):
    """f(a, b, ..., axis=0) which may also be called as NumPy does: f((a, b, ...), 0)."""

    @functools.wraps(f)
    def call(*xs, **settings):
        if xs and isinstance(xs[0], tuple | list):
            if len(xs) == 1:
                return f(*xs[0], **settings)
            if len(xs) == 2 and (xs[1] is None or isinstance(xs[1], int)):
                return f(*xs[0], axis=xs[1], **settings)
        return f(*xs, **settings)

    return call


def _bind_arrays(arrays, axis=0):
    return arrays, {"axis": axis}


def _bind_tup(tup):
    return tup, {}


@_one_by_one
@op(numpy=np.concatenate, bind=_bind_arrays, linear=True)
def concatenate(*xs, axis=0):
    """Joined along an existing axis; along the flattened one for None."""
    y = np.concatenate(xs, axis=axis)
    shapes = [np.shape(x) for x in xs]
    widths = [math.prod(shape) if axis is None else shape[axis] for shape in shapes]

    def part(shape, start, width):  # the slice of g that x went to
        index = slice(start, start + width)
        if axis is None:
            return lambda g: np.reshape(g[index], shape)
        return lambda g: g[_at(axis % len(shape), index)]

    return y, *map(part, shapes, itertools.accumulate(widths, initial=0), widths)


concat = concatenate


@_one_by_one
@op(numpy=np.stack, bind=_bind_arrays, linear=True)
def stack(*xs, axis=0):
    """Arrays of one shape joined along a new axis, which stands at `axis` of the result."""
    y = np.stack(xs, axis=axis)
    first = axis % y.ndim

    def part(i):
        return lambda g: g[_at(first, i)]

    return y, *map(part, range(len(xs)))


@_one_by_one
@composed(np.vstack, bind=_bind_tup)
def vstack(*xs):
    """Joined along the first axis; a vector is a row."""
    return concatenate(*[atleast_2d(x) for x in xs])


@_one_by_one
@composed(np.hstack, bind=_bind_tup)
def hstack(*xs):
    """Joined along the second axis; vectors one after the other."""
    xs = [atleast_1d(x) for x in xs]
    return concatenate(*xs, axis=0 if xs and xs[0].ndim == 1 else 1)


@_one_by_one
@composed(np.dstack, bind=_bind_tup)
def dstack(*xs):
    """Joined along the third axis, after `atleast_3d`."""
    return concatenate(*[atleast_3d(x) for x in xs], axis=2)


@_one_by_one
@composed(np.column_stack, bind=_bind_tup)
def column_stack(*xs):
    """Joined along the second axis; a vector is a column."""
    return concatenate(*[swapaxes(atleast_2d(x), 0, 1) if np.ndim(x) < 2 else x for x in xs], axis=1)


@composed(np.block)
def block(arrays):
    """One array from nested lists of blocks: innermost lists are joined along the last axis, the next along the one
    before it, and so on.

    Raises:
        ValueError: an empty list, or lists nested to different depths.
        TypeError: tuples, which could be meant as arrays.
    """
    depth = _depth(arrays)
    ndim = max(depth, _largest_ndim(arrays))

    def join(part, axis):
        if isinstance(part, list):
            return concatenate(*[join(p, axis + 1) for p in part], axis=axis)
        return reshape(part, (1,) * (ndim - np.ndim(part)) + np.shape(part))

    return join(arrays, -depth)


def _depth(arrays):
    if isinstance(arrays, tuple):
        raise TypeError("block: given a tuple; only lists nest blocks, so give lists or arrays")
    if not isinstance(arrays, list):
        return 0
    depths = {_depth(part) for part in arrays}
    if len(depths) != 1:
        raise ValueError(f"block: {'lists of different depths' if depths else 'an empty list'}; needed rows of blocks")
    return depths.pop() + 1


def _largest_ndim(arrays):
    return max(map(_largest_ndim, arrays)) if isinstance(arrays, list) else np.ndim(arrays)


# ---- cut


@op(numpy=np.split, linear=True)
def split(x, /, indices_or_sections, axis=0):
    """Cut along an axis, into equal parts or at indices: a tuple of values.

    Raises:
        ValueError: a number of parts that does not divide the axis (see `array_split`), or indices that decrease.
    """
    return _cut("split", np.split(x, indices_or_sections, axis), np.shape(x), axis)


@op(numpy=np.array_split, linear=True)
def array_split(x, /, indices_or_sections, axis=0):
    """Cut along an axis, into parts of nearly equal length (the longer ones first) or at indices: a tuple of values."""
    return _cut("array_split", np.array_split(x, indices_or_sections, axis), np.shape(x), axis)


def _cut(name, parts, shape, axis):
    """The parts and the VJP, which joins their gradients."""
    found = [part.shape[axis] for part in parts]
    if sum(found) != shape[axis]:
        raise ValueError(f"{name}: parts of {found} overlap on an axis of {shape[axis]}; use slices, x[start:stop]")
    return tuple(parts), lambda *gs: np.concatenate(gs, axis=axis)


@composed(np.vsplit)
def vsplit(x, indices_or_sections):
    """Cut along the first axis: see `split`."""
    _check_axes("vsplit", x, 2)
    return split(x, indices_or_sections, 0)


@composed(np.hsplit)
def hsplit(x, indices_or_sections):
    """Cut along the second axis, or the only one: see `split`."""
    _check_axes("hsplit", x, 1)
    return split(x, indices_or_sections, min(1, np.ndim(x) - 1))


@composed(np.dsplit)
def dsplit(x, indices_or_sections):
    """Cut along the third axis: see `split`."""
    _check_axes("dsplit", x, 3)
    return split(x, indices_or_sections, 2)


def _check_axes(name, x, needed):
    if np.ndim(x) < needed:
        raise ValueError(f"{name}: given {np.shape(x)}, needed at least {needed} axes; use split with axis=")


@op(numpy=np.unstack if hasattr(np, "unstack") else None, linear=True)  # NumPy 2.1
def unstack(x, /, *, axis=0):
    """The entries along an axis, a tuple of arrays without it."""
    parts = tuple(np.moveaxis(x, axis, 0))
    return parts, lambda *gs: np.stack(gs, axis=axis)


# ---- repeated


@op(numpy=np.tile, linear=True)
def tile(x, /, reps):
    """Copies of the whole array side by side, `reps` of them along each axis; missing axes stand in front."""
    old = np.shape(x)
    reps = (reps,) if np.ndim(reps) == 0 else tuple(reps)
    ndim = max(len(reps), len(old))
    pairs = zip((1,) * (ndim - len(reps)) + reps, (1,) * (ndim - len(old)) + old, strict=True)
    copies_and_entries = tuple(itertools.chain(*pairs))  # (r₁, n₁, r₂, n₂, ...)

    def vjp(g):  # every entry receives the gradients of all its copies
        copies = np.sum(np.reshape(g, copies_and_entries), axis=tuple(range(0, 2 * ndim, 2)))
        return np.reshape(copies, old)

    return np.tile(x, reps), vjp


@op(numpy=np.repeat, linear=True)
def repeat(x, /, repeats, axis=None):
    """Each entry along `axis` repeated, all of them `repeats` times or each its own; flattened for None."""
    old = np.shape(x)
    shape, along = ((math.prod(old),), 0) if axis is None else (old, axis % max(len(old), 1))
    y = np.repeat(x, repeats, axis)

    def vjp(g):  # every entry receives the gradients of all its copies
        if np.size(repeats) == 1:  # products with ones: faster than a sum over a short axis
            outer, r, inner = math.prod(shape[: along + 1]), int(np.reshape(repeats, ())), math.prod(shape[along + 1 :])
            ones = np.ones(r, g.dtype)
            if inner == 1:
                copies = np.matmul(np.reshape(g, (outer, r)), ones)
            else:
                copies = np.matmul(ones, np.reshape(g, (outer, r, inner)))
        else:
            copies = scatter_add(g, _at(along, np.repeat(np.arange(shape[along]), repeats)), shape)
        return np.reshape(copies, old)

    return y, vjp


@composed(np.resize)
def resize(x, new_shape):
    """The values of x in their order, repeated or cut off to fill another shape; zeros if x has none."""
    new_shape = (new_shape,) if np.ndim(new_shape) == 0 else tuple(new_shape)
    if any(n < 0 for n in new_shape):
        raise ValueError(f"resize: given the shape {new_shape}; needed sizes of 0 or more")
    size, x = math.prod(new_shape), ravel(x)
    if size == 0 or x.size == 0:
        return Tensor(np.zeros(new_shape, x.dtype))
    return reshape(getitem(tile(x, -(-size // x.size)), slice(size)), new_shape)


# ---- longer and shorter


@composed(np.append)
def append(x, values, axis=None):
    """Values joined to the end of x along an axis; both flattened for None."""
    return concatenate(x, values, axis=axis)


@op(numpy=np.insert, bind=lambda arr, obj, values, axis=None: ((arr, obj, values), {"axis": axis}), linear=True)
def insert(x, obj, values, /, axis=None):
    """`values` inserted along an axis before the indices `obj` of x: an integer, several, a slice or a mask.

    `values` broadcast; x is flattened for an axis of None.
    """
    if isinstance(obj, np.ndarray) and obj.dtype.kind not in "biu":  # a slice, or an empty list, made an array
        obj = obj.tolist()
    old, given = np.shape(x), np.shape(values)

    def origins():  # of each entry of y: its flat place in values, or -1 for one of x
        return np.insert(np.full(old, -1), obj, np.reshape(np.arange(math.prod(given)), given), axis)

    def vjp_x(g):
        return np.reshape(g[origins() < 0], old)

    def vjp_values(g):
        origin = origins()
        return np.reshape(scatter_add(g[origin >= 0], origin[origin >= 0], (math.prod(given),)), given)

    return np.insert(x, obj, values, axis), vjp_x, None, vjp_values


@op(numpy=np.delete, linear=True)
def delete(x, /, obj, axis=None):
    """x without the entries at the indices `obj` along an axis (an integer, several, a slice or a mask)."""
    old = np.shape(x)
    y = np.delete(x, obj, axis)

    def vjp(g):  # what was left out receives nothing
        shape, along = ((math.prod(old),), 0) if axis is None else (old, axis % len(old))
        kept = np.zeros(shape[along], bool)
        kept[np.delete(np.arange(shape[along]), obj)] = True
        return np.reshape(scatter_add(g, _at(along, kept), shape), old)

    return y, vjp


@composed(np.trim_zeros)
def trim_zeros(x, trim="fb", axis=None):
    """x without the zeros at its borders: in front ("f"), behind ("b") or both, along `axis`, or every one for None."""
    trim = trim.lower()
    if trim not in ("f", "b", "fb", "bf"):
        raise ValueError(f'trim_zeros: trim={trim!r}; give "f", "b" or "fb"')
    ndim = np.ndim(x)
    axes = range(ndim) if axis is None else [a % ndim for a in np.atleast_1d(axis)]
    index = [slice(None)] * ndim
    for along, places in enumerate(np.nonzero(x)):
        if along in axes:
            first, last = (int(places.min()), int(places.max())) if places.size else (np.shape(x)[along], -1)
            index[along] = slice(first if "f" in trim else None, last + 1 if "b" in trim else None)
    return getitem(x, tuple(index))
