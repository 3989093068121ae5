"""Checkpointing: recompute a function in the backward sweep instead of keeping what its gradient needs.

Chen, Xu, Zhang & Guestrin 2016, "Training deep nets with sublinear memory cost".
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar
from weakref import ref

from .backward import sweep
from .call import finish
from .history import tick
from .mode import Observer, enable_grad, no_grad, recording
from .op import Op, alias
from .randomness import Randomness
from .tensor import Tensor
from .tree import leaves, like

F = TypeVar("F", bound=Callable[..., Any])


def checkpoint(f: F) -> F:
    """The function f, of which only arguments and value are kept until the backward sweep.

    The sweep runs f once more, this time recorded, and goes back through it: one more forward computation for the
    memory of everything between arguments and value. Gradients flow to the arguments (Tensors, or lists, tuples and
    dicts of them) and to all tracked tensors that f uses besides, such as the parameters of a layer.

    Random numbers are the same both times: the generators that f reaches (through its arguments, closure, defaults,
    globals and attributes), the global seed sequence, and the global states of Python's `random` and of `numpy.random`
    are set back for the recomputation, and afterwards to where they were. The buffers of layers, which a second run
    would update once more, are put back too. Anything else that f changes, it changes twice.

    Args:
        f: a function or layer whose value is a Tensor, or a container of them. It must compute the same when it is
            called with the same arguments.

    >>> from pureml_core import Tensor, tanh
    >>> x = Tensor([0.0, 1.0], requires_grad=True)
    >>> y = checkpoint(lambda x: tanh(tanh(tanh(x))))(x)      # keeps x and y
    >>> y.sum().backward()
    >>> x.grad.round(3)
    array([1.   , 0.168])
    """
    name = f"checkpoint({getattr(f, '__name__', type(f).__name__)})"

    @functools.wraps(f, updated=())
    def call(*args: Any, **kwargs: Any) -> Any:
        if not recording()[0]:
            return f(*args, **kwargs)
        segment = _Segment(name, f, args, kwargs)
        value, reached = segment.first()
        return segment.record(value, reached)

    return call  # type: ignore[return-value]


class _Record(Op):
    """What the history knows of a call: the operation that stands for it.

    The segment itself is held by its VJPs alone, so that it goes with them when a sweep has passed.
    """

    def __init__(self, segment: _Segment) -> None:
        self.name = self.key = segment.name
        self.linear, self.definition, self.numpy = False, None, None
        self.segment = ref(segment)

    def replay(self, node: Any, recovered: Any) -> Sequence[Callable[..., Any] | None]:
        return self.segment().replay()  # type: ignore[union-attr]

    def body(self, *arrays: Any) -> Any:
        return self.segment().values(arrays)  # type: ignore[union-attr]


class _Segment:
    """One call of a checkpointed function, to be run again."""

    def __init__(self, name: str, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.name = name
        self.f = f
        items = leaves((args, kwargs))
        self.given = like((args, kwargs), iter(items))  # containers of our own: the caller may write into his
        self.tracked = [isinstance(x, Tensor) and x._requires_grad for x in items]
        self.arguments = [x for x, t in zip(items, self.tracked, strict=True) if t]
        self.others = [x for x, t in zip(items, self.tracked, strict=True) if isinstance(x, Tensor) and not t]
        self.randomness = Randomness((f, args, kwargs))
        self.start = self.randomness.state()

    def run(self, arguments: Sequence[Tensor]) -> list[Any]:
        """The value's leaves, with other Tensors in place of the tracked arguments."""
        new = iter(arguments)
        everything: Iterator[Any] = (
            next(new) if t else x for t, x in zip(self.tracked, leaves(self.given), strict=True)
        )
        args, kwargs = like(self.given, everything)
        self.value = self.f(*args, **kwargs)
        return leaves(self.value)

    def first(self) -> tuple[Any, list[Tensor]]:
        """The value, unrecorded, and the tracked tensors that f used besides its arguments.

        The arguments are given untracked: whatever is tracked where nothing is recorded comes from elsewhere.
        """
        with no_grad(), _Reached(tick()) as reached:
            self.run([x.detach() for x in self.arguments])
        value, self.value = self.value, None
        reached.computed(None, leaves(value), None, None)  # what f returns without computing with it
        return value, list(reached.tensors.values())

    def record(self, value: Any, reached: list[Tensor]) -> Any:
        """The value with its history: this segment, computed from arguments and from what f reached."""
        self.reached = reached
        self.inputs = [*self.arguments, *reached]
        outputs = leaves(value)
        self.floating = [isinstance(y, Tensor) and y.dtype.kind in "fc" for y in outputs]
        arrays = tuple(y._ndarray for y, counts in zip(outputs, self.floating, strict=True) if counts)
        if not self.inputs or not arrays:
            return value
        self.shapes = [y.shape for y in arrays]
        self.last: tuple[tuple[Any, ...], dict[int, Any]] = ((), {})
        data = [*self.inputs, *self.others]  # the others have no gradient, but must not change either
        vjps = (*[functools.partial(self.vjp, i) for i in range(len(self.inputs))], *[None] * len(self.others))
        sources = tuple(x._node or x for x in data)
        tensors = finish(
            _Record(self),
            arrays if len(arrays) > 1 else arrays[0],
            data,
            [x._ndarray for x in data],
            sources,
            vjps,
            ((), {}),
        )
        new = iter(tensors if isinstance(tensors, tuple) else (tensors,))
        return like(value, iter([next(new) if counts else y for y, counts in zip(outputs, self.floating, strict=True)]))

    def again(self, arguments: Sequence[Tensor]) -> list[Tensor]:
        """The floating Tensors of the value once more.

        Raises:
            RuntimeError: f returned something else this time.
        """
        ys = self.run(arguments)
        if len(ys) == len(self.floating):
            ys = [y for y, counts in zip(ys, self.floating, strict=True) if counts]
        shapes = [getattr(y, "shape", None) for y in ys]
        if shapes != self.shapes:
            raise RuntimeError(
                f"{self.name}: the recomputation returned values of shapes {shapes}, at first they were {self.shapes}; "
                "a checkpointed function must compute the same whenever it is called with the same arguments"
            )
        return ys

    def vjp(self, i: int, *g: Any) -> Any:
        """The gradient of input i: all of them come from one recomputation."""
        if i not in self.last[1] or any(a is not b for a, b in zip(self.last[0], g, strict=True)):
            copies = [Tensor(x, requires_grad=True, ensure_writable=False) for x in self.arguments]
            self.last = (g, dict(enumerate(self.back(copies, g, create_graph=False))))
        dx = self.last[1].pop(i)
        if not self.last[1]:
            self.last = ((), {})
        return dx

    def back(self, copies: list[Tensor], g: Sequence[Any], *, create_graph: bool) -> list[Any]:
        """Run f on copies of the arguments, recorded, and take g back to the copies and to what f reached."""
        now = self.randomness.state()
        self.randomness.restore(self.start)
        try:
            with enable_grad():
                ys = self.again(copies)
        finally:
            self.randomness.restore(now)
            self.value = None
        targets = [x._node or x for x in (*copies, *self.reached)]
        pairs = [(y._node or y, seed) for y, seed in zip(ys, g, strict=True) if y._requires_grad]
        outputs, seeds = zip(*pairs, strict=True) if pairs else ((), ())
        found = sweep(outputs, seeds, targets, create_graph=create_graph, whole=False)
        return [found.get(target) for target in targets]

    def replay(self) -> Sequence[Callable[..., Any] | None]:
        """VJPs that are recorded themselves, all from one recorded recomputation."""
        found: list[list[Any]] = []

        def vjp(i: int, *g: Any) -> Any:
            if not found:
                found.append(self.back([alias(x) for x in self.arguments], g, create_graph=True))
            return found[0][i]

        return [*[functools.partial(vjp, i) for i in range(len(self.inputs))], *[None] * len(self.others)]

    def values(self, arrays: Sequence[Any]) -> Any:
        """The value once more, for whoever needs it after it is gone."""
        now = self.randomness.state()
        self.randomness.restore(self.start)
        try:
            with no_grad():
                ys = self.again([Tensor(x, ensure_writable=False) for x in arrays[: len(self.arguments)]])
        finally:
            self.randomness.restore(now)
            self.value = None
        values = tuple(y._ndarray for y in ys)
        return (values if len(values) > 1 else values[0],)


class _Reached(Observer):
    """Collects the tracked tensors that operations are given, but for those made since `start`: f's own business."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.tensors: dict[int, Tensor] = {}

    def computed(self, op: Any, inputs: Any, value: Any, node: Any) -> None:
        for x in inputs:
            if (
                isinstance(x, Tensor)
                and x._requires_grad
                and (x._node.order if x._node else getattr(x, "_born", 0)) < self.start
            ):
                self.tensors[id(x)] = x
