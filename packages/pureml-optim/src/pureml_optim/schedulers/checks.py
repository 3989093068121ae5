"""What a setting of a schedule may be, beside the kinds in `settings`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..settings import Check, between, whole


def positive(below: float = math.inf) -> Check:
    """A finite number, `0 < x < below`, as a float."""
    number = between(0, below)

    def check(name: str, given: Any) -> float:
        value: float = number(name, given)
        if value == 0:
            raise ValueError(f"{name}: given {given!r}, needed a number > 0")
        return value

    return check


def optional(check: Check) -> Check:
    """None, or what another check lets pass."""
    return lambda name, given: None if given is None else check(name, given)


def rising_steps(name: str, given: Any) -> list[int]:
    """Steps >= 0, none before the one in front of it, as a list of its own."""
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise TypeError(f"{name}: given {given!r}, needed a list of steps")
    steps = [whole(0)(f"{name}[{i}]", step) for i, step in enumerate(given)]
    if steps != sorted(steps):
        raise ValueError(f"{name}: given {given!r}, needed steps in rising order")
    return steps
