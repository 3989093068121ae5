"""Models as ONNX graphs: a call is watched, and each operation in it becomes the nodes that `onnx_ops` says.

The call is made twice, on batches of different sizes and values. What differs between the two is what depends on the
input: a size that differs is the batch's, so that the graph takes any; an array that differs although no operation was
seen to make it would be wrong for other inputs, and is an error.
"""

from __future__ import annotations

import importlib
import operator
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from pureml_core import Tensor
from pureml_core.state import parameters

from ..atomic import replacing
from .onnx_graph import Call, Graph
from .onnx_trace import ExportError, Trace
from .tensors import tensors_of


def save_onnx(
    model: Callable[..., Any],
    path: str | PathLike[str],
    inputs: Any,
    *,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    batch_axes: int | Sequence[int | None] | None = 0,
) -> Path:
    """Write what a model computes in evaluation as an ONNX graph (opset 20): whole, or not at all.

    Args:
        model: in evaluation mode; or any function of Tensors. Operations that are fused here, and that ONNX lacks, are
            unfolded into their definitions.
        inputs: an example, or a tuple of them, arrays: they are what the model is called with, and their shapes and
            dtypes are those of the graph. Floating ones get the dtype of the model's parameters.
        input_names, output_names: "input" and "output", or "input_0", ... by default. Outputs in tuples stand one
            after another.
        batch_axes: the axis of the inputs, or of each input, whose size is left open; None for fixed sizes.

    Returns:
        The path.

    Raises:
        ExportError: (a ValueError) an operation has no counterpart, or something depends on the input in a way that
            was not seen, such as NumPy's work on `.data`, comparisons, or sizes computed from values.
        ValueError: there are not as many names or axes as inputs or outputs, or they cannot be such.
        ImportError: the extra `onnx` is not installed.

    An input of integers can be looked up in embeddings, and nothing else; where all of an example are the same, one is
    changed by 1, so that looking it up is told from looking up constants. Python's `if` and `for` are not seen: what
    the example makes them do is what the graph does.
    """
    onnx = _package()
    if getattr(model, "training", False):
        raise ExportError(f"{type(model).__name__} is in training mode; call model.eval() first")
    examples = _examples(model, inputs)
    axes = _axes(batch_axes, examples)
    names = _names("input", input_names, len(examples))
    first = Trace(model, examples)
    second = Trace(model, [_another(*each) for each in zip(range(len(axes)), examples, axes, strict=True)])
    outputs = _names("output", output_names, len(first.outputs))
    if same := set(names) & set(outputs):
        raise ValueError(f"save_onnx: given the name {min(same)!r} for an input and an output")
    graph = Graph(onnx, {id(t.data): name for name, t in tensors_of(model).items()}, {*names, *outputs})
    value_infos = [graph.input(name, x, axis) for name, x, axis in zip(names, first.inputs, axes, strict=True)]
    if [r.op.key for r in first.records] != [r.op.key for r in second.records]:
        raise ExportError(
            "the model does other operations for a batch of another size, or for other integers; give batch_axes=None, "
            "or another example"
        )
    for a, b in zip(first.records, second.records, strict=True):
        Call(graph, a, b, first, second).convert()
    results = [graph.output(*pair) for pair in zip(outputs, first.outputs, second.outputs, strict=True)]
    proto = graph.proto(value_infos, results)
    try:
        onnx.checker.check_model(proto, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportError(f"the graph is not one that ONNX allows: {error}") from error
    with replacing(Path(path)) as file:
        file.write(proto.SerializeToString())
    return Path(path)


def _package() -> Any:
    try:
        return importlib.import_module("onnx")
    except ImportError as error:
        raise ImportError("ONNX files need a package: pip install pureml-io[onnx]") from error


def _examples(model: Any, inputs: Any) -> list[np.ndarray]:
    given = list(inputs) if isinstance(inputs, tuple | list) else [inputs]
    dtype = next((p.dtype for p in parameters(model).values()), None)
    arrays = [np.asarray(x.data if isinstance(x, Tensor) else x) for x in given]
    for x in arrays:
        if x.dtype.kind not in "fiu" or not x.size:
            raise ExportError(f"given an input of dtype {x.dtype} and shape {x.shape}, needed numbers, at least one")
    arrays = [np.array(x, dtype if dtype is not None and x.dtype.kind == "f" else x.dtype) for x in arrays]
    return [_varied(i, x) for i, x in enumerate(arrays)]


def _axes(given: Any, examples: list[np.ndarray]) -> list[int | None]:
    axes = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given] * len(examples)
    if len(axes) != len(examples):
        raise ValueError(f"save_onnx: given {len(axes)} batch_axes for {len(examples)} inputs")
    axes = [None if axis is None else operator.index(axis) for axis in axes]
    for axis, x in zip(axes, examples, strict=True):
        if axis is not None and not -x.ndim <= axis < x.ndim:
            raise ValueError(f"save_onnx: given the batch axis {axis} of an input of shape {x.shape}; None fixes sizes")
    return axes


def _another(i: int, x: np.ndarray, axis: int | None) -> np.ndarray:
    """Other values for the i-th input, and one more along the batch: in another order, floating ones also shifted."""
    if axis is not None:
        x = np.concatenate([x, np.take(x, [0], axis)], axis)
    if x.dtype.kind == "f":  # within the range of the example, but for the sake of zeros
        largest = np.abs(x).max()
        shift = np.linspace(0.01, 0.1, x.size) * (largest if 0 < largest < np.inf else 1)
        return (0.9 * np.flip(x) + shift.reshape(x.shape)).astype(x.dtype)
    return _varied(i, np.roll(x, 1))


def _varied(i: int, x: np.ndarray) -> np.ndarray:
    """Integers that tell the i-th input from others and from constants: of equal ones, one becomes a neighbour."""
    if x.dtype.kind in "iu" and (x == x.flat[0]).all():
        x.flat[i % x.size] += 1 if x.flat[0] <= 0 else -1
    return x


def _names(kind: str, given: Sequence[str] | None, count: int) -> list[str]:
    names = list(given) if given is not None else [kind] if count == 1 else [f"{kind}_{i}" for i in range(count)]
    if len(names) != count or len(set(names)) != count or not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"save_onnx: given the {kind} names {names}, needed {count} different ones, not empty")
    return names
