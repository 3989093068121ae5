"""Functional updates: a new tensor that differs from x at an index, and the notation x.at[index].set(v) for them."""

import math

import numpy as np

from ..op import kernel, op
from ..registry import composed
from ..tensor import Tensor
from .scatter import add_at, assign, owned, picks_once, positions
from .untracked import untracked

__all__ = ["at", "index_add", "index_max", "index_min", "index_multiply", "index_set"]


@op(linear=True)
def index_set(x, v, /, index):
    """x with x[index] = v, as a new tensor of x's dtype. v broadcasts; of values for the same place the last one wins.

    Raises:
        TypeError: v cannot be converted to x's dtype without loss of kind, as floating numbers to integers.
    """
    index = owned(index)
    shape = np.shape(x)

    def vjp_v(g):  # nothing flows to a value that was overwritten
        return g[index] if picks_once(index) else np.where(_last(index, shape), g[index], 0.0)

    return _set(x, v, index), lambda g: index_set(g, 0, index), vjp_v


@op(linear=True)
def index_add(x, v, /, index):
    """x with v added at `index`, as a new tensor of x's dtype. v broadcasts; repeated places add up."""
    index = owned(index)
    return _add(x, v, index), lambda g: g, lambda g: g[index]


@composed()
def index_multiply(x, v, index):
    """x with x[index] multiplied by v, as a new tensor of x's dtype. v broadcasts; repeated places take all factors.

    The gradient is exact at zeros too: a factor receives the product of the others.
    """
    x = x if isinstance(x, Tensor) else Tensor(x)
    index = owned(index)
    if picks_once(index):
        return index_set(x, x[index] * v, index)
    # A table with a row for each place that is picked: what x has there, then every factor that falls on it, then ones.
    picked = positions(index, x.shape)
    places, row, column = _in_rows(picked.reshape(-1))
    flat, v = np.reshape(x, -1), np.reshape(np.broadcast_to(v, picked.shape), -1)
    factors = index_set(np.ones((len(places), 1 + np.max(column, initial=0)), x.dtype), v, (row, column))
    factors = index_set(factors, flat[places], (slice(None), 0))
    return np.reshape(index_set(flat, np.prod(factors, axis=1), places), x.shape)


@op
def index_max(x, v, /, index):
    """x with the larger of x[index] and v there, as a new tensor of x's dtype. v broadcasts.

    Repeated places take the largest of all; equal ones, x's own among them, share the gradient evenly.
    """
    return _extreme(np.maximum, x, v, owned(index))


@op
def index_min(x, v, /, index):
    """x with the smaller of x[index] and v there, as a new tensor of x's dtype. v broadcasts.

    Repeated places take the smallest of all; equal ones, x's own among them, share the gradient evenly.
    """
    return _extreme(np.minimum, x, v, owned(index))


def _extreme(ufunc, x, v, index):
    y = _combine(ufunc, x, v, index)

    def vjp_x(g):  # g over the number of equals, to those that made it
        won, _, equals = _winners(x, v, y, index)
        return np.where(won, g / equals, 0.0)

    def vjp_v(g):
        _, won, equals = _winners(x, v, y, index)
        return np.where(won, g[index] / equals[index], 0.0)

    return y, vjp_x, vjp_v


@untracked
def _winners(x, v, y, index):
    """Where x's own value is the best, where v's is, and how many are at each place (1 where there is none: nan)."""
    x_won, v_won = np.asarray(x == y), np.asarray(_cast(v, y.dtype) == y[index])
    equals = np.array(x_won, y.real.dtype)
    add_at(equals, index, v_won.astype(equals.dtype))
    return x_won, v_won, np.maximum(equals, 1, out=equals)


@kernel
def _set(x, v, index):
    y = np.array(x, order="C")
    if picks_once(index):
        assign(y, index, _cast(v, y.dtype))
    else:  # along one axis, where NumPy promises that the last one wins
        picked = positions(index, y.shape)
        y.reshape(-1)[picked.reshape(-1)] = np.broadcast_to(_cast(v, y.dtype), picked.shape).reshape(-1)
    return y


@kernel
def _add(x, v, index):
    y = np.array(x, order="C")
    v = _cast(v, y.dtype)
    add_at(y, index, v if picks_once(index) else _stretched(v, y, index))
    return y


@kernel
def _combine(ufunc, x, v, index):
    y = np.array(x, order="C")
    v = _cast(v, y.dtype)
    if picks_once(index):
        y[index] = ufunc(y[index], v)
    else:
        ufunc.at(y, index, _stretched(v, y, index))
    return y


def _stretched(v, y, index):
    """v in the shape of y[index]: ufunc.at itself stretches wrongly where y has one axis (NumPy 2.4)."""
    return np.broadcast_to(v, y[index].shape)


def _cast(v, dtype):
    v = np.asarray(v)
    if not np.can_cast(v.dtype, dtype, "same_kind"):
        raise TypeError(f"values of dtype {v.dtype} cannot go into an array of {dtype}; convert one with astype()")
    return v.astype(dtype, copy=False)


def _last(index, shape):
    """Which of the entries of x[index] no later one names again."""
    picked = positions(index, shape)
    order = np.arange(picked.size)
    last = np.empty(math.prod(shape), np.intp)
    last[picked.reshape(-1)] = order
    return last[picked] == order.reshape(picked.shape)


def _in_rows(picked):
    """Distinct numbers, and for each of `picked` the row of its number and a column, from 1, of its own."""
    distinct, row, count = np.unique(picked, return_inverse=True, return_counts=True)
    column = np.empty_like(row)
    column[np.argsort(row, kind="stable")] = 1 + np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    return distinct, row, column


class At:
    """What `x.at` is: `x.at[index]` names entries of x for an update that returns a new tensor.

    The written-out form of `x[index] = v`, which cannot be recorded: gradients go to x and to v. Both the new tensor
    and v, which broadcasts against x[index], follow x's dtype.

    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> x.at[0].set(10.0)
    Tensor([10.,  2.,  3.], op=index_set)
    >>> x.at[[1, 1]].add([0.5, 0.25])  # unlike x[[1, 1]] += ..., repeated places add up
    Tensor([1.  , 2.75, 3.  ], op=index_add)
    """

    __slots__ = ("_x",)

    def __init__(self, x):
        self._x = x if isinstance(x, Tensor) else Tensor(x)

    def __getitem__(self, index):
        return Place(self._x, owned(index))


class Place:
    """What `x.at[index]` is: its methods return a new tensor, x changed at `index`.

    Places that the index names repeatedly take the last of several values to set, the sum of those to add or
    subtract, the product of those to multiply or divide by, the largest or smallest for max and min.
    """

    __slots__ = ("_index", "_x")

    def __init__(self, x, index):
        self._x = x
        self._index = index

    def set(self, v):
        """x with x[index] = v."""
        return index_set(self._x, v, self._index)

    def add(self, v):
        """x with v added at index."""
        return index_add(self._x, v, self._index)

    def subtract(self, v):
        """x with v subtracted at index."""
        return self._x - index_add(np.zeros_like(self._x), v, self._index)

    def multiply(self, v):
        """x with x[index] multiplied by v."""
        return index_multiply(self._x, v, self._index)

    def divide(self, v):
        """x, of a floating or complex dtype, with x[index] divided by v."""
        if self._x.dtype.kind not in "fc":
            raise TypeError(f"x.at[index].divide: given x of dtype {self._x.dtype}; convert it with astype(float)")
        return self._x / index_multiply(np.ones_like(self._x), v, self._index)

    def max(self, v):
        """x with the larger of x[index] and v."""
        return index_max(self._x, v, self._index)

    def min(self, v):
        """x with the smaller of x[index] and v."""
        return index_min(self._x, v, self._index)


def at(x):
    """`x.at`, also for an array: see At."""
    return At(x)
