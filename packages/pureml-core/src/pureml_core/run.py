"""One call of a function on tracked copies of its arguments, and the sweeps back through it."""

from __future__ import annotations

import inspect
import operator
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from .backward import facing, sweep
from .history import Node, Part, tick
from .mode import enable_grad, recording
from .op import alias
from .sparse import RowSparse
from .tensor import Tensor
from .tree import leaves, like, mapped, paths

Which: TypeAlias = int | str | Sequence[int | str]


def swept(ys: list[Tensor], xs: list[Tensor], seeds: Sequence[Any], keep_graph: bool, create_graph: bool) -> list[Any]:
    """The gradient of each x as VJPs see it, an array of its own or a tracked Tensor; zeros where nothing arrives."""
    targets = [x._node or x for x in xs]
    found = sweep([y._node or y for y in ys], seeds, targets, keep_graph=keep_graph, create_graph=create_graph)
    given: set[Any] = set()
    results = []
    for x, target in zip(xs, targets, strict=True):
        dx = found.get(target)
        if dx is None:
            dx = np.zeros(x.shape, x.dtype)
        elif isinstance(dx, RowSparse):
            dx = dx.dense()
        elif target in given and not isinstance(dx, Tensor):
            dx = dx.copy()  # the same tensor asked for twice
        given.add(target)
        results.append(dx)
    return results


@dataclass(frozen=True)
class _Place:
    """Where a chosen argument stands: its position, or its name."""

    key: int | str
    value: Any


class Run:
    """One call of a function on fresh tracked copies of the arguments to differentiate by.

    Attributes:
        y: the function's value, in its containers; `ys` its leaves, as Tensors.
        xs: the tracked copies.
        recorded: whether derivatives must be recorded in their turn: something else is tracked that they depend on.
        lasting: whether it is used later, when the caller may have written into what he gave and got.
    """

    def __init__(
        self, name: str, f: Callable[..., Any], args: Any, kwargs: Any, argnums: Which, *, lasting: bool = False
    ) -> None:
        self.lasting = lasting
        self.single = isinstance(argnums, str) or not isinstance(argnums, Sequence)
        keys: list[Any] = [argnums] if self.single else list(argnums)  # type: ignore[arg-type]
        if not all(isinstance(key, str) or hasattr(key, "__index__") for key in keys):
            raise TypeError(f"{name}: given argnums={argnums!r}, needed positions or names of arguments")
        keys = [key if isinstance(key, str) else operator.index(key) for key in keys]
        self.places = [_place(name, f, args, kwargs, key) for key in keys]
        if len({place.key for place in self.places}) < len(keys):
            raise ValueError(f"{name}: given argnums={argnums!r}, which names an argument twice")
        self.xs: list[Tensor] = []
        was = recording()[0]
        with enable_grad():
            args, kwargs = list(args), dict(kwargs)
            self.as_tensors = False
            for place in self.places:
                old = leaves(place.value)
                for x, path in zip(old, paths(place.value), strict=True):
                    if isinstance(x, Tensor):
                        self.as_tensors = True
                    self.xs.append(tracked_copy(x, f"{name}: argument {place.key!r}{path}", copy=lasting))
                new = like(place.value, iter(self.xs[len(self.xs) - len(old) :]))
                if isinstance(place.key, int):
                    args[place.key] = new
                else:
                    kwargs[place.key] = new
            start = tick()
            self.y = f(*args, **kwargs)
            self.ys = [_number(name, y) for y in leaves(self.y)]
        self.recorded = was and self._depends_on_others(start)

    def _depends_on_others(self, start: int) -> bool:
        """Whether anything tracked besides the copies leads to the value, or to the arguments that were copied.

        Leaves made since `start` are f's own business, such as the copies of a grad inside f.
        """
        ours = {x._node or x for x in self.xs}
        if any(x._node is not None for x in self.xs):
            return True
        seen: set[Any] = set()
        stack = [y._node or y for y in self.ys if y._requires_grad]
        while stack:
            target = stack.pop()
            target = target.node if isinstance(target, Part) else target
            if target in ours or target in seen:
                continue
            seen.add(target)
            if not isinstance(target, Node):
                if getattr(target, "_born", 0) < start:
                    return True
                continue
            if target.vjps is not None:
                stack += [x for x, vjp in zip(target.inputs, target.vjps, strict=True) if vjp is not None]
        return False

    def pull(self, seeds: Sequence[Any], *, keep_graph: bool = False, create_graph: bool = False) -> list[Any]:
        """The gradients of Σ seed · y by the copies, from seeds as VJPs see them, to gradients as users see them."""
        create_graph = create_graph or self.recorded
        pairs = [(y, g) for y, g in zip(self.ys, seeds, strict=True) if y._requires_grad]
        if not pairs:
            return [np.zeros(x.shape, x.dtype) for x in self.xs]
        if create_graph:
            pairs = [(y, g if isinstance(g, Tensor) else Tensor(g)) for y, g in pairs]
        ys, gs = zip(*pairs, strict=True)
        return [facing(dx) for dx in swept(list(ys), self.xs, gs, keep_graph, create_graph)]

    def value(self) -> Any:
        """The function's value for the caller: with its history only if it is part of a surrounding computation."""
        return mapped(self.outside, self.y)

    def outside(self, y: Any) -> Any:
        if self.recorded:
            return Tensor(y) if isinstance(y, np.ndarray) else y
        if isinstance(y, Tensor):
            y = Tensor(y, copy=True) if self.lasting else y.detach()
            return y if self.as_tensors else y._ndarray[()]
        return Tensor(y) if self.as_tensors and isinstance(y, np.ndarray) else y[()] if isinstance(y, np.ndarray) else y

    def result(self, dxs: Iterable[Any]) -> Any:
        """Gradients in the containers of the arguments."""
        new = iter([self.outside(dx) for dx in dxs])
        parts = tuple(like(place.value, new) for place in self.places)
        return parts[0] if self.single else parts


def _place(name: str, f: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], key: int | str) -> _Place:
    """Where the argument of that position or name was given."""
    if isinstance(key, str):
        if key in kwargs:
            return _Place(key, kwargs[key])
        try:
            parameters = inspect.signature(f).parameters
        except (TypeError, ValueError):
            parameters = {}  # type: ignore[assignment]
        names = list(parameters)
        if key in names and names.index(key) < len(args):
            return _Place(names.index(key), args[names.index(key)])
        if key in names and parameters[key].default is not inspect.Parameter.empty:
            return _Place(key, parameters[key].default)
        raise ValueError(f"{name}: no argument named {key!r} was given; given {len(args)} by position and {[*kwargs]}")
    if not -len(args) <= key < len(args):
        raise ValueError(f"{name}: no argument at position {key}; given {len(args)} by position and {[*kwargs]}")
    return _Place(key % len(args), args[key])


def _number(name: str, y: Any) -> Tensor:
    """A leaf of f's value as a Tensor."""
    if isinstance(y, Tensor):
        return y
    t = Tensor(y)
    if t.dtype.kind not in "biufc":
        raise TypeError(f"{name}: given a function that returns {y!r:.60}, needed numbers or arrays of numbers")
    warnings.warn(
        f"{name}: the function returned {type(y).__name__} {y!r:.60}, which does not depend on its arguments; was "
        "something cut by float(), or written into an ndarray? Build arrays by np.stack",
        stacklevel=4,
    )
    return t


def tracked_copy(x: Any, what: str = "argument", *, copy: bool = False) -> Tensor:
    """A tensor of its own to differentiate by: connected with x if x is tracked, a leaf otherwise."""
    if isinstance(x, Tensor) and x._requires_grad:
        with enable_grad():
            return alias(x)  # type: ignore[no-any-return]
    array = np.asarray(x._ndarray if isinstance(x, Tensor) else x)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"{what}: given {type(x).__name__} of dtype {array.dtype}; needed numbers to differentiate by")
    return Tensor(array, requires_grad=True, ensure_writable=False, copy=copy)


def matching(name: str, what: str, given: Any, structure: Any, tensors: Sequence[Tensor]) -> list[Any]:
    """The leaves of `given` as Tensors, checked against containers, shapes and dtypes; as VJPs see them for `g`."""
    found = leaves(given)
    if list(paths(given)) != list(paths(structure)):
        raise ValueError(f"{name}: {what} has the places {[*paths(given)]}, needed {[*paths(structure)]}")
    result = []
    for g, t, path in zip(found, tensors, paths(structure), strict=True):
        g = g if isinstance(g, Tensor) else Tensor(np.array(g))
        if g.shape != t.shape:
            raise ValueError(f"{name}: {what}{path} has shape {g.shape}, needed {t.shape}")
        if g.dtype.kind == "c" and t.dtype.kind != "c":
            raise TypeError(f"{name}: {what}{path} is complex, needed real numbers")
        g = g.astype(t.dtype)
        result.append(facing(g if g._requires_grad else g._ndarray) if what == "g" else g)
    return result


def inner(g: Any, t: Any) -> Any:
    """⟨g, t⟩ of a gradient and a direction: dL = Re(Σ conj(g) t)."""
    product = np.real(np.conjugate(g) * t) if t.dtype.kind == "c" else g * t
    return product.sum()
