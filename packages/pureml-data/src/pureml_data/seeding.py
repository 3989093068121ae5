"""Random numbers of a batch that depend on its number alone, not on who reads it or what was read before."""

from __future__ import annotations

from functools import partial
from types import BuiltinMethodType, FunctionType, MethodType
from typing import Any

import numpy as np
from pureml_core import Composite, Tensor


def generators(*roots: Any) -> list[np.random.Generator]:
    """The random generators inside datasets and transforms, each once, in an order that a copy shares.

    Looks into lists, tuples and dicts, into the attributes of what is a dataset (has `__getitem__`), a transform (can
    be called) or a Composite, and into what functions, methods and `partial` hold, defaults included; not into their
    global names. Lists, tuples and dicts in one that has more than a thousand are taken for samples and left out.
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
            stack.extend(reversed(_promising(_inside(item))))
    return found


def reseed(rngs: list[np.random.Generator], seed: int, *place: int) -> None:
    """Start every generator anew, each with a stream of its own, none of them that of `generator(seed)`."""
    for i, rng in enumerate(rngs):
        bits = rng.bit_generator
        bits.state = type(bits)(np.random.SeedSequence(seed, spawn_key=(*place, i))).state


_PLAIN = (str, bytes, np.ndarray, np.generic, Tensor, type)


def _promising(items: list[Any]) -> list[Any]:
    """Those that are generators or may hold some, by their types alone: there may be millions of items."""
    one_of_each = {type(item): item for item in items}
    kinds = {kind for kind, item in one_of_each.items() if isinstance(item, np.random.Generator) or _reads(item)}
    if len(items) > 1000:
        kinds = {kind for kind in kinds if not issubclass(kind, list | tuple | dict)}
    return [item for item in items if type(item) in kinds] if kinds else []


def _reads(item: Any) -> bool:
    """Whether it is a dataset, a list of such, a transform or a Composite."""
    return not isinstance(item, _PLAIN) and (
        isinstance(item, Composite) or callable(item) or hasattr(type(item), "__getitem__")
    )


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
        enclosed = [value for cell in item.__closure__ or () for value in _content(cell)]
        return [*enclosed, *(item.__defaults__ or ()), *(item.__kwdefaults__ or {}).values()]
    return list(vars(item).values()) if _reads(item) and hasattr(item, "__dict__") else []


def _content(cell: Any) -> list[Any]:
    try:
        return [cell.cell_contents]
    except ValueError:  # a name that has no value yet
        return []
