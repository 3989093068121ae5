"""Helpers of the paper's library: array storage, batches, pipelines, seeds and checks."""

from __future__ import annotations

import datetime
import operator
import random
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
from pureml_core import Tensor
from pureml_core.random import draw_seed
from pureml_core.state import is_literal
from pureml_io import ArrayStorage

__all__ = [
    "ArrayStorage",
    "batches_of",
    "compose_steps",
    "current_time",
    "ensure_context_dict",
    "ensure_forward_output",
    "get_random_seed",
    "is_json_literal",
    "rng_from_seed",
    "validate_layer_contract",
]


def batches_of(
    iterable: Iterable[Any],
    batch_size: int = -1,
    shuffle: bool = False,
    *,
    out_as: Callable[[Any], Any] = list,
    ranges: bool = False,
    inclusive_end: bool = False,
    rng: random.Random | None = None,
) -> Iterator[Any]:
    """The items of an iterable in batches, or where each batch starts and ends; nothing makes no batches.

    Args:
        iterable: text, lists, tuples, ranges, arrays and Tensors are sliced, anything else is consumed as the batches
            are. Shuffled, what takes numbers is asked for its items one by one, anything else is read whole first.
        batch_size: items in a batch; the last one has what is left. 0 or less: all in one.
        shuffle: in a random order.
        out_as: makes a batch of its items (or of the pair of numbers), such as `tuple` or `np.array`.
        ranges: give (start, end) instead of the items; `end` is the last item's number if `inclusive_end`, else one
            more.
        rng: shuffles; the module `random` if None.

    Raises:
        ValueError: both `ranges` and `shuffle`.
        TypeError: `batch_size` is not an integer.

    >>> list(batches_of("abcde", 2)), list(batches_of(range(5), 2, ranges=True, out_as=tuple))
    ([['a', 'b'], ['c', 'd'], ['e']], [(0, 2), (2, 4), (4, 5)])
    """
    size = operator.index(batch_size)
    if ranges and shuffle:
        raise ValueError("batches_of: given ranges and shuffle; shuffled batches are no ranges")
    items: Any = iterable
    if shuffle:
        by_number = hasattr(items, "__getitem__") and hasattr(items, "__len__") and not hasattr(items, "keys")
        table = items if by_number else list(items)
        order = list(range(len(table)))
        (rng or random).shuffle(order)
        items = map(table.__getitem__, order)
    return _batches(items, size, out_as, ranges, inclusive_end)


def _batches(items: Any, size: int, out_as: Callable[[Any], Any], ranges: bool, inclusive: bool) -> Iterator[Any]:
    sliced = isinstance(items, str | bytes | list | tuple | range) or (
        isinstance(items, np.ndarray | Tensor) and items.ndim > 0
    )
    rest = None if sliced else iter(items)
    start = 0
    while True:
        stop = start + size if size > 0 else None
        batch = items[start:stop] if rest is None else list(islice(rest, None if stop is None else size))
        if not (n := len(batch)):
            return
        yield out_as((start, start + n - inclusive) if ranges else batch)
        start += n


def compose_steps(*steps: tuple[Callable[..., Any], dict[str, Any] | None]) -> Callable[[Any], Any]:
    """One function of several: each step's value is the next one's first argument.

    Args:
        steps: pairs of a function and its keyword arguments, or None.

    Raises:
        TypeError: a step is something else.

    >>> compose_steps((sorted, {"reverse": True}), (tuple, None))([1, 3, 2])
    (3, 2, 1)
    """
    for i, step in enumerate(steps):
        pair = isinstance(step, tuple) and len(step) == 2
        if not (pair and callable(step[0]) and (step[1] is None or isinstance(step[1], dict))):
            raise TypeError(f"compose_steps: step {i} is {step!r}, needed a pair of a function and a dict or None")
    fixed = [(f, dict(settings or {})) for f, settings in steps]

    def composed(x: Any) -> Any:
        for f, settings in fixed:
            x = f(x, **settings)
        return x

    return composed


def current_time() -> str:
    """The local time as text for file names, `2026-11-25_143005`."""
    return datetime.datetime.now().strftime("%Y-%m-%d_%H%M%S")


def is_json_literal(x: Any) -> bool:
    """Whether a value can be saved with a model: None, bool, number, str, date, lists, tuples and dicts of these.

    NumPy's scalars and 0-d arrays count as numbers, dicts need strings as keys.
    """
    return is_literal(x)


def get_random_seed() -> int:
    """A seed of 64 bits: from the operating system, or from `pureml_core.set_seed` once that was called."""
    return draw_seed()


def rng_from_seed(seed: int | None = None) -> tuple[np.random.Generator, int]:
    """A random generator and its seed, drawn as by `get_random_seed` when None.

    Raises:
        TypeError: `seed` is not an integer.
        ValueError: `seed` is negative.
    """
    seed = draw_seed(seed)
    return np.random.default_rng(seed), seed


def ensure_context_dict(ctx: Any, *, name: str = "context") -> dict[str, Any]:
    """`ctx` itself, if it is a dict.

    Raises:
        TypeError: it is not.
    """
    if not isinstance(ctx, dict):
        raise TypeError(f"{name} must be a dict, given {type(ctx).__name__}")
    return ctx


def ensure_forward_output(output_data: Any, *, fn_name: str, tensor_type: type | None = None) -> None:
    """Check that a forward function returned an array or a number.

    Raises:
        TypeError: it returned a `tensor_type`.
    """
    if tensor_type is not None and isinstance(output_data, tensor_type):
        raise TypeError(f"{fn_name} returned a {tensor_type.__name__}, needed an array or a number")


def validate_layer_contract(layer: Any, *, tensor_type: type) -> None:
    """Check that a layer's `parameters` are tensors that are trained, and its `named_buffers()`, if any, can be saved.

    Raises:
        TypeError: `layer` has no parameters, one is no `tensor_type`, or a buffer is neither one, nor an array, nor a
            JSON value.
        ValueError: a parameter has no `requires_grad`.
    """
    if not hasattr(layer, "parameters"):
        raise TypeError(f"given {layer!r:.100}, needed a layer: it has no attribute 'parameters'")
    for i, parameter in enumerate(layer.parameters):
        if not isinstance(parameter, tensor_type):
            raise TypeError(f"parameters[{i}] is a {type(parameter).__name__}, needed a {tensor_type.__name__}")
        if not parameter.requires_grad:  # type: ignore[attr-defined]
            raise ValueError(f"parameters[{i}] is not trained: its requires_grad is False")
    buffers = layer.named_buffers() if hasattr(layer, "named_buffers") else {}
    if not isinstance(buffers, dict):
        raise TypeError(f"named_buffers() returned a {type(buffers).__name__}, needed a dict")
    for name, value in buffers.items():
        if not isinstance(name, str):
            raise TypeError(f"named_buffers() has the key {name!r}, needed strings")
        if not isinstance(value, tensor_type | np.ndarray) and not is_json_literal(value):
            raise TypeError(f"named_buffers()[{name!r}] is a {type(value).__name__}, needed an array or a JSON value")
