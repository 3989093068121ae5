"""Everything random that a computation can draw from, to be set back."""

from __future__ import annotations

import functools
import random
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from . import random as seeds
from .parameter import Buffer


class Randomness:
    """Everything random that a computation can draw from: the global states, and the generators that it reaches.

    Walks functions (closure, defaults, the globals they name), methods, partials, containers and the attributes of
    objects and classes, each once; but not containers of more than 1,000 items. Buffers of layers are remembered
    with the generators: they are state of the same kind.
    """

    def __init__(self, *roots: Any) -> None:
        self._generators: list[Any] = []
        self._buffers: list[Any] = []
        seen: set[int] = set()
        stack = list(roots)
        while stack:
            item = stack.pop()
            if id(item) in seen or isinstance(item, _ATOMS):
                continue
            seen.add(id(item))
            if isinstance(item, np.random.Generator | np.random.RandomState | random.Random):
                self._generators.append(item)
            elif isinstance(item, Buffer):
                self._buffers.append(item)
            else:
                stack += _held_by(item)

    def state(self) -> Any:
        """Where everything stands now, as copies."""
        generators = [g.getstate() if isinstance(g, random.Random) else _bits(g).state for g in self._generators]
        buffers = [b._ndarray.copy() for b in self._buffers]
        spawned = (seeds.sequence(), seeds.sequence().n_children_spawned)
        return generators, buffers, spawned, np.random.get_state(), random.getstate()  # noqa: NPY002 - the user's own draws

    def restore(self, state: Any) -> None:
        """Set everything to where it stood."""
        generators, buffers, (sequence, spawned), legacy, python = state
        for g, s in zip(self._generators, generators, strict=True):
            if isinstance(g, random.Random):
                g.setstate(s)
            else:
                _bits(g).state = s
        for b, values in zip(self._buffers, buffers, strict=True):
            b._ndarray[...] = values
        seeds._sequence = np.random.SeedSequence(
            sequence.entropy,
            spawn_key=sequence.spawn_key,
            pool_size=sequence.pool_size,
            n_children_spawned=spawned,
        )
        np.random.set_state(legacy)  # noqa: NPY002
        random.setstate(python)


SKIPPED = frozenset({"numpy", "pureml_core", "pureml_nn", "builtins"})  # what they draw from is in attributes
LONG = 1000  # a container of more items holds data, and no generators

_ATOMS = (type, ModuleType, str, bytes, int, float, complex, type(None), np.generic)


def _bits(g: Any) -> Any:
    return g.bit_generator if isinstance(g, np.random.Generator) else g._bit_generator


def _held_by(item: Any) -> list[Any]:
    """What an object gives access to."""
    if isinstance(item, dict):
        return list(item.values()) if len(item) <= LONG else []
    if isinstance(item, list | tuple | set | frozenset):
        return list(item) if len(item) <= LONG else []
    if isinstance(item, functools.partial):
        return [item.func, item.args, item.keywords]
    if isinstance(item, MethodType):
        return [item.__self__, item.__func__]
    if isinstance(item, FunctionType):
        if (item.__module__ or "").partition(".")[0] in SKIPPED:
            return []
        cells = [cell.cell_contents for cell in item.__closure__ or () if _is_filled(cell)]
        named = [item.__globals__[name] for name in _names(item.__code__) if name in item.__globals__]
        return [*cells, *named, item.__defaults__, item.__kwdefaults__]
    kinds = [c for c in type(item).__mro__ if c.__module__.partition(".")[0] not in SKIPPED]
    slots = [name for c in kinds for name in np.atleast_1d(getattr(c, "__slots__", ())) if hasattr(item, name)]
    own = [value for c in kinds for value in vars(c).values()]  # methods, and what they name
    return [*getattr(item, "__dict__", {}).values(), *(getattr(item, name) for name in slots), *own]


def _names(code: CodeType) -> set[str]:
    """The global names in a function's code, and in that of functions inside it."""
    inner = [_names(c) for c in code.co_consts if isinstance(c, CodeType)]
    return set(code.co_names).union(*inner)


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:  # not assigned yet
        return False
