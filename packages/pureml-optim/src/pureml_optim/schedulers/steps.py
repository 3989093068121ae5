"""Schedules that multiply the rate by a factor at some steps, or at each."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import ClassVar

from ..optimizer import Optimizer
from ..settings import between, whole
from .base import LRScheduler
from .checks import rising_steps


class StepLR(LRScheduler):
    """The base rate times `gamma` for every `step_size` steps: base_lr · gamma^(step // step_size).

    Args:
        optim, last_step: see `LRScheduler`.
        step_size: steps between two changes, >= 1.
        gamma: factor of a change, >= 0.

    >>> from pureml_core import Parameter
    >>> from pureml_optim import SGD
    >>> schedule = StepLR(SGD([Parameter([1.0])], lr=1.0), step_size=2, gamma=0.5)
    >>> [schedule.step() for _ in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    settings: ClassVar = {"step_size": whole(1), "gamma": between(0)}
    step_size: int
    gamma: float

    def __init__(self, optim: Optimizer, step_size: int, *, gamma: float = 0.1, last_step: int = -1) -> None:
        super().__init__(optim, last_step=last_step, step_size=step_size, gamma=gamma)

    def compute_lr(self, step: int) -> float:
        return self.base_lr * self.gamma ** (max(step, 0) // self.step_size)


class MultiStepLR(LRScheduler):
    """The base rate times `gamma` for every milestone reached.

    Args:
        optim, last_step: see `LRScheduler`.
        milestones: the steps, in rising order, from which the rate is smaller; one that is named twice counts twice.
        gamma: factor of a change, >= 0.

    >>> from pureml_core import Parameter
    >>> from pureml_optim import SGD
    >>> schedule = MultiStepLR(SGD([Parameter([1.0])], lr=1.0), [2, 3], gamma=0.5)
    >>> [schedule.step() for _ in range(5)]
    [1.0, 1.0, 0.5, 0.25, 0.25]
    """

    settings: ClassVar = {"milestones": rising_steps, "gamma": between(0)}
    milestones: list[int]
    gamma: float

    def __init__(self, optim: Optimizer, milestones: Sequence[int], *, gamma: float = 0.1, last_step: int = -1) -> None:
        super().__init__(optim, last_step=last_step, milestones=milestones, gamma=gamma)

    def compute_lr(self, step: int) -> float:
        return self.base_lr * self.gamma ** bisect_right(self.milestones, step)


class ExponentialLR(LRScheduler):
    """The base rate times `gamma` for every step: base_lr · gamma^step.

    Args:
        optim, last_step: see `LRScheduler`.
        gamma: factor of a step, >= 0.
    """

    settings: ClassVar = {"gamma": between(0)}
    gamma: float

    def __init__(self, optim: Optimizer, *, gamma: float, last_step: int = -1) -> None:
        super().__init__(optim, last_step=last_step, gamma=gamma)

    def compute_lr(self, step: int) -> float:
        return self.base_lr * self.gamma ** max(step, 0)


class ConstantLR(LRScheduler):
    """`factor` times the base rate for `total_iters` steps, then the base rate.

    Args:
        optim, last_step: see `LRScheduler`.
        factor: >= 0.
        total_iters: steps before the change, >= 0.
    """

    settings: ClassVar = {"factor": between(0), "total_iters": whole(0)}
    factor: float
    total_iters: int

    def __init__(self, optim: Optimizer, *, factor: float = 1 / 3, total_iters: int = 5, last_step: int = -1) -> None:
        super().__init__(optim, last_step=last_step, factor=factor, total_iters=total_iters)

    def compute_lr(self, step: int) -> float:
        return self.base_lr * (self.factor if step < self.total_iters else 1.0)
