"""What is read from a Tensor: text, Python numbers, lists. Explicit, so that nothing is cut from a graph by mistake."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import TensorBase


class Conversion(TensorBase):
    """Reading a tensor's values."""

    __slots__ = ()

    def item(self) -> Any:
        """The value of a tensor with one element, as a Python number."""
        return self._data.item()

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers."""
        return self._data.tolist()

    def __float__(self) -> float:
        return float(self._data)

    def __int__(self) -> int:
        return int(self._data)

    def __complex__(self) -> complex:
        return complex(self._data)

    def __bool__(self) -> bool:
        return bool(self._data)

    def __index__(self) -> int:
        return self._data.__index__()

    def __contains__(self, value: Any) -> bool:
        return getattr(value, "_data", value) in self._data

    def __format__(self, spec: str) -> str:
        return format(self._data[()] if spec and self.ndim == 0 else self._data, spec) if spec else str(self)

    def __repr__(self) -> str:
        values = np.array2string(self._data, separator=", ", prefix=f"{type(self).__name__}(")
        plain = self.dtype in ((np.float64,) if self.size == 0 else (np.float64, np.int64, np.bool_))
        notes = [] if plain else [f"dtype={self.dtype}"]
        if 0 in self.shape or self.size > np.get_printoptions()["threshold"]:  # not to be seen in the values
            notes.append(f"shape={self.shape}")
        if self._node is not None:
            notes.append(self._origin("op="))
        elif self._requires_grad:
            notes.append("requires_grad=True")
        return f"{type(self).__name__}({', '.join([values, *notes])})"

    def __str__(self) -> str:
        return str(self._data)
