"""The one way to write an operation: a function that returns its value and, right under it, its VJPs.

    @op(numpy=np.exp)
    def exp(x, /):
        y = np.exp(x)
        return y, lambda g: g * y

Arguments before `/` are data, those after it settings. The engine takes arrays out of Tensors, records what somebody
will need a gradient of, and, when gradients must be differentiable themselves, runs the body once more on Tensors
(`Op.replay`), so that the VJPs it returns are recorded in their turn.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar, cast, overload
from weakref import ref

import numpy as np

from .backward import FREED, sweep
from .history import Node, Part, check_unchanged, tick
from .mode import recording
from .registry import OPS, Bind, claim
from .tensor import Tensor, shared_counter

F = TypeVar("F", bound=Callable[..., Any])

# Data that a body receives as it is. Tensors give their arrays; anything else is made an array.
AS_IS = frozenset({np.ndarray, float, int, bool, complex, type(None)})

# Errors of a body that are raised again with the operation's name; others know better what they say.
EXPLAINED = (ValueError, TypeError, IndexError, np.exceptions.AxisError, np.linalg.LinAlgError)

MISSING = object()  # the default of an argument that has none
VARIADIC = 0x04  # CO_VARARGS of a code object's flags: it has `*xs`

NO_SETTINGS: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})

# While a body is run again on Tensors: (its node, the values recovered so far).
_replayed: ContextVar[tuple[Node, dict[Node, Any]] | None] = ContextVar("pureml_core.replayed", default=None)


class Op:
    """What the engine and its tools know of an operation; `registry.OPS` holds one for each `@op`."""

    def __init__(
        self,
        body: Any,
        numpy: Callable[..., Any] | None = None,
        linear: bool = False,
        definition: Callable[..., Any] | None = None,
    ) -> None:
        self.body = body
        self.name = body.__name__
        self.key = f"{body.__module__}.{body.__qualname__}"
        self.numpy = numpy
        self.linear = linear
        self.definition = definition
        code = body.__code__
        self.variadic = bool(code.co_flags & VARIADIC)
        self.data = code.co_varnames[: code.co_posonlyargcount]  # the names of the arguments before `/`
        self.settings = code.co_varnames[len(self.data) : code.co_argcount + code.co_kwonlyargcount]
        if not self.data and not self.variadic:
            raise TypeError(f"{body.__qualname__}: an op takes its data before `/` or as `*xs`, and has none")
        self.call: Callable[..., Any] = body

    def replay(self, node: Node, recovered: dict[Node, Any]) -> Sequence[Callable[..., Any] | None]:
        """The VJPs of `node` once more, this time computing on Tensors and being recorded."""
        assert node.vjps is not None
        if self.linear:  # they use nothing but the incoming gradient: they can take a Tensor as they stand
            return node.vjps
        inputs = [
            _array_of(x, recovered) if vjp is None else x if isinstance(x, Tensor) else _alias_of(x, recovered)
            for x, vjp in zip(node.inputs, node.vjps, strict=True)
        ]
        positional, keyword = node.settings
        if self.definition is not None:
            return _vjps_of_definition(self.definition, inputs, node)
        token = _replayed.set((node, recovered))
        try:
            result = self.body(*inputs, *positional, **keyword)
        finally:
            _replayed.reset(token)
        return [again if vjp is not None else None for again, vjp in zip(result[1:], node.vjps, strict=True)]


@overload
def op(body: F) -> F: ...
@overload
def op(
    *,
    numpy: Callable[..., Any] | Sequence[Callable[..., Any]] | None = None,
    bind: Bind | None = None,
    linear: bool = False,
    definition: Callable[..., Any] | None = None,
) -> Callable[[F], F]: ...
def op(
    body: Any = None,
    *,
    numpy: Callable[..., Any] | Sequence[Callable[..., Any]] | None = None,
    bind: Bind | None = None,
    linear: bool = False,
    definition: Callable[..., Any] | None = None,
) -> Any:
    """Make a differentiable operation of a function that returns `(value, vjp, vjp, ...)`.

    The body gets arrays for its data arguments and returns its value, then for each data argument a function from the
    value's gradient to the argument's, or None. A tuple as value makes an operation of several values.

    Args:
        numpy: the NumPy function that leads here when it meets a Tensor, or several. Its arguments are bound by the
            body's own signature, or by `bind`, a function of NumPy's arguments that returns (data, settings).
        linear: the VJPs use neither inputs nor value. Nothing is kept for them and nothing need be run again.
        definition: a function of the same signature composed of other operations. Second derivatives use it.

    Raises:
        TypeError: the body has no data arguments.
        ValueError: its key `module.qualname`, or `numpy`, is taken (in `__main__` a key may be defined again).
    """
    if body is None:
        return lambda body: op(body, numpy=numpy, bind=bind, linear=linear, definition=definition)  # type: ignore[call-overload]

    aliases = () if numpy is None else (numpy,) if callable(numpy) else tuple(numpy)
    record = Op(body, aliases[0] if aliases else None, linear, definition)
    count = None if record.variadic else len(record.data)
    optional = body.__defaults__ or ()  # of the last positional arguments, data and settings
    first = body.__code__.co_argcount - len(optional)
    defaults = tuple(MISSING if i < first else optional[i - first] for i in range(len(record.data)))

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
        arrays = [x._data if isinstance(x, Tensor) else x if x.__class__ in AS_IS else np.asarray(x) for x in data]
        try:
            result = body(*arrays, *positional, **settings) if positional or settings else body(*arrays)
        except EXPLAINED as error:
            _explain(error, record.name, arrays)
            raise
        if result.__class__ is not tuple or len(result) != len(data) + 1:
            raise _miscounted(record.name, result, len(data))
        y, *vjps = result
        tracked = False
        for i, x in enumerate(data):
            if not (isinstance(x, Tensor) and x._requires_grad):
                vjps[i] = None
            elif vjps[i] is not None:
                tracked = True
        sources = tuple([(x._node or x) if isinstance(x, Tensor) else x for x in data]) if tracked else ()
        return finish(record, y, data, arrays, sources, tuple(vjps) if tracked else None, (positional, settings))

    @functools.wraps(body)
    def unary(x: Any, /, *positional: Any, **settings: Any) -> Any:
        source, tracked = x, False
        array: Any
        if isinstance(x, Tensor):
            array = x._data
            source = x._node or x
            tracked = x._requires_grad
        else:
            array = x if x.__class__ in AS_IS else np.asarray(x)
        try:
            result = body(array, *positional, **settings) if positional or settings else body(array)
        except EXPLAINED as error:
            _explain(error, record.name, (array,))
            raise
        if result.__class__ is not tuple or len(result) != 2:
            raise _miscounted(record.name, result, 1)
        y, vjp = result
        vjps = (vjp,) if tracked and vjp is not None else None
        given = (positional, settings) if positional or settings else NO_SETTINGS
        return finish(record, y, (x,), (array,), (source,), vjps, given)

    @functools.wraps(body)
    def binary(a: Any, b: Any, /) -> Any:
        a_source, b_source, a_tracked, b_tracked = a, b, False, False
        a_array: Any
        b_array: Any
        if isinstance(a, Tensor):
            a_array = a._data
            a_source = a._node or a
            a_tracked = a._requires_grad
        else:
            a_array = a if a.__class__ in AS_IS else np.asarray(a)
        if isinstance(b, Tensor):
            b_array = b._data
            b_source = b._node or b
            b_tracked = b._requires_grad
        else:
            b_array = b if b.__class__ in AS_IS else np.asarray(b)
        try:
            result = body(a_array, b_array)
        except EXPLAINED as error:
            _explain(error, record.name, (a_array, b_array))
            raise
        if result.__class__ is not tuple or len(result) != 3:
            raise _miscounted(record.name, result, 2)
        y, a_vjp, b_vjp = result
        if not a_tracked:
            a_vjp = None
        if not b_tracked:
            b_vjp = None
        vjps = None if a_vjp is None and b_vjp is None else (a_vjp, b_vjp)
        return finish(record, y, (a, b), (a_array, b_array), (a_source, b_source), vjps, NO_SETTINGS)

    if count == 1 and defaults[0] is MISSING:  # the usual ones, in fewer steps
        call = unary
    elif count == 2 and defaults[1] is MISSING and not record.settings:
        call = binary
    record.call = call
    call.op = record  # type: ignore[attr-defined]
    claim(record, OPS, call, aliases, bind)
    return call


_new = object.__new__


def kernel(f: F) -> F:
    """Mark array-only work inside a body (`out=`, writing into arrays, loops): it computes exactly the body's value.

    When the body is run again on Tensors, a kernel is not executed: the operation's recorded value stands for it.
    """

    @functools.wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        replayed = _replayed.get()
        if replayed is None or not any(isinstance(x, Tensor) for x in (*args, *kwargs.values())):
            return f(*args, **kwargs)
        node, recovered = replayed
        if isinstance(node.value, tuple):
            return tuple(_alias_of(Part(node, i), recovered) for i in range(len(node.value)))
        return _alias_of(node, recovered)

    return cast(F, call)


def tracked_as(value: np.ndarray, target: Node | Part | None, changed: list[int]) -> Tensor:
    """A Tensor of `value` with a given history; the engine's way to make one."""
    t = _new(Tensor)
    t._data = value
    t._node = target
    t._requires_grad = target is not None
    t._grad = None
    t._changed = changed
    return t


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
        result = _new(Tensor)
        result._data = y
        result._node = node
        result._grad = None
        result._changed = changed = (
            [0] if y.base is None and y is not arrays[0] and y is not arrays[-1] else shared_counter(data, y)
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


def _kept(x: Node | Part, recovered: dict[Node, Any]) -> np.ndarray | None:
    """The array of a node or part, if it still exists."""
    if isinstance(x, Part):
        return recovered[x.node][x.index] if x.node in recovered else x.value()
    return recovered[x] if x in recovered else x.value()  # type: ignore[no-any-return]


def _array_of(x: Any, recovered: dict[Node, Any]) -> Any:
    """The array of an input. If nobody has kept it, it is computed again from its own history."""
    if not isinstance(x, Node | Part):
        return getattr(x, "_data", x)
    stack = [x]
    while True:
        value = _kept(stack[-1], recovered)
        if value is not None:
            stack.pop()
            if not stack:
                return value
            continue
        node = stack[-1].node if isinstance(stack[-1], Part) else stack[-1]
        if node.vjps is None:
            raise RuntimeError(f"{node.op.name}: {FREED}")
        arrays = [_kept(x, recovered) if isinstance(x, Node | Part) else getattr(x, "_data", x) for x in node.inputs]
        missing = [x for x, a in zip(node.inputs, arrays, strict=True) if a is None and isinstance(x, Node | Part)]
        if missing:
            stack += missing
            continue
        check_unchanged(node, of_linear=True)
        positional, keyword = node.settings
        y = node.op.body(*arrays, *positional, **keyword)[0]
        recovered[node] = tuple(np.asarray(part) for part in y) if y.__class__ is tuple else np.asarray(y)


def _alias_of(x: Node | Part, recovered: dict[Node, Any]) -> Tensor:
    return tracked_as(_array_of(x, recovered), x, x.changed)


def _vjps_of_definition(definition: Callable[..., Any], inputs: list[Any], node: Node) -> list[Any]:
    """The VJPs of a composed function, differentiated back to an alias of each input and no further."""
    assert node.vjps is not None
    aliases = [x if vjp is None else alias(x) for x, vjp in zip(inputs, node.vjps, strict=True)]
    positional, keyword = node.settings
    y = definition(*aliases, *positional, **keyword)
    values = y if isinstance(y, tuple) else (y,)
    targets = [x._node if vjp is not None else None for x, vjp in zip(aliases, node.vjps, strict=True)]
    found: list[dict[Any, Any]] = []

    def gradients(*g: Any) -> dict[Any, Any]:
        if not found:
            pairs = [
                (value._node, seed)
                for value, seed in zip(values, g, strict=True)
                if isinstance(value, Tensor) and value._requires_grad
            ]
            outputs, seeds = zip(*pairs, strict=True) if pairs else ((), ())
            found.append(sweep(outputs, seeds, [t for t in targets if t is not None], create_graph=True))
        return found[0]

    return [None if target is None else lambda *g, target=target: gradients(*g).get(target) for target in targets]


@op(linear=True)
def alias(x: Any, /) -> Any:
    """The same value as a tensor of its own: gradients can be asked for at this one use of x."""
    return x, lambda g: g
