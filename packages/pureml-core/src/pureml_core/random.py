"""One seed for everything that draws random numbers.

Every object that draws owns a `numpy.random.Generator`. Those that were given no seed of their own get one from a
single seed sequence, so that `set_seed` makes a whole program reproducible.
"""

from __future__ import annotations

import operator
import random
from typing import Any

import numpy as np

_sequence: np.random.SeedSequence | None = None  # made when it is needed: importing numpy.random takes a while


def sequence() -> np.random.SeedSequence:
    """The global seed sequence: entropy from the operating system until `set_seed` is called."""
    global _sequence
    if _sequence is None:
        _sequence = np.random.SeedSequence()
    return _sequence


def put_sequence(seeds: np.random.SeedSequence) -> None:
    """Make this the global seed sequence."""
    global _sequence
    _sequence = seeds


def set_seed(seed: int) -> None:
    """Start the global seed sequence anew: the generators made from now on draw the same numbers in every run.

    Args:
        seed: a non-negative integer.

    Raises:
        TypeError: `seed` is not an integer.
        ValueError: `seed` is negative.
    """
    put_sequence(np.random.SeedSequence(_checked(seed)))


def seed_everything(seed: int) -> int:
    """Start every global source of random numbers anew: `set_seed`, Python's `random`, NumPy's legacy `np.random`.

    Generators that exist already go on as they are: call this first, then make models and loaders.

    Args:
        seed: a non-negative integer of any size. `random.seed(seed)` and, below 2³², `np.random.seed(seed)` are what
            they are without pureml; NumPy's takes a larger one as a list of 32-bit words, the lowest first.

    Returns:
        The seed as an int, to be written down: `seed_everything(draw_seed())`.

    Raises:
        TypeError: `seed` is not an integer.
        ValueError: `seed` is negative.

    >>> seed_everything(7)
    7
    >>> first = random.random(), np.random.rand(), draw_seed()
    >>> first == (random.Random(7).random(), np.random.RandomState(7).rand(), first[2])
    True
    >>> seed_everything(7)
    7
    >>> first == (random.random(), np.random.rand(), draw_seed())
    True
    """
    seed = _checked(seed)
    set_seed(seed)
    random.seed(seed)
    words = [seed >> shift & 0xFFFFFFFF for shift in range(0, seed.bit_length(), 32)]
    np.random.seed(words if len(words) > 1 else seed)  # noqa: NPY002 - programs that still use it are the reason
    return seed


def generator(seed: int | np.random.Generator | None = None) -> np.random.Generator:
    """A random generator: of `seed`, or spawned from the global seed sequence when None.

    Args:
        seed: a non-negative integer, None, or a Generator, which is returned as it is and thereby shared.

    Raises:
        TypeError: `seed` is none of these.
        ValueError: `seed` is negative.

    >>> set_seed(0)
    >>> a, b = generator(), generator()
    >>> set_seed(0)
    >>> float(a.random()) == float(generator().random()) != float(b.random())
    True
    """
    if isinstance(seed, np.random.Generator):
        return seed
    return np.random.default_rng(sequence().spawn(1)[0] if seed is None else _checked(seed))


def draw_seed(seed: int | None = None) -> int:
    """A seed to keep: `seed` itself, or 64 bits drawn from the global seed sequence when None.

    Raises:
        TypeError: `seed` is not an integer.
        ValueError: `seed` is negative.
    """
    if seed is None:
        return int(sequence().spawn(1)[0].generate_state(1, np.uint64)[0])
    return _checked(seed)


def _checked(seed: Any) -> int:
    try:
        value = operator.index(seed)
    except TypeError:
        raise TypeError(f"given the seed {seed!r}, needed a non-negative integer or None") from None
    if value < 0:
        raise ValueError(f"given the seed {value}, needed a non-negative integer")
    return value
