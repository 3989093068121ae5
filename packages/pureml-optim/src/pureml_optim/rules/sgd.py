"""Stochastic gradient descent, plain and with momentum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..naming import Params
from ..optimizer import Optimizer
from ..settings import between, one_of
from ..slots import like_parameter


class SGD(Optimizer):
    """w ← w − lr · g; with `beta` > 0 along a velocity v instead of g.

    Args:
        model_params: see `Optimizer`; so are `lr` and `common`: weight_decay (0), decoupled_wd, maximize, groups.
        beta: how much of the velocity is kept, 0 <= beta < 1; 0: no momentum, and no memory for it.
        momentum: how the velocity is formed.
            "averaged": v ← βv + (1−β)g, w ← w − lr·v. Steps stay as long as without momentum.
            "classical": v ← βv + g, w ← w − lr·v (Polyak 1964). Steps grow up to 1/(1−β) times as long.
            "nesterov": v ← βv + g, w ← w − lr·(g + βv) (Sutskever et al. 2013, with the gradient at w as in PyTorch).
    """

    settings: ClassVar = {"beta": between(0, 1), "momentum": one_of("averaged", "classical", "nesterov")}
    beta: float
    momentum: str
    slots = ("v",)

    def __init__(
        self, model_params: Params, lr: float, *, beta: float = 0.0, momentum: str = "averaged", **common: Any
    ) -> None:
        super().__init__(model_params, lr, beta=beta, momentum=momentum, **common)

    def slots_for(self, s: Mapping[str, Any]) -> Any:
        return like_parameter("v") if s["beta"] > 0 else {}

    def update(self, s: Any, w: Any, g: Any, v: Any = None) -> None:
        if s.beta > 0:
            v *= s.beta
            v += (1 - s.beta) * g if s.momentum == "averaged" else g
            g = g + s.beta * v if s.momentum == "nesterov" else v
        w -= s.lr * g
