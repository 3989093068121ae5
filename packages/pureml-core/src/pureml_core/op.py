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
from typing import Any, ParamSpec, TypeVar, cast, overload

import numpy as np

from .backward import FREED, sweep
from .call import caller, tracked_as
from .history import Node, Part, check_unchanged
from .registry import OPS, Bind, claim
from .tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])
P = ParamSpec("P")  # an operation takes what its body takes, and returns Tensors or arrays where that returns VJPs too

VARIADIC = 0x04  # CO_VARARGS of a code object's flags: it has `*xs`

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
        if not hasattr(body, "__code__"):
            raise TypeError(f"op: given {body!r}, needed a function that is written in Python")
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
def op(body: Callable[P, Any]) -> Callable[P, Any]: ...
@overload
def op(
    *,
    numpy: Callable[..., Any] | Sequence[Callable[..., Any]] | None = None,
    bind: Bind | None = None,
    linear: bool = False,
    definition: Callable[..., Any] | None = None,
) -> Callable[[Callable[P, Any]], Callable[P, Any]]: ...
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
    if not all(callable(f) for f in aliases):
        raise TypeError(f"op: given numpy={numpy!r}, needed functions such as np.exp")
    record = Op(body, aliases[0] if aliases else None, linear, definition)
    record.call = call = caller(record)
    call.op = record
    claim(record, OPS, call, aliases, bind)
    return call


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


def _kept(x: Node | Part, recovered: dict[Node, Any]) -> np.ndarray | None:
    """The array of a node or part, if it still exists."""
    if isinstance(x, Part):
        return recovered[x.node][x.index] if x.node in recovered else x.value()
    return recovered[x] if x in recovered else x.value()  # type: ignore[no-any-return]


def _array_of(x: Any, recovered: dict[Node, Any]) -> Any:
    """The array of an input. If nobody has kept it, it is computed again from its own history."""
    if not isinstance(x, Node | Part):
        return getattr(x, "_ndarray", x)
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
        arrays = [_kept(x, recovered) if isinstance(x, Node | Part) else getattr(x, "_ndarray", x) for x in node.inputs]
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
