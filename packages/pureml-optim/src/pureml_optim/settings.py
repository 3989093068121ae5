"""What a setting may be: one small function for each kind, from what was given to a plain Python value.

Numbers become Python floats on purpose: NumPy's own scalars (`np.float64(1e-3)`) would turn every float32 expression
that they meet into float64.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any, TypeAlias

Check: TypeAlias = Callable[[str, Any], Any]  # (name for the message, what was given) -> the value to keep


def checked(owner: str, known: Mapping[str, Check], given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as plain Python values, or an error that names the owner and the wrong one."""
    for name in given:
        if name not in known:
            raise ValueError(f"{owner}: unknown setting {name!r}; it has {', '.join(known)}")
    return {name: known[name](f"{owner}: {name}", value) for name, value in given.items()}


def between(low: float = -math.inf, below: float = math.inf) -> Check:
    """A finite number, `low <= x < below`, as a float."""
    needed = (
        "a finite number"
        + (f" >= {low:g}" if low > -math.inf else "")
        + (f" and < {below:g}" if below < math.inf else "")
    )

    def check(name: str, given: Any) -> float:
        number = _plain(given)
        if isinstance(number, bool) or not isinstance(number, Real):
            raise TypeError(f"{name}: given {given!r}, needed {needed}")
        value = float(number) if abs(number) <= sys.float_info.max else math.inf  # no integer beyond is a float
        if not (math.isfinite(value) and low <= value < below):
            raise ValueError(f"{name}: given {given!r}, needed {needed}")
        return value

    return check


def whole(low: int) -> Check:
    """An integer, at least `low`, as an int."""

    def check(name: str, given: Any) -> int:
        number = _plain(given)
        if isinstance(number, bool) or not isinstance(number, Integral):
            raise TypeError(f"{name}: given {given!r}, needed an integer >= {low}")
        if number < low:
            raise ValueError(f"{name}: given {given!r}, needed an integer >= {low}")
        return int(number)

    return check


def one_of(*choices: str) -> Check:
    """One of a few words."""

    def check(name: str, given: Any) -> str:
        if not isinstance(given, str) or given not in choices:
            raise ValueError(f"{name}: given {given!r}, needed one of {', '.join(map(repr, choices))}")
        return given

    return check


def flag(name: str, given: Any) -> bool:
    """True or False."""
    value = _plain(given)
    if not isinstance(value, bool):
        raise TypeError(f"{name}: given {given!r}, needed True or False")
    return value


def _plain(x: Any) -> Any:
    """The Python scalar in a NumPy scalar, a 0-d array or a 0-d tensor; anything else as it is."""
    return x.item() if getattr(x, "ndim", None) == 0 and hasattr(x, "item") else x
