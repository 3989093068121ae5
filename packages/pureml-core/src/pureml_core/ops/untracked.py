"""NumPy functions whose results have no gradient: comparisons, tests, positions, sets, whole numbers, shapes.

They take Tensors and give untracked ones, so that bodies and users can write them as in NumPy. Keywords are NumPy's.
"""

import functools
from typing import TYPE_CHECKING

import numpy as np

from ..registry import NUMPY
from ..tensor import Tensor


def untracked(f):
    """The function f, of NumPy's or your own, on the values of Tensors; what it returns is untracked."""

    @functools.wraps(f)
    def call(*args, **kwargs):
        if isinstance(kwargs.get("weights"), Tensor):  # of a histogram: its sums would have a gradient
            kwargs["weights"]._refuse_cut(f"np.{f.__name__}(weights=)")
        values = f(*_arrays(args), **{key: _arrays(value) for key, value in kwargs.items()})
        out = kwargs.get("out")
        if isinstance(out, Tensor):
            out.touch()
            return out
        return _tensors(values)

    if isinstance(f, np.ufunc) or f.__module__.startswith("numpy"):
        call.__doc__ = f"np.{f.__name__} on the values of Tensors; it has no gradient."
        call.__module__ = __name__
    return call


def _arrays(x):
    if isinstance(x, Tensor):
        return x._ndarray
    if isinstance(x, tuple | list):
        return type(x)(_arrays(item) for item in x)
    return x


def _tensors(y):
    if isinstance(y, np.ndarray | np.generic):
        return Tensor(y)
    if isinstance(y, tuple | list):
        parts = [_tensors(part) for part in y]
        return y._make(parts) if hasattr(y, "_make") else type(y)(parts)
    return y


# Comparisons
equal = untracked(np.equal)
not_equal = untracked(np.not_equal)
less = untracked(np.less)
less_equal = untracked(np.less_equal)
greater = untracked(np.greater)
greater_equal = untracked(np.greater_equal)
array_equal = untracked(np.array_equal)
array_equiv = untracked(np.array_equiv)
allclose = untracked(np.allclose)
isclose = untracked(np.isclose)

# Tests
all = untracked(np.all)
any = untracked(np.any)
isfinite = untracked(np.isfinite)
isinf = untracked(np.isinf)
isnan = untracked(np.isnan)
isneginf = untracked(np.isneginf)
isposinf = untracked(np.isposinf)
iscomplex = untracked(np.iscomplex)
iscomplexobj = untracked(np.iscomplexobj)
isreal = untracked(np.isreal)
isrealobj = untracked(np.isrealobj)
signbit = untracked(np.signbit)

# Logic and bits
logical_and = untracked(np.logical_and)
logical_not = untracked(np.logical_not)
logical_or = untracked(np.logical_or)
logical_xor = untracked(np.logical_xor)
bitwise_and = untracked(np.bitwise_and)
bitwise_or = untracked(np.bitwise_or)
bitwise_xor = untracked(np.bitwise_xor)
invert = untracked(np.invert)
left_shift = untracked(np.left_shift)
right_shift = untracked(np.right_shift)
packbits = untracked(np.packbits)
unpackbits = untracked(np.unpackbits)

# Whole numbers
gcd = untracked(np.gcd)
lcm = untracked(np.lcm)

# Positions
argmax = untracked(np.argmax)
argmin = untracked(np.argmin)
nanargmax = untracked(np.nanargmax)
nanargmin = untracked(np.nanargmin)
argsort = untracked(np.argsort)
argpartition = untracked(np.argpartition)
lexsort = untracked(np.lexsort)
argwhere = untracked(np.argwhere)
nonzero = untracked(np.nonzero)
flatnonzero = untracked(np.flatnonzero)
count_nonzero = untracked(np.count_nonzero)
searchsorted = untracked(np.searchsorted)
digitize = untracked(np.digitize)
histogram = untracked(np.histogram)
histogram2d = untracked(np.histogram2d)
histogramdd = untracked(np.histogramdd)
histogram_bin_edges = untracked(np.histogram_bin_edges)

# Sets
isin = untracked(np.isin)
unique = untracked(np.unique)
union1d = untracked(np.union1d)
intersect1d = untracked(np.intersect1d)
setdiff1d = untracked(np.setdiff1d)
setxor1d = untracked(np.setxor1d)

# Arrays of the same shape
zeros_like = untracked(np.zeros_like)
ones_like = untracked(np.ones_like)
empty_like = untracked(np.empty_like)

bitwise_not = bitwise_invert = invert
bitwise_left_shift, bitwise_right_shift = left_shift, right_shift

NAMED = {name: f for name, f in globals().items() if getattr(f, "__wrapped__", None) is not None}

# Known under NumPy's names only.
OTHERS = (
    *("shape", "ndim", "size", "result_type", "can_cast", "min_scalar_type", "common_type"),
    *("may_share_memory", "shares_memory", "array_repr", "array_str", "array2string", "bitwise_count", "isnat"),
    *("unique_all", "unique_counts", "unique_inverse", "unique_values"),
    *("unravel_index", "ravel_multi_index", "ix_", "diag_indices_from", "tril_indices_from", "triu_indices_from"),
)

# A function that is an operation, too, stays one: these are for what nothing else has claimed.
for call in (*NAMED.values(), *(untracked(getattr(np, name)) for name in OTHERS if hasattr(np, name))):
    NUMPY.setdefault(call.__wrapped__, call)

if not TYPE_CHECKING:  # type checkers cannot follow the list; without __all__ they see every name
    __all__ = sorted(NAMED)
