"""Slots: arrays that a rule keeps for every parameter, in shapes that follow from the parameter's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Shape: TypeAlias = tuple[int, ...]
ShapeOf: TypeAlias = Callable[[Shape], Shape | None]  # of a slot, for a parameter's shape; None: it needs none


def like_parameter(*slots: str) -> dict[str, ShapeOf]:
    """Slots of the parameter's own shape, for `slots_for`."""
    return dict.fromkeys(slots, lambda shape: shape)
