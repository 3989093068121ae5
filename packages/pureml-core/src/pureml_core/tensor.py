"""Tensor: a NumPy-behaving array that remembers where it came from.

What it takes over from ndarray is in `operators`, `methods`, `conversion` and `protocols`. This file is what makes it
more than an array: the data and the count of their changes, the history, the gradient. That is one class, in one piece.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from .backward import HookHandle, accumulate, ancestors, facing, sweep
from .conversion import Conversion
from .history import Node, Part, count_change, tick, watch
from .methods import Methods
from .operators import Operators
from .protocols import Protocols, shared_counter
from .sparse import RowSparse

__all__ = ["Tensor", "shared_counter"]


class Tensor(Operators, Methods, Conversion, Protocols):
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

    __slots__ = (
        "__weakref__",
        "_born",
        "_changed",
        "_declared",
        "_grad",
        "_hooks",
        "_ndarray",
        "_node",
        "_requires_grad",
        "padding_idx",
    )

    _ndarray: np.ndarray
    _node: Node | Part | None
    _requires_grad: bool
    _grad: Any  # an array, RowSparse, or None
    _hooks: dict[int, Callable[[Any], Any]]  # of a leaf; those of a node are in its Watch
    _changed: list[int]
    _declared: bool
    _born: int  # when a leaf was made by hand, on the clock of the history
    padding_idx: int | None  # of a table with one, set by the layer: the row that optimizers leave alone

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
        source = data._ndarray if isinstance(data, Tensor) else data
        if isinstance(source, np.ma.MaskedArray):
            raise TypeError("Tensor: given a masked array, whose mask would be lost; give .filled(value) of it")
        array = np.array(source, dtype=dtype, copy=True if copy else None)
        if requires_grad:
            if array.dtype.kind not in "biufc":
                raise TypeError(f"Tensor: data of dtype {array.dtype} cannot require a gradient; give numbers")
            if array.dtype.kind in "biu" and dtype is None and coerce_float_if_grad:
                array = array.astype(np.float64)
        if ensure_writable and not array.flags.writeable:
            array = array.copy()
        self._ndarray = array
        self._node = None
        self._born = tick()
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
        return self._ndarray

    @data.setter
    def data(self, value: Any) -> None:
        if self._node is not None:
            raise RuntimeError(
                f"{self._described()}: .data of a computed tensor cannot be replaced, its history would no longer "
                "describe it; use .detach(), or compute a new tensor"
            )
        array = np.asarray(value._ndarray if isinstance(value, Tensor) else value)
        if self._requires_grad and array.dtype.kind not in "fc" and self._ndarray.dtype.kind in "fc":
            array = array.astype(self._ndarray.dtype)
        if self._grad is not None and self._grad.shape != array.shape:
            raise ValueError(
                f"{self._described()}: given .data of shape {array.shape}, while .grad has shape {self._grad.shape}; "
                "call zero_grad() first"
            )
        count_change(self._changed, shape=array.shape != self._ndarray.shape)
        shared = isinstance(value, Tensor) or not array.flags.writeable  # a tensor's changes are counted by itself
        self._ndarray = array.copy() if shared else array
        if self._grad is not None:
            self._grad = self._grad.astype(array.dtype)

    def touch(self) -> None:
        """Count a change: to be called after writing into `.data`."""
        count_change(self._changed)

    def _plain(self, array: Any) -> Tensor:
        """An array that was computed from this tensor's, without a history."""
        return Tensor(array, ensure_writable=False) if array is not NotImplemented else array

    def numpy(self, *, copy: bool = True, readonly: bool = False) -> np.ndarray:
        """The values as a NumPy array: a copy, or with `copy=False` the tensor's own memory.

        `readonly` clears the writeable flag of the result, so that shared memory cannot be written by mistake.
        """
        array = self._ndarray.copy() if copy else self._ndarray.view()
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
        if mode and self._ndarray.dtype.kind not in "biufc":
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
        """The gradient that `backward()` has added up: an array of this tensor's shape and dtype, or None.

        Of a complex x = u + iv it is ∂L/∂u + i ∂L/∂v, the direction of steepest ascent.
        """
        g = self._gradient
        if isinstance(g, RowSparse):
            g = self._gradient = g.dense()
        return g  # type: ignore[no-any-return]

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None and value is not self._gradient:
            value = value._ndarray if isinstance(value, Tensor) else value
            if not isinstance(value, RowSparse):
                value = np.asarray(value)
            if value.shape != self.shape:
                raise ValueError(f"{self._described()}: given a gradient of shape {value.shape}, needed {self.shape}")
            value = value.astype(self.dtype) if isinstance(value, RowSparse) else np.array(value, dtype=self.dtype)
        self._gradient = value

    @property
    def sparse_grad(self) -> RowSparse | None:
        """The gradient of a table as its touched rows, distinct and ascending, if nothing has made it dense yet.

        Picking rows, `table[rows]`, sends back a row-sparse gradient. Reading `.grad` makes it an array of the
        table's size; whoever can use rows alone asks here first.
        """
        g = self._gradient
        if not isinstance(g, RowSparse):
            return None
        g = self._gradient = g.coalesced()
        return g

    @property
    def _gradient(self) -> Any:
        """The gradient as it is kept: an array, row-sparse, or None."""
        return self._grad if self._node is None else self._node.watch.grad if self._node.watch is not None else None

    @_gradient.setter
    def _gradient(self, value: Any) -> None:
        if self._node is None:
            self._grad = value
        elif value is not None or self._node.watch is not None:
            watch(self._node).grad = value

    def zero_grad(self) -> None:
        """Forget the gradient: `.grad` is None afterwards."""
        self._gradient = None

    def retain_grad(self) -> Self:
        """Let `backward()` keep `.grad` of this computed tensor too; leaves keep theirs anyway."""
        if not self._requires_grad:
            raise RuntimeError(f"{self._described()} is not tracked and will have no gradient; use requires_grad_()")
        if self._node is not None:
            watch(self._node).retain = True
        return self

    def register_hook(self, hook: Callable[[Any], Any]) -> HookHandle:
        """Call `hook(gradient)` in every backward sweep that reaches this tensor, once, with the whole gradient.

        Args:
            hook: is given a read-only array of this tensor's shape and dtype (a Tensor where the sweep itself is
                recorded). What it returns, if not None, goes on in its place: clipped, scaled, masked. A leaf's
                `.grad` takes what the hook returned.

        Returns:
            A handle; `handle.remove()` takes the hook away.

        Raises:
            RuntimeError: this tensor is not tracked.
            ValueError: during `backward()`, if the hook returns another shape or kind of numbers.

        >>> x = Tensor([1.0, 2.0], requires_grad=True)
        >>> handle = x.register_hook(lambda g: g.clip(-1, 1))
        >>> (x * [0.5, 9.0]).sum().backward()
        >>> x.grad
        array([0.5, 1. ])
        """
        if not self._requires_grad:
            raise RuntimeError(f"{self._described()} is not tracked and will have no gradient; use requires_grad_()")
        if not callable(hook):
            raise TypeError(f"register_hook: given {hook!r:.60}, needed a function of the gradient")
        if self._node is not None:
            return HookHandle(watch(self._node).hooks, hook)
        if getattr(self, "_hooks", None) is None:
            self._hooks = {}
        return HookHandle(self._hooks, hook)

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
        nodes, leaves = ancestors(self)
        if any(node.vjps is None for node in nodes):
            raise RuntimeError(
                f"zero_grad_graph: the graph of {self._described()} was freed by a backward sweep and no longer knows "
                "its leaves; call zero_grad() of the optimizer, or backward(keep_graph=True)"
            )
        for x in (self, *leaves):
            x.zero_grad()
        for node in nodes:
            if node.watch is not None:
                node.watch.grad = None

    def detach_graph(self) -> None:
        """Leave the history behind and free it, for everything that this tensor was computed from; leaves stay."""
        for node in ancestors(self)[0]:
            node.free()
            node.watch = None
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
            seed = np.array(grad._ndarray if isinstance(grad, Tensor) else grad)
            if seed.dtype.kind == "c" and self.dtype.kind != "c":
                raise TypeError(f"backward: given a complex gradient, needed a real one for a tensor of {self.dtype}")
            seed = seed.astype(self.dtype)
            if seed.shape != self.shape:
                raise ValueError(
                    f"backward: given a gradient of shape {seed.shape}, needed this tensor's, {self.shape}"
                )
        found = sweep([self._node or self], [facing(seed)], keep_graph=keep_graph)
        accumulate(found)

    # ---- copies

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
        arrays = (self._ndarray, self._grad)
        if copy:
            arrays = (self._ndarray.copy(), None if self._grad is None else self._grad.copy())
        return (*arrays, self._requires_grad, getattr(self, "_declared", False), getattr(self, "padding_idx", None))

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._ndarray, self._grad, self._requires_grad, self._declared, self.padding_idx = state
        self._node = None
        self._changed = [0]
