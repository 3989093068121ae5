"""What happens when an operation is called: arrays in, the body, its value out as Tensors, and a node in the history.

Every operation pays for this, so that the usual ones, of one and of two data arguments, have a caller of their own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

from .history import Node, Part, tick
from .mode import recording
from .tensor import Tensor, shared_counter

if TYPE_CHECKING:
    from .op import Op

# Data that a body receives as it is. Tensors give their arrays; anything else is made an array.
AS_IS = frozenset({np.ndarray, float, int, bool, complex, type(None)})

# Errors of a body that are raised again with the operation's name; others know better what they say.
EXPLAINED = (ValueError, TypeError, IndexError, np.exceptions.AxisError, np.linalg.LinAlgError)

MISSING = object()  # the default of an argument that has none

NO_SETTINGS: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})

_new = object.__new__


def caller(op: Op) -> Any:
    """What users call: the body of an operation, on Tensors."""
    body: Any = op.body
    optional = body.__defaults__ or ()  # of the last positional arguments, data and settings
    first = body.__code__.co_argcount - len(optional)
    defaults = tuple(MISSING if i < first else optional[i - first] for i in range(len(op.data)))
    if op.variadic or len(defaults) > 2 or any(default is not MISSING for default in defaults):
        return _general(op, body, defaults)
    if len(defaults) == 1:
        return _unary(op, body)
    return _general(op, body, defaults) if op.settings else _binary(op, body)


def _general(op: Op, body: Any, defaults: tuple[Any, ...]) -> Callable[..., Any]:
    """Any number of data arguments, some of them optional, and settings."""
    count = None if op.variadic else len(op.data)

    @functools.wraps(body)
    def call(*args: Any, **settings: Any) -> Any:
        if count is None or len(args) == count:
            data, positional = args, ()
        else:
            data, positional = args[:count], args[count:]
            if len(data) < count:
                data += defaults[len(data) :]
                if any(x is MISSING for x in data):
                    body(*args, **settings)  # raises the TypeError that names what is missing
        arrays = [x._ndarray if isinstance(x, Tensor) else x if x.__class__ in AS_IS else _plain(x) for x in data]
        try:
            result = body(*arrays, *positional, **settings) if positional or settings else body(*arrays)
        except EXPLAINED as error:
            _explain(error, op.name, arrays)
            raise
        if not data or result.__class__ is not tuple or len(result) != len(data) + 1:
            raise _miscounted(op.name, result, len(data))
        y, *vjps = result
        tracked = False
        for i, x in enumerate(data):
            if not (isinstance(x, Tensor) and x._requires_grad):
                vjps[i] = None
            elif vjps[i] is not None:
                tracked = True
        sources = tuple([(x._node or x) if isinstance(x, Tensor) else y for x, y in zip(data, arrays, strict=True)])
        return finish(
            op, y, data, arrays, sources, tuple(vjps) if tracked else None, _settings(op, positional, settings)
        )

    return call


def _unary(op: Op, body: Any) -> Callable[..., Any]:
    """One data argument, and settings."""

    @functools.wraps(body)
    def call(x: Any, /, *positional: Any, **settings: Any) -> Any:
        source, tracked = x, False
        array: Any
        if isinstance(x, Tensor):
            array = x._ndarray
            source = x._node or x
            tracked = x._requires_grad
        else:
            array = x if x.__class__ in AS_IS else _plain(x)
        try:
            result = body(array, *positional, **settings) if positional or settings else body(array)
        except EXPLAINED as error:
            _explain(error, op.name, (array,))
            raise
        if result.__class__ is not tuple or len(result) != 2:
            raise _miscounted(op.name, result, 1)
        y, vjp = result
        vjps = (vjp,) if tracked and vjp is not None else None
        given = _settings(op, positional, settings) if positional or settings else NO_SETTINGS
        return finish(op, y, (x,), (array,), (source,), vjps, given)

    return call


def _binary(op: Op, body: Any) -> Callable[..., Any]:
    """Two data arguments, and no settings."""

    @functools.wraps(body)
    def call(a: Any, b: Any, /) -> Any:
        a_tracked = b_tracked = False
        a_array: Any
        b_array: Any
        a_source: Any
        b_source: Any
        if isinstance(a, Tensor):
            a_array = a._ndarray
            a_source = a._node or a
            a_tracked = a._requires_grad
        else:
            a_source = a_array = a if a.__class__ in AS_IS else _plain(a)
        if isinstance(b, Tensor):
            b_array = b._ndarray
            b_source = b._node or b
            b_tracked = b._requires_grad
        else:
            b_source = b_array = b if b.__class__ in AS_IS else _plain(b)
        try:
            result = body(a_array, b_array)
        except EXPLAINED as error:
            _explain(error, op.name, (a_array, b_array))
            raise
        if result.__class__ is not tuple or len(result) != 3:
            raise _miscounted(op.name, result, 2)
        y, a_vjp, b_vjp = result
        if not a_tracked:
            a_vjp = None
        if not b_tracked:
            b_vjp = None
        vjps = None if a_vjp is None and b_vjp is None else (a_vjp, b_vjp)
        return finish(op, y, (a, b), (a_array, b_array), (a_source, b_source), vjps, NO_SETTINGS)

    return call


def finish(
    op: Op,
    y: Any,
    data: Sequence[Any],
    arrays: Sequence[Any],
    sources: tuple[Any, ...],
    vjps: tuple[Any, ...] | None,
    settings: tuple[tuple[Any, ...], dict[str, Any]],
) -> Any:
    """The Tensors of an operation's value, and its node in the history if it has VJPs that somebody needs.

    Args:
        data: its data arguments as given; `arrays` what the body got of them; `sources` where they come from.
    """
    enabled, observers, _ = recording()
    if vjps is not None and enabled:
        node = Node()
        node.op = op
        node.inputs = sources
        node.vjps = vjps
        node.settings = settings
        node.order = tick()
        node.watch = None
    else:
        node = None
    if y.__class__ is tuple:
        result: Any = _several(y, node, data)
    else:
        if y.__class__ is not np.ndarray:
            y = np.asarray(y)
            if y.dtype == object:
                raise TypeError(f"{op.name}: its value is {y!r:.80}; an op returns numbers or arrays of numbers")
        result = _new(Tensor)
        result._ndarray = y
        result._node = node
        result._grad = None
        result._changed = changed = (
            shared_counter(data, y)
            if y.base is not None or y is arrays[0] or y is arrays[-1] or len(arrays) > 2
            else [0]
        )
        if node is None:
            result._requires_grad = False
        else:
            result._requires_grad = True
            node.shape = y.shape
            node.dtype = y.dtype
            node.value = ref(y)
            node.changed = changed
    if observers:
        for observer in observers:
            observer.computed(op, data, y, node)
    return result


def _plain(x: Any) -> np.ndarray:
    """Data of another class as an array."""
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError("given a masked array, whose mask would be lost; give .filled(value) of it, and use where()")
    return np.asarray(x)


def _settings(op: Op, positional: tuple[Any, ...], settings: dict[str, Any]) -> tuple[Any, ...]:
    """The settings of a call, of which nothing may be tracked."""
    for value in (*positional, *settings.values()):
        if isinstance(value, Tensor) and value._requires_grad and recording()[0]:
            raise TypeError(
                f"{op.name}: given a tracked tensor of shape {value.shape} as a setting, which has no gradient; "
                "make it data, before the `/`, or give .detach() of it"
            )
    return positional, settings


def _several(values: tuple[Any, ...], node: Node | None, data: Sequence[Any]) -> tuple[Tensor, ...]:
    arrays = [np.asarray(y) for y in values]
    changed = shared_counter(data, *arrays)
    if node is None:
        return tuple(tracked_as(y, None, changed) for y in arrays)
    node.shape = tuple(y.shape for y in arrays)
    node.dtype = tuple(y.dtype for y in arrays)
    node.value = tuple(ref(y) for y in arrays)
    node.changed = changed
    return tuple(tracked_as(y, Part(node, i), changed) for i, y in enumerate(arrays))


def tracked_as(value: np.ndarray, target: Node | Part | None, changed: list[int]) -> Tensor:
    """A Tensor of `value` with a given history; the engine's way to make one."""
    t = _new(Tensor)
    t._ndarray = value
    t._node = target
    t._requires_grad = target is not None
    t._grad = None
    t._changed = changed
    return t


def _explain(error: Exception, name: str, arrays: Sequence[Any]) -> None:
    """Raise the error of a body again with the operation and the shapes it was given.

    Returns if the error knows better what it says. It is kept in no variable: it would be a cycle through a frame.
    """
    if error.__class__ in EXPLAINED and not str(error).startswith(f"{name}:"):
        shapes = ", ".join(str(x.shape) if isinstance(x, np.ndarray) else repr(x) for x in arrays)
        raise type(error)(f"{name}: given {shapes}: {error}") from error


def _miscounted(name: str, result: Any, count: int) -> TypeError:
    if result.__class__ is not tuple:
        return TypeError(
            f"{name}: an op returns (value, vjp, ...), one VJP for each data argument; given {result!r:.80}"
        )
    return TypeError(f"{name}: {len(result) - 1} VJPs for {count} data arguments; give None where no gradient exists")
