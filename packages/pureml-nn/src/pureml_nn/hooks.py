"""Functions that are called before and after a layer, without its class being changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from .layer import Layer


class Hooks:
    """The hooks of one layer. No container that is walked through, so that nothing in it is state.

    A copy of a layer, by deepcopy or pickle, has none: a function may be bound to what it looks at.
    """

    def __init__(self) -> None:
        self.before: dict[Handle, Callable[..., Any]] = {}
        self.after: dict[Handle, Callable[..., Any]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return type(None), ()

    def inputs(self, layer: Layer, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """What the hooks before a call make of its inputs, each of what the one before left."""
        for f in list(self.before.values()):
            replaced = f(layer, inputs)
            if replaced is not None:
                inputs = replaced if isinstance(replaced, tuple) else (replaced,)
        return inputs

    def output(self, layer: Layer, inputs: tuple[Any, ...], output: Any) -> Any:
        """What the hooks after a call make of its output, each of what the one before left."""
        for f in list(self.after.values()):
            replaced = f(layer, inputs, output)
            if replaced is not None:
                output = replaced
        return output


class Handle:
    """Of a registered hook: `remove()` ends it, once or more often; as a context manager, at the end of the block."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer

    def remove(self) -> None:
        hooks = self.layer._call_hooks
        if hooks is not None:
            hooks.before.pop(self, None)
            hooks.after.pop(self, None)
            if not hooks.before and not hooks.after:
                vars(self.layer).pop("_call_hooks")  # and calls are as quick as before

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def register(layer: Layer, f: Callable[..., Any], *, before: bool = False) -> Handle:
    """Have `f` called before or after every call of a layer.

    Raises:
        TypeError: `f` is no function.
    """
    if not callable(f):
        needed = "f(layer, inputs)" if before else "f(layer, inputs, output)"
        raise TypeError(f"{type(layer).__name__}: given the hook {f!r}, needed a function {needed}")
    hooks = vars(layer).get("_call_hooks")
    if hooks is None:
        hooks = vars(layer)["_call_hooks"] = Hooks()
    handle = Handle(layer)
    (hooks.before if before else hooks.after)[handle] = f
    return handle
