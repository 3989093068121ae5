"""The momentum of an optimizer, whatever its rule calls it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..optimizer import Optimizer

NAMES = ("momentum", "beta1", "beta")  # RMSProp's `beta` is none, hence last; SGD's `momentum` is a word


def momentum_name(settings: Mapping[str, Any], where: str) -> str:
    """Which of a group's settings is its momentum: a number, and in use.

    Raises:
        ValueError: it has none, or none in use: its slots would be missing.
    """
    for name in NAMES:
        if isinstance(settings.get(name), float):
            if settings[name] == 0:
                raise ValueError(f"{where}: the optimizer has {name}=0; give it a momentum > 0 to be cycled")
            return name
    raise ValueError(f"{where}: the optimizer has none of {', '.join(NAMES)}, so no momentum that could be cycled")


def set_momentum(optim: Optimizer, value: float) -> None:
    """Set the momentum of every group."""
    names = [momentum_name(group.settings, "set_momentum") for group in optim.groups]
    for group, name in zip(optim.groups, names, strict=True):
        group.settings[name] = value
