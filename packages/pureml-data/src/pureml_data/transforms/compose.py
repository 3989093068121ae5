"""Compose: transforms one after another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pureml_core import State, Stateful
from pureml_core.state import StateMismatch, check_kind, kind_of

from .base import Transform


class Compose(Transform):
    """Functions one after another, the first one first; its state is that of those that have one.

    Args:
        steps: functions of one argument.

    Raises:
        TypeError: a step is not callable.

    >>> import numpy as np
    >>> from pureml_data import Standardize
    >>> Compose(Standardize().fit([[1.0], [3.0]]), np.square)([[1.0], [2.0]]).tolist()
    [[1.0], [0.0]]
    """

    def __init__(self, *steps: Callable[[Any], Any]) -> None:
        for i, step in enumerate(steps):
            if not callable(step):
                raise TypeError(f"Compose: step {i} must be callable, given {step!r}")
        self.steps = list(steps)

    def __call__(self, x: Any, /) -> Any:
        for step in self.steps:
            x = step(x)
        return x

    def inverse(self, y: Any) -> Any:
        """Undo the steps by their own `inverse`, the last one first.

        Raises:
            TypeError: a step has none; nothing was undone.
        """
        if missing := [f"{i} ({step!r})" for i, step in enumerate(self.steps) if not hasattr(step, "inverse")]:
            raise TypeError(f"Compose: no inverse(), as steps have none: {', '.join(missing)}")
        for step in reversed(self.steps):
            y = step.inverse(y)  # type: ignore[attr-defined]
        return y

    def state(self) -> State:
        """The states of the steps that have one, by their place."""
        states = {i: step.state() for i, step in self._stateful()}
        return State(
            kind_of(self),
            {f"{i}.{name}": array for i, s in states.items() for name, array in s.arrays.items()},
            {"steps": {str(i): {"kind": s.kind, "literals": s.literals} for i, s in states.items()}},
        )

    def restore(self, state: State, *, strict: bool = True) -> list[str]:
        """Restore every step, or none if one does not fit.

        Returns:
            What was skipped, one line each; empty under `strict`.

        Raises:
            ValueError: the state is of another class or of other steps, or under `strict` does not fit.
        """
        check_kind(self, state)
        stateful = self._stateful()
        try:
            parts = {key: (part["kind"], part["literals"]) for key, part in state.literals["steps"].items()}
        except (AttributeError, KeyError, TypeError) as error:
            raise StateMismatch("Compose", [f"not the literals of a Compose ({error!r})"]) from error
        if parts.keys() != {str(i) for i, _ in stateful}:
            needed = ", ".join(str(i) for i, _ in stateful)
            raise StateMismatch("Compose", [f"given states of the steps {', '.join(parts)}, needed {needed}"])
        before = [(step, step.state()) for _, step in stateful]
        problems: list[str] = []
        try:
            for i, step in stateful:
                arrays = {k.partition(".")[2]: a for k, a in state.arrays.items() if k.partition(".")[0] == str(i)}
                skipped = step.restore(State(parts[str(i)][0], arrays, parts[str(i)][1]), strict=strict)
                problems += [f"step {i}: {line}" for line in skipped] if isinstance(skipped, list) else []
        except ValueError:
            for step, old in before:
                step.restore(old)
            raise
        return problems

    def _stateful(self) -> list[tuple[int, Stateful]]:
        steps: list[Any] = self.steps
        return [(i, step) for i, step in enumerate(steps) if isinstance(step, Stateful)]

    def __repr__(self) -> str:
        return f"Compose({', '.join(map(repr, self.steps))})"
