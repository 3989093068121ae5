"""Initialisers: functions (fan_in, fan_out, rng) -> array of shape (fan_in, fan_out)."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

Initialiser = Callable[[int, int, np.random.Generator], np.ndarray]


def glorot_normal(fan_in: int, fan_out: int, rng: np.random.Generator) -> np.ndarray:
    """Normal with standard deviation √(2 / (fan_in + fan_out)) (Glorot & Bengio 2010, eq. 12)."""
    return rng.normal(0.0, np.sqrt(2.0 / (fan_in + fan_out)), (fan_in, fan_out))


def he_normal(fan_in: int, fan_out: int, rng: np.random.Generator) -> np.ndarray:
    """Normal with standard deviation √(2 / fan_in), for rectifiers (He et al. 2015, eq. 10)."""
    return rng.normal(0.0, np.sqrt(2.0 / fan_in), (fan_in, fan_out))


METHODS: dict[str, Initialiser] = {"xavier-glorot-normal": glorot_normal, "kaiming-normal": he_normal}


def by_name(method: str) -> Initialiser:
    """The initialiser of that name.

    Raises:
        ValueError: there is none; the message lists those there are.
    """
    if not isinstance(method, str) or method not in METHODS:
        raise ValueError(f"unknown initialisation {method!r}; there are {', '.join(sorted(METHODS))}")
    return METHODS[method]


def positive_sizes(layer: str, **sizes: Any) -> list[int]:
    """The sizes as Python integers (NumPy's are welcome).

    Raises:
        ValueError: one is not a positive integer.
    """
    for name, size in sizes.items():
        try:
            good = operator.index(size) > 0
        except TypeError:
            good = False
        if not good or isinstance(size, bool):
            raise ValueError(f"{layer}: given {name}={size!r}, needed a positive integer")
    return [operator.index(size) for size in sizes.values()]
