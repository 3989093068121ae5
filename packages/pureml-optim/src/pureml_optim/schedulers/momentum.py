"""The momentum of an optimizer, whatever its rule calls it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..optimizer import Optimizer


def momentum_name(settings: Mapping[str, Any]) -> str | None:
    """Which setting is the momentum: `momentum` or `beta1`; `beta` where `momentum` is a word for its kind, as in SGD.

    A `beta` alone is none: that of RMSProp and AdaDelta is the memory of the squares.
    """
    if isinstance(settings.get("momentum"), str):
        return "beta"
    return next((name for name in ("momentum", "beta1") if name in settings), None)


def momentum_names(optim: Optimizer) -> list[str]:
    """The name of every group's momentum.

    Raises:
        ValueError: a group has none, or one of 0: its rule would have no slots for it.
    """
    names = []
    for group in optim.groups:
        name = momentum_name(group.settings)
        if name is None or group.settings[name] == 0:
            given = "no momentum" if name is None else f"{name}=0"
            raise ValueError(f"{type(optim).__name__}: has {given}, needed a momentum > 0 that can be cycled")
        names.append(name)
    return names


def set_momentum(optim: Optimizer, value: float) -> None:
    """Set the momentum of every group."""
    for group, name in zip(optim.groups, momentum_names(optim), strict=True):
        group.settings[name] = value
