"""Recording on and off: `no_grad`, `enable_grad`, per thread and per asyncio task."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, ClassVar, Self, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

# (is recording on, who observes operations, what it was before): the history of entered blocks is the value itself,
# so one object can be entered twice, in two threads, or as a decorator, and always leaves what it found.
_mode: ContextVar[tuple[bool, tuple[Any, ...], Any]] = ContextVar("pureml_core.recording", default=(True, (), None))
recording = _mode.get  # recording()[0], the engine's way to ask; recording()[1], whom to tell


def is_grad_enabled() -> bool:
    """Whether operations on tracked tensors are being recorded, here and now."""
    return _mode.get()[0]


def _leave(block: Any) -> None:
    before = _mode.get()[2]
    if before is None:
        raise RuntimeError(f"{type(block).__name__}: left without having been entered; use it by `with`")
    _mode.set(before)


class _Mode:
    """A context manager and a decorator, with parentheses or without; reusable and nestable."""

    enabled: ClassVar[bool]

    def __new__(cls, f: Callable[..., Any] | None = None) -> Any:
        mode = super().__new__(cls)
        return mode if f is None else mode(f)

    def __enter__(self) -> None:
        before = _mode.get()
        _mode.set((self.enabled, before[1], before))

    def __exit__(self, *exc: object) -> None:
        _leave(self)

    def __call__(self, f: F) -> F:
        if not callable(f):
            raise TypeError(f"{type(self).__name__}: given {f!r}, needed a function to decorate, or nothing")
        if inspect.isgeneratorfunction(f) or inspect.isasyncgenfunction(f):
            raise TypeError(
                f"{type(self).__name__} cannot decorate the generator function {f.__qualname__}: its caller would "
                f"share the mode between two items; write `with {type(self).__name__}():` inside it"
            )
        if inspect.iscoroutinefunction(f):

            @functools.wraps(f)
            async def wrapped(*args: Any, **kwargs: Any) -> Any:
                with self:
                    return await f(*args, **kwargs)
        else:

            @functools.wraps(f)
            def wrapped(*args: Any, **kwargs: Any) -> Any:
                with self:
                    return f(*args, **kwargs)

        return wrapped  # type: ignore[return-value]


class no_grad(_Mode):
    """Record nothing inside: `with no_grad(): ...` or, before a function, `@no_grad()` or `@no_grad`.

    Holds for the current thread or asyncio task only.

    >>> from pureml_core import Tensor
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> with no_grad():
    ...     print((x * x).requires_grad)
    False
    """

    enabled = False


class enable_grad(_Mode):
    """Record inside, also within a surrounding `no_grad`."""

    enabled = True


class Observer:
    """Is told of every operation while its block runs: `with MyObserver(): ...`, per thread and task, nestable.

    The base of the anomaly mode and of `checkpoint`. Both methods do nothing here.
    """

    def __enter__(self) -> Self:
        before = _mode.get()
        _mode.set((before[0], (*before[1], self), before))
        return self

    def __exit__(self, *exc: object) -> None:
        _leave(self)

    def computed(self, op: Any, inputs: Any, value: Any, node: Any) -> None:
        """An operation has given a value, an array or a tuple of them.

        Args:
            op: its record in the registry.
            inputs: its data arguments, as it was called: Tensors, arrays, numbers.
            node: its entry in the history, None if it was not recorded.
        """

    def differentiate(self, node: Any, position: int, vjp: Callable[..., Any], g: tuple[Any, ...]) -> Any:
        """Called instead of `vjp(*g)` for the input at `position` of a node in a backward sweep."""
        return vjp(*g)
