"""One table over all operations: `CASES` and `ERRORS`, one file a topic, and the checks that every row must pass."""

from . import (
    checks,
    cumulative,
    decomposition,
    difference,
    elementwise,
    fourier,
    index,
    linalg,
    nan,
    reduce,
    shape,
    softmax,
    sort,
    statistics,
    window,
)
from .case import Case, Error

__all__ = ["CASES", "ERRORS", "Case", "Error", "checks"]

FILES = (
    elementwise,
    reduce,
    linalg,
    decomposition,
    shape,
    index,
    window,
    softmax,
    fourier,
    cumulative,
    nan,
    sort,
    statistics,
    difference,
)

CASES: list[Case] = [row for file in FILES for row in file.CASES]
ERRORS: list[Error] = [row for file in FILES for row in file.ERRORS]
