"""Parameter and Buffer: the tensors that a model remembers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .dtype import default_dtype
from .tensor import Tensor


class Parameter(Tensor):
    """A leaf tensor that a model trains: state for ever, frozen or not.

    Floating data (and integers) take the default dtype, float32 unless set otherwise or given as `dtype`; complex data
    its complex counterpart, complex64. The values are copied, so that training never writes into an array of the
    caller's.
    """

    __slots__ = ()

    def __init__(self, data: Any, dtype: Any = None, *, requires_grad: bool = True) -> None:
        if dtype is None:
            dtype = np.result_type(default_dtype(), np.complex64) if np.iscomplexobj(data) else default_dtype()
        super().__init__(data, dtype=dtype, copy=True)
        if self.dtype.kind not in "fc":
            raise TypeError(f"Parameter: given dtype {self.dtype}; a parameter needs a floating dtype")
        self._declared = True
        self._requires_grad = bool(requires_grad)

    @classmethod
    def given(cls, value: Any, shape: tuple[int, ...], make: Callable[[], Any]) -> Tensor:
        """The parameter of a layer: a user's `value`, checked, or else what `make()` draws.

        Arrays are copied and keep their floating dtype. A Parameter, or a leaf that requires a gradient, is used as
        it is, so that two layers can share one weight.

        Raises:
            ValueError: `value` has another shape, or is a computed tensor.
        """
        if value is None:
            value = cls(make())
        elif isinstance(value, Tensor) and value._node is not None:
            raise ValueError(f"{value._described()}: a parameter must be a leaf; give .detach() of it")
        elif not (isinstance(value, cls) or (isinstance(value, Tensor) and value._requires_grad)):
            array = np.asarray(value._ndarray if isinstance(value, Tensor) else value)
            value = cls(array, dtype=array.dtype if array.dtype.kind == "f" else None)
        if value.shape != shape:
            raise ValueError(f"given a parameter of shape {value.shape}, needed {shape}")
        return value  # type: ignore[no-any-return]


class Buffer(Tensor):
    """State of a model that is not trained, such as a running mean. Its values are copied."""

    __slots__ = ()

    def __init__(self, data: Any, dtype: Any = None) -> None:
        super().__init__(data, dtype=dtype, copy=True)
