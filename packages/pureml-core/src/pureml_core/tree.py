"""Nested containers of arrays: lists, tuples, named tuples and dicts, in any depth; None holds nothing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any


def leaves(tree: Any) -> list[Any]:
    """What is in a tree, in the order of its containers; anything that is no container is a leaf."""
    if isinstance(tree, dict):
        return [leaf for value in tree.values() for leaf in leaves(value)]
    if isinstance(tree, list | tuple):
        return [leaf for value in tree for leaf in leaves(value)]
    return [] if tree is None else [tree]


def like(tree: Any, new: Iterator[Any]) -> Any:
    """A tree of the same containers, with its leaves taken from an iterator."""
    if isinstance(tree, dict):
        kind = OrderedDict if isinstance(tree, OrderedDict) else dict
        return kind((key, like(value, new)) for key, value in tree.items())
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*[like(value, new) for value in tree])
    if isinstance(tree, list | tuple):
        items = [like(value, new) for value in tree]
        return items if isinstance(tree, list) else tuple(items)
    return None if tree is None else next(new)


def mapped(f: Callable[[Any], Any], tree: Any) -> Any:
    """A tree of the same containers, with f of every leaf."""
    return like(tree, map(f, leaves(tree)))


def paths(tree: Any, name: str = "") -> Iterator[str]:
    """How each leaf is reached: "['w'][0]"."""
    if isinstance(tree, dict | list | tuple):
        items = tree.items() if isinstance(tree, dict) else enumerate(tree)
        for key, value in items:
            yield from paths(value, f"{name}[{key!r}]")
    elif tree is not None:
        yield name
