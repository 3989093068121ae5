"""NumPy meets a Tensor: its functions lead to operations, or are refused where they would cut the history."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from .base import TensorBase, array_of
from .mode import recording
from .registry import NUMPY
from .remedies import remedy

# NumPy functions that write into their first argument.
WRITERS = frozenset({np.copyto, np.put, np.put_along_axis, np.place, np.putmask, np.fill_diagonal})

# Keywords that say nothing, as they stand where a caller passes all of them on.
SILENT = {"out": None, "dtype": None, "where": True, "casting": "same_kind", "order": "K", "subok": True}

# Methods of ufuncs that are functions of NumPy's, along axis 0 unless told otherwise.
ALONG_AXIS: dict[tuple[np.ufunc, str], Callable[..., Any]] = {
    (np.add, "reduce"): np.sum,
    (np.multiply, "reduce"): np.prod,
    (np.maximum, "reduce"): np.max,
    (np.minimum, "reduce"): np.min,
    (np.logical_and, "reduce"): np.all,
    (np.logical_or, "reduce"): np.any,
    (np.add, "accumulate"): np.cumsum,
    (np.multiply, "accumulate"): np.cumprod,
}


class Protocols(TensorBase):
    """NumPy's protocols, and DLPack."""

    __slots__ = ()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        self._refuse_cut("np.asarray")
        return np.array(self._ndarray, dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__":
            call = NUMPY.get(ufunc)
            if call is not None and not kwargs:
                return call(*inputs)
        else:
            call = _method(ufunc, method)
        kwargs = {key: value for key, value in kwargs.items() if not _is_silent(key, value)}
        f = ufunc if method == "__call__" else getattr(ufunc, method)
        out = kwargs.get("out", ())
        if call is not None and not out:
            return self._led(call, f, inputs, kwargs)
        written = (*out, *inputs[:1]) if method == "at" else out
        return self._plainly(f, inputs, kwargs, written, "out" if call is not None else None)

    def __array_function__(self, func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        call = NUMPY.get(func)
        if call is None:
            return self._plainly(func, args, kwargs, args[:1] if func in WRITERS else (kwargs.get("out"),))
        if not kwargs:
            try:
                return call(*args)
            except TypeError as error:
                if "positional argument" not in str(error):
                    raise
            named = inspect.signature(func).bind(*args).arguments  # more than the operation takes by position
            first, *names = named
            args, kwargs = (named[first],), {name: named[name] for name in names}
        return self._led(call, func, args, {key: x for key, x in kwargs.items() if not _is_silent(key, x)})

    def _led(self, call: Callable[..., Any], f: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """The operation `call` in place of NumPy's f, or f itself if it has a keyword that the operation lacks."""
        try:
            return call(*args, **kwargs)
        except TypeError as error:
            lacking = next((key for key in kwargs if f"unexpected keyword argument '{key}'" in str(error)), None)
            if lacking is None:
                raise
        return self._plainly(f, args, kwargs, (kwargs.get("out"),), lacking)

    def _plainly(
        self, f: Callable[..., Any], args: Any, kwargs: Any, written: Iterable[Any], lacking: str | None = None
    ) -> Any:
        """f on arrays, which has no gradient (at least with the keyword `lacking`): refused if a tensor is tracked."""
        for t in _tensors_in((args, kwargs)):
            if t._requires_grad and recording()[0]:
                name = _name(f)
                t._refuse_cut(f"{name}({lacking}=)" if lacking else name, remedy(name, lacking))
        result = f(*_arrays_of(args), **_arrays_of(kwargs))
        for x in written:
            if isinstance(x, TensorBase):
                x.touch()
        out = kwargs.get("out")
        if out is None:
            return self._wrapped(result, args)
        return out[0] if isinstance(out, tuple) and len(out) == 1 else out

    def _wrapped(self, result: Any, args: Any) -> Any:
        """What NumPy returned, as untracked Tensors where it is arrays."""
        if isinstance(result, np.ndarray | np.generic):
            t = self._plain(result)
            t._changed = shared_counter(_tensors_in(args), t._ndarray)
            return t
        if result.__class__ in (tuple, list):
            return result.__class__(self._wrapped(part, args) for part in result)
        return result

    def __dlpack__(self, **settings: Any) -> Any:
        self._refuse_cut("__dlpack__")
        return self._ndarray.__dlpack__(**settings)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._ndarray.__dlpack_device__()


def shared_counter(data: Iterable[Any], *values: np.ndarray) -> list[int]:
    """The change counter for values: that of the tensor whose memory they share, or a new one."""
    for x in data:
        if isinstance(x, TensorBase):
            for y in values:
                if x._ndarray is y or (y.base is not None and np.may_share_memory(x._ndarray, y)):
                    return x._changed
    return [0]


def _is_silent(key: str, value: Any) -> bool:
    return value is np._NoValue or (key in SILENT and value is SILENT[key])


def _method(ufunc: np.ufunc, method: str) -> Callable[..., Any] | None:
    """What a method of a ufunc is among the operations, if anything."""
    along: Any = ALONG_AXIS.get((ufunc, method))
    if along is not None:
        return lambda x, /, axis=0, **settings: along(x, axis=axis, **settings)
    if method == "outer" and ufunc.signature is None:
        return lambda a, b, /, **settings: ufunc(np.reshape(a, np.shape(a) + (1,) * np.ndim(b)), b, **settings)
    return None


def _name(f: Any) -> str:
    """A function of NumPy's, a ufunc, or a ufunc's method, as one writes it."""
    if isinstance(f, np.ufunc):
        return f"np.{f.__name__}"
    ufunc = getattr(f, "__self__", None)
    if isinstance(ufunc, np.ufunc):
        return f"np.{ufunc.__name__}.{f.__name__}"
    return f"{f.__module__}.{f.__name__}".replace("numpy", "np", 1)


def _tensors_in(x: Any) -> Iterator[TensorBase]:
    """All tensors in nested arguments."""
    if isinstance(x, TensorBase):
        yield x
    elif isinstance(x, tuple | list | dict):
        for item in x.values() if isinstance(x, dict) else x:
            yield from _tensors_in(item)


def _arrays_of(x: Any) -> Any:
    """Nested arguments with the arrays of their tensors."""
    if isinstance(x, tuple | list):
        return type(x)(_arrays_of(item) for item in x)
    if isinstance(x, dict):
        return {key: _arrays_of(item) for key, item in x.items()}
    return array_of(x)
