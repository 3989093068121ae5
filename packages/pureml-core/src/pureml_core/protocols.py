"""NumPy meets a Tensor: its functions lead to operations, or are refused where they would cut the history."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .base import TensorBase
from .mode import recording
from .registry import NUMPY

# NumPy functions that write into their first argument.
WRITERS = frozenset({np.copyto, np.put, np.put_along_axis, np.place, np.putmask, np.fill_diagonal})


class Protocols(TensorBase):
    """NumPy's protocols."""

    __slots__ = ()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        self._refuse_cut("np.asarray")
        return np.array(self._data, dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        call = NUMPY.get(ufunc)
        if method == "__call__" and call is not None and "out" not in kwargs:
            return call(*inputs, **kwargs)
        out = kwargs.get("out", ())
        what = f"np.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}") + ("(out=)" if out else "")
        result = getattr(ufunc, method)(*_unwrapped(inputs, what), **_unwrapped(kwargs, what))
        _touch((*out, *(inputs[:1] if method == "at" else ())))
        if out:
            return out[0] if len(out) == 1 else out
        return self._wrapped(result, inputs)

    def __array_function__(self, func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        call = NUMPY.get(func)
        if call is not None:
            return call(*args, **kwargs)
        what = f"{func.__module__}.{func.__name__}".replace("numpy", "np")
        result = func(*_unwrapped(args, what), **_unwrapped(kwargs, what))
        _touch((kwargs.get("out"), *(args[:1] if func in WRITERS else ())))
        return kwargs["out"] if kwargs.get("out") is not None else self._wrapped(result, args)

    def _refuse_cut(self, what: str) -> None:
        if self._requires_grad and recording()[0]:
            raise TypeError(
                f"{what} would cut {self._described()} from its history: it has no gradient here; use .numpy() or "
                ".detach() to leave the history behind, or an operation of pureml_core"
            )

    def _wrapped(self, result: Any, args: Any) -> Any:
        """What a NumPy function without an op returned, as untracked Tensors where it is arrays."""
        if isinstance(result, np.ndarray | np.generic):
            t = self._plain(result)
            nested = [x for arg in args for x in (arg if isinstance(arg, tuple | list) else (arg,))]
            t._changed = shared_counter(nested, t._data)
            return t
        if result.__class__ in (tuple, list):
            return result.__class__(self._wrapped(part, args) for part in result)
        return result


def shared_counter(data: Iterable[Any], *values: np.ndarray) -> list[int]:
    """The change counter for values: that of the tensor whose memory they share, or a new one."""
    for x in data:
        if isinstance(x, TensorBase):
            for y in values:
                if x._data is y or (y.base is not None and np.may_share_memory(x._data, y)):
                    return x._changed
    return [0]


def _touch(written: Iterable[Any]) -> None:
    for t in written:
        if isinstance(t, TensorBase):
            t.touch()


def _unwrapped(x: Any, what: str) -> Any:
    """Nested arguments with the arrays of their tensors; a tracked one is refused."""
    if isinstance(x, TensorBase):
        x._refuse_cut(what)
        return x._data
    if isinstance(x, tuple | list):
        return type(x)(_unwrapped(item, what) for item in x)
    if isinstance(x, dict):
        return {key: _unwrapped(item, what) for key, item in x.items()}
    return x
