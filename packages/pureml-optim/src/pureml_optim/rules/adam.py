"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any, ClassVar

import numpy as np

from ..naming import Params
from ..optimizer import Optimizer
from ..settings import between, flag
from ..slots import like_parameter
from .averages import average


class Adam(Optimizer):
    """Steps of about `lr` for every weight, whatever the size of its gradient (Kingma & Ba 2015, algorithm 1).

    m ← β₁m + (1−β₁)g,  v ← β₂v + (1−β₂)g²,  m̂ = m / (1−β₁ᵗ),  v̂ = v / (1−β₂ᵗ),  w ← w − lr · m̂ / (√v̂ + δ)

    Args:
        model_params: see `Optimizer`; so are `lr` and `common`: weight_decay (0), decoupled_wd, maximize, groups.
            Decoupled decay, the default, is Loshchilov & Hutter 2019.
        beta1: β₁, the memory of the mean of the gradients, 0 <= β₁ < 1.
        beta2: β₂, the memory of the mean of their squares, 0 <= β₂ < 1.
        delta: δ >= 0, outside the root; keeps the division finite (`eps` elsewhere).
        amsgrad: divide by the root of the largest v so far (Reddi et al. 2018), kept in a third slot.
    """

    settings: ClassVar = {"beta1": between(0, 1), "beta2": between(0, 1), "delta": between(0), "amsgrad": flag}
    beta1: float
    beta2: float
    delta: float
    amsgrad: bool
    slots = ("m", "v", "v_max")

    def __init__(
        self,
        model_params: Params,
        lr: float,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        delta: float = 1e-8,
        amsgrad: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(model_params, lr, beta1=beta1, beta2=beta2, delta=delta, amsgrad=amsgrad, **common)

    def slots_for(self, s: Mapping[str, Any]) -> Any:
        return like_parameter("m", "v", "v_max") if s["amsgrad"] else like_parameter("m", "v")

    def update(self, s: Any, w: Any, g: Any, m: Any, v: Any, v_max: Any = None) -> None:
        # With c = √(1−β₂ᵗ), √v̂ = √v / c, so that  lr · m̂ / (√v̂ + δ) = a · m / (√v + b)  with two plain numbers:
        c = sqrt(1 - s.beta2**s.t)
        a, b = s.lr * c / (1 - s.beta1**s.t), s.delta * c
        d = np.empty_like(g)  # the one array made here; each call below is a few passes over arrays in the cache
        average(m, s.beta1, g, d)  # m ← β₁m + (1−β₁)g
        average(v, s.beta2, np.multiply(g, g, out=d), d)  # v ← β₂v + (1−β₂)g²
        if s.amsgrad:
            v = np.maximum(v_max, v, out=v_max)
        np.sqrt(v, out=d)
        d += b
        np.divide(m, d, out=d)
        d *= a
        w -= d  # w ← w − a · m / (√v + b)


class AdamW(Adam):
    """Adam with decoupled weight decay, always, and 1e-2 of it by default (Loshchilov & Hutter 2019).

    Args:
        model_params, lr, settings: as for `Adam`, without `decoupled_wd`.
    """

    def __init__(self, model_params: Params, lr: float, *, weight_decay: float = 1e-2, **settings: Any) -> None:
        super().__init__(model_params, lr, weight_decay=weight_decay, decoupled_wd=True, **settings)
