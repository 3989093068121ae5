"""The backward sweep: from outputs to inputs in reverse order of recording, adding gradients up.

It knows arrays and histories and no single operation. The same text sweeps over arrays (for `.grad`) and, with
`create_graph`, over Tensors, whose own history makes the gradients differentiable again.

A *target* is where a gradient can go: a Node, a Part of one, or a leaf Tensor.

Complex numbers. Inside, the gradient g of a complex x = u + iv is ∂L/∂u - i ∂L/∂v, so that dL = Re(Σ g dx): then the
VJPs of all holomorphic operations read as for real numbers, without a conjugate (y = a b has dL/da = g b), and a real
input takes the real part. Outside, in `.grad`, seeds, hooks and results, it is the conjugate, ∂L/∂u + i ∂L/∂v, the
direction of steepest ascent, as in other libraries: `facing` turns one into the other.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from operator import attrgetter
from sys import getrefcount
from typing import Any

import numpy as np

from .base import TensorBase
from .history import Node, Part, changes, check_unchanged
from .mode import enable_grad, no_grad, recording
from .sparse import RowSparse

FREED = (
    "a backward sweep has already used and freed this part of the graph; "
    "give the first one keep_graph=True, or compute the value again"
)


def sweep(
    outputs: Iterable[Any],
    seeds: Iterable[Any],
    wanted: Iterable[Any] | None = None,
    *,
    keep_graph: bool = False,
    create_graph: bool = False,
    whole: bool = True,
) -> dict[Any, Any]:
    """{target: gradient of the sum of seed · output}, for the `wanted` targets that it reaches.

    Without `wanted`: for all leaves, and for the nodes that were asked to retain theirs. A gradient has its
    target's shape and dtype and is a writable array that nothing else shares (with `create_graph`, a Tensor).
    `whole=False` says that the wanted gradients are contributions to a surrounding sweep: their hooks wait for that.
    """
    outputs = list(outputs)
    gradient: dict[Any, Any] = {}  # what has reached a target so far
    heap: list[tuple[int, Node]] = []  # the nodes that a gradient has reached, the youngest on top
    reached: dict[Node, list[Part]] = {}  # of a node with several values: which of them
    recovered: dict[Node, Any] = {}  # values that had to be computed again
    kept = frozenset(wanted) if wanted is not None else frozenset()
    leading = _leading_to(outputs, kept, whole) if wanted is not None else None
    observers = recording()[1]
    ndarray = np.ndarray

    with enable_grad() if create_graph else no_grad():
        for target, seed in zip(outputs, seeds, strict=True):
            if target in gradient:
                gradient[target] = gradient[target] + seed
            else:
                gradient[target] = seed
                _push(heap, target, reached)

        while heap:
            node = heappop(heap)[1]
            if wanted is None and node.watch is None and not (reached and node in reached):
                dx = gradient.pop(node)
                g = (dx if dx.__class__ is not RowSparse else dx.dense(),)
            elif reached and node in reached:
                g = _one_per_value(node, {p.index: _arrived(p, gradient, kept, whole) for p in reached.pop(node)})
            else:
                g = (_arrived(node, gradient, kept, whole),)
            if leading is not None and node not in leading:
                continue
            vjps: Any = node.vjps
            if vjps is None:
                raise RuntimeError(f"{node.op.name}: {FREED}")
            if node.order <= changes.last:
                check_unchanged(node)
            if create_graph:
                vjps = node.op.replay(node, recovered)
            if observers:
                vjps = [_observed(node, i, vjp, observers) for i, vjp in enumerate(vjps)]
            for target, vjp in zip(node.inputs, vjps):  # noqa: B905 - as many as there are data arguments
                if vjp is None:
                    continue
                if leading is not None and target not in kept and _node_of(target) not in leading:
                    continue
                dx = vjp(*g)
                if dx.__class__ is not ndarray:
                    if dx is None:  # nothing flows here
                        continue
                    if not (dx.__class__ is RowSparse or (create_graph and hasattr(dx, "_ndarray"))):
                        dx = np.asarray(getattr(dx, "_ndarray", dx))
                if dx.shape != target.shape:
                    dx = sum_to(dx, target.shape, node.op.name)
                if dx.dtype is not target.dtype:
                    dx = _cast(dx, target.dtype, node.op.name)
                if target not in gradient:
                    gradient[target] = dx
                    if target.__class__ is Node:
                        heappush(heap, (-target.order, target))
                    elif target.__class__ is Part:
                        _push(heap, target, reached)
                elif create_graph or dx.__class__ is gradient[target].__class__ is RowSparse:
                    gradient[target] = gradient[target] + dx
                elif getrefcount(gradient[target]) == ALONE and _is_whole(gradient[target]):
                    if dx.__class__ is RowSparse:
                        dx.add_to(gradient[target])
                    else:
                        gradient[target] += dx
                else:
                    gradient[target] = np.asarray(gradient[target] + dx)
            if not (keep_graph or create_graph):
                node.vjps, node.inputs = None, ()
        dx = vjp = vjps = None  # they would share the last gradients
        g = (None,)

    for target in gradient:
        if whole or (wanted is not None and target not in kept):
            gradient[target] = through_leaf_hooks(gradient[target], target)
    if create_graph:  # a tracked Tensor can be shared, as it is only ever replaced by new ones; an array cannot
        return {t: dx if getattr(dx, "requires_grad", False) else _array_copy(dx) for t, dx in gradient.items()}
    for target in gradient:
        if not (getrefcount(gradient[target]) == ALONE and _is_whole(gradient[target])):
            gradient[target] = gradient[target].copy()
    return gradient


_accumulating = threading.Lock()  # two threads may add to the gradient of one parameter


def accumulate(found: dict[Any, Any]) -> None:
    """Add what a sweep has found to the gradients of leaves, and of tensors that retain theirs."""
    with _accumulating:
        for target, g in found.items():
            keeper, name = (target, "_grad") if isinstance(target, TensorBase) else (target.watch, "grad")
            old = getattr(keeper, name)
            g = facing(g)
            if isinstance(old, np.ndarray):
                if isinstance(g, RowSparse):
                    g.add_to(old)
                else:
                    old += g
            else:
                setattr(keeper, name, g if old is None else old + g)


def ancestors(t: Any) -> tuple[list[Node], list[Any]]:
    """The recorded operations and the tracked leaves that a tensor was computed from."""
    nodes: dict[Node, None] = {}
    leaves: dict[Any, None] = {}
    stack: list[Any] = [t._node or t]
    while stack:
        x = stack.pop()
        x = x.node if isinstance(x, Part) else x
        if isinstance(x, Node) and x not in nodes:
            nodes[x] = None
            stack += x.inputs
        elif isinstance(x, TensorBase) and x._requires_grad:
            leaves[x] = None
    return list(nodes), list(leaves)


def facing(g: Any) -> Any:
    """A gradient as users see it, from one as VJPs see it, and back: complex ones are conjugated."""
    if g.dtype.kind != "c":
        return g
    g = g.conjugate()
    return np.asarray(g) if isinstance(g, np.generic) else g


def sum_to(dx: Any, shape: tuple[int, ...], name: str) -> Any:
    """Sum a gradient over the axes that broadcasting has added or stretched, so that it has `shape`."""
    added = len(dx.shape) - len(shape)
    if added < 0 or any(n not in (1, m) for n, m in zip(shape, dx.shape[added:], strict=True)):
        raise ValueError(
            f"{name}: a VJP returned a gradient of shape {dx.shape} for an input of shape {shape}; it must have the "
            "input's shape, or one to which the input broadcasts"
        )
    stretched = [added + i for i, n in enumerate(shape) if n != dx.shape[added + i]]
    if not stretched and shape:
        return np.sum(dx, axis=tuple(range(added)))  # an array of its own, which a leaf can have without a copy
    return np.reshape(np.sum(dx, axis=(*range(added), *stretched), keepdims=True), shape)


def _cast(dx: Any, dtype: np.dtype[Any], name: str) -> Any:
    if dx.dtype.kind == "c" and dtype.kind == "f":
        dx = np.real(dx)  # dL = Re(Σ g dx), and dx is real
    if not np.can_cast(dx.dtype, dtype, "same_kind"):
        raise TypeError(
            f"{name}: a gradient of dtype {dx.dtype} cannot be kept by a tensor of dtype {dtype}; "
            "tensors that need gradients should be floating or complex: convert with astype()"
        )
    return dx.astype(dtype)


def _observed(node: Node, position: int, vjp: Any, observers: tuple[Any, ...]) -> Any:
    """A VJP that every observer may look at, the innermost first."""
    for observer in reversed(observers) if vjp is not None else ():
        vjp = _differentiating(observer, node, position, vjp)
    return vjp


def _differentiating(observer: Any, node: Node, position: int, vjp: Any) -> Any:
    return lambda *g: observer.differentiate(node, position, vjp, g)


class HookHandle:
    """What `register_hook` returns: `remove()` takes the hook away, also a second time."""

    _keys = itertools.count()

    def __init__(self, hooks: dict[int, Callable[[Any], Any]], hook: Callable[[Any], Any]) -> None:
        self._hooks = hooks
        self._key = next(self._keys)
        hooks[self._key] = hook

    def remove(self) -> None:
        self._hooks.pop(self._key, None)


def through_leaf_hooks(g: Any, target: Any) -> Any:
    """The whole gradient of a sweep after the hooks of its target, if that is a leaf and has some."""
    hooks = None if isinstance(target, Node | Part) else getattr(target, "_hooks", None)
    return _through_hooks(g, hooks, target) if hooks else g


def _arrived(target: Node | Part, gradient: dict[Any, Any], kept: frozenset[Any], whole: bool) -> Any:
    """The whole gradient of a target that its node is about to use: changed by hooks, kept if somebody wants it."""
    watch = target.watch
    if watch is not None and watch.hooks and (whole or target not in kept):
        gradient[target] = _through_hooks(gradient[target], watch.hooks, target)
    g = gradient[target] if target in kept or (watch is not None and watch.retain) else gradient.pop(target)
    return g.dense() if g.__class__ is RowSparse else g


def _through_hooks(g: Any, hooks: dict[int, Any], target: Any) -> Any:
    """A gradient after the hooks of a tensor: each is given it as users see it, and may return another one."""
    if g.__class__ is RowSparse:
        g = g.dense()
    for hook in list(hooks.values()):
        seen = facing(g)
        if seen.__class__ is np.ndarray:
            seen = seen.view()
            seen.flags.writeable = False
        replaced = hook(seen)
        if replaced is None:
            continue
        if not (hasattr(replaced, "_ndarray") and hasattr(g, "_ndarray")):
            replaced = np.asarray(getattr(replaced, "_ndarray", replaced))
        if replaced.shape != target.shape or not np.can_cast(replaced.dtype, target.dtype, "same_kind"):
            raise ValueError(
                f"hook {getattr(hook, '__name__', hook)!r}: returned a gradient of shape {replaced.shape}, dtype "
                f"{replaced.dtype}, needed {target.shape}, {target.dtype} like its tensor's; or return None to keep it"
            )
        g = facing(replaced.astype(target.dtype))
    return g


def _is_whole(dx: Any) -> bool:
    """Whether a gradient that one variable holds is nobody else's memory."""
    return dx.__class__ is np.ndarray and dx.base is None and dx.flags.writeable


def _array_copy(dx: Any) -> np.ndarray:
    return np.array(getattr(dx, "_ndarray", dx))


def _count_when_alone() -> int:
    gradient = {0: np.empty(0)}
    return getrefcount(gradient[0])


ALONE = _count_when_alone()  # what getrefcount says of an array that nothing but a dict holds


def _node_of(target: Any) -> Any:
    return target.node if target.__class__ is Part else target


def _push(heap: list[tuple[int, Node]], target: Any, reached: dict[Node, list[Part]]) -> None:
    if target.__class__ is Part:
        parts = reached.setdefault(target.node, [])
        parts.append(target)
        if len(parts) == 1:
            heappush(heap, (-target.order, target.node))
    elif target.__class__ is Node:
        heappush(heap, (-target.order, target))


def _one_per_value(node: Node, gradients: dict[int, Any]) -> tuple[Any, ...]:
    """The gradients of all values of a node: a read-only zero where none has arrived."""
    return tuple(
        gradients[i] if i in gradients else np.broadcast_to(np.zeros((), dtype), shape)
        for i, (shape, dtype) in enumerate(zip(node.shape, node.dtype, strict=True))
    )


def _leading_to(outputs: Iterable[Any], wanted: frozenset[Any], whole: bool) -> set[Node]:
    """The nodes through which gradients pass from outputs to wanted targets.

    Nothing that leads to a target is older than the target, so the search stops at the oldest one.
    """
    oldest = min((getattr(target, "order", 0) for target in wanted), default=0)
    nodes: set[Node] = set()
    ends = set() if whole else {_node_of(target) for target in wanted}  # what lies behind is the surrounding sweep's
    stack = [_node_of(target) for target in outputs]
    while stack:
        node = stack.pop()
        if node.__class__ is not Node or node.order <= oldest or node in nodes or node in ends:
            continue
        if node.vjps is None:
            raise RuntimeError(f"{node.op.name}: {FREED}")
        nodes.add(node)
        for x, vjp in zip(node.inputs, node.vjps):  # noqa: B905
            if vjp is not None:
                stack.append(x.node if x.__class__ is Part else x)
    leading: set[Node] = set()
    for node in sorted(nodes, key=attrgetter("order")):
        assert node.vjps is not None
        for x, vjp in zip(node.inputs, node.vjps):  # noqa: B905
            if vjp is not None and (x in wanted or (x.node if x.__class__ is Part else x) in leading):
                leading.add(node)
                break
    return leading
