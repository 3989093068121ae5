"""The attributes and methods that a Tensor has because an ndarray has them, named as in NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .base import TensorBase, array_of
from .operators import ops

if TYPE_CHECKING:
    from .tensor import Tensor


class NotOffered:
    """A name of ndarray's that a Tensor does not have: the AttributeError says what to write instead."""

    def __init__(self, instead: str) -> None:
        self.instead = instead

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, t: Any, owner: type) -> Any:
        message = f"{owner.__name__!r} object has no attribute {self.name!r}: {self.instead}"
        raise AttributeError(message, name=self.name, obj=t)


class Methods(TensorBase):
    """See the operation of the same name."""

    __slots__ = ()

    # ---- attributes

    @property
    def nbytes(self) -> int:
        return self._ndarray.nbytes

    @property
    def itemsize(self) -> int:
        return self._ndarray.itemsize

    @property
    def strides(self) -> tuple[int, ...]:
        return self._ndarray.strides

    @property
    def flags(self) -> Any:
        """How the memory is laid out, and whether it can be written."""
        return self._ndarray.flags

    @property
    def device(self) -> str:
        return "cpu"

    @property
    def real(self) -> Tensor:
        return ops.real(self)  # type: ignore[no-any-return]

    @property
    def imag(self) -> Tensor:
        return ops.imag(self)  # type: ignore[no-any-return]

    @property
    def T(self) -> Tensor:
        """The last two axes swapped (ndarray.T reverses all axes); below two dimensions the tensor itself."""
        return self if self.ndim < 2 else ops.swapaxes(self, -1, -2)  # type: ignore[return-value]

    @property
    def mT(self) -> Tensor:
        """The last two axes swapped."""
        return ops.matrix_transpose(self)  # type: ignore[no-any-return]

    @property
    def flat(self) -> Tensor:
        """All values along one axis: to be iterated over and indexed, not to be assigned to."""
        return ops.ravel(self)  # type: ignore[no-any-return]

    @property
    def at(self) -> Any:
        """New tensors that differ from this one at an index: `t.at[i].set(v)`, and add, multiply, max, ..."""
        return ops.at(self)

    # ---- reductions

    def sum(self, axis: Any = None, *, keepdims: bool = False, **settings: Any) -> Tensor:
        return _either(ops.sum, np.sum, settings)(self, axis=axis, keepdims=keepdims, **settings)  # type: ignore[no-any-return]

    def mean(self, axis: Any = None, *, keepdims: bool = False, **settings: Any) -> Tensor:
        return _either(ops.mean, np.mean, settings)(self, axis=axis, keepdims=keepdims, **settings)  # type: ignore[no-any-return]

    def prod(self, axis: Any = None, *, keepdims: bool = False, **settings: Any) -> Tensor:
        return _either(ops.prod, np.prod, settings)(self, axis=axis, keepdims=keepdims, **settings)  # type: ignore[no-any-return]

    def max(self, axis: Any = None, *, keepdims: bool = False, **settings: Any) -> Tensor:
        return _either(ops.max, np.max, settings)(self, axis=axis, keepdims=keepdims, **settings)  # type: ignore[no-any-return]

    def min(self, axis: Any = None, *, keepdims: bool = False, **settings: Any) -> Tensor:
        return _either(ops.min, np.min, settings)(self, axis=axis, keepdims=keepdims, **settings)  # type: ignore[no-any-return]

    def var(self, axis: Any = None, *, ddof: Any = 0, keepdims: bool = False, **settings: Any) -> Tensor:
        return _either(ops.var, np.var, settings)(self, axis=axis, ddof=ddof, keepdims=keepdims, **settings)  # type: ignore[no-any-return]

    def std(self, axis: Any = None, *, ddof: Any = 0, keepdims: bool = False, **settings: Any) -> Tensor:
        return _either(ops.std, np.std, settings)(self, axis=axis, ddof=ddof, keepdims=keepdims, **settings)  # type: ignore[no-any-return]

    def all(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return ops.all(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def any(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return ops.any(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        return ops.argmax(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def argmin(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        return ops.argmin(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    # ---- along an axis

    def cumsum(self, axis: int | None = None) -> Tensor:
        return ops.cumsum(self, axis=axis)  # type: ignore[no-any-return]

    def cumprod(self, axis: int | None = None) -> Tensor:
        return ops.cumprod(self, axis=axis)  # type: ignore[no-any-return]

    def argsort(self, axis: int | None = -1, kind: Any = None, *, stable: bool | None = None) -> Tensor:
        return ops.argsort(self, axis=axis, kind=kind, stable=stable)  # type: ignore[no-any-return]

    def take(self, indices: Any, axis: int | None = None, mode: str = "raise") -> Tensor:
        return ops.take(self, indices, axis=axis, mode=mode)  # type: ignore[no-any-return]

    def repeat(self, repeats: Any, axis: int | None = None) -> Tensor:
        return ops.repeat(self, repeats, axis=axis)  # type: ignore[no-any-return]

    def compress(self, condition: Any, axis: int | None = None) -> Tensor:
        return ops.compress(condition, self, axis=axis)  # type: ignore[no-any-return]

    def searchsorted(self, v: Any, side: str = "left", sorter: Any = None) -> Tensor:
        return ops.searchsorted(self, v, side=side, sorter=sorter)  # type: ignore[no-any-return]

    # ---- elementwise

    def clip(self, min: Any = None, max: Any = None) -> Tensor:
        return ops.clip(self, min, max)  # type: ignore[no-any-return]

    def round(self, decimals: int = 0) -> Tensor:
        return ops.round(self, decimals)  # type: ignore[no-any-return]

    def __round__(self, ndigits: int | None = None) -> Tensor:
        """Rounded to `ndigits` decimals, elementwise."""
        return ops.round(self, ndigits or 0)  # type: ignore[no-any-return]

    def conjugate(self) -> Tensor:
        """The complex conjugate; a real tensor is its own."""
        return ops.conjugate(self) if self.dtype.kind == "c" else self  # type: ignore[return-value]

    conj = conjugate

    def choose(self, choices: Any, mode: str = "raise") -> Tensor:
        return ops.choose(self, choices, mode=mode)  # type: ignore[no-any-return]

    def nonzero(self) -> tuple[Tensor, ...]:
        return ops.nonzero(self)  # type: ignore[no-any-return]

    def astype(self, dtype: Any, *, copy: bool = False) -> Tensor:
        """The values converted; the tensor itself if it has that dtype already, unless `copy`."""
        if self.dtype != dtype:
            return ops.astype(self, dtype)  # type: ignore[no-any-return]
        return ops.copy(self) if copy else self  # type: ignore[return-value]

    def copy(self, order: str = "C") -> Tensor:
        """The same values in memory of their own; gradients flow through."""
        return ops.copy(self, order)  # type: ignore[no-any-return]

    def fill(self, value: Any) -> None:
        """Write one number into all places, by the rules of `t[...] = value`."""
        self._check_writable("t.fill(v)", "t = np.full_like(t, v)", value)
        self._ndarray.fill(array_of(value))
        self.touch()

    # ---- linear algebra

    def dot(self, other: Any) -> Tensor:
        return ops.dot(self, other)  # type: ignore[no-any-return]

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        return ops.diagonal(self, offset=offset, axis1=axis1, axis2=axis2)  # type: ignore[no-any-return]

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        return ops.trace(self, offset=offset, axis1=axis1, axis2=axis2)  # type: ignore[no-any-return]

    # ---- shape

    def reshape(self, *shape: Any, order: str = "C") -> Tensor:
        """The same values in another shape, given as integers or one sequence; -1 stands for what is left."""
        return ops.reshape(self, shape[0] if len(shape) == 1 else shape, order)  # type: ignore[no-any-return]

    def ravel(self, order: str = "C") -> Tensor:
        return ops.ravel(self, order)  # type: ignore[no-any-return]

    def flatten(self, *, keep_batch: bool = True, sample_ndim: int | None = None) -> Tensor:
        """Merge axes into one (ndarray.flatten() is `ravel()`).

        With `sample_ndim=k` the last k axes; for 0 that is the tensor itself. Otherwise all but the first, the batch;
        all of them for `keep_batch=False`.

        Raises:
            ValueError: `sample_ndim` is negative or larger than the number of axes.
        """
        if sample_ndim == 0:
            return self  # type: ignore[return-value]
        return ops.flatten(self, keep_batch=keep_batch, sample_ndim=sample_ndim)  # type: ignore[no-any-return]

    def transpose(self, *axes: Any) -> Tensor:
        """The axes permuted, or reversed when none are given, as in NumPy."""
        order = axes[0] if len(axes) == 1 else axes or None
        return ops.transpose(self, (order,) if isinstance(order, int) else order)  # type: ignore[no-any-return]

    def general_transpose(self, order: Any) -> Tensor:
        """The axes in the order given."""
        return self.transpose(order)

    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        return ops.swapaxes(self, axis1, axis2)  # type: ignore[no-any-return]

    def squeeze(self, axis: Any = None, *, dim: Any = None) -> Tensor:
        """Without the axes of size 1, or those of `axis` (also called `dim`): an integer or several."""
        return ops.squeeze(self, axis if dim is None else dim)  # type: ignore[no-any-return]

    def unsqueeze(self, dim: Any) -> Tensor:
        """A new axis of size 1 at position `dim` of the result."""
        return ops.expand_dims(self, dim)  # type: ignore[no-any-return]

    # ---- not offered

    sort = NotOffered("ndarray.sort() works in place; np.sort(t) gives a new tensor")
    partition = NotOffered("ndarray.partition() works in place; np.partition(t, kth) gives a new tensor")
    resize = NotOffered("ndarray.resize() works in place; reshape, pad or np.resize(t, shape) give a new tensor")
    put = NotOffered("ndarray.put() works in place; t.at[indices].set(v) gives a new tensor")
    ptp = NotOffered("as in NumPy 2; write np.ptp(t), or t.max() - t.min()")
    view = NotOffered("reshape gives another shape, astype another dtype, t.numpy().view(dtype) the same bits")
    byteswap = NotOffered("t.numpy().byteswap() has other bytes")
    base = NotOffered("t.data.base is that of the array")
    setflags = NotOffered("t.data.setflags(...) sets those of the array")
    tofile = NotOffered("write t.numpy().tofile(file)")


def _either(op: Any, numpy: Any, settings: Any) -> Any:
    """NumPy's function where settings are given that the operation may lack: its protocol knows what to say."""
    return numpy if settings else op
