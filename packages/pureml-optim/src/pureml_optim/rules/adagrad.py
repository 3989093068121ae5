"""AdaGrad."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..naming import Params
from ..optimizer import Optimizer
from ..settings import between


class AdaGrad(Optimizer):
    """Steps that get shorter where gradients have been large (Duchi, Hazan & Singer 2011, with diagonal matrices).

    r ← r + g²,  w ← w − lr · g / (√r + δ)

    Args:
        model_params: see `Optimizer`; so are `lr` and `common`: weight_decay (0), decoupled_wd, maximize, groups.
        delta: δ >= 0, outside the root; keeps the division finite (`eps` elsewhere).
        initial_accumulator_value: r₀ >= 0, where the sum of squares starts; the larger, the shorter the first steps.
            The slot r holds the sum alone, and r₀ + r takes its place in the formula.
        lr_decay: d >= 0; step t is taken at the rate lr / (1 + (t−1)·d).
    """

    settings: ClassVar = {"delta": between(0), "initial_accumulator_value": between(0), "lr_decay": between(0)}
    delta: float
    initial_accumulator_value: float
    lr_decay: float
    slots = ("r",)

    def __init__(
        self,
        model_params: Params,
        lr: float,
        *,
        delta: float = 1e-7,
        initial_accumulator_value: float = 0.0,
        lr_decay: float = 0.0,
        **common: Any,
    ) -> None:
        common |= {"delta": delta, "initial_accumulator_value": initial_accumulator_value, "lr_decay": lr_decay}
        super().__init__(model_params, lr, **common)

    def update(self, s: Any, w: Any, g: Any, r: Any) -> None:
        d = g * g
        r += d  # r ← r + g²
        np.add(r, s.initial_accumulator_value, out=d)
        np.sqrt(d, out=d)
        d += s.delta
        np.divide(g, d, out=d)
        d *= s.lr / (1 + (s.t - 1) * s.lr_decay)
        w -= d  # w ← w − lr · g / (√(r₀ + r) + δ)
