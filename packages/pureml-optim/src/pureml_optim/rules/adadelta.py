"""AdaDelta."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..naming import Params
from ..optimizer import Optimizer
from ..settings import between
from .averages import average


class AdaDelta(Optimizer):
    """Steps in the units of the weights, sized by the steps before, without a learning rate (Zeiler 2012, algorithm 1).

    r ← βr + (1−β)g²,  Δ = √(a + δ) / √(r + δ) · g,  a ← βa + (1−β)Δ²,  w ← w − lr · Δ

    Args:
        model_params: see `Optimizer`; so is `common`: weight_decay (0), decoupled_wd, maximize, groups.
        lr: 1 in the paper; it scales the step that is taken, not the Δ that is remembered.
        beta: β, how much of both means of squares is kept, 0 <= β < 1 (ρ in the paper).
        delta: δ >= 0, inside the roots (ε in the paper). The first steps are about √δ long: with 0 none is ever taken.
    """

    settings: ClassVar = {"beta": between(0, 1), "delta": between(0)}
    beta: float
    delta: float
    slots = ("r", "a")

    def __init__(
        self, model_params: Params, lr: float = 1.0, *, beta: float = 0.9, delta: float = 1e-6, **common: Any
    ) -> None:
        super().__init__(model_params, lr, beta=beta, delta=delta, **common)

    def update(self, s: Any, w: Any, g: Any, r: Any, a: Any) -> None:
        d = g * g
        average(r, s.beta, d, d)  # r ← βr + (1−β)g²
        step = a + s.delta
        step /= np.add(r, s.delta, out=d)
        np.sqrt(step, out=step)
        step *= g  # Δ = √((a + δ) / (r + δ)) · g
        average(a, s.beta, np.multiply(step, step, out=d), d)  # a ← βa + (1−β)Δ²
        step *= s.lr
        w -= step
