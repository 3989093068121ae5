"""What settings may be, whole numbers and flags, and what is an array; or an error that names them."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from pureml_core import Tensor


def whole(name: str, value: Any, low: int) -> int:
    """An integer that is at least `low`; True and False are none."""
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, given {value!r}") from None
    if number < low:
        raise ValueError(f"{name} must be at least {low}, given {number}")
    return number


def flag(name: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, given {value!r}")
    return bool(value)


def as_array(where: str, value: Any) -> np.ndarray:
    """What a Tensor holds, or what np.asarray makes of anything but a masked array."""
    refuse_masks(where, value)
    return value.data if isinstance(value, Tensor) else np.asarray(value)


def refuse_masks(where: str, value: Any) -> None:
    """A TypeError for a masked array, whose mask NumPy's functions would lose."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{where}: given a masked array, whose mask would be lost; give its filled(...)")
