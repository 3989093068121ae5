"""Muon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod, sqrt
from typing import Any, ClassVar

import numpy as np

from ..gradients import norm
from ..naming import Params
from ..settings import between, flag, one_of, whole
from .adam import Adam
from .averages import average


def _three(name: str, given: Any) -> list[float]:
    if not isinstance(given, Sequence) or len(given) != 3:
        raise TypeError(f"{name}: given {given!r}, needed three numbers")
    return [between()(name, x) for x in given]


class Muon(Adam):
    """Momentum whose steps turn all directions of a matrix alike; AdamW for what is not a matrix (Jordan et al. 2024).

    m ← βm + (1−β)g,  d = (1−β)g + βm (Nesterov) or m,  w ← w − lr · a · O  with O about U Vᵀ of d = U Σ Vᵀ

    O comes from a few Newton-Schulz steps (`orthogonalized`), in the parameter's own dtype. A tensor with more than
    two axes, such as a kernel (O, C, kH, kW), is taken as a matrix with the first axis as rows. Vectors and scalars
    are updated by AdamW, with the same learning rate, which the default of `adjust_lr` makes fit; embeddings and the
    last layer, for which the authors advise AdamW as well, by name:

        Muon(model, lr=1e-3, groups={("embedding.*", "head.*"): {"adamw": True}})

    Args:
        model_params: see `Optimizer`; so are `lr` and `common`: maximize, groups, decoupled_wd.
        momentum: β, 0 <= β < 1.
        nesterov: whether d looks one step ahead.
        ns_steps: Newton-Schulz steps, >= 1.
        ns_coefficients: a, b and c of a step; see `orthogonalized`.
        eps: >= 0, the least norm that d is divided by.
        adjust_lr: the factor a.
            "match_rms_adamw": 0.2 √max(rows, columns). A step is then as large as AdamW's usually are, and so are the
            right learning rate and decay (Liu et al. 2025).
            "original": √max(1, fan_out / fan_in), for rates such as 0.02 (Jordan et al.); a matrix is taken as
            (fan_in, fan_out), as in `Affine`, a kernel as (fan_out, ...).
        weight_decay: >= 0, of all parameters; 0.1 as in PyTorch.
        adamw: whether matrices are updated by AdamW too.
        beta1, beta2, delta: AdamW's, as for `Adam`.
    """

    settings: ClassVar = {
        **Adam.settings,
        "momentum": between(0, 1),
        "nesterov": flag,
        "ns_steps": whole(1),
        "ns_coefficients": _three,
        "eps": between(0),
        "adjust_lr": one_of("match_rms_adamw", "original"),
        "adamw": flag,
    }
    momentum: float
    nesterov: bool
    ns_steps: int
    ns_coefficients: list[float]
    eps: float
    adjust_lr: str
    adamw: bool
    blocks = False

    def __init__(
        self,
        model_params: Params,
        lr: float,
        *,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_steps: int = 5,
        ns_coefficients: Sequence[float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        adjust_lr: str = "match_rms_adamw",
        weight_decay: float = 0.1,
        adamw: bool = False,
        **common: Any,
    ) -> None:
        own: dict[str, Any] = {
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_steps": ns_steps,
            "ns_coefficients": ns_coefficients,
        }
        own |= {"eps": eps, "adjust_lr": adjust_lr, "adamw": adamw, "weight_decay": weight_decay}
        super().__init__(model_params, lr, **own, **common)

    def slots_for(self, s: Mapping[str, Any]) -> Any:
        adams = {slot: lambda shape: shape if s["adamw"] or len(shape) < 2 else None for slot in super().slots_for(s)}
        return {**adams, "m": lambda shape: shape}

    def update(self, s: Any, w: Any, g: Any, m: Any, v: Any = None, v_max: Any = None) -> None:
        if v is not None:
            super().update(s, w, g, m, v, v_max)
            return
        d = np.empty_like(g)
        average(m, s.momentum, g, d)
        if s.nesterov:
            np.multiply(g, 1 - s.momentum, out=d)
            d += s.momentum * m
        rows, columns = len(w), prod(w.shape[1:])
        if s.adjust_lr == "original":
            adjusted = sqrt(max(1, columns / rows if w.ndim == 2 else rows / columns))
        else:
            adjusted = 0.2 * sqrt(max(rows, columns))
        direction = (d if s.nesterov else m).reshape(rows, columns)
        step = orthogonalized(direction, s.ns_steps, s.ns_coefficients, s.eps)
        step *= s.lr * adjusted
        w -= step.reshape(w.shape)


def orthogonalized(
    G: np.ndarray, steps: int = 5, coefficients: Sequence[float] = (3.4445, -4.7750, 2.0315), eps: float = 1e-7
) -> np.ndarray:
    """A matrix with the singular vectors of G and singular values near 1: about U Vᵀ of G = U Σ Vᵀ.

    X = G / ‖G‖;  X ← aX + b(XXᵀ)X + c(XXᵀ)²X  takes each singular value σ to aσ + bσ³ + cσ⁵. The coefficients of
    Jordan et al. raise small ones fastest, and leave all that were not tiny between about 0.7 and 1.2.

    >>> U = orthogonalized(np.diag([3.0, 0.2]))
    >>> np.diag(U).round(1)
    array([0.7, 1.1])
    """
    a, b, c = coefficients
    tall = G.shape[0] > G.shape[1]
    X = (G.T if tall else G) / max(norm(G), eps)
    for _ in range(steps):
        A = X @ X.T
        B = A @ A.T  # A is symmetric; of a matrix and its own transpose half the product is computed
        B *= c
        A *= b
        B += A
        BX = B @ X
        X *= a
        X += BX
    return X.T if tall else X
