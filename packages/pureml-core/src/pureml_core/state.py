"""State: what an object must remember, as flat arrays and JSON values, and how it is found by walking.

Code holds structure, files hold arrays and literals. An object's tensors and generators are found through its
attributes, lists, tuples and dicts, under dotted names such as `blocks.0.W`; no class registers anything. Whoever
stores a State (see `Saved`) never learns what a layer is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, Protocol, Self, TypeAlias, runtime_checkable

import numpy as np

from .literals import JSON
from .literals import decode as decode
from .literals import encode as encode
from .literals import is_literal as is_literal
from .parameter import Buffer, Parameter
from .tensor import Tensor

Leaf: TypeAlias = "Tensor | np.random.Generator"

STORES = "pureml.state_store"  # entry points: objects with save(state, path, **settings) and load(path) -> State


@dataclass(frozen=True)
class State:
    """A snapshot of an object: copies, which its later life does not change.

    Attributes:
        kind: whose state, and which version of its layout: "pureml_nn.Affine/1".
        arrays: flat dotted names to arrays.
        literals: JSON values only (see `encode`).
    """

    kind: str
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    literals: dict[str, JSON] = field(default_factory=dict)


@runtime_checkable
class Stateful(Protocol):
    """Whatever can be saved: layers, optimizers, schedulers, loaders."""

    def state(self) -> State:
        """A snapshot: copies, detached from the object's future."""
        ...

    def restore(self, state: State, *, strict: bool = True) -> object:
        """Take a snapshot's values, all or nothing: kind, names and shapes are checked before anything is written."""
        ...


class StateMismatch(ValueError):
    """A state does not fit the object that should take it; `problems` lists every reason."""

    def __init__(self, owner: str, problems: list[str]) -> None:
        self.owner, self.problems = owner, problems
        shown = [*problems[:20], *([f"and {len(problems) - 20} more"] if len(problems) > 20 else [])]
        super().__init__(f"{owner}: the state does not fit and nothing was changed: {'; '.join(shown)}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.owner, self.problems)


def kind_of(obj: Any) -> str:
    """The kind of an object's State: its package, its class, and the version of its layout: "pureml_optim.Adam/1"."""
    return f"{type(obj).__module__.partition('.')[0]}.{type(obj).__name__}/1"


def check_kind(obj: Any, state: Any, *kinds: str) -> None:
    """Refuse to restore an object from what is no State, or from that of something else.

    Args:
        kinds: those that fit; without any, `kind_of(obj)`.

    Raises:
        TypeError: given no State.
        StateMismatch: (a ValueError) it is of another kind.
    """
    owner, kinds = type(obj).__name__, kinds or (kind_of(obj),)
    if not isinstance(state, State):
        raise TypeError(
            f"{owner}.restore: given a {type(state).__name__}, needed a State; load_state(path) takes one from a file"
        )
    if state.kind not in kinds:
        needed = " or ".join(map(repr, kinds))
        raise StateMismatch(owner, [f"given a state of {state.kind!r}, needed {needed}"])


# ---- walking


class Composite:
    """Marks a class whose attributes are walked for state. It adds nothing else."""


def named_tensors(obj: Any) -> Iterator[tuple[str, Leaf]]:
    """The state of an object: (dotted name, tensor or generator), each object once, under its first name.

    Walks the attributes of Composite objects, lists, tuples and dicts, and nothing else. Parameters, Buffers and
    `numpy.random.Generator`s count under every name; a plain leaf Tensor counts if it was created with
    `requires_grad=True`, unless it is kept in an attribute whose name starts with `_`: that is a cache.

    Raises:
        ValueError: two objects would have the same dotted name.
    """
    names: set[str] = set()
    found: set[int] = set()
    walked: set[tuple[int, bool]] = set()  # a list met as a cache may be met again in the open
    stack: list[tuple[str, Any, bool]] = [("", obj, False)]
    while stack:
        name, item, cached = stack.pop()
        if isinstance(item, Tensor | np.random.Generator):
            if id(item) in found or not _counts(item, cached):
                continue
            if name in names:
                raise ValueError(f"{type(obj).__name__}: two different objects have the name {name!r}; rename one")
            names.add(name)
            found.add(id(item))
            yield name, item
        elif (id(item), cached) not in walked:
            walked.add((id(item), cached))
            prefix = f"{name}." if name else ""
            inside = [(prefix + key, value, hidden) for key, value, hidden in _inside(item, cached)]
            stack.extend(reversed(inside))


def parameters(obj: Any) -> dict[str, Tensor]:
    """The trainable tensors of an object by dotted name, frozen ones included; see `named_tensors`."""
    return {name: t for name, t in named_tensors(obj) if isinstance(t, Tensor) and not isinstance(t, Buffer)}


def _counts(item: Leaf, cached: bool) -> bool:
    if isinstance(item, Parameter | Buffer | np.random.Generator):
        return True
    return not cached and item.is_leaf and bool(getattr(item, "_declared", False))


def _inside(item: Any, cached: bool) -> Iterator[tuple[str, Any, bool]]:
    """What an object holds: (name, value, whether it is kept in a cache)."""
    if isinstance(item, Composite):
        for key, value in list(vars(item).items()):
            yield key, value, key.startswith("_")
    elif isinstance(item, dict):
        for key, value in list(item.items()):
            yield str(key), value, cached
    elif isinstance(item, list | tuple):
        for i, value in enumerate(item):
            yield str(i), value, cached


# ---- collecting and restoring


def collect(obj: Any) -> tuple[dict[str, np.ndarray], dict[str, JSON]]:
    """Copies of the arrays of an object's tensors, and the states of its generators, by dotted name.

    A generator's state is what NumPy says it is, with integers as decimal strings (JSON readers round large ones)
    and its arrays, if any, among the arrays.

    Raises:
        ValueError: two objects would have the same dotted name.
    """
    arrays: dict[str, np.ndarray] = {}
    generators: dict[str, JSON] = {}
    for name, item in named_tensors(obj):
        if isinstance(item, Tensor):
            new = {name: item.data.copy()}
        else:
            generators[name], new = _packed(name, item.bit_generator.state)
        if clash := arrays.keys() & new.keys():
            raise ValueError(f"{type(obj).__name__}: two arrays have the name {min(clash)!r}; rename one")
        arrays |= new
    return arrays, generators


def restore_tensors(
    obj: Any, arrays: Mapping[str, np.ndarray], generators: Mapping[str, JSON], *, strict: bool = True
) -> list[str]:
    """Write what `collect` returned back into an object, in place: all of it, or nothing if something does not fit.

    Names, shapes, dtypes and generator states are checked before anything is written. Arrays are cast to their
    tensor's dtype within a kind (float64 to float32; not float to int), and never to infinity.

    Args:
        strict: with False, what does not fit is skipped.

    Returns:
        What was skipped, one line each; empty under `strict`.

    Raises:
        StateMismatch: (a ValueError) under `strict`; it lists everything missing, unexpected and misshapen.
    """
    problems: list[str] = []
    known: set[str] = set()
    tensors: list[tuple[Tensor, np.ndarray]] = []
    states: list[tuple[np.random.Generator, Any]] = []
    for name, item in named_tensors(obj):
        known.add(name)
        try:
            if isinstance(item, Tensor):
                tensors.append((item, _fitting(name, item.data, arrays)))
            else:
                own = item.bit_generator
                known |= _packed(name, own.state)[1].keys()
                states.append((item, _unpacked(name, own, arrays, generators)))
        except ValueError as problem:
            problems.append(str(problem))
    problems += [f"unexpected {name!r}" for name in [*arrays, *generators] if name not in known]
    if strict and problems:
        raise StateMismatch(type(obj).__name__, problems)
    for tensor, array in tensors:
        tensor.data[...] = array
        tensor.touch()
    for rng, state in states:
        rng.bit_generator.state = state
    return problems


def _fitting(name: str, old: np.ndarray, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """The array of that name, in the dtype of the one it replaces."""
    if name not in arrays:
        raise ValueError(f"missing {name!r}")
    new = np.asarray(arrays[name])
    if new.shape != old.shape:
        raise ValueError(f"{name!r} has shape {new.shape}, needed {old.shape}")
    if not np.can_cast(new.dtype, old.dtype, "same_kind"):
        raise ValueError(f"{name!r} has dtype {new.dtype}, needed {old.dtype}")
    if not old.flags.writeable:
        raise ValueError(f"{name!r} is read-only here")
    try:
        with np.errstate(over="raise"):
            cast = new.astype(old.dtype, copy=False)
    except FloatingPointError:
        raise ValueError(f"{name!r} has values beyond the range of {old.dtype}") from None
    if old.dtype.kind in "iu" and not np.array_equal(cast, new):
        raise ValueError(f"{name!r} has values beyond the range of {old.dtype}")
    return cast


def _packed(name: str, state: Any) -> tuple[JSON, dict[str, np.ndarray]]:
    """A bit generator's state as JSON (integers in decimal) and, by dotted name, the arrays in it."""
    if not isinstance(state, Mapping):
        return str(state), {}
    tree, arrays = {}, {}
    for key, value in state.items():
        if isinstance(value, np.ndarray):
            arrays[f"{name}.{key}"] = value.copy()
        else:
            tree[key], inner = _packed(f"{name}.{key}", value)
            arrays |= inner
    return tree, arrays


def _unpacked(
    name: str, own: np.random.BitGenerator, arrays: Mapping[str, np.ndarray], generators: Mapping[str, JSON]
) -> Any:
    """The state of that name in the form that `own` takes, tried on another bit generator of its class."""

    def like(path: str, mine: Any, given: Any) -> Any:
        if isinstance(mine, Mapping):
            if not isinstance(given, Mapping):
                raise ValueError(f"generator {path!r} is {given!r}, needed an object with {', '.join(mine)}")
            return {key: like(f"{path}.{key}", value, given.get(key)) for key, value in mine.items()}
        if isinstance(mine, np.ndarray):
            return _fitting(path, mine, arrays)
        if isinstance(mine, str):
            if given != mine:
                raise ValueError(f"generator {path!r} is {given!r}, needed {mine!r}")
            return given
        if not isinstance(given, str) or not given.isascii() or not given.isdecimal() or len(given) > 100:
            raise ValueError(f"generator {path!r} is {given!r}, needed a decimal number")
        return int(given)

    if name not in generators:
        raise ValueError(f"missing generator {name!r}")
    state = like(name, own.state, generators[name])
    try:
        type(own)().state = state
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"generator {name!r} has an impossible state: {error}") from error
    return state


# ---- files


class Saved:
    """Adds `save_state` and `load_state` to a Stateful class, through whichever package stores states."""

    def save_state(self: Stateful, pth: str | PathLike[str], **settings: Any) -> Any:
        """Write the state to a file; with pureml-io to `pth` with `.pureml.zip` appended, and returns that path.

        Args:
            settings: are passed on to the store; pureml-io knows `compression_level`.

        Raises:
            ImportError: no installed package stores states.
        """
        return Saved.write_state(self.state(), pth, **settings)

    def load_state(self, pth: str | PathLike[str], *, strict: bool = True) -> Self:
        """Take the state that `save_state` wrote to `pth`, all or nothing; returns the object itself.

        `restore(read_state(pth), strict=False)` returns what was skipped.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is damaged, or its state does not fit this object.
            ImportError: no installed package stores states.
        """
        self.restore(Saved.read_state(pth), strict=strict)  # type: ignore[attr-defined]
        return self

    @staticmethod
    def write_state(state: State, pth: str | PathLike[str], **settings: Any) -> Any:
        """Write a State to a file, as `save_state` does."""
        return _store().save(state, pth, **settings)

    @staticmethod
    def read_state(pth: str | PathLike[str]) -> State:
        """The State in a file, for whoever restores it with settings of its own."""
        state: State = _store().load(pth)
        return state


def _store() -> Any:
    from importlib.metadata import entry_points  # takes longer to import than all of this package

    found = {entry.value: entry for entry in entry_points(group=STORES)}
    if not found:
        raise ImportError("no installed package can store states; pip install pureml-io")
    if len(found) > 1:
        raise RuntimeError(
            f"several installed packages store states: {', '.join(sorted(found))}; uninstall all but one"
        )
    return next(iter(found.values())).load()
