"""RAdam."""

from __future__ import annotations

from math import sqrt
from typing import Any, ClassVar

import numpy as np

from ..naming import Params
from ..optimizer import Optimizer
from ..settings import between
from .averages import average


class RAdam(Optimizer):
    """Adam that begins as momentum, and divides by √v̂ only as far as v̂ can be trusted (Liu et al. 2020, algorithm 2).

    m ← β₁m + (1−β₁)g,  v ← β₂v + (1−β₂)g²,  m̂ = m / (1−β₁ᵗ),  ρ∞ = 2 / (1−β₂) − 1,  ρ = ρ∞ − 2tβ₂ᵗ / (1−β₂ᵗ),
    w ← w − lr · m̂ · √((ρ−4)(ρ−2)ρ∞ / ((ρ∞−4)(ρ∞−2)ρ)) · √(1−β₂ᵗ) / (√v + δ)  if ρ > 5, else  w ← w − lr · m̂

    ρ is how many gradients v averages over, so to say. The paper asks for ρ > 4, its authors' program and PyTorch for
    more than 5, as here: the fifth step or so comes before the root may be trusted at all.

    Args:
        model_params: see `Optimizer`; so are `lr` and `common`: weight_decay (0), decoupled_wd, maximize, groups.
        beta1: β₁, the memory of the mean of the gradients, 0 <= β₁ < 1.
        beta2: β₂, the memory of the mean of their squares, 0 <= β₂ < 1; up to 2/3 ρ never exceeds 5.
        delta: δ >= 0; keeps the division finite, and is not in the paper (`eps` elsewhere).
    """

    settings: ClassVar = {"beta1": between(0, 1), "beta2": between(0, 1), "delta": between(0)}
    beta1: float
    beta2: float
    delta: float
    slots = ("m", "v")

    def __init__(
        self,
        model_params: Params,
        lr: float,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        delta: float = 1e-8,
        **common: Any,
    ) -> None:
        super().__init__(model_params, lr, beta1=beta1, beta2=beta2, delta=delta, **common)

    def update(self, s: Any, w: Any, g: Any, m: Any, v: Any) -> None:
        d = np.empty_like(g)
        average(m, s.beta1, g, d)  # m ← β₁m + (1−β₁)g
        average(v, s.beta2, np.multiply(g, g, out=d), d)  # v ← β₂v + (1−β₂)g²
        a = s.lr / (1 - s.beta1**s.t)
        fade = s.beta2**s.t
        limit = 2 / (1 - s.beta2) - 1  # ρ∞
        rho = limit - 2 * s.t * fade / (1 - fade)
        if rho > 5:
            a *= sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho) * (1 - fade))
            np.sqrt(v, out=d)
            d += s.delta
            np.divide(m, d, out=d)
            d *= a
        else:
            np.multiply(m, a, out=d)
        w -= d
