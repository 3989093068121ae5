"""NumPy functions whose results have no gradient: comparisons, positions, tests, shapes.

They take Tensors and give untracked ones, so that bodies and users can write them as in NumPy.
"""

import functools

import numpy as np

from ..registry import NUMPY
from ..tensor import Tensor

__all__ = []

FUNCTIONS = (
    *(np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal),
    *(np.logical_and, np.logical_or, np.logical_not, np.logical_xor, np.isnan, np.isinf, np.isfinite, np.signbit),
    *(np.argmax, np.argmin, np.argsort, np.nonzero, np.count_nonzero, np.flatnonzero, np.searchsorted),
    *(np.all, np.any, np.isclose, np.allclose, np.array_equal, np.isin, np.unique, np.bincount),
    *(
        np.bitwise_and,
        np.bitwise_or,
        np.bitwise_xor,
        np.invert,
        np.isposinf,
        np.isneginf,
        np.iscomplexobj,
        np.isrealobj,
    ),
    *(np.argwhere, np.argpartition, np.nanargmax, np.nanargmin),
    *(np.sign, np.floor, np.ceil, np.trunc, np.rint, np.round, np.floor_divide),
    *(np.zeros_like, np.ones_like, np.full_like, np.empty_like),
    *(np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.may_share_memory, np.shares_memory),
    *(np.array_repr, np.array_str, np.array2string),
)


def _arrays(x):
    if isinstance(x, Tensor):
        return x._data
    if isinstance(x, tuple | list):
        return type(x)(_arrays(item) for item in x)
    return x


def _tensors(y):
    if isinstance(y, np.ndarray | np.generic):
        return Tensor(y)
    return tuple(_tensors(part) for part in y) if isinstance(y, tuple) and y and isinstance(y[0], np.ndarray) else y


def untracked(f):
    """The NumPy function f on the arrays of its Tensors."""

    @functools.wraps(f)
    def call(*args, **kwargs):
        return _tensors(f(*_arrays(args), **{key: _arrays(value) for key, value in kwargs.items()}))

    return call


NUMPY.update({f: untracked(f) for f in FUNCTIONS})
