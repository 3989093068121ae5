"""Reductions over one axis, several (a tuple), or all (None)."""

import numpy as np

from ..op import op

__all__ = ["max", "mean", "min", "sum"]


def _widen(g, axis, keepdims):
    """Give a reduced gradient its axes of size 1 back, so that it broadcasts against the input."""
    return g if keepdims or axis is None else np.expand_dims(g, axis)


@op(numpy=np.sum, linear=True)
def sum(x, /, axis=None, keepdims=False):
    """Sum over `axis`."""
    shape = np.shape(x)

    def vjp(g):  # every summed entry receives the same g
        return np.broadcast_to(_widen(g, axis, keepdims), shape)

    return np.sum(x, axis=axis, keepdims=keepdims), vjp


@op(numpy=np.mean, linear=True)
def mean(x, /, axis=None, keepdims=False):
    """Arithmetic mean over `axis`."""
    shape = np.shape(x)
    y = np.mean(x, axis=axis, keepdims=keepdims)

    def vjp(g):  # each of the n averaged entries receives g / n
        n = _count(shape, axis)
        return np.broadcast_to(_widen(g, axis, keepdims) / n, shape)

    return y, vjp


def _count(shape, axis):
    """How many entries are reduced into one."""
    axes = range(len(shape)) if axis is None else np.atleast_1d(axis).tolist()
    n = 1
    for i in axes:
        n *= shape[i]
    return n


@op(numpy=np.max)
def max(x, /, axis=None, keepdims=False):
    """Largest value over `axis`. Equal ones share the gradient evenly."""
    y = np.max(x, axis=axis, keepdims=keepdims)
    return y, lambda g: _to_the_best(g, x, y, axis, keepdims)


@op(numpy=np.min)
def min(x, /, axis=None, keepdims=False):
    """Smallest value over `axis`. Equal ones share the gradient evenly."""
    y = np.min(x, axis=axis, keepdims=keepdims)
    return y, lambda g: _to_the_best(g, x, y, axis, keepdims)


def _to_the_best(g, x, y, axis, keepdims):
    best = x == _widen(y, axis, keepdims)
    ties = np.count_nonzero(best, axis=axis, keepdims=True)
    return np.where(best, _widen(g, axis, keepdims) / np.asarray(ties).astype(x.dtype), 0.0)
