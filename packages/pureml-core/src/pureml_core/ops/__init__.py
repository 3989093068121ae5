"""Every operation, one topic a file."""

from ..operators import ops as _ops

# ruff: noqa: I001, F403 - a topic before what is in it: `softmax` is a file and a function
from . import elementwise as _elementwise
from . import reduce as _reduce
from . import linalg as _linalg
from . import shape as _shape
from . import index as _index
from . import window as _window
from . import softmax as _softmax
from . import fourier as _fourier
from . import untracked as _untracked
from .elementwise import *
from .reduce import *
from .linalg import *
from .shape import *
from .index import *
from .window import *
from .softmax import *
from .fourier import *
from .untracked import *


__all__ = []
__all__ += _elementwise.__all__
__all__ += _reduce.__all__
__all__ += _linalg.__all__
__all__ += _shape.__all__
__all__ += _index.__all__
__all__ += _window.__all__
__all__ += _softmax.__all__
__all__ += _fourier.__all__
__all__ += _untracked.__all__

# Operators and methods of Tensor lead here.
vars(_ops).update({name: globals()[name] for name in __all__})
