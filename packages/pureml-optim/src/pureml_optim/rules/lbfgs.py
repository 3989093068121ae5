"""L-BFGS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import accumulate
from math import inf, isfinite, nan, sqrt
from types import SimpleNamespace
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..blocks import Entry, Plan, blocks
from ..naming import Params
from ..optimizer import Optimizer
from ..settings import Check, between, one_of, whole


def _or_none(check: Check) -> Check:
    return lambda name, given: None if given is None else check(name, given)


class LBFGS(Optimizer):
    """Quasi-Newton steps for small problems without noise: curvature from the last moves (Liu & Nocedal 1989).

    d = −H g with an approximation H of the inverse Hessian that maps the last changes y of the gradient to the moves
    s that caused them (Nocedal & Wright 2006, algorithms 7.4 and 7.5), and w ← w + t·d with a length t found by trial.
    All parameters together are one vector, so there is one group. A step computes the loss several times:

        def closure():
            optim.zero_grad()
            loss = ...
            loss.backward()
            return loss

        loss = optim.step(closure)

    A parameter without a gradient counts as one whose gradient is zero. A trial at which the loss or the slope is not
    finite counts as too far.

    Args:
        model_params: see `Optimizer`; all of one dtype.
        lr: the first t that is tried, or without a line search the one that is used; the very first step is at most
            `lr` long (the sum of its absolute entries).
        history_size: pairs (s, y) kept, >= 1; 3 to 20 usually do. They take twice this many times the model's memory.
        max_iter: directions in a step, >= 1.
        max_eval: evaluations of the closure in a step, after which it ends; 1.25 · max_iter, at least 10, when None.
        tolerance_grad: >= 0; a step ends when no entry of the gradient is larger.
        tolerance_change: >= 0; a step ends when neither a weight nor the loss changes by more.
        line_search: "strong_wolfe" looks for a t with enough descent and a flat slope (`strong_wolfe`); "none" takes
            t = lr untried.
        maximize: climb instead.

    Raises:
        ValueError: there are several groups, or weight decay: it would not be part of the loss that is compared.
    """

    # An entry's `t` is 0 before the first direction, then 1 + the number of pairs so far. Pair i is in row
    # i % history_size.

    settings: ClassVar = {
        "history_size": whole(1),
        "max_iter": whole(1),
        "max_eval": _or_none(whole(1)),
        "tolerance_grad": between(0),
        "tolerance_change": between(0),
        "line_search": one_of("strong_wolfe", "none"),
    }
    history_size: int
    max_iter: int
    max_eval: int | None
    tolerance_grad: float
    tolerance_change: float
    line_search: str
    slots = ("s", "y", "moved", "g")  # pairs, the last move, and the gradient before it
    blocks = False

    def __init__(
        self,
        model_params: Params,
        lr: float = 1.0,
        *,
        history_size: int = 10,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        line_search: str = "strong_wolfe",
        **common: Any,
    ) -> None:
        own: dict[str, Any] = {
            "history_size": history_size,
            "max_iter": max_iter,
            "max_eval": max_eval,
            "line_search": line_search,
        }
        own |= {"tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change}
        super().__init__(model_params, lr, **own, **common)

    def slots_for(self, s: Mapping[str, Any]) -> Any:
        return {
            **dict.fromkeys(("s", "y"), lambda shape: (s["history_size"], *shape)),
            **dict.fromkeys(("moved", "g"), lambda shape: shape),
        }

    def add_group(self, params: Params, **own: Any) -> None:
        if self.groups:
            raise ValueError("LBFGS: given a second group; all parameters are one vector with one group's settings")
        super().add_group(params, **own)

    def _checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        settings = super()._checked(given)
        if settings.get("weight_decay"):
            raise ValueError(
                f"LBFGS: weight_decay: given {settings['weight_decay']}, needed 0; add the penalty to the closure's "
                "loss, 0.5 * weight_decay * (w * w).sum()"
            )
        return settings

    def step(self, closure: Callable[[], Any] | None = None) -> float:  # type: ignore[override]
        """Up to `max_iter` moves along as many directions.

        Args:
            closure: sets the gradients to zero, computes the loss, calls its `backward()` and returns it.

        Returns:
            The loss before the step.

        Raises:
            TypeError: there is no closure, or it does not return a number.
            ValueError: the loss or a gradient is not finite where it has to be; or no parameter has a gradient. The
                weights are then those of the last finite loss, as they are when the closure raises.
        """
        if closure is None:
            raise TypeError("LBFGS: step() needs a closure that sets gradients to zero, computes the loss, calls its "
                            "backward() and returns it")  # fmt: skip
        s = SimpleNamespace(**self.groups[0].settings)
        v = self._vector()
        evaluate = partial(v.evaluate, closure, s.maximize)
        f, g = evaluate()
        if not isfinite(f):
            raise ValueError("LBFGS: the loss or a gradient is not finite before the step; nothing was changed")
        before, limit = f, v.evaluations - 1 + (s.max_eval or max(10, s.max_iter * 5 // 4))
        for i in range(1, s.max_iter + 1):
            if largest(g) <= s.tolerance_grad:
                break
            t = s.lr if v.t else s.lr * min(1.0, 1 / float(np.abs(g).sum()))
            d = v.direction(g)
            start = end = Point(0.0, f, slope(g, d), g)
            if not -inf < start.slope < -s.tolerance_change:
                break
            x = v.read()
            along = partial(v.at, evaluate, x, d)
            try:
                if s.line_search == "strong_wolfe":
                    accuracy = s.tolerance_change / largest(d)
                    end = strong_wolfe(along, start, t, limit - v.evaluations, accuracy)
                elif i == s.max_iter:  # nobody would use the gradient
                    end = start._replace(t=t)
                elif isfinite((new := along(t)).f):
                    end = new
                else:
                    raise ValueError(f"LBFGS: the loss or a gradient is not finite after a step of {t:g}, which was "
                                     "taken back; lower lr, or use line_search='strong_wolfe'")  # fmt: skip
            finally:
                v.move(x, end.t * d)
            f, g = end.f, end.g
            if (
                v.evaluations >= limit
                or largest(v.moved) <= s.tolerance_change
                or abs(f - start.f) < s.tolerance_change
            ):
                break
        return -before if s.maximize else before

    def _vector(self) -> Vector:
        size, plan = self.groups[0].settings["history_size"], self._plan
        if not (isinstance(plan, Vector) and plan.holds(self._entries) and len(plan.s) == size):
            self._prepare(self._entries)
            self._plan = plan = Vector(self._entries, size)
        return plan

    def _slots_of(self, e: Entry) -> dict[str, np.ndarray]:
        slots, size = super()._slots_of(e), self.groups[0].settings["history_size"]
        return slots | {name: resized(slots[name], size, e.t - 1) for name in ("s", "y") if len(slots[name]) != size}


class Point(NamedTuple):
    """A trial: the length t, and there the loss, its slope along the direction, and the gradient."""

    t: float
    f: float
    slope: float
    g: np.ndarray


class Vector(Plan):
    """All parameters laid end to end, and with them their slots, of which every entry has its view."""

    def __init__(self, entries: list[Entry], history_size: int) -> None:
        dtypes = sorted({str(e.tensor.dtype) for e in entries})
        if len(dtypes) > 1:
            raise ValueError(f"LBFGS: given parameters of {' and '.join(dtypes)}, needed one dtype for one vector")
        self.entries, self.data = entries, [e.tensor.data for e in entries]
        self.kinds = [type(e.g) for e in entries]
        if len({e.t for e in entries}) > 1:  # restored in part: pairs of the whole vector there are none
            self._count(0)
        ends = accumulate(a.size for a in self.data)
        self.parts = [slice(end - a.size, end) for end, a in zip(ends, self.data, strict=True)]
        self.s, self.y = self._joined("s", history_size), self._joined("y", history_size)
        self.moved, self.g = self._joined("moved"), self._joined("g")
        self.sy = [float(s @ y) for s, y in zip(self.s[: self.pairs], self.y, strict=False)]
        self.evaluations = 0

    def _joined(self, slot: str, *rows: int) -> np.ndarray:
        joined = np.zeros((*rows, self.parts[-1].stop), self.data[0].dtype)
        for e, part in zip(self.entries, self.parts, strict=True):
            view = joined[..., part].reshape((*rows, *e.tensor.shape))
            if self.t:
                view[...] = e.slots[slot]
            e.slots[slot] = view
        return joined

    @property
    def t(self) -> int:
        return self.entries[0].t

    def _count(self, t: int) -> None:
        for e in self.entries:
            e.t = t

    @property
    def pairs(self) -> int:
        """The number of pairs so far, of which the last `history_size` are kept."""
        return max(self.t - 1, 0)

    def read(self) -> np.ndarray:
        return np.concatenate(self.data, axis=None)

    def write(self, x: np.ndarray) -> None:
        for e, data, part in zip(self.entries, self.data, self.parts, strict=True):
            data[...] = x[part].reshape(data.shape)
            e.tensor.touch()

    def evaluate(self, closure: Callable[[], Any], maximize: bool) -> tuple[float, np.ndarray]:
        """The loss to be made small and its gradient; the loss is inf if either of them is not finite."""
        self.evaluations += 1
        loss = closure()
        if loss is None:
            raise TypeError("LBFGS: the closure returned None; return the loss")
        f, grads = float(loss), [e.tensor.grad for e in self.entries]
        if all(grad is None for grad in grads):
            raise ValueError("LBFGS: no parameter has a gradient; call the loss's backward() in the closure")
        g = np.zeros_like(self.g)
        for grad, part in zip(grads, self.parts, strict=True):
            if grad is not None:
                g[part] = grad.reshape(-1)
        if maximize:
            f = -f
            np.negative(g, out=g)
        return (f if isfinite(f) and isfinite(largest(g)) else inf), g

    def at(self, evaluate: Callable[[], tuple[float, np.ndarray]], x: np.ndarray, d: np.ndarray, t: float) -> Point:
        """The trial at x + t·d."""
        with np.errstate(over="ignore"):
            self.write(x + t * d)
        f, g = evaluate()
        return Point(t, f, slope(g, d), g)

    def move(self, x: np.ndarray, moved: np.ndarray) -> None:
        with np.errstate(over="ignore"):
            self.write(x + moved)
        self.moved[...] = moved

    @np.errstate(all="ignore")
    def direction(self, g: np.ndarray) -> np.ndarray:
        """−H g, with the last move as the newest pair, if the slope rose along it: H stays positive definite."""
        size = len(self.s)
        y = g - self.g
        sy, row = float(self.moved @ y), self.pairs % size
        if sy > 1e-10:
            self.s[row], self.y[row] = self.moved, y
            self.sy[row : row + 1] = [sy]
        self._count(max(self.t, 1) + (sy > 1e-10))
        self.moved[...], self.g[...] = 0, g
        rows = [i % size for i in range(max(self.pairs - size, 0), self.pairs)]  # from the oldest
        rows = [i for i in rows if self.sy[i] > 0]
        d, a = -g, dict.fromkeys(rows, 0.0)
        for i in reversed(rows):
            a[i] = float(self.s[i] @ d) / self.sy[i]
            add(d, -a[i], self.y[i])
        if rows:
            newest = rows[-1]
            d *= self.sy[newest] / float(self.y[newest] @ self.y[newest])  # the first guess of H: sᵀy / yᵀy
        for i in rows:
            add(d, a[i] - float(self.y[i] @ d) / self.sy[i], self.s[i])
        return d


def strong_wolfe(along: Callable[[float], Point], start: Point, t: float, trials: int, accuracy: float) -> Point:
    """A point that is enough lower than `start`, by 1e-4 of its slope, and 0.1 flatter (the strong Wolfe conditions).

    First t grows until a good point lies between two trials, then the space between them shrinks about it (Nocedal &
    Wright 2006, algorithms 3.5 and 3.6). Each next t is the minimum of a cubic through two points and their slopes.

    Args:
        along: makes a trial.
        start: the point at t = 0; its slope is negative.
        t: tried first.
        trials: how many may follow the first; the lowest point is taken then.
        accuracy: the difference of two t that does not matter.
    """

    def high_up(p: Point) -> bool:
        return p.f > start.f + 1e-4 * p.t * start.slope

    def flat(p: Point) -> bool:
        return abs(p.slope) <= -0.9 * start.slope

    last, new = start, along(t)
    for tried in range(trials):
        if high_up(new) or (tried > 1 and new.f >= last.f):
            break
        if flat(new):
            return new
        if new.slope >= 0:
            break
        t = cubic_minimum(last, new, new.t + 0.01 * (new.t - last.t), 10 * new.t)
        last, new = new, along(t)
    else:
        return lower(start, new)[0]

    low, high = (last, new) if high_up(new) else lower(last, new)  # low goes down enough
    close = False  # whether t came near an end: not twice
    for _ in range(tried, trials):
        a, b = sorted((low.t, high.t))
        if b - a < accuracy:
            break
        t, margin = cubic_minimum(low, high, a, b), 0.1 * (b - a)
        near = min(b - t, t - a) < margin
        if near and (close or not a < t < b):
            t, near = (b - margin if b - t < t - a else a + margin), False
        close, new = near, along(t)
        if high_up(new) or new.f >= low.f:
            high = new
        elif flat(new):
            return new
        else:
            low, high = new, low if new.slope * (high.t - low.t) >= 0 else high
    return low


def lower(p: Point, q: Point) -> tuple[Point, Point]:
    """The lower of two points, then the other."""
    return (p, q) if p.f <= q.f else (q, p)


def cubic_minimum(p: Point, q: Point, least: float, most: float) -> float:
    """Where the cubic through two points with their slopes is lowest, within bounds (Nocedal & Wright 2006, 3.59).

    The middle of the bounds, if it has no minimum.
    """
    p, q = (p, q) if p.t <= q.t else (q, p)
    width = q.t - p.t
    if width > 0:
        h = p.slope + q.slope - 3 * (q.f - p.f) / width
        square = h * h - p.slope * q.slope
        root = sqrt(square) if square >= 0 else nan
        bend = q.slope - p.slope + 2 * root
        t = q.t - width * (q.slope + root - h) / bend if bend else nan
        if isfinite(t):
            return min(max(t, least), most)
    return (least + most) / 2


def resized(history: np.ndarray, size: int, pairs: int) -> np.ndarray:
    """The last of `pairs` pairs in the rows that they have in a history of another size; zeros where none are left."""
    new = np.zeros((size, *history.shape[1:]), history.dtype)
    for i in range(max(pairs - min(size, len(history)), 0), pairs):
        new[i % size] = history[i % len(history)]
    return new


@np.errstate(all="ignore")
def slope(g: np.ndarray, d: np.ndarray) -> float:
    """How steeply the loss rises along d; not finite where that is beyond the range of the dtype."""
    return float(g @ d)


def add(d: np.ndarray, a: float, x: np.ndarray) -> None:
    """d ← d + a·x, block by block: the product does not leave the cache."""
    for here in blocks(d.size):
        d[here] += a * x[here]


def largest(a: np.ndarray) -> float:
    """The largest |entry|; 0 of none."""
    return float(np.abs(a).max(initial=0))
