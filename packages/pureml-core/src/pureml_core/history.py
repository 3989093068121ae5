"""The history of a tensor: one node for each recorded operation, and the clock that orders them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

if TYPE_CHECKING:
    from .op import Op

# One clock for everything that happens to arrays: recordings and counted changes. A node is older than the
# nodes that use its value, so reverse order of creation is a valid order for the backward sweep; and an
# array that changed after a node was made shows it by a later time.
tick: Callable[[], int] = itertools.count(1).__next__


class Watch:
    """What somebody asked to know of a gradient on its way, or of an operation; few nodes have one."""

    __slots__ = ("grad", "hooks", "inputs", "origin", "parts", "retain", "saved")

    def __init__(self) -> None:
        self.retain = False  # keep the gradient, in `grad`
        self.grad: Any = None
        self.hooks: dict[int, Callable[[Any], Any]] = {}  # called with the gradient; what they return replaces it
        self.parts: dict[int, Watch] = {}  # of a node with several values: those of its parts
        self.origin: Any = None  # of the anomaly mode: where it was computed, from which arrays,
        self.inputs: Any = ()
        self.saved: Any = ()  # and fingerprints of the arrays that its VJPs have kept


def watch(target: Any) -> Watch:
    """The Watch of a node or part, made if there is none."""
    if target.watch is None:
        target.watch = Watch()
    return target.watch  # type: ignore[no-any-return]


class Node:
    """One recorded operation. It holds where its inputs come from, not their arrays.

    The arrays that a gradient needs live in the VJPs' closures and go when the VJPs go. For an operation with
    several values, `shape`, `dtype` and `value` are tuples, and gradients are watched at the parts.
    """

    __slots__ = (
        "changed",  # [time of the last counted change] of the value's memory, shared with its views
        "dtype",
        "inputs",  # one per data argument: a Node or Part, a leaf Tensor, or a constant
        "op",
        "order",  # when it was recorded
        "settings",  # (positional, keyword) settings of the call, for running the body again
        "shape",
        "value",  # a weak reference to the array: alive as long as somebody else keeps it
        "vjps",  # one per data argument, None where nobody needs it; None altogether once freed
        "watch",  # a Watch, or None
    )

    op: Op
    inputs: tuple[Any, ...]
    vjps: tuple[Callable[..., Any] | None, ...] | None
    settings: tuple[tuple[Any, ...], dict[str, Any]]
    order: int
    shape: Any
    dtype: Any
    changed: list[int]
    value: Any
    watch: Watch | None

    def free(self) -> None:
        """Let go of everything that a gradient would have needed."""
        self.vjps = None
        self.inputs = ()


class Part:
    """One of the several values of a node: where `w` of `w, V = eigh(a)` comes from."""

    __slots__ = ("changed", "dtype", "index", "node", "order", "shape", "value")

    def __init__(self, node: Node, index: int) -> None:
        self.node = node
        self.index = index
        self.order = node.order
        self.shape: tuple[int, ...] = node.shape[index]
        self.dtype: np.dtype[Any] = node.dtype[index]
        self.changed = node.changed
        self.value: ref[np.ndarray] = node.value[index]

    @property
    def watch(self) -> Watch | None:
        """Kept with the node, since the same value may be met as another Part."""
        return None if self.node.watch is None else self.node.watch.parts.get(self.index)

    @watch.setter
    def watch(self, value: Watch) -> None:
        watch(self.node).parts[self.index] = value

    # Two parts are the same target if they are the same value of the same node.

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Part) and self.node is other.node and self.index == other.index

    def __hash__(self) -> int:
        return hash((id(self.node), self.index))


class _Changes:
    """When anything was last changed: lets the sweep skip the question for all nodes recorded later."""

    __slots__ = ("last", "lock")

    def __init__(self) -> None:
        self.last = 0
        self.lock = threading.Lock()


changes = _Changes()


def count_change(changed: list[int], *, shape: bool = False) -> None:
    """Note that the memory behind `changed` is being written to, or replaced by one of another shape."""
    with changes.lock:
        changed[0] = changes.last = tick()
        if shape:
            changed[1:] = [changed[0]]


def check_unchanged(node: Node, *, of_linear: bool = False) -> None:
    """Raise if an input or the value of a node was changed in place after the node was recorded.

    A linear node keeps neither, so that only another shape matters to it, or any change (`of_linear`) when its value
    is computed again.
    """
    if node.order > changes.last:
        return
    shape_only = node.op.linear and not of_linear
    for i, x in enumerate((*node.inputs, node)):
        changed: Any = getattr(x, "changed", None) or getattr(x, "_changed", (0,))
        if (changed[1] if len(changed) > 1 else 0) > node.order or (not shape_only and changed[0] > node.order):
            what = "its result" if x is node else f"its input {i}, of shape {x.shape},"
            raise RuntimeError(
                f"{node.op.name}: {what} was changed in place after {node.op.name} was computed, so that its gradient "
                "would be wrong; call backward() before the change, or change a copy"
            )
