"""What every layer of the table must pass."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
from pureml_core import Parameter, Tensor, check_vjp, named_tensors

from .case import LayerCase, outputs


def is_floating(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def expected(case: LayerCase) -> list[tuple[int, ...]]:
    nested = bool(case.after) and isinstance(case.after[0], tuple)
    return list(case.after) if nested else [case.after]


def check_shapes_and_precision(case: LayerCase) -> None:
    """The shapes that it says; float32 in and out for any floating input, gradients in the dtype of their tensor."""
    for given in (np.float64, np.float32, np.float16):
        layer = case.make()
        arrays = case.arrays(given)
        xs = [Tensor(x, requires_grad=True) if is_floating(x) else x for x in arrays]
        ys = outputs(layer(*xs, **case.settings))
        assert [y.shape for y in ys] == expected(case)
        inside = np.float32 if layer.parameters else given
        assert all(y.dtype == inside for y in ys if y.dtype.kind == "f")
        for y in ys:
            if y.requires_grad:
                y.backward(np.ones(y.shape), keep_graph=True)
        for x in xs:
            if isinstance(x, Tensor) and x.grad is not None:
                assert x.grad.shape == x.shape and x.grad.dtype == x.dtype
        for p in layer.parameters:
            assert p.dtype == np.float32
            assert p.grad is None or (p.grad.dtype == np.float32 and p.grad.shape == p.shape)


def check_inputs_left_alone(case: LayerCase) -> None:
    """Arrays are taken as well as Tensors, also read-only ones, and stay as they were."""
    arrays = case.arrays()
    old = [copy.deepcopy(x) for x in arrays]
    for x in arrays:
        if isinstance(x, np.ndarray):
            x.flags.writeable = False
    assert [y.shape for y in outputs(case.make()(*arrays, **case.settings))] == expected(case)
    for x, before in zip(arrays, old, strict=True):
        assert not isinstance(x, np.ndarray) or np.array_equal(x, before)


def check_gradients(case: LayerCase) -> None:
    """Gradients of floating inputs and of every parameter, in float64, against finite differences."""

    def call(*arrays: Any) -> Any:  # made anew each time: the same masks
        return tuple(
            y for y in outputs(case.make().astype(np.float64)(*arrays, **case.settings)) if y.dtype.kind == "f"
        )

    options = {"order": case.order, "rtol": case.rtol, "atol": case.rtol / 10}
    if any(map(is_floating, case.arrays())):
        check_vjp(call, *case.arrays(), **options)
    layer = case.make().astype(np.float64)
    for name, item in named_tensors(layer):
        if not isinstance(item, Parameter):
            continue

        def f(w: Any, name: str = name) -> Any:
            new = case.make().astype(np.float64)
            put(new, name, w)
            ys = [y for y in outputs(new(*case.arrays(), **case.settings)) if y.dtype.kind == "f"]
            return tuple(ys)

        check_vjp(f, item.data, **options)


def put(obj: Any, name: str, value: Any) -> None:
    """Replace what has a dotted name inside an object."""
    *path, last = name.split(".")
    for key in path:
        obj = (
            obj[int(key)] if isinstance(obj, list | tuple) else obj[key] if isinstance(obj, dict) else getattr(obj, key)
        )
    if isinstance(obj, list):
        obj[int(last)] = value
    elif isinstance(obj, dict):
        obj[last] = value
    else:
        setattr(obj, last, value)


def same(a: Any, b: Any) -> bool:
    return all(np.array_equal(x.data, y.data) for x, y in zip(outputs(a), outputs(b), strict=True))


def check_state(case: LayerCase) -> None:
    """A restored layer continues bit for bit; the state is a copy."""
    xs = case.arrays(np.float32)
    one, other = case.make(), case.make()
    for p in other.parameters:
        p.data = p.data + 1
    one(*xs, **case.settings)
    other(*xs, **case.settings)
    state = one.state()
    before = {name: a.copy() for name, a in state.arrays.items()}
    assert other.restore(state) == []
    for k in range(3):
        xs = case.arrays(np.float32, seed=k)
        assert same(one(*xs, **case.settings), other(*xs, **case.settings))
    for p in one.parameters:
        p.data[...] += 1
    assert all(np.array_equal(state.arrays[name], a) for name, a in before.items())


def check_copies(case: LayerCase) -> None:
    """deepcopy and pickle make layers that are equal and apart."""
    xs = case.arrays(np.float32)
    for copied in (copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))):
        layer = case.make().eval()
        twin = copied(layer)
        assert twin.training is False
        layer.train()
        twin.train()
        for _ in range(2):
            assert same(layer(*xs, **case.settings), twin(*xs, **case.settings))
        for p in twin.parameters:
            p.data[...] += 1
        assert all((p.data != q.data).all() for p, q in zip(layer.parameters, twin.parameters, strict=True))


def check_modes(case: LayerCase) -> None:
    """Evaluation repeats itself, and differs from training where it should."""
    xs = case.arrays(np.float32)
    layer = case.make()
    trained = layer(*xs, **case.settings)
    layer = case.make().eval()
    first = layer(*xs, **case.settings)
    assert same(first, layer(*xs, **case.settings))
    assert same(first, trained) is not case.train_differs
