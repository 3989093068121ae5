"""Every differentiable operation, one topic a file."""

from .. import tensor as _tensor
from . import untracked as _untracked
from .elementwise import (
    abs,
    add,
    astype,
    divide,
    exp,
    log,
    log1p,
    log2,
    maximum,
    minimum,
    multiply,
    negative,
    positive,
    power,
    sigmoid,
    sqrt,
    square,
    subtract,
    tanh,
    where,
)
from .index import getitem, scatter_add
from .linalg import eigh, matmul
from .reduce import max, mean, min, sum
from .shape import (
    broadcast_to,
    concatenate,
    expand_dims,
    flatten,
    ravel,
    reshape,
    split,
    squeeze,
    swapaxes,
    transpose,
)
from .softmax import log_softmax, logsumexp, softmax

__all__ = [name for name in dir() if not name.startswith("_")]

# Operators and methods of Tensor lead here.
vars(_tensor.ops).update({name: globals()[name] for name in __all__})
