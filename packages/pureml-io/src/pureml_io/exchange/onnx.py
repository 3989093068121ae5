"""Models as ONNX graphs: a call is watched, and each operation in it becomes the nodes that `onnx_ops` says.

The call is made twice, on batches of different sizes and values. What differs between the two is what depends on the
input: a size that differs is the batch's, so that the graph takes any; an array that differs although no operation was
seen to make it would be wrong for other inputs, and is an error.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pureml_core import Tensor, enable_grad
from pureml_core.mode import Observer
from pureml_core.state import parameters

from ..atomic import replacing
from .onnx_ops import CONVERTERS
from .tensors import tensors_of

OPSET, IR_VERSION = 20, 9


class ExportError(ValueError):
    """A model cannot be written as an ONNX graph; the message names the operation and the reason."""


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
        ImportError: the extra `onnx` is not installed.

    An input of integers can be looked up in embeddings, and nothing else.
    """
    onnx = _package()
    if getattr(model, "training", False):
        raise ExportError(f"{type(model).__name__} is in training mode; call model.eval() first")
    examples = _examples(model, inputs)
    axes = [batch_axes] * len(examples) if batch_axes is None or isinstance(batch_axes, int) else list(batch_axes)
    names = _names("input", input_names, len(examples))
    if len(axes) != len(examples):
        raise ValueError(f"save_onnx: given {len(axes)} batch_axes for {len(examples)} inputs")
    first = Trace(model, examples)
    second = Trace(model, [_another(x, axis) for x, axis in zip(examples, axes, strict=True)])
    graph = Graph(onnx, {id(t.data): name for name, t in tensors_of(model).items()})
    value_infos = [graph.input(name, x, axis) for name, x, axis in zip(names, first.inputs, axes, strict=True)]
    if [r.op.key for r in first.records] != [r.op.key for r in second.records]:
        raise ExportError("the model does other operations for a batch of another size; give batch_axes=None")
    for a, b in zip(first.records, second.records, strict=True):
        Call(graph, a, b, first, second).convert()
    outputs = _names("output", output_names, len(first.outputs))
    results = [graph.output(*pair) for pair in zip(outputs, first.outputs, second.outputs, strict=True)]
    proto = graph.proto(value_infos, results)
    onnx.checker.check_model(proto, full_check=True)
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
    arrays = [x.data if isinstance(x, Tensor) else np.asarray(x) for x in given]
    for x in arrays:
        if x.dtype.kind not in "fiu" or not x.size:
            raise ExportError(f"given an input of dtype {x.dtype} and shape {x.shape}, needed numbers, at least one")
    return [x.astype(dtype) if dtype is not None and x.dtype.kind == "f" else x.copy() for x in arrays]


def _another(x: np.ndarray, axis: int | None) -> np.ndarray:
    """Other values of the same kind: floating ones scaled, integers in another order; one more along the batch."""
    if axis is not None:
        x = np.concatenate([x, np.take(x, [0], axis)], axis)
    return x * x.dtype.type(0.9) if x.dtype.kind == "f" else np.roll(x, 1)


def _names(kind: str, given: Sequence[str] | None, count: int) -> list[str]:
    names = list(given) if given is not None else [kind] if count == 1 else [f"{kind}_{i}" for i in range(count)]
    if len(names) != count or len(set(names)) != count:
        raise ValueError(f"save_onnx: given the {kind} names {names}, needed {count} different ones")
    return names


# ---- watching


class Record(NamedTuple):
    """An operation that depends on the input: its data arguments, values, and settings by name (None: not known)."""

    op: Any
    inputs: tuple[Any, ...]
    values: tuple[np.ndarray, ...]
    settings: dict[str, Any] | None


class Trace(Observer):
    """The operations of a call, and its inputs and outputs."""

    def __init__(self, model: Callable[..., Any], examples: Sequence[np.ndarray]) -> None:
        self.records: list[Record] = []
        tensors = [Tensor(x, requires_grad=True) if x.dtype.kind == "f" else x for x in examples]
        self.inputs = [array_of(x) for x in tensors]
        self.seen = {id(x): x for x in self.inputs}  # kept, so that no other array gets the id
        self.integers = [x for x in self.inputs if x.dtype.kind in "iu"]
        frozen = [p for p in parameters(model).values() if not p.requires_grad]
        for p in frozen:  # only what somebody needs a gradient of is recorded, with its settings
            p.requires_grad = True
        try:
            with enable_grad(), self:
                self.outputs = _flat(model(*tensors))
        finally:
            for p in frozen:
                p.requires_grad = False

    def computed(self, op: Any, inputs: Any, value: Any, node: Any) -> None:
        settings = None
        if node is not None:
            positional, keyword = node.settings
            bound = inspect.signature(op.body).bind(*inputs, *positional, **keyword)
            bound.apply_defaults()
            settings = {name: bound.arguments[name] for name in op.settings}
        if not any(id(array_of(x)) in self.seen for x in inputs) and self.looked_up(settings) is None:
            return  # a constant
        values = value if isinstance(value, tuple) else (value,)
        if key(op) not in CONVERTERS and op.definition is not None and node is not None:
            meaning = op.definition(*inputs, *positional, **keyword)  # whose operations are watched in their turn
            self.add(Record(SAME, meaning if isinstance(meaning, tuple) else (meaning,), values, {}))
        else:
            self.add(Record(op, tuple(inputs), values, settings))

    def add(self, record: Record) -> None:
        self.records.append(record)
        self.seen |= {id(y): y for y in record.values}

    def looked_up(self, settings: dict[str, Any] | None) -> int | None:
        """Which input of integers is among the settings of an operation, by its values: `Embedding` copies them."""
        for value in (settings or {}).values():
            if isinstance(value, np.ndarray) and value.dtype.kind in "iu":
                for i, x in enumerate(self.inputs):
                    if x.dtype.kind in "iu" and np.array_equal(x, value):
                        return i
        return None


class _Same:
    """Stands for the operation of which the values are those of its definition."""

    key = name = "same"


SAME: Any = _Same()


def array_of(x: Any) -> Any:
    return x.data if isinstance(x, Tensor) else x


def key(op: Any) -> str:
    """The name under which `onnx_ops` knows an operation: "pureml_core.exp"."""
    return f"{op.body.__module__.partition('.')[0]}.{op.name}"


def _flat(result: Any) -> list[np.ndarray]:
    if isinstance(result, tuple | list):
        return [y for part in result for y in _flat(part)]
    if not isinstance(result, Tensor | np.ndarray):
        raise ExportError(f"the model returns a {type(result).__name__}, needed a Tensor or a tuple of them")
    return [array_of(result)]


# ---- writing


class Graph:
    """Nodes and constants of the graph, and the names of the arrays that were seen."""

    def __init__(self, onnx: Any, parameters: dict[int, str]) -> None:
        self.onnx = onnx
        self.parameters = parameters
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray] = {}
        self.names: dict[int, str] = {}
        self.batch: tuple[str, int, int] | None = None  # an input, its axis and size, which may be another

    def input(self, name: str, x: np.ndarray, axis: int | None) -> Any:
        self.names[id(x)] = name
        shape: list[Any] = list(x.shape)
        if axis is not None:
            shape[axis] = "batch"
            self.batch = self.batch or (name, axis % x.ndim, x.shape[axis])
        return self.onnx.helper.make_tensor_value_info(name, self.type_of(x.dtype), shape)

    def output(self, name: str, a: np.ndarray, b: np.ndarray) -> Any:
        if id(a) not in self.names and not np.array_equal(a, b, equal_nan=True):
            raise ExportError(f"{name} depends on the input, but no operation was seen to compute it")
        source = self.names[id(a)] if id(a) in self.names else self.constant(a)
        self.nodes.append(self.onnx.helper.make_node("Identity", [source], [name]))
        n = None if self.batch is None else self.batch[2]
        shape = [m if m == k else "batch" if m == n else None for m, k in zip(a.shape, b.shape, strict=True)]
        return self.onnx.helper.make_tensor_value_info(name, self.type_of(a.dtype), shape)

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        return self.several(kind, *inputs, count=1, **attributes)[0]

    def several(self, kind: str, *inputs: str, count: int, **attributes: Any) -> list[str]:
        names = [f"{kind.lower()}_{len(self.nodes)}" + f"_{i}" * (count > 1) for i in range(count)]
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), names, name=names[0], **attributes))
        return names

    def constant(self, value: Any, dtype: Any = None) -> str:
        array = np.asarray(value, dtype)
        name = self.parameters.get(id(value)) if array is value else None
        if name is None:
            name = f"constant_{len(self.constants)}"
        self.constants[name] = array
        return name

    def type_of(self, dtype: Any) -> Any:
        return self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))

    def proto(self, inputs: list[Any], outputs: list[Any]) -> Any:
        to_tensor = self.onnx.numpy_helper.from_array
        constants = [to_tensor(np.ascontiguousarray(x).reshape(x.shape), n) for n, x in self.constants.items()]
        graph = self.onnx.helper.make_graph(self.nodes, "pureml", inputs, outputs, constants)
        opsets = [self.onnx.helper.make_opsetid("", OPSET)]
        return self.onnx.helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="pureml-io"
        )


class Call:
    """One operation, seen twice, as its converter sees it."""

    def __init__(self, graph: Graph, a: Record, b: Record, first: Trace, second: Trace) -> None:
        self.graph, self.a, self.b, self.first, self.second = graph, a, b, first, second
        self.node, self.constant = graph.node, graph.constant

    def convert(self) -> None:
        op = self.a.op
        if op is SAME:
            names = [self.input(i) for i in range(len(self.a.inputs))]
        elif key(op) in CONVERTERS:
            made = CONVERTERS[key(op)](self)
            names = [made] if isinstance(made, str) else made
        else:
            raise self.error("it has no counterpart in ONNX that is known here")
        self.graph.names |= {id(y): name for y, name in zip(self.a.values, names, strict=True)}

    def error(self, why: str) -> ExportError:
        return ExportError(f"the operation {self.a.op.name!r} cannot be exported: {why}")

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.a.values[0].dtype

    @property
    def x(self) -> np.ndarray:
        """The first data argument."""
        return self.array(0)

    def array(self, i: int) -> np.ndarray:
        return np.asarray(array_of(self.a.inputs[i]))

    def given(self, i: int) -> bool:
        return i < len(self.a.inputs) and self.a.inputs[i] is not None

    def fixed(self, i: int) -> np.ndarray:
        """A data argument that must not depend on the input."""
        a, b = self.array(i), np.asarray(array_of(self.b.inputs[i]))
        if id(array_of(self.a.inputs[i])) in self.first.seen or not np.array_equal(a, b, equal_nan=True):
            raise self.error("a weight of it depends on the input")
        return a

    def input(self, i: int, dtype: Any = None) -> str:
        """The name of a data argument, converted to a dtype."""
        a, b = array_of(self.a.inputs[i]), array_of(self.b.inputs[i])
        if id(a) in self.first.seen:
            name = self.graph.names[id(a)]
            return name if dtype in (None, a.dtype) else self.cast(name, dtype)
        if not isinstance(a, np.ndarray):
            a, b = np.asarray(a, dtype or self.dtype), np.asarray(b, dtype or self.dtype)
        elif dtype not in (None, a.dtype):
            a, b = a.astype(dtype), b.astype(dtype)
        if np.array_equal(a, b, equal_nan=a.dtype.kind == "f"):
            return self.constant(a)
        return self.repeated(a, b)

    def repeated(self, a: np.ndarray, b: np.ndarray) -> str:
        """A constant that is the same for every item of the batch, as many times as there are items."""
        differing = [i for i, (m, n) in enumerate(zip(a.shape, b.shape, strict=False)) if m != n]
        if self.graph.batch is None or a.ndim != b.ndim or len(differing) != 1:
            raise self.error("it reads an array that depends on the input, but no operation was seen to compute it")
        name, axis, size = self.graph.batch
        (i,) = differing
        one = np.take(a, [0], i)
        if a.shape[i] != size or not ((a == one).all() and (b == one).all()):
            raise self.error("it reads an array that depends on the input, but no operation was seen to compute it")
        n = self.node("Shape", name, start=axis, end=axis + 1)
        before, after = (self.constant(np.array(part, np.int64)) for part in (a.shape[:i], a.shape[i + 1 :]))
        return self.node("Expand", self.constant(one), self.node("Concat", before, n, after, axis=0))

    def cast(self, name: str, dtype: Any) -> str:
        return self.node("Cast", name, to=self.graph.type_of(dtype))

    def setting(self, name: str) -> Any:
        """A setting, which must not depend on the input."""
        if self.a.settings is None or self.b.settings is None:
            raise self.error("its settings are not known, for it was computed under no_grad")
        a, b = self.a.settings[name], self.b.settings[name]
        if not _equal(a, b):
            raise self.error(
                f"its setting {name!r} depends on the input; if on the batch's size only, give batch_axes=None"
            )
        return array_of(a)

    def looked_up(self) -> str | None:
        """The name of the input of integers that is among the settings."""
        i = self.first.looked_up(self.a.settings)
        if i is None or i != self.second.looked_up(self.b.settings):
            return None
        return self.graph.names[id(self.first.inputs[i])]

    def shape(self, i: int = 0) -> list[int]:
        """The shape of a value, with -1 for a size that depends on the batch."""
        pairs = list(zip(self.a.values[i].shape, self.b.values[i].shape, strict=True))
        if sum(m != n for m, n in pairs) > 1:
            raise self.error("several sizes of its value depend on the batch")
        return [m if m == n else -1 for m, n in pairs]

    def reshaped(self, name: str, shape: Sequence[int]) -> str:
        return self.node("Reshape", name, self.constant(np.array(shape, np.int64)))


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(map(_equal, a, b))
    a, b = array_of(a), array_of(b)
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.array_equal(a, b)
    return bool(a == b)
