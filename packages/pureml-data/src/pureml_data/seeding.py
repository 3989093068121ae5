"""Random numbers of a batch that depend on its number alone, not on who reads it or what was read before."""

from __future__ import annotations

from typing import Any

import numpy as np
from pureml_core import Composite


def generators(*roots: Any) -> list[np.random.Generator]:
    """The random generators in datasets and transforms, each once, in an order that a copy shares.

    Looks into attributes, lists, tuples and dicts, and there into what is itself a dataset (has `__getitem__`), a
    transform (can be called) or a Composite.
    """
    found: list[np.random.Generator] = []
    seen: set[int] = set()
    stack = [vars(root) for root in reversed(roots) if _has_attributes(root)]
    while stack:
        holder: Any = stack.pop()
        if id(holder) in seen:
            continue
        seen.add(id(holder))
        inside = []
        for item in list(holder.values()) if isinstance(holder, dict) else holder:
            if isinstance(item, np.random.Generator):
                if id(item) not in seen:
                    seen.add(id(item))
                    found.append(item)
            elif isinstance(item, list | tuple | dict):
                inside.append(item)
            elif _has_attributes(item):
                inside.append(vars(item))
        stack.extend(reversed(inside))
    return found


def reseed(rngs: list[np.random.Generator], *seed: int) -> None:
    """Start every generator anew, each with a stream of its own."""
    for i, rng in enumerate(rngs):
        bits = rng.bit_generator
        bits.state = type(bits)(np.random.SeedSequence((*seed, i))).state


def _has_attributes(item: Any) -> bool:
    return (
        hasattr(item, "__dict__")
        and not isinstance(item, type)
        and (isinstance(item, Composite) or callable(item) or hasattr(type(item), "__getitem__"))
    )
