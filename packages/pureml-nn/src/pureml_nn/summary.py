"""A table of a model's layers: the shapes of their outputs, parameters, multiply-adds and memory."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from pureml_core import Buffer, Observer, Tensor, named_tensors, no_grad, parameters

from .hooks import register
from .walking import Layered, dtype_of, named


def _size(x: Any) -> int:
    return math.prod(np.shape(x))


def _contraction(x: Any, y: Any, value: Any) -> int:
    """Every index is in two of (a, b, value): the product of all sizes is the root of the product of theirs."""
    return math.isqrt(_size(x) * _size(y) * _size(value))


def _steps(X: Any, matrices: Sequence[Any]) -> int:
    return _size(X) // (np.shape(X)[-1] or 1) * sum(_size(W) for W in matrices)


# Multiply-adds of the operations that consist of products, by name: (inputs, value) -> count. Others count none.
PRODUCTS: dict[str, Callable[[Any, Any], int]] = {
    "matmul": lambda x, y: _size(y) * np.shape(x[0])[-1],
    "affine": lambda x, y: _size(y) * np.shape(x[1])[0],
    "dot": lambda x, y: _contraction(x[0], x[1], y),
    "inner": lambda x, y: _contraction(x[0], x[1], y),
    "tensordot": lambda x, y: _contraction(x[0], x[1], y),
    "vecdot": lambda x, y: max(_size(x[0]), _size(x[1])),
    "conv2d": lambda x, y: _size(y) * _size(x[1][0]),  # w (O, C/groups, h, w)
    "conv_transpose2d": lambda x, y: _size(x[0]) * _size(x[1][0]),  # w (C, O/groups, h, w)
    "attention": lambda x, y: _size(x[0]) * np.shape(x[1])[-2] + _size(y) * np.shape(x[1])[-2],  # q kᵀ and w v
    "lstm": lambda x, y: _steps(x[0], x[3:5]),  # x W + h U
    "gru": lambda x, y: _steps(x[0], x[2:4]),
    "rnn": lambda x, y: _steps(x[0], x[2:4]),
}


@dataclass
class Row:
    """What a summary knows of a layer, the layers inside included.

    Attributes:
        name: dotted, empty for the whole.
        label: the name within the layer that holds it; depth: how many hold it.
        kind: its class.
        output: shape of its last output, a tuple of shapes for several; None if it was not called.
        calls: how often it was called.
        trainable, frozen: numbers of parameters; shared ones count in each layer that holds them, once.
        multiply_adds: of the products (matrix products, convolutions, attention, recurrences; not of `einsum`).
        memory: bytes of the arrays that its operations computed; a training step keeps most of them.
    """

    name: str
    label: str
    depth: int
    kind: str
    trainable: int
    frozen: int
    output: Any = None
    calls: int = 0
    multiply_adds: int = 0
    memory: int = 0


@dataclass(frozen=True)
class Summary:
    """The rows of a model, from the whole to its parts: `print` it, or look at it in a notebook."""

    rows: tuple[Row, ...]
    parameter_bytes: int

    @property
    def total(self) -> Row:
        """The row of the whole."""
        return self.rows[0]

    def __str__(self) -> str:
        cells = [HEADER, *map(_cells, self.rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(HEADER))]
        lines = [
            "  ".join(c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
            for row in cells
        ]
        rule = "-" * max(map(len, lines))
        return "\n".join(line.rstrip() for line in [lines[0], rule, *lines[1:], rule, self._footer()])

    __repr__ = __str__

    def to_html(self) -> str:
        """The table as a piece of HTML that needs nothing else."""

        def row(cells: Sequence[str], tag: str) -> str:
            # a name is indented by its spaces
            styles = ["text-align:left;white-space:pre"] * 2 + ["text-align:right"] * (len(cells) - 2)
            inner = (f'<{tag} style="{s}">{html.escape(c)}</{tag}>' for s, c in zip(styles, cells, strict=True))
            return f"<tr>{''.join(inner)}</tr>"

        body = "\n".join(row(_cells(r), "td") for r in self.rows)
        return (
            f"<table>\n<caption>{html.escape(self._footer())}</caption>\n<thead>{row(HEADER, 'th')}</thead>\n"
            f"<tbody>\n{body}\n</tbody>\n</table>"
        )

    _repr_html_ = to_html

    def _footer(self) -> str:
        t = self.total
        frozen = f", {t.frozen:,} of them frozen" if t.frozen else ""
        return (
            f"{t.trainable + t.frozen:,} parameters{frozen}, {_bytes(self.parameter_bytes)}; "
            f"{t.multiply_adds:,} multiply-adds; {_bytes(t.memory)} of activations"
        )


HEADER = ("layer", "kind", "output", "parameters", "multiply-adds", "memory")


def _cells(row: Row) -> tuple[str, ...]:
    """A row as text. Frozen parameters are said beside the number of all."""
    frozen = "" if not row.frozen else " (frozen)" if not row.trainable else f" ({row.frozen:,} frozen)"
    return (
        "  " * row.depth + row.label,
        row.kind,
        ("not called" if not row.calls else str(row.output)) + (f" ×{row.calls}" if row.calls > 1 else ""),
        f"{row.trainable + row.frozen:,}{frozen}" if row.trainable + row.frozen else "",
        f"{row.multiply_adds:,}" if row.multiply_adds else "",
        _bytes(row.memory) if row.memory else "",
    )


def _bytes(n: float) -> str:
    for unit in ("B", "kB", "MB"):
        if n < 1000:
            return f"{n:.4g} {unit}"
        n /= 1000
    return f"{n:.4g} GB"


def summary(
    layer: Any, input_shape: Sequence[Any] | None = None, *, inputs: Any = None, dtype: Any = None, **settings: Any
) -> Summary:
    """Call a layer once on zeros and tell of every layer inside: output shape, parameters, multiply-adds, memory.

    It is called in evaluation mode under `no_grad`; modes, attributes, buffers and generators are left as they were.

    Args:
        input_shape: of the whole input with its batch axis, or a list of shapes for several inputs.
        inputs: an array or a tuple of inputs instead of zeros.
        dtype: of the zeros; that of the parameters when None. Class indices, as for an Embedding, need `int`.
        settings: are passed on to the call.

    Raises:
        TypeError: `layer` is no Layer, or both or neither of shape and inputs are given, or no shape is one.

    >>> from pureml_nn import Affine, Sequential, relu
    >>> print(summary(Sequential(Affine(4, 8), relu, Affine(8, 2)), (3, 4)))
    layer       kind        output  parameters  multiply-adds  memory
    -----------------------------------------------------------------
    (whole)     Sequential  (3, 2)          58            144   216 B
      layers.0  Affine      (3, 8)          40             96    96 B
      layers.2  Affine      (3, 2)          18             48    24 B
    -----------------------------------------------------------------
    58 parameters, 232 B; 144 multiply-adds; 216 B of activations
    """
    call: Any = layer
    if not isinstance(layer, Layered):
        raise TypeError(f"summary: given {type(layer).__name__}, needed a Layer")
    xs = _given(layer, input_shape, inputs, dtype)
    layers: dict[str, Any] = dict(named(layer, Layered))
    rows = {id(item): _row(name, item, layers) for name, item in layers.items()}
    counter = _Counter()
    with _left_alone(layer, Layered), ExitStack() as hooks:
        for item in layers.values():
            item.training = False
            hooks.enter_context(register(item, lambda item, _: counter.enter(rows[id(item)]), before=True))
            hooks.enter_context(register(item, lambda item, _, output: counter.leave(rows[id(item)], output)))
        with no_grad(), counter:
            call(*xs, **settings)
    size = sum(p.data.nbytes for p in parameters(layer).values())
    return Summary(tuple(rows.values()), size)


def _given(layer: Any, shape: Any, inputs: Any, dtype: Any) -> tuple[Any, ...]:
    """The inputs to call a layer with."""
    if (shape is None) == (inputs is None):
        raise TypeError("summary: needed one of input_shape=(batch, ...) and inputs=")
    if inputs is not None:
        return inputs if isinstance(inputs, tuple) else (inputs,)
    needed = f"summary: given input_shape={shape!r}, needed a shape such as (32, 784), or a list of shapes"
    if not isinstance(shape, list | tuple):
        raise TypeError(needed)
    shapes = shape if shape and all(isinstance(s, list | tuple) for s in shape) else [shape]
    if not all(isinstance(n, int | np.integer) and n >= 0 for s in shapes for n in s):
        raise TypeError(needed)
    kind = dtype or dtype_of(layer, set()) or np.float32
    return tuple(np.zeros(tuple(s), kind) for s in shapes)


def _row(name: str, layer: Any, layers: Mapping[str, Any]) -> Row:
    *around, last = [i for i, c in enumerate(name) if c == "." and name[:i] in layers] or [-1]
    depth = len(around) + 1 + (last >= 0) if name else 0
    sizes = {True: 0, False: 0}
    for p in parameters(layer).values():
        sizes[p.requires_grad] += p.size
    return Row(name, name[last + 1 :] or "(whole)", depth, type(layer).__name__, sizes[True], sizes[False])


class _Counter(Observer):
    """Adds what operations cost to every layer that is being called."""

    def __init__(self) -> None:
        self.running: list[Row] = []

    def enter(self, row: Row) -> None:
        self.running.append(row)

    def leave(self, row: Row, output: Any) -> None:
        while self.running.pop() is not row:  # an error that was caught left those inside of it
            pass
        row.calls += 1
        row.output = _shapes(output)

    def computed(self, op: Any, inputs: Any, value: Any, node: Any) -> None:
        known = PRODUCTS.get(op.name) if op.key.startswith(("pureml_core.", "pureml_nn.")) else None
        products = known(inputs, value) if known else 0
        given = [x.data if isinstance(x, Tensor) else x for x in inputs]
        made = [y for y in (value if isinstance(value, tuple) else (value,)) if not any(y is x for x in given)]
        memory = sum(y.nbytes for y in made if isinstance(y, np.ndarray) and not _is_view(y, given))
        for row in {id(row): row for row in self.running}.values():
            row.multiply_adds += products
            row.memory += memory


def _is_view(y: np.ndarray, xs: list[Any]) -> bool:
    return y.base is not None and any(isinstance(x, np.ndarray) and np.may_share_memory(x, y) for x in xs)


def _shapes(output: Any) -> Any:
    if isinstance(output, list | tuple):
        return tuple(_shapes(y) for y in output)
    return np.shape(output) if isinstance(output, Tensor | np.ndarray) else type(output).__name__


@contextmanager
def _left_alone(layer: Any, base: type[Layered]) -> Iterator[None]:
    """Whatever a call changes inside the block, attributes, hooks, modes, buffers, generators, is put back."""
    attributes = [(item, dict(vars(item))) for _, item in named(layer, base)]
    leaves = [item for _, item in named_tensors(layer)]
    buffers = [(b, b.data, b.data.copy()) for b in leaves if isinstance(b, Buffer)]
    generators = [(g, g.bit_generator.state) for g in leaves if isinstance(g, np.random.Generator)]
    try:
        yield
    finally:
        for item, before in attributes:
            vars(item).clear()
            vars(item).update(before)
        for buffer, array, values in buffers:
            if buffer.data is not array:
                buffer.data = array
            if array.tobytes() != values.tobytes():
                array[...] = values
                buffer.touch()
        for rng, state in generators:
            rng.bit_generator.state = state
