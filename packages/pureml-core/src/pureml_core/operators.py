"""The operators and methods of Tensor that do nothing but lead to an operation."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .tensor import Tensor

# The operations by name, entered by `pureml_core.ops` when it is imported.
ops: Any = SimpleNamespace()


class Operators:
    """Arithmetic, reductions and changes of shape, named as in NumPy. See the operation of the same name."""

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

    def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return ops.sum(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return ops.mean(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def max(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return ops.max(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def min(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return ops.min(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def reshape(self, *shape: Any) -> Tensor:
        """The same values in another shape, given as integers or one sequence; -1 stands for what is left."""
        return ops.reshape(self, shape[0] if len(shape) == 1 else shape)  # type: ignore[no-any-return]

    def transpose(self, *axes: Any) -> Tensor:
        """The axes permuted, or reversed when none are given, as in NumPy."""
        order = axes[0] if len(axes) == 1 else axes or None
        return ops.transpose(self, order)  # type: ignore[no-any-return]

    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        return ops.swapaxes(self, axis1, axis2)  # type: ignore[no-any-return]

    def general_transpose(self, order: Any) -> Tensor:
        """The axes in the order given."""
        return self.transpose(order)

    def unsqueeze(self, dim: Any) -> Tensor:
        """A new axis of size 1 at position `dim` of the result."""
        return ops.expand_dims(self, dim)  # type: ignore[no-any-return]

    def squeeze(self, axis: Any = None) -> Tensor:
        return ops.squeeze(self, axis)  # type: ignore[no-any-return]

    def flatten(self, *, keep_batch: bool = True, sample_ndim: int | None = None) -> Tensor:
        """Merge axes into one.

        With `sample_ndim=k` the last k axes (0: nothing). Otherwise all but the first, the batch; all of them for
        `keep_batch=False`.

        Raises:
            ValueError: `sample_ndim` is negative or larger than the number of axes.
        """
        return ops.flatten(self, keep_batch=keep_batch, sample_ndim=sample_ndim)  # type: ignore[no-any-return]
