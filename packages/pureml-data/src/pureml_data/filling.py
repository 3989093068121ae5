"""A number that arrays are filled up with, in their dtype, or an error that says that it does not fit."""

from __future__ import annotations

from typing import Any

import numpy as np


def filling(name: str, value: Any, dtype: np.dtype[Any]) -> Any:
    """`value` as a scalar of `dtype`; only floating ones may round it.

    Raises:
        ValueError: the dtype has no such value, as uint8 has no 256, no 0.5 and no -1.
    """
    value = value.item() if isinstance(value, np.generic) else value  # NumPy's own would wrap around
    try:
        with np.errstate(over="ignore"):
            found = dtype.type(value)
        fits = bool(np.isfinite(found) == np.isfinite(value) if dtype.kind in "fc" else found == value)
    except (TypeError, ValueError, OverflowError):
        fits = False
    if not fits:
        raise ValueError(f"{name}: given the value {value!r} for {dtype}, which has no such value")
    return found
