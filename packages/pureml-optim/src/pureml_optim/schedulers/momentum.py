"""The momentum of an optimizer, whatever its rule calls it."""

from __future__ import annotations

from ..optimizer import Optimizer

NAMES = ("momentum", "beta1", "beta")  # RMSProp's `beta` is none, hence last; SGD's `momentum` is a word


def momentum_names(optim: Optimizer) -> list[str]:
    """For every group, which of its settings is its momentum: a number, and in use.

    Raises:
        ValueError: a group has none, or one of 0: its rule would have no slots for it.
    """
    names = []
    for group in optim.groups:
        name = next((name for name in NAMES if isinstance(group.settings.get(name), float)), None)
        if not name or group.settings[name] == 0:
            given = f"{name}=0" if name else f"none of {', '.join(NAMES)}"
            raise ValueError(f"{type(optim).__name__}: has {given}, needed a momentum > 0 that can be cycled")
        names.append(name)
    return names


def set_momentum(optim: Optimizer, value: float) -> None:
    """Set the momentum of every group."""
    for group, name in zip(optim.groups, momentum_names(optim), strict=True):
        group.settings[name] = value
