"""Tensor: a NumPy-behaving array that remembers where it came from."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self

import numpy as np

from .backward import facing, sweep
from .history import Node, Part, count_change
from .mode import recording
from .operators import Operators, ops
from .registry import NUMPY

_accumulating = threading.Lock()  # two threads may add to the gradient of one parameter

# NumPy functions that write into their first argument.
WRITERS = frozenset({np.copyto, np.put, np.put_along_axis, np.place, np.putmask, np.fill_diagonal})


class Tensor(Operators):
    """An n-dimensional array with a history, for reverse-mode differentiation.

    It follows NumPy's rules for dtypes, broadcasting, indexing and names. An operation on a tensor that requires a
    gradient is recorded; `backward()` on the result then fills `.grad` of the leaves it was computed from.

    Args:
        data: an array, a number, nested sequences of numbers, or a Tensor (whose history is left behind). An array
            is shared, not copied, if it is writable and needs no conversion.
        requires_grad: record what is computed from this tensor, and let `backward()` fill its `.grad`.
        dtype: convert to this dtype.
        copy: never share memory with `data`.
        ensure_writable: copy a read-only array.
        coerce_float_if_grad: with `requires_grad` and no `dtype`, make integers and booleans float64.

    Raises:
        TypeError: `requires_grad` for data that are not numbers.

    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4., 6.])
    """

    __slots__ = ("__weakref__", "_changed", "_data", "_declared", "_grad", "_node", "_requires_grad")

    _data: np.ndarray
    _node: Node | Part | None
    _requires_grad: bool
    _grad: np.ndarray | None
    _changed: list[int]
    _declared: bool

    def __init__(
        self,
        data: Any,
        requires_grad: bool = False,
        *,
        dtype: Any = None,
        copy: bool = False,
        ensure_writable: bool = True,
        coerce_float_if_grad: bool = True,
    ) -> None:
        source = data._data if isinstance(data, Tensor) else data
        array = np.array(source, dtype=dtype, copy=True if copy else None)
        if requires_grad:
            if array.dtype.kind not in "biufc":
                raise TypeError(f"Tensor: data of dtype {array.dtype} cannot require a gradient; give numbers")
            if array.dtype.kind in "biu" and dtype is None and coerce_float_if_grad:
                array = array.astype(np.float64)
        if ensure_writable and not array.flags.writeable:
            array = array.copy()
        self._data = array
        self._node = None
        self._requires_grad = self._declared = bool(requires_grad)
        self._grad = None
        self._changed = data._changed if isinstance(data, Tensor) and np.may_share_memory(array, source) else [0]

    # ---- the array

    @property
    def data(self) -> np.ndarray:
        """The array itself. Assigning to `.data` counts as a change of the tensor's memory.

        Writing into it (`t.data[...] = x`) is not seen: call `t.touch()` afterwards, so that a backward sweep
        through something that was computed from the old values is refused instead of being wrong.
        """
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        if self._node is not None:
            raise RuntimeError(
                f"{self._described()}: .data of a computed tensor cannot be replaced, its history would no longer "
                "describe it; use .detach(), or compute a new tensor"
            )
        array = np.asarray(value._data if isinstance(value, Tensor) else value)
        if self._requires_grad and array.dtype.kind not in "fc" and self._data.dtype.kind in "fc":
            array = array.astype(self._data.dtype)
        if self._grad is not None and self._grad.shape != array.shape:
            raise ValueError(
                f"{self._described()}: given .data of shape {array.shape}, while .grad has shape {self._grad.shape}; "
                "call zero_grad() first"
            )
        count_change(self._changed, shape=array.shape != self._data.shape)
        self._data = array if array.flags.writeable else array.copy()
        if self._grad is not None:
            self._grad = self._grad.astype(array.dtype, copy=False)

    def touch(self) -> None:
        """Count a change: to be called after writing into `.data`."""
        count_change(self._changed)

    @property
    def shape(self) -> tuple[int, ...]:
        return self._data.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._data.dtype

    @property
    def ndim(self) -> int:
        return self._data.ndim

    @property
    def size(self) -> int:
        return self._data.size

    @property
    def nbytes(self) -> int:
        return self._data.nbytes

    @property
    def itemsize(self) -> int:
        return self._data.itemsize

    def numpy(self, *, copy: bool = True, readonly: bool = False) -> np.ndarray:
        """The values as a NumPy array: a copy, or with `copy=False` the tensor's own memory.

        `readonly` clears the writeable flag of the result, so that shared memory cannot be written by mistake.
        """
        array = self._data.copy() if copy else self._data.view()
        if readonly:
            array.flags.writeable = False
        return array

    # ---- the history and the gradient

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, mode: bool) -> None:
        self.requires_grad_(mode)

    def requires_grad_(self, mode: bool = True) -> Self:
        """Switch tracking of a leaf on or off, in place."""
        if self._node is not None:
            if mode:
                return self
            raise RuntimeError(f"{self._described()} was computed and stays tracked; use .detach() for one that is not")
        if mode and self._data.dtype.kind not in "biufc":
            raise TypeError(f"{self._described()} cannot require a gradient; give numbers")
        self._requires_grad = bool(mode)
        self._declared = getattr(self, "_declared", False) or self._requires_grad
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether this tensor was made by hand, not computed from tracked ones."""
        return self._node is None

    @property
    def grad(self) -> np.ndarray | None:
        """The gradient that `backward()` has added up: an array of this tensor's shape and dtype, or None."""
        return self._grad if self._node is None else self._node.grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None and value is not self.grad:
            value = np.asarray(value._data if isinstance(value, Tensor) else value)
            if value.shape != self.shape:
                raise ValueError(f"{self._described()}: given a gradient of shape {value.shape}, needed {self.shape}")
            value = np.array(value, dtype=self.dtype)
        if self._node is None:
            self._grad = value
        else:
            self._node.grad = value

    def zero_grad(self) -> None:
        """Forget the gradient: `.grad` is None afterwards."""
        self.grad = None

    def retain_grad(self) -> Self:
        """Let `backward()` keep `.grad` of this computed tensor too; leaves keep theirs anyway."""
        if not self._requires_grad:
            raise RuntimeError(f"{self._described()} is not tracked and will have no gradient; use requires_grad_()")
        if self._node is not None:
            self._node.retain = True
        return self

    def detach(self) -> Tensor:
        """The same values, sharing memory, without history."""
        return Tensor(self, ensure_writable=False)

    def detach_(self) -> Self:
        """Leave the history behind, in place: an untracked leaf without a gradient."""
        self._node = None
        self._requires_grad = False
        self._grad = None
        return self

    def zero_grad_graph(self) -> None:
        """Forget the gradients of this tensor and of everything it was computed from.

        Raises:
            RuntimeError: a backward sweep has freed the graph, so that its leaves are no longer known; call
                zero_grad() of the optimizer or model instead.
        """
        nodes, leaves = _ancestors(self)
        if any(node.vjps is None for node in nodes):
            raise RuntimeError(
                f"zero_grad_graph: the graph of {self._described()} was freed by a backward sweep and no longer knows "
                "its leaves; call zero_grad() of the optimizer, or backward(keep_graph=True)"
            )
        for x in (self, *leaves):
            x.zero_grad()
        for node in nodes:
            node.grad = None

    def detach_graph(self) -> None:
        """Leave the history behind and free it, for everything that this tensor was computed from; leaves stay."""
        for node in _ancestors(self)[0]:
            node.free()
            node.grad = None
        if self._node is not None:
            self.detach_()

    def backward(self, grad: Any = None, *, keep_graph: bool = False) -> None:
        """Add the gradient of this tensor to `.grad` of every leaf that it was computed from.

        Args:
            grad: the incoming gradient, of this tensor's shape; ones when None, also for non-scalars.
            keep_graph: keep the graph for another sweep, instead of freeing it on the way.

        Raises:
            RuntimeError: this tensor is untracked; the graph has been freed by an earlier sweep; or an array that
                a gradient depends on was changed in place since.
            ValueError: `grad` has another shape.
        """
        if not self._requires_grad:
            raise RuntimeError(
                f"backward: {self._described()} is not tracked: nothing it was computed from requires a gradient, or "
                "it was computed under no_grad; give Tensor(..., requires_grad=True) to what you want gradients of"
            )
        if grad is None:
            seed = np.ones(self.shape, self.dtype)
        else:
            seed = np.array(grad._data if isinstance(grad, Tensor) else grad, dtype=self.dtype)
            if seed.shape != self.shape:
                raise ValueError(
                    f"backward: given a gradient of shape {seed.shape}, needed this tensor's, {self.shape}"
                )
        found = sweep([self._node or self], [facing(seed)], keep_graph=keep_graph)
        with _accumulating:
            for target, g in found.items():
                g = facing(g)
                name = "_grad" if isinstance(target, Tensor) else "grad"
                old = getattr(target, name)
                if old is None:
                    setattr(target, name, g)
                else:
                    old += g

    # ---- NumPy meets a Tensor

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
        return _wrapped(result, inputs)

    def __array_function__(self, func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        call = NUMPY.get(func)
        if call is not None:
            return call(*args, **kwargs)
        what = f"{func.__module__}.{func.__name__}".replace("numpy", "np")
        result = func(*_unwrapped(args, what), **_unwrapped(kwargs, what))
        _touch((kwargs.get("out"), *(args[:1] if func in WRITERS else ())))
        return kwargs["out"] if kwargs.get("out") is not None else _wrapped(result, args)

    def _refuse_cut(self, what: str) -> None:
        if self._requires_grad and recording()[0]:
            raise TypeError(
                f"{what} would cut {self._described()} from its history: it has no gradient here; use .numpy() or "
                ".detach() to leave the history behind, or an operation of pureml_core"
            )

    # ---- operators without an op of their own, led by NumPy's protocol: untracked, or refused for a tracked tensor.

    def __floordiv__(self, other: Any) -> Tensor:
        return np.floor_divide(self, other)  # type: ignore[no-any-return]

    def __rfloordiv__(self, other: Any) -> Tensor:
        return np.floor_divide(other, self)  # type: ignore[no-any-return]

    def __mod__(self, other: Any) -> Tensor:
        return np.remainder(self, other)  # type: ignore[no-any-return]

    def __rmod__(self, other: Any) -> Tensor:
        return np.remainder(other, self)  # type: ignore[no-any-return]

    def __divmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return other // self, other % self

    def __and__(self, other: Any) -> Tensor:
        return np.bitwise_and(self, other)  # type: ignore[no-any-return]

    def __or__(self, other: Any) -> Tensor:
        return np.bitwise_or(self, other)  # type: ignore[no-any-return]

    def __xor__(self, other: Any) -> Tensor:
        return np.bitwise_xor(self, other)  # type: ignore[no-any-return]

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __invert__(self) -> Tensor:
        return np.invert(self)  # type: ignore[return-value]

    # ---- augmented assignment

    def __iadd__(self, other: Any) -> Tensor:
        return self._in_place(np.add, other)

    def __isub__(self, other: Any) -> Tensor:
        return self._in_place(np.subtract, other)

    def __imul__(self, other: Any) -> Tensor:
        return self._in_place(np.multiply, other)

    def __itruediv__(self, other: Any) -> Tensor:
        return self._in_place(np.divide, other)

    def __ipow__(self, other: Any) -> Tensor:
        return self._in_place(np.power, other)

    def __imatmul__(self, other: Any) -> Tensor:
        return self._in_place(np.matmul, other)

    def _in_place(self, ufunc: np.ufunc, other: Any) -> Tensor:
        """Augmented assignment: in place and counted where no history can be hurt, else a new tensor."""
        tracked = recording()[0] and (self._requires_grad or (isinstance(other, Tensor) and other._requires_grad))
        if self._node is not None or (tracked and not self._requires_grad):
            return NUMPY[ufunc](self, other)  # type: ignore[no-any-return]
        if tracked:
            raise RuntimeError(
                f"{self._described()} is a leaf that requires a gradient: changing it in place cannot be recorded; "
                "write it out (w = w + x), or change it under no_grad, as the optimizers do"
            )
        ufunc(self._data, other._data if isinstance(other, Tensor) else other, out=self._data)
        self.touch()
        return self

    # ---- comparison: elementwise and untracked; the hash is by identity

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Tensor:  # type: ignore[override]
        return _untracked(self._data == getattr(other, "_data", other))

    def __ne__(self, other: object) -> Tensor:  # type: ignore[override]
        return _untracked(self._data != getattr(other, "_data", other))

    def __lt__(self, other: Any) -> Tensor:
        return _untracked(self._data < getattr(other, "_data", other))

    def __le__(self, other: Any) -> Tensor:
        return _untracked(self._data <= getattr(other, "_data", other))

    def __gt__(self, other: Any) -> Tensor:
        return _untracked(self._data > getattr(other, "_data", other))

    def __ge__(self, other: Any) -> Tensor:
        return _untracked(self._data >= getattr(other, "_data", other))

    eq, ne, lt, le, gt, ge = __eq__, __ne__, __lt__, __le__, __gt__, __ge__

    # ---- explicit reads

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

    # ---- indexing

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d tensor; use .item() for its number")
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Tensor:
        return ops.getitem(self, plain_index(index, copy=self._requires_grad))  # type: ignore[no-any-return]

    def __setitem__(self, index: Any, value: Any) -> None:
        tracked = self._requires_grad or (isinstance(value, Tensor) and value._requires_grad)
        if self._node is not None or (tracked and recording()[0]):
            raise RuntimeError(
                f"{self._described()}: x[index] = value cannot be recorded; make a new tensor with "
                "where(mask, value, x), or write into a leaf under no_grad"
            )
        self._data[plain_index(index)] = value._data if isinstance(value, Tensor) else value
        self.touch()

    # ---- methods, named as in NumPy (more of them in Operators)

    @property
    def T(self) -> Tensor:
        """The last two axes swapped (ndarray.T reverses all axes); below two dimensions the tensor itself."""
        return self if self.ndim < 2 else ops.swapaxes(self, -1, -2)

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
        return self if self.dtype == dtype else ops.astype(self, dtype)

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        return _untracked(np.argmax(self._data, axis=axis, keepdims=keepdims))

    def argmin(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        return _untracked(np.argmin(self._data, axis=axis, keepdims=keepdims))

    def all(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return _untracked(np.all(self._data, axis=axis, keepdims=keepdims))

    def any(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return _untracked(np.any(self._data, axis=axis, keepdims=keepdims))

    # ---- text and copies

    def __repr__(self) -> str:
        values = np.array2string(self._data, separator=", ", prefix=f"{type(self).__name__}(")
        plain = self.dtype in ((np.float64,) if self.size == 0 else (np.float64, np.int64, np.bool_))
        notes = [] if plain else [f"dtype={self.dtype}"]
        if 0 in self.shape or self.size > np.get_printoptions()["threshold"]:  # not to be seen in the values
            notes.append(f"shape={self.shape}")
        if self._node is not None:
            notes.append(f"op={_node(self._node).op.name}")
        elif self._requires_grad:
            notes.append("requires_grad=True")
        return f"{type(self).__name__}({', '.join([values, *notes])})"

    def __str__(self) -> str:
        return str(self._data)

    def _described(self) -> str:
        origin = f", computed by {_node(self._node).op.name}" if self._node is not None else ""
        return f"{type(self).__name__} of shape {self.shape}, dtype {self.dtype}{origin}"

    def __copy__(self) -> Self:
        return self.__deepcopy__({})

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        if self._node is not None:
            raise RuntimeError(f"{self._described()}: a copy would lose its history; copy .detach() instead")
        new = object.__new__(type(self))
        new.__setstate__(self._leaf_state(copy=True))
        memo[id(self)] = new
        return new

    def __reduce_ex__(self, protocol: Any) -> Any:
        if self._node is not None:
            raise RuntimeError(f"{self._described()}: its history cannot be pickled; pickle .detach() instead")
        return object.__new__, (type(self),), self._leaf_state(copy=False)

    def _leaf_state(self, copy: bool) -> tuple[Any, ...]:
        arrays = (self._data, self._grad)
        if copy:
            arrays = (self._data.copy(), None if self._grad is None else self._grad.copy())
        return (*arrays, self._requires_grad, getattr(self, "_declared", False))

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._data, self._grad, self._requires_grad, self._declared = state
        self._node = None
        self._changed = [0]


def plain_index(index: Any, copy: bool = False) -> Any:
    """An index with the arrays of its Tensors; copies of all arrays, for who keeps it."""
    if isinstance(index, Tensor):
        index = index._data
    if isinstance(index, np.ndarray):
        return index.copy() if copy else index
    if isinstance(index, tuple | list):
        return type(index)(plain_index(i, copy) for i in index)
    return index


def _ancestors(t: Tensor) -> tuple[list[Node], list[Tensor]]:
    """The recorded operations and the tracked leaves that a tensor was computed from."""
    nodes: dict[Node, None] = {}
    leaves: dict[Tensor, None] = {}
    stack: list[Any] = [t._node or t]
    while stack:
        x = stack.pop()
        x = x.node if isinstance(x, Part) else x
        if isinstance(x, Node) and x not in nodes:
            nodes[x] = None
            stack += x.inputs
        elif isinstance(x, Tensor) and x._requires_grad:
            leaves[x] = None
    return list(nodes), list(leaves)


def shared_counter(data: Iterable[Any], *values: np.ndarray) -> list[int]:
    """The change counter for values: that of the tensor whose memory they share, or a new one."""
    for x in data:
        if isinstance(x, Tensor):
            for y in values:
                if x._data is y or (y.base is not None and np.may_share_memory(x._data, y)):
                    return x._changed
    return [0]


def _touch(written: Iterable[Any]) -> None:
    for t in written:
        if isinstance(t, Tensor):
            t.touch()


def _wrapped(result: Any, args: Any) -> Any:
    """What a NumPy function without an op returned, as untracked Tensors where it is arrays."""
    if isinstance(result, np.ndarray | np.generic):
        t = Tensor(result, ensure_writable=False)
        nested = [x for arg in args for x in (arg if isinstance(arg, tuple | list) else (arg,))]
        t._changed = shared_counter(nested, t._data)
        return t
    if result.__class__ in (tuple, list):
        return result.__class__(_wrapped(part, args) for part in result)
    return result


def _untracked(array: Any) -> Tensor:
    return Tensor(array) if array is not NotImplemented else array


def _node(target: Node | Part) -> Node:
    return target.node if isinstance(target, Part) else target


def _unwrapped(x: Any, what: str) -> Any:
    """Nested arguments with the arrays of their tensors; a tracked one is refused."""
    if isinstance(x, Tensor):
        x._refuse_cut(what)
        return x._data
    if isinstance(x, tuple | list):
        return type(x)(_unwrapped(item, what) for item in x)
    if isinstance(x, dict):
        return {key: _unwrapped(item, what) for key, item in x.items()}
    return x
