"""Which parameters are meant: by name, whatever they were given as, and in groups by patterns of their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from pureml_core import Composite, Tensor, parameters

Params: TypeAlias = Any  # tensors in any iterable or by name, an object to walk, or a list of groups


def by_name(params: Params, start: int, where: str) -> dict[str, Tensor]:
    """Parameters by name, whatever they were given as; those in a list by their numbers from `start`.

    Raises:
        TypeError: something is no tensor, or a name no string.
    """
    if isinstance(params, Composite):
        return parameters(params)
    if isinstance(params, Tensor) or not isinstance(params, Iterable):
        raise TypeError(f"{where}: given {type(params).__name__}, needed tensors in a list, or a model to walk")
    items = dict(params) if isinstance(params, Mapping) else {str(i): p for i, p in enumerate(params, start)}
    for name, item in items.items():
        if not isinstance(name, str):
            raise TypeError(f"{where}: given the name {name!r}; names of parameters are strings")
        if not isinstance(item, Tensor | Composite):
            raise TypeError(f"{where}: parameter {name!r} is {type(item).__name__}, needed a Tensor")
    return parameters(items) if any(isinstance(item, Composite) for item in items.values()) else items


def by_pattern(params: Params, groups: Mapping[Any, Mapping[str, Any]], where: str) -> list[tuple[Params, Any]]:
    """Parameters and settings: those that fit no pattern first, then each pattern's.

    Raises:
        TypeError: `groups` are no settings by pattern.
        ValueError: a pattern fits no parameter.
    """
    if not groups:
        return [(params, {})]
    if not isinstance(groups, Mapping) or not all(
        isinstance(key, str | tuple) and isinstance(own, Mapping) for key, own in groups.items()
    ):
        raise TypeError(
            f"{where}: groups: given {groups!r:.60}, needed settings by pattern, {{'*.b': {{'weight_decay': 0}}}}"
        )
    rest, found = by_name(params, 0, where), []
    for key, own in groups.items():
        patterns = (key,) if isinstance(key, str) else key
        fit = {name: t for name, t in rest.items() if any(fnmatchcase(name, pattern) for pattern in patterns)}
        if not fit:
            raise ValueError(f"{where}: the pattern {key!r} fits none of {', '.join(rest) or 'no parameters'}")
        rest = {name: t for name, t in rest.items() if name not in fit}
        found.append((fit, own))
    return [(rest, {}), *found] if rest else found
