"""Every differentiable operation, one topic a file."""

from ..operators import ops as _ops
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

__all__ = [
    "abs",
    "add",
    "astype",
    "broadcast_to",
    "concatenate",
    "divide",
    "eigh",
    "exp",
    "expand_dims",
    "flatten",
    "getitem",
    "log",
    "log1p",
    "log2",
    "log_softmax",
    "logsumexp",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "multiply",
    "negative",
    "positive",
    "power",
    "ravel",
    "reshape",
    "scatter_add",
    "sigmoid",
    "softmax",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "subtract",
    "sum",
    "swapaxes",
    "tanh",
    "transpose",
    "where",
]

# Operators and methods of Tensor lead here.
vars(_ops).update({name: globals()[name] for name in __all__})
