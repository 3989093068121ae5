"""Watching a call: the operations in it that depend on its input, and what they were given."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from pureml_core import Tensor, enable_grad
from pureml_core.mode import Observer
from pureml_core.state import parameters

from .onnx_ops import CONVERTERS


class ExportError(ValueError):
    """A model cannot be written as an ONNX graph; the message names the operation and the reason."""


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
        if not any(id(array_of(x)) in self.seen for x in inputs) and not self.looked_up(settings):
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

    def looked_up(self, settings: dict[str, Any] | None) -> list[int]:
        """Which inputs of integers are among the settings of an operation, by their values: `Embedding` copies them."""
        arrays = [x for x in (settings or {}).values() if isinstance(x, np.ndarray) and x.dtype.kind in "iu"]
        return [
            i
            for i, x in enumerate(self.inputs)
            if x.dtype.kind in "iu" and any(np.array_equal(x, array) for array in arrays)
        ]


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
