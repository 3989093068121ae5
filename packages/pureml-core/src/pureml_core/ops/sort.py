"""Sorting and picking by rank along an axis. The gradient goes back to where the values came from."""

import numpy as np

from ..op import kernel, op
from ..registry import composed
from ..tensor import Tensor
from .index import take_along_axis
from .shape import reshape

__all__ = ["partition", "sort", "topk"]


@op(numpy=np.sort)
def sort(x, /, axis=-1, kind=None, *, stable=None):
    """The entries along `axis`, or of the flattened x (None), in ascending order; nan last.

    The gradient goes to where np.argsort with the same settings points: with `stable`, in order among equal ones.
    """
    y = np.sort(x, axis=axis, kind=kind, stable=stable)

    def vjp(g):  # yᵢ = x[orderᵢ]
        order = np.asarray(np.argsort(x, axis=axis, kind=kind, stable=stable))
        return np.reshape(unpermute(g, order, -1 if axis is None else axis), np.shape(x))

    return y, vjp


@op(linear=True)
def permute(x, /, indices, axis):
    """The entries along `axis` in another order: yᵢ = x[indicesᵢ]."""
    return np.take_along_axis(x, indices, axis), lambda g: unpermute(g, indices, axis)


@op(linear=True)
def unpermute(x, /, indices, axis):
    """The inverse of permute, and its adjoint: y[indicesᵢ] = xᵢ."""
    return _unpermute(x, indices, axis), lambda g: permute(g, indices, axis)


@kernel
def _unpermute(x, indices, axis):
    y = np.empty_like(x)
    np.put_along_axis(y, indices, x, axis)
    return y


@composed(np.partition)
def partition(x, kth, axis=-1, kind="introselect"):
    """The entries along `axis`, or of the flattened x (None), the k-th in its place, smaller ones before, others after.

    Args:
        kth: a rank from 0, or several.
    """
    if axis is None:
        x, axis = reshape(x, -1), -1
    return permute(x, _array(np.argpartition(x, kth, axis=axis, kind=kind)), axis)


@composed()
def topk(x, k, axis=-1, largest=True):
    """The k largest or smallest entries along `axis`, best first, and their positions: (values, indices).

    Equal ones come in any order; nan counts as larger than all. The indices have no gradient.

    Raises:
        ValueError: k is negative, or larger than the axis.
    """
    a = _array(x)
    n = a.shape[axis]
    if not 0 <= k <= n:
        raise ValueError(f"topk: given k={k} for {n} entries along axis {axis} of {a.shape}; needed 0 to {n}")
    whole = k in (0, n)
    order = np.argsort(a, axis) if whole else np.argpartition(a, n - k if largest else k - 1, axis)
    best = np.moveaxis(order, axis, -1)
    best = np.moveaxis(best[..., n - k :] if largest else best[..., :k], -1, axis)
    rank = np.argsort(np.take_along_axis(a, best, axis), axis=axis)
    best = np.take_along_axis(best, np.flip(rank, axis) if largest else rank, axis)
    return take_along_axis(x, best, axis), Tensor(best)


def _array(x):
    return x.numpy(copy=False) if isinstance(x, Tensor) else np.asarray(x)
