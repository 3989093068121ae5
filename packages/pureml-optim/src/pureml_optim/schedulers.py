"""Schedulers: the learning rate as a function of the step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pureml_core import Saved, State

from .optimizer import Optimizer
from .settings import Check, between, checked, kind_of, whole


class LRScheduler(Saved):
    """Sets the learning rate of an optimizer. A subclass names its settings and defines `compute_lr`.

    The rate that `optim` has at construction is the base rate; it is not changed before the first `step()`, which gives
    the rate of step 0. To continue a schedule, either restore its state, or construct it with the `last_step` that was
    reached: it then starts from the rate that the optimizer had when its first scheduler was made (`optim.initial_lr`).

    Args:
        optim: the optimizer; groups with rates of their own keep their proportion.
        last_step: the last step that was taken; -1: none.
        settings: those of the schedule, as named in its `settings`; they become attributes.

    Raises:
        TypeError: `optim` is no Optimizer, or a setting is missing or of another type.
        ValueError: a setting is out of range.
    """

    settings: ClassVar[Mapping[str, Check]] = {}
    """The schedule's own settings, and what each of them may be."""

    base_lr: float
    last_step: int

    def __init__(self, optim: Optimizer, *, last_step: int = -1, **settings: Any) -> None:
        if not isinstance(optim, Optimizer):
            raise TypeError(f"{type(self).__name__}: given {type(optim).__name__}, needed an Optimizer")
        base_lr = optim.lr
        values = self._checked({"last_step": last_step, "base_lr": base_lr, **settings})
        if missing := [name for name in self.settings if name not in values]:
            raise TypeError(f"{type(self).__name__}: missing the setting {', '.join(missing)}")
        if values["last_step"] >= 0 and optim.initial_lr is not None:
            values["base_lr"] = optim.initial_lr
        self.optim = optim
        vars(self).update(values)
        optim.initial_lr = self.base_lr

    def compute_lr(self, step: int) -> float:
        """The rate at a step, from 0; it depends on the settings and the step alone."""
        raise NotImplementedError(f"{type(self).__name__} has no compute_lr(); define one that returns the rate")

    def step(self, n: int = 1) -> float:
        """Go `n` steps on, set the optimizer's rate, and return it."""
        last_step = self.last_step + whole(0)(f"{type(self).__name__}.step: n", n)
        self.optim.lr = self._rate_at(last_step)
        self.last_step = last_step
        return self.optim.lr

    def state(self) -> State:
        """The step reached, the base rate and the schedule's own settings."""
        return State(kind_of(self), {}, {name: getattr(self, name) for name in COMMON | dict(self.settings)})

    def restore(self, state: State, *, strict: bool = True) -> list[str]:
        """Take everything from a snapshot, all or nothing, and set the optimizer's rate at once.

        Args:
            state: of a schedule of the same class.
            strict: with False, what is missing or unknown is skipped.

        Returns:
            What was skipped, one line each.

        Raises:
            ValueError: the state is another class's, or has a value out of range; or, under `strict`, lacks one or has
                one too many.
        """
        where = type(self).__name__
        if state.kind != kind_of(self):
            raise ValueError(f"{where}: given a state of {state.kind!r}, needed {kind_of(self)!r}")
        known = COMMON | dict(self.settings)
        problems = [f"missing {name!r}" for name in known if name not in state.literals]
        problems += [f"unexpected {name!r}" for name in [*state.literals, *state.arrays] if name not in known]
        if strict and problems:
            raise ValueError(f"{where}: the state does not fit and nothing was changed: {'; '.join(problems)}")
        try:
            new = self._checked({name: value for name, value in state.literals.items() if name in known})
        except TypeError as error:
            raise ValueError(str(error)) from error
        old = {name: getattr(self, name) for name in known}
        vars(self).update(new)
        try:
            self.optim.lr = self._rate_at(self.last_step)
        except (ArithmeticError, TypeError, ValueError) as error:  # the rate itself may be impossible
            vars(self).update(old)
            raise ValueError(f"{where}: the state gives no rate and nothing was changed: {error}") from error
        self.optim.initial_lr = self.base_lr
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

    def _rate_at(self, step: int) -> float:
        return self.base_lr if step < 0 else self.compute_lr(step)

    def _checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return checked(type(self).__name__, COMMON | dict(self.settings), given)


COMMON: dict[str, Check] = {"last_step": whole(-1), "base_lr": between(0)}


class StepLR(LRScheduler):
    """The base rate times `gamma` for every `step_size` steps: base_lr · gamma^(step // step_size).

    Args:
        optim: the optimizer.
        step_size: steps between two changes, >= 1.
        gamma: factor of a change, >= 0.
        last_step: the last step that was taken; -1: none.

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
