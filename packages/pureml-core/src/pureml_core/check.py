"""Gradient checking: every VJP against finite differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .derivatives import gradients
from .mode import enable_grad, no_grad
from .tensor import Tensor
from .tree import leaves

ENTRIES_SHOWN = 5


def check_vjp(
    f: Callable[..., Any],
    *inputs: Any,
    order: int = 1,
    rtol: float = 1e-6,
    atol: float = 1e-7,
    step: float = 1e-6,
    seed: int = 0,
    **settings: Any,
) -> None:
    """Compare the gradients of `f(*inputs, **settings)` with central differences along a random direction.

    The quick form for tests: two evaluations for each input, whatever its size; a wrong entry shows in a random
    direction with certainty. Only a failure is looked into entry by entry. See `check_grad` for the whole report.

    Args:
        f: an operation, or any function of Tensors that returns one or several.
        inputs: floating and complex arrays are made float64 or complex128 and differentiated by; anything else is
            passed on as it is.
        order: 2 checks the derivative of the gradient as well.
        rtol, atol: the difference allowed, relative to the derivative's size and absolute.
        step: of the difference quotient.
        seed: of the random incoming gradients and directions (ones would hide mistakes).

    Raises:
        AssertionError: a derivative disagrees; the message is the report of `check_grad`.

    >>> from pureml_core import exp
    >>> check_vjp(exp, np.array([0.5, -1.0]), order=2)
    """
    check = _Check(f, inputs, settings, rtol, atol, step, seed)
    check.along_directions(check.weighted)
    if order > 1:
        check.rtol, check.atol = 1e2 * rtol, 1e2 * atol
        check.name = f"the gradient of {check.name}"
        check.along_directions(check.slope)


def check_grad(
    f: Callable[..., Any],
    *inputs: Any,
    rtol: float = 1e-5,
    atol: float = 1e-7,
    step: float = 1e-6,
    seed: int = 0,
    **settings: Any,
) -> GradientReport:
    """Check your own function's gradients entry by entry against central differences, and report on every input.

    Args:
        f: a function of Tensors, or a custom operation, that returns one Tensor or a tuple of them.
        inputs: floating and complex arrays or Tensors are copied in double precision and differentiated by;
            anything else is passed on as it is.
        rtol, atol: the difference allowed in an entry: atol + rtol · |finite difference|.
        step: h of the quotient (f(x + h) - f(x - h)) / 2h.
        seed: of the random incoming gradient that makes one number of f's values.

    Returns:
        The report; print it.

    Raises:
        AssertionError: an entry disagrees. The message is the report, with the worst entries and what the pattern of
            errors suggests.

    >>> print(check_grad(lambda x, y: x * y, np.array([1.0, 2.0]), np.array([3.0, 4.0])))  # doctest: +ELLIPSIS
    check_grad: <lambda>
      input 0, shape (2,): ok, largest error ... of 2 entries
      input 1, shape (2,): ok, largest error ... of 2 entries
    """
    check = _Check(f, inputs, settings, rtol, atol, step, seed)
    report = check.entries(check.weighted)
    if not report.ok:
        raise AssertionError(str(report))
    return report


@dataclass(frozen=True)
class InputReport:
    """One input of a checked function: its gradient beside finite differences."""

    position: int
    gradient: np.ndarray
    numeric: np.ndarray
    wrong: np.ndarray

    @property
    def ok(self) -> bool:
        return not self.wrong.any()

    def __str__(self) -> str:
        error = np.abs(self.gradient - self.numeric)
        head = f"  input {self.position}, shape {self.gradient.shape}: "
        if self.ok:
            return f"{head}ok, largest error {_rounded(error.max(initial=0.0))} of {error.size} entries"
        lines = [f"{head}WRONG in {np.count_nonzero(self.wrong)} of {error.size} entries; the worst:"]
        order = np.argsort(np.where(np.isnan(error), np.inf, error), axis=None)[::-1]
        for k in [k for k in order.tolist() if self.wrong.flat[k]][:ENTRIES_SHOWN]:
            index = tuple(int(i) for i in np.unravel_index(k, error.shape))
            ours, theirs = self.gradient[index], self.numeric[index]
            lines.append(f"    {list(index)}: gradient {ours:.10g}, finite differences {theirs:.10g}")
        return "\n".join([*lines, *(f"    {hint}" for hint in _hints(self.gradient, self.numeric))])


@dataclass(frozen=True)
class GradientReport:
    """What `check_grad` found, one entry for each input that was differentiated by."""

    name: str
    inputs: tuple[InputReport, ...]

    @property
    def ok(self) -> bool:
        return all(row.ok for row in self.inputs)

    def __str__(self) -> str:
        return "\n".join([f"check_grad: {self.name}", *map(str, self.inputs)])


class _Check:
    """A function made a scalar: the sum of its values times fixed random numbers, the incoming gradients."""

    def __init__(
        self,
        f: Callable[..., Any],
        inputs: tuple[Any, ...],
        settings: dict[str, Any],
        rtol: float,
        atol: float,
        step: float,
        seed: int,
    ) -> None:
        self.f, self.settings, self.rtol, self.atol, self.step = f, settings, rtol, atol, step
        self.name = getattr(f, "__name__", type(f).__name__)
        self.rng = np.random.default_rng(seed)
        self.arrays = [_double(x) if _is_floating(x) else x for x in inputs]
        self.chosen = [i for i, x in enumerate(inputs) if _is_floating(x)]
        if not self.chosen:
            raise TypeError(
                f"{self.name}: nothing to differentiate by: given {', '.join(type(x).__name__ for x in inputs)}; give "
                "floating arrays, each as an input of its own"
            )
        with no_grad():
            arrays: list[Any] = [Tensor(x) if i in self.chosen else x for i, x in enumerate(self.arrays)]
            self.incoming = [self.random(y) for y in _values(f(*arrays, **settings))]
        self.directions = {i: self.random(self.arrays[i]) for i in self.chosen}

    def random(self, like: Any) -> np.ndarray:
        g = np.asarray(self.rng.standard_normal(like.shape))
        return g + 1j * self.rng.standard_normal(like.shape) if like.dtype.kind == "c" else g

    def weighted(self, *arrays: Any) -> Any:
        """The scalar Σ Re(incoming · f), whose gradient is a VJP."""
        total: Any = 0.0
        for y, g in zip(_values(self.f(*arrays, **self.settings)), self.incoming, strict=True):
            if y.requires_grad or y.dtype.kind in "fc":
                total = total + np.real(y * g).sum()
        return total

    def slope(self, *arrays: Any) -> Any:
        """The scalar Σ direction · gradient: its gradient is a Hessian-vector product."""
        full = list(arrays)
        for i in self.chosen:
            if not (isinstance(full[i], Tensor) and full[i].requires_grad):
                full[i] = Tensor(full[i], True)
        with enable_grad():
            y = self.weighted(*full)
            if not isinstance(y, Tensor) or not y.requires_grad:
                return Tensor(0.0)
            total: Any = 0.0
            xs = [full[i] for i in self.chosen]
            found = gradients(y, xs, create_graph=True)
            for i, dx, plain in zip(self.chosen, found, gradients(y, xs, keep_graph=True), strict=True):
                if not np.allclose(dx.data, plain.data, rtol=1e-6, atol=1e-9, equal_nan=True):
                    raise AssertionError(
                        f"{self.name}: input {i}: the recorded gradient is another than the plain one; does the body, "
                        "run on Tensors, or definition= compute something else?"
                    )
                total = total + np.real(dx * self.directions[i]).sum()
        return total

    def gradients(self, f: Callable[..., Any]) -> list[Any]:
        tracked: list[Any] = [Tensor(x, True) if i in self.chosen else x for i, x in enumerate(self.arrays)]
        y = f(*tracked)
        if not (isinstance(y, Tensor) and y.requires_grad):
            return [np.zeros_like(self.arrays[i]) for i in self.chosen]
        return [dx.data for dx in gradients(y, [tracked[i] for i in self.chosen])]

    def quotient(self, f: Callable[..., Any], i: int, direction: Any) -> float:
        """The central difference of f along a direction of its input i."""
        sides = []
        for h in (self.step, -self.step):
            moved: list[Any] = [Tensor(x) if j in self.chosen else x for j, x in enumerate(self.arrays)]
            moved[i] = Tensor(self.arrays[i] + h * direction)
            sides.append(float(f(*moved)))
        return (sides[0] - sides[1]) / (2 * self.step)

    def along_directions(self, f: Callable[..., Any]) -> None:
        for i, dx in zip(self.chosen, self.gradients(f), strict=True):
            direction = self.random(self.arrays[i])
            parts = np.real(np.conj(dx) * direction)
            error = abs(parts.sum() - self.quotient(f, i, direction))
            if not error <= self.atol * max(1, dx.size) + self.rtol * np.abs(parts).sum():
                raise AssertionError(str(self.entries(f)))

    def entries(self, f: Callable[..., Any]) -> GradientReport:
        rows = []
        for i, dx in zip(self.chosen, self.gradients(f), strict=True):
            numeric = np.zeros_like(dx)
            for index in np.ndindex(dx.shape):
                for unit in (1.0, 1.0j) if dx.dtype.kind == "c" else (1.0,):
                    direction = np.zeros_like(dx)
                    direction[index] = unit
                    numeric[index] += unit * self.quotient(f, i, direction)
            wrong = ~(np.abs(dx - numeric) <= self.atol + self.rtol * np.abs(numeric))
            rows.append(InputReport(i, dx, numeric, np.asarray(wrong)))
        return GradientReport(self.name, tuple(rows))


def _hints(gradient: np.ndarray, numeric: np.ndarray) -> list[str]:
    """What a pattern of errors suggests."""

    def near(a: np.ndarray, b: np.ndarray) -> bool:
        return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-3, atol=1e-6))

    hints = []
    if not np.isfinite(gradient).all():
        hints.append("the gradient has nan or inf: look at 0/0, log(0) or sqrt(0) in the VJP; see detect_anomaly")
    elif not np.isfinite(numeric).all():
        hints.append("finite differences left the domain of the function: check at a point further inside")
    elif near(gradient, np.zeros_like(gradient)):
        hints.append("the gradient is zero: is the input detached on the way, or its VJP None?")
    elif near(gradient, -numeric):
        hints.append("the sign is wrong")
    elif near(gradient, np.swapaxes(numeric, -1, -2) if numeric.ndim > 1 else -numeric):
        hints.append("the gradient is transposed")
    else:
        ratio = np.vdot(numeric, gradient) / np.vdot(numeric, numeric) if numeric.any() else 0.0
        if near(gradient, ratio * numeric):
            hints.append(f"the gradient is {ratio:.4g} times what it should be")
    if not hints and np.iscomplexobj(gradient) and near(gradient, np.conj(numeric)):
        hints.append("the gradient is conjugated")
    return hints


def _rounded(x: float) -> str:
    return f"{x:.0e}"


def _double(x: Any) -> np.ndarray:
    array = np.asarray(x._ndarray if isinstance(x, Tensor) else x)
    return np.array(array, np.complex128 if array.dtype.kind == "c" else np.float64)


def _is_floating(x: Any) -> bool:
    if not isinstance(x, Tensor | np.ndarray | float | complex):
        return False
    return np.asarray(x._ndarray if isinstance(x, Tensor) else x).dtype.kind in "fc"


def _values(y: Any) -> list[Any]:
    return [v if isinstance(v, Tensor) else Tensor(v) for v in leaves(y)]
