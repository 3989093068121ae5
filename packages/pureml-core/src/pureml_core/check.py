"""Gradient checking: every VJP against finite differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .derivatives import gradients
from .mode import no_grad
from .tensor import Tensor


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
    """Compare the gradients of `f(*inputs, **settings)` with central differences, entry by entry.

    Args:
        f: an operation, or any function of Tensors that returns one or several.
        inputs: floating arrays are made float64 and differentiated by; anything else is passed on as it is.
        order: 2 checks the derivative of the gradient as well, along a random direction.
        rtol, atol: the difference allowed, relative to the derivative's size and absolute.
        step: of the difference quotient.
        seed: of the random incoming gradients (ones would hide mistakes).

    Raises:
        AssertionError: a derivative disagrees; the message names the input and its worst entry.

    >>> from pureml_core import exp
    >>> check_vjp(exp, np.array([0.5, -1.0]), order=2)
    """
    rng = np.random.default_rng(seed)
    arrays = [np.array(x, np.float64) if _is_floating(x) else x for x in inputs]
    chosen = [i for i, x in enumerate(inputs) if _is_floating(x)]
    with no_grad():
        incoming = [rng.standard_normal(y.shape) for y in _values(f(*arrays, **settings))]

    def weighted(*arrays: Any) -> Any:
        """The scalar Σ incoming · f, whose gradient is the VJP of `incoming`."""
        total: Any = 0.0
        for y, g in zip(_values(f(*arrays, **settings)), incoming, strict=True):
            if y.requires_grad or y.dtype.kind == "f":
                total = total + (y * g).sum()
        return total

    _compare(weighted, arrays, chosen, rtol, atol, step, getattr(f, "__name__", "f"))
    if order < 2:
        return
    directions = {i: rng.standard_normal(np.shape(arrays[i])) for i in chosen}

    def along(*arrays: Any) -> Any:
        """The scalar Σ direction · gradient: its gradient is a Hessian-vector product."""
        tensors = [arrays[i] if isinstance(arrays[i], Tensor) else Tensor(arrays[i], True) for i in chosen]
        full = list(arrays)
        for i, t in zip(chosen, tensors, strict=True):
            full[i] = t if t.requires_grad else Tensor(t, True)
        tensors = [full[i] for i in chosen]
        total: Any = 0.0
        y = weighted(*full)
        if not isinstance(y, Tensor) or not y.requires_grad:
            return Tensor(0.0)
        for i, dx in zip(chosen, gradients(y, tensors, create_graph=True), strict=True):
            total = total + (dx * directions[i]).sum()
        return total

    _compare(along, arrays, chosen, 1e2 * rtol, 1e2 * atol, step, f"the gradient of {getattr(f, '__name__', 'f')}")


def _compare(
    f: Callable[..., Any], arrays: list[Any], chosen: list[int], rtol: float, atol: float, step: float, name: str
) -> None:
    tracked = [Tensor(x, requires_grad=True) if i in chosen else x for i, x in enumerate(arrays)]
    y = f(*tracked)
    if isinstance(y, Tensor) and y.requires_grad:
        found = gradients(y, [tracked[i] for i in chosen])
    else:
        found = [Tensor(np.zeros(np.shape(arrays[i]))) for i in chosen]
    for i, dx in zip(chosen, found, strict=True):
        numeric = np.zeros(arrays[i].shape)
        for index in np.ndindex(arrays[i].shape):
            sides = []
            for h in (step, -step):
                moved = list(arrays)
                moved[i] = arrays[i].copy()
                moved[i][index] += h
                sides.append(float(f(*moved)))
            numeric[index] = (sides[0] - sides[1]) / (2 * step)
        error = np.abs(dx.data - numeric) - (atol + rtol * np.abs(numeric))
        if not (error <= 0).all():
            worst = np.unravel_index(int(np.argmax(np.where(np.isnan(error), np.inf, error))), error.shape)
            raise AssertionError(
                f"{name}: input {i}, of shape {arrays[i].shape}, entry {tuple(int(k) for k in worst)}: gradient "
                f"{dx.data[worst]:.10g}, finite differences {numeric[worst]:.10g}"
            )


def _is_floating(x: Any) -> bool:
    return (
        isinstance(x, Tensor | np.ndarray | float)
        and np.asarray(x.data if isinstance(x, Tensor) else x).dtype.kind == "f"
    )


def _values(y: Any) -> tuple[Any, ...]:
    return y if isinstance(y, tuple) else (y,)
