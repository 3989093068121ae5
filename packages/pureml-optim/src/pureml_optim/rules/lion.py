"""Lion."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..naming import Params
from ..optimizer import Optimizer
from ..settings import between
from .averages import average


class Lion(Optimizer):
    """Steps of exactly `lr` for every weight: the sign of a momentum; one slot (Chen et al. 2023, algorithm 2).

    w ← w − lr · sign(β₁m + (1−β₁)g),  m ← β₂m + (1−β₂)g

    The paper's rates are 3 to 10 times smaller than Adam's, with as much more weight decay.

    Args:
        model_params: see `Optimizer`; so are `lr` and `common`: weight_decay (0), decoupled_wd, maximize, groups.
        beta1: β₁, how much of the step's direction is momentum, 0 <= β₁ < 1.
        beta2: β₂, how much of the momentum is kept, 0 <= β₂ < 1.
    """

    settings: ClassVar = {"beta1": between(0, 1), "beta2": between(0, 1)}
    beta1: float
    beta2: float
    slots = ("m",)

    def __init__(
        self, model_params: Params, lr: float, *, beta1: float = 0.9, beta2: float = 0.99, **common: Any
    ) -> None:
        super().__init__(model_params, lr, beta1=beta1, beta2=beta2, **common)

    def update(self, s: Any, w: Any, g: Any, m: Any) -> None:
        d = m * (s.beta1 / (1 - s.beta1))
        d += g  # of the same sign as β₁m + (1−β₁)g
        step = np.sign(d)  # in place it takes twelve times as long
        step *= s.lr
        w -= step
        average(m, s.beta2, g, d)  # m ← β₂m + (1−β₂)g
