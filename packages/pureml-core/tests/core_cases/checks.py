"""What every row of the table must pass. Plain functions: they run without pytest too."""

from __future__ import annotations

import functools
import re
from functools import partial
from typing import Any

import numpy as np
import pureml_core as pm
from pureml_core import Tensor, check_vjp

from .case import Case, Error


def values(y: Any) -> tuple[Any, ...]:
    """The values of an operation that has one or several."""
    return tuple(y) if isinstance(y, tuple | list) else (y,)


def is_floating(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind in "fc"


def check_derivatives(case: Case) -> None:
    """First and second derivatives against finite differences, with random incoming gradients."""
    if case.order and any(isinstance(x, float) or is_floating(x) for x in case.inputs):
        f = functools.partial(case.f, **case.settings)  # a setting may have the name of one of check_vjp's
        f.__name__ = case.name  # type: ignore[attr-defined]
        check_vjp(f, *case.inputs, order=case.order, rtol=case.rtol, atol=case.rtol / 10)


def check_precision(case: Case) -> None:
    """Single precision in, single precision out, values and gradients; and every gradient is its tensor's own."""
    single = {"f": np.float32, "c": np.complex64}
    xs = [Tensor(x.astype(single[x.dtype.kind]), True) if is_floating(x) else x for x in case.inputs]
    settings = {k: np.float32 if k == "dtype" else v for k, v in case.settings.items()}
    for y in values(case.f(*xs, **settings)):
        assert y.dtype.itemsize <= 4 or y.dtype.kind not in "f", y.dtype
        assert y.dtype.kind != "c" or y.dtype == np.complex64, y.dtype
        if y.requires_grad:
            y.backward(keep_graph=True)
    tensors = [x for x in xs if isinstance(x, Tensor)]
    for x in tensors:
        if x.grad is not None:
            assert x.grad.dtype == x.dtype and x.grad.shape == x.shape and x.grad.flags.writeable
    grads = [x.grad for x in tensors if x.grad is not None]
    assert not any(np.shares_memory(a, b) for i, a in enumerate(grads) for b in grads[:i] if a.size and b.size)


def check_numpy(case: Case) -> bool:
    """The values that NumPy gives, and the same operation through NumPy's own function. False: nothing to compare."""
    op = getattr(case.op, "op", None)
    numpy = case.numpy or (op.numpy if op is not None else None)
    if numpy is None:
        return False
    theirs = values(numpy(*case.inputs, **case.settings))
    for a, b in zip(values(case.op(*case.inputs, **case.settings)), theirs, strict=True):
        assert a.shape == np.shape(b) and a.dtype == np.asarray(b).dtype, (a.shape, np.shape(b), a.dtype)
        np.testing.assert_allclose(a.data, b, rtol=1e-12, atol=1e-13)
    tensors = [Tensor(x) if isinstance(x, np.ndarray) else x for x in case.inputs]
    assert all(isinstance(y, Tensor) for y in values(numpy(*tensors, **case.settings)))
    return True


def check_layouts(case: Case) -> None:
    """The same values and gradients from Fortran-ordered, strided and read-only inputs, which stay as they were."""

    def run(make: Any) -> list[np.ndarray]:
        arrays = [make(x) if isinstance(x, np.ndarray) else x for x in case.inputs]
        before = [np.array(x) if isinstance(x, np.ndarray) else None for x in arrays]
        xs = [Tensor(x, True, ensure_writable=False) if is_floating(x) else x for x in arrays]
        found = []
        for y in values(case.f(*xs, **case.settings)):
            found.append(y.numpy())
            if y.requires_grad:
                y.backward(np.cos(np.arange(y.size)).reshape(y.shape), keep_graph=True)
        for x, old in zip(arrays, before, strict=True):
            if old is not None:
                np.testing.assert_array_equal(x, old)
        return found + [x.grad for x in xs if isinstance(x, Tensor) and x.grad is not None]

    def fortran(x: np.ndarray) -> np.ndarray:
        return np.array(x, order="F")  # np.asfortranarray would give a 0-d array an axis

    def strided(x: np.ndarray) -> np.ndarray:
        wide = np.zeros(tuple(2 * k for k in x.shape), x.dtype)
        view = wide[(*(slice(None, None, 2) for _ in x.shape), ...)]
        view[...] = x
        return view

    def readonly(x: np.ndarray) -> np.ndarray:
        x = x.copy()
        x.flags.writeable = False
        return x

    plain = run(np.copy)
    for make in (partial(np.array, order="F"), strided, readonly):
        for a, b in zip(plain, run(make), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


def check_definition(case: Case) -> None:
    """An operation that names its meaning computes what it means."""
    op = getattr(case.op, "op", None)
    if getattr(op, "definition", None) is not None:
        xs = [Tensor(x, True) if is_floating(x) else x for x in case.inputs]
        theirs = values(op.definition(*xs, **case.settings))
        for a, b in zip(values(op.call(*xs, **case.settings)), theirs, strict=True):
            np.testing.assert_allclose(a.data, b.data, rtol=1e-12)


def names_without_a_row(cases: list[Case]) -> set[str]:
    """Registered operations and functions that no row tries."""
    ours = {r.name for r in [*pm.OPS.values(), *pm.COMPOSED.values()] if r.key.startswith("pureml_core.")}
    return ours - {c.name for c in cases}


def check_error(error: Error) -> None:
    """The exception and the message that the row promises."""
    inputs = [Tensor(x, x.dtype.kind in "fc") if isinstance(x, np.ndarray) else x for x in error.inputs]
    try:
        getattr(pm, error.name)(*inputs, **error.settings)
    except error.kind as raised:
        assert re.search(error.message, str(raised)), f"{raised} does not match {error.message}"
    else:
        if error.kind is np.linalg.LinAlgError:  # NumPy in WebAssembly notices no singular matrix: then it goes on, too
            getattr(np.linalg, error.name)(*error.inputs, **error.settings)
            return
        raise AssertionError(f"{error.name} did not raise {error.kind.__name__}")
