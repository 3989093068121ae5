"""The operators of Tensor."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from .base import TensorBase, array_of
from .mode import recording
from .registry import NUMPY

if TYPE_CHECKING:
    from .tensor import Tensor

# The operations by name, entered by `pureml_core.ops` when it is imported.
ops: Any = SimpleNamespace()


class Operators(TensorBase):
    """Arithmetic, comparison and indexing."""

    __slots__ = ()

    def __add__(self, other: Any) -> Tensor:
        return ops.add(self, other)  # type: ignore[no-any-return]

    def __radd__(self, other: Any) -> Tensor:
        return ops.add(other, self)  # type: ignore[no-any-return]

    def __sub__(self, other: Any) -> Tensor:
        return ops.subtract(self, other)  # type: ignore[no-any-return]

    def __rsub__(self, other: Any) -> Tensor:
        return ops.subtract(other, self)  # type: ignore[no-any-return]

    def __mul__(self, other: Any) -> Tensor:
        return ops.multiply(self, other)  # type: ignore[no-any-return]

    def __rmul__(self, other: Any) -> Tensor:
        return ops.multiply(other, self)  # type: ignore[no-any-return]

    def __truediv__(self, other: Any) -> Tensor:
        return ops.divide(self, other)  # type: ignore[no-any-return]

    def __rtruediv__(self, other: Any) -> Tensor:
        return ops.divide(other, self)  # type: ignore[no-any-return]

    def __pow__(self, other: Any) -> Tensor:
        return ops.power(self, other)  # type: ignore[no-any-return]

    def __rpow__(self, other: Any) -> Tensor:
        return ops.power(other, self)  # type: ignore[no-any-return]

    def __matmul__(self, other: Any) -> Tensor:
        return ops.matmul(self, other)  # type: ignore[no-any-return]

    def __rmatmul__(self, other: Any) -> Tensor:
        return ops.matmul(other, self)  # type: ignore[no-any-return]

    def __neg__(self) -> Tensor:
        return ops.negative(self)  # type: ignore[no-any-return]

    def __pos__(self) -> Tensor:
        return ops.positive(self)  # type: ignore[no-any-return]

    def __abs__(self) -> Tensor:
        return ops.abs(self)  # type: ignore[no-any-return]

    def __floordiv__(self, other: Any) -> Tensor:
        return ops.floor_divide(self, other)  # type: ignore[no-any-return]

    def __rfloordiv__(self, other: Any) -> Tensor:
        return ops.floor_divide(other, self)  # type: ignore[no-any-return]

    def __mod__(self, other: Any) -> Tensor:
        return ops.remainder(self, other)  # type: ignore[no-any-return]

    def __rmod__(self, other: Any) -> Tensor:
        return ops.remainder(other, self)  # type: ignore[no-any-return]

    def __lshift__(self, other: Any) -> Tensor:
        return ops.left_shift(self, other)  # type: ignore[no-any-return]

    def __rlshift__(self, other: Any) -> Tensor:
        return ops.left_shift(other, self)  # type: ignore[no-any-return]

    def __rshift__(self, other: Any) -> Tensor:
        return ops.right_shift(self, other)  # type: ignore[no-any-return]

    def __rrshift__(self, other: Any) -> Tensor:
        return ops.right_shift(other, self)  # type: ignore[no-any-return]

    def __and__(self, other: Any) -> Tensor:
        return ops.bitwise_and(self, other)  # type: ignore[no-any-return]

    def __rand__(self, other: Any) -> Tensor:
        return ops.bitwise_and(other, self)  # type: ignore[no-any-return]

    def __or__(self, other: Any) -> Tensor:
        return ops.bitwise_or(self, other)  # type: ignore[no-any-return]

    def __ror__(self, other: Any) -> Tensor:
        return ops.bitwise_or(other, self)  # type: ignore[no-any-return]

    def __xor__(self, other: Any) -> Tensor:
        return ops.bitwise_xor(self, other)  # type: ignore[no-any-return]

    def __rxor__(self, other: Any) -> Tensor:
        return ops.bitwise_xor(other, self)  # type: ignore[no-any-return]

    def __divmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return ops.divmod(self, other)  # type: ignore[no-any-return]

    def __rdivmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return ops.divmod(other, self)  # type: ignore[no-any-return]

    def __invert__(self) -> Tensor:
        return ops.invert(self)  # type: ignore[no-any-return]

    # ---- augmented assignment

    def __iadd__(self, other: Any) -> Any:
        return self._in_place(np.add, other)

    def __isub__(self, other: Any) -> Any:
        return self._in_place(np.subtract, other)

    def __imul__(self, other: Any) -> Any:
        return self._in_place(np.multiply, other)

    def __itruediv__(self, other: Any) -> Any:
        return self._in_place(np.divide, other)

    def __ifloordiv__(self, other: Any) -> Any:
        return self._in_place(np.floor_divide, other)

    def __imod__(self, other: Any) -> Any:
        return self._in_place(np.remainder, other)

    def __ipow__(self, other: Any) -> Any:
        return self._in_place(np.power, other)

    def __imatmul__(self, other: Any) -> Any:
        return self._in_place(np.matmul, other)

    def __ilshift__(self, other: Any) -> Any:
        return self._in_place(np.left_shift, other)

    def __irshift__(self, other: Any) -> Any:
        return self._in_place(np.right_shift, other)

    def __iand__(self, other: Any) -> Any:
        return self._in_place(np.bitwise_and, other)

    def __ior__(self, other: Any) -> Any:
        return self._in_place(np.bitwise_or, other)

    def __ixor__(self, other: Any) -> Any:
        return self._in_place(np.bitwise_xor, other)

    def _in_place(self, ufunc: np.ufunc, other: Any) -> Any:
        """Augmented assignment: in place and counted where no history can be hurt, else a new tensor."""
        tracked = recording()[0] and (self._requires_grad or (isinstance(other, TensorBase) and other._requires_grad))
        if self._node is not None or (tracked and not self._requires_grad):
            return NUMPY.get(ufunc, ufunc)(self, other)
        if tracked:
            raise RuntimeError(
                f"{self._described()} is a leaf that requires a gradient: changing it in place cannot be recorded; "
                "write it out (w = w + x), or change it under no_grad, as the optimizers do"
            )
        ufunc(self._ndarray, array_of(other), out=self._ndarray)
        self.touch()
        return self

    # ---- comparison: elementwise and untracked; the hash is by identity

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Tensor:  # type: ignore[override]
        return self._plain(self._ndarray == array_of(other))

    def __ne__(self, other: object) -> Tensor:  # type: ignore[override]
        return self._plain(self._ndarray != array_of(other))

    def __lt__(self, other: Any) -> Tensor:
        return self._plain(self._ndarray < array_of(other))

    def __le__(self, other: Any) -> Tensor:
        return self._plain(self._ndarray <= array_of(other))

    def __gt__(self, other: Any) -> Tensor:
        return self._plain(self._ndarray > array_of(other))

    def __ge__(self, other: Any) -> Tensor:
        return self._plain(self._ndarray >= array_of(other))

    eq, ne, lt, le, gt, ge = __eq__, __ne__, __lt__, __le__, __gt__, __ge__

    # ---- indexing

    def __len__(self) -> int:
        return len(self._ndarray)

    def __iter__(self) -> Iterator[Tensor]:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d tensor; use .item() for its number")
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Tensor:
        return ops.getitem(self, plain_index(index, copy=self._requires_grad))  # type: ignore[no-any-return]

    def __setitem__(self, index: Any, value: Any) -> None:
        self._check_writable(f"t[{_in_words(index)}] = v", f"t = t.at[{_in_words(index)}].set(v)", value)
        self._ndarray[plain_index(index)] = array_of(value)
        self.touch()


def plain_index(index: Any, copy: bool = False) -> Any:
    """An index with the arrays of its Tensors; copies of all arrays, for who keeps it."""
    if isinstance(index, TensorBase):
        index = index._ndarray
    if isinstance(index, np.ndarray):
        return index.copy() if copy else index
    if isinstance(index, tuple | list):
        return type(index)(plain_index(i, copy) for i in index)
    return index


def _in_words(index: Any) -> str:
    """A short index as it is written, any other as a letter."""
    if isinstance(index, slice) and index.step is None:
        return ":".join("" if i is None else _in_words(i) for i in (index.start, index.stop))
    if isinstance(index, tuple) and 0 < len(index) <= 3:
        return ", ".join(map(_in_words, index))
    return str(index) if isinstance(index, int) else "..." if index is Ellipsis else "i"
