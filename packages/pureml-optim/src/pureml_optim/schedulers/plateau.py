"""ReduceLROnPlateau: a smaller rate when a metric no longer improves."""

from __future__ import annotations

from math import isfinite
from numbers import Real
from typing import Any, ClassVar

from ..optimizer import Optimizer
from ..settings import between, one_of, whole
from .base import LRScheduler
from .checks import optional


class ReduceLROnPlateau(LRScheduler):
    """The base rate times `factor` for every time that a metric did not improve for more than `patience` steps.

    `step(metric)` tells it the metric and sets the rate. Inside another schedule, which is the one that is stepped,
    `observe(metric)` tells it the metric alone. To continue, restore its state: `last_step` knows nothing of metrics.

    Args:
        optim, last_step: see `LRScheduler`.
        mode: "min" if a smaller metric is better, "max" if a larger one is.
        factor: of one reduction, 0 <= factor < 1.
        patience: steps without improvement that are borne, >= 0.
        threshold: how much better counts as better, >= 0.
        threshold_mode: "rel": better by threshold · |best|; "abs": better by threshold.
        cooldown: steps after a reduction that do not count, >= 0.
        min_lr: reductions end here, >= 0.
        eps: a reduction by less is not made, >= 0.

    Attributes:
        reductions: how many were made; the rate is max(base_lr · factor^reductions, min_lr).
        best: the best metric so far; None before the first.
        bad_steps: steps without improvement.
        cooldown_left: steps that still do not count.

    >>> from pureml_core import Parameter
    >>> from pureml_optim import SGD
    >>> schedule = ReduceLROnPlateau(SGD([Parameter([1.0])], lr=1.0), patience=1)
    >>> [schedule.step(loss) for loss in (3.0, 2.0, 2.0, 2.5, 1.0)]
    [1.0, 1.0, 1.0, 0.1, 0.1]
    """

    settings: ClassVar = {
        "mode": one_of("min", "max"),
        "factor": between(0, 1),
        "patience": whole(0),
        "threshold": between(0),
        "threshold_mode": one_of("rel", "abs"),
        "cooldown": whole(0),
        "min_lr": between(0),
        "eps": between(0),
    }
    memory: ClassVar = {
        "reductions": whole(0),
        "best": optional(between()),
        "bad_steps": whole(0),
        "cooldown_left": whole(0),
    }
    mode: str
    factor: float
    patience: int
    threshold: float
    threshold_mode: str
    cooldown: int
    min_lr: float
    eps: float

    def __init__(
        self,
        optim: Optimizer,
        *,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
        eps: float = 1e-8,
        last_step: int = -1,
    ) -> None:
        settings: dict[str, Any] = {name: value for name, value in locals().items() if name in self.settings}
        super().__init__(optim, last_step=last_step, **settings)
        self.reductions = self.bad_steps = self.cooldown_left = 0
        self.best: float | None = None

    def compute_lr(self, step: int) -> float:
        """The rate after the reductions made so far, whatever the step: what comes depends on the metrics."""
        return self._after(self.reductions)

    def step(self, metric: Any) -> float:  # type: ignore[override]  # one step is one metric
        """Take the metric of one step, set the optimizer's rate, and return it."""
        self.observe(metric)
        return super().step()

    def observe(self, metric: Any) -> None:
        """Take the metric of one step. One that is not finite is no improvement.

        Args:
            metric: a number, or an array or tensor that holds one.
        """
        value = _number(f"{type(self).__name__}: metric", metric)
        if self._is_better(value):
            self.best, self.bad_steps = value, 0
        else:
            self.bad_steps += 1
        if self.cooldown_left > 0:
            self.cooldown_left -= 1
            self.bad_steps = 0
        if self.bad_steps > self.patience:
            if self._after(self.reductions) - self._after(self.reductions + 1) > self.eps:
                self.reductions += 1
            self.cooldown_left, self.bad_steps = self.cooldown, 0

    def _after(self, reductions: int) -> float:
        return max(self.base_lr * self.factor**reductions, min(self.min_lr, self.base_lr))

    def _is_better(self, metric: float) -> bool:
        if not isfinite(metric) or self.best is None:
            return isfinite(metric)
        margin = self.threshold * (abs(self.best) if self.threshold_mode == "rel" else 1)
        return metric < self.best - margin if self.mode == "min" else metric > self.best + margin


def _number(name: str, given: Any) -> float:
    number = given.item() if getattr(given, "size", None) == 1 and hasattr(given, "item") else given
    if isinstance(number, bool) or not isinstance(number, Real):
        raise TypeError(f"{name}: given {given!r}, needed a number, or an array or tensor that holds one")
    return float(number)
