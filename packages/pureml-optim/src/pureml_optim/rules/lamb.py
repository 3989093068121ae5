"""LAMB."""

from __future__ import annotations

from math import sqrt
from typing import Any, ClassVar

import numpy as np

from ..gradients import norm
from ..naming import Params
from ..optimizer import Optimizer
from ..settings import between
from .averages import average


class LAMB(Optimizer):
    """Adam with steps in proportion to each tensor's weights: for batches of thousands (You et al. 2020, algorithm 2).

    m, v, m̂ and v̂ as in `Adam`;  u = m̂ / (√v̂ + δ) + λw,  w ← w − lr · (‖w‖ / ‖u‖) · u

    A tensor moves by `lr` of its own length at a step, whatever the size of u; while ‖w‖ or ‖u‖ is zero, by lr · u.

    Args:
        model_params: see `Optimizer`; so are `lr` and `common`: decoupled_wd, maximize, groups. The paper's recipe
            leaves biases and gains of norms without decay.
        beta1, beta2: β₁ and β₂, as for `Adam`.
        delta: δ >= 0, outside the root.
        weight_decay: λ >= 0, which counts inside the ratio; with `decoupled_wd=False` λw joins the gradient instead.
    """

    settings: ClassVar = {"beta1": between(0, 1), "beta2": between(0, 1), "delta": between(0)}
    beta1: float
    beta2: float
    delta: float
    slots = ("m", "v")
    blocks = False
    own_decay = True

    def __init__(
        self,
        model_params: Params,
        lr: float,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        delta: float = 1e-6,
        **common: Any,
    ) -> None:
        super().__init__(model_params, lr, beta1=beta1, beta2=beta2, delta=delta, **common)

    def update(self, s: Any, w: Any, g: Any, m: Any, v: Any) -> None:
        c = sqrt(1 - s.beta2**s.t)  # √v̂ = √v / c
        u = np.empty_like(g)
        average(m, s.beta1, g, u)  # m ← β₁m + (1−β₁)g
        average(v, s.beta2, np.multiply(g, g, out=u), u)  # v ← β₂v + (1−β₂)g²
        np.sqrt(v, out=u)
        u += s.delta * c
        np.divide(m, u, out=u)
        u *= c / (1 - s.beta1**s.t)  # m̂ / (√v̂ + δ)
        if s.weight_decay > 0 and s.decoupled_wd:
            u += s.weight_decay * w
        of_w, of_u = norm(w), norm(u)
        u *= s.lr * (of_w / of_u if of_w > 0 and of_u > 0 else 1)
        w -= u
