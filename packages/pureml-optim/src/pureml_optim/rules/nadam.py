"""NAdam."""

from __future__ import annotations

from functools import lru_cache
from math import sqrt
from typing import Any, ClassVar

import numpy as np

from ..naming import Params
from ..optimizer import Optimizer
from ..settings import between
from .averages import average


class NAdam(Optimizer):
    """Adam that looks one step ahead along its momentum, as Nesterov's (Dozat 2016, algorithm 2).

    m ← β₁m + (1−β₁)g,  v ← β₂v + (1−β₂)g²,  v̂ = v / (1−β₂ᵗ),  μₜ = β₁(1 − ½·0.96^(ψt)),
    m̂ = μₜ₊₁ m / (1 − μ₁…μₜ₊₁) + (1−μₜ) g / (1 − μ₁…μₜ),  w ← w − lr · m̂ / (√v̂ + δ)

    Args:
        model_params: see `Optimizer`; so are `lr` and `common`: weight_decay (0), decoupled_wd, maximize, groups.
        beta1: β₁, the memory of the mean of the gradients, 0 <= β₁ < 1.
        beta2: β₂, the memory of the mean of their squares, 0 <= β₂ < 1.
        delta: δ >= 0, outside the root; keeps the division finite (`eps` elsewhere).
        momentum_decay: ψ >= 0, how fast μₜ rises from about half of β₁ to β₁.
    """

    settings: ClassVar = {
        "beta1": between(0, 1),
        "beta2": between(0, 1),
        "delta": between(0),
        "momentum_decay": between(0),
    }
    beta1: float
    beta2: float
    delta: float
    momentum_decay: float
    slots = ("m", "v")

    def __init__(
        self,
        model_params: Params,
        lr: float,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        delta: float = 1e-8,
        momentum_decay: float = 4e-3,
        **common: Any,
    ) -> None:
        common |= {"beta1": beta1, "beta2": beta2, "delta": delta, "momentum_decay": momentum_decay}
        super().__init__(model_params, lr, **common)

    def update(self, s: Any, w: Any, g: Any, m: Any, v: Any) -> None:
        d = np.empty_like(g)
        average(m, s.beta1, g, d)  # m ← β₁m + (1−β₁)g
        average(v, s.beta2, np.multiply(g, g, out=d), d)  # v ← β₂v + (1−β₂)g²
        of_g = (1 - _mu(s, s.t)) / (1 - _mu_product(s, s.t))
        of_m = _mu(s, s.t + 1) / (1 - _mu_product(s, s.t + 1))
        # As in Adam, with c = √(1−β₂ᵗ):  m̂ / (√v̂ + δ) = c · m̂ / (√v + cδ)
        c = sqrt(1 - s.beta2**s.t)
        ahead = m * (of_m / of_g)
        ahead += g  # m̂ / of_g
        np.sqrt(v, out=d)
        d += c * s.delta
        np.divide(ahead, d, out=d)
        d *= s.lr * c * of_g
        w -= d


def _mu(s: Any, t: int) -> float:
    mu: float = s.beta1 * (1 - 0.5 * 0.96 ** (s.momentum_decay * t))
    return mu


def _mu_product(s: Any, t: int) -> float:
    """μ₁ … μₜ, a function of the step number alone: nothing to keep or save."""
    product: float = s.beta1**t * _product(s.momentum_decay, min(t, 1000))
    return product


@lru_cache(maxsize=64)
def _product(decay: float, t: int) -> float:
    """Π (1 − ½·0.96^(ψi)) over i = 1 … t. After 1,000 factors it changes by less than 1e-16, whatever ψ is."""
    return float(np.prod(1 - 0.5 * 0.96 ** (decay * np.arange(1, t + 1))))
