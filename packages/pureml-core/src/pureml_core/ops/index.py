"""Indexing, scattering, its adjoint, and NumPy's functions that pick entries."""

import math

import numpy as np

from ..op import kernel, op
from ..registry import composed
from ..sparse import RowSparse
from ..tensor import Tensor
from . import update as _update
from .elementwise import where
from .scatter import add_at, assign, owned, picks_once
from .shape import reshape
from .update import *  # noqa: F403 - the other half of indexing: changing what is picked

__all__ = [
    "choose",
    "compress",
    "extract",
    "getitem",
    "put_along_axis",
    "scatter_add",
    "select",
    "take",
    "take_along_axis",
    *_update.__all__,
]


@op(linear=True)
def getitem(x, /, index):
    """x[index], for every index NumPy knows. An entry that is picked twice receives both gradients.

    Rows picked by an array of integers, `table[rows]` or `table[rows, :]`, send back a row-sparse gradient
    (`RowSparse`): its size is that of the rows, whatever the size of the table.
    """
    shape = np.shape(x)
    index = owned(index)

    def vjp(g):
        rows = _rows(index)
        if rows is not None and isinstance(g, np.ndarray):
            return RowSparse.picked(rows, g, shape)
        return scatter_add(g, index, shape)

    return x[index], vjp


def _rows(index):
    """The array of integers, if an owned index is one along the first axis and takes all the others whole."""
    if isinstance(index, tuple) and index and all(_is_whole(part) for part in index[1:]):
        index = index[0]
    return index if isinstance(index, np.ndarray) and index.dtype.kind in "iu" and index.ndim else None


def _is_whole(part):
    return part is Ellipsis or (isinstance(part, slice) and part == slice(None))


@op(linear=True)
def scatter_add(values, /, index, shape):
    """Zeros of `shape` with `values` added at `index`; repeated places add up. The adjoint of x[index]."""
    index = owned(index)
    return _scatter_add(values, index, shape), lambda g: g[index]


@kernel
def _scatter_add(values, index, shape):
    y = np.zeros(shape, np.asarray(values).dtype)
    if picks_once(index):
        assign(y, index, values)
    else:
        add_at(y, index, values)
    return y


@op(
    numpy=np.take,
    bind=lambda a, indices, axis=None, mode="raise": ((a,), dict(indices=indices, axis=axis, mode=mode)),
    linear=True,
)
def take(x, /, indices, axis=None, mode="raise"):
    """The entries of x at `indices` along `axis`, or of the flattened x.

    Along the first axis the gradient is row-sparse, as that of `x[indices]` (see `getitem`).

    Args:
        indices: integers of any shape, which takes the place of `axis`.
        mode: for integers outside of the axis: "raise" an IndexError, "wrap" around, or "clip" to the first and last
            (then negative ones do not count from the end).
    """
    shape = np.shape(x)
    flat = (math.prod(shape),) if axis is None else shape
    i = owned(indices)
    y = np.take(x, i, axis=axis, mode=mode)

    def vjp(g):
        k = 0 if axis is None else axis % len(shape)
        places = _inside(i, flat[k], mode)
        if k == 0 and flat == shape and np.ndim(places) and isinstance(g, np.ndarray):
            return RowSparse.picked(places, g, shape)
        return np.reshape(scatter_add(g, (slice(None),) * k + (places,), flat), shape)

    return y, vjp


def _inside(i, n, mode):
    """Integers as places along an axis of n, by one of NumPy's modes."""
    return i % n if mode == "wrap" and n else np.clip(i, 0, n - 1) if mode == "clip" else i


@composed(np.take_along_axis, bind=lambda arr, indices, axis=-1: ((arr, indices, axis), {}))
def take_along_axis(x, indices, axis=-1):
    """Along `axis`, the entry that `indices` names at every place of the other axes: y[i, j] = x[i, indices[i, j]].

    Args:
        indices: integers with as many axes as x; the others broadcast against those of x. Such are the results of
            argsort, and of argmax with keepdims.
        axis: an axis, or None for the flattened x, with one axis of indices.
    """
    if axis is None:
        return getitem(reshape(x, -1), _along(indices, 0, (np.size(x),), "take_along_axis"))
    return getitem(x, _along(indices, axis, np.shape(x), "take_along_axis"))


@composed()
def put_along_axis(x, indices, values, axis):
    """A new tensor: x with `values` at the places that take_along_axis(x, indices, axis) would take.

    np.put_along_axis writes into its argument instead. See index_set for repeated places.
    """
    shape = np.shape(x)
    if axis is None:
        index = _along(indices, 0, (math.prod(shape),), "put_along_axis")
        return reshape(_update.index_set(reshape(x, -1), values, index), shape)
    return _update.index_set(x, values, _along(indices, axis, shape, "put_along_axis"))


def _along(indices, axis, shape, name):
    """The index that names every place: `indices` on one axis, on the others where one is."""
    indices = np.asarray(owned(indices))
    if indices.dtype.kind not in "iu":
        raise IndexError(f"{name}: given indices of dtype {indices.dtype}, needed integers")
    if indices.ndim != len(shape) or not -len(shape) <= axis < len(shape):
        raise ValueError(
            f"{name}: given indices of shape {indices.shape} and axis {axis} for {shape}; needed one of its axes, "
            "and indices with as many axes"
        )
    index = list(np.ix_(*(np.arange(n) for n in shape)))
    index[axis] = indices
    return tuple(index)


@composed(np.compress, bind=lambda condition, a, axis=None: ((condition, a, axis), {}))
def compress(condition, x, axis=None):
    """The entries of x along `axis`, or of the flattened x, at which a condition of one axis holds."""
    condition = owned(condition)
    if np.ndim(condition) != 1:
        raise ValueError(f"compress: given a condition of shape {np.shape(condition)}, needed one axis; see extract")
    return take(x, np.flatnonzero(condition), axis=axis)


@composed(np.extract, bind=lambda condition, arr: ((condition, arr), {}))
def extract(condition, x):
    """The entries of x, flattened, at which the flattened condition holds."""
    return take(x, np.flatnonzero(owned(condition)))


@composed(np.select)
def select(condlist, choicelist, default=0):
    """Elementwise the first of the choices whose condition holds, else `default`. All of them broadcast.

    Raises:
        ValueError: there is no condition, or not one for every choice.
        TypeError: a condition is not boolean.

    >>> x = np.array([-2.0, 0.5, 3.0])
    >>> select([x < 0, x > 1], [-x, x * x], 1.0)
    Tensor([2., 1., 9.])
    """
    if len(condlist) != len(choicelist) or len(condlist) == 0:
        raise ValueError(f"select: given {len(condlist)} conditions and {len(choicelist)} choices; needed one for each")
    conditions = [owned(condition) for condition in condlist]
    for condition in conditions:
        if np.asarray(condition).dtype != bool:
            raise TypeError(f"select: given a condition of dtype {np.asarray(condition).dtype}, needed bool")
    y = default
    if isinstance(default, int | float | complex):  # takes the dtype of the choices, if they can hold it
        y = np.asarray(default, np.result_type(default, *(_weak(choice) for choice in choicelist)))
    for condition, choice in zip(reversed(conditions), reversed(list(choicelist)), strict=True):
        y = where(condition, choice, y)
    return y


def _weak(x):
    """What np.result_type should see: a dtype, or a Python number, which gives way to others."""
    return x if type(x) in (int, float, complex) else x.dtype if isinstance(x, Tensor) else np.asarray(x).dtype


@composed(np.choose, bind=lambda a, choices, mode="raise": ((a, choices, mode), {}))
def choose(a, choices, mode="raise"):
    """Elementwise the choice that an integer names: y[i] = choices[a[i]][i]. All of them broadcast.

    Args:
        a: integers from 0 to len(choices) - 1.
        choices: a sequence of arrays, or an array whose first axis is the sequence.
        mode: for other integers: "raise" a ValueError, "wrap" around, or "clip" to the first and last.
    """
    n = len(choices)
    a = _inside(owned(a), n, mode)
    if n == 0 or (np.size(a) and not (np.min(a) >= 0 and np.max(a) < n)):
        raise ValueError(f"choose: given integers outside of {n} choices; see mode")
    y = where(a == 0, choices[0], choices[n - 1])
    for i in range(1, n - 1):
        y = where(a == i, choices[i], y)
    return y
