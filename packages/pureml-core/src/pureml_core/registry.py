"""What is differentiable: every op by its key, and by the NumPy function that leads to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec

if TYPE_CHECKING:
    from .op import Op

P = ParamSpec("P")
Bind = Callable[..., tuple[Sequence[Any], dict[str, Any]]]

OPS: dict[str, Op] = {}  # "pureml_core.ops.elementwise.exp" -> its record
COMPOSED: dict[str, Composed] = {}  # the same for functions that are made of ops and have no derivative of their own
NUMPY: dict[Callable[..., Any], Callable[..., Any]] = {}  # np.exp -> what to call when it meets a Tensor


@dataclass(frozen=True)
class Composed:
    """A function made of operations: its derivatives are theirs."""

    name: str
    key: str
    body: Callable[..., Any]
    numpy: Callable[..., Any] | None


def composed(*numpy: Callable[..., Any], bind: Bind | None = None) -> Callable[[Callable[P, Any]], Callable[P, Any]]:
    """Register a function that is made of operations, so that it is tested, documented, and found by NumPy's name.

    Args:
        numpy: the NumPy functions that lead here when they meet a Tensor.
        bind: a function of NumPy's arguments that returns (positional arguments, keywords) where they differ.
    """

    def enter(f: Callable[P, Any]) -> Callable[P, Any]:
        record = Composed(f.__name__, f"{f.__module__}.{f.__qualname__}", f, numpy[0] if numpy else None)
        f.op = record  # type: ignore[attr-defined]
        claim(record, COMPOSED, f, numpy, bind)
        return f

    return enter


def claim(
    record: Op | Composed, table: dict[str, Any], call: Any, numpy: Sequence[Callable[..., Any]], bind: Bind | None
) -> None:
    """Enter a record under its key, and its call under the NumPy functions that lead to it.

    In `__main__` and in notebooks, where a cell may run twice, a new definition replaces the old one.

    Raises:
        ValueError: the key, or one of the NumPy functions, is taken.
    """
    old = table.get(record.key)
    if old is not None and record.body.__module__ != "__main__":
        raise ValueError(f"there is an op {record.key} already; give this one another name")
    for f in numpy:
        bound = getattr(NUMPY.get(f), "op", None)
        if f in NUMPY and bound is not old and (bound is None or bound.key != record.key):
            raise ValueError(f"{record.key}: another op is bound to numpy.{f.__name__} already")
    table[record.key] = record
    for f in [f for f, other in NUMPY.items() if getattr(getattr(other, "op", None), "key", None) == record.key]:
        del NUMPY[f]
    for f in numpy:
        NUMPY[f] = call if bind is None else _bound(call, bind)


def _bound(call: Any, bind: Bind) -> Callable[..., Any]:
    """`call` with the arguments that NumPy's function takes."""

    def from_numpy(*args: Any, **kwargs: Any) -> Any:
        data, settings = bind(*args, **kwargs)
        return call(*data, **settings)

    from_numpy.op = call.op  # type: ignore[attr-defined]
    return from_numpy
