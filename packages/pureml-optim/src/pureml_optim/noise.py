"""Gradient noise, which helps very deep networks out of bad starts."""

from __future__ import annotations

from typing import Any

import numpy as np
from pureml_core import Saved, State, generator
from pureml_core.state import StateMismatch, collect, kind_of, restore_tensors

from .gradients import gradients, tensors
from .naming import Params
from .optimizer import Optimizer
from .saved_literals import read_literals
from .settings import between, whole


class GradientNoise(Saved):
    """Gaussian noise added to gradients, less at every step: σ² = η / (1 + t)^γ (Neelakantan et al. 2015, section 2).

    Call `add()` between `backward()` and `step()`. The paper clips before it adds noise; it takes η from 0.01, 0.3 and
    1, and γ = 0.55. Of a row-sparse gradient only the touched rows receive noise, so that it stays sparse.

    Args:
        params: tensors in an iterable or by name, a model to walk, or the optimizer; those without a gradient are
            skipped.
        eta: η >= 0.
        gamma: γ >= 0.
        seed: a non-negative integer, a Generator, or None for one from the global seed.

    Attributes:
        t: how often noise was added.

    >>> from pureml_core import Parameter
    >>> w = Parameter(np.zeros(10_000))
    >>> noise = GradientNoise([w], eta=0.01, seed=0)
    >>> for _ in range(3):
    ...     w.grad = np.zeros(10_000)
    ...     print(round(noise.add(), 4), w.grad.std().round(3))
    0.1 0.1
    0.0826 0.083
    0.0739 0.074
    """

    def __init__(
        self,
        params: Params | Optimizer,
        eta: float = 0.01,
        gamma: float = 0.55,
        *,
        seed: int | np.random.Generator | None = None,
    ) -> None:
        self.params = params if isinstance(params, Optimizer) else tensors(params, "GradientNoise")
        self.eta = between(0)("GradientNoise: eta", eta)
        self.gamma = between(0)("GradientNoise: gamma", gamma)
        self.rng = generator(seed)
        self.t = 0

    @property
    def sigma(self) -> float:
        """Standard deviation of the noise that the next `add()` adds."""
        return float((self.eta / (1 + self.t) ** self.gamma) ** 0.5)

    def add(self) -> float:
        """Add noise to all gradients, in place; returns its standard deviation."""
        sigma = self.sigma
        for g in gradients(self.params, "GradientNoise").values():
            dtype: Any = np.float64 if g.dtype.itemsize >= 8 else np.float32  # what NumPy draws
            g += sigma * self.rng.standard_normal(g.shape, dtype)
        self.t += 1
        return sigma

    def __repr__(self) -> str:
        return f"GradientNoise(eta={self.eta}, gamma={self.gamma}, t={self.t})"

    # ---- state

    def state(self) -> State:
        """Settings, steps so far, and the generator's state."""
        arrays, generators = collect({"rng": self.rng})
        literals = {"eta": self.eta, "gamma": self.gamma, "t": self.t, "generators": generators}
        return State(kind_of(self), arrays, literals)

    def restore(self, state: State, *, strict: bool = True) -> list[str]:
        """Take everything from a snapshot, all or nothing; with `strict=False` what does not fit is skipped.

        Returns:
            What was skipped, one line each.

        Raises:
            ValueError: another class's state; or, under `strict`, everything that does not fit.
        """
        known = {"eta": between(0), "gamma": between(0), "t": whole(0), "generators": _mapping}
        new, problems = read_literals(self, state, known)
        if strict and problems:
            raise StateMismatch(type(self).__name__, problems)
        try:
            problems += restore_tensors({"rng": self.rng}, state.arrays, new.pop("generators", {}), strict=strict)
        except StateMismatch as error:
            raise StateMismatch(type(self).__name__, error.problems) from None
        vars(self).update(new)
        return problems


def _mapping(name: str, given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise TypeError(f"{name}: given {given!r:.60}, needed an object by name")
    return given
