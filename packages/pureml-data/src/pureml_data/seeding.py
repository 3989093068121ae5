"""Random numbers of a batch that depend on its number alone, not on who reads it or what was read before."""

from __future__ import annotations

from functools import partial
from types import BuiltinMethodType, FunctionType, MethodType
from typing import Any

import numpy as np
from pureml_core import Composite


def generators(*roots: Any) -> list[np.random.Generator]:
    """The random generators inside datasets and transforms, each once, in an order that a copy shares.

    Looks into lists, tuples and dicts, into the attributes of what is a dataset (has `__getitem__`), a transform (can
    be called) or a Composite, and into what functions, methods and `partial` hold; not into their global names.
    """
    found: list[np.random.Generator] = []
    seen: set[int] = set()
    stack = [root for root in reversed(roots) if not isinstance(root, list | tuple | dict)]  # these hold samples
    while stack:
        item = stack.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, np.random.Generator):
            found.append(item)
        else:
            stack.extend([inner for inner in reversed(_inside(item)) if type(inner) not in _PLAIN])
    return found


def reseed(rngs: list[np.random.Generator], seed: int, *place: int) -> None:
    """Start every generator anew, each with a stream of its own, none of them that of `generator(seed)`."""
    for i, rng in enumerate(rngs):
        bits = rng.bit_generator
        bits.state = type(bits)(np.random.SeedSequence(seed, spawn_key=(*place, i))).state


_PLAIN = frozenset({str, bytes, int, float, bool, complex, type(None), np.ndarray, type})


def _inside(item: Any) -> list[Any]:
    if isinstance(item, dict):
        return list(item.values())
    if isinstance(item, list | tuple):
        return list(item)
    if isinstance(item, partial):
        return [item.func, *item.args, *item.keywords.values()]
    if isinstance(item, MethodType | BuiltinMethodType):
        return [item.__self__]
    if isinstance(item, FunctionType):
        return [value for cell in item.__closure__ or () for value in _content(cell)]
    reads = isinstance(item, Composite) or callable(item) or hasattr(type(item), "__getitem__")
    return list(vars(item).values()) if reads and hasattr(item, "__dict__") and not isinstance(item, type) else []


def _content(cell: Any) -> list[Any]:
    try:
        return [cell.cell_contents]
    except ValueError:  # a name that has no value yet
        return []
