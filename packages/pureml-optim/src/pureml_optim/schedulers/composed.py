"""Schedules made of others."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import ClassVar

from ..optimizer import Optimizer
from ..settings import whole
from .base import LRScheduler
from .checks import rising_steps


class SequentialLR(LRScheduler):
    """One schedule after another: each from its step 0, and from the base rate, when its turn comes.

    Args:
        optim, last_step: see `LRScheduler`.
        schedules: at least one, made with the same optimizer, whenever: their base rate becomes this one's.
        milestones: the steps at which the second, third, ... begin, in rising order.

    Raises:
        ValueError: the milestones are not one fewer than the schedules.

    >>> from pureml_core import Parameter
    >>> from pureml_optim import SGD, ConstantLR, ExponentialLR
    >>> optim = SGD([Parameter([1.0])], lr=1.0)
    >>> parts = [ConstantLR(optim, factor=0.125), ExponentialLR(optim, gamma=0.5)]
    >>> schedule = SequentialLR(optim, parts, milestones=[2])
    >>> [schedule.step() for _ in range(5)]
    [0.125, 0.125, 1.0, 0.5, 0.25]
    """

    settings: ClassVar = {"milestones": rising_steps}
    milestones: list[int]

    def __init__(
        self, optim: Optimizer, schedules: Sequence[LRScheduler], *, milestones: Sequence[int], last_step: int = -1
    ) -> None:
        super().__init__(optim, last_step=last_step, schedules=schedules, milestones=milestones)

    def check(self) -> None:
        if len(self.milestones) != len(self.schedules) - 1:
            raise ValueError(
                f"SequentialLR: given {len(self.schedules)} schedules and {len(self.milestones)} milestones, needed a "
                "milestone for each schedule but the first"
            )

    def compute_lr(self, step: int) -> float:
        schedule, own = self._turn(step)
        return schedule.compute_lr(own)

    def compute_momentum(self, step: int) -> float | None:
        schedule, own = self._turn(step)
        return schedule.compute_momentum(own)

    def _turn(self, step: int) -> tuple[LRScheduler, int]:
        """Whose turn it is, and at which of its own steps it is."""
        i = bisect_right(self.milestones, step)
        return self.schedules[i], step - [0, *self.milestones][i]


class WarmupLR(LRScheduler):
    """Up in a line for `steps` steps, towards the first rate of another schedule; then that one, from its step 0.

    schedule(0) · (step + 1) / (steps + 1) while step < steps, schedule(step − steps) then (Goyal et al. 2017,
    "gradual warmup").

    Args:
        optim, last_step: see `LRScheduler`.
        schedule: any other, made with the same optimizer, whenever: its base rate becomes this one's.
        steps: of the warm-up, >= 0.

    >>> from pureml_core import Parameter
    >>> from pureml_optim import SGD, ExponentialLR
    >>> optim = SGD([Parameter([1.0])], lr=1.0)
    >>> schedule = WarmupLR(optim, ExponentialLR(optim, gamma=0.5), steps=3)
    >>> [schedule.step() for _ in range(6)]
    [0.25, 0.5, 0.75, 1.0, 0.5, 0.25]
    """

    settings: ClassVar = {"steps": whole(0)}
    steps: int

    def __init__(self, optim: Optimizer, schedule: LRScheduler, *, steps: int, last_step: int = -1) -> None:
        super().__init__(optim, last_step=last_step, schedules=[schedule], steps=steps)

    def compute_lr(self, step: int) -> float:
        rate = self.schedules[0].compute_lr(max(step - self.steps, 0))
        return rate * min((max(step, 0) + 1) / (self.steps + 1), 1)

    def compute_momentum(self, step: int) -> float | None:
        return self.schedules[0].compute_momentum(max(step - self.steps, 0))
