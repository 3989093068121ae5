"""RMSProp."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ..naming import Params
from ..optimizer import Optimizer
from ..settings import between, flag
from ..slots import like_parameter
from .averages import average


class RMSProp(Optimizer):
    """AdaGrad with a memory that fades: steps are divided by the size of recent gradients (Tieleman & Hinton 2012).

    r ← βr + (1−β)g²,  w ← w − lr · g / (√r + δ)

    Args:
        model_params: see `Optimizer`; so are `lr` and `common`: weight_decay (0), decoupled_wd, maximize, groups.
        beta: β, how much of the mean of the squares is kept, 0 <= β < 1 (`alpha` or `rho` elsewhere).
        delta: δ >= 0, outside the root; keeps the division finite (`eps` elsewhere).
        centered: divide by the standard deviation instead (Graves 2013): with m ← βm + (1−β)g, √(r − m²) for √r.
        momentum: μ, how much of a velocity is kept, 0 <= μ < 1: v ← μv + g / (√r + δ), w ← w − lr · v.
    """

    settings: ClassVar = {"beta": between(0, 1), "delta": between(0), "centered": flag, "momentum": between(0, 1)}
    beta: float
    delta: float
    centered: bool
    momentum: float
    slots = ("r", "m", "v")

    def __init__(
        self,
        model_params: Params,
        lr: float,
        *,
        beta: float = 0.9,
        delta: float = 1e-6,
        centered: bool = False,
        momentum: float = 0.0,
        **common: Any,
    ) -> None:
        super().__init__(model_params, lr, beta=beta, delta=delta, centered=centered, momentum=momentum, **common)

    def slots_for(self, s: Mapping[str, Any]) -> Any:
        return like_parameter("r", *["m"] * s["centered"], *["v"] * (s["momentum"] > 0))

    def update(self, s: Any, w: Any, g: Any, r: Any, *m_v: Any) -> None:
        d = g * g
        average(r, s.beta, d, d)  # r ← βr + (1−β)g²
        if s.centered:
            m = m_v[0]
            average(m, s.beta, g, d)  # m ← βm + (1−β)g
            np.multiply(m, m, out=d)
            np.subtract(r, d, out=d)
            np.maximum(d, 0, out=d)  # after many equal gradients rounding may leave a little less than 0
            np.sqrt(d, out=d)
        else:
            np.sqrt(r, out=d)
        d += s.delta
        np.divide(g, d, out=d)
        if s.momentum > 0:
            v = m_v[-1]
            v *= s.momentum
            v += d  # v ← μv + g / (√r + δ)
            d[...] = v
        d *= s.lr
        w -= d
