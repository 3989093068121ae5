"""Writing an ONNX graph: its nodes and constants, and an operation that was seen twice as a converter sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .onnx_ops import CONVERTERS
from .onnx_trace import SAME, ExportError, Record, Trace, array_of, key

OPSET, IR_VERSION = 20, 9


class Graph:
    """Nodes and constants of the graph, and the names of the arrays that were seen."""

    def __init__(self, onnx: Any, parameters: dict[int, str], taken: set[str]) -> None:
        self.onnx = onnx
        self.taken = set(taken)
        self.parameters = {i: self.free(name) for i, name in parameters.items()}
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray] = {}
        self.names: dict[int, str] = {}
        self.batch: tuple[str, int, int] | None = None  # an input, its axis and size, which may be another

    def free(self, name: str) -> str:
        """A name that nothing else has: this one, if it may be."""
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

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
        names = [self.free(f"{kind.lower()}_{len(self.nodes)}" + f"_{i}" * (count > 1)) for i in range(count)]
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), names, name=names[0], **attributes))
        return names

    def constant(self, value: Any, dtype: Any = None) -> str:
        array = np.asarray(value, dtype)
        name = self.parameters.get(id(value)) if array is value else None
        if name is None:
            name = self.free(f"constant_{len(self.constants)}")
        self.constants[name] = array
        return name

    def type_of(self, dtype: Any) -> Any:
        return self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))

    def proto(self, inputs: list[Any], outputs: list[Any]) -> Any:
        to_tensor = self.onnx.numpy_helper.from_array
        used = {name: self.constants[name] for node in self.nodes for name in node.input if name in self.constants}
        constants = [to_tensor(np.ascontiguousarray(x).reshape(x.shape), name) for name, x in used.items()]
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

    def axis(self) -> int:
        axis = self.setting("axis")
        if not isinstance(axis, int | np.integer):
            raise self.error(f"its axis is {axis!r}, not one")
        return int(axis)

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
        found = [i for i in self.first.looked_up(self.a.settings) if i in self.second.looked_up(self.b.settings)]
        if len(found) > 1:
            raise self.error(f"the inputs {found} hold the same integers; give examples that differ")
        return self.graph.names[id(self.first.inputs[found[0]])] if found else None

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
