"""Schedules that are a formula of their own: Noam's, and the user's."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any, ClassVar

from ..optimizer import Optimizer
from ..settings import whole
from .base import LRScheduler


class NoamLR(LRScheduler):
    """Up in a line, then down with the root of the step (Vaswani et al. 2017, section 5.3).

    base_lr · d_model^(−1/2) · min(t^(−1/2), t · warmup_steps^(−3/2)),  t = step + 1

    The optimizer's own rate is a factor: with lr=1 the rates are those of the paper.

    Args:
        optim, last_step: see `LRScheduler`.
        d_model: width of the model, >= 1.
        warmup_steps: steps up to the highest rate, >= 1.
    """

    settings: ClassVar = {"d_model": whole(1), "warmup_steps": whole(1)}
    d_model: int
    warmup_steps: int

    def __init__(self, optim: Optimizer, d_model: int, *, warmup_steps: int = 4000, last_step: int = -1) -> None:
        super().__init__(optim, last_step=last_step, d_model=d_model, warmup_steps=warmup_steps)

    def compute_lr(self, step: int) -> float:
        t = max(step, 0) + 1
        return self.base_lr / sqrt(self.d_model) * min(1 / sqrt(t), t / sqrt(self.warmup_steps) ** 3)


class LambdaLR(LRScheduler):
    """The base rate times a function of the step.

    The function is not part of the state: whoever restores a LambdaLR makes it with the same function first.

    Args:
        optim, last_step: see `LRScheduler`.
        lr_lambda: from a step, 0, 1, ..., to a factor >= 0; it should depend on nothing else.

    >>> from pureml_core import Parameter
    >>> from pureml_optim import SGD
    >>> schedule = LambdaLR(SGD([Parameter([1.0])], lr=1.0), lambda step: 1 / (1 + step))
    >>> [schedule.step() for _ in range(4)]
    [1.0, 0.5, 0.3333333333333333, 0.25]
    """

    def __init__(self, optim: Optimizer, lr_lambda: Callable[[int], Any], *, last_step: int = -1) -> None:
        if not callable(lr_lambda):
            raise TypeError(f"LambdaLR: lr_lambda: given {lr_lambda!r}, needed a function from a step to a factor")
        super().__init__(optim, last_step=last_step)
        self.lr_lambda = lr_lambda

    def compute_lr(self, step: int) -> float:
        return float(self.base_lr * self.lr_lambda(max(step, 0)))
