"""What is read from a Tensor: text, Python numbers, lists, bytes. Explicit reads: a history ends here, by intention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .base import TensorBase, array_of


class Conversion(TensorBase):
    """Reading a tensor's values."""

    __slots__ = ()

    # ---- Python's numbers and lists

    def item(self, *index: Any) -> Any:
        """The value of a tensor with one element, or the one at `index`, as a Python number."""
        return self._ndarray.item(*index)

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers."""
        return self._ndarray.tolist()

    def tobytes(self, order: Any = "C") -> bytes:
        """The values as they are in memory."""
        return self._ndarray.tobytes(order)

    def __float__(self) -> float:
        return float(self._ndarray)

    def __int__(self) -> int:
        return int(self._ndarray)

    def __complex__(self) -> complex:
        return complex(self._ndarray)

    def __bool__(self) -> bool:
        return bool(self._ndarray)

    def __index__(self) -> int:
        return self._ndarray.__index__()

    def __floor__(self) -> Any:
        return math.floor(_number(self))

    def __ceil__(self) -> Any:
        return math.ceil(_number(self))

    def __trunc__(self) -> Any:
        return math.trunc(_number(self))

    def __contains__(self, value: Any) -> bool:
        return array_of(value) in self._ndarray

    # ---- text

    def __format__(self, spec: str) -> str:
        """The values as `str` writes them, or every number by a format such as ".3f"."""
        if not spec:
            return str(self)
        if self.ndim == 0:
            return format(self._ndarray[()], spec)
        return np.array2string(self._ndarray, formatter={"all": lambda x: format(x, spec)})

    def __str__(self) -> str:
        return str(self._ndarray)

    def __repr__(self) -> str:
        """The values, and what they do not show: dtype, shape, the operation they come from."""
        name = type(self).__name__
        values = np.array2string(self._ndarray, separator=", ", prefix=f"{name}(")
        obvious = self.dtype in ((np.float64,) if self.size == 0 else (np.float64, np.int64, np.bool_, np.complex128))
        notes = [] if obvious else [f"dtype={self.dtype}"]
        if 0 in self.shape or self.size > np.get_printoptions()["threshold"]:
            notes.append(f"shape={self.shape}")
        if self._node is not None:
            notes.append(self._origin("op="))
        elif self._requires_grad:
            notes.append("requires_grad=True")
        return f"{name}({', '.join([values, *notes])})"


def _number(t: TensorBase) -> Any:
    """The value of a 0-d tensor as NumPy's scalar."""
    return t._ndarray[()]
