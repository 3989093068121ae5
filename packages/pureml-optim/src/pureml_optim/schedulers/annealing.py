"""Schedules that go smoothly from one rate to another: in a line, along a power, along a cosine."""

from __future__ import annotations

from math import cos, pi
from typing import ClassVar

from ..optimizer import Optimizer
from ..settings import between, whole
from .base import LRScheduler


def progress(step: int, total: int) -> float:
    """How much of the way is behind us, from 0 to 1; before the start 0, after the end 1."""
    return min(max(step, 0), total) / total


class LinearLR(LRScheduler):
    """From `start_factor` times the base rate in a line to `end_factor` times, over `total_iters` steps; then constant.

    Args:
        optim, last_step: see `LRScheduler`.
        start_factor: >= 0.
        end_factor: >= 0.
        total_iters: steps from one to the other, >= 1.
    """

    settings: ClassVar = {"start_factor": between(0), "end_factor": between(0), "total_iters": whole(1)}
    start_factor: float
    end_factor: float
    total_iters: int

    def __init__(
        self,
        optim: Optimizer,
        *,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_step: int = -1,
    ) -> None:
        super().__init__(
            optim, last_step=last_step, start_factor=start_factor, end_factor=end_factor, total_iters=total_iters
        )

    def compute_lr(self, step: int) -> float:
        p = progress(step, self.total_iters)
        return self.base_lr * (self.start_factor + (self.end_factor - self.start_factor) * p)


class PolynomialLR(LRScheduler):
    """From the base rate to `eta_min` over `total_iters` steps: eta_min + (base_lr − eta_min) · (1 − step/T)^power.

    With `power` 1 a line; DeepLab (Chen et al. 2017) takes 0.9.

    Args:
        optim, last_step: see `LRScheduler`.
        total_iters: T >= 1; the rate stays at `eta_min` afterwards.
        power: >= 0.
        eta_min: the last rate, >= 0.
    """

    settings: ClassVar = {"total_iters": whole(1), "power": between(0), "eta_min": between(0)}
    total_iters: int
    power: float
    eta_min: float

    def __init__(
        self, optim: Optimizer, *, total_iters: int = 5, power: float = 1.0, eta_min: float = 0.0, last_step: int = -1
    ) -> None:
        super().__init__(optim, last_step=last_step, total_iters=total_iters, power=power, eta_min=eta_min)

    def compute_lr(self, step: int) -> float:
        left: float = (1 - progress(step, self.total_iters)) ** self.power
        return self.eta_min + (self.base_lr - self.eta_min) * left


class CosineAnnealingLR(LRScheduler):
    """From the base rate along half a cosine to `eta_min` over `T_max` steps, and no further.

    eta_min + (base_lr − eta_min) · (1 + cos(π · step / T_max)) / 2  (Loshchilov & Hutter 2017, one period)

    Args:
        optim, last_step: see `LRScheduler`.
        T_max: steps to the lowest rate, >= 1; the rate stays there afterwards.
        eta_min: the lowest rate, >= 0.

    >>> from pureml_core import Parameter
    >>> from pureml_optim import SGD
    >>> schedule = CosineAnnealingLR(SGD([Parameter([1.0])], lr=1.0), T_max=59)
    >>> print(schedule.sparkline(60))
    ██████████████▇▇▇▇▇▇▆▆▆▆▆▅▅▅▅▅▄▄▄▄▄▃▃▃▃▃▂▂▂▂▂▂▁▁▁▁▁▁▁▁▁▁▁▁▁▁ 0 to 1
    """

    settings: ClassVar = {"T_max": whole(1), "eta_min": between(0)}
    T_max: int
    eta_min: float

    def __init__(self, optim: Optimizer, *, T_max: int, eta_min: float = 0.0, last_step: int = -1) -> None:
        super().__init__(optim, last_step=last_step, T_max=T_max, eta_min=eta_min)

    def compute_lr(self, step: int) -> float:
        return self.eta_min + (self.base_lr - self.eta_min) * (1 + cos(pi * progress(step, self.T_max))) / 2


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a cosine again and again, each `T_mult` times as long as the last (SGDR, Loshchilov & Hutter 2017).

    eta_min + (base_lr − eta_min) · (1 + cos(π · T_cur / T_i)) / 2, with T_cur steps since the last restart and T_i
    steps from it to the next.

    Args:
        optim, last_step: see `LRScheduler`.
        T_0: steps to the first restart, >= 1.
        T_mult: an integer >= 1.
        eta_min: the rate towards which each cosine falls, >= 0.
    """

    settings: ClassVar = {"T_0": whole(1), "T_mult": whole(1), "eta_min": between(0)}
    T_0: int
    T_mult: int
    eta_min: float

    def __init__(
        self, optim: Optimizer, T_0: int, *, T_mult: int = 1, eta_min: float = 0.0, last_step: int = -1
    ) -> None:
        super().__init__(optim, last_step=last_step, T_0=T_0, T_mult=T_mult, eta_min=eta_min)

    def compute_lr(self, step: int) -> float:
        T_cur, T_i = max(step, 0), self.T_0
        if self.T_mult == 1:
            T_cur %= T_i
        while T_cur >= T_i:
            T_cur, T_i = T_cur - T_i, T_i * self.T_mult
        return self.eta_min + (self.base_lr - self.eta_min) * (1 + cos(pi * T_cur / T_i)) / 2
