"""OneCycleLR: up to a high rate and down to a tiny one, in one cycle as long as the training."""

from __future__ import annotations

from bisect import bisect_right
from math import cos, pi
from typing import Any, ClassVar

from ..optimizer import Optimizer
from ..settings import between, flag, one_of, whole
from .base import LRScheduler
from .checks import positive
from .momentum import momentum_names


class OneCycleLR(LRScheduler):
    """Up from max_lr / div_factor to `max_lr`, then down to max_lr / (div_factor · final_div_factor); then constant.

    Smith & Topin 2018, "Super-convergence". The optimizer's own rate plays no part; groups keep their proportion.
    With `cycle_momentum` the momentum falls while the rate rises, and rises while it falls.

    Args:
        optim, last_step: see `LRScheduler`.
        max_lr: the highest rate, > 0.
        total_steps: steps of the whole cycle, >= 1.
        pct_start: part of it that goes upwards, 0 <= x < 1, or up to 0.5 with `three_phase`.
        anneal_strategy: "cos" or "linear".
        three_phase: come down to the first rate as slowly as it went up, and fall to the last rate only then.
        div_factor: max_lr over the first rate, > 0.
        final_div_factor: the first rate over the last, > 0.
        cycle_momentum: set every group's momentum too: its setting `momentum` or `beta1`, or SGD's `beta`.
        base_momentum: the lowest momentum, 0 < x < 1.
        max_momentum: the highest, 0 < x < 1.

    Raises:
        ValueError: with `cycle_momentum`, the optimizer has no momentum or a momentum of 0.

    >>> from pureml_core import Parameter
    >>> from pureml_optim import SGD
    >>> schedule = OneCycleLR(SGD([Parameter([1.0])], lr=1.0), 0.5, total_steps=60)
    >>> print(schedule.sparkline(60))
    ▁▁▁▁▂▂▃▄▄▅▆▆▇▇█████████████▇▇▇▇▇▆▆▆▅▅▅▄▄▄▄▃▃▃▃▂▂▂▂▁▁▁▁▁▁▁▁▁▁ 2e-06 to 0.5
    """

    settings: ClassVar = {
        "max_lr": positive(),
        "total_steps": whole(1),
        "pct_start": between(0, 1),
        "anneal_strategy": one_of("cos", "linear"),
        "three_phase": flag,
        "div_factor": positive(),
        "final_div_factor": positive(),
        "cycle_momentum": flag,
        "base_momentum": positive(1),
        "max_momentum": positive(1),
    }
    max_lr: float
    total_steps: int
    pct_start: float
    anneal_strategy: str
    three_phase: bool
    div_factor: float
    final_div_factor: float
    cycle_momentum: bool
    base_momentum: float
    max_momentum: float

    def __init__(
        self,
        optim: Optimizer,
        max_lr: float,
        *,
        total_steps: int,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        three_phase: bool = False,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        cycle_momentum: bool = False,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        last_step: int = -1,
    ) -> None:
        settings: dict[str, Any] = {name: value for name, value in locals().items() if name in self.settings}
        super().__init__(optim, last_step=last_step, **settings)

    def check(self) -> None:
        if self.three_phase and self.pct_start > 0.5:
            raise ValueError(
                f"OneCycleLR: pct_start: given {self.pct_start}, needed <= 0.5 with three_phase, down as long as up"
            )
        if self.cycle_momentum:
            momentum_names(self.optim)

    def compute_lr(self, step: int) -> float:
        first = self.max_lr / self.div_factor
        return self._at(step, first, self.max_lr, first / self.final_div_factor)

    def compute_momentum(self, step: int) -> float | None:
        if not self.cycle_momentum:
            return None
        return self._at(step, self.max_momentum, self.base_momentum, self.max_momentum)

    def _at(self, step: int, first: float, peak: float, last: float) -> float:
        """What goes from `first` to `peak` and on to `last`, at a step."""
        up, end = self.pct_start * self.total_steps - 1, self.total_steps - 1.0
        stops, values = [up, end], [first, peak, last]
        if self.three_phase:
            stops, values = [up, 2 * up, end], [first, peak, first, last]
        step = max(step, 0)
        i = bisect_right(stops, step)  # the phase: from values[i] to values[i + 1] at stops[i]
        if i == len(stops):
            return last
        start, a, b = [0.0, *stops][i], values[i], values[i + 1]
        p = (step - start) / (stops[i] - start)
        return b + (a - b) * (1 + cos(pi * p)) / 2 if self.anneal_strategy == "cos" else a + (b - a) * p
