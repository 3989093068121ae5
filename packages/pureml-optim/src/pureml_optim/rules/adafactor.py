"""Adafactor."""

from __future__ import annotations

from math import inf, sqrt
from typing import Any, ClassVar

import numpy as np

from ..gradients import norm
from ..naming import Params
from ..optimizer import Optimizer
from ..settings import between, flag
from ..slots import Shape
from .averages import average


def matrix(shape: Shape) -> Shape:
    """The shape in which the moments are factored: rows and columns are the last two axes, of a vector one row.

    >>> matrix((64, 32, 3, 3)), matrix((10,)), matrix(())
    ((64, 32, 3, 3), (1, 10), (1, 1))
    """
    return shape if len(shape) > 1 else (1, *shape) if shape else (1, 1)


class Adafactor(Optimizer):
    """Steps as Adam's from second moments of rows and columns alone: n + m numbers for an n × m matrix.

    β₂ = 1 − t^−0.8;  r ← β₂r + (1−β₂)·(mean of g² + ε₁ over each row),  c ← the same over each column;
    u = g / √(r cᵀ / mean(r)),  w ← w − α · u / max(1, RMS(u) / d)  with  α = max(ε₂, RMS(w)) · min(lr, 1/√t)

    (Shazeer & Stern 2018, algorithms 4 to 6; means instead of sums are the same.) Of a tensor with more than two axes
    the last two are rows and columns, as in PyTorch: a kernel (O, C, kH, kW) is a stack of O·C matrices. A vector is
    one row: its c is a second moment for every entry.

    Args:
        model_params: see `Optimizer`; so are `common`: weight_decay (0), decoupled_wd, maximize, groups. Decoupled
            decay is by lr · weight_decay, whatever α.
        lr: the largest relative step, or with `relative_step` and `scale_parameter` off the step itself.
        beta2_decay: the exponent of t in 1 − β₂, < 0.
        eps1: ε₁ >= 0, added to g²; at least a few times the smallest normal number of the dtype. (PyTorch bounds
            mean(r) and the root from below instead, by 1e-7 in float32: small gradients then have small steps.)
        eps2: ε₂ >= 0, the least size that a tensor counts with, so that one of zeros can grow.
        d: the largest RMS of u, >= 1: after it a long step is shortened.
        relative_step: whether 1/√t bounds the rate; False leaves it to `lr` and its schedule.
        scale_parameter: whether a step is in proportion to RMS(w).
    """

    settings: ClassVar = {
        "beta2_decay": between(-inf, 0),
        "eps1": between(0),
        "eps2": between(0),
        "d": between(1),
        "relative_step": flag,
        "scale_parameter": flag,
    }
    beta2_decay: float
    eps1: float
    eps2: float
    d: float
    relative_step: bool
    scale_parameter: bool
    slots: ClassVar = {
        "r": lambda shape: matrix(shape)[:-1],
        "c": lambda shape: (*matrix(shape)[:-2], matrix(shape)[-1]),
    }
    blocks = False
    own_decay = True

    def __init__(
        self,
        model_params: Params,
        lr: float = 1e-2,
        *,
        beta2_decay: float = -0.8,
        eps1: float = 1e-30,
        eps2: float = 1e-3,
        d: float = 1.0,
        relative_step: bool = True,
        scale_parameter: bool = True,
        **common: Any,
    ) -> None:
        own: dict[str, Any] = {"beta2_decay": beta2_decay, "eps1": eps1, "eps2": eps2, "d": d}
        own |= {"relative_step": relative_step, "scale_parameter": scale_parameter}
        super().__init__(model_params, lr, **own, **common)

    def update(self, s: Any, w: Any, g: Any, r: Any, c: Any) -> None:
        alpha = min(s.lr, 1 / sqrt(s.t)) if s.relative_step else s.lr
        if s.scale_parameter:
            alpha *= max(s.eps2, rms(w))
        if s.weight_decay > 0 and s.decoupled_wd:
            w *= 1 - s.lr * s.weight_decay
        beta2 = 1 - s.t**s.beta2_decay
        eps1 = max(s.eps1, 4 * float(np.finfo(w.dtype).tiny))
        g = g.reshape(matrix(g.shape))
        u = g * g
        for slot, axis in ((r, -1), (c, -2)):
            mean = u.mean(axis) + eps1
            average(slot, beta2, mean, mean)
        # 1/√(r cᵀ / mean(r)) is itself a product of one factor for each row and one for each column:
        np.multiply(g, np.sqrt(r.mean(-1, keepdims=True) / r)[..., None], out=u)
        u /= np.sqrt(c)[..., None, :]
        u *= alpha / max(1, rms(u) / s.d)
        w -= u.reshape(w.shape)


def rms(a: np.ndarray) -> float:
    """The root of the mean square of all entries."""
    return norm(a) / sqrt(a.size)
