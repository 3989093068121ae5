"""The global sources of random numbers as one Stateful object, so that a checkpoint can hold them."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from .random import put_sequence, sequence
from .state import State, StateMismatch, check_kind, decode, encode

KIND = "pureml_core.GlobalRandomness/1"


class GlobalRandomness:
    """The seed sequence of `set_seed`, Python's `random`, and NumPy's legacy `np.random`: what `seed_everything` seeds.

    >>> from pureml_core import draw_seed
    >>> before = GlobalRandomness().state()
    >>> first = draw_seed(), random.random(), np.random.rand()
    >>> GlobalRandomness().restore(before)
    []
    >>> first == (draw_seed(), random.random(), np.random.rand())
    True
    """

    def state(self) -> State:
        """Where the three of them stand."""
        seeds: Any = sequence()
        version, words, gauss = random.getstate()
        legacy: Any = np.random.get_state(legacy=False)  # noqa: NPY002 - programs that still use it are the reason
        entropy = seeds.entropy if isinstance(seeds.entropy, int) else [int(x) for x in seeds.entropy]
        literals = {
            "sequence": encode(
                {
                    "entropy": entropy,
                    "spawn_key": [int(x) for x in seeds.spawn_key],
                    "pool_size": seeds.pool_size,
                    "n_children_spawned": seeds.n_children_spawned,
                }
            ),
            "python": encode({"version": version, "gauss": gauss}),
            "numpy": encode(
                {
                    "bit_generator": legacy["bit_generator"],
                    "pos": legacy["state"]["pos"],
                    "has_gauss": legacy["has_gauss"],
                    "gauss": legacy["gauss"],
                }
            ),
        }
        arrays = {"python": np.array(words, np.uint64), "numpy": legacy["state"]["key"].copy()}
        return State(KIND, arrays, literals)

    def restore(self, state: State, *, strict: bool = True) -> list[str]:
        """Go on from where a state was taken, all three or none; `strict` makes no difference.

        Raises:
            ValueError: the state is another object's, or impossible.
        """
        check_kind(self, state, KIND)
        try:
            given = {name: decode(state.literals[name]) for name in ("sequence", "python", "numpy")}
            seeds = np.random.SeedSequence(**given["sequence"])
            python = given["python"]["version"], tuple(state.arrays["python"].tolist()), given["python"]["gauss"]
            random.Random().setstate(python)
            key = np.array(state.arrays["numpy"], np.uint32)
            pos = given["numpy"].pop("pos")
            numpy = {**given["numpy"], "state": {"key": key, "pos": pos}}
            np.random.RandomState().set_state(numpy)
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise StateMismatch("GlobalRandomness", [f"it is not a state of its own making: {error!r}"]) from error
        put_sequence(seeds)
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        return []
