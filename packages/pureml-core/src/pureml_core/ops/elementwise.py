"""Operations on the entries of arrays: what the topics here offer, under one name."""

from typing import TYPE_CHECKING

# ruff: noqa: F403
from . import arithmetic, complex, counting, exponential, rounding, selection, special, trigonometric
from .arithmetic import *
from .complex import *
from .counting import *
from .exponential import *
from .rounding import *
from .selection import *
from .special import *
from .trigonometric import *

if not TYPE_CHECKING:  # type checkers cannot follow the sum of lists; without __all__ they see every name
    TOPICS = (arithmetic, exponential, trigonometric, special, rounding, selection, complex, counting)
    __all__ = [name for topic in TOPICS for name in topic.__all__]
