"""Indexing, and scattering, its adjoint."""

import numpy as np

from ..op import kernel, op

__all__ = ["getitem", "scatter_add"]


@op(linear=True)
def getitem(x, /, index):
    """x[index], for every index NumPy knows. An entry that is picked twice receives both gradients."""
    shape = np.shape(x)
    return x[index], lambda g: scatter_add(g, index, shape)


@op(linear=True)
def scatter_add(values, /, index, shape):
    """Zeros of `shape` with `values` added at `index`; repeated places add up."""
    return _scatter_add(values, index, shape), lambda g: g[index]


@kernel
def _scatter_add(values, index, shape):
    y = np.zeros(shape, np.asarray(values).dtype)
    parts = index if isinstance(index, tuple) else (index,)
    if all(part is None or part is Ellipsis or isinstance(part, int | np.integer | slice) for part in parts):
        y[index] = values  # basic indexing picks every entry at most once
    else:
        np.add.at(y, index, values)
    return y
