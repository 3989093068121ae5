"""The floating dtype of new parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

_default = np.dtype(np.float32)


def default_dtype() -> np.dtype[Any]:
    """The dtype that `Parameter` gives to floating data: float32 unless set otherwise."""
    return _default


def set_default_dtype(dtype: Any) -> None:
    """Set the dtype of parameters made from now on; existing ones keep theirs.

    Raises:
        ValueError: `dtype` is not a real floating dtype.
    """
    global _default
    new = np.dtype(dtype)
    if new.kind != "f":
        raise ValueError(f"set_default_dtype: given {new}; parameters need a real floating dtype such as np.float32")
    _default = new
