"""Every operation, one topic a file."""

from typing import TYPE_CHECKING

from ..operators import Operators as _Operators
from ..operators import ops as _ops

# ruff: noqa: I001, F403 - a topic before what is in it: `softmax` is a file and a function
from . import elementwise as _elementwise
from . import reduce as _reduce
from . import linalg as _linalg
from . import einsum as _einsum
from . import norms as _norms
from . import decomposition as _decomposition
from . import inverse as _inverse
from . import shape as _shape
from . import index as _index
from . import joining as _joining
from . import padding as _padding
from . import window as _window
from . import softmax as _softmax
from . import cumulative as _cumulative
from . import nan as _nan
from . import sort as _sort
from . import statistics as _statistics
from . import difference as _difference
from . import fourier as _fourier
from . import untracked as _untracked
from .elementwise import *
from .reduce import *
from .linalg import *
from .einsum import *
from .norms import *
from .decomposition import *
from .inverse import *
from .shape import *
from .index import *
from .joining import *
from .padding import *
from .window import *
from .softmax import *
from .cumulative import *
from .nan import *
from .sort import *
from .statistics import *
from .difference import *
from .fourier import *
from .untracked import *


if not TYPE_CHECKING:  # type checkers cannot follow the sum of lists; without __all__ they see every name
    _TOPICS = (
        _elementwise,
        _reduce,
        _linalg,
        _einsum,
        _norms,
        _decomposition,
        _inverse,
        _shape,
        _index,
        _joining,
        _padding,
        _window,
        _softmax,
        _cumulative,
        _nan,
        _sort,
        _statistics,
        _difference,
        _fourier,
        _untracked,
    )
    __all__ = sorted(name for topic in _TOPICS for name in topic.__all__)
    vars(_ops).update({name: globals()[name] for name in __all__})  # operators and methods of Tensor lead here

    # The commonest operators are the operations themselves: a call less than the methods that lead there.
    for _name in ("add", "sub:subtract", "mul:multiply", "truediv:divide", "pow:power", "matmul", "neg:negative"):
        _operator, _, _operation = _name.partition(":")
        setattr(_Operators, f"__{_operator}__", globals()[_operation or _operator])
