"""Where did the first nan or inf come from, and who wrote into an array that a gradient needs?"""

from __future__ import annotations

import functools
import linecache
import sys
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from types import FunctionType
from typing import Any

import numpy as np

from .history import watch
from .mode import Observer

LIBRARY = ("pureml", "pureml_core", "pureml_nn", "pureml_optim", "pureml_io", "pureml_data")


class AnomalyError(ArithmeticError):
    """A value or gradient that is not finite, or a saved array that was written to; raised by `detect_anomaly`."""


class detect_anomaly(Observer):
    """Stop at the first nan or inf, forward or backward, and at a write into an array that a gradient needs.

    Inside `with detect_anomaly():` every operation's value and every gradient is looked at, and the arrays that
    gradients need are fingerprinted, so that writing into `.data` between forward and backward is noticed as well. The
    error names the operation, the line of your program that called it, and the shapes and statistics of what went in
    and came out. For finding a mistake, not for training: everything takes a few times longer.

    Args:
        nan, inf: what to stop at. An attention mask of -inf, say, is no mistake: `detect_anomaly(inf=False)`.

    Raises:
        AnomalyError: (an ArithmeticError) from the operation, or from the backward sweep.

    >>> from pureml_core import Tensor, sqrt
    >>> x = Tensor([0.0, 1.0], requires_grad=True)
    >>> with detect_anomaly():                                  # doctest: +ELLIPSIS
    ...     sqrt(x).sum().backward()
    Traceback (most recent call last):
    pureml_core.anomaly.AnomalyError: sqrt, backward: its gradient for input 0 has inf
      at ...
    """

    def __init__(self, *, nan: bool = True, inf: bool = True) -> None:
        self.nan, self.inf = nan, inf

    def computed(self, op: Any, inputs: Any, value: Any, node: Any) -> None:
        if node is not None:
            note = watch(node)
            note.origin = list(islice(_user_frames(), 3))
            note.inputs = [_array(x) for x in inputs]
            note.saved = [(name, array, _fingerprint(array)) for name, array in _saved_by(node.vjps)]
        values = value if isinstance(value, tuple) else (value,)
        for y in values:
            if what := self.wrong_with(y):
                came_in = next(filter(None, (self.wrong_with(_array(x)) for x in inputs)), None)
                headline = f"one of its inputs has {came_in}" if came_in else f"its value has {what}"
                rows = [*_described("input", inputs), *_described("value", values)]
                raise AnomalyError(_report(f"{op.name}: {headline}", _user_frames(), rows))

    def differentiate(self, node: Any, position: int, vjp: Callable[..., Any], g: tuple[Any, ...]) -> Any:
        note = watch(node)
        for name, array, fingerprint in note.saved:
            if _fingerprint(array) != fingerprint:
                raise AnomalyError(
                    _report(
                        f"{node.op.name}: an array that its gradient needs, {name!r} of its VJP, was written to after "
                        f"{node.op.name} was computed; write into a copy, or call backward() first",
                        note.origin,
                        _described(name, [array]),
                    )
                )
        dx = vjp(*g)
        what = None if dx is None else self.wrong_with(_array(dx))
        if what:
            came_in = any(self.wrong_with(_array(x)) for x in g)
            where = "the gradient that came in to it has" if came_in else f"its gradient for input {position} has"
            raise AnomalyError(
                _report(
                    f"{node.op.name}, backward: {where} {what}",
                    note.origin,
                    [
                        *_described("input", note.inputs),
                        *_described("incoming gradient", g),
                        *_described("outgoing gradient", [dx]),
                    ],
                )
            )
        return dx

    def wrong_with(self, x: Any) -> str:
        """What is in an array that should not be: "nan", "inf", "nan and inf", or nothing."""
        if not (isinstance(x, np.ndarray | np.generic | float | complex)) or np.asarray(x).dtype.kind not in "fc":
            return ""
        if np.isfinite(x).all():
            return ""
        found = [("nan", self.nan and np.isnan(x).any()), ("inf", self.inf and np.isinf(x).any())]
        return " and ".join(name for name, there in found if there)


def _array(x: Any) -> Any:
    x = getattr(x, "_ndarray", x)
    return x.values if hasattr(x, "rows") else x


def _saved_by(vjps: Any) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays that VJPs keep: those in their closures, and in the closures of functions inside."""
    seen: set[int] = set()
    stack = [("vjp", vjp) for vjp in vjps if vjp is not None]
    while stack:
        name, item = stack.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, np.ndarray):
            yield name, item
        elif isinstance(item, tuple | list):
            stack += [(name, part) for part in item]
        elif isinstance(item, dict):
            stack += [(f"{name}[{key!r}]", part) for key, part in item.items()]
        elif isinstance(item, functools.partial):
            stack += [(name, item.func), (name, item.args), (name, item.keywords)]
        elif isinstance(item, FunctionType):
            cells = zip(item.__code__.co_freevars, item.__closure__ or (), strict=True)
            stack += [(free, cell.cell_contents) for free, cell in cells if cell != type(cell)()]
            stack.append((name, item.__defaults__))


def _fingerprint(array: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(array).view(np.uint8).data) if array.size and array.dtype != object else 0


def _user_frames() -> Iterator[tuple[str, int, str]]:
    """(file, line, function) of the callers outside of this library, the innermost first."""
    frame = sys._getframe(1)
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] not in LIBRARY:
            yield frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name
        frame = frame.f_back  # type: ignore[assignment]


def _report(headline: str, frames: Any, rows: list[str]) -> str:
    lines = [headline]
    for file, line, function in list(frames or [])[:3]:
        source = linecache.getline(file, line).strip()
        lines.append(f"  at {file}:{line}, in {function}" + (f": {source}" if source else ""))
    if frames is None:
        lines.append("  at an unknown line: it was computed outside of detect_anomaly")
    return "\n".join(lines + [f"  {row}" for row in rows])


def _described(what: str, items: Any) -> list[str]:
    """One line for each array: shape, dtype, range, mean, and how much of it is not finite."""
    rows = []
    for i, x in enumerate(items):
        x = _array(x)
        name = what if len(items) == 1 else f"{what} {i}"
        if not isinstance(x, np.ndarray):
            rows.append(f"{name}: {x!r:.60}")
        else:
            rows.append(f"{name}: shape {x.shape}, {x.dtype}{_statistics(x)}")
    return rows


def _statistics(x: np.ndarray) -> str:
    if x.dtype.kind not in "fciub" or x.size == 0:
        return ""
    if x.dtype.kind == "c":
        x = np.abs(x)
    finite = x[np.isfinite(x)].astype(np.float64)
    text = (
        f", min {finite.min():.4g}, max {finite.max():.4g}, mean {finite.mean():.4g}, std {finite.std():.4g}"
        if finite.size
        else ""
    )
    counts = [(int(np.isnan(x).sum()), "nan"), (int(np.isinf(x).sum()), "inf")]
    return text + "".join(f", {count} of {x.size} {name}" for count, name in counts if count)
