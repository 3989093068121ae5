"""The attributes and methods that a Tensor has because an ndarray has them, named as in NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .base import TensorBase
from .operators import ops

if TYPE_CHECKING:
    from .tensor import Tensor


class Methods(TensorBase):
    """See the operation of the same name."""

    __slots__ = ()

    @property
    def nbytes(self) -> int:
        return self._data.nbytes

    @property
    def itemsize(self) -> int:
        return self._data.itemsize

    @property
    def T(self) -> Tensor:
        """The last two axes swapped (ndarray.T reverses all axes); below two dimensions the tensor itself."""
        return self if self.ndim < 2 else ops.swapaxes(self, -1, -2)  # type: ignore[return-value]

    @property
    def mT(self) -> Tensor:
        """The last two axes swapped."""
        return ops.swapaxes(self, -1, -2)  # type: ignore[no-any-return]

    def dot(self, other: Any) -> Tensor:
        """The product of two vectors, a 0-d tensor, or of two matrices.

        Raises:
            ValueError: the two are neither both vectors nor both matrices, or their sizes differ.
        """
        if (self.ndim, np.ndim(other)) not in ((1, 1), (2, 2)):
            raise ValueError(f"dot: {self.shape} and {np.shape(other)}; needs two vectors or two matrices, else use @")
        return ops.matmul(self, other)  # type: ignore[no-any-return]

    def astype(self, dtype: Any) -> Tensor:
        """The values converted; the tensor itself if it has that dtype already."""
        return self if self.dtype == dtype else ops.astype(self, dtype)  # type: ignore[return-value]

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        return self._plain(np.argmax(self._data, axis=axis, keepdims=keepdims))

    def argmin(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        return self._plain(np.argmin(self._data, axis=axis, keepdims=keepdims))

    def all(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return self._plain(np.all(self._data, axis=axis, keepdims=keepdims))

    def any(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return self._plain(np.any(self._data, axis=axis, keepdims=keepdims))

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
