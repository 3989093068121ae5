"""Operations that put the same values elsewhere: shapes, joining, cutting, indexing, padding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .registry import converts

if TYPE_CHECKING:
    from ..onnx_graph import Call


@converts("pureml_core.reshape", "pureml_core.ravel")
def _reshape(call: Call) -> str:
    if call.a.settings and call.a.settings["order"] != "C":
        raise call.error("its order is not 'C'")
    return call.reshaped(call.input(0), call.shape())


@converts("pureml_core.flatten", "pureml_core.expand_dims", "pureml_core.squeeze")
def _same_order(call: Call) -> str:
    return call.reshaped(call.input(0), call.shape())


@converts("pureml_core.transpose", "pureml_core.swapaxes", "pureml_core.moveaxis")
def _transpose(call: Call) -> str:
    axes = np.empty(range(call.x.ndim))  # whose sizes are the numbers of its axes, and stay with them
    settings = {name: call.setting(name) for name in call.a.op.settings}
    return call.node("Transpose", call.input(0), perm=list(call.a.op.body(axes, **settings)[0].shape))


@converts("pureml_core.broadcast_to")
def _broadcast_to(call: Call) -> str:
    shape = call.shape()
    if -1 in shape:
        kept = len(shape) - call.x.ndim
        axis = shape.index(-1)
        if axis < kept or call.x.shape[axis - kept] == 1:
            raise call.error("it repeats something for each item of the batch")
        shape[axis] = 1  # which broadcasts
    return call.node("Expand", call.input(0), call.constant(np.array(shape, np.int64)))


@converts("pureml_core.concatenate")
def _concatenate(call: Call) -> str:
    names = [call.input(i, call.dtype) for i in range(len(call.a.inputs))]
    axis = call.setting("axis")
    if axis is None:
        names, axis = [call.reshaped(name, [-1]) for name in names], 0
    return call.node("Concat", *names, axis=int(axis))


@converts("pureml_core.stack")
def _stack(call: Call) -> str:
    axis = int(call.setting("axis"))
    at = call.constant(np.array([axis], np.int64))
    names = [call.node("Unsqueeze", call.input(i, call.dtype), at) for i in range(len(call.a.inputs))]
    return call.node("Concat", *names, axis=axis)


@converts("pureml_core.split", "pureml_core.array_split", "pureml_core.unstack")
def _split(call: Call) -> list[str]:
    axis, count = int(call.setting("axis")), len(call.a.values)
    whole = call.a.op.name != "unstack"
    sizes = [y.shape[axis] if whole else 1 for y in call.a.values]
    if whole and sizes != [y.shape[axis] for y in call.b.values]:
        raise call.error("it cuts the batch")
    name = call.input(0)
    parts = call.graph.several("Split", name, call.constant(np.array(sizes, np.int64)), count=count, axis=axis)
    at = call.constant(np.array([axis], np.int64))
    return parts if whole else [call.node("Squeeze", part, at) for part in parts]


@converts("pureml_core.take")
def _take(call: Call) -> str:
    axis, x = call.setting("axis"), call.input(0)
    if call.setting("mode") != "raise":
        raise call.error(f"its mode is {call.setting('mode')!r}")
    if axis is None:
        x, axis = call.reshaped(x, [-1]), 0
    return call.node("Gather", x, call.constant(np.asarray(call.setting("indices"), np.int64)), axis=int(axis))


@converts("pureml_core.getitem")
def _getitem(call: Call) -> str:
    index = call.setting("index")
    parts = list(index) if isinstance(index, tuple) else [index]
    if any(part is Ellipsis for part in parts):
        i = next(i for i, part in enumerate(parts) if part is Ellipsis)
        parts[i : i + 1] = [slice(None)] * (call.x.ndim - sum(p is not None for p in parts) + 1)
    y, axis = call.input(0), 0
    arrays = [part for part in parts if isinstance(part, np.ndarray | list) and np.asarray(part).dtype.kind in "iu"]
    plain = [p for p in parts if p is None or (isinstance(p, slice | int | np.integer) and not isinstance(p, bool))]
    one = len(arrays) == 1 and np.ndim(arrays[0]) == 1 and not any(isinstance(p, int | np.integer) for p in plain)
    if len(arrays) + len(plain) < len(parts) or (arrays and not one):
        raise call.error(f"the index {index!r} is neither of slices and integers nor of slices and one array (n,)")
    slices: list[tuple[int, slice]] = []
    for part in parts:
        if part is None:
            continue
        if isinstance(part, int | np.integer):
            slices.append((axis, slice(int(part), int(part) + 1 or None)))
        elif isinstance(part, slice) and part != slice(None):
            slices.append((axis, part))
        elif not isinstance(part, slice):
            y = call.node("Gather", y, call.constant(np.asarray(part, np.int64)), axis=axis)
        axis += 1
    if slices:
        y = _sliced(call, y, slices)
    return call.reshaped(y, call.shape()) if len(arrays) + sum(isinstance(p, slice) for p in parts) < len(parts) else y


def _sliced(call: Call, y: str, slices: list[tuple[int, slice]]) -> str:
    far = 1 << 62
    starts, ends, steps = [], [], []
    for _, part in slices:
        steps.append(step := 1 if part.step is None else int(part.step))
        starts.append((0 if step > 0 else far) if part.start is None else int(part.start))
        ends.append((far if step > 0 else -far) if part.stop is None else int(part.stop))
    axes = [axis for axis, _ in slices]
    return call.node("Slice", y, *[call.constant(np.array(part, np.int64)) for part in (starts, ends, axes, steps)])


@converts("pureml_core.pad")
def _pad(call: Call) -> str:
    width, mode, value = (call.setting(name) for name in ("pad_width", "mode", "constant_values"))
    if mode not in ("constant", "reflect", "edge", "wrap") or np.ndim(value or 0) or isinstance(width, dict):
        raise call.error(f"its mode is {mode!r}, or its settings are not plain")
    width = np.broadcast_to(np.asarray(width, np.int64), (call.x.ndim, 2))
    names = [call.input(0), call.constant(width.T.ravel())]
    return call.node("Pad", *names, *([call.constant(value or 0, call.dtype)] if mode == "constant" else []), mode=mode)


@converts("pureml_nn.embedding")
def _embedding(call: Call) -> str:
    index = call.looked_up() or call.constant(call.setting("index"))
    return call.node("Gather", call.input(0), call.cast(index, np.int64), axis=0)
