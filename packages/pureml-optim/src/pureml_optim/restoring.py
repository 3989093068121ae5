"""Reading an optimizer's state: everything is looked at before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pureml_core import State

from .blocks import Entry, Group
from .settings import between, whole


@dataclass
class Found:
    """What fits, and one line for everything that does not."""

    problems: list[str] = field(default_factory=list)
    lr: float | None = None
    initial_lr: float | None = None
    groups: list[tuple[Group, dict[str, Any], float]] = field(default_factory=list)
    entries: list[tuple[Entry, int, dict[str, np.ndarray]]] = field(default_factory=list)


def read(
    state: State,
    groups: list[Group],
    entries: Iterable[Entry],
    checked: Callable[[Mapping[str, Any]], dict[str, Any]],
    slots_for: Callable[[Mapping[str, Any]], Mapping[str, Callable[..., Any]]],
) -> Found:
    """What of a state fits these groups and entries."""
    found = Found()
    literals = state.literals
    saved = [g if isinstance(g, Mapping) else {} for g in _as(list, literals.get("groups"))]
    steps = _as(dict, literals.get("steps"))
    shapes: dict[str, Any] = {}
    for given in saved:
        shapes |= _as(dict, given.get("params"))
    try:
        lr = checked({"lr": literals.get("lr")})["lr"]
        first = literals.get("initial_lr")
        found.initial_lr = None if first is None else checked({"lr": first})["lr"]
        found.lr = lr
    except (TypeError, ValueError) as error:
        found.problems.append(str(error))
    if len(saved) != len(groups):
        found.problems.append(f"it has {len(saved)} groups, needed {len(groups)}")
    settings_of = {id(group): group.settings for group in groups}
    for i, (group, given) in enumerate(zip(groups, saved, strict=False)):
        try:
            settings = _group(group, given, checked)
        except (TypeError, ValueError) as error:
            found.problems.append(f"group {i}: {error}")
        else:
            found.groups.append((group, *settings))
            settings_of[id(group)] = settings[0]

    known: set[str] = set()
    for entry in entries:
        shapes_of = slots_for(settings_of[id(entry.group)])
        needed = {slot: shape for slot, of in shapes_of.items() if (shape := of(entry.tensor.shape)) is not None}
        try:
            t = _steps(entry, shapes, steps)
            slots = {
                slot: read_slot(f"{slot}.{entry.name}", shape, entry.tensor.dtype, state.arrays)
                for slot, shape in needed.items()
                if t or f"{slot}.{entry.name}" in state.arrays
            }
        except (TypeError, ValueError) as error:
            found.problems.append(str(error))
        else:
            found.entries.append((entry, t, slots))
        known |= {f"{slot}.{entry.name}" for slot in needed}
    names = {entry.name for entry in entries}
    found.problems += [f"unexpected parameter {name!r}" for name in {**shapes, **steps} if name not in names]
    found.problems += [f"unexpected {name!r}" for name in state.arrays if name not in known]
    return found


def _group(
    group: Group, given: Mapping[str, Any], checked: Callable[[Mapping[str, Any]], dict[str, Any]]
) -> tuple[dict[str, Any], float]:
    names = sorted(_as(dict, given.get("params")))
    if names != sorted(group.params):
        raise ValueError(f"has the parameters {', '.join(names)}, needed {', '.join(sorted(group.params))}")
    settings = checked(_as(dict, given.get("settings")))
    if missing := [name for name in group.settings if name not in settings]:
        raise ValueError(f"is missing the setting {', '.join(missing)}")
    return settings, between(0)("rate", given.get("rate"))


def _steps(entry: Entry, shapes: Mapping[str, Any], steps: Mapping[str, Any]) -> int:
    if entry.name not in shapes:
        raise ValueError(f"missing parameter {entry.name!r}")
    if shapes[entry.name] != list(entry.tensor.shape):
        raise ValueError(f"parameter {entry.name!r} has shape {shapes[entry.name]}, needed {list(entry.tensor.shape)}")
    t: int = whole(0)(f"steps of {entry.name!r}", steps.get(entry.name, 0))
    return t


def read_slot(name: str, shape: tuple[int, ...], dtype: np.dtype[Any], arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """A copy of the array of that name, in the parameter's dtype."""
    if name not in arrays:
        raise ValueError(f"missing {name!r}")
    array = np.asarray(arrays[name])
    if array.shape != shape:
        raise ValueError(f"{name!r} has shape {array.shape}, needed {shape}")
    if not np.can_cast(array.dtype, dtype, "same_kind"):
        raise ValueError(f"{name!r} has dtype {array.dtype}, needed {dtype}")
    with np.errstate(over="ignore"):
        copy = np.array(array, dtype, order="C")
    if not np.array_equal(np.isfinite(copy), np.isfinite(array)):
        raise ValueError(f"{name!r} has values beyond the range of {dtype}")
    return copy


def _as(kind: type, x: Any) -> Any:
    """A literal of a file, or an empty one where it is of another type: what should be there is then missing."""
    return x if isinstance(x, kind) else kind()
