"""LRScheduler: everything about a schedule but its formula.

A schedule is a function of the step, `compute_lr(step)`, and this is also how schedules are put together: one that
holds others asks them for their rates. Only the outermost counts steps and touches the optimizer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from typing import Any, ClassVar, Self, TypeAlias

from pureml_core import Saved, State
from pureml_core.state import StateMismatch, check_kind, kind_of

from ..optimizer import Optimizer
from ..settings import Check, between, checked, one_of, whole
from .drawing import plot, sparkline
from .momentum import set_momentum

Entry: TypeAlias = "tuple[LRScheduler, str, Check]"  # whose attribute, its name, and what it may be


class LRScheduler(Saved):
    """Sets the learning rate of an optimizer. A subclass names its settings and defines `compute_lr`.

    The rate that `optim` has at construction is the base rate; it is not changed before the first `step()`, which gives
    the rate of step 0. So `schedule.step()` belongs before the `optim.step()` (or the epoch) that it is meant for.

    To continue a schedule, either restore its state, or construct it with the `last_step` that was reached: its base
    rate is then that of the schedule which set the rate last (`optim.initial_lr`, part of the optimizer's state).

    Args:
        optim: the optimizer; groups with rates of their own keep their proportion.
        last_step: the last step that was taken; -1: none.
        schedules: those that this one is made of, over the same optimizer; they receive this one's base rate, and
            only this one is stepped.
        settings: those of the schedule, as named in its `settings`; they become attributes.

    Raises:
        TypeError: `optim` is no Optimizer, one of `schedules` no LRScheduler, or a setting is missing or of another
            type.
        ValueError: a setting is out of range, or one of `schedules` has another optimizer.
    """

    settings: ClassVar[Mapping[str, Check]] = {}
    """The schedule's own settings, and what each of them may be."""

    memory: ClassVar[Mapping[str, Check]] = {}
    """Attributes that a schedule changes itself; the state holds them too."""

    last_step: int

    def __init__(
        self, optim: Optimizer, *, last_step: int = -1, schedules: Iterable[LRScheduler] = (), **settings: Any
    ) -> None:
        where = type(self).__name__
        if not isinstance(optim, Optimizer):
            raise TypeError(f"{where}: given {type(optim).__name__}, needed an Optimizer")
        last_step = whole(-1)(f"{where}: last_step", last_step)
        values = checked(where, self.settings, settings)
        if missing := [name for name in self.settings if name not in values]:
            raise TypeError(f"{where}: missing the setting {', '.join(missing)}")
        self.schedules = _over(optim, schedules, where)
        self.optim, self.last_step, self._class = optim, last_step, where
        vars(self).update(values)
        self.check()
        self.base_lr = optim.initial_lr if last_step >= 0 and optim.initial_lr is not None else optim.lr

    # ---- what a schedule writes

    def compute_lr(self, step: int) -> float:
        """The rate at a step, from 0; it depends on the base rate, the settings and the step alone."""
        raise NotImplementedError(f"{type(self).__name__} has no compute_lr(); define one that returns the rate")

    def compute_momentum(self, step: int) -> float | None:
        """The momentum at a step; None, as for most schedules, leaves it as it is."""
        return None

    def check(self) -> None:
        """Raise a ValueError if settings that are right one by one do not go together."""

    # ---- what a user calls

    @property
    def base_lr(self) -> float:
        """The rate that the schedule starts from; setting it sets that of the schedules inside."""
        return self._base_lr

    @base_lr.setter
    def base_lr(self, value: float) -> None:
        self._base_lr = value
        for schedule in self.schedules:
            schedule.base_lr = value

    def step(self, n: int = 1) -> float:
        """Go `n` steps on, set the optimizer's rate, and return it."""
        last_step = self.last_step + whole(0)(f"{type(self).__name__}.step: n", n)
        self._apply(last_step)
        self.last_step = last_step
        return self.optim.lr

    def plot(self, steps: int, ax: Any = None) -> Any:
        """Draw the rates of steps 0 to `steps` - 1 with matplotlib, into `ax` or a new figure; returns the axes.

        Raises:
            ImportError: matplotlib is missing; pip install pureml-optim[plot].
        """
        return plot(self._rates(steps), repr(self), ax)

    def sparkline(self, steps: int, width: int = 60) -> str:
        """The rates of steps 0 to `steps` - 1 as a line of at most `width` blocks, with the lowest and the highest."""
        return sparkline(self._rates(steps), whole(1)(f"{type(self).__name__}.sparkline: width", width))

    def __repr__(self) -> str:
        inside = [*map(repr, self.schedules), *(f"{name}={getattr(self, name)!r}" for name in self.settings)]
        return f"{type(self).__name__}({', '.join(inside)})"

    # ---- state

    def state(self) -> State:
        """The step reached, the base rate and the schedule's own settings, and those of the schedules inside."""
        return State(
            kind_of(self), {}, {name: copy(getattr(owner, own)) for name, (owner, own, _) in self._entries().items()}
        )

    def restore(self, state: State, *, strict: bool = True) -> list[str]:
        """Take everything from a snapshot, all or nothing, and set the optimizer's rate at once.

        Args:
            state: of a schedule of the same class, made of the same ones.
            strict: with False, what is missing or unknown is skipped.

        Returns:
            What was skipped, one line each.

        Raises:
            ValueError: the state is another class's, or has a value out of range; or, under `strict`, lacks one or has
                one too many.
        """
        where = type(self).__name__
        check_kind(self, state)
        entries = self._entries()
        problems = [f"missing {name!r}" for name in entries if name not in state.literals]
        problems += [f"unexpected {name!r}" for name in [*state.literals, *state.arrays] if name not in entries]
        if strict and problems:
            raise StateMismatch(where, problems)
        given = {name: value for name, value in state.literals.items() if name in entries}
        try:
            new = checked(where, {name: check for name, (_, _, check) in entries.items()}, given)
        except TypeError as error:
            raise ValueError(str(error)) from error
        old = {name: getattr(owner, own) for name, (owner, own, _) in entries.items()}
        _assign(entries, new)
        try:
            for owner, _, _ in entries.values():
                owner.check()
            self._apply(self.last_step)
        except (ArithmeticError, TypeError, ValueError) as error:  # the rate itself may be impossible
            _assign(entries, old)
            raise ValueError(f"{where}: the state gives no rate and nothing was changed: {error}") from error
        return problems

    def state_dict(self) -> dict[str, Any]:
        """The state as a plain dict, with the class's name under "class"."""
        return {**self.state().literals, "class": type(self).__name__}

    def load_state_dict(self, state: Mapping[str, Any]) -> Self:
        """Take what `state_dict` returned; settings that it does not name stay. The rate is set at once.

        Raises:
            ValueError: another class's, an unknown name, or a value out of range.
        """
        given = dict(state)
        if (name := given.pop("class", type(self).__name__)) != type(self).__name__:
            raise ValueError(f"{type(self).__name__}: given the state of a {name}, needed its own")
        self.restore(State(kind_of(self), {}, self.state().literals | given))
        return self

    # ---- inside

    def _entries(self) -> dict[str, Entry]:
        return {"last_step": (self, "last_step", whole(-1)), "base_lr": (self, "base_lr", between(0)), **self._own()}

    def _own(self) -> dict[str, Entry]:
        """What the schedule and those inside it have to remember, by dotted name."""
        own: dict[str, Entry] = {name: (self, name, check) for name, check in {**self.settings, **self.memory}.items()}
        for i, schedule in enumerate(self.schedules):
            inside = {"class": (schedule, "_class", one_of(schedule._class)), **schedule._own()}
            own |= {f"schedules.{i}.{name}": entry for name, entry in inside.items()}
        return own

    def _apply(self, step: int) -> None:
        """Set the optimizer's rate, and its momentum if the schedule rules that too."""
        if step < 0:
            self.optim.lr = self.base_lr
        else:
            lr, momentum = self.compute_lr(step), self.compute_momentum(step)
            if momentum is not None:
                set_momentum(self.optim, momentum)
            self.optim.lr = lr
        self.optim.initial_lr = self.base_lr

    def _rates(self, steps: int) -> list[float]:
        return [float(self.compute_lr(i)) for i in range(whole(1)(f"{type(self).__name__}: steps", steps))]


def _over(optim: Optimizer, schedules: Iterable[LRScheduler], where: str) -> list[LRScheduler]:
    schedules = list(schedules)
    for i, schedule in enumerate(schedules):
        if not isinstance(schedule, LRScheduler):
            raise TypeError(f"{where}: schedule {i} is {type(schedule).__name__}, needed an LRScheduler")
        if schedule.optim is not optim:
            raise ValueError(f"{where}: schedule {i}, {schedule!r}, has another optimizer; make it with this one")
    return schedules


def _assign(entries: Mapping[str, Entry], values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        owner, own, _ = entries[name]
        setattr(owner, own, value)
