"""What indexing and scattering share: an index of its own, and fast adding into arrays at an index."""

import math

import numpy as np

from ..sparse import SMALL, add_rows
from ..tensor import Tensor

__all__ = []

PLAIN = frozenset({int, bool, slice, type(None), type(Ellipsis)})


def owned(index):
    """An index that no caller can change later: Tensors, lists and arrays in it become read-only arrays of its own."""
    return tuple([_owned(part) for part in index]) if index.__class__ is tuple else _owned(index)


def _owned(part):
    if part.__class__ in PLAIN or isinstance(part, np.generic):
        return part
    if isinstance(part, Tensor):
        part = part._ndarray
    if isinstance(part, np.ndarray):
        if part.base is None and not part.flags.writeable:
            return part
        array = part.copy()
    elif hasattr(part, "__index__"):
        return part
    else:
        array = np.array(part)
        if array.size == 0:  # [] picks nothing; NumPy would make it floating
            array = array.astype(np.intp)
    array.flags.writeable = False
    return array


def picks_once(index):
    """Whether an owned index picks no entry twice, as all do but arrays of integers."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(not isinstance(part, np.ndarray) or part.dtype == bool or part.ndim == 0 for part in parts)


def positions(index, shape):
    """Where the entries of x[index] are in the flattened x of `shape`."""
    return np.arange(math.prod(shape)).reshape(shape)[index]


def assign(y, index, values):
    """y[index] = values, in place, for an owned index that picks once.

    The values broadcast; unlike in NumPy they never have more axes than y[index], or their gradient would have less.
    """
    if np.ndim(values) > 1 and np.ndim(values) > y[index].ndim:
        raise ValueError(f"could not broadcast values of shape {np.shape(values)} to {y[index].shape}")
    y[index] = values


def add_at(y, index, values):
    """y[index] += values, in place, for an owned index; places that are picked repeatedly add up."""
    if picks_once(index):
        y[index] += values
        return
    axes = _addressed(index, y.ndim)
    if axes == y.ndim or np.size(values) < SMALL or not y.flags.c_contiguous:
        np.add.at(y, index, values)
    else:  # the axes behind those that the index addresses stay together: rows of a table
        rows = positions(index, y.shape[:axes])
        values = np.broadcast_to(values, (*rows.shape, *y.shape[axes:]))
        size = math.prod(y.shape[axes:])
        add_rows(y.reshape(-1, size), rows.reshape(-1), values.reshape(-1, size))


def _addressed(index, ndim):
    """How many leading axes an index addresses; the axes behind them it takes whole."""
    parts = index if isinstance(index, tuple) else (index,)
    if parts[-1] is Ellipsis:
        parts = parts[:-1]
    if any(part is Ellipsis for part in parts):
        return ndim
    return sum(_axes(part) for part in parts)


def _axes(part):
    if part is None or isinstance(part, bool | np.bool_):
        return 0
    return part.ndim if isinstance(part, np.ndarray) and part.dtype == bool else 1
