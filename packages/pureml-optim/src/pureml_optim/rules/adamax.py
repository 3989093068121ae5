"""Adamax."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..naming import Params
from ..optimizer import Optimizer
from ..settings import between
from .averages import average


class Adamax(Optimizer):
    """Adam with the largest recent gradient in place of the root mean square (Kingma & Ba 2015, algorithm 2).

    m ← β₁m + (1−β₁)g,  u ← max(β₂u, |g| + δ),  w ← w − lr / (1−β₁ᵗ) · m / u

    Args:
        model_params: see `Optimizer`; so are `lr` and `common`: weight_decay (0), decoupled_wd, maximize, groups.
        beta1: β₁, the memory of the mean of the gradients, 0 <= β₁ < 1.
        beta2: β₂, how fast the largest gradient is forgotten, 0 <= β₂ < 1.
        delta: δ >= 0; keeps the division finite where all gradients were 0, and is not in the paper (`eps` elsewhere).
    """

    settings: ClassVar = {"beta1": between(0, 1), "beta2": between(0, 1), "delta": between(0)}
    beta1: float
    beta2: float
    delta: float
    slots = ("m", "u")

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

    def update(self, s: Any, w: Any, g: Any, m: Any, u: Any) -> None:
        d = np.empty_like(g)
        average(m, s.beta1, g, d)  # m ← β₁m + (1−β₁)g
        np.abs(g, out=d)
        d += s.delta
        u *= s.beta2
        np.maximum(u, d, out=u)  # u ← max(β₂u, |g| + δ)
        np.divide(m, u, out=d)
        d *= s.lr / (1 - s.beta1**s.t)
        w -= d
