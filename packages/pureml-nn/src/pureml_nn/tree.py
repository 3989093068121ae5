"""A layer as text: the tree of the layers inside, with their settings and the shapes of their parameters."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pureml_core import Buffer, Tensor
from pureml_core.state import encode, is_literal

from .layer_state import takes
from .walking import held

if TYPE_CHECKING:
    from .layer import Layer

VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def tree(layer: Layer, base: type[Layer], seen: dict[int, str] | None = None, name: str = "") -> str:
    """`Affine(784, 256)  # W (784, 256), b (256,)`, and one indented line for each layer inside.

    Args:
        base: what counts as a layer.
        seen: the names of the layers that were shown already, and are only pointed to.
    """
    seen = {} if seen is None else seen
    seen[id(layer)] = name
    parts = list(_parts(layer, base))
    head = f"{type(layer).__name__}({', '.join(arguments(layer))})"
    shapes = ", ".join(f"{key} {p.shape}{'' if p.requires_grad else ' frozen'}" for key, p in _own(parts))
    comment = f"  # {shapes}" if shapes else ""
    lines = []
    for key, child in parts:
        if isinstance(child, Tensor):
            continue
        path = f"{name}.{key}" if name else key
        if id(child) in seen:
            text = f"the same as {seen[id(child)] or 'the whole'}"
        elif not isinstance(child, base):
            text = getattr(child, "__name__", None) or repr(child)
        elif type(child).__repr__ is base.__repr__:
            text = tree(child, base, seen, path)
        else:
            seen[id(child)] = path
            text = repr(child)
        lines.append(f"{key}: {text}".replace("\n", "\n  "))
    if not lines:
        return head + comment
    return "\n  ".join([f"{head[:-1]}{',' if head[-2] != '(' else ''}{comment}", *lines]) + "\n)"


def arguments(layer: Layer) -> Iterator[str]:
    """The settings of a layer as arguments of its class: those needed, and others where they are not the default."""
    for name, argument in list(inspect.signature(type(layer).__init__).parameters.items())[1:]:
        key = next((key for key in (name, f"use_{name}") if key in vars(layer)), None)
        if key is None or name in type(layer).drawn_by or not takes(layer, key) or argument.kind in VARIADIC:
            continue
        value = vars(layer)[key]
        if argument.default is argument.empty:
            yield repr(value) if argument.kind is not argument.KEYWORD_ONLY else f"{name}={value!r}"
        elif not _same(value, argument.default):
            yield f"{name}={value!r}"


def _same(value: Any, default: Any) -> bool:
    """Whether a setting is its default, which may stand for each of its items: a stride of (1, 1) for 1."""
    if not is_literal(default):
        return False
    wanted = encode(default)  # encoded: nan is itself there
    each = value if isinstance(value, tuple) and not isinstance(default, tuple) and value else (value,)
    return all(encode(item) == wanted for item in each)


def _own(parts: list[tuple[str, Any]]) -> Iterator[tuple[str, Tensor]]:
    found: set[int] = set()
    for key, item in parts:
        if isinstance(item, Tensor) and id(item) not in found:
            found.add(id(item))
            yield key, item


def _parts(layer: Layer, base: type[Layer]) -> Iterator[tuple[str, Any]]:
    """The layers, and functions in lists of layers, and the parameters that a layer holds itself, by name.

    Those of the list that a Sequential has are numbered: its name says nothing.
    """
    found: set[int] = set()

    def walk(name: str, item: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(item, base):
            yield name, item
        elif isinstance(item, Tensor):
            declared = item.is_leaf and bool(getattr(item, "_declared", False))
            if declared and not isinstance(item, Buffer):
                yield name, item
        elif (inside := held(item)) is not None and id(item) not in found:
            found.add(id(item))
            layers = any(isinstance(value, base) for _, value in inside)
            for key, value in inside:
                if layers and callable(value) and not isinstance(value, base):
                    yield f"{name}.{key}", value
                else:
                    yield from walk(f"{name}.{key}", value)

    for key, value in list(vars(layer).items()):
        for name, item in walk(key, value):
            yield (name.removeprefix(f"{key}.") if key == type(layer)._numbered else name), item
