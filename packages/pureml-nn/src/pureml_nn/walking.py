"""Walking through a model: what is inside of it, and the precision in which it computes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
from pureml_core import Buffer, Composite, Parameter, Tensor

T = TypeVar("T")

CONTAINERS = (list, tuple)
ATOMS = frozenset({bool, int, float, str, type(None)})


class Layered(Composite):
    """What a layer is to those who only look at it; Layer is the class to inherit from."""

    training: bool


def named(root: Any, kind: type[T]) -> Iterator[tuple[str, T]]:
    """Every object of a kind inside another, itself included: (dotted name, object), each once, from the outside in."""
    found: set[int] = set()
    stack = [("", root)]
    while stack:
        name, item = stack.pop()
        inside = held(item)
        if inside is None or id(item) in found:
            continue
        found.add(id(item))
        if isinstance(item, kind):
            yield name, item
        stack += reversed([(f"{name}.{key}" if name else key, value) for key, value in inside])


def held(item: Any) -> list[tuple[str, Any]] | None:
    """What an object that is walked through holds, by name; None for any other."""
    if isinstance(item, Composite):
        return list(vars(item).items())
    if isinstance(item, dict):
        return [(str(key), value) for key, value in item.items()]
    if isinstance(item, CONTAINERS):
        return [(str(i), value) for i, value in enumerate(item)]
    return None


def dtype_of(item: Any, seen: set[int]) -> np.dtype[Any] | None:
    """The dtype of the first floating parameter inside, if there is one. Every call asks: it must be quick."""
    if isinstance(item, Tensor):
        counts = isinstance(item, Parameter) or (item.requires_grad and item.is_leaf and not isinstance(item, Buffer))
        return item.dtype if counts and item.dtype.kind == "f" else None
    if isinstance(item, Composite):
        inside: Any = vars(item).values()
    elif isinstance(item, dict):
        inside = item.values()
    elif isinstance(item, CONTAINERS):
        inside = item
    else:
        return None
    if id(item) not in seen:
        seen.add(id(item))
        for value in inside:
            if value.__class__ not in ATOMS:
                dtype = dtype_of(value, seen)
                if dtype is not None:
                    return dtype
    return None


def cast(x: Any, dtype: np.dtype[Any] | None) -> Any:
    """An input as a Tensor, in the layer's precision if it is floating."""
    if isinstance(x, np.ndarray):
        x = Tensor(x, ensure_writable=False)
    if dtype is None or not isinstance(x, Tensor) or x.dtype is dtype or x.dtype.kind != "f":
        return x
    return x.astype(dtype)
